//! Credit notes: what is taken back of an invoice that was issued, in full, by an amount, or by line.
//!
//! Amounts are what the payer was charged: after discounts, with tax. Invariants: the notes of an invoice never take back
//! more than it charged, in all and of each line; the tax in a note mirrors that of the lines by their share, by largest
//! remainder (RATING.md, *Numbers*), and all notes together that take back a line take back its tax to the last unit. A
//! note goes first to what is unpaid; the rest is refunded as far as it was paid in money, or stays as a balance in the
//! tenant's favour.

use super::{
    Invoice, InvoiceNumber, Open, Paid, Statement, Tax,
    settlement::{Refusal, Settled, Settlement, Standing},
};
use crate::{
    Violation,
    id::{CreditNoteId, GrantId, InvoiceId, TenantId},
    ledger::Transaction,
    money::Money,
    rating::{AmountOutOfRange, split::Shares},
};
use jiff::Timestamp;

/// Longest memo, in characters.
pub const MEMO_LENGTH_MAX: usize = 1_000;
/// Parts of a minor unit that a share of tax is told by. A share whose denominator divides it not is nearer to its true
/// value than any line could show.
const SHARE_UNIT: i128 = 1_000_000_000_000;

/// What is to be taken back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Portion {
    /// All that earlier notes left.
    Full,
    /// An amount, spread over the lines by what is left of each.
    Amount(i64),
    /// Lines by their keys, each with an amount, or all that is left of it.
    Lines(Vec<(String, Option<i64>)>),
}

/// A credit note to be issued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewCreditNote {
    /// Who it is.
    pub id: CreditNoteId,
    /// What is taken back.
    pub portion: Portion,
    /// What of it is paid back in money.
    pub refund_minor: i64,
    /// Why, for whoever reads the books.
    pub reason: String,
    /// A text to the payer.
    pub memo: Option<String>,
}

/// A credit note as issued: immutable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreditNote {
    /// Who it is.
    pub id: CreditNoteId,
    /// Whose it is.
    pub tenant_id: TenantId,
    /// Of which invoice.
    pub invoice_id: InvoiceId,
    /// That invoice's number.
    pub invoice_number: InvoiceNumber,
    /// Its own number.
    pub number: InvoiceNumber,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// What it takes back of which line.
    pub lines: Vec<CreditedLine>,
    /// Each tax in it, of its own lines in their order.
    pub taxes: Vec<Tax>,
    /// All lines together.
    pub total: Money,
    /// What went to the unpaid part of the invoice.
    pub applied_minor: i64,
    /// What is paid back in money.
    pub refund_minor: i64,
    /// What stays as a balance in the tenant's favour.
    pub balance_minor: i64,
    /// Why.
    pub reason: String,
    /// A text to the payer.
    pub memo: Option<String>,
}

/// What a credit note takes back of one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreditedLine {
    /// The line's key.
    pub key: String,
    /// What it was for.
    pub description: String,
    /// How much, with tax; negative where the line was.
    pub amount_minor: i64,
}

/// What earlier notes left of one line.
struct Left {
    amount_minor: i64,
    /// Of each tax of the invoice.
    taxes_minor: Vec<i64>,
}

impl CreditNote {
    /// All tax in it.
    #[must_use]
    pub fn tax_minor(&self) -> i128 {
        self.taxes.iter().map(Tax::amount_minor).sum()
    }

    /// The grant that its balance becomes: derived, so that it is granted once.
    #[must_use]
    pub fn grant_id(&self) -> GrantId {
        GrantId::derived(&["credit-note", &self.id.to_string()])
    }
}

impl Standing<'_> {
    /// Issues a credit note under `number`; `earlier` are all notes of the invoice.
    pub fn credit(
        &self,
        new: &NewCreditNote,
        earlier: &[CreditNote],
        number: InvoiceNumber,
        now: Timestamp,
    ) -> Result<(CreditNote, Settled), Refusal> {
        let open = match self.invoice {
            Invoice::Draft(_) => return Err(Refusal::NotIssued),
            Invoice::Void(_) | Invoice::Uncollectible(_) => return Err(Refusal::NotCreditable(self.invoice.status())),
            Invoice::Open(open) | Invoice::Paid(Paid { open, .. }) => open,
        };
        check(new)?;
        let statement = &open.statement;
        let left = left_of(statement, earlier)?;
        let amounts = amounts(new, statement, &left)?;
        let (lines, taxes) = mirrored(statement, &left, &amounts)?;
        let total = Money::sum(
            statement.total.currency,
            amounts.iter().map(|amount_minor| Money { amount_minor: *amount_minor, ..statement.total }),
        )?;
        let applied_minor = total.amount_minor.min(self.remaining()?.amount_minor);
        let rest_minor = total.amount_minor - applied_minor;
        self.check_refund(new, Money { amount_minor: rest_minor, ..total })?;
        let note = CreditNote {
            id: new.id,
            tenant_id: statement.tenant_id,
            invoice_id: statement.id,
            invoice_number: open.number.clone(),
            number,
            issued_at: now,
            lines,
            taxes,
            total,
            applied_minor,
            refund_minor: new.refund_minor,
            balance_minor: rest_minor - new.refund_minor,
            reason: new.reason.clone(),
            memo: new.memo.clone(),
        };
        let settled = self.credited(open, &note, now)?;
        Ok((note, settled))
    }

    /// What is paid back is at most what the note leaves, and what was paid in money and is not paid back yet.
    fn check_refund(&self, new: &NewCreditNote, rest: Money) -> Result<(), Refusal> {
        let paid_minor = self.settlement.paid_minor.checked_sub(self.settlement.refunded_minor);
        let largest = rest.amount_minor.min(paid_minor.ok_or(Refusal::OutOfRange)?);
        if new.refund_minor > largest {
            return Err(Refusal::RefundTooLarge(Money { amount_minor: largest, ..rest }));
        }
        Ok(())
    }

    fn credited(&self, open: &Open, note: &CreditNote, now: Timestamp) -> Result<Settled, Refusal> {
        let tax_minor = i64::try_from(note.tax_minor()).map_err(|_| Refusal::OutOfRange)?;
        let sum = |before: i64, more: i64| before.checked_add(more).ok_or(Refusal::OutOfRange);
        let before = self.settlement;
        let settlement = Settlement {
            paid_minor: before.paid_minor,
            credited_minor: sum(before.credited_minor, note.total.amount_minor)?,
            credited_tax_minor: sum(before.credited_tax_minor, tax_minor)?,
            refunded_minor: sum(before.refunded_minor, note.refund_minor)?,
        };
        let mut transactions = vec![Transaction::credit_note(note)?];
        if note.refund_minor != 0 {
            transactions.push(Transaction::refund(note)?);
        }
        Ok(Settled { invoice: self.after(open, &settlement, now)?, settlement, transactions })
    }
}

fn check(new: &NewCreditNote) -> Result<(), Violation> {
    if new.refund_minor < 0 {
        return Err(Violation::new("/refundMinor", "negative", "send zero or more"));
    }
    let Some(memo) = &new.memo else { return Ok(()) };
    let is_plain = !memo.chars().any(|c| c.is_control() && c != '\n') && !memo.trim().is_empty();
    if is_plain && memo.chars().count() <= MEMO_LENGTH_MAX {
        return Ok(());
    }
    let message = format!("use 1 to {MEMO_LENGTH_MAX} characters without control characters but line breaks");
    Err(Violation::new("/memo", "invalid_memo", message))
}

/// What each line charged, less what `earlier` took back of it.
fn left_of(statement: &Statement, earlier: &[CreditNote]) -> Result<Vec<Left>, AmountOutOfRange> {
    let mut all = Vec::with_capacity(statement.lines.len());
    for (index, line) in statement.lines.iter().enumerate() {
        let part = |parts: &[i64]| parts.get(index).copied().unwrap_or_default();
        let off: i128 = statement.discounts.iter().map(|discount| i128::from(part(&discount.off_lines_minor))).sum();
        let exclusive = statement.taxes.iter().filter(|tax| !tax.inclusive);
        let on_top: i128 = exclusive.map(|tax| i128::from(part(&tax.of_lines_minor))).sum();
        let mut amount = i128::from(line.amount.amount_minor) - off + on_top;
        let mut taxes: Vec<i128> = statement.taxes.iter().map(|tax| i128::from(part(&tax.of_lines_minor))).collect();
        for note in earlier {
            let places = note.lines.iter().enumerate().filter(|(_, credited)| credited.key == line.key);
            for (place, credited) in places {
                amount -= i128::from(credited.amount_minor);
                for (left, tax) in taxes.iter_mut().zip(&note.taxes) {
                    *left -= i128::from(tax.of_lines_minor.get(place).copied().unwrap_or_default());
                }
            }
        }
        let taxes_minor = taxes.into_iter().map(fitting).collect::<Result<_, _>>()?;
        all.push(Left { amount_minor: fitting(amount)?, taxes_minor });
    }
    Ok(all)
}

/// What is taken back of each line.
fn amounts(new: &NewCreditNote, statement: &Statement, left: &[Left]) -> Result<Vec<i64>, Refusal> {
    let all: i128 = left.iter().map(|line| i128::from(line.amount_minor)).sum();
    let whole = Money { amount_minor: fitting(all)?.max(0), ..statement.total };
    let in_full = || left.iter().map(|line| line.amount_minor).collect::<Vec<i64>>();
    let amounts = match &new.portion {
        Portion::Full => in_full(),
        Portion::Amount(amount_minor) if *amount_minor <= 0 => {
            return Err(Violation::new("/amountMinor", "not_positive", "send an amount above zero").into());
        }
        Portion::Amount(amount_minor) if *amount_minor > whole.amount_minor => {
            return Err(Refusal::OverCredited(whole));
        }
        Portion::Amount(amount_minor) => spread(*amount_minor, all, left)?,
        Portion::Lines(lines) => by_line(lines, statement, left)?,
    };
    let total: i128 = amounts.iter().map(|amount| i128::from(*amount)).sum();
    if total <= 0 || total > all {
        return Err(Refusal::OverCredited(whole));
    }
    Ok(amounts)
}

/// `amount_minor` of `all`, spread over the lines by what is left of each.
fn spread(amount_minor: i64, all: i128, left: &[Left]) -> Result<Vec<i64>, AmountOutOfRange> {
    let numerators = left.iter().map(|line| i128::from(line.amount_minor) * i128::from(amount_minor)).collect();
    let parts = Shares::new(numerators, all).ok_or(AmountOutOfRange)?.parts()?;
    parts.into_iter().map(fitting).collect()
}

fn by_line(lines: &[(String, Option<i64>)], statement: &Statement, left: &[Left]) -> Result<Vec<i64>, Refusal> {
    let mut amounts = vec![0; left.len()];
    for (index, (key, asked)) in lines.iter().enumerate() {
        let refused = |field: &str, code, message: &str| {
            Refusal::Invalid(Violation::new(format!("/lines/{index}/{field}"), code, message))
        };
        let place = statement.lines.iter().position(|line| line.key == *key);
        let place = place.ok_or_else(|| refused("key", "unknown_line", "name a line of the invoice by its key"))?;
        if lines[..index].iter().any(|(earlier, _)| earlier == key) {
            return Err(refused("key", "duplicate_line", "name each line once"));
        }
        if asked.is_some_and(|asked| asked <= 0) {
            return Err(refused("amountMinor", "not_positive", "send an amount above zero"));
        }
        let left_minor = left[place].amount_minor;
        let amount_minor = asked.unwrap_or(left_minor);
        if amount_minor <= 0 || amount_minor > left_minor {
            let left = Money { amount_minor: left_minor.max(0), ..statement.total };
            return Err(Refusal::OverCreditedLine { index, key: key.clone(), left });
        }
        amounts[place] = amount_minor;
    }
    Ok(amounts)
}

/// The lines of the note, and the taxes that are in them.
fn mirrored(
    statement: &Statement,
    left: &[Left],
    amounts: &[i64],
) -> Result<(Vec<CreditedLine>, Vec<Tax>), AmountOutOfRange> {
    let places: Vec<usize> = (0..amounts.len()).filter(|place| amounts[*place] != 0).collect();
    let line = |place: &usize| CreditedLine {
        key: statement.lines[*place].key.clone(),
        description: statement.lines[*place].description.clone(),
        amount_minor: amounts[*place],
    };
    let lines = places.iter().map(line).collect();
    let mut parts = Vec::with_capacity(statement.taxes.len());
    for index in 0..statement.taxes.len() {
        let share =
            |place: &usize| share_of(left[*place].taxes_minor[index], amounts[*place], left[*place].amount_minor);
        let shares = places.iter().map(share).collect::<Result<_, _>>()?;
        let whole = Shares::new(shares, SHARE_UNIT).ok_or(AmountOutOfRange)?.parts()?;
        parts.push(whole.into_iter().map(fitting).collect::<Result<Vec<i64>, _>>()?);
    }
    let all_tax: i128 = parts.iter().flatten().map(|part| i128::from(*part)).sum();
    let gross: i128 = amounts.iter().map(|amount| i128::from(*amount)).sum();
    // Each rate is charged on all lines, as on the invoice.
    let net_minor = fitting(gross - all_tax)?;
    let tax = |(tax, of_lines_minor): (&Tax, Vec<i64>)| Tax { net_minor, of_lines_minor, ..tax.clone() };
    Ok((lines, statement.taxes.iter().zip(parts).map(tax).collect()))
}

/// `tax × amount ÷ whole` in parts of [`SHARE_UNIT`], rounded down in the last of them.
fn share_of(tax_minor: i64, amount_minor: i64, whole_minor: i64) -> Result<i128, AmountOutOfRange> {
    let whole = i128::from(whole_minor);
    if whole == 0 {
        return Ok(0);
    }
    // The product of two i64 fits, and so does a rest below the whole times the unit.
    let product = i128::from(tax_minor) * i128::from(amount_minor);
    let (full, rest) = (product / whole, product % whole);
    full.checked_mul(SHARE_UNIT).and_then(|full| full.checked_add(rest * SHARE_UNIT / whole)).ok_or(AmountOutOfRange)
}

fn fitting(amount: i128) -> Result<i64, AmountOutOfRange> {
    i64::try_from(amount).map_err(|_| AmountOutOfRange)
}
