//! The versions of a plan, and what becomes of each.
//!
//! Invariants: a version goes from draft to active to archived and never back; what is active or archived never changes;
//! new subscriptions get the newest active version, or that which overrides it for their tenant alone.

use crate::{Violation, id::TenantId};
use std::{
    collections::{BTreeMap, BTreeSet},
    num::NonZeroU32,
};

/// Most drafts of a plan at a time: the numbers are stored in the plan's item.
pub const PLAN_DRAFTS_MAX: usize = 20;
/// Most archived versions of a plan, for the same reason.
pub const PLAN_ARCHIVED_MAX: usize = 1_000;
/// Most versions of a plan that are for one tenant alone, for the same reason.
pub const PLAN_OVERRIDES_MAX: usize = 1_000;
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

/// The versions of a plan, from 1 to the newest: each is a draft, archived, or else active; some are for one tenant alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Versions {
    newest: NonZeroU32,
    drafts: BTreeSet<NonZeroU32>,
    archived: BTreeSet<NonZeroU32>,
    overrides: BTreeMap<NonZeroU32, TenantId>,
}

impl Versions {
    /// Version 1 alone.
    #[must_use]
    pub fn first(is_draft: bool) -> Self {
        let drafts = is_draft.then_some(NonZeroU32::MIN).into_iter().collect();
        Self { newest: NonZeroU32::MIN, drafts, archived: BTreeSet::new(), overrides: BTreeMap::new() }
    }

    /// All versions up to `newest`, of which those are drafts, those are archived and those are for one tenant; `None` if
    /// that cannot be.
    #[must_use]
    pub fn new(
        newest: NonZeroU32,
        drafts: BTreeSet<NonZeroU32>,
        archived: BTreeSet<NonZeroU32>,
        overrides: BTreeMap<NonZeroU32, TenantId>,
    ) -> Option<Self> {
        let all_there = drafts.iter().chain(&archived).chain(overrides.keys()).all(|version| *version <= newest);
        let drafts_are_for_all =
            overrides.keys().all(|version| *version > NonZeroU32::MIN && !drafts.contains(version));
        let can_be = all_there && drafts_are_for_all && drafts.is_disjoint(&archived);
        can_be.then_some(Self { newest, drafts, archived, overrides })
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

    /// Those that one tenant alone can subscribe to, with who that is. They are never drafts.
    #[must_use]
    pub fn overrides(&self) -> &BTreeMap<NonZeroU32, TenantId> {
        &self.overrides
    }

    /// Whether `tenant` may see `version` and subscribe to it.
    #[must_use]
    pub fn is_for(&self, version: NonZeroU32, tenant: TenantId) -> bool {
        self.overrides.get(&version).is_none_or(|owner| *owner == tenant)
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

    /// The version that new subscriptions get: the newest active one that is for all.
    #[must_use]
    pub fn latest(&self) -> Option<NonZeroU32> {
        // At most as many steps as there are drafts, archived versions and overrides, and one.
        let all = (1..=self.newest.get()).rev().filter_map(NonZeroU32::new);
        all.filter(|version| !self.overrides.contains_key(version))
            .find(|version| self.status(*version) == Some(VersionStatus::Active))
    }

    /// The version that new subscriptions of `tenant` get: the newest active one that is for it alone, else the latest.
    #[must_use]
    pub fn latest_for(&self, tenant: TenantId) -> Option<NonZeroU32> {
        let own = self.overrides.iter().rev().filter(|(_, owner)| **owner == tenant).map(|(version, _)| *version);
        own.into_iter().find(|version| !self.archived.contains(version)).or_else(|| self.latest())
    }

    /// The version that is shown where none is named: the latest, else the newest archived one, else the newest draft.
    #[must_use]
    pub fn shown(&self) -> NonZeroU32 {
        let of_all = |versions: &BTreeSet<NonZeroU32>| {
            versions.iter().rev().find(|version| !self.overrides.contains_key(version)).copied()
        };
        // Version 1 is for all, and is one of them.
        self.latest().or_else(|| of_all(&self.archived)).or_else(|| of_all(&self.drafts)).unwrap_or(NonZeroU32::MIN)
    }

    /// Adds the next version for `tenant` alone, active at once; answers its number.
    pub fn add_override(&mut self, tenant: TenantId) -> Result<NonZeroU32, Violation> {
        if self.overrides.len() >= PLAN_OVERRIDES_MAX {
            let message = format!("a plan has at most {PLAN_OVERRIDES_MAX} overrides; make another plan");
            return Err(Violation::new("", "too_many_overrides", message));
        }
        let version = self.add(false)?;
        self.overrides.insert(version, tenant);
        Ok(version)
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
        Versions::new(number(newest), set(drafts), set(archived), BTreeMap::new())
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

    #[test]
    fn an_override_is_for_its_tenant_alone() {
        let (acme, globex) = (TenantId::derived(&["acme"]), TenantId::derived(&["globex"]));
        let mut versions = Versions::first(false);
        assert_eq!((versions.add_override(acme), versions.add(false)), (Ok(number(2)), Ok(number(3))));
        assert_eq!(versions.add_override(acme), Ok(number(4)));
        let latest =
            |versions: &Versions| [acme, globex].map(|tenant| versions.latest_for(tenant).map(NonZeroU32::get));
        assert_eq!((latest(&versions), versions.latest()), ([Some(4), Some(3)], Some(number(3))));
        assert_eq!((versions.is_for(number(4), acme), versions.is_for(number(4), globex)), (true, false));
        assert_eq!((versions.is_for(number(3), acme), versions.is_for(number(3), globex)), (true, true));
        versions.archive(number(4)).unwrap();
        assert_eq!(latest(&versions), [Some(2), Some(3)], "the one before holds again");
        versions.archive(number(2)).unwrap();
        assert_eq!(latest(&versions), [Some(3), Some(3)]);
        versions.archive(number(1)).unwrap();
        versions.archive(number(3)).unwrap();
        assert_eq!((latest(&versions), versions.shown()), ([None, None], number(3)), "no override is shown to all");
    }

    #[test]
    fn a_plan_has_a_thousand_overrides() {
        let mut versions = Versions::first(false);
        for n in 0..1_000 {
            versions.add_override(TenantId::derived(&[&n.to_string()])).unwrap();
        }
        let refused = versions.add_override(TenantId::derived(&["acme"])).unwrap_err();
        assert_eq!((refused.code, versions.newest()), ("too_many_overrides", number(1_001)));
    }

    #[rstest]
    #[case::first(&[1], &[])]
    #[case::beyond_the_newest(&[3], &[])]
    #[case::draft(&[2], &[2])]
    fn what_cannot_be_an_override_is_none(#[case] overrides: &[u32], #[case] drafts: &[u32]) {
        let owner = |n: &u32| (number(*n), TenantId::derived(&["acme"]));
        let drafts = drafts.iter().copied().map(number).collect();
        let versions = Versions::new(number(2), drafts, BTreeSet::new(), overrides.iter().map(owner).collect());
        assert_eq!(versions, None);
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
}
