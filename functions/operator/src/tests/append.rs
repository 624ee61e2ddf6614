//! Of those who append after one version, one wins, whatever happens to them.

use std::collections::BTreeSet;
use std::sync::Arc;

use domain::json::Object as Json;
use domain::{Env, ObjectName, Planted};
use emulator::faulty::{Fault, Faulty};
use emulator::schedule::{Attempt, Gated, is_long};
use emulator::{Memory, SeededIds, Upload};
use store::{Object, Store, Tools};

use super::{bucket, builder, entity, record, release, strict, strict_place};
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
    let operator = Operator { tools: tools.clone(), env: Env::Dev, user, screen: &screen, planted };
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
    let faults = match before {
        Before::Live => who(faults),
        _ if is_long() => who(faults),
        _ => Vec::new(),
    };
    [Mishap::None].into_iter().chain(faults).chain(who(crashes)).collect()
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
    assert_eq!(bugs.len(), Shortcut::CONDITIONAL.len());
    for bug in bugs {
        let (_, wrong) = race(Before::Live, bug).await;
        println!("{:?}", wrong.as_ref().unwrap());
    }
}
