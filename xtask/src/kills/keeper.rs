//! Buckets that come and go and whose settings change, each while something is written to it.
//!
//! Each bucket has one keeper, which asks for two things at the same time. What is there must be
//! what some order of the two leaves, with whatever was answered done and refused in that order.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::{fs, io};

use anyhow::{Context as _, Result, bail, ensure};
use emulator::Chance;
use serde_json::{Value, json};

use super::model::Problem;
use crate::http::{Answer, Server};

/// The one object of each bucket.
const OBJECT: &str = "kept";

/// Pairs that a keeper asks for between two kills, at most.
const PAIRS_MAX: usize = 10_000;

/// A bucket holds at most so many versions.
const VERSIONS_MAX: usize = 3;

/// What a keeper asks for. A version is known by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ask {
    /// The bucket, with or without versioning.
    Create(bool),
    /// No bucket.
    Delete,
    /// Versioning from here on, or none.
    Versioning(bool),
    /// A new version.
    Put(u64),
    /// One version less, live or not.
    Erase(u64),
}

/// A bucket that is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct There {
    /// Whether it keeps what is overwritten.
    pub(crate) versioning: bool,
    /// Every version, oldest first.
    pub(crate) versions: Vec<u64>,
    /// The last of them, if it is live.
    pub(crate) live: Option<u64>,
}

/// Whether something was done, as it was answered; `None` without an answer.
pub(crate) type Done = Option<bool>;

/// What `asked` leaves of `before`; `None` when it is refused.
fn after(before: Option<&There>, asked: Ask) -> Option<Option<There>> {
    let there = match (before, asked) {
        (None, Ask::Create(versioning)) => {
            return Some(Some(There { versioning, ..There::default() }));
        }
        (None, _) | (Some(_), Ask::Create(_)) => return None,
        (Some(there), _) => there,
    };
    let mut after = there.clone();
    match asked {
        Ask::Create(_) => (),
        Ask::Delete => return there.versions.is_empty().then_some(None),
        Ask::Versioning(versioning) => after.versioning = versioning,
        Ask::Put(number) => {
            after.versions.retain(|it| there.versioning || Some(*it) != there.live);
            after.versions.push(number);
            after.live = Some(number);
        }
        Ask::Erase(number) => {
            if !there.versions.contains(&number) {
                return None;
            }
            after.versions.retain(|it| *it != number);
            after.live.take_if(|live| *live == number);
        }
    }
    Some(Some(after))
}

/// Everything that can be there after two things were asked for at the same time.
pub(crate) fn possible(before: Option<&There>, asked: [(Ask, Done); 2]) -> Vec<Option<There>> {
    let mut all = Vec::new();
    for order in [asked, [asked[1], asked[0]]] {
        // What was not answered may not have been heard.
        for heard in 0..4 {
            let mut state = Some(before.cloned());
            for (place, (ask, done)) in order.into_iter().enumerate() {
                if heard & (1 << place) == 0 {
                    state = state.filter(|_| done.is_none());
                    continue;
                }
                let next = state.as_ref().map(|is| after(is.as_ref(), ask));
                state = match (state, next.flatten(), done) {
                    (_, Some(next), None | Some(true)) => Some(next),
                    (Some(same), None, None | Some(false)) => Some(same),
                    _ => None,
                };
            }
            all.extend(state.filter(|state| !all.contains(state)));
        }
    }
    all
}

/// One bucket and what its keeper knows.
pub(crate) struct Keeper {
    /// Its name.
    pub(crate) bucket: String,
    /// What can be there.
    possible: Vec<Option<There>>,
    /// What has happened, for who reads a problem.
    story: String,
    chance: Chance,
    number: u64,
}

impl Keeper {
    /// The keeper number `number`, with no bucket.
    pub(crate) fn new(number: usize, seed: u64) -> Self {
        Self {
            bucket: format!("kept-{number}"),
            possible: vec![None],
            story: "nothing".to_owned(),
            chance: Chance::new(seed),
            number: 0,
        }
    }

    /// Asks for one pair after the other until an answer fails to come, which it may when `killed`
    /// says so, or something is wrong.
    pub(crate) async fn work(
        &mut self,
        server: &Server,
        killed: &Arc<AtomicBool>,
    ) -> Result<Option<Problem>> {
        for _ in 0..PAIRS_MAX {
            let (there, generations) = match self.find(server).await {
                Ok(found) => found,
                Err(_) if killed.load(Ordering::SeqCst) => return Ok(None),
                Err(err) => return Err(err),
            };
            if !self.possible.contains(&there) {
                return Ok(Some(self.lost(there.as_ref())));
            }
            let [first, second] = self.choose(there.as_ref());
            let ask = |asked| self.ask(server, asked, &generations);
            let (done, also) = tokio::join!(ask(first), ask(second));
            let asked = [(first, done.transpose()?), (second, also.transpose()?)];
            self.story = format!("{there:?}, then {asked:?}");
            self.possible = possible(there.as_ref(), asked);
            if asked.iter().any(|(_, done)| done.is_none()) {
                ensure!(killed.load(Ordering::SeqCst), "no answer from an emulator that lives");
                return Ok(None);
            }
        }
        Ok(None)
    }

    /// Compares what an emulator says that has just started, and its folder, with what can be.
    pub(crate) async fn look(&self, server: &Server, folder: &Path) -> Result<Option<Problem>> {
        let (there, _) = self.find(server).await?;
        if !self.possible.contains(&there) {
            return Ok(Some(self.lost(there.as_ref())));
        }
        let file = folder.join(&self.bucket).join(OBJECT);
        let holds = match fs::read_to_string(&file) {
            Err(err) if err.kind() == io::ErrorKind::NotFound => None,
            read => Some(read?),
        };
        let live = there.and_then(|there| there.live).map(|number| self.content(number));
        let torn = format!("{}: it holds {holds:?}, and not {live:?}", file.display());
        Ok((holds != live).then_some(Problem::Torn(torn)))
    }

    /// Two things that get in each other's way.
    fn choose(&mut self, there: Option<&There>) -> [Ask; 2] {
        self.number += 1;
        let put = Ask::Put(self.number);
        let Some(there) = there else { return [Ask::Create(self.even()), put] };
        match there.versions.first() {
            None if self.even() => [Ask::Delete, put],
            Some(oldest) if there.versions.len() >= VERSIONS_MAX || self.even() => {
                [Ask::Erase(*oldest), Ask::Delete]
            }
            _ => [Ask::Versioning(!there.versioning), put],
        }
    }

    fn even(&self) -> bool {
        self.chance.below(2) == 0
    }

    /// Whether it was done; nothing without an answer.
    async fn ask(
        &self,
        server: &Server,
        asked: Ask,
        generations: &BTreeMap<u64, String>,
    ) -> Option<Result<bool>> {
        let bucket = &self.bucket;
        let own = format!("/storage/v1/b/{bucket}");
        let versioning = |enabled| json!({"name": bucket, "versioning": {"enabled": enabled}});
        let (method, path, kind, body) = match asked {
            Ask::Create(enabled) => {
                let path = "/storage/v1/b?project=local".to_owned();
                ("POST", path, "application/json".to_owned(), versioning(enabled).to_string())
            }
            Ask::Delete => ("DELETE", own, String::new(), String::new()),
            Ask::Versioning(enabled) => {
                ("PATCH", own, "application/json".to_owned(), versioning(enabled).to_string())
            }
            Ask::Put(number) => {
                let path =
                    format!("/upload/storage/v1/b/{bucket}/o?uploadType=media&name={OBJECT}");
                ("POST", path, format!("text/{number}"), self.content(number))
            }
            Ask::Erase(number) => {
                let generation = generations.get(&number).map_or("1", String::as_str);
                let path = format!("{own}/o/{OBJECT}?generation={generation}");
                ("DELETE", path, String::new(), String::new())
            }
        };
        let mut headers = vec![("content-type".to_owned(), kind)];
        headers.retain(|(_, value)| !value.is_empty());
        let answer = server.send(method, &path, &headers, body.into()).await.ok()?;
        Some(done(&answer).with_context(|| format!("{bucket}: {asked:?}")))
    }

    /// What is there, and the generation of each version.
    async fn find(&self, server: &Server) -> Result<(Option<There>, BTreeMap<u64, String>)> {
        let own = format!("/storage/v1/b/{}", self.bucket);
        let answer = server.send("GET", &own, &[], "".into()).await?;
        if answer.status == 404 {
            return Ok((None, BTreeMap::new()));
        }
        let bucket = answer.json()?;
        let list = server.send("GET", &format!("{own}/o?versions=true"), &[], "".into()).await?;
        let versioning = bucket["versioning"]["enabled"].as_bool().unwrap_or(false);
        let mut there = There { versioning, ..There::default() };
        let mut generations = BTreeMap::new();
        for item in list.json()?["items"].as_array().into_iter().flatten() {
            let number = number_of(item).context("a version that nobody has written")?;
            generations.insert(number, item["generation"].as_str().unwrap_or_default().to_owned());
            there.versions.push(number);
            if item.get("timeDeleted").is_none() {
                there.live = Some(number);
            }
        }
        // A list is in the order of generations, which are drawn.
        there.versions.sort_unstable();
        Ok((Some(there), generations))
    }

    /// What a version holds.
    fn content(&self, number: u64) -> String {
        format!("{} {number}", self.bucket)
    }

    fn lost(&self, there: Option<&There>) -> Problem {
        let Self { bucket, story, possible, .. } = self;
        Problem::Lost(format!("{bucket}: {story}; found {there:?}, possible {possible:?}"))
    }
}

fn number_of(item: &Value) -> Option<u64> {
    item["contentType"].as_str()?.strip_prefix("text/")?.parse().ok()
}

fn done(answer: &Answer) -> Result<bool> {
    match answer.status {
        200 | 204 => Ok(true),
        404 | 409 | 503 => Ok(false),
        status => bail!("answer {status}: {}", String::from_utf8_lossy(&answer.body)),
    }
}
