//! Of those who append after one version, one wins, whatever happens to them.

use std::collections::BTreeSet;
use std::sync::Arc;

use domain::json::Object as Json;
use domain::{Env, ObjectName, Planted};
use emulator::faulty::{Fault, Faulty, When};
use emulator::schedule::{Attempt, Gated, is_long};
use emulator::{Memory, SeededIds, Upload};
use store::{ErrorKind, Object, Store, Tools};

use super::{bucket, builder, entity, record, release, run, said_etag, strict, strict_place};
use crate::append::{Appended, By, Conditional, Current, Op, Wish, append_if_current, judged};
use crate::{Operator, Problem, Screen, Shortcut};

const SNAPSHOT: &str = "env/dev/snapshots/ventures/V1.json";

/// What a conditional writer does, having read the current version.
async fn write(
    tools: Tools,
    n: u32,
    planted: Planted<Shortcut>,
) -> Result<(Conditional, String), Problem> {
    let screen = Screen::on(std::io::sink(), std::io::sink());
    let user = Some(format!("writer {n}"));
    let operator = Operator {
        tools: tools.clone(),
        env: Env::Dev,
        user,
        google: &crate::Google::default(),
        screen: &screen,
        planted,
    };
    let definition = tools.definitions.entity("venture").unwrap();
    let current = Current::read(&operator, &entity("V1"), definition).await?;
    let appended = wished(&operator, &current, n);
    let ended = append_if_current(&operator, &builder(&tools), &current, &appended).await?;
    Ok((ended, appended.object()))
}

fn wished(operator: &Operator<'_>, current: &Current<'_>, n: u32) -> Appended {
    let written: Json = [("status", "Idea".into()), ("n", n.into())]
        .map(|(field, value): (&str, serde_json::Value)| (field.to_owned(), value))
        .into_iter()
        .collect();
    let by = By { actor: operator.user.clone(), reason: None, origin: "operator" };
    let now = operator.tools.clock.now();
    let wish = Wish { op: Op::Full, written: Some(written), current, by, now, id: None };
    judged(wish, operator, &builder(&operator.tools)).unwrap()
}

/// What the entity is when the writers begin.
#[derive(Clone, Copy, Debug)]
enum Before {
    Nothing,
    Live,
    Deleted,
    Pending,
}

/// The bucket when the writers begin, once for all schedules.
async fn prototype(before: Before) -> Vec<(String, Object)> {
    let (bucket, tools) = strict_place();
    let body = match before {
        Before::Nothing => return Vec::new(),
        Before::Live => r#"{"schema_version":"1.0.0","status":"Idea"}"#,
        Before::Deleted => r#"{"op":"delete"}"#,
        Before::Pending => r#"{"op":"merge","n":1}"#,
    };
    record(&bucket, &tools, "V1", "2025-11-06T11:00:00Z_a", body).await;
    bucket.objects().into_iter().collect()
}

/// What happens to one of two writers.
#[derive(Clone, Copy, Debug)]
enum Mishap {
    None,
    /// One of its operations fails.
    Fault(usize, Fault),
    /// It dies after so many steps.
    Crash(usize, usize),
}

/// The most operations of a writer in a race: the claim, what it says, the record, what it says.
const STEPS: usize = 4;

/// Everything that can happen to one of the two; without lost answers, where those are gone through
/// after another version and nobody asks for more.
fn mishaps(before: Before) -> Vec<Mishap> {
    let who = |mishaps: fn(usize) -> Vec<Mishap>| (0..2).flat_map(mishaps);
    let faults = |who| Fault::all(STEPS).map(|fault| Mishap::Fault(who, fault)).collect();
    let crashes = |who| (0..=STEPS).map(|after| Mishap::Crash(who, after)).collect();
    let mut mishaps: Vec<Mishap> = [Mishap::None].into_iter().chain(who(crashes)).collect();
    if matches!(before, Before::Live) || is_long() {
        mishaps.extend(who(faults));
    }
    mishaps
}

/// Every order of `ours` and `theirs` steps.
fn orders(ours: usize, theirs: usize) -> Vec<Vec<usize>> {
    if ours == 0 || theirs == 0 {
        return vec![[vec![0; ours], vec![1; theirs]].concat()];
    }
    let begin = |first: usize, rest: Vec<Vec<usize>>| {
        rest.into_iter().map(move |it| [vec![first], it].concat())
    };
    let mut all: Vec<_> = begin(0, orders(ours - 1, theirs)).collect();
    all.extend(begin(1, orders(ours, theirs - 1)));
    all
}

type Ended = Result<(Conditional, String), Problem>;

/// A bucket with two writers in it.
struct Race {
    bucket: Arc<Memory>,
    before: BTreeSet<String>,
    writers: Vec<Attempt<Ended>>,
    /// What was told to whom, also after the race.
    told: Vec<Ended>,
}

fn tools(store: Arc<dyn Store>, n: u64) -> Tools {
    Tools { ids: SeededIds::new(n), ..release(store, &strict()) }
}

impl Race {
    fn begin(
        prototype: &[(String, Object)],
        mishap: Mishap,
        planted: fn() -> Planted<Shortcut>,
    ) -> Self {
        let bucket = bucket();
        for (name, stored) in prototype {
            let upload = Upload { metadata: stored.metadata.clone(), ..Upload::default() };
            bucket.insert(name, stored.body.clone(), upload).unwrap();
        }
        let writers = (0..2).map(|n| {
            let store: Arc<dyn Store> = match mishap {
                Mishap::Fault(who, fault) if who == n => {
                    // Its first operation is the read of the snapshot.
                    Faulty::new(bucket.clone(), Fault { at: fault.at + 1, ..fault })
                }
                _ => bucket.clone(),
            };
            let (store, gate) = Gated::new(store, &[SNAPSHOT]);
            let tools = tools(store, n as u64 + 1);
            Attempt::new(gate, Box::pin(write(tools, n as u32, planted())))
        });
        let writers = writers.collect();
        Self { before: history(&bucket), bucket, writers, told: Vec::new() }
    }

    fn go(&mut self, order: &[usize], mishap: Mishap) {
        let mut steps = [0, 0];
        for who in order.iter().copied().chain([0; STEPS]).chain([1; STEPS]) {
            if let Mishap::Crash(dies, after) = mishap
                && dies == who
                && steps[who] == after
            {
                self.writers[who].crash();
            }
            if self.writers[who].runs() {
                self.writers[who].step();
                steps[who] += 1;
            }
        }
        for writer in &mut self.writers {
            if let Some(ended) = writer.finish() {
                self.told.push(ended.clone());
            }
        }
    }

    /// What is wrong with what the two have been told, and with what a third one finds.
    async fn judge(mut self, planted: Planted<Shortcut>) -> Result<(), String> {
        let claimed = self.bucket.objects().keys().any(|name| name.contains("/_claims/"));
        let third = write(tools(self.bucket.clone(), 3), 2, planted).await;
        match &third {
            Ok((Conditional::Won(_), _)) if claimed => {
                return Err("a third wins beside a claim".to_owned());
            }
            Ok((Conditional::Lost(_), _)) if !claimed => {
                return Err("a third loses without a claim".to_owned());
            }
            Err(problem) => return Err(problem.to_string()),
            _ => self.told.push(third),
        }
        let written: Vec<String> =
            history(&self.bucket).difference(&self.before).cloned().collect();
        let [winner] = &written[..] else { return Err(format!("there are {written:?}")) };
        for told in self.told.iter().flatten() {
            match told {
                (Conditional::Won(generation), name) => {
                    let stored = self.bucket.objects().get(name).map(|object| object.generation);
                    if name != winner || stored != Some(*generation) {
                        return Err(format!("told that {name} has won, and it is {winner}"));
                    }
                }
                (Conditional::Lost(other), name) if name == winner || other.name != *winner => {
                    return Err(format!("{name} is told of {}, and {winner} won", other.name));
                }
                (Conditional::Lost(_), _) => (),
            }
        }
        Ok(())
    }
}

/// The records of V1.
fn history(bucket: &Memory) -> BTreeSet<String> {
    let prefix = ObjectName::history_prefix(&entity("V1"));
    bucket.objects().into_keys().filter(|name| name.starts_with(&prefix)).collect()
}

/// Goes through every schedule: how many there were, and the first thing that was wrong.
async fn race(before: Before, planted: fn() -> Planted<Shortcut>) -> (usize, Option<String>) {
    let prototype = prototype(before).await;
    let mut schedules = 0;
    for mishap in mishaps(before) {
        for order in orders(STEPS, STEPS) {
            schedules += 1;
            let mut race = Race::begin(&prototype, mishap, planted);
            race.go(&order, mishap);
            if let Err(wrong) = race.judge(planted()).await {
                return (schedules, Some(format!("{mishap:?}, {order:?}: {wrong}")));
            }
        }
    }
    (schedules, None)
}

#[tokio::test]
async fn of_two_that_write_after_one_version_one_wins_and_both_are_told() {
    for before in [Before::Nothing, Before::Live, Before::Deleted, Before::Pending] {
        let (schedules, wrong) = race(before, || Planted::NONE).await;
        println!("{before:?}: {schedules} schedules");
        assert_eq!(wrong, None, "{before:?}");
        assert!(schedules > 700);
    }
}

#[tokio::test]
async fn wrong_turns_of_a_conditional_append_are_seen() {
    let bugs: [fn() -> Planted<Shortcut>; 3] = [
        || Planted::bug(Shortcut::AppendedBeforeClaimed),
        || Planted::bug(Shortcut::OwnClaimTakenForLost),
        || Planted::bug(Shortcut::ClaimNotFinished),
    ];
    assert_eq!(bugs.len(), 3);
    for bug in bugs {
        let (_, wrong) = race(Before::Live, bug).await;
        println!("{:?}", wrong.as_ref().unwrap());
    }
}

/// Runs `write` with what is in the text.
async fn command(tools: &Tools, text: &str, more: &str) -> (Result<bool, Problem>, String) {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    let line = format!("write venture V1 --file {} {more}", file.path().display());
    run(tools, &line).await
}

/// What was said, with what differs from run to run left out.
fn told(said: &str) -> String {
    let word = |word: &str| match word.len() >= 26 && word.contains("01K9") {
        true => format!("{}…", &word[..word.find("01K9").unwrap()]),
        false => word.to_owned(),
    };
    said.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn who_writes_after_another_version_is_told_who_wrote_what() {
    let (bucket, tools) = strict_place();
    let (ended, said) = command(&tools, r#"{"status":"Idea"}"#, "--if-current none --fold").await;
    assert_eq!(ended, Ok(true), "{said}");
    let first = said_etag(&said);
    let (_, shown) = run(&tools, "get venture V1 --metadata").await;
    assert!(shown.contains(&format!("etag                  {first}")), "{shown}");
    let (_, shown) = run(&tools, "get venture V1 --metadata --json").await;
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(shown["etag"], first);

    let (ended, said) =
        command(&tools, r#"{"n":1}"#, &format!("--merge --if-current {first}")).await;
    assert_eq!(ended, Ok(true), "{said}");
    // The snapshot does not have it yet: the claim decides.
    let late = format!("--merge --reason mine --actor bob --if-current {first}");
    let (ended, said) = command(&tools, r#"{"n":2}"#, &late).await;
    assert_eq!(ended, Ok(false));
    expect_test::expect![[r#"
        nothing is written: venture V1 is another: ada wrote a merge record of 2025-11-06T12:00:00.001Z: env/dev/ventures/V1/history/2025/11/06/2025-11-06T12:00:00.001Z_… read it again with `get venture V1 --metadata` and decide again
    "#]].assert_eq(&told(&said));
    // And here the snapshot.
    let (ended, said) = command(&tools, r#"{"n":3}"#, "--merge --if-current none").await;
    assert_eq!(ended, Ok(false));
    assert!(said.contains("ada wrote a full record of 2025-11-06T12:00:00.000Z"), "{said}");
    assert_eq!(history(&bucket).len(), 2);
}

#[tokio::test]
async fn a_claim_of_a_record_that_never_becomes_the_newest_does_not_lock_the_entity() {
    let uncounted = r#"{"n":1}"#;
    // It counts, and belongs before what is there.
    let backdated = r#"{"status":"Idea","updated_at":"2025-11-06T10:00:00Z"}"#;
    for text in [uncounted, backdated] {
        let (bucket, tools) = strict_place();
        let body = r#"{"schema_version":"1.0.0","status":"Idea"}"#;
        record(&bucket, &tools, "V1", "2025-11-06T11:00:00Z_a", body).await;
        let (_, shown) = run(&tools, "get venture V1 --metadata --json").await;
        let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
        let etag = shown["etag"].as_str().unwrap().to_owned();
        assert_eq!(etag.len(), 32, "a record id of others is no part of a name");
        let name = "env/dev/ventures/V1/history/2025/11/06/x_01K9CGKDG0AV7BZJ26205ZR7J2.json";
        let claim = serde_json::json!({ "name": name, "text": text }).to_string();
        let claims = format!("env/dev/indices/ventures/_claims/V1/{etag}.json");
        bucket.insert(&claims, claim.into(), Upload::default()).unwrap();
        for n in [2, 3] {
            let text = format!(r#"{{"status":"Idea","n":{n}}}"#);
            let (ended, said) = command(&tools, &text, &format!("--if-current {etag}")).await;
            // One wins behind the spent claim, and the next one sees that.
            assert_eq!(ended, Ok(n == 2), "{said}");
        }
        let history = history(&bucket);
        assert_eq!((history.len(), history.contains(name)), (3, true));
    }
}

#[tokio::test]
async fn a_claim_that_is_none_says_what_to_do() {
    for claim in [
        "",
        "{}",
        "[1]",
        r#"{"name":"env/dev/ventures/V1/history/2025/11/06/x.json"}"#,
        r#"{"name":"env/dev/ventures/V1/history/2025/11/06/x.json","base64":"?"}"#,
        r#"{"name":"env/dev/ventures/V2/history/2025/11/06/x.json","text":"{}"}"#,
        r#"{"name":"env/dev/snapshots/ventures/V1.json","text":"{}"}"#,
    ] {
        let (bucket, tools) = strict_place();
        let name = "env/dev/indices/ventures/_claims/V1/none.json";
        bucket.insert(name, claim.into(), Upload::default()).unwrap();
        let (ended, _) = command(&tools, r#"{"status":"Idea"}"#, "--if-current none").await;
        let problem = ended.unwrap_err().to_string();
        assert_eq!(
            problem,
            format!(
                "{name} is no claim: nothing is written; look at it, and `write` without \
                 --if-current, after which the next claim has another name"
            )
        );
        assert_eq!(bucket.objects().len(), 1);
    }
}

#[tokio::test]
async fn a_compressed_record_is_claimed_and_finished_as_it_is() {
    let (bucket, tools) = strict_place();
    let text = format!(r#"{{"status":"Idea","text":"{}"}}"#, "many words ".repeat(10_000));
    // It dies when it has claimed.
    let fault = Fault { at: 2, times: 9, kind: ErrorKind::Unavailable, when: When::Before };
    let dying = Tools { store: Faulty::new(bucket.clone(), fault), ..tools.clone() };
    let (ended, _) = command(&dying, &text, "--if-current none").await;
    assert!(ended.is_err());
    assert_eq!(history(&bucket).len(), 0);
    let (ended, said) = command(&tools, r#"{"status":"Pilot"}"#, "--if-current none").await;
    assert_eq!(ended, Ok(false), "{said}");
    assert!(said.contains("ada wrote a full record of"), "{said}");
    let history = history(&bucket);
    assert_eq!(history.len(), 1);
    assert!(history.first().unwrap().ends_with(".json.gz"));
    assert_eq!(run(&tools, "history venture V1").await.0, Ok(true));
}
