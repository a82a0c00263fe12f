//! An amount of money on the wire.

use domain::{Violation, money};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An amount of money.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Money {
    /// Integer minor units.
    #[schema(example = 1000)]
    amount_minor: i64,
    /// ISO 4217 code.
    #[schema(example = "USD")]
    currency: String,
}

impl From<money::Money> for Money {
    fn from(money: money::Money) -> Self {
        Self { amount_minor: money.amount_minor, currency: money.currency.to_string() }
    }
}

impl Money {
    /// The amount, if its currency is one.
    pub(crate) fn decide(self) -> Result<money::Money, Violation> {
        Ok(money::Money { amount_minor: self.amount_minor, currency: currency(&self.currency)? })
    }
}

/// The currency with this code; it is refused at `/currency`.
pub(crate) fn currency(code: &str) -> Result<money::Currency, Violation> {
    code.parse().map_err(|_| {
        Violation::new("/currency", "unknown_currency", "send the ISO 4217 code of a currency with a minor unit")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_has_a_currency() {
        let money = |code: &str| Money { amount_minor: 5, currency: code.to_owned() }.decide();
        assert_eq!(money("USD").unwrap().amount_minor, 5);
        assert_eq!(money("usd").unwrap_err().code, "unknown_currency");
    }
}
