//! What the books say when somebody notices that a grant started afresh, is over, or gets something back.
//!
//! Renewals and expiry happen by themselves, and nobody writes them when they do. Invariant: whoever writes a grant writes
//! it as noticed here, with these transactions; so what is stored as left of all grants is the balance of the account
//! `credits`. What is over has nothing left, and what comes back to it is lost as well.

use super::{CreditGrant, GrantState};
use crate::{
    calendar::{self, CalendarError},
    id::InvoiceId,
    ledger::{LedgerError, Transaction},
    money::Money,
};
use jiff::Timestamp;

/// A grant as of an instant, and what of that the books do not know.
#[derive(Clone, Debug, PartialEq)]
pub struct Noticed {
    /// The grant; nothing is left of one that is over.
    pub grant: CreditGrant,
    /// What became of it since it was written.
    pub transactions: Vec<Transaction>,
}

/// Why it cannot be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoticeError {
    /// A renewal lies beyond the calendar.
    #[error("a grant cannot be renewed")]
    Calendar(#[from] CalendarError),
    /// An amount does not fit.
    #[error("the books cannot hold what became of a grant")]
    Ledger(#[from] LedgerError),
}

impl CreditGrant {
    /// The grant as it is at `now`, and what became of it since it was written.
    pub fn noticed(self, now: Timestamp) -> Result<Noticed, NoticeError> {
        let fact = format!("expired.{}", self.renewals);
        self.with(0, &fact, now)
    }

    /// The same, after an invoice that was taken back gave `minor` back, which the books know of.
    pub fn given_back(self, minor: i64, invoice_id: InvoiceId, now: Timestamp) -> Result<Noticed, NoticeError> {
        self.with(minor, &format!("given-back.{invoice_id}"), now)
    }

    /// The same, after what is left was taken back; a second time changes nothing.
    pub fn taken_back(self, now: Timestamp) -> Result<Noticed, NoticeError> {
        let Noticed { grant, mut transactions } = self.noticed(now)?;
        let left = grant.usable(now);
        let grant = grant.void(now);
        if left.amount_minor > 0 {
            transactions.push(Transaction::grant_lost(grant.id, left, now, &grant.name)?);
        }
        Ok(Noticed { grant, transactions })
    }

    fn with(self, back_minor: i64, fact: &str, now: Timestamp) -> Result<Noticed, NoticeError> {
        let before = (self.renewals, self.balance_minor);
        let mut grant = self.as_of(now)?;
        let mut transactions: Vec<Transaction> = grant.renewed(before)?.into_iter().collect();
        // Far inside the range: what comes back was of it.
        grant.balance_minor = grant.balance_minor.saturating_add(back_minor);
        let lost = grant.balance();
        let over_at = match grant.state(now) {
            GrantState::Active | GrantState::UsedUp => None,
            GrantState::Expired => grant.expires_at,
            GrantState::Void => Some(now),
        };
        if let Some(over_at) = over_at.filter(|_| lost.amount_minor > 0) {
            // What comes back is lost now, whenever the grant was over.
            let at = if back_minor > 0 { now } else { over_at };
            transactions.push(Transaction::grant_over(grant.id, fact, lost, at, &grant.name)?);
            grant.balance_minor = 0;
        }
        Ok(Noticed { grant, transactions })
    }

    /// What the renewals since `renewals` and `balance_minor` were written have granted anew, and what was not kept.
    fn renewed(&self, (renewals, balance_minor): (u32, i64)) -> Result<Option<Transaction>, NoticeError> {
        let (Some(recurrence), true) = (self.recurrence, self.renewals > renewals) else { return Ok(None) };
        let out_of_range = NoticeError::Ledger(LedgerError::OutOfRange);
        let count = i64::from(self.renewals - renewals);
        let granted_minor = self.amount.amount_minor.checked_mul(count).ok_or(out_of_range)?;
        let all_kept = balance_minor.checked_add(granted_minor).ok_or(out_of_range)?;
        let lost_minor = all_kept.checked_sub(self.balance_minor).ok_or(out_of_range)?;
        let at = calendar::instant_after(self.effective_at, recurrence.interval, self.renewals, &self.time_zone)?;
        let granted = Money { amount_minor: granted_minor, ..self.amount };
        Ok(Some(Transaction::grant_renewed((self.id, self.kind), self.renewals, granted, lost_minor, at, &self.name)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        calendar::{Interval, IntervalUnit},
        grant::{GrantKind, Recurrence, Voided},
        id::{GrantId, TenantId},
        ledger::{Account, Balances},
    };
    use jiff::{SignedDuration, tz::TimeZone};
    use proptest::prelude::*;
    use rstest::rstest;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn usd(amount_minor: i64) -> Money {
        Money { amount_minor, currency: "USD".parse().unwrap() }
    }

    /// 1.00 of which `left` are left; until 1 March, and each month anew where `kept` of it is kept.
    fn grant(kind: GrantKind, left: i64, kept: Option<(i64, i64)>) -> CreditGrant {
        let recurrence =
            |(minimum_minor, maximum_minor)| Recurrence { interval: Interval::MONTH, minimum_minor, maximum_minor };
        CreditGrant {
            id: GrantId::derived(&["grant"]),
            tenant_id: TenantId::derived(&["acme"]),
            name: "Grant".to_owned(),
            kind,
            priority: 0,
            amount: usd(100),
            balance_minor: left,
            renewals: 0,
            recurrence: kept.map(recurrence),
            time_zone: TimeZone::UTC,
            effective_at: at("2026-01-01T00:00:00Z"),
            expires_at: Some(at("2026-03-01T00:00:00Z")),
            voided: None,
        }
    }

    fn said(noticed: &Noticed) -> String {
        let posting = |transaction: &Transaction| {
            let postings = transaction.postings().iter();
            let postings: Vec<String> =
                postings.map(|posting| format!("{} {}", posting.account.as_str(), posting.amount_minor)).collect();
            format!("{}: {}", transaction.heading().at, postings.join(", "))
        };
        let transactions: Vec<String> = noticed.transactions.iter().map(posting).collect();
        format!("{} left; {}", noticed.grant.balance_minor, transactions.join("; "))
    }

    const PAID: GrantKind = GrantKind::Paid;
    const PROMOTIONAL: GrantKind = GrantKind::Promotional;
    const FEBRUARY: &str = "2026-02-15T00:00:00Z";
    const APRIL: &str = "2026-04-01T00:00:00Z";

    #[rstest]
    #[case::nothing_became_of_it(grant(PAID, 40, None), FEBRUARY, "40 left; ")]
    #[case::over(
        grant(PAID, 40, None),
        "2026-03-01T00:00:00Z",
        "0 left; 2026-03-01T00:00:00Z: credits 40, revenue -40"
    )]
    #[case::used_up_before_it_was_over(grant(PAID, 0, None), APRIL, "0 left; ")]
    // 40 are left and 30 of them kept: 10 are lost.
    #[case::renewed(
        grant(PAID, 40, Some((0, 30))), FEBRUARY,
        "130 left; 2026-02-01T00:00:00Z: cash 100, credits -100, credits 10, revenue -10"
    )]
    #[case::given_anew(
        grant(PROMOTIONAL, 40, Some((0, 40))), FEBRUARY,
        "140 left; 2026-02-01T00:00:00Z: revenue 100, credits -100"
    )]
    // Five more are kept than there were: they are given away.
    #[case::kept_at_least(
        grant(PAID, 40, Some((45, 50))), FEBRUARY,
        "145 left; 2026-02-01T00:00:00Z: cash 100, credits -100, credits -5, revenue 5"
    )]
    #[case::renewed_and_over(
        grant(PROMOTIONAL, 100, Some((0, 0))), APRIL,
        "0 left; 2026-02-01T00:00:00Z: revenue 100, credits -100, credits 100, revenue -100; 2026-03-01T00:00:00Z: credits 100, revenue -100"
    )]
    fn the_books_learn_what_became_of_a_grant(#[case] grant: CreditGrant, #[case] now: &str, #[case] expect: &str) {
        let noticed = grant.noticed(at(now)).unwrap();
        assert_eq!(said(&noticed), expect);
        let again = noticed.grant.clone().noticed(at(now)).unwrap();
        assert_eq!((again.grant, again.transactions), (noticed.grant, Vec::new()), "once");
    }

    #[rstest]
    #[case::used_again(grant(PAID, 40, None), FEBRUARY, "90 left; ")]
    #[case::too_late(grant(PAID, 0, None), APRIL, "0 left; 2026-04-01T00:00:00Z: credits 50, revenue -50")]
    #[case::with_what_was_left(grant(PAID, 40, None), APRIL, "0 left; 2026-04-01T00:00:00Z: credits 90, revenue -90")]
    #[case::taken_back(
        CreditGrant { voided: Some(Voided { at: at("2026-01-02T00:00:00Z"), taken_minor: 40 }), ..grant(PAID, 0, None) },
        FEBRUARY, "0 left; 2026-02-15T00:00:00Z: credits 50, revenue -50"
    )]
    fn what_comes_back_to_what_is_over_is_lost(#[case] grant: CreditGrant, #[case] now: &str, #[case] expect: &str) {
        let noticed = grant.given_back(50, InvoiceId::derived(&["invoice"]), at(now)).unwrap();
        assert_eq!(said(&noticed), expect);
    }

    #[rstest]
    #[case::some(grant(PAID, 40, None), FEBRUARY, "0 left; 2026-02-15T00:00:00Z: credits 40, revenue -40", 40)]
    #[case::over(grant(PAID, 40, None), APRIL, "0 left; 2026-03-01T00:00:00Z: credits 40, revenue -40", 0)]
    #[case::none(grant(PAID, 0, None), FEBRUARY, "0 left; ", 0)]
    fn what_is_taken_back_is_lost(
        #[case] grant: CreditGrant,
        #[case] now: &str,
        #[case] expect: &str,
        #[case] taken_minor: i64,
    ) {
        let noticed = grant.taken_back(at(now)).unwrap();
        assert_eq!(said(&noticed), expect);
        assert_eq!(noticed.grant.voided, Some(Voided { at: at(now), taken_minor }));
    }

    proptest! {
        /// Whatever happens to a grant, and whenever it is noticed: the books hold what is left of it.
        #[test]
        fn the_books_hold_what_is_left(
            left in 0_i64..300, kept in prop::option::of((0_i64..100, 0_i64..200)), paid: bool,
            steps in prop::collection::vec((0_i64..40, 0_u8..4, 0_i64..120), 0..12),
            unit in prop::sample::select(vec![IntervalUnit::Day, IntervalUnit::Week, IntervalUnit::Month]),
        ) {
            let mut stored = grant(if paid { PAID } else { PROMOTIONAL }, left, kept);
            stored.recurrence = stored.recurrence.map(|r| Recurrence { interval: Interval::new(unit, 1).unwrap(), ..r });
            let mut now = stored.effective_at;
            let (mut in_books, mut balances) = (-left, Balances::default());
            for (days, what, minor) in steps {
                now += SignedDuration::from_hours(24 * days);
                let noticed = match what {
                    0 => stored.clone().noticed(now).unwrap(),
                    1 => stored.clone().taken_back(now).unwrap(),
                    2 => {
                        // The void invoice's own transaction credits it.
                        in_books -= minor;
                        stored.clone().given_back(minor, InvoiceId::derived(&["invoice"]), now).unwrap()
                    }
                    _ => {
                        let Noticed { grant, transactions } = stored.clone().noticed(now).unwrap();
                        let used = minor.min(grant.usable(now).amount_minor);
                        in_books += used;
                        Noticed { grant: grant.burned(used).unwrap(), transactions }
                    }
                };
                for transaction in &noticed.transactions {
                    balances = balances.after(transaction).unwrap();
                }
                stored = noticed.grant;
                let credits = balances.minor(usd(0).currency, Account::Credits) + in_books;
                prop_assert_eq!(credits, -stored.balance_minor);
                prop_assert_eq!(stored.balance_minor, stored.usable(now).amount_minor);
            }
        }
    }
}
