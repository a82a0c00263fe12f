//! Moves the subscriptions of older versions of a plan or an add-on to a newer one, each with its next period.
//!
//! What one tenant has agreed on stays: an override moves only to another one of the same tenant, unless it is named.
//!
//! There is no index of subscriptions by plan, so all are looked at, a page at a time. Each move is an ordinary change,
//! with an id derived from the subscription and the version: a page that is sent again moves nothing twice, and nothing
//! that was undone since. What cannot be moved is left as it is and counted by the reason.

use super::change::{ChangeWhen, NewChange, due_at, offers_of};
use crate::{
    auth::Platform,
    body::Json,
    openapi::WriteRefusals,
    page::{PageParameters, Paging},
    problem::Problem,
    retry::until_not_raced,
    routes::plans,
    state::Api,
};
use axum::extract::{Path, State};
use cloud::{
    billing::{self, Shelf},
    store::{ChangeOutcome, ChangeRecord},
};
use domain::{
    Timestamp,
    catalog::{OfferKey, Plan, PlanKind, PlanRef, PlanVersion, VersionStatus},
    id::{TenantId, derived_uuid},
    subscription::{Change, Subscription, Term, When},
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, num::NonZeroU32};
use utoipa::ToSchema;

/// How often a move is decided anew while others change the subscription.
const MOVE_TRIES_MAX: u32 = 4;

/// Which subscriptions are to move.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct NewMigration {
    /// Those of this version only; of every older one, unless it is sent.
    #[schema(value_type = Option<u32>, minimum = 1)]
    from_version: Option<NonZeroU32>,
}

/// What became of the subscriptions of a page.
#[derive(Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Migration {
    /// How many move with their next period.
    moved: u32,
    /// How many had been moved before.
    repeated: u32,
    /// How many stay where they are, by the reason: `no_offer`, or the code with which the change is refused.
    #[schema(example = json!({"change_pending": 2, "no_offer": 1}))]
    skipped: BTreeMap<&'static str, u32>,
    /// Where the next page begins; `null` when all subscriptions were looked at.
    next_cursor: Option<String>,
}

/// What became of one subscription.
enum Fate {
    Moved,
    Repeated,
    Skipped(&'static str),
    /// It is not of an older version of the plan.
    Passed,
}

/// Where subscriptions are to be moved to.
struct Target<'a> {
    plan: &'a Plan,
    version: PlanVersion,
    from_version: Option<NonZeroU32>,
}

/// Move subscriptions to a version of their plan
///
/// Each with its next period, in the currency and interval that it has. A page of all subscriptions is looked at; send the
/// `nextCursor` for the next one. A page that is sent again moves nothing twice.
#[utoipa::path(
    post, path = "/v1/plans/{slug}/versions/{version}/migrate", operation_id = "migrateSubscriptions", tag = "Plans", security(("platformKey" = [])),
    params(
        ("slug" = String, Path, description = "Which plan."),
        ("version" = u32, Path, description = "Which active version of it they move to."),
        PageParameters,
    ),
    request_body = NewMigration,
    responses((status = 200, body = Migration, description = "What became of them."), WriteRefusals)
)]
pub(crate) async fn migrate(
    State(api): State<Api>,
    _: Platform,
    Path((slug, number)): Path<(String, String)>,
    paging: Paging,
    Json(new): Json<NewMigration>,
) -> Result<axum::Json<Migration>, Problem> {
    let (plan, number) = plans::versions::version_named(&api, &slug, &number).await?;
    match plan.versions.status(number).ok_or_else(Problem::not_found)? {
        VersionStatus::Active => {}
        VersionStatus::Draft => return Err(Problem::conflict("not_published", "publish the draft first")),
        VersionStatus::Archived => return Err(Problem::conflict("archived", "name a version that is active")),
    }
    let reference = PlanRef { plan_id: plan.id, version: number };
    let version = api.world().plan_version(reference).await?.ok_or_else(Problem::not_found)?;
    let target = Target { plan: &plan, version, from_version: new.from_version };
    let page = api.world().all_subscriptions(paging.limit, paging.after.as_ref()).await?;
    let (shelf, now) = (Shelf::default(), api.world().now());
    let mut migration = Migration { next_cursor: paging.next(page.next.as_ref()), ..Migration::default() };
    for subscription in page.items {
        match target.receive(&api, &shelf, subscription, now).await? {
            Fate::Moved => migration.moved += 1,
            Fate::Repeated => migration.repeated += 1,
            Fate::Skipped(reason) => *migration.skipped.entry(reason).or_default() += 1,
            Fate::Passed => {}
        }
    }
    Ok(axum::Json(migration))
}

impl Target<'_> {
    /// Moves one subscription, if it is of an older version and nothing stands against it.
    async fn receive(
        &self,
        api: &Api,
        shelf: &Shelf,
        mut before: Subscription,
        now: Timestamp,
    ) -> Result<Fate, Problem> {
        let store = api.world().store(before.tenant_id);
        let to = self.version.reference;
        let parts = ["migrated", &before.id.to_string(), &to.plan_id.to_string(), &to.version.to_string()];
        let uuid = derived_uuid(&parts);
        for _ in 0..MOVE_TRIES_MAX {
            let today = now.to_zoned(before.time_zone.clone()).date();
            let term = before.term_on(today).or(before.terms.first());
            let Some(term) = term.filter(|term| self.wants(before.tenant_id, term)) else { return Ok(Fate::Passed) };
            if store.has_changed(before.id, uuid).await? {
                return Ok(Fate::Repeated);
            }
            let offer = term.offer;
            if self.version.offer(offer).is_none() {
                return Ok(Fate::Skipped("no_offer"));
            }
            let mut wanted = offers_of(&before);
            wanted.push((to, offer));
            let offers = billing::offers(api.world(), shelf, &wanted).await?;
            let (change, asked) = self.change(offer);
            let changed = match before.change(&change, today, now, &offers) {
                Ok(changed) => changed,
                Err(violation) => return Ok(Fate::Skipped(violation.code)),
            };
            let asked = serde_json::to_string(&asked).map_err(|error| Problem::internal(error.to_string()))?;
            let record = ChangeRecord { asked, from: changed.from, by: "platform".to_owned(), at: now };
            let due_at = due_at(&changed.after)?;
            let write = || store.change_with_record(before.revision, &changed.after, due_at, uuid, &record);
            let outcome = until_not_raced(write).await?;
            api.forget_tenant(before.tenant_id);
            match outcome {
                ChangeOutcome::Changed => return Ok(Fate::Moved),
                ChangeOutcome::Repeated => return Ok(Fate::Repeated),
                ChangeOutcome::Raced => {}
            }
            before = store.subscription(before.id).await?.ok_or_else(Problem::not_found)?;
        }
        Ok(Fate::Skipped("conflict"))
    }

    /// The move as a change, and as it would have been asked for.
    fn change(&self, offer: OfferKey) -> (Change, NewChange) {
        let to = self.version.reference;
        let (version, seats, when) = (Some(to.version), BTreeMap::new(), ChangeWhen::NextPeriod);
        match self.plan.kind {
            PlanKind::Plan => (
                Change::Plan { to, offer, seats: BTreeMap::new(), when: When::NextPeriod },
                NewChange::Plan {
                    plan: self.plan.slug.to_string(),
                    version,
                    interval: Some(offer.interval.into()),
                    seats,
                    when,
                },
            ),
            PlanKind::AddOn => {
                let add_on = self.plan.slug.clone();
                let asked = NewChange::AddOn { add_on: add_on.to_string(), version, seats, when };
                (Change::AddOn { add_on, to, seats: BTreeMap::new(), when: When::NextPeriod }, asked)
            }
        }
    }

    /// Whether what holds for a subscription is an older version, and the one that is asked for if one is.
    fn wants(&self, tenant: TenantId, term: &Term) -> bool {
        let held = match self.plan.kind {
            PlanKind::Plan => Some(term.plan),
            PlanKind::AddOn => term.add_ons.get(&self.plan.slug).map(|add_on| add_on.plan),
        };
        let (versions, to) = (&self.plan.versions, self.version.reference);
        let Some(held) = held.filter(|held| held.plan_id == to.plan_id && held.version < to.version) else {
            return false;
        };
        let stays = versions.overrides().contains_key(&held.version) && !versions.overrides().contains_key(&to.version);
        versions.is_for(to.version, tenant) && self.from_version.map_or(!stays, |from| held.version == from)
    }
}
