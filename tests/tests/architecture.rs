//! The shape of the house: which crate may know which, how long a file and a function may be, what every file says
//! first, and that no function is without a test.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// A file stops here (docs/STYLE.md, rule 7).
const FILE_LINES_MAX: usize = 500;
/// A function stops here (docs/STYLE.md, rule 7).
const FUNCTION_LINES_MAX: usize = 70;
/// The five functions.
const FUNCTIONS: [&str; 5] = ["api", "usage", "billing", "invoice", "webhook"];

/// What each of our crates may use of our crates: the arrows of docs/ARCHITECTURE.md.
const ARROWS: [(&str, &[&str]); 11] = [
    ("domain", &[]),
    ("usage_log", &["domain"]),
    ("events", &["domain", "usage_log"]),
    ("cloud", &["domain", "usage_log", "events"]),
    ("api", &["domain", "usage_log", "events", "cloud"]),
    ("usage", &["domain", "usage_log", "events", "cloud"]),
    ("billing", &["domain", "usage_log", "events", "cloud"]),
    ("invoice", &["domain", "usage_log", "events", "cloud"]),
    ("webhook", &["domain", "usage_log", "events", "cloud"]),
    ("meterline", &["domain", "usage_log", "events", "cloud", "api", "usage", "billing", "invoice", "webhook"]),
    (
        "tests",
        &["domain", "usage_log", "events", "cloud", "api", "usage", "billing", "invoice", "webhook", "meterline"],
    ),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests are a folder of the repository")
}

/// Every Rust file that is ours, below the top-level folders of the design.
fn rust_files() -> Vec<PathBuf> {
    let mut files = Vec::new();
    for folder in ["shared", "functions", "infra", "tests"] {
        collect(&root().join(folder), &mut files);
    }
    assert!(files.len() > 50, "only {} files were found", files.len());
    files
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

fn name(file: &Path) -> String {
    file.strip_prefix(root()).unwrap().display().to_string()
}

fn assert_none(broken: &[String], rule: &str) {
    assert!(broken.is_empty(), "{rule}:\n{}", broken.join("\n"));
}

#[test]
fn arrows_run_one_way() {
    let metadata = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(metadata.status.success(), "{}", String::from_utf8_lossy(&metadata.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&metadata.stdout).unwrap();
    let ours: BTreeSet<&str> = ARROWS.iter().map(|(package, _)| *package).collect();
    let packages = metadata["packages"].as_array().unwrap();
    let found: BTreeSet<&str> = packages.iter().map(|package| package["name"].as_str().unwrap()).collect();
    assert_eq!(found, ours, "a crate joined or left: give it its arrows here");
    let mut broken = Vec::new();
    for package in packages {
        let from = package["name"].as_str().unwrap();
        let (_, allowed) = ARROWS.iter().find(|(package, _)| *package == from).unwrap();
        for dependency in package["dependencies"].as_array().unwrap() {
            let to = dependency["name"].as_str().unwrap();
            if ours.contains(to) && !allowed.contains(&to) {
                broken.push(format!("{from} -> {to}"));
            }
        }
    }
    assert_none(&broken, "these arrows are broken");
}

#[test]
fn the_domain_does_no_io_and_knows_no_floats() {
    let mut broken = Vec::new();
    for file in rust_files().iter().filter(|file| name(file).starts_with("shared/domain/")) {
        let text = fs::read_to_string(file).unwrap();
        for word in
            ["f32", "f64", "std::fs", "std::net::Tcp", "std::time::", "Timestamp::now", "tokio", ".await", "aws_"]
        {
            if text.contains(word) {
                broken.push(format!("{} says {word}", name(file)));
            }
        }
    }
    assert_none(&broken, "the domain is pure");
}

#[test]
fn only_the_clock_reads_the_time() {
    let allowed = ["shared/cloud/src/clock.rs", "tests/tests/architecture.rs"];
    let reads = |file: &&PathBuf| {
        let text = fs::read_to_string(file).unwrap();
        text.contains("Timestamp::now()") || text.contains("SystemTime::now()")
    };
    let deployed = |file: &&PathBuf| name(file).starts_with("shared/") || name(file).starts_with("functions/");
    let files = rust_files();
    let broken: Vec<String> = files.iter().filter(deployed).filter(reads).map(|file| name(file)).collect();
    let broken: Vec<String> = broken.into_iter().filter(|file| !allowed.contains(&file.as_str())).collect();
    assert_none(&broken, "these files read the time past the clock");
}

#[test]
fn files_and_functions_stop_in_time() {
    let mut broken = Vec::new();
    for file in rust_files() {
        let text = fs::read_to_string(&file).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        if lines.len() > FILE_LINES_MAX {
            broken.push(format!("{} has {} lines", name(&file), lines.len()));
        }
        for (at, line) in lines.iter().enumerate().filter(|(_, line)| starts_function(line)) {
            let length = function_length(&lines[at..]);
            if length > FUNCTION_LINES_MAX {
                broken.push(format!("{}:{} {} has {length} lines", name(&file), at + 1, line.trim()));
            }
        }
    }
    assert_none(&broken, "these are too long");
}

fn starts_function(line: &str) -> bool {
    let words: Vec<&str> = line.split_whitespace().collect();
    let place = words.iter().position(|word| *word == "fn");
    place.is_some_and(|place| {
        words[..place].iter().all(|word| word.starts_with("pub") || *word == "async" || *word == "const")
    })
}

/// The code is formatted: a function ends at the first brace of its own indentation; a declaration has no body.
fn function_length(lines: &[&str]) -> usize {
    let opening = lines.iter().position(|line| line.ends_with(['{', ';', '}']));
    if opening.is_none_or(|at| !lines[at].ends_with('{')) {
        return 1;
    }
    let indentation = lines[0].len() - lines[0].trim_start().len();
    let end = format!("{}}}", " ".repeat(indentation));
    lines.iter().position(|line| *line == end).map_or(1, |last| last + 1)
}

#[test]
fn every_file_says_what_it_decides() {
    let silent = |file: &PathBuf| !fs::read_to_string(file).unwrap().starts_with("//! ");
    let broken: Vec<String> = rust_files().iter().filter(|file| silent(file)).map(|file| name(file)).collect();
    assert_none(&broken, "these files do not open with //!");
}

#[test]
fn no_function_is_without_a_test() {
    let files = rust_files();
    let tested = |function: &&str| {
        let own = |file: &&PathBuf| name(file).starts_with(&format!("functions/{function}/src/"));
        files.iter().filter(own).any(|file| fs::read_to_string(file).unwrap().contains("#[cfg(test)]"))
    };
    let called = |function: &&str| {
        let journeys =
            |file: &&PathBuf| name(file).starts_with("tests/tests/") || name(file) == "infra/local/src/platform.rs";
        let call = format!("{function}::");
        files.iter().filter(journeys).any(|file| fs::read_to_string(file).unwrap().contains(&call))
    };
    let broken: Vec<String> =
        FUNCTIONS.iter().filter(|f| !tested(f) || !called(f)).map(|f| format!("functions/{f}")).collect();
    assert_none(&broken, "these functions have no test");
}

#[test]
fn the_template_has_the_functions_that_the_workspace_has() {
    let template = fs::read_to_string(root().join("template.yaml")).unwrap();
    let mut folders: Vec<String> = fs::read_dir(root().join("functions"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    folders.sort();
    let mut expect = FUNCTIONS.map(str::to_owned);
    expect.sort();
    assert_eq!(folders, expect);
    for function in FUNCTIONS {
        assert!(template.contains(&format!("CodeUri: functions/{function}\n")), "the template lacks {function}");
    }
}
