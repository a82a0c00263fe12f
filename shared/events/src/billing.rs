//! `billing.requested.v1` asks for one period of one subscription to be billed; `billing.period.closed.v1` says it was.

use crate::Event;
use domain::{
    Timestamp,
    calendar::Period,
    id::{InvoiceId, SubscriptionId},
};
use serde::{Deserialize, Serialize};

/// One period of one subscription is due. Read and no longer written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct BillingRequestedV1 {
    /// Which subscription.
    pub subscription_id: SubscriptionId,
    /// Which period of it, counted from 0.
    pub period: u32,
}

impl Event for BillingRequestedV1 {
    const TYPE: &'static str = "billing.requested.v1";
}

/// The next run of one subscription is due: as a draft once its period is over, to be finalized after the grace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct BillingRequestedV2 {
    /// Which subscription.
    pub subscription_id: SubscriptionId,
    /// Since when it is due; what tells the requests for one subscription apart.
    pub due_at: Timestamp,
}

impl Event for BillingRequestedV2 {
    const TYPE: &'static str = "billing.requested.v2";
}

impl BillingRequestedV1 {
    /// The run that closes its period.
    #[must_use]
    pub fn run(&self) -> u32 {
        self.period.saturating_add(1)
    }
}

/// A period was billed: usage of it now becomes an adjustment of a later one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct BillingPeriodClosedV1 {
    /// Which subscription.
    pub subscription_id: SubscriptionId,
    /// The period.
    pub period: PeriodV1,
    /// What it was billed with.
    pub invoice_id: InvoiceId,
}

impl Event for BillingPeriodClosedV1 {
    const TYPE: &'static str = "billing.period.closed.v1";
}

/// A half-open span of time on the wire.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PeriodV1 {
    /// First instant inside.
    pub start: Timestamp,
    /// First instant after.
    pub end: Timestamp,
}

impl From<Period> for PeriodV1 {
    fn from(period: Period) -> Self {
        Self { start: period.start(), end: period.end() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::envelope::check_golden;

    #[test]
    fn billing_requested_v1_is_frozen() {
        let data = BillingRequestedV1 { subscription_id: SubscriptionId::derived(&["sub"]), period: 3 };
        check_golden(include_str!("../golden/billing.requested.v1.json"), &["3"], data);
    }

    #[test]
    fn billing_requested_v2_is_frozen() {
        let due_at = "2026-06-01T00:00:00Z".parse().unwrap();
        let data = BillingRequestedV2 { subscription_id: SubscriptionId::derived(&["sub"]), due_at };
        check_golden(include_str!("../golden/billing.requested.v2.json"), &["4"], data);
    }

    #[test]
    fn billing_period_closed_v1_is_frozen() {
        let data = BillingPeriodClosedV1 {
            subscription_id: SubscriptionId::derived(&["sub"]),
            period: PeriodV1 {
                start: "2026-05-01T00:00:00Z".parse().unwrap(),
                end: "2026-06-01T00:00:00Z".parse().unwrap(),
            },
            invoice_id: InvoiceId::derived(&["inv"]),
        };
        check_golden(include_str!("../golden/billing.period.closed.v1.json"), &["3"], data);
    }
}
