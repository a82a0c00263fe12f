//! The offers that terms name, and the meters that prices name, each read once while a batch is worked on.
//!
//! Both can be remembered: a published version never changes, and a meter, once created, counts the same for ever.

use crate::{Fault, World};
use domain::{
    catalog::{OfferKey, PlanRef, PlanVersion},
    subscription::Offers,
    text::Slug,
    usage::Meter,
};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

/// What was read of the catalog.
#[derive(Debug, Default)]
pub struct Shelf {
    versions: Mutex<HashMap<PlanRef, Arc<PlanVersion>>>,
    meters: Mutex<HashMap<Slug, Arc<Meter>>>,
}

/// The offers of `wanted`; one that the catalog does not have is a fault, because a term names it.
pub async fn offers(world: &World, shelf: &Shelf, wanted: &[(PlanRef, OfferKey)]) -> Result<Offers, Fault> {
    let offers = offers_there_are(world, shelf, wanted).await?;
    match wanted.iter().all(|(plan, key)| offers.get(*plan, *key).is_some()) {
        true => Ok(offers),
        false => Err(missing("the plan version has not the offer of a term")),
    }
}

/// Those of `asked` that the catalog has: for what is only wanted, and not named by a term.
pub async fn offers_there_are(world: &World, shelf: &Shelf, asked: &[(PlanRef, OfferKey)]) -> Result<Offers, Fault> {
    let mut offers = Offers::default();
    for (plan, key) in asked {
        offers.insert_of(&*shelf.version(world, *plan).await?, *key);
    }
    Ok(offers)
}

impl Shelf {
    async fn version(&self, world: &World, reference: PlanRef) -> Result<Arc<PlanVersion>, Fault> {
        let known = self.versions.lock().unwrap_or_else(PoisonError::into_inner).get(&reference).cloned();
        if let Some(version) = known {
            return Ok(version);
        }
        let version = world.plan_version(reference).await?;
        let version = Arc::new(version.ok_or_else(|| missing("the plan version does not exist"))?);
        self.versions.lock().unwrap_or_else(PoisonError::into_inner).insert(reference, Arc::clone(&version));
        Ok(version)
    }

    pub(super) async fn meter(&self, world: &World, slug: &Slug) -> Result<Arc<Meter>, Fault> {
        let known = self.meters.lock().unwrap_or_else(PoisonError::into_inner).get(slug).cloned();
        if let Some(meter) = known {
            return Ok(meter);
        }
        let meter = world.meter(slug).await?;
        let meter = Arc::new(meter.ok_or_else(|| missing("a meter of a price does not exist"))?);
        self.meters.lock().unwrap_or_else(PoisonError::into_inner).insert(slug.clone(), Arc::clone(&meter));
        Ok(meter)
    }
}

fn missing(what: &'static str) -> Fault {
    Fault::permanent("compute invoice", what)
}
