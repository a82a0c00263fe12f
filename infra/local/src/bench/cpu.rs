//! The processor time of this process: unlike a rate it is much the same however busy the machine is with other things.

use std::{fs, time::Duration};

/// Where Linux tells it; nothing is told elsewhere.
const STAT: &str = "/proc/self/stat";
/// Its unit, the same on every machine that Linux runs on today.
const TICK: Duration = Duration::from_millis(10);
/// Fields between the name of the program, in parentheses, and the time in user mode, which that of the kernel follows.
const FIELDS_BEFORE: usize = 11;

/// Processor time of all threads so far, where the system tells it.
pub(super) fn time() -> Option<Duration> {
    read(&fs::read_to_string(STAT).ok()?)
}

fn read(stat: &str) -> Option<Duration> {
    // The name may hold parentheses and blanks itself.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut times = fields.split_whitespace().skip(FIELDS_BEFORE).map(str::parse::<u32>);
    let (user, kernel) = (times.next()?.ok()?, times.next()?.ok()?);
    Some(TICK * user.checked_add(kernel)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_and_kernel_time_are_added_up() {
        for (stat, expect) in [
            ("42 (meterline) S 1 42 42 0 -1 4194560 900 0 1 0 250 17 0 0 20 0 4 0 100", Some(2_670)),
            ("42 (a) b (c) R 1 42 42 0 -1 4194560 900 0 1 0 1 2 0 0", Some(30)),
            ("42 (meterline) S 1 42", None),
            ("42 (meterline) S 1 42 42 0 -1 4194560 900 0 1 0 x 17", None),
            ("", None),
        ] {
            assert_eq!(read(stat), expect.map(Duration::from_millis), "{stat}");
        }
    }
}
