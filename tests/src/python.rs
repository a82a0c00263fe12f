//! The Python tools of the tests: one virtual environment under the target folder, made once per requirements file.
//!
//! Every package in it is pinned by version and by hash, so that a run tomorrow uses what a run today used.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

/// The folder of the workspace.
#[must_use]
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package lies in the workspace")
}

/// The folder that cargo builds into, found from the running test: `<target>/<profile>/deps/<test>`.
#[must_use]
pub fn target() -> PathBuf {
    let test = std::env::current_exe().expect("a running test has a file");
    test.ancestors().nth(3).expect("a test lies three folders deep").to_owned()
}

/// A command of the environment, such as `cfn-lint`.
#[must_use]
pub fn tool(name: &str) -> Command {
    Command::new(environment().join("bin").join(name))
}

/// A script of `tests/python`, run with the environment's interpreter.
#[must_use]
pub fn script(name: &str) -> Command {
    let mut command = tool("python");
    command.arg(root().join("tests/python").join(name));
    command
}

/// What `command` printed. Anything but success fails the test, with everything the command said.
pub fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?} did not start: {error}"));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{command:?}\n{said}\n{}", String::from_utf8_lossy(&output.stderr));
    said
}

fn environment() -> &'static Path {
    static ENVIRONMENT: OnceLock<PathBuf> = OnceLock::new();
    ENVIRONMENT.get_or_init(make)
}

/// Makes the environment unless one of the same requirements is there. A lock keeps other tests out meanwhile.
fn make() -> PathBuf {
    let requirements = root().join("tests/python/requirements.txt");
    let wanted = fs::read_to_string(&requirements).expect("the requirements are part of the repository");
    let folder = target().join("python");
    fs::create_dir_all(&folder).expect("the target folder is writable");
    let lock = File::create(folder.join("lock")).expect("the target folder is writable");
    lock.lock().expect("a file can be locked");
    let (environment, made) = (folder.join("environment"), folder.join("made-from.txt"));
    if fs::read_to_string(&made).is_ok_and(|made| made == wanted) {
        return environment;
    }
    // The mark goes first: whatever stops this half way, the next run starts over.
    fs::remove_file(&made).ok();
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&environment));
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes", "-r"];
    run(Command::new(environment.join("bin/python")).args(pip).arg(&requirements));
    fs::write(&made, wanted).expect("the target folder is writable");
    environment
}
