//! A bucket whose functions run: the handlers as they ship, one operation at a time, in virtual time.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use bytes::Bytes;
use domain::{
    BoxFuture, Clock, Definitions, Delivery, Generation, Handler, Instant, ObjectName, Outcome,
    Overwrote, Planted, json, volatile,
};
use emulator::intercepted::Intercepted;
use emulator::schedule::{Attempt, Gated};
use emulator::{Chance, Memory, TestClock, Upload};
use index_writer::IndexWriter;
use manifest_writer::ManifestWriter;
use rules_engine::{RuleCache, RulesEngine};
use serde_json::Value;
use snapshot_builder::SnapshotBuilder;
use store::Tools;

use crate::tests::{NOW, release};

const VENTURE: &str = r#"{"entity":"venture","segment":"ventures","schema_versions":["1.0.0"],"manifest":{"status":["/status"]},"indices":[
  {"name":"by-status","version":1,"keys":[{"from":["/status"],"transform":"slug"}],"show":{"n":["/n"]}},
  {"name":"by-tag","version":2,"keys":[{"each":"/tags","from":[""],"transform":"slug"},{"from":["/status"],"transform":"slug"}]},
  {"name":"latest","version":1,"keys":[{"from":["/team"],"transform":"slug"}],"latest_by":["/n"],"show":{"n":["/n"]}}]}"#;
const RULE: &str = r#"{"entity":"rule","segment":"rules","schema_versions":["1.0.0"],"manifest":{},"indices":[
  {"name":"bundle","version":1,"bundle":true,"show":{"applies_to":["/applies_to"],"condition":["/condition"],"name":["/name"]}}]}"#;

/// Two kinds: one with an index of every sort, and rules with their bundle.
pub(super) fn known() -> Arc<Definitions> {
    static KNOWN: LazyLock<Arc<Definitions>> = LazyLock::new(|| {
        let files = [
            ("venture/entity.json", VENTURE),
            ("rule/entity.json", RULE),
            ("venture/v1.0.0.schema.json", "{}"),
            ("rule/v1.0.0.schema.json", "{}"),
        ];
        let files = files.map(|(path, text)| (path.to_owned(), text.to_owned()));
        Arc::new(Definitions::from_files(files).unwrap())
    });
    Arc::clone(&KNOWN)
}

/// An event that has to be handled.
#[derive(Clone)]
pub(super) struct Event {
    due: Instant,
    function: usize,
    delivery: Delivery,
}

/// An event that is being handled.
pub(super) struct Running {
    pub(super) attempt: Attempt<Vec<Outcome>>,
    event: Event,
}

/// A version that was written, and the one that it overwrote.
type Finalized = (String, Generation, Option<Generation>);

/// The functions, and what is under way.
pub(in crate::tests) struct World {
    pub(in crate::tests) bucket: Arc<Memory>,
    clock: Arc<TestClock>,
    tools: Tools,
    pub(super) chance: Chance,
    events: Arc<Mutex<Vec<Finalized>>>,
    due: Mutex<Vec<Event>>,
    running: Mutex<Vec<Running>>,
    /// Whether records are written while others work.
    writes: Mutex<Option<u64>>,
}

impl World {
    /// An empty bucket.
    pub(in crate::tests) fn new(seed: u64) -> Arc<Self> {
        let clock = TestClock::at(NOW);
        let bucket = Memory::new("test", clock.clone(), seed);
        let tools = Tools { clock: clock.clone(), ..release(bucket.clone(), &known()) };
        let events: Arc<Mutex<Vec<_>>> = Arc::default();
        let told = Arc::clone(&events);
        bucket.on_finalize(Box::new(move |stored| {
            let event = (stored.name.clone(), stored.generation, stored.overwrote);
            told.lock().unwrap().push(event);
        }));
        let (due, running, writes) = (Mutex::default(), Mutex::default(), Mutex::default());
        let chance = Chance::new(seed);
        Arc::new(Self { bucket, clock, tools, chance, events, due, running, writes })
    }

    /// Tools over the bucket, with nothing under way.
    pub(in crate::tests) fn tools(&self) -> Tools {
        self.tools.clone()
    }

    /// Tools of somebody beside whom the functions run: each operation takes a while.
    pub(super) fn live_tools(self: &Arc<Self>) -> Tools {
        let (live, beside) = (Arc::new(Live(Arc::clone(self))), Live(Arc::clone(self)));
        let store = Intercepted::new(self.bucket.clone(), move |_| {
            beside.meanwhile();
            Ok(())
        });
        Tools { store, clock: live, ..self.tools() }
    }

    pub(super) fn advance(&self, delay: Duration) {
        self.clock.advance(delay);
    }

    /// A record of each of so many ventures, and more of some; and rules.
    pub(in crate::tests) fn fill(&self, ventures: u64) {
        for (id, status) in [("R1", "Pilot"), ("R2", "Idea"), ("R3", "Closed")] {
            let condition = format!(
                r#""applies_to":"venture","condition":{{"all":[{{"path":"status","op":"eq","value":"{status}"}}]}},"name":"is {status}""#
            );
            self.write("rules", id, &condition);
        }
        self.drain();
        for n in 0..ventures {
            self.record(n);
            if self.chance.below(2) == 0 {
                self.record(n);
            }
        }
        self.drain();
    }

    /// Writes a record of one venture.
    pub(super) fn record(&self, n: u64) {
        let pick = |of: &[&str]| {
            let at = self.chance.below(of.len() as u64) as usize;
            of[at].to_owned()
        };
        let status = pick(&["Pilot", "Idea", "Closed"]);
        let team = pick(&["red", "green", "blue"]);
        let number = self.chance.below(9);
        let tags = pick(&[r#"["a","b"]"#, r#"["c"]"#, "[]", r#"["a","c","d"]"#]);
        let id = if n % 10 == 7 { format!("V é{n}'") } else { format!("V{n}") };
        let rest = match self.chance.below(10) {
            0 => r#""op":"delete""#.to_owned(),
            1 | 2 => format!(r#""op":"merge","status":"{status}""#),
            _ => format!(r#""status":"{status}","team":"{team}","n":{number},"tags":{tags}"#),
        };
        self.write("ventures", &id, &rest);
    }

    /// Writes a tombstone.
    pub(super) fn write_delete(&self, id: &str) {
        self.write("ventures", id, r#""op":"delete""#);
    }

    /// The how many-th version of an object this is.
    pub(in crate::tests) fn version_number(&self, name: &str, generation: Generation) -> usize {
        let versions = self.bucket.versions_of(name);
        versions.iter().position(|it| it.generation == generation).unwrap() + 1
    }

    /// The same in one index.
    pub(super) fn status_alone(&self, id: &str, status: &str) {
        self.write("ventures", id, &format!(r#""status":"{status}""#));
    }

    /// Writes a record of one venture that has a place in two indices.
    pub(super) fn simple(&self, n: u64) {
        let team = if n == 0 { r#","team":"red","n":1"# } else { "" };
        self.write("ventures", &format!("V{n}"), &format!(r#""status":"Pilot"{team}"#));
    }

    /// Writes a record by which a venture has this status, and nothing else.
    pub(super) fn status(&self, id: &str, status: &str) {
        self.write("ventures", id, &format!(r#""status":"{status}","team":"red","n":1"#));
    }

    /// Writes a record that says this.
    pub(in crate::tests) fn write(&self, segment: &str, id: &str, rest: &str) {
        self.advance(Duration::from_millis(10));
        let at = self.clock.now();
        let (day, word) = (at.day().folders(), format!("{:016x}", self.chance.next()));
        let name =
            format!("env/dev/{segment}/{id}/history/{day}/{}_{word}.json", at.to_millis_text());
        let updated_at = at.to_millis_text();
        let body = format!(r#"{{"schema_version":"1.0.0","updated_at":"{updated_at}",{rest}}}"#);
        self.bucket.insert(&name, Bytes::from(body), Upload::default()).unwrap();
    }

    fn handler(&self, function: usize, tools: Tools) -> Arc<dyn Handler> {
        let planted = Planted::NONE;
        match function {
            0 => Arc::new(SnapshotBuilder::new(tools)),
            1 => Arc::new(ManifestWriter { tools, planted: Planted::NONE }),
            2 => Arc::new(IndexWriter { tools, planted: Planted::NONE }),
            _ => Arc::new(RulesEngine {
                tools,
                rules_age_max: Duration::ZERO,
                cache: RuleCache::default(),
                planted,
            }),
        }
    }

    /// Takes over what has been finalized.
    fn take_events(&self, late: u64) {
        for (name, generation, overwrote) in std::mem::take(&mut *self.events.lock().unwrap()) {
            let Ok(name) = ObjectName::parse(&name) else { continue };
            let functions: &[usize] = match &name {
                ObjectName::History(_) => &[0],
                ObjectName::Snapshot(_) => &[1, 2, 3],
                _ => continue,
            };
            let overwrote = overwrote.map_or(Overwrote::Nothing, Overwrote::Generation);
            for function in functions {
                let delay = Duration::from_millis(self.chance.below(late.max(1)));
                let due = self.clock.now().after(delay);
                let created_at = Some(self.clock.now());
                let delivery = Delivery { name: name.clone(), generation, overwrote, created_at };
                self.due.lock().unwrap().push(Event { due, function: *function, delivery });
            }
        }
    }

    /// Lets the functions do a little: begin what is due, and make an operation.
    pub(super) fn tick(&self) {
        let every_ms = *self.writes.lock().unwrap();
        if let Some(every) = every_ms
            && self.chance.below(every) == 0
        {
            self.record(self.chance.below(20));
        }
        self.take_events(15_000);
        let now = self.clock.now();
        let mut due = self.due.lock().unwrap();
        let (begun, left): (Vec<Event>, Vec<Event>) =
            due.drain(..).partition(|event| event.due <= now);
        *due = left;
        let mut running = self.running.lock().unwrap();
        running.extend(begun.into_iter().map(|event| self.begin(event)));
        for _ in 0..1 + running.len() / 4 {
            if running.is_empty() {
                break;
            }
            let at = self.chance.below(running.len() as u64) as usize;
            running[at].attempt.step();
            if running[at].attempt.runs() {
                continue;
            }
            let Running { attempt, event } = running.swap_remove(at);
            if matches!(attempt.result().and_then(|it| it.first()), Some(Err(_))) {
                let due_at = now.after(Duration::from_secs(5));
                due.push(Event { due: due_at, ..event });
            }
        }
    }

    /// Begins to handle the oldest event of this function that nobody has.
    pub(super) fn begin_one(&self, function: usize) -> Running {
        self.take_events(1);
        let mut due = self.due.lock().unwrap();
        let at = due.iter().position(|event| event.function == function).unwrap();
        let event = due.remove(at);
        drop(due);
        self.begin(event)
    }

    /// Has this function handle all events that nobody has.
    pub(super) fn handle_all(&self, function: usize) {
        self.take_events(1);
        while self.due.lock().unwrap().iter().any(|event| event.function == function) {
            let mut running = self.begin_one(function);
            assert!(matches!(running.attempt.finish().and_then(|it| it.first()), Some(Ok(_))));
        }
    }

    fn begin(&self, event: Event) -> Running {
        let (store, gate) = Gated::new(self.bucket.clone(), &[]);
        let handler = self.handler(event.function, Tools { store, ..self.tools() });
        let delivery = event.delivery.clone();
        let future = Box::pin(async move { handler.handle(&[delivery]).await });
        Running { attempt: Attempt::new(gate, future), event }
    }

    /// Runs the functions until nothing is left to do.
    pub(in crate::tests) fn drain(&self) {
        loop {
            self.take_events(1);
            let events = std::mem::take(&mut *self.due.lock().unwrap());
            let mut running = std::mem::take(&mut *self.running.lock().unwrap());
            running.extend(events.into_iter().map(|event| self.begin(event)));
            if running.is_empty() {
                return;
            }
            for mut running in running {
                let ended = running.attempt.finish().and_then(|it| it.first());
                // It has tried often beside others.
                if matches!(ended, Some(Err(_))) {
                    self.due.lock().unwrap().push(running.event);
                }
            }
        }
    }

    /// From here on about one record is written for so many operations of others.
    pub(super) fn write_on(&self, every: Option<u64>) {
        *self.writes.lock().unwrap() = every;
    }

    /// Forgets the events that nobody has handled: those of what a test has done to the bucket.
    pub(super) fn forget_events(&self) {
        self.events.lock().unwrap().clear();
    }

    /// What is compared of everything that is derived, by the test's own reading: contents without
    /// what is volatile, and of a snapshot what it covers too.
    pub(in crate::tests) fn contents(&self) -> BTreeMap<String, String> {
        let mut contents = BTreeMap::new();
        for (name, object) in self.bucket.objects() {
            let Ok(parsed) = ObjectName::parse(&name) else {
                contents.insert(name, "?".to_owned());
                continue;
            };
            if matches!(parsed, ObjectName::Alert { .. } | ObjectName::Quarantine { .. }) {
                continue;
            }
            let Some(mut says) = volatile::comparable(&parsed, &object.body) else { continue };
            if let ObjectName::Snapshot(_) = parsed {
                let is_nothing = object.metadata.get("newest-name").map(String::as_str)
                    == Some("0000/01/01/none.json");
                if is_nothing && object.metadata.get("state").map(String::as_str) == Some("pending")
                {
                    continue;
                }
                for key in
                    ["state", "base-at", "base-name", "newest-at", "newest-name", "folded", "since"]
                {
                    says += &format!(" {key}={:?}", object.metadata.get(key));
                }
            }
            contents.insert(name, says);
        }
        contents
    }

    /// Open rules whose alert is missing, or says something else than the state.
    pub(super) fn alerts_wrong(&self) -> Vec<String> {
        let objects = self.bucket.objects();
        let mut wrong = Vec::new();
        for (name, object) in &objects {
            let Ok(ObjectName::AlertState(entity)) = ObjectName::parse(name) else { continue };
            let state = json::parse(&object.body).unwrap_or_default();
            for open in state["open"].as_array().into_iter().flatten() {
                let [rule, id] = ["rule_id", "alert_id"].map(|it| open[it].as_str().unwrap());
                let alert = format!("env/dev/reports/alerts/{rule}/{}/{id}.json", entity.id);
                let says = objects.get(&alert).and_then(|it| json::parse(&it.body).ok());
                if says.as_ref().map(Value::to_string) != Some(open.to_string()) {
                    wrong.push(alert);
                }
            }
        }
        wrong
    }

    /// What is derived of the same history by functions beside which nobody else works.
    pub(super) fn expected(&self) -> BTreeMap<String, String> {
        let other = Self::new(99);
        for (name, object) in self.bucket.objects() {
            if let Ok(ObjectName::History(_)) = ObjectName::parse(&name) {
                other.bucket.insert(&name, object.body, Upload::default()).unwrap();
                if name.contains("/rules/") {
                    other.drain();
                }
            }
        }
        other.drain();
        other.contents()
    }
}

/// The clock of a command beside which functions run, and what happens before its operations.
struct Live(Arc<World>);

impl Live {
    /// What happens before an operation.
    fn meanwhile(&self) {
        self.0.advance(Duration::from_millis(self.0.chance.below(40)));
        self.0.tick();
    }
}

impl Clock for Live {
    fn now(&self) -> Instant {
        self.0.clock.now()
    }

    fn sleep(&self, delay: Duration) -> BoxFuture<'_, ()> {
        let until = self.now().after(delay);
        Box::pin(async move {
            while self.now() < until {
                self.0.advance(Duration::from_millis(250));
                self.0.tick();
            }
        })
    }
}

/// The findings of a run with --json, and its summary.
pub(super) fn lines(said: &str) -> (Vec<Value>, Value) {
    let lines = said.lines().filter(|line| line.starts_with('{'));
    let mut lines: Vec<Value> = lines.map(|it| serde_json::from_str(it).unwrap()).collect();
    let summary = lines.pop().unwrap()["summary"].take();
    (lines, summary)
}
