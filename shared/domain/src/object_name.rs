//! Object names: the one place that builds and parses them.
//!
//! Ids stand verbatim in names; percent-encoding belongs to the wire. Every class of object that
//! the platform stores is a variant of [`ObjectName`], so what parses is also known.

mod parse;

use std::fmt;

use crate::{Day, EntityRef, Env, Instant};

/// The longest file name of a history record, in bytes: order keys are kept in custom metadata,
/// which Cloud Storage bounds.
pub const HISTORY_FILE_BYTES_MAX: usize = 256;

/// The name of an object under `env/{env}/`, by class.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ObjectName {
    /// `{segment}/{id}/history/{yyyy}/{mm}/{dd}/{file}`
    History(HistoryName),
    /// `snapshots/{segment}/{id}.json`
    Snapshot(EntityRef),
    /// `manifests/{segment}/by-id/{id}.json`
    Manifest(EntityRef),
    /// `manifests/{segment}/changes/{yyyy-mm-ddThh}/{id}.json`
    Journal {
        /// Whose manifest changed.
        entity: EntityRef,
        /// The hour in UTC, `yyyy-mm-ddThh`.
        hour: String,
    },
    /// `manifests/{segment}/_index_shard={hex}.ndjson`
    Shard(ShardName),
    /// `manifests/{segment}/_index.json`
    ShardIndex {
        /// The environment.
        env: Env,
        /// The segment.
        segment: String,
    },
    /// `manifests/{segment}/export/part-{hex}.ndjson`
    Export(ShardName),
    /// `indices/{segment}/{index}/{key…}/{id}.json`
    Pointer(PointerName),
    /// `indices/{segment}/{index}/{key}.json`
    Register {
        /// The environment.
        env: Env,
        /// The segment whose entities are the members.
        segment: String,
        /// The index.
        index: String,
        /// What the members have in common.
        key: String,
    },
    /// `indices/{segment}/_bundle.json`
    Bundle {
        /// The environment.
        env: Env,
        /// The segment whose entities are the members.
        segment: String,
    },
    /// `indices/_repair/{segment}/{id}.json`
    RepairWanted(EntityRef),
    /// `indices/{segment}/_claims/{id}/{parent record id}.json`
    Claim {
        /// The entity that is appended to.
        entity: EntityRef,
        /// The record that the append follows.
        parent: String,
    },
    /// `indices/alerts/_state/{segment}/{id}.json`
    AlertState(EntityRef),
    /// `reports/alerts/{rule_id}/{entity_id}/{alert_id}.json`
    Alert {
        /// The environment.
        env: Env,
        /// The rule that holds.
        rule_id: String,
        /// The entity it holds for.
        entity_id: String,
        /// The opening.
        alert_id: String,
    },
    /// `indices/alerts/{mark}/{rest}.json`
    AlertMark {
        /// The environment.
        env: Env,
        /// What is marked.
        mark: Mark,
        /// The path below the mark, without the ending.
        rest: String,
    },
    /// `reports/quarantine/{function}/{segment}/{id}/{digest}.json`
    Quarantine {
        /// The environment.
        env: Env,
        /// The function that could not handle the object.
        function: String,
        /// The segment of the object.
        segment: String,
        /// The id of the object's entity.
        id: String,
        /// Digest of object name and generation.
        digest: String,
    },
    /// `schemas/{entity}/v{semver}.schema.json`
    Schema {
        /// The environment.
        env: Env,
        /// The kind.
        entity: String,
        /// The version, `1.0.0`.
        version: String,
    },
    /// `schemas/{entity}/entity.json`
    Definition {
        /// The environment.
        env: Env,
        /// The kind.
        entity: String,
    },
    /// `manifests/_jobs/{job}/{run}.json`
    JobProgress {
        /// The environment.
        env: Env,
        /// The job.
        job: String,
        /// The run.
        run: String,
    },
    /// `logs/audit/{yyyy}/{mm}/{dd}/{rest}`
    Audit {
        /// The environment.
        env: Env,
        /// The day in UTC.
        day: Day,
        /// The path below the day.
        rest: String,
    },
}

/// The name of a history record.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HistoryName {
    /// Whose history.
    pub entity: EntityRef,
    /// The folder, a day in UTC.
    pub day: Day,
    /// The file name with its ending, `{ts}_{ulid}.json` when we wrote it.
    pub file: String,
}

impl HistoryName {
    /// The name under which we file a record of this time: `{ts}` has three decimals.
    pub fn dated(entity: EntityRef, at: Instant, record_id: &str) -> Self {
        let file = format!("{}_{record_id}.json", at.to_millis_text());
        Self { entity, day: at.day(), file }
    }

    /// The file name without its ending.
    pub fn stem(&self) -> &str {
        stem(&self.file)
    }

    /// What identifies the record among those of equal time: what follows the last `_`, or the
    /// stem where there is none. Foreign writers may repeat it under another day.
    pub fn record_id(&self) -> &str {
        record_id(&self.file)
    }

    /// The timestamp in front of the last `_`, as text.
    pub fn timestamp(&self) -> Option<&str> {
        self.stem().rsplit_once('_').map(|(timestamp, _)| timestamp)
    }

    /// `{yyyy}/{mm}/{dd}/{file}`: the part of the name that tells records of one entity apart.
    pub fn relative(&self) -> String {
        format!("{}/{}", self.day.folders(), self.file)
    }
}

/// The file name of a history record without its ending.
fn stem(file: &str) -> &str {
    let file = file.strip_suffix(".gz").unwrap_or(file);
    file.strip_suffix(".json").unwrap_or(file)
}

/// The record id in a file name.
pub(crate) fn record_id(file: &str) -> &str {
    let stem = stem(file);
    stem.rsplit('_').next().unwrap_or(stem)
}

/// The name of a shard or of a part of an export.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShardName {
    /// The environment.
    pub env: Env,
    /// The segment.
    pub segment: String,
    /// The number of the shard, fixed-width lower-case hexadecimal.
    pub hex: String,
}

/// The name of an index pointer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PointerName {
    /// The entity that is pointed to.
    pub entity: EntityRef,
    /// The index.
    pub index: String,
    /// One component for each key of the index.
    pub keys: Vec<String>,
}

/// What is noted about an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mark {
    /// Somebody is sending it.
    Claim,
    /// It was sent.
    Sent,
    /// It could not be sent.
    Undelivered,
    /// A person has seen it.
    Ack,
    /// A person does not want to hear of it.
    Mute,
}

impl Mark {
    /// Every one of them.
    pub const ALL: [Self; 5] = [Self::Claim, Self::Sent, Self::Undelivered, Self::Ack, Self::Mute];

    /// Whether a person makes it, and no function.
    pub fn is_of_a_person(self) -> bool {
        matches!(self, Self::Ack | Self::Mute)
    }

    /// The folder under `indices/alerts/`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Claim => "claim",
            Self::Sent => "sent",
            Self::Undelivered => "undelivered",
            Self::Ack => "ack",
            Self::Mute => "mute",
        }
    }
}

/// Classes of objects, as functions name what they are fed with, read and write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "each is documented at the ObjectName variant of the same name")]
pub enum Class {
    History,
    Snapshot,
    Manifest,
    Journal,
    Shard,
    ShardIndex,
    Export,
    Pointer,
    Register,
    Bundle,
    RepairWanted,
    Claim,
    AlertState,
    Alert,
    AlertMark,
    /// A mark of a person: that somebody has seen an alert, or does not want to hear of some.
    AlertSilence,
    Quarantine,
    Schema,
    Definition,
    JobProgress,
    Audit,
}

impl Class {
    /// Every class with the word that metadata of functions uses for it.
    pub const NAMES: [(Self, &'static str); 21] = [
        (Self::History, "history"),
        (Self::Snapshot, "snapshot"),
        (Self::Manifest, "manifest"),
        (Self::Journal, "journal"),
        (Self::Shard, "shard"),
        (Self::ShardIndex, "shard-index"),
        (Self::Export, "export"),
        (Self::Pointer, "pointer"),
        (Self::Register, "register"),
        (Self::Bundle, "bundle"),
        (Self::RepairWanted, "repair-wanted"),
        (Self::Claim, "claim"),
        (Self::AlertState, "alert-state"),
        (Self::Alert, "alert"),
        (Self::AlertMark, "alert-mark"),
        (Self::AlertSilence, "alert-silence"),
        (Self::Quarantine, "quarantine"),
        (Self::Schema, "schema"),
        (Self::Definition, "definition"),
        (Self::JobProgress, "job-progress"),
        (Self::Audit, "audit"),
    ];

    /// The class of that word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::NAMES.into_iter().find(|(_, name)| *name == word).map(|(class, _)| class)
    }
}

/// Why a name is not one of ours.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Not the name of any class: somebody else's object. Nothing has to be done about it.
    #[error("no class of object has this name")]
    Foreign,
    /// The name has the shape of a class, but a part of it is refused.
    #[error("{0}")]
    Refused(String),
}

impl ObjectName {
    /// Reads a full object name, `env/{env}/…`.
    ///
    /// # Errors
    ///
    /// [`NameError::Foreign`] for what is not ours, [`NameError::Refused`] for a name of a known
    /// shape with an id that the grammar refuses.
    pub fn parse(name: &str) -> Result<Self, NameError> {
        parse::parse(name)
    }

    /// The class of the object.
    pub fn class(&self) -> Class {
        match self {
            Self::History(_) => Class::History,
            Self::Snapshot(_) => Class::Snapshot,
            Self::Manifest(_) => Class::Manifest,
            Self::Journal { .. } => Class::Journal,
            Self::Shard(_) => Class::Shard,
            Self::ShardIndex { .. } => Class::ShardIndex,
            Self::Export(_) => Class::Export,
            Self::Pointer(_) => Class::Pointer,
            Self::Register { .. } => Class::Register,
            Self::Bundle { .. } => Class::Bundle,
            Self::RepairWanted(_) => Class::RepairWanted,
            Self::Claim { .. } => Class::Claim,
            Self::AlertState(_) => Class::AlertState,
            Self::Alert { .. } => Class::Alert,
            Self::AlertMark { mark, .. } if mark.is_of_a_person() => Class::AlertSilence,
            Self::AlertMark { .. } => Class::AlertMark,
            Self::Quarantine { .. } => Class::Quarantine,
            Self::Schema { .. } => Class::Schema,
            Self::Definition { .. } => Class::Definition,
            Self::JobProgress { .. } => Class::JobProgress,
            Self::Audit { .. } => Class::Audit,
        }
    }

    /// The entity whose object this is, for the classes that belong to one.
    pub fn entity(&self) -> Option<&EntityRef> {
        match self {
            Self::History(name) => Some(&name.entity),
            Self::Pointer(name) => Some(&name.entity),
            Self::Snapshot(entity)
            | Self::Manifest(entity)
            | Self::RepairWanted(entity)
            | Self::AlertState(entity)
            | Self::Journal { entity, .. }
            | Self::Claim { entity, .. } => Some(entity),
            _ => None,
        }
    }

    /// What deliveries have in common that are handled in one batch: the entity, or else the
    /// object itself.
    pub fn subject(&self) -> String {
        self.entity().map_or_else(|| self.to_string(), ToString::to_string)
    }

    /// The environment.
    pub fn env(&self) -> Env {
        match self {
            Self::Shard(name) | Self::Export(name) => name.env,
            Self::ShardIndex { env, .. }
            | Self::Register { env, .. }
            | Self::Bundle { env, .. }
            | Self::Alert { env, .. }
            | Self::AlertMark { env, .. }
            | Self::Quarantine { env, .. }
            | Self::Schema { env, .. }
            | Self::Definition { env, .. }
            | Self::JobProgress { env, .. }
            | Self::Audit { env, .. } => *env,
            Self::History(HistoryName { entity, .. })
            | Self::Pointer(PointerName { entity, .. })
            | Self::Snapshot(entity)
            | Self::Manifest(entity)
            | Self::RepairWanted(entity)
            | Self::AlertState(entity)
            | Self::Journal { entity, .. }
            | Self::Claim { entity, .. } => entity.env,
        }
    }

    /// The prefix under which all history of `entity` lies.
    pub fn history_prefix(entity: &EntityRef) -> String {
        format!("env/{}/{}/{}/history/", entity.env, entity.segment, entity.id)
    }

    /// The first name that history of `entity` in the folder of `day` can have.
    pub fn history_offset(entity: &EntityRef, day: Day) -> String {
        format!("{}{}/", Self::history_prefix(entity), day.folders())
    }

    /// The prefixes under which the snapshot-builder's inputs never lie: what its subscription
    /// filter excludes. History is everything else.
    pub fn derived_prefixes(env: Env) -> [String; 4] {
        ["snapshots/", "manifests/", "indices/", "reports/alerts/"]
            .map(|prefix| format!("env/{env}/{prefix}"))
    }
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "env/{}/", self.env())?;
        match self {
            Self::History(HistoryName { entity: e, day, file }) => {
                write!(f, "{}/{}/history/{}/{file}", e.segment, e.id, day.folders())
            }
            Self::Snapshot(e) => write!(f, "snapshots/{}/{}.json", e.segment, e.id),
            Self::Manifest(e) => write!(f, "manifests/{}/by-id/{}.json", e.segment, e.id),
            Self::Journal { entity: e, hour } => {
                write!(f, "manifests/{}/changes/{hour}/{}.json", e.segment, e.id)
            }
            Self::Shard(ShardName { segment, hex, .. }) => {
                write!(f, "manifests/{segment}/_index_shard={hex}.ndjson")
            }
            Self::ShardIndex { segment, .. } => write!(f, "manifests/{segment}/_index.json"),
            Self::Export(ShardName { segment, hex, .. }) => {
                write!(f, "manifests/{segment}/export/part-{hex}.ndjson")
            }
            Self::Pointer(PointerName { entity: e, index, keys }) => {
                write!(f, "indices/{}/{index}/{}/{}.json", e.segment, keys.join("/"), e.id)
            }
            Self::Register { segment, index, key, .. } => {
                write!(f, "indices/{segment}/{index}/{key}.json")
            }
            Self::Bundle { segment, .. } => write!(f, "indices/{segment}/_bundle.json"),
            Self::RepairWanted(e) => write!(f, "indices/_repair/{}/{}.json", e.segment, e.id),
            Self::Claim { entity: e, parent } => {
                write!(f, "indices/{}/_claims/{}/{parent}.json", e.segment, e.id)
            }
            Self::AlertState(e) => write!(f, "indices/alerts/_state/{}/{}.json", e.segment, e.id),
            Self::Alert { rule_id, entity_id, alert_id, .. } => {
                write!(f, "reports/alerts/{rule_id}/{entity_id}/{alert_id}.json")
            }
            Self::AlertMark { mark, rest, .. } => {
                write!(f, "indices/alerts/{}/{rest}.json", mark.as_str())
            }
            Self::Quarantine { function, segment, id, digest, .. } => {
                write!(f, "reports/quarantine/{function}/{segment}/{id}/{digest}.json")
            }
            Self::Schema { entity, version, .. } => {
                write!(f, "schemas/{entity}/v{version}.schema.json")
            }
            Self::Definition { entity, .. } => write!(f, "schemas/{entity}/entity.json"),
            Self::JobProgress { job, run, .. } => write!(f, "manifests/_jobs/{job}/{run}.json"),
            Self::Audit { day, rest, .. } => write!(f, "logs/audit/{}/{rest}", day.folders()),
        }
    }
}
