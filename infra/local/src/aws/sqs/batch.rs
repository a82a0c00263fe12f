//! The rules that all batches of SQS and SNS share: how many entries, which ids.

use super::error::{Code, Refusal};
use serde::Serialize;
use std::collections::BTreeSet;

/// Most entries of one batch.
pub(in super::super) const ENTRIES_MAX: usize = 10;
/// Longest id of an entry.
const ENTRY_ID_CHARACTERS_MAX: usize = 80;

/// What is wrong with the entries of a batch as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum BatchRefused {
    Empty,
    TooMany,
    IdsNotDistinct,
    InvalidId,
}

/// Holds the ids of a batch to the rules.
pub(in super::super) fn check_ids<'a>(ids: impl Iterator<Item = &'a str>) -> Result<(), BatchRefused> {
    let mut seen = BTreeSet::new();
    let mut count = 0;
    for id in ids {
        count += 1;
        let legible = |character: char| character.is_ascii_alphanumeric() || matches!(character, '-' | '_');
        if id.is_empty() || id.len() > ENTRY_ID_CHARACTERS_MAX || !id.chars().all(legible) {
            return Err(BatchRefused::InvalidId);
        }
        if !seen.insert(id) {
            return Err(BatchRefused::IdsNotDistinct);
        }
    }
    match count {
        0 => Err(BatchRefused::Empty),
        1..=ENTRIES_MAX => Ok(()),
        _ => Err(BatchRefused::TooMany),
    }
}

impl From<BatchRefused> for Refusal {
    fn from(refused: BatchRefused) -> Self {
        match refused {
            BatchRefused::Empty => {
                Self::new(Code::EmptyBatchRequest, "There should be at least one entry in the request.")
            }
            BatchRefused::TooMany => {
                Self::new(Code::TooManyEntriesInBatchRequest, "Maximum number of entries per request are 10.")
            }
            BatchRefused::IdsNotDistinct => {
                Self::new(Code::BatchEntryIdsNotDistinct, "Two or more batch entries have the same Id.")
            }
            BatchRefused::InvalidId => Self::new(
                Code::InvalidBatchEntryId,
                "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long.",
            ),
        }
    }
}

/// A failed entry, as all batches of SQS answer it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Failed {
    id: String,
    code: &'static str,
    message: String,
    sender_fault: bool,
}

impl Failed {
    pub(super) fn new(id: String, refusal: Refusal) -> Self {
        Self { id, code: refusal.code.shape(), message: refusal.message, sender_fault: true }
    }
}

/// The answer to a batch.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Results<Entry> {
    pub(super) successful: Vec<Entry>,
    pub(super) failed: Vec<Failed>,
}

impl<Entry> Results<Entry> {
    pub(super) fn new() -> Self {
        Self { successful: Vec::new(), failed: Vec::new() }
    }

    pub(super) fn push(&mut self, id: String, result: Result<Entry, Refusal>) {
        match result {
            Ok(entry) => self.successful.push(entry),
            Err(refusal) => self.failed.push(Failed::new(id, refusal)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_has_one_to_ten_entries_with_distinct_legible_ids() {
        let eleven = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k"];
        let long = "x".repeat(81);
        let rows: [(&[&str], Result<(), BatchRefused>); 7] = [
            (&["a", "B-2_"], Ok(())),
            (&eleven[..10], Ok(())),
            (&[], Err(BatchRefused::Empty)),
            (&eleven, Err(BatchRefused::TooMany)),
            (&["a", "a"], Err(BatchRefused::IdsNotDistinct)),
            (&["a b"], Err(BatchRefused::InvalidId)),
            (&[&long], Err(BatchRefused::InvalidId)),
        ];
        for (ids, expected) in rows {
            assert_eq!(check_ids(ids.iter().copied()), expected, "{ids:?}");
        }
    }
}
