//! Every version of every object that has something of one entity, found and erased.

use std::collections::BTreeMap;

use ::job::in_turn;
use domain::{BoxFuture, ObjectName};
use store::{List, Listed};

use super::erase::{End, erase};
use super::judge::{Is, Rule};
use super::tombstone::Tombstone;
use super::{Purge, shards};
use crate::Problem;

/// How many objects are worked on at the same time. The versions of one take turns: it takes about
/// one write or delete per second.
const AT_ONCE: usize = 16;

/// What was found, and what became of it.
#[derive(Debug, Default)]
pub(super) struct Swept {
    /// Versions that were erased, by what they were.
    pub(super) erased: BTreeMap<&'static str, u64>,
    /// How many of them said something of the entity besides its id.
    pub(super) content: u64,
    /// Objects of several entities that were written without this one.
    pub(super) mended: u64,
    /// Versions that may not be erased yet, and why.
    pub(super) held: Vec<(String, String)>,
}

impl Swept {
    pub(super) fn is_empty(&self) -> bool {
        self.erased.is_empty() && self.mended == 0
    }

    pub(super) fn add(&mut self, other: Self) {
        for (what, versions) in other.erased {
            *self.erased.entry(what).or_default() += versions;
        }
        self.content += other.content;
        self.mended += other.mended;
        // What was held before and is not any more was erased by now.
        self.held = other.held;
    }

    /// `12 versions (history 3, snapshot 2, …)`
    pub(super) fn words(&self) -> String {
        let versions: u64 = self.erased.values().sum();
        let mut each: Vec<String> =
            self.erased.iter().map(|(what, versions)| format!("{what} {versions}")).collect();
        if self.mended > 0 {
            each.push(format!("{} shared objects written without it", self.mended));
        }
        format!("{versions} versions ({})", each.join(", "))
    }
}

/// How the versions of one object went.
type Ends = Vec<(Is, End)>;

/// One look at everything.
pub(super) struct Sweep<'a> {
    pub(super) purge: &'a Purge<'a>,
    /// What stays.
    pub(super) spared: Option<&'a Tombstone>,
    /// Nothing is erased or written.
    pub(super) look: bool,
    pub(super) swept: Swept,
}

impl<'a> Sweep<'a> {
    pub(super) fn new(purge: &'a Purge<'a>, spared: Option<&'a Tombstone>, look: bool) -> Self {
        Self { purge, spared, look, swept: Swept::default() }
    }

    /// What conditional writers have left.
    pub(super) async fn claims(&mut self) -> Result<(), Problem> {
        let entity = &self.purge.entity;
        let prefix =
            format!("env/{}/indices/{}/_claims/{}/", entity.env, entity.segment, entity.id);
        self.below("claims", Rule::Content, prefix).await
    }

    /// Everything; history last, and before it the snapshots, by whose old versions the index-writer
    /// knows where the entity had a place.
    pub(super) async fn everything(&mut self) -> Result<(), Problem> {
        let entity = self.purge.entity.clone();
        let (segment, id) = (&entity.segment, &entity.id);
        let root = format!("env/{}", entity.env);
        self.claims().await?;
        for folder in self.folders(&format!("{root}/reports/quarantine/")).await? {
            let of = format!("{folder}{segment}/{id}/");
            self.below("quarantine", Rule::Content, of).await?;
            self.below("quarantine", Rule::OfAlert, format!("{folder}unknown/{id}/")).await?;
        }
        self.below("indices", Rule::Index, format!("{root}/indices/{segment}/")).await?;
        let state = ObjectName::AlertState(entity.clone()).to_string();
        self.exact("alert state", Rule::Derived, &state).await?;
        for rule in self.folders(&format!("{root}/reports/alerts/")).await? {
            self.below("alerts", Rule::Alert, format!("{rule}{id}/")).await?;
        }
        for mark in self.folders(&format!("{root}/indices/alerts/")).await? {
            for rule in self.folders(&mark).await? {
                if !rule.contains("/alerts/_state/") {
                    self.below("alert marks", Rule::OfAlert, format!("{rule}{id}/")).await?;
                }
            }
        }
        let repair = ObjectName::RepairWanted(entity.clone()).to_string();
        self.exact("repair wanted", Rule::Bare, &repair).await?;
        for hour in self.folders(&format!("{root}/manifests/{segment}/changes/")).await? {
            self.exact("journal", Rule::Bare, &format!("{hour}{id}.json")).await?;
        }
        let manifest = ObjectName::Manifest(entity.clone()).to_string();
        self.exact("manifest", Rule::Derived, &manifest).await?;
        for name in shards::names(&entity) {
            let held = !self.look && shards::one(self.purge, &name, false).await?;
            self.swept.mended += u64::from(held);
            self.exact("shards and exports", Rule::Shard, &name).await?;
        }
        let snapshot = ObjectName::Snapshot(entity.clone()).to_string();
        self.exact("snapshot", Rule::Snapshot, &snapshot).await?;
        self.below("history", Rule::History, ObjectName::history_prefix(&entity)).await
    }

    /// The folders right below `prefix`, those included in which everything is deleted.
    async fn folders(&self, prefix: &str) -> Result<Vec<String>, Problem> {
        let (prefix, delimiter) = (prefix.to_owned(), Some("/".to_owned()));
        let mut list = List { prefix, delimiter, versions: true, ..List::default() };
        let mut folders = Vec::new();
        loop {
            let page = self.purge.operator.tools.store.list(&list).await?;
            folders.extend(page.prefixes);
            match page.next_page_token {
                Some(token) => list.page_token = Some(token),
                None => return Ok(folders),
            }
        }
    }

    async fn below(
        &mut self,
        what: &'static str,
        rule: Rule,
        prefix: String,
    ) -> Result<(), Problem> {
        let mut list = List { prefix, versions: true, ..List::default() };
        loop {
            let page = self.purge.operator.tools.store.list(&list).await?;
            self.items(what, rule, page.items).await?;
            let operator = self.purge.operator;
            operator.screen.progress(operator.tools.clock.now(), || {
                format!("{}: {} so far, looking at {}", self.purge.entity, self.swept.words(), what)
            });
            match page.next_page_token {
                Some(token) => list.page_token = Some(token),
                None => return Ok(()),
            }
        }
    }

    async fn exact(&mut self, what: &'static str, rule: Rule, name: &str) -> Result<(), Problem> {
        let versions = self.purge.operator.tools.store.versions(name).await?;
        self.items(what, rule, versions).await
    }

    async fn items(
        &mut self,
        what: &'static str,
        rule: Rule,
        items: Vec<Listed>,
    ) -> Result<(), Problem> {
        let mut work: Vec<BoxFuture<'_, Result<Ends, Problem>>> = Vec::new();
        for versions in items.chunk_by(|left, right| left.name == right.name) {
            work.push(Box::pin(self.group(rule, versions)));
        }
        let ends = in_turn(work, AT_ONCE).await?;
        let ends = ends.into_iter().flatten();
        for (item, (is, end)) in items.iter().zip(ends) {
            let counts = match (is, end) {
                (Is::Mended, _) => {
                    self.swept.mended += 1;
                    self.swept.content += 1;
                    false
                }
                (Is::Again, _) => {
                    self.swept.content += 1;
                    self.spared.is_none()
                }
                (Is::Nothing, _) | (_, End::Gone) => false,
                (_, End::Held(why)) => {
                    self.swept.held.push((format!("{}#{}", item.name, item.generation), why));
                    false
                }
                (Is::Bare | Is::Content, End::Erased) => {
                    self.swept.content += u64::from(is == Is::Content);
                    true
                }
            };
            if counts {
                *self.swept.erased.entry(what).or_default() += 1;
            }
        }
        Ok(())
    }

    /// The versions of one object, one after the other.
    async fn group(&self, rule: Rule, versions: &[Listed]) -> Result<Ends, Problem> {
        let mut ends = Vec::with_capacity(versions.len());
        for version in versions {
            ends.push(self.version(rule, version).await?);
        }
        Ok(ends)
    }

    /// Judges one version, and erases it if it is to go.
    async fn version(&self, rule: Rule, item: &Listed) -> Result<(Is, End), Problem> {
        let is = self.judge(rule, item).await?;
        let end = match is {
            Is::Bare | Is::Content if !self.look => erase(self.purge, item).await?,
            Is::Bare | Is::Content => End::Erased,
            Is::Nothing | Is::Mended | Is::Again => End::Gone,
        };
        Ok((is, end))
    }
}

/// How many versions lie below `folder` beside the history: objects of others.
pub(super) async fn others(purge: &Purge<'_>, folder: &str) -> Result<u64, Problem> {
    let history = ObjectName::history_prefix(&purge.entity);
    let mut list = List { prefix: folder.to_owned(), versions: true, ..List::default() };
    let mut found = 0;
    loop {
        let page = purge.operator.tools.store.list(&list).await?;
        let beside = page.items.iter().filter(|item| !item.name.starts_with(&history));
        found += beside.count() as u64;
        match page.next_page_token {
            Some(token) => list.page_token = Some(token),
            None => return Ok(found),
        }
    }
}
