//! A plan as it stands: what becomes of its versions, and how it is shown.
//!
//! Invariants: a version goes from draft to active to archived and never back; what is active or archived never changes;
//! new subscriptions get the newest active version. What a version charges is in `PlanVersion`.

use crate::{Violation, id::PlanId, text::Slug};
use jiff::Timestamp;
use std::{
    collections::{BTreeMap, BTreeSet},
    num::NonZeroU32,
};

/// Most drafts of a plan at a time: the numbers are stored in the plan's item.
pub const PLAN_DRAFTS_MAX: usize = 20;
/// Most archived versions of a plan, for the same reason.
pub const PLAN_ARCHIVED_MAX: usize = 1_000;
/// Most pairs of a plan's metadata.
pub const METADATA_PAIRS_MAX: usize = 20;
/// Longest key of metadata, in characters.
pub const METADATA_KEY_LENGTH_MAX: usize = 40;
/// Longest value of metadata, in characters.
pub const METADATA_VALUE_LENGTH_MAX: usize = 200;
/// Longest description of a plan, in characters.
pub const DESCRIPTION_LENGTH_MAX: usize = 1_000;

/// What is offered under one name, now and in the past.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Who it is.
    pub id: PlanId,
    /// How subscriptions name it.
    pub slug: Slug,
    /// What customers call it: the name of the version that was published last.
    pub name: String,
    /// Its versions and what became of each.
    pub versions: Versions,
    /// How it is shown.
    pub attributes: PlanAttributes,
    /// When it was made.
    pub created_at: Timestamp,
    /// Counts the writes, so that of two at a time one is told to look again; 0 for what was stored before it was counted.
    pub revision: u64,
}

impl Plan {
    /// Whether customers see it: it is public, and there is something to subscribe to.
    #[must_use]
    pub fn is_offered(&self) -> bool {
        self.attributes.visibility == Visibility::Public && self.versions.latest().is_some()
    }
}

/// What may change about a plan without a new version.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlanAttributes {
    /// Who sees it.
    pub visibility: Visibility,
    /// Where it stands among others on a page that shows them.
    pub display_order: Option<i32>,
    /// What it is, for people.
    pub description: Option<String>,
    /// What the platform keeps with it.
    pub metadata: BTreeMap<String, String>,
}

/// Who sees a plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Visibility {
    /// Everybody with a key.
    #[default]
    Public,
    /// The platform, which may subscribe a tenant to it.
    Hidden,
}

impl PlanAttributes {
    /// Checks the lengths; names the first broken field.
    pub fn check(&self) -> Result<(), Violation> {
        let length = self.description.as_ref().map_or(1, |text| text.chars().count());
        if !(1..=DESCRIPTION_LENGTH_MAX).contains(&length) {
            let message = format!("use 1 to {DESCRIPTION_LENGTH_MAX} characters, or null for none");
            return Err(Violation::new("/description", "invalid_description", message));
        }
        if self.metadata.len() > METADATA_PAIRS_MAX {
            let message = format!("use at most {METADATA_PAIRS_MAX} pairs");
            return Err(Violation::new("/metadata", "too_many_pairs", message));
        }
        for (key, value) in &self.metadata {
            let key_fits = (1..=METADATA_KEY_LENGTH_MAX).contains(&key.chars().count());
            if !key_fits || value.chars().count() > METADATA_VALUE_LENGTH_MAX {
                let pointer = format!("/metadata/{}", key.replace('~', "~0").replace('/', "~1"));
                let message = format!(
                    "use keys of 1 to {METADATA_KEY_LENGTH_MAX} and values of at most {METADATA_VALUE_LENGTH_MAX} characters"
                );
                return Err(Violation::new(pointer, "invalid_metadata", message));
            }
        }
        Ok(())
    }
}

/// What became of a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VersionStatus {
    /// It can be replaced, and nobody can subscribe to it.
    Draft,
    /// It can be subscribed to, and never changes.
    Active,
    /// Nobody new can subscribe to it; existing subscriptions go on.
    Archived,
}

/// The versions of a plan, from 1 to the newest: each is a draft, archived, or else active.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Versions {
    newest: NonZeroU32,
    drafts: BTreeSet<NonZeroU32>,
    archived: BTreeSet<NonZeroU32>,
}

impl Versions {
    /// Version 1 alone.
    #[must_use]
    pub fn first(is_draft: bool) -> Self {
        let drafts = is_draft.then_some(NonZeroU32::MIN).into_iter().collect();
        Self { newest: NonZeroU32::MIN, drafts, archived: BTreeSet::new() }
    }

    /// All versions up to `newest`, of which those are drafts and those are archived; `None` if that cannot be.
    #[must_use]
    pub fn new(newest: NonZeroU32, drafts: BTreeSet<NonZeroU32>, archived: BTreeSet<NonZeroU32>) -> Option<Self> {
        let all_there = drafts.iter().chain(&archived).all(|version| *version <= newest);
        (all_there && drafts.is_disjoint(&archived)).then_some(Self { newest, drafts, archived })
    }

    /// The highest number, whatever became of it.
    #[must_use]
    pub fn newest(&self) -> NonZeroU32 {
        self.newest
    }

    /// The drafts.
    #[must_use]
    pub fn drafts(&self) -> &BTreeSet<NonZeroU32> {
        &self.drafts
    }

    /// The archived ones.
    #[must_use]
    pub fn archived(&self) -> &BTreeSet<NonZeroU32> {
        &self.archived
    }

    /// What became of `version`; `None` if there is no such version.
    #[must_use]
    pub fn status(&self, version: NonZeroU32) -> Option<VersionStatus> {
        if version > self.newest {
            None
        } else if self.drafts.contains(&version) {
            Some(VersionStatus::Draft)
        } else if self.archived.contains(&version) {
            Some(VersionStatus::Archived)
        } else {
            Some(VersionStatus::Active)
        }
    }

    /// The version that new subscriptions get: the newest active one.
    #[must_use]
    pub fn latest(&self) -> Option<NonZeroU32> {
        // At most as many steps as there are drafts and archived versions, and one.
        (1..=self.newest.get())
            .rev()
            .filter_map(NonZeroU32::new)
            .find(|version| !self.drafts.contains(version) && !self.archived.contains(version))
    }

    /// The version that is shown where none is named: the latest, else the newest archived one, else the newest draft.
    #[must_use]
    pub fn shown(&self) -> NonZeroU32 {
        self.latest().or_else(|| self.archived.last().copied()).unwrap_or(self.newest)
    }

    /// Adds the next version; answers its number.
    pub fn add(&mut self, is_draft: bool) -> Result<NonZeroU32, Violation> {
        if is_draft && self.drafts.len() >= PLAN_DRAFTS_MAX {
            let message = format!("a plan has at most {PLAN_DRAFTS_MAX} drafts; publish or replace one");
            return Err(Violation::new("", "too_many_drafts", message));
        }
        let full = || Violation::new("", "too_many_versions", "make another plan");
        self.newest = self.newest.checked_add(1).ok_or_else(full)?;
        if is_draft {
            self.drafts.insert(self.newest);
        }
        Ok(self.newest)
    }

    /// Makes a draft active; answers whether it was one. An active version stays as it is.
    pub fn publish(&mut self, version: NonZeroU32) -> Result<bool, Violation> {
        if self.archived.contains(&version) {
            return Err(Violation::new("", "archived", "an archived version does not come back; publish another one"));
        }
        Ok(self.drafts.remove(&version))
    }

    /// Archives an active version; answers whether it was one. An archived version stays as it is.
    pub fn archive(&mut self, version: NonZeroU32) -> Result<bool, Violation> {
        if self.drafts.contains(&version) {
            return Err(Violation::new(
                "",
                "not_published",
                "nobody can subscribe to a draft; there is nothing to archive",
            ));
        }
        if !self.archived.contains(&version) && self.archived.len() >= PLAN_ARCHIVED_MAX {
            let message = format!("a plan has at most {PLAN_ARCHIVED_MAX} archived versions; make another plan");
            return Err(Violation::new("", "too_many_versions", message));
        }
        Ok(self.archived.insert(version))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn number(n: u32) -> NonZeroU32 {
        NonZeroU32::new(n).unwrap()
    }

    fn versions(newest: u32, drafts: &[u32], archived: &[u32]) -> Option<Versions> {
        let set = |numbers: &[u32]| numbers.iter().copied().map(number).collect();
        Versions::new(number(newest), set(drafts), set(archived))
    }

    #[rstest]
    #[case::one(1, &[], &[], Some(1), 1)]
    #[case::newest_of_three(3, &[], &[], Some(3), 3)]
    #[case::draft_on_top(3, &[3], &[], Some(2), 2)]
    #[case::draft_below(3, &[2], &[], Some(3), 3)]
    #[case::archived_on_top(3, &[], &[3], Some(2), 2)]
    #[case::both_on_top(4, &[4], &[3], Some(2), 2)]
    #[case::only_a_draft(1, &[1], &[], None, 1)]
    #[case::all_archived(2, &[], &[1, 2], None, 2)]
    #[case::archived_before_draft(3, &[3], &[1, 2], None, 2)]
    fn the_latest_is_the_newest_active_one(
        #[case] newest: u32,
        #[case] drafts: &[u32],
        #[case] archived: &[u32],
        #[case] latest: Option<u32>,
        #[case] shown: u32,
    ) {
        let versions = versions(newest, drafts, archived).unwrap();
        assert_eq!((versions.latest(), versions.shown()), (latest.map(number), number(shown)));
    }

    #[rstest]
    #[case::beyond_the_newest(&[3], &[])]
    #[case::both(&[1], &[1])]
    fn what_cannot_be_is_none(#[case] drafts: &[u32], #[case] archived: &[u32]) {
        assert_eq!(versions(2, drafts, archived), None);
    }

    #[test]
    fn a_version_goes_from_draft_to_active_to_archived_and_never_back() {
        let mut versions = Versions::first(true);
        let one = number(1);
        assert_eq!(versions.archive(one).unwrap_err().code, "not_published");
        assert_eq!((versions.publish(one), versions.status(one)), (Ok(true), Some(VersionStatus::Active)));
        assert_eq!((versions.publish(one), versions.status(one)), (Ok(false), Some(VersionStatus::Active)));
        assert_eq!((versions.archive(one), versions.status(one)), (Ok(true), Some(VersionStatus::Archived)));
        assert_eq!((versions.archive(one), versions.status(one)), (Ok(false), Some(VersionStatus::Archived)));
        assert_eq!(versions.publish(one).unwrap_err().code, "archived");
        assert_eq!((versions.add(false), versions.latest()), (Ok(number(2)), Some(number(2))));
        assert_eq!((versions.add(true), versions.latest()), (Ok(number(3)), Some(number(2))));
        assert_eq!(versions.status(number(4)), None);
    }

    #[test]
    fn a_plan_has_twenty_drafts_and_a_thousand_archived_versions() {
        let mut versions = Versions::first(true);
        for _ in 1..20 {
            versions.add(true).unwrap();
        }
        assert_eq!(versions.add(true).unwrap_err().code, "too_many_drafts");
        assert_eq!(versions.add(false), Ok(number(21)), "a refusal uses no number up");
        let all: Vec<u32> = (1..=1_000).collect();
        let mut versions = super::tests::versions(1_001, &[], &all).unwrap();
        assert_eq!(versions.archive(number(1_001)).unwrap_err().code, "too_many_versions");
        assert_eq!(versions.archive(number(1_000)), Ok(false));
    }

    #[rstest]
    #[case::longest(20, 40, 200, 1_000, None)]
    #[case::one_pair_more(21, 40, 200, 1, Some(("/metadata", "too_many_pairs")))]
    #[case::value(1, 2, 201, 1, Some(("/metadata/00", "invalid_metadata")))]
    #[case::key(1, 41, 1, 1, Some(("/metadata/00000000000000000000000000000000000000000", "invalid_metadata")))]
    #[case::description(0, 40, 0, 1_001, Some(("/description", "invalid_description")))]
    #[case::empty_description(0, 40, 0, 0, Some(("/description", "invalid_description")))]
    fn attributes_are_refused_by_the_field(
        #[case] pairs: usize,
        #[case] key: usize,
        #[case] value: usize,
        #[case] description: usize,
        #[case] expect: Option<(&str, &str)>,
    ) {
        let attributes = PlanAttributes {
            description: Some("ü".repeat(description)),
            metadata: (0..pairs).map(|pair| (format!("{pair:0key$}"), "ü".repeat(value))).collect(),
            ..PlanAttributes::default()
        };
        let refusal = attributes.check().err();
        assert_eq!(refusal.as_ref().map(|violation| (violation.pointer.as_str(), violation.code)), expect);
    }
}
