//! The story of an event, as it is answered: nothing is left out, and nothing is said that the log does not say.

use crate::problem::Problem;
use domain::{Timestamp, id::CorrectionId, usage::TimeBasis};
use serde::Serialize;
use serde_json::value::RawValue;
use usage_log::{Correction, EventRef, Note, Story, What};
use utoipa::ToSchema;

/// A usage event and all that happened to it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = UsageEvent)]
pub(crate) struct EventStory {
    /// Its id.
    #[schema(example = "req-7f3a")]
    id: String,
    /// The system that reported it.
    #[schema(example = "edge-7")]
    source: String,
    /// What happened, as it was accepted.
    #[serde(rename = "type")]
    #[schema(example = "request.served")]
    event_type: String,
    /// When it happened.
    time: Timestamp,
    /// Whether `time` is the arrival, because the event had no time of its own.
    time_is_arrival: bool,
    /// When it was accepted.
    received_at: Timestamp,
    /// What meters read, as it was accepted.
    #[schema(value_type = Object)]
    data: Box<RawValue>,
    /// How it counts now.
    status: EventStatus,
    /// When it was first sent again, which changed nothing; `null` if it was not.
    seen_again_at: Option<Timestamp>,
    /// What else was sent under its identity, each content once. None of it counts.
    conflicts: Vec<Conflict>,
    /// By what it was replaced, in the order in which that was carried out: the last one counts, unless it is void.
    amendments: Vec<Amendment>,
    /// How it was voided; `null` if it was not.
    voided: Option<Voiding>,
}

/// How an event counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum EventStatus {
    /// As it was accepted.
    Counted,
    /// As its last amendment says.
    Amended,
    /// Not at all.
    Voided,
}

/// Another event with the identity of one that was accepted.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Conflict {
    /// When it was sent.
    received_at: Timestamp,
    /// When it happened.
    time: Timestamp,
    /// What happened.
    #[serde(rename = "type")]
    #[schema(example = "request.served")]
    event_type: String,
    /// What it says.
    #[schema(value_type = Object)]
    data: Box<RawValue>,
}

/// What an event says instead.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Amendment {
    /// The correction, as its request was answered.
    #[schema(value_type = String, example = "cor_0197263d8c007d3f8e6b1f0a2c4d5e6f")]
    correction_id: CorrectionId,
    /// When it was asked for.
    requested_at: Timestamp,
    /// Why.
    reason: String,
    /// What happened, from then on.
    #[serde(rename = "type")]
    #[schema(example = "request.served")]
    event_type: String,
    /// What meters read, from then on.
    #[schema(value_type = Object)]
    data: Box<RawValue>,
}

/// How an event was voided.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Voiding {
    /// The correction, as its request was answered.
    #[schema(value_type = String, example = "cor_0197263d8c007d3f8e6b1f0a2c4d5e6f")]
    correction_id: CorrectionId,
    /// When it was asked for.
    requested_at: Timestamp,
    /// Why.
    #[schema(example = "sent by a load test")]
    reason: String,
}

impl EventStory {
    /// What `story` says.
    pub(super) fn of(story: &Story<'_>) -> Result<Self, Problem> {
        let event = &story.event;
        let mut told = Self {
            id: event.id().into_owned(),
            source: event.shape().source.to_string(),
            event_type: event.shape().event_type.to_string(),
            time: event.occurred_at(),
            time_is_arrival: event.shape().time_basis == TimeBasis::Arrival,
            received_at: event.received_at(),
            data: data(event)?,
            status: status(story),
            seen_again_at: None,
            conflicts: Vec::new(),
            amendments: Vec::new(),
            voided: None,
        };
        for (note, content) in &story.notes {
            told.tell(note, content.as_ref())?;
        }
        Ok(told)
    }

    fn tell(&mut self, note: &Note, content: Option<&EventRef<'_>>) -> Result<(), Problem> {
        match (&note.what, content) {
            (What::SeenAgain, _) => drop(self.seen_again_at.get_or_insert(note.at)),
            (What::Voided(Correction { id, reason }), _) => {
                let (correction_id, reason) = (CorrectionId::from_bytes(*id), reason.to_string());
                self.voided = Some(Voiding { correction_id, requested_at: note.at, reason });
            }
            (What::Conflict { .. }, Some(content)) => self.conflicts.push(Conflict {
                received_at: note.at,
                time: content.occurred_at(),
                event_type: content.shape().event_type.to_string(),
                data: data(content)?,
            }),
            (What::Amended { correction: Correction { id, reason }, .. }, Some(content)) => {
                self.amendments.push(Amendment {
                    correction_id: CorrectionId::from_bytes(*id),
                    requested_at: note.at,
                    reason: reason.to_string(),
                    event_type: content.shape().event_type.to_string(),
                    data: data(content)?,
                });
            }
            (What::Conflict { .. } | What::Amended { .. }, None) => {
                return Err(Problem::internal("a note of the usage log has no content"));
            }
        }
        Ok(())
    }
}

/// How the event of `story` counts. What is void stays so.
pub(super) fn status(story: &Story<'_>) -> EventStatus {
    let mut status = EventStatus::Counted;
    for (note, _) in &story.notes {
        match note.what {
            What::Voided(_) => return EventStatus::Voided,
            What::Amended { .. } => status = EventStatus::Amended,
            What::SeenAgain | What::Conflict { .. } => {}
        }
    }
    status
}

/// What the event of `story` says now: as it was accepted, or as it was amended last.
pub(super) fn content<'l>(story: &Story<'l>) -> EventRef<'l> {
    let amended = story.notes.iter().rev().find(|(note, _)| matches!(note.what, What::Amended { .. }));
    amended.and_then(|(_, content)| *content).unwrap_or(story.event)
}

/// Whether the correction `id` was carried out.
pub(super) fn holds(story: &Story<'_>, id: CorrectionId) -> bool {
    let corrections = story.notes.iter().filter_map(|(note, _)| note.what.correction());
    corrections.into_iter().any(|correction| correction.id == *id.as_bytes())
}

/// The data of `event`, byte for byte.
fn data(event: &EventRef<'_>) -> Result<Box<RawValue>, Problem> {
    RawValue::from_string(event.data()).map_err(|error| Problem::internal(error.to_string()))
}
