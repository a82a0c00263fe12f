//! Tax rates in the table `catalog`, by country, so that an invoice run reads those of its tenant's place alone.
//!
//! Invariant: a rate never changes, but for the instant at which it was archived.

use super::{
    dynamo::Range,
    item::{self, Cursor, Item, Page, Stored},
    key::{self, Key},
};
use crate::{Fault, World};
use domain::{
    Timestamp,
    catalog::{Percent, TaxRate},
    id::TaxRateId,
    place::Place,
};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct TaxRateV1 {
    id: TaxRateId,
    name: String,
    percent: String,
    country: Option<String>,
    region: Option<String>,
    inclusive: bool,
    created_at: Timestamp,
    /// Absent while it applies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    archived_at: Option<Timestamp>,
}

impl Stored for TaxRateV1 {
    const VERSION: u32 = 1;
}

impl World {
    /// Creates a tax rate; answers `false` if its id is taken.
    pub async fn create_tax_rate(&self, rate: &TaxRate) -> Result<bool, Fault> {
        let key = Key::TaxRate { country: rate.place.country.as_deref(), id: rate.id };
        self.put_if_absent(&self.settings().catalog_table, item::write(&key, &shape(rate))?).await
    }

    /// A page of the tax rates, those of everywhere first, then by country.
    pub async fn tax_rates(&self, limit: u8, after: Option<&Cursor>) -> Result<Page<TaxRate>, Fault> {
        let table = &self.settings().catalog_table;
        self.query_page(table, key::TAX_RATES, Range::All, false, limit, after).await?.try_map(read)
    }

    /// The tax rate `id`.
    pub async fn tax_rate(&self, id: TaxRateId) -> Result<Option<TaxRate>, Fault> {
        // Few, and asked for by hand: a rate's country is part of its key.
        let all = self.query_all(&self.settings().catalog_table, key::TAX_RATES, Range::All).await?;
        let rates = all.into_iter().map(read).collect::<Result<Vec<_>, Fault>>()?;
        Ok(rates.into_iter().find(|rate| rate.id == id))
    }

    /// The tax rates that may apply in `place`, those of everywhere among them.
    pub async fn tax_rates_of(&self, place: &Place) -> Result<Vec<TaxRate>, Fault> {
        let mut rates = Vec::new();
        let own = place.country.as_deref().map(Some);
        for country in [None].into_iter().chain(own) {
            let range = Range::Prefix(key::tax_rates_of(country));
            let items = self.query_all(&self.settings().catalog_table, key::TAX_RATES, range).await?;
            rates.extend(items.into_iter().map(read).collect::<Result<Vec<_>, Fault>>()?);
        }
        Ok(rates)
    }

    /// Lets a rate apply to no new invoice; answers it as it is then, `None` if there is none.
    pub async fn archive_tax_rate(&self, id: TaxRateId, now: Timestamp) -> Result<Option<TaxRate>, Fault> {
        let Some(rate) = self.tax_rate(id).await? else { return Ok(None) };
        let key = Key::TaxRate { country: rate.place.country.as_deref(), id };
        self.archive(&key, now).await?.map(read).transpose()
    }
}

fn shape(rate: &TaxRate) -> TaxRateV1 {
    TaxRateV1 {
        id: rate.id,
        name: rate.name.clone(),
        percent: rate.percent.value().to_string(),
        country: rate.place.country.clone(),
        region: rate.place.region.clone(),
        inclusive: rate.inclusive,
        created_at: rate.created_at,
        archived_at: rate.archived_at,
    }
}

fn read(item: Item) -> Result<TaxRate, Fault> {
    let stored: TaxRateV1 = item::read(item)?;
    let percent = Percent::parse(&stored.percent).map_err(|violation| Fault::permanent("decode item", violation))?;
    Ok(TaxRate {
        id: stored.id,
        name: stored.name,
        percent,
        place: Place { country: stored.country, region: stored.region },
        inclusive: stored.inclusive,
        created_at: stored.created_at,
        archived_at: stored.archived_at,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::item::tests::{golden, json};

    const V1: &str = include_str!("../../golden/tax_rate.1.json");

    #[test]
    fn a_rate_is_written_as_it_is_read() {
        let rate = read(golden(V1)).unwrap();
        assert_eq!((rate.percent.value().to_string().as_str(), rate.inclusive), ("7.25", true));
        assert_eq!(json(&shape(&rate)), serde_json::from_str::<serde_json::Value>(V1).unwrap()["item"]);
    }
}
