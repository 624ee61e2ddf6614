//! Random operations of one client under random faults, against a model in which everything that
//! was not acknowledged may have happened.
//!
//! Contents are written once each, so a read names the write that it sees: a check of
//! linearizability for one client is then a set of states for each object, and every answer must
//! be one that some of them give.

mod model;

use std::collections::BTreeMap;
use std::time::Duration;

use emulator::Chance;
use store::{Error, ErrorKind, List, Precondition, Store};

use crate::client::Naps;
use crate::place::{Place, place_within, put};
use model::{Change, End, Model, State};

/// Clients, each with a bucket of its own, at the same time: some of them wait for silence to end.
const CLIENTS: u64 = 20;
const STEPS: usize = 100;

/// The seed of the first client; the others follow.
const SEED: u64 = 4_000;

/// A third of it is how long a client waits for a silent service.
const DEADLINE: Duration = Duration::from_secs(3);

const NAMES: [&str; 3] = ["a", "b", "c"];

/// The most faults of one call.
const FAULTS_MAX: u64 = 4;

/// One in so many faults is silence.
const SILENT_ONE_IN: u64 = 150;

/// Nothing is done.
const BEFORE: [&str; 13] = [
    "return-400",
    "return-401",
    "return-403",
    "return-408",
    "return-429",
    "return-503",
    "return-429-retry-after-2s",
    "return-503-retry-after-60s",
    "return-reset-connection",
    "redirect-307",
    "html-200",
    "html-404",
    "html-502",
];

/// It is done, or will be, and the answer does not tell, or slowly.
const AFTER: [&str; 6] = [
    "return-broken-stream",
    "commit-then-reset-connection",
    "commit-then-break-head",
    "commit-then-break-body",
    "slow-head-0ms",
    LATE,
];
const LATE: &str = "reset-connection-then-commit";

/// The answer is not what the service sent.
const WRONG: [&str; 2] = ["return-corrupted-data", "wrong-checksum"];

const SILENT: [&str; 3] =
    ["commit-then-stall-head", "commit-then-stall-body", "stall-for-60s-after-0K"];

/// What the requests of one call met.
struct Met {
    faults: Vec<&'static str>,
    /// A request may have been carried out without the client being told.
    lost: bool,
    /// The last request is carried out after the first one of the next call.
    ends_late: bool,
}

struct Run {
    at: Place,
    chance: Chance,
    model: Model,
    contents: usize,
    acknowledged: Vec<(&'static str, usize)>,
    late: Option<Change>,
    ends: BTreeMap<String, usize>,
}

impl Run {
    fn pick<T: Copy>(&self, among: &[T]) -> T {
        among[usize::try_from(self.chance.below(among.len() as u64)).unwrap()]
    }

    /// Nothing in half of all calls.
    fn faults(&self, method: &str) -> Vec<&'static str> {
        let count = self.chance.below(2 * FAULTS_MAX).saturating_sub(FAULTS_MAX - 1);
        let fault = |_| match self.chance.below(SILENT_ONE_IN) {
            0 => self.pick(&SILENT),
            1..=20 if method == "get" => self.pick(&WRONG),
            number if number % 2 == 0 => self.pick(&BEFORE),
            _ => self.pick(&AFTER),
        };
        (0..count).map(fault).collect()
    }

    /// Makes `call`, whose requests meet faults.
    async fn call<T>(
        &self,
        method: &str,
        call: impl AsyncFnOnce(&Place) -> Result<T, Error>,
    ) -> (Result<T, Error>, Met) {
        let mut faults = self.faults(method);
        let api_method = format!("storage.objects.{method}");
        let instructed = match faults.is_empty() {
            false => Some(self.at.emulator.instruct(&api_method, &faults).unwrap()),
            true => None,
        };
        let before = self.at.requests();
        let end = call(&self.at).await;
        let requests = usize::try_from(self.at.requests() - before).unwrap();
        faults.truncate(faults.len() - instructed.map_or(0, |left| left.left()));
        // Without a fault only the machine is slow; the client may give up on it all the same.
        let unexplained = requests - faults.len() > usize::from(end.is_ok() || is_final(&end));
        let lost = unexplained || faults.iter().any(|fault| !BEFORE.contains(fault));
        let ends_late = faults.len() == requests && faults.last() == Some(&LATE);
        (end, Met { faults, lost, ends_late })
    }

    /// One operation; what it was and how it ended.
    async fn step(&mut self) -> Result<String, String> {
        let late = self.late.take();
        late.into_iter().for_each(|change| self.model.may_happen(change));
        let name = self.pick(&NAMES);
        let at = self.expected(name);
        let done = match (self.chance.below(10), at) {
            (0..=2, _) => self.get(name).await?,
            (3, _) => self.list().await?,
            (4, Some(_)) => self.change(Change { name, at, after: None }).await?,
            _ => {
                self.contents += 1;
                self.change(Change { name, at, after: Some(self.contents) }).await?
            }
        };
        late.into_iter().for_each(|change| self.model.may_happen(change));
        Ok(done)
    }

    /// What a change of `name` finds, as far as the client knows; or one time in four anything:
    /// what another object is or was, or nothing.
    fn expected(&self, name: &str) -> State {
        let generations = &self.model.generations;
        let known = |state: &State| state.is_none_or(|content| generations.contains_key(&content));
        let states: Vec<_> = self.model.states(name).into_iter().filter(known).collect();
        if self.chance.below(4) > 0 && !states.is_empty() {
            return self.pick(&states);
        }
        let others = generations.keys().rev().take(4).map(|content| Some(*content));
        self.pick(&others.chain([None]).collect::<Vec<_>>())
    }

    async fn get(&mut self, name: &'static str) -> Result<String, String> {
        let get = async |at: &Place| at.bucket.get(name, None).await;
        let (end, Met { faults, .. }) = self.call("get", get).await;
        match &end {
            Err(err) => check_read(err)?,
            Ok(None) => self.model.narrow(name, |state| state.is_none())?,
            Ok(Some(object)) => {
                let content = std::str::from_utf8(&object.body).ok();
                let content = content.and_then(|text| text.parse().ok());
                let content = content.ok_or_else(|| format!("read {:?}", object.body))?;
                self.model.narrow(name, |state| state == Some(content))?;
                self.model.told(content, object.generation)?;
            }
        }
        let end = end.map(|object| object.map(|object| object.body));
        Ok(format!("get {name} {faults:?}: {}", self.note("get", &end)))
    }

    async fn list(&mut self) -> Result<String, String> {
        let list = async |at: &Place| at.bucket.list(&List::default()).await;
        let (end, Met { faults, .. }) = self.call("list", list).await;
        match &end {
            Err(err) => check_read(err)?,
            Ok(page) => {
                let generations = self.model.generations.clone();
                for name in NAMES {
                    let listed = page.items.iter().find(|item| item.name == name);
                    let listed = listed.map(|item| item.generation);
                    self.model.narrow(name, |state| match (state, listed) {
                        (Some(content), Some(generation)) => {
                            generations.get(&content).is_none_or(|known| *known == generation)
                        }
                        (state, listed) => state.is_none() && listed.is_none(),
                    })?;
                }
            }
        }
        let end = end.map(|page| page.items.len());
        Ok(format!("list {faults:?}: {}", self.note("list", &end)))
    }

    async fn change(&mut self, change: Change) -> Result<String, String> {
        let Change { name, at, after } = change;
        let generation = at.map(|content| self.model.generations[&content]);
        let precondition = generation.map_or(Precondition::Absent, Precondition::At);
        let method = if after.is_some() { "insert" } else { "delete" };
        let write = async |place: &Place| match (after, generation) {
            (Some(content), _) => {
                put(&place.bucket, name, content.to_string(), precondition).await.map(Some)
            }
            (None, Some(generation)) => {
                let deleted = place.bucket.delete(name, generation).await?;
                Ok(deleted.then_some(generation))
            }
            (None, None) => panic!("a deletion has a generation"),
        };
        let (end, Met { faults, lost, ends_late }) = self.call(method, write).await;
        let ended = match &end {
            Ok(Some(_)) => End::Done,
            Ok(None) => End::Nothing,
            Err(err) => End::Failed(err.kind),
        };
        self.model.changed(change, ended, lost).map_err(|err| format!("{err}: {change:?}"))?;
        if let (Ok(Some(generation)), Some(content)) = (&end, after) {
            self.model.told(content, *generation)?;
            self.acknowledged.push((name, content));
        }
        self.late = ends_late.then_some(change);
        Ok(format!("{change:?} {faults:?}: {}", self.note(method, &end)))
    }

    fn note<T: std::fmt::Debug>(&mut self, what: &str, end: &Result<T, Error>) -> String {
        let kind = end.as_ref().map_or_else(|err| format!("{:?}", err.kind), |_| "ok".to_owned());
        *self.ends.entry(format!("{what} {kind}")).or_default() += 1;
        format!("{end:?}")
    }

    /// What the bucket says for itself, when all is done.
    fn check_bucket(&mut self) -> Result<(), String> {
        for name in NAMES {
            let parse = |body: &[u8]| std::str::from_utf8(body).unwrap().parse::<usize>().unwrap();
            let live = self.at.stored(name).map(|body| parse(&body));
            self.model.narrow(name, |state| state == live)?;
            let versions = self.at.memory.versions_of(name);
            let versions: Vec<_> = versions.iter().map(|stored| parse(&stored.body)).collect();
            let mut acknowledged = self.acknowledged.iter().filter(|(of, _)| *of == name);
            if let Some(lost) = acknowledged.find(|(_, content)| !versions.contains(content)) {
                return Err(format!("{lost:?} was acknowledged and never stored"));
            }
        }
        Ok(())
    }
}

/// Whether the service has answered for good.
fn is_final<T>(end: &Result<T, Error>) -> bool {
    matches!(end, Err(err) if err.kind == ErrorKind::Conflict)
}

/// Reads fail in ways that faults explain.
fn check_read(err: &Error) -> Result<(), String> {
    match err.kind {
        ErrorKind::Unavailable | ErrorKind::Throttled | ErrorKind::Rejected => Ok(()),
        ErrorKind::Conflict | ErrorKind::Unusable => Err(format!("a read ended in {err}")),
    }
}

/// One client's life; how its operations ended.
async fn run(seed: u64) -> BTreeMap<String, usize> {
    let at = place_within(DEADLINE, Naps::new(), None).await;
    let mut run = Run {
        at,
        chance: Chance::new(seed),
        model: Model::default(),
        contents: 0,
        acknowledged: Vec::new(),
        late: None,
        ends: BTreeMap::new(),
    };
    let mut log = Vec::new();
    for _ in 0..STEPS {
        match run.step().await {
            Ok(done) => log.push(done),
            Err(err) => panic!("seed {seed}: {err}\nafter\n{}", log.join("\n")),
        }
    }
    if let Err(err) = run.check_bucket() {
        panic!("seed {seed}: {err}\nafter\n{}", log.join("\n"));
    }
    run.ends
}

#[tokio::test]
async fn what_is_acknowledged_is_there_and_nothing_is_from_nowhere() {
    let runs: Vec<_> = (SEED..SEED + CLIENTS).map(|seed| tokio::spawn(run(seed))).collect();
    let mut ends = BTreeMap::new();
    for run in runs {
        for (end, count) in run.await.unwrap() {
            *ends.entry(end).or_insert(0) += count;
        }
    }
    println!("{ends:#?}");
    assert_eq!(ends.values().sum::<usize>(), usize::try_from(CLIENTS).unwrap() * STEPS);
    for end in ["get ok", "list ok", "insert ok", "insert Conflict", "delete ok", "delete Conflict"]
    {
        assert!(ends.get(end).is_some_and(|count| *count >= 10), "{end}: {ends:?}");
    }
}
