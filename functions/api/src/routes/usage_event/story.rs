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

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{id::TenantId, usage::UsageEvent};
    use rstest::rstest;
    use usage_log::{Builder, Identity, Log};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn event(data: &str) -> UsageEvent<'_> {
        let time_basis = TimeBasis::Event;
        UsageEvent { id: "1", source: "edge", event_type: "call", occurred_at: at(1), time_basis, data }
    }

    /// A log of one event and what happened to it, a second apart: `a` amended, `c` conflict, `s` seen again, `v` voided.
    fn log(happened: &str) -> Log {
        let mut batches = Vec::new();
        let mut builder = Builder::default();
        builder.push(&event(r#"{"n":0}"#), at(10)).unwrap();
        batches.push(builder.finish());
        for (seconds, what) in (1_u8..).zip(happened.chars()) {
            let mut builder = Builder::default();
            let now = at(10 + i64::from(seconds));
            let correction = Correction { id: [seconds; 16], reason: format!("reason {seconds}").into() };
            if matches!(what, 'a' | 'c') {
                builder.push(&event(&format!(r#"{{"n":{seconds}}}"#)), now).unwrap();
            }
            let what = match what {
                'a' => What::Amended { row: 0, correction },
                'c' => What::Conflict { row: 0 },
                'v' => What::Voided(correction),
                _ => What::SeenAgain,
            };
            builder.note(Note { ordinal: 0, at: now, what });
            batches.push(builder.finish());
        }
        Log(batches)
    }

    /// What `see` says of the story of the log's one event.
    fn check<T>(log: &Log, see: impl Fn(&Story<'_>) -> T) -> T {
        let identity = Identity::new(TenantId::derived(&["acme"]));
        let key = identity.key(&log.0[0].event(0));
        see(&log.story(&identity, key).unwrap())
    }

    #[rstest]
    #[case::nothing("", EventStatus::Counted, 0)]
    #[case::a_repeat("s", EventStatus::Counted, 0)]
    #[case::a_conflict("c", EventStatus::Counted, 0)]
    #[case::amended("a", EventStatus::Amended, 1)]
    #[case::amended_twice("asac", EventStatus::Amended, 3)]
    #[case::voided("v", EventStatus::Voided, 0)]
    #[case::amended_and_voided("av", EventStatus::Voided, 1)]
    #[case::sent_again_when_void("vsc", EventStatus::Voided, 0)]
    fn an_event_counts_as_it_was_corrected_last(
        #[case] happened: &str,
        #[case] expect: EventStatus,
        #[case] content_of: u8,
    ) {
        let log = log(happened);
        assert_eq!(check(&log, status), expect);
        assert_eq!(check(&log, |story| content(story).data()), format!(r#"{{"n":{content_of}}}"#));
    }

    #[test]
    fn a_correction_is_known_by_its_id() {
        let log = log("sav");
        let held = |id: u8| check(&log, |story| holds(story, CorrectionId::from_bytes([id; 16])));
        assert_eq!([1, 2, 3, 4].map(held), [false, true, true, false]);
    }

    #[test]
    fn a_story_leaves_nothing_out() {
        let told = check(&log("scascv"), |story| serde_json::to_value(EventStory::of(story).unwrap()).unwrap());
        let id = |byte: u8| CorrectionId::from_bytes([byte; 16]);
        assert_eq!(
            told,
            serde_json::json!({
                "id": "1", "source": "edge", "type": "call", "time": "1970-01-01T00:00:01Z", "timeIsArrival": false,
                "receivedAt": "1970-01-01T00:00:10Z", "data": {"n": 0}, "status": "voided",
                "seenAgainAt": "1970-01-01T00:00:11Z",
                "conflicts": [
                    {"receivedAt": "1970-01-01T00:00:12Z", "time": "1970-01-01T00:00:01Z", "type": "call", "data": {"n": 2}},
                    {"receivedAt": "1970-01-01T00:00:15Z", "time": "1970-01-01T00:00:01Z", "type": "call", "data": {"n": 5}},
                ],
                "amendments": [{
                    "correctionId": id(3), "requestedAt": "1970-01-01T00:00:13Z", "reason": "reason 3", "type": "call",
                    "data": {"n": 3},
                }],
                "voided": {"correctionId": id(6), "requestedAt": "1970-01-01T00:00:16Z", "reason": "reason 6"},
            })
        );
    }
}
