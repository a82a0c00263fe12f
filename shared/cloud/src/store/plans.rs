//! Plans in the table `catalog`: each is one item beside its versions.
//!
//! Invariants: what becomes of a version is written in the plan's item alone, and every write of that is conditional on its
//! revision, so that of two at a time one looks again; a version's item is written anew only while it is a draft, in
//! one transaction with the plan's, so that no draft changes while it is being published.

use super::{
    dynamo::{self, Range, Transacted},
    item::{self, Cursor, PAGE_ITEMS_MAX, Page, Stored},
    key::{self, Key},
    plan_item::{self, malformed},
    plan_shape::{self, PlanVersionV3},
    tenants::CreateOutcome,
};
use crate::{Fault, World};
use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem};
use domain::{
    catalog::{Plan, PlanRef, PlanVersion},
    id::PlanId,
    text::Slug,
};
use serde::{Deserialize, Serialize};
use std::num::NonZeroU32;
use uuid::Uuid;

/// Pages of plans that are read to fill one page of those that are offered; a page may be short beyond them.
const OFFERED_PAGES_MAX: usize = 10;

/// What became of adding a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublishOutcome {
    /// It is there now.
    Published,
    /// It had been added before, as this version: this is a repeat.
    Repeated(NonZeroU32),
    /// The plan was changed meanwhile: load again.
    Raced,
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
    /// Creates a plan with its first version, unless its slug is taken.
    pub async fn create_plan(&self, plan: &Plan, version: &PlanVersion) -> Result<CreateOutcome, Fault> {
        let table = &self.settings().catalog_table;
        let actions = vec![
            dynamo::put(table, item::write(&Key::Plan(&plan.slug), &plan_item::shape(plan))?, true)?,
            self.put_version(version, true)?,
        ];
        match self.transact(actions).await? {
            Transacted::Committed => Ok(CreateOutcome::Created),
            Transacted::Refused(refused) if refused.contains(&1) => Ok(CreateOutcome::Repeated),
            Transacted::Refused(_) => Ok(CreateOutcome::NameTaken),
        }
    }

    /// Adds the next version of a plan, which is `after` then, once for each `publication`, whose id the caller chose.
    pub async fn add_plan_version(
        &self,
        before: &Plan,
        after: &Plan,
        version: &PlanVersion,
        publication: Uuid,
    ) -> Result<PublishOutcome, Fault> {
        let table = &self.settings().catalog_table;
        let key = Key::PlanPublication(version.reference.plan_id, publication);
        let marker = item::write(&key, &PublicationV1 { version: version.reference.version })?;
        let actions =
            vec![self.replace(before, after)?, self.put_version(version, true)?, dynamo::put(table, marker, true)?];
        match self.transact(actions).await? {
            Transacted::Committed => Ok(PublishOutcome::Published),
            Transacted::Refused(refused) if refused.contains(&2) => {
                let added = self.published(version.reference.plan_id, publication).await?;
                Ok(PublishOutcome::Repeated(added.ok_or_else(|| malformed("publication"))?))
            }
            Transacted::Refused(_) => Ok(PublishOutcome::Raced),
        }
    }

    /// The version that `publication` added to a plan, if it did.
    pub async fn published(&self, plan_id: PlanId, publication: Uuid) -> Result<Option<NonZeroU32>, Fault> {
        let key = Key::PlanPublication(plan_id, publication);
        let marker = self.get_item(&self.settings().catalog_table, &key).await?;
        marker.map(|marker| Ok(item::read::<PublicationV1>(marker)?.version)).transpose()
    }

    /// Makes the plan `after` of `before`, and rewrites the draft `draft` with it; `false` if the plan was changed meanwhile.
    pub async fn change_plan(&self, before: &Plan, after: &Plan, draft: Option<&PlanVersion>) -> Result<bool, Fault> {
        let mut actions = vec![self.replace(before, after)?];
        if let Some(draft) = draft {
            actions.push(self.put_version(draft, false)?);
        }
        Ok(self.transact(actions).await? == Transacted::Committed)
    }

    /// The plan called `slug`.
    pub async fn plan(&self, slug: &Slug) -> Result<Option<Plan>, Fault> {
        self.get_item(&self.settings().catalog_table, &Key::Plan(slug)).await?.map(plan_item::read).transpose()
    }

    /// A page of the plans, by slug.
    pub async fn plans(&self, limit: u8, after: Option<&Cursor>) -> Result<Page<Plan>, Fault> {
        let table = &self.settings().catalog_table;
        self.query_page(table, key::PLANS, Range::All, false, limit, after).await?.try_map(plan_item::read)
    }

    /// A page of the plans that customers see, by slug.
    pub async fn offered_plans(&self, limit: u8, after: Option<&Cursor>) -> Result<Page<Plan>, Fault> {
        let (limit, mut next, mut offered) = (usize::from(limit), after.cloned(), Vec::new());
        for _ in 0..OFFERED_PAGES_MAX {
            let page = self.plans(PAGE_ITEMS_MAX, next.as_ref()).await?;
            offered.extend(page.items.into_iter().filter(Plan::is_offered));
            next = page.next;
            if offered.len() > limit || next.is_none() {
                break;
            }
        }
        if offered.len() > limit {
            offered.truncate(limit);
            // The sort key of a plan is its slug: the next page begins behind the last one of this.
            next = offered.last().map(|plan| Cursor(plan.slug.to_string()));
        }
        Ok(Page { items: offered, next })
    }

    /// One version of a plan.
    pub async fn plan_version(&self, reference: PlanRef) -> Result<Option<PlanVersion>, Fault> {
        let key = Key::PlanVersion(reference.plan_id, reference.version);
        self.get_item(&self.settings().catalog_table, &key).await?.map(plan_shape::read).transpose()
    }

    fn put_version(&self, version: &PlanVersion, absent: bool) -> Result<TransactWriteItem, Fault> {
        let key = Key::PlanVersion(version.reference.plan_id, version.reference.version);
        dynamo::put(&self.settings().catalog_table, item::write(&key, &PlanVersionV3::from(version))?, absent)
    }

    /// The action that makes the plan `after` of `before`, if it is still that.
    fn replace(&self, before: &Plan, after: &Plan) -> Result<TransactWriteItem, Fault> {
        let revision = before.revision.checked_add(1).ok_or_else(|| malformed("revision"))?;
        let mut shape = plan_item::shape(after);
        shape.revision = revision;
        let put = Put::builder()
            .table_name(&self.settings().catalog_table)
            .set_item(Some(item::write(&Key::Plan(&after.slug), &shape)?))
            .expression_attribute_names("#revision", "revision");
        let put = if before.revision == 0 {
            // Stored before revisions were counted: its one number tells whether it was changed.
            put.condition_expression("attribute_not_exists(#revision) AND latest_version = :latest")
                .expression_attribute_values(":latest", AttributeValue::N(before.versions.newest().to_string()))
        } else {
            put.condition_expression("#revision = :before")
                .expression_attribute_values(":before", AttributeValue::N(before.revision.to_string()))
        };
        let put = put.build().map_err(|error| Fault::permanent("dynamodb:TransactWriteItems", error))?;
        Ok(TransactWriteItem::builder().put(put).build())
    }
}
