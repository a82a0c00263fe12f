//! A tenant's subscription to a plan version, and the one period of it that is billed next.
//!
//! Invariant: periods are billed in order, each exactly once; `next_period` only ever grows by one, together with the
//! invoice of the period before.

use crate::{
    calendar::{Anchor, BillingCalendar, BillingPeriod, CalendarError, Interval},
    catalog::PlanRef,
    id::{InvoiceId, SubscriptionId, TenantId},
};
use jiff::{SignedDuration, Timestamp, civil::Date, tz::TimeZone};

/// A tenant's agreement to pay for a plan.
#[derive(Clone, Debug, PartialEq)]
pub struct Subscription {
    /// Who it is.
    pub id: SubscriptionId,
    /// Who pays.
    pub tenant_id: TenantId,
    /// What for: pinned, so that a new version of the plan changes nothing here.
    pub plan: PlanRef,
    /// Length of its periods, as the plan version has it.
    pub interval: Interval,
    /// Which days its periods start on.
    pub anchor: Anchor,
    /// First billed civil day.
    pub starts_on: Date,
    /// Where its days begin.
    pub time_zone: TimeZone,
    /// The period that is billed next, counted from 0.
    pub next_period: u32,
    /// When it was created.
    pub created_at: Timestamp,
}

impl Subscription {
    /// The calendar of its periods.
    #[must_use]
    pub fn calendar(&self) -> BillingCalendar {
        BillingCalendar {
            interval: self.interval,
            anchor: self.anchor,
            starts_on: self.starts_on,
            time_zone: self.time_zone.clone(),
        }
    }

    /// The period that is billed next.
    pub fn next_billing_period(&self) -> Result<BillingPeriod, CalendarError> {
        self.calendar().period(self.next_period)
    }

    /// When period `n` closes: its end plus the grace in which late usage still belongs to it.
    pub fn closes_at(&self, n: u32, grace: SignedDuration) -> Result<Timestamp, CalendarError> {
        let end = self.calendar().period(n)?.period.end();
        end.checked_add(grace).map_err(|_| CalendarError)
    }
}

/// The id of the invoice of period `n`: at most one can exist, whatever races.
#[must_use]
pub fn invoice_id(subscription: SubscriptionId, n: u32) -> InvoiceId {
    InvoiceId::derived(&["invoice", &subscription.to_string(), &n.to_string()])
}
