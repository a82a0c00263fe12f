//! The end of an invoice's life, step by step; and the laws that tie its state to the books.

use super::{tests, *};
use crate::{
    id::{CouponId, CreditNoteId, GrantId, PaymentId},
    ledger::{self, Account, Balances, Transaction},
    money::{Currency, Money},
};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use rstest::rstest;

fn now() -> Timestamp {
    "2026-06-10T08:00:00Z".parse().unwrap()
}

fn usd() -> Currency {
    "USD".parse().unwrap()
}

/// 10.00 and 5.00; 1.00 off the first; 19 % of 9.00 is 1.71 and of 5.00 is 0.95: 16.66 in all, of which the lines charge
/// 10.71 and 5.95. `credit_minor` of it is paid by a grant.
fn invoice(lines: &[i64], credit_minor: i64) -> Invoice {
    let mut statement = tests::draft(lines).into_statement();
    if lines == [1_000, 500] {
        let coupon_id = CouponId::derived(&["welcome"]);
        statement.discounts = vec![Discount { coupon_id, name: "Welcome".to_owned(), off_lines_minor: vec![100, 0] }];
        let rate = crate::catalog::Percent::parse("19").unwrap();
        let name = "VAT".to_owned();
        statement.taxes = vec![Tax { name, rate, inclusive: false, net_minor: 1_400, of_lines_minor: vec![171, 95] }];
    }
    if credit_minor > 0 {
        statement.credits = vec![AppliedCredit { grant_id: GrantId::derived(&["g"]), amount_minor: credit_minor }];
    }
    let issued_at = "2026-06-01T01:00:00Z".parse().unwrap();
    Draft::new(statement).unwrap().finalize(tests::number(), issued_at, SignedDuration::ZERO).unwrap()
}

/// An invoice, what became of it, and its books.
struct Life {
    invoice: Invoice,
    settlement: Settlement,
    notes: Vec<CreditNote>,
    transactions: Vec<Transaction>,
    payments: usize,
}

impl Life {
    fn new(invoice: Invoice) -> Self {
        let transactions = ledger::of_finalized(invoice.issued().unwrap()).unwrap();
        Self { invoice, settlement: Settlement::default(), notes: Vec::new(), transactions, payments: 0 }
    }

    fn standing(&self) -> Standing<'_> {
        Standing { invoice: &self.invoice, settlement: self.settlement }
    }

    /// One of `pay`, `pay 5`, `void`, `give-up`, `credit`, `credit 5`, `credit line-0`, `credit line-0=5`; the last four
    /// with ` refund=5` behind.
    fn step(&mut self, step: &str) -> Result<(), Refusal> {
        let words: Vec<&str> = step.split(' ').collect();
        let settled = match words[0] {
            "pay" => {
                self.payments += 1;
                let new = NewPayment {
                    id: PaymentId::derived(&[&self.payments.to_string()]),
                    amount_minor: words.get(1).map(|word| word.parse().unwrap()),
                    reference: None,
                    received_at: None,
                };
                self.standing().pay(&new, now())?.1
            }
            "void" => self.standing().void("a mistake", now())?,
            "give-up" => self.standing().give_up("insolvent", now())?,
            "credit" => {
                let sequence = self.notes.len() as u64 + 1;
                let new = new_note(&words[1..], sequence);
                let number = NumberFormat::default().credit_note(&crate::text::Slug::parse("acme").unwrap(), sequence);
                let (note, settled) = self.standing().credit(&new, &self.notes, number, now())?;
                self.notes.push(note);
                settled
            }
            other => panic!("unknown step {other}"),
        };
        self.invoice = settled.invoice;
        self.settlement = settled.settlement;
        self.transactions.extend(settled.transactions);
        Ok(())
    }

    fn balances(&self) -> [i64; 6] {
        let balances = Balances::of(&self.transactions).unwrap();
        Account::ALL.map(|account| balances.minor(usd(), account))
    }
}

fn new_note(words: &[&str], sequence: u64) -> NewCreditNote {
    let mut new = NewCreditNote {
        id: CreditNoteId::derived(&[&sequence.to_string()]),
        portion: Portion::Full,
        refund_minor: 0,
        reason: "a test".to_owned(),
        memo: None,
    };
    let mut lines = Vec::new();
    for word in words {
        match word.split_once('=') {
            Some(("refund", amount)) => new.refund_minor = amount.parse().unwrap(),
            Some((key, amount)) => lines.push((key.to_owned(), Some(amount.parse().unwrap()))),
            None if word.starts_with("line") => lines.push(((*word).to_owned(), None)),
            None => new.portion = Portion::Amount(word.parse().unwrap()),
        }
    }
    if !lines.is_empty() {
        new.portion = Portion::Lines(lines);
    }
    new
}

/// Status, remaining, and the balances of receivable, revenue, tax, cash, credits and bad debt after the steps.
#[rstest]
#[case::issued(0, &[], "open", 1_666, [1_666, -1_400, -266, 0, 0, 0])]
#[case::partly_by_credit(666, &[], "open", 1_000, [1_000, -1_400, -266, 0, 666, 0])]
#[case::wholly_by_credit(1_666, &[], "paid", 0, [0, -1_400, -266, 0, 1_666, 0])]
#[case::a_part(0, &["pay 600"], "open", 1_066, [1_066, -1_400, -266, 600, 0, 0])]
#[case::the_rest(0, &["pay 600", "pay"], "paid", 0, [0, -1_400, -266, 1_666, 0, 0])]
#[case::at_once(666, &["pay"], "paid", 0, [0, -1_400, -266, 1_000, 666, 0])]
#[case::void(0, &["void"], "void", 0, [0, 0, 0, 0, 0, 0])]
#[case::void_gives_credit_back(666, &["void"], "void", 0, [0, 0, 0, 0, 0, 0])]
// Of the first line's 10.71, 1.71 is tax: of 2.00 of it, 0.32 is (0.3193).
#[case::void_of_what_a_note_left(0, &["credit line-0=200", "void"], "void", 0, [0, 0, 0, 0, 0, 0])]
#[case::given_up(0, &["pay 600", "give-up"], "uncollectible", 1_066, [0, -1_400, -266, 600, 0, 1_066])]
#[case::paid_after_all(0, &["give-up", "pay"], "paid", 0, [0, -1_400, -266, 1_666, 0, 0])]
#[case::partly_after_all(0, &["give-up", "pay 600"], "uncollectible", 1_066, [0, -1_400, -266, 600, 0, 1_066])]
#[case::credited_in_full(0, &["credit"], "paid", 0, [0, 0, 0, 0, 0, 0])]
// 1.00 by 10.71 to 5.95 is 0.64 and 0.36; of these 0.1022 and 0.0575 are tax, together 0.16.
#[case::credited_by_amount(0, &["credit 100"], "open", 1_566, [1_566, -1_316, -250, 0, 0, 0])]
#[case::credited_by_line(0, &["credit line-1"], "open", 1_071, [1_071, -900, -171, 0, 0, 0])]
#[case::credited_beyond_the_unpaid(0, &["pay 1600", "credit 100"], "paid", 0, [0, -1_316, -250, 1_600, -34, 0])]
#[case::refunded(0, &["pay", "credit refund=1666"], "paid", 0, [0, 0, 0, 0, 0, 0])]
#[case::refunded_in_part(0, &["pay", "credit refund=600"], "paid", 0, [0, 0, 0, 1_066, -1_066, 0])]
#[case::what_credit_had_paid_stays_credit(666, &["pay", "credit refund=1000"], "paid", 0, [0, 0, 0, 0, 0, 0])]
fn steps_lead_to_a_state_and_its_books(
    #[case] credit_minor: i64,
    #[case] steps: &[&str],
    #[case] status: &str,
    #[case] remaining: i64,
    #[case] balances: [i64; 6],
) {
    let mut life = Life::new(invoice(&[1_000, 500], credit_minor));
    for step in steps {
        life.step(step).unwrap();
    }
    assert_eq!((life.invoice.status(), life.standing().remaining().unwrap().amount_minor), (status, remaining));
    assert_eq!(life.balances(), balances);
}

#[rstest]
#[case::more_than_all(&["pay 1667"], "overpaid", Some("/amountMinor"))]
#[case::more_than_the_rest(&["pay 600", "pay 1067"], "overpaid", Some("/amountMinor"))]
#[case::nothing(&["pay 0"], "not_positive", Some("/amountMinor"))]
#[case::less_than_nothing(&["pay -1"], "not_positive", Some("/amountMinor"))]
#[case::paid_twice(&["pay", "pay"], "not_payable", None)]
#[case::payment_of_a_void_one(&["void", "pay"], "not_payable", None)]
#[case::void_twice(&["void", "void"], "already_void", None)]
#[case::void_of_a_paid_one(&["pay", "void"], "paid_invoice", None)]
#[case::void_of_a_partly_paid_one(&["pay 1", "void"], "paid_invoice", None)]
#[case::void_of_one_given_up(&["give-up", "void"], "not_open", None)]
#[case::given_up_twice(&["give-up", "give-up"], "already_uncollectible", None)]
#[case::given_up_when_paid(&["pay", "give-up"], "not_open", None)]
#[case::given_up_when_void(&["void", "give-up"], "not_open", None)]
#[case::credit_of_a_void_one(&["void", "credit"], "not_creditable", None)]
#[case::credit_of_one_given_up(&["give-up", "credit"], "not_creditable", None)]
#[case::credited_twice(&["credit", "credit"], "over_credited", Some("/amountMinor"))]
#[case::credit_of_nothing(&["credit 0"], "not_positive", Some("/amountMinor"))]
#[case::credit_of_more(&["credit 1667"], "over_credited", Some("/amountMinor"))]
#[case::credit_of_more_than_is_left(&["credit 600", "credit 1067"], "over_credited", Some("/amountMinor"))]
#[case::credit_of_more_than_the_line(&["credit line-1=596"], "over_credited", Some("/lines/0/amountMinor"))]
#[case::credit_of_a_line_twice(&["credit line-1", "credit line-0 line-1"], "over_credited", Some("/lines/1/amountMinor"))]
#[case::credit_of_an_unknown_line(&["credit line-2"], "unknown_line", Some("/lines/0/key"))]
#[case::credit_naming_a_line_twice(&["credit line-1=1 line-1=1"], "duplicate_line", Some("/lines/1/key"))]
#[case::credit_of_nothing_of_a_line(&["credit line-1=0"], "not_positive", Some("/lines/0/amountMinor"))]
#[case::refund_of_what_was_not_paid(&["credit refund=1"], "refund_too_large", Some("/refundMinor"))]
#[case::refund_of_more_than_the_note_leaves(&["pay 1600", "credit 100 refund=35"], "refund_too_large", Some("/refundMinor"))]
#[case::refund_below_zero(&["pay", "credit refund=-1"], "negative", Some("/refundMinor"))]
fn the_last_step_is_refused_and_changes_nothing(
    #[case] steps: &[&str],
    #[case] code: &str,
    #[case] pointer: Option<&str>,
) {
    let mut life = Life::new(invoice(&[1_000, 500], 0));
    let (last, first) = steps.split_last().unwrap();
    for step in first {
        life.step(step).unwrap();
    }
    let refusal = life.step(last).unwrap_err();
    assert_eq!((refusal.code(), refusal.pointer().as_deref()), (code, pointer), "{refusal}");
}

#[test]
fn a_refund_of_what_was_refunded_is_refused() {
    let mut life = Life::new(invoice(&[1_000], 600));
    life.step("pay").unwrap();
    life.step("credit 500 refund=300").unwrap();
    let refusal = life.step("credit 500 refund=101").unwrap_err();
    let left = Money { amount_minor: 100, currency: usd() };
    assert_eq!(refusal, Refusal::RefundTooLarge(left), "4.00 were paid in money, and 3.00 went back");
}

#[test]
fn an_invoice_of_nothing_cannot_be_taken_back() {
    let mut life = Life::new(invoice(&[0], 0));
    assert_eq!(life.transactions, []);
    assert_eq!(life.step("void"), Err(Refusal::PaidInvoice));
    assert_eq!(life.step("credit"), Err(Refusal::OverCredited(Money::zero(usd()))));
}

#[test]
fn a_draft_is_not_settled() {
    let draft = Invoice::Draft(tests::draft(&[5]));
    let standing = Standing { invoice: &draft, settlement: Settlement::default() };
    let new = NewPayment { id: PaymentId::derived(&["1"]), amount_minor: None, reference: None, received_at: None };
    assert_eq!(standing.pay(&new, now()).unwrap_err(), Refusal::NotIssued);
    assert_eq!(standing.void("r", now()).unwrap_err(), Refusal::NotIssued);
    assert_eq!(standing.give_up("r", now()).unwrap_err(), Refusal::NotIssued);
    let refusal = standing.credit(&new_note(&[], 1), &[], tests::number(), now()).unwrap_err();
    assert_eq!(refusal, Refusal::NotIssued);
    assert_eq!(standing.remaining().unwrap().amount_minor, 5);
}

#[test]
fn a_charge_holds_the_digest_of_its_invoice() {
    let life = Life::new(invoice(&[1_000, 500], 0));
    let heading = life.transactions[0].heading();
    assert_eq!(heading.memo, format!("ACME-0001 {}", digest(life.invoice.issued().unwrap())));
    assert_eq!(heading.id, Life::new(invoice(&[1_000, 500], 0)).transactions[0].heading().id, "a repeat is the same");
}

#[test]
fn a_negative_invoice_leaves_a_balance() {
    let life = Life::new(invoice(&[-700, 200], 0));
    assert_eq!((life.invoice.status(), life.balances()), ("paid", [0, 500, 0, 0, -500, 0]));
}

#[rstest]
#[case::future(None, Some("2026-06-10T08:00:01Z"), ("/receivedAt", "in_future"))]
#[case::reference(Some(""), None, ("/reference", "invalid_name"))]
fn a_payment_is_refused_by_the_field(
    #[case] reference: Option<&str>,
    #[case] received_at: Option<&str>,
    #[case] expect: (&str, &str),
) {
    let new = NewPayment {
        id: PaymentId::derived(&["1"]),
        amount_minor: None,
        reference: reference.map(str::to_owned),
        received_at: received_at.map(|text| text.parse().unwrap()),
    };
    let invoice = invoice(&[1], 0);
    let standing = Standing { invoice: &invoice, settlement: Settlement::default() };
    let refusal = standing.pay(&new, now()).unwrap_err();
    assert_eq!((refusal.pointer().unwrap().as_str(), refusal.code()), expect);
}

#[rstest]
#[case::plain("Sorry.\nYour account team", true)]
#[case::blank(" ", false)]
#[case::bell("\u{7}", false)]
fn a_memo_is_plain(#[case] memo: &str, #[case] good: bool) {
    let new = NewCreditNote { memo: Some(memo.to_owned()), ..new_note(&[], 1) };
    let invoice = invoice(&[1], 0);
    let standing = Standing { invoice: &invoice, settlement: Settlement::default() };
    assert_eq!(standing.credit(&new, &[], tests::number(), now()).is_ok(), good);
}

#[test]
fn a_note_names_its_lines_its_tax_and_its_grant() {
    let mut life = Life::new(invoice(&[1_000, 500], 0));
    life.step("pay").unwrap();
    life.step("credit line-1=119 refund=19").unwrap();
    let note = &life.notes[0];
    // 95 of 595 is tax: of 119 it is 19, and the rest is 100.
    let line = CreditedLine { key: "line-1".to_owned(), description: "Base fee".to_owned(), amount_minor: 119 };
    assert_eq!(note.lines, [line]);
    assert_eq!((note.taxes[0].net_minor, note.taxes[0].of_lines_minor.as_slice()), (100, [19].as_slice()));
    assert_eq!((note.applied_minor, note.refund_minor, note.balance_minor), (0, 19, 100));
    assert_eq!(note.number.as_str(), "ACME-CN-0001");
    assert_eq!(note.grant_id(), note.clone().grant_id());
}

fn steps() -> impl Strategy<Value = Vec<String>> {
    let step = prop_oneof![
        4 => (1..900_i64).prop_map(|amount| format!("pay {amount}")),
        1 => Just("pay".to_owned()),
        1 => Just("void".to_owned()),
        1 => Just("give-up".to_owned()),
        4 => (1..900_i64, 0..300_i64).prop_map(|(amount, refund)| format!("credit {amount} refund={refund}")),
        4 => (0..3_usize, 1..300_i64).prop_map(|(line, amount)| format!("credit line-{line}={amount}")),
        1 => Just("credit".to_owned()),
    ];
    prop::collection::vec(step, 0..14)
}

proptest! {
    #[test]
    fn the_books_say_what_the_state_says(steps in steps(), credit_minor in 0..1_700_i64) {
        let mut life = Life::new(invoice(&[1_000, 500], credit_minor.min(1_666)));
        for step in steps {
            // A refusal changes nothing; what it leaves is checked all the same.
            let _ = life.step(&step);
            let [receivable, revenue, tax, cash, credits, bad_debt] = life.balances();
            prop_assert_eq!(receivable + revenue + tax + cash + credits + bad_debt, 0);
            let remaining = life.standing().remaining().unwrap().amount_minor;
            let settlement = life.settlement;
            prop_assert_eq!(cash, settlement.paid_minor - settlement.refunded_minor);
            prop_assert!(remaining >= 0 && settlement.credited_minor <= 1_666);
            prop_assert!(settlement.credited_tax_minor <= 266 && settlement.refunded_minor <= settlement.paid_minor);
            let (owed, given_up, kept) = match life.invoice.status() {
                "open" => (remaining, 0, true),
                "paid" => (0, 0, true),
                "uncollectible" => (0, remaining, true),
                "void" => (0, 0, false),
                other => panic!("{other}"),
            };
            prop_assert_eq!((receivable, bad_debt), (owed, given_up));
            let left = if kept { 1_666 - settlement.credited_minor } else { 0 };
            prop_assert_eq!(revenue + tax, -left);
            prop_assert_eq!(remaining == 0, matches!(life.invoice.status(), "paid" | "void"));
            let notes: i64 = life.notes.iter().map(|note| note.total.amount_minor).sum();
            prop_assert_eq!(notes, settlement.credited_minor);
            if settlement.credited_minor == 1_666 {
                prop_assert_eq!((revenue, tax), (0, 0), "what takes all back takes all tax back");
            }
        }
    }
}

#[test]
fn what_fits_into_no_amount_is_one_refusal() {
    let refusals: [Refusal; 3] =
        [ledger::LedgerError::OutOfRange.into(), MoneyError::OutOfRange.into(), AmountOutOfRange.into()];
    for refusal in refusals {
        assert_eq!((refusal.code(), refusal.pointer()), ("amount_out_of_range", None));
    }
    let too_many = Refusal::TooMany(100);
    assert_eq!((too_many.code(), too_many.pointer()), ("too_many", None));
}

#[test]
fn a_payment_says_what_came_and_not_what_was_open() {
    let invoice = invoice(&[1_000, 500], 0);
    let standing = Standing { invoice: &invoice, settlement: Settlement::default() };
    let new =
        NewPayment { id: PaymentId::derived(&["p"]), amount_minor: Some(600), reference: None, received_at: None };
    let (payment, settled) = standing.pay(&new, now()).unwrap();
    assert_eq!(payment.amount, Money { amount_minor: 600, currency: usd() });
    assert_eq!((settled.settlement.paid_minor, settled.invoice.status()), (600, "open"));
}

// 16.66 less 6.00 are 10.66; of the second line, 5.95, so many are left as the first note has not spread over it.
#[rstest]
#[case::of_all("credit 1067", "10.66 USD are left to be credited: send at most that")]
#[case::of_a_line("credit line-1=382", "3.81 USD of line line-1 are left to be credited: send at most that")]
fn a_refusal_says_what_is_left(#[case] step: &str, #[case] expect: &str) {
    let mut life = Life::new(invoice(&[1_000, 500], 0));
    life.step("credit 600").unwrap();
    assert_eq!(life.step(step).unwrap_err().to_string(), expect);
}
