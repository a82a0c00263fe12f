//! The ledger: what the clients know. Every event that they made, every time they sent it, and what they were told.
//!
//! It is all that the auditor goes by, and it says nothing of how the platform counts. Amounts are integers of a
//! thousandth; instants are milliseconds.

/// Digits of the mark in one page: the largest mark, 4^23, is a quantity that the API takes.
pub(super) const MARKS_A_PAGE: usize = 24;
/// A mark is this to the power of the event's place, so that a sum of marks tells how often each event was counted.
pub(super) const MARK_BASE: i128 = 4;

/// A tenant as its clients know it.
#[derive(Clone, Debug)]
pub(super) struct Tenant {
    /// Its slug.
    pub(super) slug: String,
    /// IANA name of its time zone.
    pub(super) zone: &'static str,
    /// What its clocks are ahead of UTC, in minutes. The schedule stays clear of every change to it.
    pub(super) offset_minutes: i64,
    /// How much of the load is its own.
    pub(super) weight: u64,
    /// Its own key.
    pub(super) key: String,
}

impl Tenant {
    /// Start of the local hour of an instant.
    #[must_use]
    pub(super) fn hour(&self, at_ms: i64) -> i64 {
        const HOUR_MS: i64 = 3_600_000;
        let offset_ms = self.offset_minutes * 60_000;
        (at_ms + offset_ms).div_euclid(HOUR_MS) * HOUR_MS - offset_ms
    }
}

/// When an event says that it happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EventTime {
    /// In its field `time`.
    Said(i64),
    /// Inside its id, a version 7 UUID.
    InId(i64),
    /// Nowhere: it counts as of its arrival.
    Arrival,
}

/// What makes two sendings the same event.
#[derive(Clone, Debug)]
pub(super) struct Identity {
    /// Whose it is, by place.
    pub(super) tenant: usize,
    /// Its id.
    pub(super) id: String,
    /// Which system reports it.
    pub(super) source: &'static str,
    /// When it happened.
    pub(super) time: EventTime,
    /// Its contents, by place; those that were sent under its id are in conflict, the others amend it.
    pub(super) contents: Vec<usize>,
    /// Every time that it was asked to be void.
    pub(super) voids: Vec<Sending>,
}

/// What an event says.
#[derive(Clone, Debug)]
pub(super) struct Content {
    /// Which event it is, by place.
    pub(super) identity: usize,
    /// Whether it was sent to be counted instead of what the event said before.
    pub(super) amends: bool,
    /// Its place among the contents of its tenant, of which its mark is made.
    pub(super) place: usize,
    /// The quantity, in thousandths.
    pub(super) bytes_milli: i64,
    /// The group; none is a group too.
    pub(super) region: Option<&'static str>,
    /// The member.
    pub(super) user: u64,
    /// Every time that it was sent.
    pub(super) sendings: Vec<Sending>,
}

impl Content {
    /// The page of its mark.
    #[must_use]
    pub(super) fn page(&self) -> usize {
        self.place / MARKS_A_PAGE
    }

    /// Its mark.
    #[must_use]
    pub(super) fn mark(&self) -> i128 {
        MARK_BASE.pow(u32::try_from(self.place % MARKS_A_PAGE).unwrap_or(0))
    }

    /// Whether a client was told that it is stored.
    #[must_use]
    pub(super) fn is_acknowledged(&self) -> bool {
        self.sendings.iter().any(|sending| sending.outcome == Outcome::Accepted)
    }

    /// Whether it may have been stored at all.
    #[must_use]
    pub(super) fn may_count(&self) -> bool {
        self.sendings.iter().any(Sending::may_count)
    }
}

/// One time that a content was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sending {
    /// The request.
    pub(super) request: u64,
    /// What time it was before it was sent.
    pub(super) from_ms: i64,
    /// What time it was when the answer came, or the hope of one was given up.
    pub(super) until_ms: i64,
    /// What the client was told.
    pub(super) outcome: Outcome,
}

impl Sending {
    /// Whether it may have been stored: all but what was refused for good.
    #[must_use]
    pub(super) fn may_count(&self) -> bool {
        self.outcome != Outcome::Rejected
    }
}

/// What a client was told about a sending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It is stored.
    Accepted,
    /// It never will be.
    Rejected,
    /// To send it again, or nothing at all.
    Unknown,
}

/// Everything that the clients know.
#[derive(Clone, Debug, Default)]
pub(super) struct Ledger {
    /// The tenants.
    pub(super) tenants: Vec<Tenant>,
    /// The events.
    pub(super) identities: Vec<Identity>,
    /// What they say.
    pub(super) contents: Vec<Content>,
    /// Contents of each tenant.
    pub(super) places: Vec<usize>,
}

impl Ledger {
    /// Notes a new event; answers its place.
    pub(super) fn add_identity(&mut self, identity: Identity) -> usize {
        self.identities.push(identity);
        self.identities.len() - 1
    }

    /// Notes what an event says; answers its place.
    pub(super) fn add_content(&mut self, content: Content) -> usize {
        let identity = content.identity;
        let tenant = self.identities[identity].tenant;
        self.contents.push(Content { place: self.places[tenant], ..content });
        self.places[tenant] += 1;
        let place = self.contents.len() - 1;
        self.identities[identity].contents.push(place);
        place
    }

    /// The tenant of a content.
    #[must_use]
    pub(super) fn tenant_of(&self, content: &Content) -> &Tenant {
        &self.tenants[self.identities[content.identity].tenant]
    }

    /// Contents that were sent, and of them those that were acknowledged.
    #[must_use]
    pub(super) fn sent_and_acknowledged(&self) -> (u64, u64) {
        let sent = self.contents.iter().filter(|content| !content.sendings.is_empty()).count();
        let acknowledged = self.contents.iter().filter(|content| content.is_acknowledged()).count();
        (sent as u64, acknowledged as u64)
    }
}
