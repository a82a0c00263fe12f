//! A plan as it stands: what becomes of its versions, and how it is shown.
//!
//! Its versions are in `versions`; what a version charges is in `PlanVersion`.

use super::Versions;
use crate::{Violation, id::PlanId, text::Slug};
use jiff::Timestamp;
use std::collections::BTreeMap;

/// Most pairs of a plan's metadata.
pub const METADATA_PAIRS_MAX: usize = 20;
/// Longest key of metadata, in characters.
pub const METADATA_KEY_LENGTH_MAX: usize = 40;
/// Longest value of metadata, in characters.
pub const METADATA_VALUE_LENGTH_MAX: usize = 200;
/// Longest description of a plan, in characters.
pub const DESCRIPTION_LENGTH_MAX: usize = 1_000;

/// What is offered under one name, now and in the past: a plan, or an add-on beside plans.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Who it is.
    pub id: PlanId,
    /// How subscriptions name it.
    pub slug: Slug,
    /// What it is subscribed to as.
    pub kind: PlanKind,
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

/// What a plan is subscribed to as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PlanKind {
    /// A subscription has one at a time.
    #[default]
    Plan,
    /// A subscription has it beside its plan, or several.
    AddOn,
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

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

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
