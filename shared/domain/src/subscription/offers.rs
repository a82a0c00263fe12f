//! The offers of the catalog that a subscription's terms name, and why its lines could not be computed.

use crate::{
    calendar::CalendarError,
    catalog::{Offer, OfferKey, PlanRef, PlanVersion},
    rating::{AmountOutOfRange, RatingError},
};
use std::collections::HashMap;

/// An offer and the name it is sold under.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offered {
    /// The plan's name at the time, printed on invoices.
    pub plan_name: String,
    /// What is charged.
    pub offer: Offer,
}

/// The offers that the caller has loaded.
#[derive(Clone, Debug, Default)]
pub struct Offers(HashMap<(PlanRef, OfferKey), Offered>);

impl Offers {
    /// Adds an offer of `plan`.
    pub fn insert(&mut self, plan: PlanRef, offered: Offered) {
        self.0.insert((plan, offered.offer.key()), offered);
    }

    /// Adds the offer `key` of `version`, if it has one.
    pub fn insert_of(&mut self, version: &PlanVersion, key: OfferKey) {
        if let Some(offer) = version.offer(key).cloned() {
            self.insert(version.reference, Offered { plan_name: version.name.clone(), offer });
        }
    }

    /// The offer `key` of `plan`, if the plan version has it.
    #[must_use]
    pub fn get(&self, plan: PlanRef, key: OfferKey) -> Option<&Offered> {
        self.0.get(&(plan, key))
    }

    /// Adds the offers of `others`.
    pub fn extend(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    /// The same for lines: there a term names the offer, so that the caller has to have loaded it.
    pub(super) fn named(&self, plan: PlanRef, key: OfferKey) -> Result<&Offered, LinesError> {
        self.get(plan, key).ok_or(LinesError::UnknownOffer)
    }
}

/// Why the lines of a run could not be computed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinesError {
    /// A date beyond the calendar.
    #[error(transparent)]
    Calendar(#[from] CalendarError),
    /// A price could not be rated.
    #[error(transparent)]
    Rating(#[from] RatingError),
    /// A term names an offer that was not loaded.
    #[error("an offer that a term names was not loaded")]
    UnknownOffer,
    /// The usage of a price was wanted and not given.
    #[error("the usage of the price {0} was wanted and not given")]
    MissingUsage(String),
}

impl From<AmountOutOfRange> for LinesError {
    fn from(error: AmountOutOfRange) -> Self {
        Self::Rating(error.into())
    }
}
