//! The stored shapes of a plan beside its versions. Frozen.
//!
//! Version 3 is written; version 2 knew neither add-ons nor overrides, version 1 only versions that were active.

use super::item::{self, Item, Stored};
use crate::Fault;
use domain::{
    Timestamp,
    catalog::{Plan, PlanAttributes, PlanKind, Versions, Visibility},
    id::{PlanId, TenantId},
    text::Slug,
};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    num::NonZeroU32,
};

/// The kinds as they are stored.
const PLAN: &str = "plan";
const ADD_ON: &str = "add_on";

#[derive(Serialize, Deserialize)]
pub(super) struct PlanV3 {
    id: PlanId,
    slug: String,
    #[serde(default = "plan_kind")]
    kind: String,
    name: String,
    newest_version: NonZeroU32,
    drafts: BTreeSet<NonZeroU32>,
    archived: BTreeSet<NonZeroU32>,
    #[serde(default)]
    overrides: Vec<(NonZeroU32, TenantId)>,
    visibility: String,
    display_order: Option<i32>,
    description: Option<String>,
    metadata: BTreeMap<String, String>,
    pub(super) revision: u64,
    created_at: Timestamp,
}

impl Stored for PlanV3 {
    const VERSION: u32 = 3;
    const READ_SINCE: u32 = 2;
}

/// The kind of all that was stored before there were add-ons.
fn plan_kind() -> String {
    PLAN.to_owned()
}

/// All of its versions were active.
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

pub(super) fn malformed(what: &'static str) -> Fault {
    Fault::permanent("decode item", format!("the plan holds a malformed {what}"))
}

pub(super) fn shape(plan: &Plan) -> PlanV3 {
    let visibility = match plan.attributes.visibility {
        Visibility::Public => "public",
        Visibility::Hidden => "hidden",
    };
    PlanV3 {
        id: plan.id,
        slug: plan.slug.to_string(),
        kind: match plan.kind {
            PlanKind::Plan => PLAN.to_owned(),
            PlanKind::AddOn => ADD_ON.to_owned(),
        },
        name: plan.name.clone(),
        newest_version: plan.versions.newest(),
        drafts: plan.versions.drafts().clone(),
        archived: plan.versions.archived().clone(),
        overrides: plan.versions.overrides().iter().map(|(version, tenant)| (*version, *tenant)).collect(),
        visibility: visibility.to_owned(),
        display_order: plan.attributes.display_order,
        description: plan.attributes.description.clone(),
        metadata: plan.attributes.metadata.clone(),
        revision: plan.revision,
        created_at: plan.created_at,
    }
}

/// The plan in an item of any version.
pub(super) fn read(item: Item) -> Result<Plan, Fault> {
    let stored =
        if item::is_of::<PlanV1>(&item) { item::read::<PlanV1>(item)?.into() } else { item::read::<PlanV3>(item)? };
    let visibility = match stored.visibility.as_str() {
        "public" => Visibility::Public,
        "hidden" => Visibility::Hidden,
        _ => return Err(malformed("visibility")),
    };
    let kind = match stored.kind.as_str() {
        PLAN => PlanKind::Plan,
        ADD_ON => PlanKind::AddOn,
        _ => return Err(malformed("kind")),
    };
    let overrides = stored.overrides.into_iter().collect();
    let versions = Versions::new(stored.newest_version, stored.drafts, stored.archived, overrides);
    Ok(Plan {
        id: stored.id,
        slug: Slug::parse(&stored.slug).map_err(|_| malformed("slug"))?,
        kind,
        name: stored.name,
        versions: versions.ok_or_else(|| malformed("list of versions"))?,
        attributes: PlanAttributes {
            visibility,
            display_order: stored.display_order,
            description: stored.description,
            metadata: stored.metadata,
        },
        created_at: stored.created_at,
        revision: stored.revision,
    })
}

impl From<PlanV1> for PlanV3 {
    fn from(first: PlanV1) -> Self {
        Self {
            id: first.id,
            slug: first.slug,
            kind: plan_kind(),
            name: first.name,
            newest_version: first.latest_version,
            drafts: BTreeSet::new(),
            archived: BTreeSet::new(),
            overrides: Vec::new(),
            visibility: "public".to_owned(),
            display_order: None,
            description: None,
            metadata: BTreeMap::new(),
            revision: 0,
            created_at: first.created_at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::item::tests::{golden, json};
    use domain::catalog::VersionStatus;

    const V1: &str = include_str!("../../golden/plan.1.json");
    const V2: &str = include_str!("../../golden/plan.2.json");
    const V3: &str = include_str!("../../golden/plan.3.json");

    #[test]
    fn version_1_is_read_for_ever() {
        let plan = read(golden(V1)).unwrap();
        assert_eq!((plan.slug.as_str(), plan.name.as_str(), plan.revision), ("pro", "Pro", 0));
        assert_eq!((plan.versions.newest().get(), plan.versions.latest().map(NonZeroU32::get)), (3, Some(3)));
        assert_eq!((plan.versions.status(NonZeroU32::MIN), plan.is_offered()), (Some(VersionStatus::Active), true));
        assert_eq!(plan.attributes, PlanAttributes::default());
    }

    #[test]
    fn version_2_is_read_for_ever() {
        let plan = read(golden(V2)).unwrap();
        assert_eq!((plan.versions.latest().map(NonZeroU32::get), plan.is_offered()), (Some(4), false));
        assert_eq!((plan.kind, plan.versions.overrides().len()), (PlanKind::Plan, 0));
    }

    #[test]
    fn version_3_is_written_as_it_is_read() {
        let plan = read(golden(V3)).unwrap();
        assert_eq!((plan.kind, plan.versions.latest().map(NonZeroU32::get)), (PlanKind::AddOn, Some(2)));
        assert_eq!(json(&shape(&plan)), serde_json::from_str::<serde_json::Value>(V3).unwrap()["item"]);
    }

    #[test]
    fn what_cannot_be_is_no_plan() {
        assert!(read(golden(&V2.replace("[5]", "[6]"))).is_err(), "a draft beyond the newest version");
        assert!(read(golden(&V2.replace("hidden", "secret"))).is_err());
        assert!(read(golden(&V3.replace("add_on", "gift"))).is_err());
        assert!(read(golden(&V3.replace("[4,", "[5,"))).is_err(), "a draft is for all");
    }
}
