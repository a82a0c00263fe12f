//! Per unit: quantity × unit price.

use super::{AmountOutOfRange, TierCharge};
use crate::money::Rate;
use rust_decimal::Decimal;

pub(super) fn charge(quantity: Decimal, unit_price: Rate) -> Result<Vec<TierCharge>, AmountOutOfRange> {
    let amount = unit_price.times(quantity)?;
    Ok(vec![TierCharge {
        from: Decimal::ZERO,
        up_to: None,
        quantity,
        unit_price: unit_price.value(),
        flat_fee: Decimal::ZERO,
        amount,
    }])
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::u_l1("10", "5.12345", "51.2345")]
    #[case::u_m1("100", "0.001", "0.1")]
    #[case::u_f1("5", "100", "500")]
    #[case::never_round_a_rate("1000000", "0.004", "4000")]
    #[case::nothing("0", "5", "0")]
    fn quantity_times_price(#[case] quantity: Decimal, #[case] unit_price: Decimal, #[case] amount: Decimal) {
        let charges = charge(quantity, Rate::new(unit_price).unwrap()).unwrap();
        assert_eq!(charges.iter().map(|tier| tier.amount).collect::<Vec<_>>(), [amount]);
    }
}
