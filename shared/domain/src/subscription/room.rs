//! Whether the invoice of a period has room for all that holds in it: an invoice is stored as one item, and each plan and each
//! add-on that holds for some days of a period has lines of its own there.
//!
//! A plan version by itself has always room (`catalog::PlanVersion::check`). What follows it in the same period by changes at
//! once, or stands beside it, is estimated from the prices, and a change that would be too much is refused: it can wait for the next period.

use super::{Offers, Subscription, stretch::stretches};
use crate::{
    Violation,
    catalog::{Offer, PriceShape},
};
use jiff::civil::Date;

/// Most bytes of the lines of one period, by this estimate, if more than one plan or add-on holds in it.
pub const PERIOD_LINES_BYTES_MAX: usize = 360 * 1024;
/// What the lines of a price weigh by themselves: one, and its true-up or correction, with what coupons and tax write for each.
const PRICE_BYTES: usize = 1_400;
/// What a name or tier of a price weighs in its lines, for each byte of its JSON.
const LINE_BYTES_PER_BYTE: usize = 3;

impl Subscription {
    /// Refuses a change that takes effect on `from` if its period has more plans and add-ons than an invoice has room for; `offers` must hold all that its terms name.
    pub fn check_room(&self, from: Date, offers: &Offers) -> Result<(), Violation> {
        let refused = |message: &str| Violation::new("", "too_many_changes", message.to_owned());
        let slot = self.slot_on(from).map_err(|error| refused(&error.to_string()))?;
        let Some(slot) = slot else { return Ok(()) };
        let timeline = self.timeline();
        let stretches = stretches(&timeline, &slot);
        let known = stretches.iter().filter_map(|stretch| offers.get(stretch.plan, stretch.offer));
        let bytes = known.map(|offered| bytes_of(&offered.offer)).fold(0, usize::saturating_add);
        if stretches.len() > 1 && bytes > PERIOD_LINES_BYTES_MAX {
            return Err(refused(
                "the invoice of this period has no room for another plan or add-on; change with the next period, or take less",
            ));
        }
        Ok(())
    }
}

fn bytes_of(offer: &Offer) -> usize {
    let price = |price| {
        let json = serde_json::to_string(&PriceShape::from(price)).map_or(usize::MAX, |json| json.len());
        json.saturating_mul(LINE_BYTES_PER_BYTE).saturating_add(PRICE_BYTES)
    };
    offer.prices.iter().map(price).fold(PRICE_BYTES, usize::saturating_add)
}
