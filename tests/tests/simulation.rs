//! Seeded fault schedules over the whole platform: every total exact, every seed replays, and the auditor bites.

use base64::{Engine, engine::general_purpose::STANDARD};
use cloud::Settings;
use meterline::aws::Tampering;
use serde_json::json;
use tests::simulation::{Options, Sabotage, Size, alone, sweep};

/// The schedules of every change: about two minutes on two cores in a build that is not optimised. `cargo sim` runs more.
const SEEDS: u64 = 250;
/// A sabotage must be noticed within so many schedules.
const SABOTAGED_SEEDS_MAX: u64 = 200;

#[test]
fn every_total_is_exact() {
    let summary = sweep(0..SEEDS, 2, &Options::default(), |_| ());
    let failures: Vec<String> = summary.failures.iter().map(ToString::to_string).collect();
    assert!(failures.is_empty(), "{}\n{summary}", failures.join("\n\n"));
    // A sweep in which nothing happened would prove nothing.
    assert!(summary.months > SEEDS / 20 && summary.total.crashes > SEEDS, "{summary}");
    assert_eq!(summary.total.faults.len(), 8, "every kind of fault has fired: {summary}");
    assert!(summary.total.counted > 5 * SEEDS, "{summary}");
}

#[test]
fn a_seed_replays_step_by_step() {
    for seed in [1, 2, 3, 5, 8, 13, 21, 34] {
        let (first, again) = (alone(seed, &Options::default()), alone(seed, &Options::default()));
        // The report holds a digest of every step: who called what, in which order, and what went wrong with it.
        assert_eq!(first.unwrap_or_default(), again.unwrap_or_default(), "seed {seed}");
    }
}

#[test]
fn a_large_schedule_is_exact() {
    let summary = sweep(0..1, 1, &Options { size: Size::Large, ..Options::default() }, |_| ());
    assert!(summary.failures.is_empty(), "{}", summary.failures[0]);
}

/// Runs sabotaged schedules until the auditor finds what `difference` says; the same schedule without it must be exact.
fn assert_noticed(sabotage: &Sabotage, difference: &str) {
    let options = Options { sabotage: sabotage.clone(), ..Options::default() };
    let mut others: Vec<String> = Vec::new();
    for seed in 0..SABOTAGED_SEEDS_MAX {
        match alone(seed, &options) {
            Err(failure) if failure.difference.contains(difference) => {
                let honest = alone(seed, &Options::default());
                assert_eq!(honest.err().map(|failure| failure.to_string()), None, "the sabotage is not to blame");
                return;
            }
            Err(failure) => others.push(failure.difference),
            Ok(_) => {}
        }
    }
    panic!("nobody noticed {sabotage:?} in {SABOTAGED_SEEDS_MAX} schedules, but {others:#?}");
}

/// The write that moves a counter no longer depends on what it was computed from.
fn without_the_snapshot_rule(settings: &Settings) -> Vec<Tampering> {
    vec![Tampering::IgnoreConditions { table: settings.usage_table.clone() }]
}

#[test]
fn the_auditor_notices_a_broken_snapshot_rule() {
    let sabotage = Sabotage { usage: Some(without_the_snapshot_rule), ..Sabotage::default() };
    assert_noticed(&sabotage, "acknowledged and not counted");
}

/// Whoever reads a lane finds its counters, but not the events that are in them.
fn without_the_duplicate_filter(settings: &Settings) -> Vec<Tampering> {
    let nothing = STANDARD.encode(usage_log::encode(&usage_log::Batch::default()));
    let (table, attribute) = (settings.usage_table.clone(), "tail".to_owned());
    vec![Tampering::ReplaceAttribute { table, attribute, value: json!({"B": nothing}) }]
}

#[test]
fn the_auditor_notices_a_broken_duplicate_filter() {
    let sabotage = Sabotage { usage: Some(without_the_duplicate_filter), ..Sabotage::default() };
    assert_noticed(&sabotage, "counted 2 times");
}

#[test]
fn the_auditor_notices_messages_that_are_deleted_before_they_are_counted() {
    let sabotage = Sabotage { acknowledges_first: true, ..Sabotage::default() };
    assert_noticed(&sabotage, "acknowledged and not counted");
}
