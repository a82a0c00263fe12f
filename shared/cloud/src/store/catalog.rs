//! Meters in the table `catalog`. Plans are in `plans`, coupons in `coupons`, tax rates in `tax_rates`.

use super::{
    dynamo::Range,
    item::{self, Cursor, Item, Page, Stored},
    key::{self, Key},
    tenants::CreateOutcome,
};
use crate::{Fault, World};
use domain::{
    id::MeterId,
    text::Slug,
    usage::{Aggregation, Dimension, Filter, Meter, Path},
};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct MeterV1 {
    id: MeterId,
    slug: String,
    name: String,
    event_type: String,
    aggregation: String,
    path: Option<String>,
    dimensions: Vec<(String, String)>,
    /// Left out where there is none, as before there were filters.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    filters: Vec<(String, Vec<String>)>,
}

impl Stored for MeterV1 {
    const VERSION: u32 = 1;
}

impl World {
    /// Creates a meter unless its slug is taken.
    pub async fn create_meter(&self, meter: &Meter) -> Result<CreateOutcome, Fault> {
        let item = item::write(&Key::Meter(&meter.slug), &meter_shape(meter))?;
        if self.put_if_absent(&self.settings().catalog_table, item).await? {
            return Ok(CreateOutcome::Created);
        }
        let there = self.meter(&meter.slug).await?;
        Ok(if there.is_some_and(|there| there.id == meter.id) {
            CreateOutcome::Repeated
        } else {
            CreateOutcome::NameTaken
        })
    }

    /// The meter called `slug`.
    pub async fn meter(&self, slug: &Slug) -> Result<Option<Meter>, Fault> {
        self.get_item(&self.settings().catalog_table, &Key::Meter(slug)).await?.map(read_meter).transpose()
    }

    /// A page of the meters, by slug.
    pub async fn meters(&self, limit: u8, after: Option<&Cursor>) -> Result<Page<Meter>, Fault> {
        let table = &self.settings().catalog_table;
        self.query_page(table, key::METERS, Range::All, false, limit, after).await?.try_map(read_meter)
    }

    /// All meters: what every usage event is held against.
    pub async fn all_meters(&self) -> Result<Vec<Meter>, Fault> {
        let items = self.query_all(&self.settings().catalog_table, key::METERS, Range::All).await?;
        items.into_iter().map(read_meter).collect()
    }
}

fn malformed(what: &'static str) -> Fault {
    Fault::permanent("decode item", format!("the item holds a malformed {what}"))
}

fn meter_shape(meter: &Meter) -> MeterV1 {
    let aggregation = match &meter.aggregation {
        Aggregation::Count => "count",
        Aggregation::Sum(_) => "sum",
        Aggregation::Min(_) => "min",
        Aggregation::Max(_) => "max",
        Aggregation::Latest(_) => "latest",
        Aggregation::Average(_) => "average",
        Aggregation::WeightedSum(_) => "weightedSum",
        Aggregation::UniqueCount(_) => "uniqueCount",
    };
    let path = meter.aggregation.path();
    MeterV1 {
        id: meter.id,
        slug: meter.slug.to_string(),
        name: meter.name.clone(),
        event_type: meter.event_type.clone(),
        aggregation: aggregation.to_owned(),
        path: path.map(ToString::to_string),
        dimensions: meter.dimensions.iter().map(|d| (d.name.to_string(), d.path.to_string())).collect(),
        filters: meter.filters.iter().map(|filter| (filter.path.to_string(), filter.any_of.clone())).collect(),
    }
}

fn read_meter(item: Item) -> Result<Meter, Fault> {
    let stored: MeterV1 = item::read(item)?;
    let path = |text: Option<&str>| text.and_then(Path::parse).ok_or_else(|| malformed("path"));
    let slug = |text: &str| Slug::parse(text).map_err(|_| malformed("slug"));
    let value = || path(stored.path.as_deref());
    let aggregation = match stored.aggregation.as_str() {
        "count" => Aggregation::Count,
        "sum" => Aggregation::Sum(value()?),
        "min" => Aggregation::Min(value()?),
        "max" => Aggregation::Max(value()?),
        "latest" => Aggregation::Latest(value()?),
        "average" => Aggregation::Average(value()?),
        "weightedSum" => Aggregation::WeightedSum(value()?),
        "uniqueCount" => Aggregation::UniqueCount(value()?),
        _ => return Err(malformed("aggregation")),
    };
    let dimension = |(name, at): &(String, String)| Ok(Dimension { name: slug(name)?, path: path(Some(at.as_str()))? });
    let filter =
        |(at, any_of): &(String, Vec<String>)| Ok(Filter { path: path(Some(at.as_str()))?, any_of: any_of.clone() });
    Ok(Meter {
        id: stored.id,
        slug: slug(&stored.slug)?,
        name: stored.name,
        event_type: stored.event_type,
        aggregation,
        filters: stored.filters.iter().map(filter).collect::<Result<_, Fault>>()?,
        dimensions: stored.dimensions.iter().map(dimension).collect::<Result<_, Fault>>()?,
    })
}
