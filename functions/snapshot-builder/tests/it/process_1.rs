//! The function as process 1 of its container, to which the kernel delivers no signal that it has
//! not asked for. (pid_namespaces(7), "The namespace init process".)

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// How long one that has nothing to do may take to end.
const END_MAX: Duration = Duration::from_secs(1);

/// On a machine that others use as well one try says little.
const TRIES: usize = 3;

#[test]
fn process_1_ends_well_within_a_second_when_told_to() {
    let mut least = Duration::MAX;
    for _ in 0..TRIES {
        let Some((mut outer, process)) = start() else { return };
        let told_at = Instant::now();
        signal("TERM", process);
        let status: ExitStatus = outer.wait().unwrap();
        least = least.min(told_at.elapsed());
        assert!(status.success(), "{status}");
    }
    assert!(least < END_MAX, "{least:?}");
}

/// Whoever made the namespace, and the function in it as it is known outside; `None` where this
/// machine makes no namespaces, which is said.
fn start() -> Option<(Child, u32)> {
    let mut outer = Command::new("unshare")
        .args(["--user", "--map-root-user", "--pid", "--fork", "--kill-child"])
        .arg(env!("CARGO_BIN_EXE_snapshot-builder"))
        .env("BUCKET", "bucket")
        .envs([("HOST", "127.0.0.1"), ("PORT", "0"), ("STORAGE_EMULATOR_HOST", "localhost:1")])
        .stdout(Stdio::piped())
        .spawn()
        .ok()?;
    let mut line = String::new();
    let mut output = BufReader::new(outer.stdout.take().unwrap());
    output.read_line(&mut line).unwrap();
    if !line.contains("listening") {
        skip(outer.wait().unwrap());
        return None;
    }
    std::thread::spawn(move || output.lines().for_each(drop));
    let children = format!("/proc/{0}/task/{0}/children", outer.id());
    let process = fs::read_to_string(children).unwrap().trim().parse().unwrap();
    Some((outer, process))
}

#[expect(clippy::print_stderr, reason = "a test that sees nothing says so")]
fn skip(ended: ExitStatus) {
    eprintln!("no process 1: this machine gives no namespace ({ended})");
}

fn signal(name: &str, process: u32) {
    let status = Command::new("kill").args(["-s", name, &process.to_string()]).status();
    assert!(status.unwrap().success());
}
