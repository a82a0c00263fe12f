//! What becomes of a tenant's prepaid credits: the balance fell below what the tenant wants to be told of.

use crate::Event;
use domain::id::InvoiceId;
use serde::{Deserialize, Serialize};

/// An invoice was paid by credits, and what is left of them is less than the tenant's threshold, which it was not before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct CreditBalanceLowV1 {
    /// The invoice that took it.
    pub invoice_id: InvoiceId,
    /// ISO 4217 code.
    pub currency: String,
    /// What is left of all grants of the currency, in minor units.
    pub balance_minor: i64,
    /// What it was not to fall below, in minor units.
    pub threshold_minor: i64,
}

impl Event for CreditBalanceLowV1 {
    const TYPE: &'static str = "credit.balance_low.v1";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credit_balance_low_v1_is_frozen() {
        let data = CreditBalanceLowV1 {
            invoice_id: InvoiceId::derived(&["inv"]),
            currency: "USD".to_owned(),
            balance_minor: 950,
            threshold_minor: 1_000,
        };
        crate::envelope::check_golden(include_str!("../golden/credit.balance_low.v1.json"), &["inv"], data);
    }
}
