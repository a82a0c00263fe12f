//! Chance: everything that a schedule draws comes from its seed, through here.

use meterline::aws::SplitMix;

/// A seeded source of choices.
#[derive(Clone, Debug)]
pub(super) struct Chance(SplitMix);

impl Chance {
    /// The choices of `seed` for one purpose, so that what one part draws does not move what another does.
    #[must_use]
    pub(super) fn new(seed: u64, purpose: u64) -> Self {
        let mut mixed = SplitMix(seed ^ purpose.wrapping_mul(0xD6E8_FEB8_6659_FD93));
        Self(SplitMix(mixed.draw()))
    }

    /// 64 bits.
    pub(super) fn draw(&mut self) -> u64 {
        self.0.draw()
    }

    /// One of `0..end`; 0 if that is empty.
    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.draw() % end.max(1)
    }

    /// One of `from..=to`.
    pub(super) fn between(&mut self, from: u64, to: u64) -> u64 {
        from + self.below(to.saturating_sub(from) + 1)
    }

    /// As [`Chance::between`], signed.
    pub(super) fn between_signed(&mut self, from: i64, to: i64) -> i64 {
        let span = u64::try_from(to.saturating_sub(from)).unwrap_or(0);
        from.saturating_add(i64::try_from(self.below(span.saturating_add(1))).unwrap_or(0))
    }

    /// True once in `n` times.
    pub(super) fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    /// A place in a list of so many; 0 if it is empty.
    pub(super) fn place(&mut self, length: usize) -> usize {
        usize::try_from(self.below(length as u64)).unwrap_or(0)
    }

    /// One of `choices`, which are not none.
    pub(super) fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.place(choices.len())]
    }

    /// A place in `weights`, as often as its weight says; `None` if all of them are 0.
    pub(super) fn weighted(&mut self, weights: &[u64]) -> Option<usize> {
        let mut drawn = self.below(weights.iter().sum());
        for (place, &weight) in weights.iter().enumerate() {
            if drawn < weight {
                return Some(place);
            }
            drawn -= weight;
        }
        None
    }
}
