//! `why`: everything about one entity on one page: what counts, what is derived from what, what is
//! out of date, and what mends it.

mod derived;
mod findings;
mod old;
mod page;

use clap::Args;
use domain::limits::ATTEMPTS_MAX;
use domain::{EntityDefinition, EntityRef, ObjectName, Version};
use projection::fold::{Coverage, FOLDED_IDS_MAX, Folded};
use projection::snapshot::{self, Stored};
use projection::source::Source;
use store::{List, Object};

use crate::quarantine::note::{self, Note};
use crate::quarantine::standing::{Standing, standing};
use crate::records::{self, Entry, Records, Until};
use crate::{Operator, Place, Problem, subject};
use derived::Derived;
use findings::findings;
pub(crate) use findings::{environment, quoted};

/// The newest records of which the states before are looked at for places in indices.
const KEPT: usize = 100;

/// Shows on one page why an entity is what it is.
///
/// Every record, whether it counts and why not, and whether the snapshot has it; from which version
/// of the snapshot the manifest, the pointers, the registers and the alert state come, compared with
/// what this release derives from the current one; notes in quarantine that are open; a repair that
/// is wanted. What is out of date is listed at the end, each with what mends it. Reads only. Safe
/// while functions run: what they have not come to yet is shown as out of date. Ends with 0 when
/// everything agrees, with 1 when something is out of date or there is no such entity.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  why venture V1                 the page
  why venture V1 --limit 500     with more than the newest 50 records
  why venture V1 --json          for a program, on one line")]
pub struct Options {
    #[command(flatten)]
    pub(crate) place: Place,
    /// The kind: venture.
    entity: String,
    /// The id of the entity: V1.
    id: String,
    /// Show so many of the newest records; all of them are looked at.
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: usize,
    /// On one line, for a program.
    #[arg(long)]
    json: bool,
}

/// Everything about an entity.
struct Found {
    entity: EntityRef,
    kind: String,
    records: Records,
    /// What the records make of the entity under this release.
    fold: Option<Folded>,
    object: Option<Object>,
    stored: Stored,
    derived: Vec<Derived>,
    /// Notes about objects of the entity, and whether each is open.
    notes: Vec<(Note, Standing)>,
    /// Since when a repair is wanted.
    repair_wanted: Option<String>,
    /// Whether the snapshot was written again and again while it was looked at.
    moving: bool,
}

pub(crate) async fn run(options: &Options, operator: &Operator<'_>) -> Result<bool, Problem> {
    let definition = subject::definition(operator, &options.entity)?;
    let entity = subject::entity(operator, definition, &options.id)?;
    let found = look(operator, &entity, definition).await?;
    if found.records.entries.is_empty() && found.object.is_none() && found.notes.is_empty() {
        let (kind, id, env) = (&options.entity, &options.id, operator.env);
        operator.screen.hint(&format!("there is no {kind} {id} in {env}, and no record of one"));
        return Ok(false);
    }
    let findings = findings(operator, &found, definition);
    let text = match options.json {
        true => page::json(&found, &findings, options.limit),
        false => page::text(operator, &found, &findings, options.limit),
    };
    operator.screen.say(&text)?;
    Ok(findings.is_empty())
}

/// Reads everything: history before snapshot, so that what was listed can be in it; then what is
/// derived, and then the snapshot's generation again.
async fn look(
    operator: &Operator<'_>,
    entity: &EntityRef,
    definition: &EntityDefinition,
) -> Result<Found, Problem> {
    let mut attempts = 0;
    loop {
        attempts += 1;
        let records = records::read(operator, entity, definition, Until::default(), KEPT).await?;
        let object = snapshot_of(operator, entity).await?;
        let stored = snapshot::read(object.as_ref().map(Object::content), definition);
        let parts = object.as_ref().map(Object::parts);
        let derived = match Source::read(entity, definition, parts) {
            Ok(source) => derived::look(operator, definition, &source, &records).await?,
            // Nothing derives from what is no snapshot.
            Err(_) => Vec::new(),
        };
        let now = snapshot_of(operator, entity).await?.map(|object| object.generation);
        let moving = now != object.as_ref().map(|object| object.generation);
        if moving && attempts < ATTEMPTS_MAX {
            operator.tools.pause_after_conflict().await;
            continue;
        }
        let notes = notes(operator, entity).await?;
        let repair_wanted = repair_wanted(operator, entity).await?;
        let (kind, fold) = (definition.entity.clone(), records.fold());
        let entity = entity.clone();
        return Ok(Found {
            entity,
            kind,
            records,
            fold,
            object,
            stored,
            derived,
            notes,
            repair_wanted,
            moving,
        });
    }
}

/// The snapshot; one that cannot be read is there, and is none.
async fn snapshot_of(
    operator: &Operator<'_>,
    entity: &EntityRef,
) -> Result<Option<Object>, Problem> {
    derived::get(operator, &ObjectName::Snapshot(entity.clone())).await
}

/// Notes about objects of the entity: one list for each function that has ever left a note.
async fn notes(
    operator: &Operator<'_>,
    entity: &EntityRef,
) -> Result<Vec<(Note, Standing)>, Problem> {
    let store = &operator.tools.store;
    let mut folders = Vec::new();
    let delimiter = Some("/".to_owned());
    let prefix = format!("env/{}/reports/quarantine/", operator.env);
    let mut list = List { prefix, delimiter, ..List::default() };
    loop {
        let page = store.list(&list).await?;
        folders.extend(page.prefixes);
        match page.next_page_token {
            Some(token) => list.page_token = Some(token),
            None => break,
        }
    }
    let mut notes = Vec::new();
    for folder in folders {
        let prefix = format!("{folder}{}/{}/", entity.segment, entity.id);
        let mut list = List { prefix, ..List::default() };
        loop {
            let page = store.list(&list).await?;
            for item in page.items {
                let Some(note) = note::read(operator, &item.name).await? else { continue };
                let standing = standing(&note, &note::evidence(operator, &note).await?);
                notes.push((note, standing));
            }
            match page.next_page_token {
                Some(token) => list.page_token = Some(token),
                None => break,
            }
        }
    }
    Ok(notes)
}

/// Since when a repair is wanted. The object says nothing but whose it is: it is listed, not read.
async fn repair_wanted(
    operator: &Operator<'_>,
    entity: &EntityRef,
) -> Result<Option<String>, Problem> {
    let name = ObjectName::RepairWanted(entity.clone()).to_string();
    let list = List { prefix: name.clone(), ..List::default() };
    let page = operator.tools.store.list(&list).await?;
    let item = page.items.into_iter().find(|item| item.name == name);
    Ok(item.map(|item| item.created_at.to_string()))
}

impl Found {
    /// What the snapshot covers, where that can be read.
    fn covers(&self) -> Option<&Folded> {
        match &self.stored {
            Stored::Snapshot(folded) | Stored::Outdated(folded) => Some(folded),
            Stored::Missing | Stored::Unknown | Stored::Unreadable => None,
        }
    }

    /// Whether the snapshot is what the history says.
    fn agrees(&self) -> bool {
        matches!((&self.stored, &self.fold), (Stored::Snapshot(stored), Some(fold)) if **stored == *fold)
    }

    /// Whether the snapshot has the record of this entry: `None` where nobody can say.
    fn has(&self, entry: &Entry) -> Option<bool> {
        let Ok(key) = &entry.verdict else { return Some(false) };
        let Some(folded) = self.covers() else { return Some(false) };
        match folded.coverage(key) {
            _ if self.agrees() => Some(true),
            Coverage::Covered => Some(true),
            Coverage::Late if folded.folded.len() >= FOLDED_IDS_MAX => None,
            Coverage::InOrder | Coverage::Late => Some(false),
        }
    }

    /// Whether the definitions or the schema version of the snapshot are not those of this release.
    fn is_of_another_release(&self, version: &Version) -> bool {
        let Some(object) = &self.object else { return false };
        let theirs = object.metadata.get(Version::DEFINITIONS);
        theirs != Some(&version.definitions) || matches!(self.stored, Stored::Outdated(_))
    }
}
