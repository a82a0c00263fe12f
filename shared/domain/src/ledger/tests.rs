//! The books: balanced by construction, chained, and summed up.

use super::*;
use crate::{
    id::{GrantId, TransactionId},
    money::Money,
    text::Hex,
};
use proptest::prelude::*;
use rstest::rstest;

fn usd() -> Currency {
    "USD".parse().unwrap()
}

fn at() -> Timestamp {
    "2026-06-01T01:00:00Z".parse().unwrap()
}

fn heading(name: &str) -> Heading {
    let invoice_id = InvoiceId::derived(&[name]);
    Heading {
        id: TransactionId::derived(&[name]),
        kind: TransactionKind::Charge,
        about: Subject::Invoice(invoice_id),
        invoice_id: Some(invoice_id),
        at: at(),
        currency: usd(),
        memo: "ACME-0001".to_owned(),
    }
}

fn simple(name: &str, amount_minor: i64) -> Transaction {
    let postings = [(Account::Receivable, amount_minor), (Account::Revenue, -amount_minor)];
    Transaction::new(heading(name), &postings).unwrap()
}

fn chain(transactions: impl IntoIterator<Item = Transaction>) -> Vec<Entry> {
    let mut head = Head::EMPTY;
    let chained = transactions.into_iter().map(|transaction| {
        let entry = head.entry(transaction);
        head = Head { sequence: entry.sequence, hash: entry.hash };
        entry
    });
    chained.collect()
}

#[rstest]
#[case::two(&[(Account::Cash, 5), (Account::Receivable, -5)], Ok(2))]
#[case::zeros_are_left_out(&[(Account::Cash, 5), (Account::Tax, 0), (Account::Receivable, -5)], Ok(2))]
#[case::unbalanced(&[(Account::Cash, 5), (Account::Receivable, -4)], Err(LedgerError::Unbalanced))]
#[case::one(&[(Account::Cash, 5)], Err(LedgerError::Unbalanced))]
#[case::zeros(&[(Account::Cash, 0)], Err(LedgerError::Empty))]
#[case::none(&[], Err(LedgerError::Empty))]
#[case::wide(&[(Account::Cash, i64::MAX), (Account::Tax, i64::MAX), (Account::Receivable, -2)], Err(LedgerError::Unbalanced))]
fn a_transaction_sums_to_zero(#[case] postings: &[(Account, i64)], #[case] expect: Result<usize, LedgerError>) {
    let made = Transaction::new(heading("t"), postings).map(|transaction| transaction.postings().len());
    assert_eq!(made, expect);
}

/// Each grant's fact by what it moves.
#[rstest]
#[case::paid(Transaction::paid_grant, [(Account::Cash, 500), (Account::Credits, -500)], TransactionKind::Credit)]
#[case::promotional(Transaction::promotional_grant, [(Account::Revenue, 500), (Account::Credits, -500)], TransactionKind::Credit)]
#[case::lost(Transaction::grant_lost, [(Account::Credits, 500), (Account::Revenue, -500)], TransactionKind::Adjustment)]
fn a_grant_moves_credits(
    #[case] fact: fn(GrantId, Money, Timestamp, &str) -> Result<Transaction, LedgerError>,
    #[case] postings: [(Account, i64); 2],
    #[case] kind: TransactionKind,
) {
    let id = GrantId::derived(&["g"]);
    let made = fact(id, Money { amount_minor: 500, currency: usd() }, at(), "prepaid").unwrap();
    let got: Vec<(Account, i64)> =
        made.postings().iter().map(|posting| (posting.account, posting.amount_minor)).collect();
    assert_eq!((got.as_slice(), made.heading().kind), (postings.as_slice(), kind));
    assert!(made.concerns(Subject::Grant(id)) && !made.concerns(Subject::Grant(GrantId::derived(&["h"]))));
    let negative = fact(id, Money { amount_minor: -1, currency: usd() }, at(), "");
    assert_eq!(negative, Err(LedgerError::Negative));
    assert_eq!(fact(id, Money::zero(usd()), at(), ""), Err(LedgerError::Empty));
}

#[test]
fn the_text_under_the_hash_is_frozen() {
    let first = Head::EMPTY.entry(simple("t", 1_900));
    // Computed once, by another program from the frozen text.
    assert_eq!(Hex(&first.hash).to_string(), "ab2f8afb2def8ad2ca64af5ac8e779642400851442b23565c09e684301999679");
}

#[rstest]
#[case::nothing(|_: &mut Vec<Entry>| {}, None)]
#[case::removed(|all: &mut Vec<Entry>| drop(all.remove(1)), Some((2, BreakReason::Missing)))]
#[case::first_removed(|all: &mut Vec<Entry>| drop(all.remove(0)), Some((1, BreakReason::Missing)))]
#[case::swapped(|all: &mut Vec<Entry>| all.swap(1, 2), Some((2, BreakReason::Missing)))]
#[case::doubled(|all: &mut Vec<Entry>| all.insert(1, all[0].clone()), Some((2, BreakReason::Missing)))]
#[case::other_amount(|all: &mut Vec<Entry>| all[1].transaction = simple("1", 7), Some((2, BreakReason::Changed)))]
#[case::other_chain(
    |all: &mut Vec<Entry>| all[2] = Head { sequence: 2, hash: [7; 32] }.entry(simple("2", 3)),
    Some((3, BreakReason::Previous))
)]
// Whoever recomputes one hash breaks the next entry.
#[case::forged(
    |all: &mut Vec<Entry>| all[1] = Head { sequence: 1, hash: all[0].hash }.entry(simple("1", 7)),
    Some((3, BreakReason::Previous))
)]
fn a_chain_tells_where_it_is_broken(#[case] change: fn(&mut Vec<Entry>), #[case] expect: Option<(u64, BreakReason)>) {
    let mut entries = chain((0..4).map(|n| simple(&n.to_string(), n + 1)));
    let whole = verify(&entries).unwrap();
    assert_eq!((whole.sequence, whole.hash), (4, entries[3].hash));
    change(&mut entries);
    assert_eq!(verify(&entries).err().map(|broken| (broken.sequence, broken.why)), expect);
}

#[test]
fn words_are_read_as_they_are_said() {
    for account in Account::ALL {
        assert_eq!(account.as_str().parse(), Ok(account));
    }
    for kind in TransactionKind::ALL {
        assert_eq!(kind.as_str().parse(), Ok(kind));
    }
    let subjects = [
        Subject::Invoice(InvoiceId::derived(&["1"])),
        Subject::CreditNote(CreditNoteId::derived(&["1"])),
        Subject::Payment(PaymentId::derived(&["1"])),
        Subject::Grant(GrantId::derived(&["1"])),
    ];
    for subject in subjects {
        assert_eq!(subject.to_string().parse(), Ok(subject));
    }
    assert_eq!("Cash".parse::<Account>(), Err(UnknownWord));
    assert_eq!("CHARGE".parse::<TransactionKind>(), Err(UnknownWord));
    assert_eq!("ten_0190f3c2a1b27c3d8e4f5a6b7c8d9e0f".parse::<Subject>(), Err(UnknownWord));
}

#[test]
fn balances_are_kept_by_currency_and_do_not_overflow() {
    let yen = Heading { currency: "JPY".parse().unwrap(), ..heading("y") };
    let postings = [(Account::Cash, 3), (Account::Credits, -3)];
    let all = [simple("a", 5), simple("b", 6), Transaction::new(yen, &postings).unwrap()];
    let balances = Balances::of(&all).unwrap();
    let got: Vec<(Account, String)> = balances.iter().map(|(account, money)| (account, money.to_string())).collect();
    let expect = [
        (Account::Cash, "3 JPY"),
        (Account::Credits, "-3 JPY"),
        (Account::Receivable, "0.11 USD"),
        (Account::Revenue, "-0.11 USD"),
    ];
    assert_eq!(got, expect.map(|(account, text)| (account, text.to_owned())));
    assert_eq!(Balances::new(balances.iter()), balances);
    assert_eq!((balances.minor(usd(), Account::Receivable), balances.minor(usd(), Account::Cash)), (11, 0));
    let most = [simple("a", i64::MAX), simple("b", 1)];
    assert_eq!(Balances::of(&most), Err(LedgerError::OutOfRange));
}

proptest! {
    #[test]
    fn a_chain_finds_any_single_change(amounts in prop::collection::vec(1_i64..1_000_000, 2..20), seed in any::<prop::sample::Index>(), kind in 0..6) {
        let mut entries = chain(amounts.iter().enumerate().map(|(n, amount)| simple(&n.to_string(), *amount)));
        let head = verify(&entries).unwrap();
        let place = seed.index(entries.len());
        match kind {
            0 => drop(entries.remove(place)),
            1 => entries.swap(place, (place + 1) % amounts.len()),
            2 => entries[place].transaction = simple(&place.to_string(), amounts[place] + 1),
            3 => entries[place].hash[seed.index(32)] ^= 1,
            4 => entries[place].previous[seed.index(32)] ^= 1,
            _ => entries[place].transaction.heading.memo.push('x'),
        }
        // What is cut off at the end shows only in the head, which is kept beside the entries.
        prop_assert!(verify(&entries) != Ok(head));
    }

    #[test]
    fn balances_are_a_fold_and_sum_to_zero(amounts in prop::collection::vec(-1_000_000_i64..1_000_000, 0..20), cut in any::<prop::sample::Index>()) {
        let all: Vec<Transaction> =
            amounts.iter().filter(|amount| **amount != 0).map(|amount| simple("t", *amount)).collect();
        let (first, second) = all.split_at(cut.index(all.len() + 1));
        let folded = second.iter().try_fold(Balances::of(first).unwrap(), Balances::after).unwrap();
        let whole = Balances::of(&all).unwrap();
        prop_assert_eq!(&folded, &whole);
        prop_assert_eq!(whole.iter().map(|(_, money)| money.amount_minor).sum::<i64>(), 0);
    }
}

#[test]
fn each_reason_of_a_break_has_its_word() {
    let words = [
        (BreakReason::Missing, "missing"),
        (BreakReason::Previous, "previous"),
        (BreakReason::Changed, "changed"),
        (BreakReason::Unreadable, "unreadable"),
        (BreakReason::Head, "head"),
        (BreakReason::Balances, "balances"),
    ];
    for (reason, word) in words {
        assert_eq!(reason.as_str(), word);
    }
}
