//! The auditor's own pricing of the simulation's plan and its add-on, from the price of a unit to what is to be paid, in
//! integers.
//!
//! It shares nothing with the rating that it is held against: a base fee, calls in two tiers, bytes in packages, users at the
//! price of the tier that holds them all; beside them the add-on, a fee and the same bytes by the byte; then a coupon, a tax,
//! and credit. One tenant has agreed on a lower base fee.

use serde_json::{Value, json};

/// The place of the one tenant that has agreed on another base fee.
pub(super) const OVERRIDDEN_TENANT: usize = 0;
/// Charged once a period, in cents.
const BASE_FEE_CENTS: i128 = 1_000;
/// The base fee that one tenant has agreed on, in cents.
const OVERRIDDEN_FEE_CENTS: i128 = 800;
/// The add-on's fee in cents, its free bytes in thousandths, and what a byte beyond costs in hundredths of a cent.
const ADD_ON: (i128, i128, i128) = (250, 5_000, 37);
/// Calls of the first tier.
const FIRST_CALLS: i128 = 10;
/// What a call of it costs, in hundredths of a cent: 0.0125 a call, so that lines need rounding.
const FIRST_CALL_CENTIS: i128 = 125;
/// What a later call costs, and what entering the second tier does, in hundredths of a cent.
const LATER_CALL_CENTIS: (i128, i128) = (90, 5_000);
/// Bytes that are free, bytes of a package, in thousandths, and what one costs in cents.
const PACKAGE: (i128, i128, i128) = (1_000, 7_000, 2);
/// What a user costs in hundredths of a cent where there are no more than so many, and where there are.
const USER_CENTIS: (i128, i128, i128) = (3, 3_333, 2_999);
/// What the coupon takes off, and what tax is added, in percent.
const PERCENT: (i128, i128) = (10, 19);
/// What every tenant was granted, in cents; less than the base fee, so that it is always used up.
pub(super) const GRANT_CENTS: i128 = 500;

/// The plan, as it is published.
#[must_use]
pub(super) fn plan() -> Value {
    let price = |meter: &str, model: Value| json!({"key": meter, "name": meter, "meter": meter, "model": model});
    let tier = |up_to: Option<u8>, price: &str, fee: &str| json!({"upTo": up_to.map(|n| n.to_string()), "unitPrice": price, "flatFee": fee});
    let calls = json!({"type": "graduated", "tiers": [tier(Some(10), "0.0125", "0"), tier(None, "0.009", "0.5")]});
    let bytes = json!({"type": "package", "size": "7", "packagePrice": "0.02", "freeUnits": "1"});
    let users = json!({"type": "volume", "tiers": [tier(Some(3), "0.3333", "0"), tier(None, "0.2999", "0")]});
    json!({
        "slug": "plan", "name": "Plan", "currency": "USD", "baseFeeMinor": 1000,
        "prices": [price("calls", calls), price("bytes", bytes), price("users", users)],
    })
}

/// The add-on that every tenant has.
#[must_use]
pub(super) fn add_on() -> Value {
    let model = json!({"type": "perUnit", "unitPrice": "0.0037"});
    let bytes = json!({"key": "bytes", "name": "bytes", "meter": "bytes", "included": "5", "model": model});
    json!({"slug": "extra", "kind": "addOn", "name": "Extra", "currency": "USD", "baseFeeMinor": 250, "prices": [bytes]})
}

/// What is other for the one tenant.
#[must_use]
pub(super) fn price_override() -> Value {
    json!({"offers": [{"baseFeeMinor": 800}]})
}

/// The coupon that every tenant is given.
#[must_use]
pub(super) fn coupon() -> Value {
    json!({"code": "tenth", "name": "Tenth", "percentOff": "10", "duration": "forever"})
}

/// The tax of everywhere.
#[must_use]
pub(super) fn tax_rate() -> Value {
    json!({"name": "VAT", "percent": "19", "inclusive": false})
}

/// The credit that `tenant` is granted.
#[must_use]
pub(super) fn grant(tenant: &str) -> Value {
    json!({"tenant": tenant, "name": "Prepaid", "kind": "paid", "amountMinor": 500, "currency": "USD"})
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

/// What a whole period comes to, in cents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Charged {
    /// The lines, each rounded once, half up.
    pub(super) subtotal: i128,
    /// Less the coupon, with tax.
    pub(super) total: i128,
    /// Less the credit.
    pub(super) due: i128,
}

/// Prices a whole period of the tenant that `has_override`, or of another.
#[must_use]
pub(super) fn price(used: Used, has_override: bool) -> Charged {
    let fee = if has_override { OVERRIDDEN_FEE_CENTS } else { BASE_FEE_CENTS };
    let subtotal = fee + extra(used.bytes_milli) + calls(used.calls) + bytes(used.bytes_milli) + users(used.users);
    let net = subtotal - rounded(subtotal * PERCENT.0, 100);
    let total = net + rounded(net * PERCENT.1, 100);
    Charged { subtotal, total, due: total - GRANT_CENTS }
}

fn calls(calls: i128) -> i128 {
    let later = (calls - FIRST_CALLS).max(0);
    let entered = if later > 0 { LATER_CALL_CENTIS.1 } else { 0 };
    rounded((calls - later) * FIRST_CALL_CENTIS + later * LATER_CALL_CENTIS.0 + entered, 100)
}

fn bytes(bytes_milli: i128) -> i128 {
    let (free, size, cents) = PACKAGE;
    // A package that was begun counts.
    ((bytes_milli - free).max(0) + size - 1) / size * cents
}

fn extra(bytes_milli: i128) -> i128 {
    let (fee, free, each_centis) = ADD_ON;
    fee + rounded((bytes_milli - free).max(0) * each_centis, 1_000 * 100)
}

fn users(users: i128) -> i128 {
    let (few, each_of_few, each_of_many) = USER_CENTIS;
    rounded(users * if users <= few { each_of_few } else { each_of_many }, 100)
}

/// `amount` ÷ `unit`, half up; neither is negative.
fn rounded(amount: i128, unit: i128) -> i128 {
    (amount + unit / 2) / unit
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_rounded_once_and_then_discounted_taxed_and_paid() {
        let used = |calls, bytes_milli, users| price(Used { calls, bytes_milli, users }, false);
        // Nothing used: the base fees; 12.50 less 1.25 is 11.25, with 2.1375 of tax 13.39, of which credit pays 5.00.
        assert_eq!(used(0, 0, 0), Charged { subtotal: 1_250, total: 1_339, due: 839 });
        // 2 × 1.25 = 2.50 → 3.
        assert_eq!(used(2, 0, 0).subtotal, 1_253);
        // 10 × 1.25 = 12.50 → 13; the eleventh costs 0.90 and 50 for entering: 63.40 → 63.
        assert_eq!((used(10, 0, 0).subtotal, used(11, 0, 0).subtotal), (1_263, 1_313));
        // The first byte is free; up to 8 is one package, and a thousandth more another. The add-on charges 3 × 0.37 = 1.11 → 1.
        assert_eq!([1_000, 1_001, 8_000, 8_001].map(|milli| used(0, milli, 0).subtotal), [1_250, 1_252, 1_253, 1_255]);
        // 3 × 33.33 = 99.99 → 100, 4 × 29.99 = 119.96 → 120.
        assert_eq!((used(0, 0, 3).subtotal, used(0, 0, 4).subtotal), (1_350, 1_370));
        // 13.70 less 1.37 is 12.33, with 2.3427 of tax 14.67.
        assert_eq!(used(0, 0, 4).total, 1_467);
        // 8.00 and 2.50.
        assert_eq!(price(Used::default(), true).subtotal, 1_050);
    }
}
