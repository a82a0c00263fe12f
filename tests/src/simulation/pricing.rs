//! The auditor's own pricing of the simulation's one plan: a base fee and three prices per unit, in integers.

use serde_json::{Value, json};

/// Charged once a period, in cents.
const BASE_FEE_CENTS: i128 = 1_000;
/// What a call costs, in hundredths of a cent: 0.0125 a call, so that lines need rounding.
const CALL_CENTIS: i128 = 125;
/// What a byte costs, in hundredths of a cent.
const BYTE_CENTIS: i128 = 3;
/// What a user costs, in hundredths of a cent.
const USER_CENTIS: i128 = 3_333;

/// The plan, as it is published.
#[must_use]
pub(super) fn plan() -> Value {
    let price = |meter: &str, unit_price: &str| json!({"key": meter, "name": meter, "meter": meter, "model": {"type": "perUnit", "unitPrice": unit_price}});
    json!({
        "slug": "plan", "name": "Plan", "currency": "USD", "baseFeeMinor": 1000,
        "prices": [price("calls", "0.0125"), price("bytes", "0.0003"), price("users", "0.3333")],
    })
}

/// What was used in a period.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Used {
    /// Calls.
    pub(super) calls: i128,
    /// Bytes, in thousandths.
    pub(super) bytes_milli: i128,
    /// Users.
    pub(super) users: i128,
}

/// What a whole period costs in cents: each line is rounded once, half up, and the lines are added.
#[must_use]
pub(super) fn total_cents(used: Used) -> i128 {
    BASE_FEE_CENTS
        + rounded(used.calls * CALL_CENTIS, 100)
        + rounded(used.bytes_milli * BYTE_CENTIS, 100_000)
        + rounded(used.users * USER_CENTIS, 100)
}

/// `amount` ÷ `unit`, half up; neither is negative.
fn rounded(amount: i128, unit: i128) -> i128 {
    (amount + unit / 2) / unit
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_is_rounded_once_half_up() {
        let used = |calls, bytes_milli, users| Used { calls, bytes_milli, users };
        // Nothing used: the base fee.
        assert_eq!(total_cents(used(0, 0, 0)), 1_000);
        // 2 × 1.25 = 2.50 → 3.
        assert_eq!(total_cents(used(2, 0, 0)), 1_003);
        // 16.667 × 0.03 = 0.50001 → 1, and 16.666 × 0.03 = 0.49998 → 0.
        assert_eq!(total_cents(used(0, 16_667, 0)), 1_001);
        assert_eq!(total_cents(used(0, 16_666, 0)), 1_000);
        // 3 × 33.33 = 99.99 → 100.
        assert_eq!(total_cents(used(0, 0, 3)), 1_100);
    }
}
