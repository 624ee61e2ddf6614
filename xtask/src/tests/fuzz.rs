//! Fuzz targets, and what is said of their runs.

use std::time::Duration;

use expect_test::{Expect, expect};

use super::workspace;
use crate::fuzz::{Seen, check_name, targets};

fn check(lines: &[&str], success: bool, expect: &Expect) {
    let mut seen = Seen::default();
    for line in lines {
        seen.take(line, Duration::ZERO);
    }
    expect.assert_eq(&seen.summary("push", 7, success));
}

#[test]
fn each_target_says_what_it_takes() {
    let targets = targets(&workspace().root).unwrap();
    let lines = targets.iter().map(|(name, about)| format!("{name}: {about}\n"));
    expect![[r#"
        definitions: An entity definition, and the places of documents under it.
        egress: Where alerts go and what they say: targets, hosts, addresses, templates.
        ndjson: Documents, one on each line, as shards have them.
        object_name: The name of an object: read, spelled, classed.
        push: The body of a push: decoded, admitted, named in quarantine.
        record: A history record, and the fold of a history of them.
        rules: Rules, evaluated, and the state of the alerts they open.
    "#]]
    .assert_eq(&lines.collect::<String>());
    assert!(check_name("push", &targets).is_ok());
    let wrong = check_name("pull", &targets).unwrap_err().to_string();
    expect![[r#"there is no target "pull"; there are definitions, egress, ndjson, object_name, push, record, rules"#]].assert_eq(&wrong);
}

#[test]
fn a_run_ends_with_one_line() {
    let progress = ["INFO: Seed: 1", "#2\tINITED cov: 7", "#1024\tpulse  cov: 900 ft: 1000"];
    let done = [&progress[..], &["Done 2000 runs in 6 second(s)"]].concat();
    check(&done, true, &expect!["fuzz push: 2000 inputs, 7 s, no panic"]);
    let artifact =
        "artifact_prefix='fuzz/artifacts/push/'; Test unit written to fuzz/artifacts/push/crash-1a";
    let crashed = [&progress[..], &[artifact]].concat();
    check(
        &crashed,
        false,
        &expect![
            "fuzz push: FAILED near input 1024, 7 s; again: cargo xtask fuzz push fuzz/artifacts/push/crash-1a"
        ],
    );
    let broken = ["error: could not compile `fuzz`"];
    check(&broken, false, &expect!["fuzz push: FAILED, 7 s, and kept no input"]);
}

#[test]
fn progress_is_shown_once_a_second() {
    let mut seen = Seen::default();
    let mut shown = |line, millis| seen.take(line, Duration::from_millis(millis));
    assert!(shown("INFO: Seed: 1", 0));
    assert!(shown("#2\tINITED cov: 7", 0));
    assert!(!shown("#3\tNEW    cov: 8", 999));
    assert!(!shown("\tNEW_FUNC[1/2]: 0x55", 2000));
    assert!(shown("#4\tREDUCE cov: 8", 1000));
    assert!(shown("thread '<unnamed>' panicked", 1001));
    assert!(!shown("###### Recommended dictionary. ######", 5000));
    assert!(!shown("\"\\377\" # Uses: 3", 5000));
}
