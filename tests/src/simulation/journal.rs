//! The journal of a schedule: every step in words, the latest of them kept, all of them digested, so that two runs of a
//! seed can be compared step by step for the price of one number.

use std::collections::VecDeque;
use std::fmt::{self, Write as _};

/// Lines that are kept for whoever looks for the cause of a difference.
const LINES_MAX: usize = 400;
/// FNV-1a, 64 bits: no cryptography, only the same number for the same text on every machine.
const DIGEST_START: u64 = 0xCBF2_9CE4_8422_2325;
const DIGEST_PRIME: u64 = 0x0000_0100_0000_01B3;

/// What happened, step by step.
#[derive(Debug)]
pub(super) struct Journal {
    lines: VecDeque<String>,
    steps: u64,
    digest: u64,
    trace: bool,
}

impl Journal {
    /// An empty journal; with `trace` every line is printed as it is written.
    #[must_use]
    pub(super) fn new(trace: bool) -> Self {
        Self { lines: VecDeque::new(), steps: 0, digest: DIGEST_START, trace }
    }

    /// Writes a line.
    pub(super) fn write(&mut self, now_ms: i64, line: fmt::Arguments<'_>) {
        self.steps += 1;
        // Once the ring is full its oldest text is written over: a step costs no allocation.
        let mut text = if self.lines.len() == LINES_MAX { self.lines.pop_front() } else { None }.unwrap_or_default();
        text.clear();
        let written = write!(text, "{:>6} {} {line}", self.steps, Clock(now_ms));
        written.expect("a String takes every text");
        for byte in text.bytes() {
            self.digest = (self.digest ^ u64::from(byte)).wrapping_mul(DIGEST_PRIME);
        }
        if self.trace {
            println!("{text}");
        }
        self.lines.push_back(text);
    }

    /// Prints what is for people only, if they read along.
    pub(super) fn remark(&self, text: &str) {
        if self.trace && !text.is_empty() {
            println!("       {text}");
        }
    }

    /// Steps so far.
    #[must_use]
    pub(super) fn steps(&self) -> u64 {
        self.steps
    }

    /// A number for all that was written.
    #[must_use]
    pub(super) fn digest(&self) -> u64 {
        self.digest
    }

    /// The latest lines.
    #[must_use]
    pub(super) fn into_lines(self) -> Vec<String> {
        self.lines.into()
    }
}

/// Day of the month and time of day in UTC, to the millisecond.
struct Clock(i64);

impl fmt::Display for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = domain::Timestamp::from_millisecond(self.0).unwrap_or_default();
        // 2026-05-31T10:00:00.5Z without its year and its month.
        f.write_str(at.to_string().get(8..).unwrap_or_default())
    }
}
