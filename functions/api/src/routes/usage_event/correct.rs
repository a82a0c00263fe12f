//! Decides on a correction, marks its day as late if that is over, and publishes it.
//!
//! Refused are, in this order: a reason that is none, an event that is void, and, to amend, content that would be refused
//! if it were sent, its age aside. A correction that was carried out is answered as it was the first time.

use super::story::{self, EventStatus};
use crate::{
    problem::Problem,
    routes::usage_events::{admit, check_picked, groups_of, mark_instant, too_many_groups, unpacked},
    state::{Api, KnownTenant, MeterIndex},
};
use cloud::store::{GroupDigest, group_digest};
use domain::{
    Timestamp, Violation, calendar,
    id::CorrectionId,
    usage::{UsageEvent, event},
};
use events::{CorrelationId, Envelope, UsageCorrectedV1, layouts_v1};
use serde::{Deserialize, Serialize, de::IgnoredAny};
use serde_json::value::RawValue;
use std::collections::BTreeSet;
use usage_log::{Batch, Builder, PushError, Remap, Sights, Story};
use utoipa::ToSchema;

/// Why an event is to be void.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schema(as = VoidUsageEvent)]
pub(crate) struct Void {
    /// Why, for whoever reads the books: 1 to 256 bytes.
    #[schema(example = "sent by a load test")]
    reason: String,
}

/// What an event is to say instead.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schema(as = AmendUsageEvent)]
pub(crate) struct Amend {
    /// Why, for whoever reads the books: 1 to 256 bytes.
    #[schema(example = "bytes were counted in kilobytes")]
    reason: String,
    /// What happened, unless that stays as it is.
    #[serde(rename = "type")]
    #[schema(example = "request.served")]
    event_type: Option<String>,
    /// What meters read from now on: all of it, not only what differs.
    #[schema(value_type = Object)]
    data: Box<RawValue>,
    /// Refused, with what to do instead.
    #[serde(default)]
    #[schema(ignore)]
    time: Option<IgnoredAny>,
}

/// A correction that was taken.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = UsageCorrection)]
pub(crate) struct CorrectionTaken {
    /// Who it is: the event's story names it once it is carried out.
    #[schema(value_type = String, example = "cor_0197263d8c007d3f8e6b1f0a2c4d5e6f")]
    correction_id: CorrectionId,
    /// `pending`: it is stored, and will be carried out.
    #[schema(example = "pending")]
    status: &'static str,
}

/// A correction that is asked for.
pub(super) struct Correcting<'a> {
    pub(super) api: &'a Api,
    pub(super) tenant: &'a KnownTenant,
    pub(super) correlation_id: CorrelationId,
    pub(super) id: CorrectionId,
    pub(super) now: Timestamp,
}

impl Correcting<'_> {
    /// Voids the event of `story`.
    pub(super) async fn void(&self, story: &Story<'_>, void: &Void) -> Result<CorrectionTaken, Problem> {
        event::check_reason(&void.reason)?;
        if !story::holds(story, self.id) {
            refuse_void(story)?;
            let mut builder = Builder::default();
            let copied = builder.copy(&story.event, &mut Remap::default());
            copied.map_err(|error| Problem::internal(error.to_string()))?;
            self.publish(&void.reason, &builder.finish(), true).await?;
        }
        Ok(self.taken())
    }

    /// Amends the event of `story`.
    pub(super) async fn amend(&self, story: &Story<'_>, amend: &Amend) -> Result<CorrectionTaken, Problem> {
        event::check_reason(&amend.reason)?;
        if amend.time.is_some() {
            let message = "the time is part of what an event is known by: void it, and send it anew under another id";
            return Err(Violation::new("/time", "not_allowed", message).into());
        }
        if !story::holds(story, self.id) {
            refuse_void(story)?;
            let batch = amended(story, amend, self.now)?;
            self.admit(&batch).await?;
            self.publish(&amend.reason, &batch, false).await?;
        }
        Ok(self.taken())
    }

    /// Refuses what the meters would refuse if it were sent, and groups that there is no room for.
    async fn admit(&self, batch: &Batch) -> Result<(), Problem> {
        // Corrections are few: the meters may be asked for each.
        let meters = self.api.read_meters(self.now).await?;
        let (month, groups) = measured(self.tenant, &meters, batch)?;
        let known = |group: &GroupDigest| self.api.knows_group(self.tenant.id, month, group);
        let new: BTreeSet<GroupDigest> = groups.into_iter().filter(|group| !known(group)).collect();
        if !new.is_empty() && !admit(self.api, self.tenant.id, month, new).await?.is_empty() {
            return Err(too_many_groups().into());
        }
        Ok(())
    }

    async fn publish(&self, reason: &str, batch: &Batch, void: bool) -> Result<(), Problem> {
        // Where its invoice was issued, the next one is to adjust it.
        mark_instant(self.api, self.tenant, batch.event(0).occurred_at(), self.now).await?;
        let data = UsageCorrectedV1 {
            correction_id: self.id,
            time_zone: self.tenant.time_zone_name().to_owned(),
            layouts: layouts_v1(&self.tenant.layouts),
            requested_at: self.now,
            reason: reason.to_owned(),
            packed: UsageCorrectedV1::pack(batch),
            void,
        };
        let id = self.id.to_string();
        let envelope = Envelope::new("api", self.tenant.id, self.now, self.correlation_id.clone(), &[&id], data);
        let message = envelope.encode().map_err(|error| Problem::internal(error.to_string()))?;
        self.api.world().publish(&[message]).await.map_err(|failed| failed.cause.into())
    }

    fn taken(&self) -> CorrectionTaken {
        CorrectionTaken { correction_id: self.id, status: "pending" }
    }
}

fn refuse_void(story: &Story<'_>) -> Result<(), Problem> {
    if story::status(story) == EventStatus::Voided {
        let detail = "the event is void, and stays so; send what should count under another id";
        return Err(Problem::conflict("already_voided", detail));
    }
    Ok(())
}

/// The event of `story` with what it says from now on, alone in a batch.
fn amended(story: &Story<'_>, amend: &Amend, now: Timestamp) -> Result<Batch, Violation> {
    let (accepted, current) = (&story.event, story::content(story));
    let event = UsageEvent {
        id: &accepted.id(),
        source: &accepted.shape().source,
        event_type: amend.event_type.as_deref().unwrap_or(&current.shape().event_type),
        occurred_at: accepted.occurred_at(),
        time_basis: accepted.shape().time_basis,
        data: amend.data.get(),
    };
    event.check_lengths()?;
    let mut builder = Builder::default();
    builder.push(&event, now).map_err(unpacked)?;
    Ok(builder.finish())
}

/// The groups that the one event of `batch` belongs to, and the month in which.
fn measured(
    tenant: &KnownTenant,
    meters: &MeterIndex,
    batch: &Batch,
) -> Result<(Timestamp, BTreeSet<GroupDigest>), Violation> {
    let event = batch.event(0);
    check_picked(meters, &event.shape().event_type)?;
    let groups = groups_of(&Sights::new(meters.all(), batch), &event)?;
    let hour = calendar::hour_start(event.occurred_at(), &tenant.time_zone);
    let month = calendar::month_start(hour, &tenant.time_zone).map_err(|_| unpacked(PushError::Time))?;
    Ok((month, groups.iter().map(|(meter_id, group)| group_digest(*meter_id, group)).collect()))
}
