//! Every operation under every fault that the emulator can be told to make.

use std::fmt::Write as _;
use std::time::Duration;

use expect_test::expect;
use store::{Error, List, Precondition, Store};

use crate::client::Naps;
use crate::place::{Place, ends, place_within, put};

/// A third of it is how long the client waits for a silent service.
const DEADLINE: Duration = Duration::from_secs(6);

/// What happens to the first request.
const INSTRUCTIONS: [&str; 28] = [
    "return-304",
    "return-400",
    "return-401",
    "return-403",
    "return-404",
    "return-408",
    "return-412",
    "return-429",
    "return-429-retry-after-2s",
    "return-503",
    "return-503-retry-after-60s",
    "return-reset-connection",
    "return-broken-stream",
    "return-corrupted-data",
    "commit-then-reset-connection",
    "commit-then-break-head",
    "commit-then-break-body",
    "commit-then-stall-head",
    "commit-then-stall-body",
    "stall-for-60s-after-0K",
    "reset-connection-then-commit",
    "wrong-checksum",
    "redirect-301",
    "redirect-307-to-http://127.0.0.1:1/elsewhere",
    "html-200",
    "html-404",
    "html-502",
    "slow-head-0ms",
];

const OPERATIONS: [&str; 6] = ["get", "list", "versions", "create", "swap", "delete"];

/// What `operation` ends with, whether it has an effect, and after how many attempts.
async fn run(instruction: &str, operation: &str) -> String {
    let at = place_within(DEADLINE, Naps::new(), None).await;
    let before = at.memory.insert("a", "before".into(), emulator::Upload::default()).unwrap();
    let swap = Precondition::At(before.generation);
    let method = match operation {
        "get" => "storage.objects.get",
        "list" | "versions" => "storage.objects.list",
        "create" | "swap" => "storage.objects.insert",
        _ => "storage.objects.delete",
    };
    let instructions = at.emulator.instruct(method, &[instruction]).unwrap();
    let Place { bucket, .. } = &at;
    let end: Result<bool, Error> = match operation {
        "get" => bucket.get("a", None).await.map(|it| it.is_some_and(|it| it.body == "before")),
        "list" => bucket.list(&List::default()).await.map(|page| page.items.len() == 1),
        "versions" => bucket.versions("a").await.map(|versions| versions.len() == 1),
        "create" => put(bucket, "b", "after", Precondition::Absent).await.map(|_| true),
        "swap" => put(bucket, "a", "after", swap).await.map(|_| true),
        _ => bucket.delete("a", before.generation).await,
    };
    let done = match operation {
        "create" => at.stored("b").is_some(),
        "swap" => at.stored("a").is_some_and(|body| body == "after"),
        "delete" => at.stored("a").is_none(),
        _ => false,
    };
    let is_write = matches!(operation, "create" | "swap" | "delete");
    assert!(done || !is_write || !matches!(end, Ok(true)), "{instruction}: {operation}");
    let end = match end {
        Ok(true) => "ok".to_owned(),
        Ok(false) => "no".to_owned(),
        Err(err) => format!("{:?}", err.kind),
    };
    let waits = if instructions.is_consumed() { "" } else { " unused" };
    let done = if done { " done" } else { "" };
    format!("{end}{done} {}{waits}", at.requests())
}

#[tokio::test]
async fn every_fault_passes_or_is_told() {
    let mut runs = Vec::new();
    for instruction in INSTRUCTIONS {
        for operation in OPERATIONS {
            let case = (operation == OPERATIONS[0]).then_some(instruction);
            runs.push((instruction, case, run(instruction, operation)));
        }
    }
    let mut table = format!("{:44}", "");
    for operation in OPERATIONS {
        write!(table, " {operation:20}").unwrap();
    }
    for (begins, end) in ends(runs).await {
        if let Some(instruction) = begins {
            table = format!("{}\n{instruction:44}", table.trim_end());
        }
        write!(table, " {end:20}").unwrap();
    }
    table = format!("{}\n", table.trim_end());
    println!("{table}");
    expect![[r#"
                                                     get                  list                 versions             create               swap                 delete
        return-304                                   Conflict 1           Conflict 1           Conflict 1           Conflict 1           Conflict 1           Conflict 1
        return-400                                   Rejected 1           Rejected 1           Rejected 1           Rejected 1           Rejected 1           Rejected 1
        return-401                                   Unavailable 1        Unavailable 1        Unavailable 1        Unavailable 1        Unavailable 1        Unavailable 1
        return-403                                   Unavailable 1        Unavailable 1        Unavailable 1        Unavailable 1        Unavailable 1        Unavailable 1
        return-404                                   no 1                 Rejected 1           Rejected 1           Rejected 1           Rejected 1           no 1
        return-408                                   ok 2                 ok 2                 ok 2                 ok done 2            ok done 2            ok done 2
        return-412                                   Conflict 1           Conflict 1           Conflict 1           Conflict 1           Conflict 1           Conflict 1
        return-429                                   ok 2                 ok 2                 ok 2                 Throttled 1          Throttled 1          Throttled 1
        return-429-retry-after-2s                    ok 2                 ok 2                 ok 2                 Throttled 1          Throttled 1          Throttled 1
        return-503                                   ok 2                 ok 2                 ok 2                 ok done 2            ok done 2            ok done 2
        return-503-retry-after-60s                   Unavailable 1        Unavailable 1        Unavailable 1        Unavailable 1        Unavailable 1        Unavailable 1
        return-reset-connection                      ok 2                 ok 2                 ok 2                 ok done 2            ok done 2            ok done 2
        return-broken-stream                         ok 2                 ok 2                 ok 2                 Conflict done 2      Conflict done 2      no done 2
        return-corrupted-data                        ok 2                 ok 2                 ok 2                 Conflict done 2      Conflict done 2      ok done 1 unused
        commit-then-reset-connection                 ok 2                 ok 2                 ok 2                 Conflict done 2      Conflict done 2      no done 2
        commit-then-break-head                       ok 2                 ok 2                 ok 2                 Conflict done 2      Conflict done 2      no done 2
        commit-then-break-body                       ok 2                 ok 2                 ok 2                 Conflict done 2      Conflict done 2      no done 2
        commit-then-stall-head                       ok 2                 ok 2                 ok 2                 Conflict done 2      Conflict done 2      no done 2
        commit-then-stall-body                       ok 2                 ok 2                 ok 2                 Conflict done 2      Conflict done 2      no done 2
        stall-for-60s-after-0K                       ok 2                 ok 2                 ok 2                 ok done 2            ok done 2            no done 2
        reset-connection-then-commit                 ok 2                 ok 2                 ok 2                 ok done 2            ok done 2            ok done 2
        wrong-checksum                               ok 2                 ok 1 unused          ok 1 unused          ok done 1 unused     ok done 1 unused     ok done 1 unused
        redirect-301                                 Unavailable 1        Unavailable 1        Unavailable 1        Unavailable 1        Unavailable 1        Unavailable 1
        redirect-307-to-http://127.0.0.1:1/elsewhere Unavailable 1        Unavailable 1        Unavailable 1        Unavailable 1        Unavailable 1        Unavailable 1
        html-200                                     ok 2                 ok 2                 ok 2                 ok done 2            ok done 2            ok done 2
        html-404                                     ok 2                 Rejected 1           Rejected 1           Rejected 1           Rejected 1           ok done 2
        html-502                                     ok 2                 ok 2                 ok 2                 ok done 2            ok done 2            ok done 2
        slow-head-0ms                                ok 1                 ok 1                 ok 1                 ok done 1            ok done 1            ok done 1
    "#]].assert_eq(&table);
}
