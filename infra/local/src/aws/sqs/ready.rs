//! Which message comes next: in the order of sending, but fairly by message group.
//!
//! As AWS documents fair queues (SQS developer guide, *How Amazon SQS fair queues work*): a group of which many
//! messages are held is noisy, and its messages wait while others have any; of several noisy groups the one that holds
//! fewest comes first. A message without a group is a group of its own, hence never noisy. Left out is what AWS also
//! looks at: a group's share of all that is held, and of the consumers' time.
//!
//! Invariant: `fronts` has the first message of each group that has one, so that no choice walks over the messages.

use std::collections::{BTreeSet, HashMap};

/// A group is noisy from so many messages on that are held at once.
const NOISY_HELD: usize = 30;

/// The messages that may be handed out, and how many of each group are held.
#[derive(Debug, Default)]
pub(super) struct Ready {
    all: BTreeSet<u64>,
    groups: HashMap<Option<String>, Group>,
    /// How noisy a group is, and its first message.
    fronts: BTreeSet<(usize, u64)>,
}

#[derive(Debug, Default)]
struct Group {
    ready: BTreeSet<u64>,
    held: usize,
}

impl Group {
    fn front(&self) -> Option<(usize, u64)> {
        let noise = if self.held < NOISY_HELD { 0 } else { self.held };
        self.ready.first().map(|&sequence| (noise, sequence))
    }
}

impl Ready {
    /// The message to hand out next.
    pub(super) fn next(&self) -> Option<u64> {
        self.fronts.first().map(|&(_, sequence)| sequence)
    }

    /// The message that was sent last.
    pub(super) fn newest(&self) -> Option<u64> {
        self.all.last().copied()
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// A message may be handed out.
    pub(super) fn insert(&mut self, sequence: u64, group: &Option<String>) {
        self.all.insert(sequence);
        self.change(group, |group| {
            group.ready.insert(sequence);
        });
    }

    /// A message may no longer be handed out. Answers whether it could be.
    pub(super) fn remove(&mut self, sequence: u64, group: &Option<String>) -> bool {
        let removed = self.all.remove(&sequence);
        if removed {
            self.change(group, |group| {
                group.ready.remove(&sequence);
            });
        }
        removed
    }

    /// Somebody holds a message.
    pub(super) fn hold(&mut self, group: &Option<String>) {
        // Those without a group are no group together.
        if group.is_some() {
            self.change(group, |group| group.held += 1);
        }
    }

    /// A message is no longer held.
    pub(super) fn let_go(&mut self, group: &Option<String>) {
        if group.is_some() {
            self.change(group, |group| group.held = group.held.saturating_sub(1));
        }
    }

    fn change(&mut self, name: &Option<String>, change: impl FnOnce(&mut Group)) {
        let group = self.groups.entry(name.clone()).or_default();
        let before = group.front();
        change(group);
        let after = group.front();
        if group.ready.is_empty() && group.held == 0 {
            self.groups.remove(name);
        }
        if before != after {
            before.map(|front| self.fronts.remove(&front));
            self.fronts.extend(after);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(name: &str) -> Option<String> {
        (!name.is_empty()).then(|| name.to_owned())
    }

    /// Hands out everything that is ready, message after message, and never lets go of any.
    fn dealt(mut ready: Ready, groups: &[&str]) -> String {
        let mut dealt = String::new();
        while let Some(sequence) = ready.next() {
            let name = groups[usize::try_from(sequence).unwrap()];
            assert!(ready.remove(sequence, &group(name)));
            ready.hold(&group(name));
            dealt.push_str(if name.is_empty() { "-" } else { name });
        }
        assert_eq!((ready.len(), ready.fronts.len()), (0, 0));
        dealt
    }

    #[test]
    fn a_group_that_holds_many_waits_for_the_others() {
        // Messages in the order of sending; how many are held of a before, and of b; the order of hand-out.
        let rows: [(&[&str], usize, usize, &str); 7] = [
            (&["a", "a", "b", "", "a"], 0, 0, "aab-a"),
            (&["a", "a", "b", "", "a"], 28, 0, "aab-a"),
            (&["a", "a", "b", "", "a"], 29, 0, "ab-aa"),
            (&["a", "a", "b", "", "a"], 30, 0, "b-aaa"),
            (&["a", "a", "a", "b", "b"], 33, 30, "bbaaa"),
            (&["a", "a", "a", "b", "b"], 30, 33, "aaabb"),
            (&["", "", "a"], 30, 0, "--a"),
        ];
        for (groups, held_a, held_b, expect) in rows {
            let mut ready = Ready::default();
            for (sequence, name) in (0..).zip(groups) {
                ready.insert(sequence, &group(name));
            }
            (0..held_a).for_each(|_| ready.hold(&group("a")));
            (0..held_b).for_each(|_| ready.hold(&group("b")));
            assert_eq!(dealt(ready, groups), expect, "{groups:?} {held_a} {held_b}");
        }
    }

    #[test]
    fn a_group_is_quiet_again_once_it_holds_few() {
        let mut ready = Ready::default();
        ready.insert(1, &group("a"));
        ready.insert(2, &group("b"));
        (0..NOISY_HELD).for_each(|_| ready.hold(&group("a")));
        assert_eq!(ready.next(), Some(2));
        ready.let_go(&group("a"));
        assert_eq!((ready.next(), ready.newest()), (Some(1), Some(2)));
    }
}
