//! What happens to an event after it was accepted: notes, which stand in the log behind it.

use domain::Timestamp;

/// What happened to an event that was accepted before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Which event: its place among all that the lane accepted, from 0.
    pub ordinal: u32,
    /// When the API took what is noted, in whole milliseconds.
    pub at: Timestamp,
    /// What happened.
    pub what: What,
}

/// What a note says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// It was sent again.
    SeenAgain,
    /// Another event with its identity but other content was sent, which is kept at this row and does not count.
    Conflict {
        /// The row of the other event.
        row: u32,
    },
    /// It was voided.
    Voided(Correction),
    /// It was replaced by what is at this row.
    Amended {
        /// The row of the new content.
        row: u32,
        /// By whom and why.
        correction: Correction,
    },
}

/// A correction that somebody asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Correction {
    /// Its id: asking twice corrects once.
    pub id: [u8; 16],
    /// Why, for the books.
    pub reason: Box<str>,
}

impl What {
    /// The row that holds the content of the note.
    #[must_use]
    pub fn row(&self) -> Option<u32> {
        match self {
            Self::Conflict { row } | Self::Amended { row, .. } => Some(*row),
            Self::SeenAgain | Self::Voided(_) => None,
        }
    }

    /// The correction that it notes.
    #[must_use]
    pub fn correction(&self) -> Option<&Correction> {
        match self {
            Self::Voided(correction) | Self::Amended { correction, .. } => Some(correction),
            Self::SeenAgain | Self::Conflict { .. } => None,
        }
    }
}
