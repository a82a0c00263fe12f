//! The table `catalog`: meters, plans, and the immutable versions of plans.

use super::{
    dynamo::{self, Range, Transacted},
    item::{self, Cursor, Item, Page, Stored},
    key::{self, Key},
    plan_shape::{self, PlanVersionV2},
    tenants::CreateOutcome,
};
use crate::{Fault, World};
use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem, Update};
use domain::{
    Timestamp,
    catalog::{Plan, PlanRef, PlanVersion},
    id::{MeterId, PlanId},
    text::Slug,
    usage::{Aggregation, Dimension, Filter, Meter, Path},
};
use serde::{Deserialize, Serialize};
use std::num::NonZeroU32;
use uuid::Uuid;

/// What became of publishing a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublishOutcome {
    /// It is the latest now.
    Published,
    /// It had been published before, as this version: this is a repeat.
    Repeated(NonZeroU32),
    /// Another one got that number: load again.
    Raced,
}

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

#[derive(Serialize, Deserialize)]
struct PlanV1 {
    id: PlanId,
    slug: String,
    name: String,
    latest_version: NonZeroU32,
    created_at: Timestamp,
}

impl Stored for PlanV1 {
    const VERSION: u32 = 1;
}

/// Which version a publication became.
#[derive(Serialize, Deserialize)]
struct PublicationV1 {
    version: NonZeroU32,
}

impl Stored for PublicationV1 {
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

    /// Creates a plan with its first version, unless its slug is taken.
    pub async fn create_plan(&self, plan: &Plan, version: &PlanVersion) -> Result<CreateOutcome, Fault> {
        let table = &self.settings().catalog_table;
        let actions = vec![
            dynamo::put(table, item::write(&Key::Plan(&plan.slug), &shape_of(plan))?, true)?,
            self.put_version(version)?,
        ];
        match self.transact(actions).await? {
            Transacted::Committed => Ok(CreateOutcome::Created),
            Transacted::Refused(refused) if refused.contains(&1) => Ok(CreateOutcome::Repeated),
            Transacted::Refused(_) => Ok(CreateOutcome::NameTaken),
        }
    }

    /// Publishes the next version of a plan, once for each `publication`, whose id the caller chose.
    pub async fn publish_plan_version(
        &self,
        slug: &Slug,
        version: &PlanVersion,
        publication: Uuid,
    ) -> Result<PublishOutcome, Fault> {
        let number = |n: u32| AttributeValue::N(n.to_string());
        let table = &self.settings().catalog_table;
        let next = version.reference.version.get();
        let update = Update::builder()
            .table_name(table)
            .set_key(Some(Key::Plan(slug).attributes()))
            .update_expression("SET latest_version = :next, #name = :name")
            .condition_expression("latest_version = :latest")
            .expression_attribute_names("#name", "name")
            .expression_attribute_values(":next", number(next))
            .expression_attribute_values(":latest", number(next - 1))
            .expression_attribute_values(":name", AttributeValue::S(version.name.clone()))
            .build()
            .map_err(|error| Fault::permanent("dynamodb:TransactWriteItems", error))?;
        let publication = Key::PlanPublication(version.reference.plan_id, publication);
        let marker = item::write(&publication, &PublicationV1 { version: version.reference.version })?;
        let actions = vec![
            TransactWriteItem::builder().update(update).build(),
            self.put_version(version)?,
            dynamo::put(table, marker, true)?,
        ];
        match self.transact(actions).await? {
            Transacted::Committed => Ok(PublishOutcome::Published),
            Transacted::Refused(refused) if refused.contains(&2) => {
                let marker = self.get_item(table, &publication).await?.ok_or_else(|| malformed("publication"))?;
                Ok(PublishOutcome::Repeated(item::read::<PublicationV1>(marker)?.version))
            }
            Transacted::Refused(_) => Ok(PublishOutcome::Raced),
        }
    }

    /// The plan called `slug`.
    pub async fn plan(&self, slug: &Slug) -> Result<Option<Plan>, Fault> {
        self.get_item(&self.settings().catalog_table, &Key::Plan(slug)).await?.map(read_plan).transpose()
    }

    /// A page of the plans, by slug.
    pub async fn plans(&self, limit: u8, after: Option<&Cursor>) -> Result<Page<Plan>, Fault> {
        let table = &self.settings().catalog_table;
        self.query_page(table, key::PLANS, Range::All, false, limit, after).await?.try_map(read_plan)
    }

    /// One version of a plan.
    pub async fn plan_version(&self, reference: PlanRef) -> Result<Option<PlanVersion>, Fault> {
        let key = Key::PlanVersion(reference.plan_id, reference.version);
        self.get_item(&self.settings().catalog_table, &key).await?.map(plan_shape::read).transpose()
    }

    fn put_version(&self, version: &PlanVersion) -> Result<TransactWriteItem, Fault> {
        let key = Key::PlanVersion(version.reference.plan_id, version.reference.version);
        dynamo::put(&self.settings().catalog_table, item::write(&key, &PlanVersionV2::from(version))?, true)
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

fn shape_of(plan: &Plan) -> PlanV1 {
    PlanV1 {
        id: plan.id,
        slug: plan.slug.to_string(),
        name: plan.name.clone(),
        latest_version: plan.latest_version,
        created_at: plan.created_at,
    }
}

fn read_plan(item: Item) -> Result<Plan, Fault> {
    let stored: PlanV1 = item::read(item)?;
    Ok(Plan {
        id: stored.id,
        slug: Slug::parse(&stored.slug).map_err(|_| malformed("slug"))?,
        name: stored.name,
        latest_version: stored.latest_version,
        created_at: stored.created_at,
    })
}
