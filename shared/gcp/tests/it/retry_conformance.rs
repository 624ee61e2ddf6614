//! Google's retry conformance tests, as far as they are about the methods that this client calls.
//!
//! Each pair of a case and a method is one run of one operation on an emulator that is told what
//! to do to its requests. The list is in `tests/fixtures/retry_tests.json`, which names where it
//! comes from. Two things are different here, and the table says where:
//!
//! - Scenario 3 writes without a precondition and expects no repetition. `store::Precondition`
//!   has no variant for that and `Effect` no write without one, so this client cannot be made to.
//! - Scenario 7 is about resumable uploads. This client uploads in one request of any size, so an
//!   upload that fails after so many bytes is repeated from its beginning.
//!
//! Writes of scenario 5 carry a precondition although the scenario needs none: it makes
//! repetition safe, and still there must be none.

use std::fmt::Write as _;

use bytes::Bytes;
use expect_test::expect;
use serde::Deserialize;
use store::{Error, List, Precondition, Store};

use crate::client::Naps;
use crate::place::{Place, place_within, put};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RetryTests {
    retry_tests: Vec<Scenario>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Scenario {
    id: u32,
    cases: Vec<Case>,
    methods: Vec<Method>,
    precondition_provided: bool,
    expect_success: bool,
}

#[derive(Deserialize)]
struct Case {
    instructions: Vec<String>,
}

#[derive(Deserialize)]
struct Method {
    name: String,
    group: Option<String>,
}

impl Scenario {
    /// Whether the scenario is about what this client cannot say.
    fn is_expressible(&self, method: &Method) -> bool {
        let is_write = matches!(method.name.as_str(), INSERT | DELETE);
        let has_final_error = self.cases.iter().all(|case| case.has_final_error());
        !is_write || self.precondition_provided || has_final_error
    }
}

impl Case {
    /// Whether it ends with a status that nobody repeats, precondition or not.
    fn has_final_error(&self) -> bool {
        self.instructions.last().is_some_and(|last| last.starts_with("return-4"))
    }

    /// More than the instructions wait for.
    fn body_bytes(&self) -> usize {
        let kib = |text: &String| {
            let (_, after) = text.split_once("-after-")?;
            after.strip_suffix('K')?.parse::<usize>().ok()
        };
        self.instructions.iter().filter_map(kib).max().map_or(2, |kib| kib * 1024 + 1)
    }
}

const GET: &str = "storage.objects.get";
const LIST: &str = "storage.objects.list";
const INSERT: &str = "storage.objects.insert";
const DELETE: &str = "storage.objects.delete";

/// Makes the call, and says whether its effect and its result are right.
async fn call(at: &Place, method: &str, body: &Bytes) -> Result<bool, Error> {
    let bucket = &at.bucket;
    match method {
        GET => Ok(bucket.get("a", None).await?.is_some_and(|object| object.body == *body)),
        LIST => Ok(bucket.list(&List::default()).await?.items.len() == 1),
        INSERT => {
            let generation = put(bucket, "b", body.clone(), Precondition::Absent).await?;
            let versions = at.memory.versions_of("b");
            let versions: Vec<_> = versions.iter().map(|stored| stored.generation).collect();
            Ok(at.stored("b").as_ref() == Some(body) && versions == [generation])
        }
        DELETE => {
            let generation = at.memory.versions_of("a")[0].generation;
            Ok(bucket.delete("a", generation).await? && at.stored("a").is_none())
        }
        other => panic!("{other} is not in the list"),
    }
}

/// The end of one pair.
async fn run(case: &Case, method: &Method, expect_success: bool) -> String {
    let at = place_within(gcp::DEADLINE, Naps::new(), None).await;
    let body = Bytes::from(vec![b'x'; case.body_bytes()]);
    at.memory.insert("a", body.clone(), emulator::Upload::default()).unwrap();
    let instructions = at.emulator.instruct(&method.name, &case.instructions).unwrap();
    let end = call(&at, &method.name, &body).await;
    assert!(instructions.is_consumed(), "{:?} of {}", case.instructions, method.name);
    assert_eq!(end.is_ok(), expect_success, "{:?} of {}", case.instructions, method.name);
    let end = match end {
        Ok(true) => "success".to_owned(),
        Ok(false) => panic!("{:?} of {}: a false success", case.instructions, method.name),
        Err(err) => {
            let unchanged = at.stored("a").is_some() && at.stored("b").is_none();
            assert!(unchanged, "{:?} of {}", case.instructions, method.name);
            format!("{:?}", err.kind)
        }
    };
    let uploads = if method.group.as_deref() == Some("storage.resumable.upload") {
        ", each the whole upload"
    } else {
        ""
    };
    format!("{end}, attempts: {}{uploads}", at.requests())
}

#[tokio::test]
async fn every_expressible_pair_of_googles_list_holds() {
    let list = include_str!("../fixtures/retry_tests.json");
    let list: RetryTests = serde_json::from_str(list).unwrap();
    let (mut table, mut pairs, mut held) = (String::new(), 0, 0);
    for scenario in &list.retry_tests {
        for case in &scenario.cases {
            for method in &scenario.methods {
                let end = match scenario.is_expressible(method) {
                    true => run(case, method, scenario.expect_success).await,
                    false => "not expressible: every write has a precondition".to_owned(),
                };
                pairs += 1;
                held += usize::from(scenario.is_expressible(method));
                let name = method.name.trim_start_matches("storage.objects.");
                let instructions = case.instructions.join(", ");
                writeln!(table, "{} {name:6} {instructions:49} {end}", scenario.id).unwrap();
            }
        }
    }
    writeln!(table, "{held} of {pairs} pairs").unwrap();
    println!("{table}");
    expect![[r#"
        1 get    return-503, return-503                            success, attempts: 3
        1 list   return-503, return-503                            success, attempts: 3
        1 get    return-reset-connection, return-reset-connection  success, attempts: 3
        1 list   return-reset-connection, return-reset-connection  success, attempts: 3
        1 get    return-reset-connection, return-503               success, attempts: 3
        1 list   return-reset-connection, return-503               success, attempts: 3
        2 delete return-503, return-503                            success, attempts: 3
        2 insert return-503, return-503                            success, attempts: 3
        2 delete return-reset-connection, return-reset-connection  success, attempts: 3
        2 insert return-reset-connection, return-reset-connection  success, attempts: 3
        2 delete return-reset-connection, return-503               success, attempts: 3
        2 insert return-reset-connection, return-503               success, attempts: 3
        3 delete return-503                                        not expressible: every write has a precondition
        3 insert return-503                                        not expressible: every write has a precondition
        3 delete return-reset-connection                           not expressible: every write has a precondition
        3 insert return-reset-connection                           not expressible: every write has a precondition
        5 delete return-400                                        Rejected, attempts: 1
        5 get    return-400                                        Rejected, attempts: 1
        5 insert return-400                                        Rejected, attempts: 1
        5 list   return-400                                        Rejected, attempts: 1
        5 delete return-401                                        Unavailable, attempts: 1
        5 get    return-401                                        Unavailable, attempts: 1
        5 insert return-401                                        Unavailable, attempts: 1
        5 list   return-401                                        Unavailable, attempts: 1
        6 delete return-503, return-400                            Rejected, attempts: 2
        6 get    return-503, return-400                            Rejected, attempts: 2
        6 list   return-503, return-400                            Rejected, attempts: 2
        6 insert return-503, return-400                            Rejected, attempts: 2
        6 delete return-reset-connection, return-401               Unavailable, attempts: 2
        6 get    return-reset-connection, return-401               Unavailable, attempts: 2
        6 list   return-reset-connection, return-401               Unavailable, attempts: 2
        6 insert return-reset-connection, return-401               Unavailable, attempts: 2
        7 insert return-reset-connection, return-503               success, attempts: 3, each the whole upload
        7 insert return-408                                        success, attempts: 2, each the whole upload
        7 insert return-503-after-256K                             success, attempts: 2, each the whole upload
        7 insert return-503-after-8192K, return-408                success, attempts: 3, each the whole upload
        8 get    return-broken-stream, return-broken-stream        success, attempts: 3
        8 get    return-broken-stream-after-256K                   success, attempts: 2
        34 of 38 pairs
    "#]].assert_eq(&table);
}
