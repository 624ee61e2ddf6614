//! `[package.metadata.function]`: what a function says about itself in its `Cargo.toml`.
//!
//! The single source for routing, for Terraform and for the test that functions form a DAG.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use anyhow::{Context as _, Result, bail};
use cargo_metadata::Package;
use domain::Class;
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use serde_json::Value;

/// Memory that Cloud Run gives an instance. (Cloud Run documentation, "Configure memory limits".)
const MEMORY_MIB: RangeInclusive<u32> = 128..=32_768;

/// Requests that Cloud Run sends to an instance at a time. (Cloud Run documentation, "Maximum
/// concurrent requests for services".)
const CONCURRENCY: RangeInclusive<u32> = 1..=1_000;

/// A member under `functions/`.
#[derive(Clone, Debug)]
pub(crate) struct Function {
    /// The name of the package and of its binary.
    pub(crate) name: String,
    /// What it says about itself.
    pub(crate) metadata: Metadata,
}

/// Those of `functions` that are called `names`, all of them when there is none.
pub(crate) fn chosen(mut functions: Vec<Function>, names: &[String]) -> Result<Vec<Function>> {
    if let Some(unknown) = names.iter().find(|name| !functions.iter().any(|it| it.name == **name)) {
        let known: Vec<&str> = functions.iter().map(|it| it.name.as_str()).collect();
        bail!("no function {unknown:?}; there are {}", known.join(", "));
    }
    functions.retain(|it| names.is_empty() || names.contains(&it.name));
    Ok(functions)
}

/// The table `[package.metadata.function]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Metadata {
    /// How it is started.
    pub(crate) kind: Kind,
    /// The classes whose finalized objects are delivered to it.
    #[serde(deserialize_with = "classes")]
    pub(crate) fed_with: Vec<Class>,
    /// The classes it reads.
    #[serde(deserialize_with = "classes")]
    pub(crate) reads: Vec<Class>,
    /// The classes it writes.
    #[serde(deserialize_with = "classes")]
    pub(crate) writes: Vec<Class>,
    /// The classes of which it deletes objects and creates none.
    #[serde(default, deserialize_with = "classes")]
    pub(crate) deletes: Vec<Class>,
    /// The names of the secrets it reads.
    #[serde(default)]
    pub(crate) secrets: Vec<String>,
    /// By grant, the scenario that fails without it.
    #[serde(default)]
    pub(crate) needed_by: NeededBy,
    /// Whether its image has the database of time zones.
    #[serde(default)]
    pub(crate) tzdata: bool,
    /// The arguments of a job that was started without any.
    #[serde(default)]
    pub(crate) args: Vec<String>,
    /// When a job is started by itself, by name.
    #[serde(default)]
    pub(crate) schedules: BTreeMap<String, Schedule>,
    /// Memory of an instance.
    pub(crate) memory_mib: u32,
    /// Deliveries that one instance handles at a time.
    pub(crate) concurrency: u32,
}

/// What needs each grant of a function: a scenario of `fixtures/`, or for a job one of its trials.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NeededBy {
    /// To list.
    pub(crate) list: Option<String>,
    /// To read, by the word of the class.
    #[serde(default)]
    pub(crate) read: BTreeMap<String, String>,
    /// To create, likewise.
    #[serde(default)]
    pub(crate) write: BTreeMap<String, String>,
    /// To replace or delete, likewise.
    #[serde(default)]
    pub(crate) replace: BTreeMap<String, String>,
}

/// When a job is started, and how.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Schedule {
    /// A cron line of five fields, in UTC.
    pub(crate) cron: String,
    /// Its arguments.
    pub(crate) args: Vec<String>,
}

/// How a function is started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    /// By pushed deliveries.
    Push,
    /// By a schedule or a person.
    Job,
}

impl Function {
    /// Reads the table of a package.
    pub(crate) fn of(package: &Package) -> Result<Self> {
        Self::read(&package.name, &package.metadata)
    }

    /// Reads the table of the package `name`, whose `[package.metadata]` this is.
    pub(crate) fn read(name: &str, metadata: &Value) -> Result<Self> {
        let table = metadata.get("function");
        let table = table.with_context(|| format!("{name}: no [package.metadata.function]"))?;
        let metadata = Metadata::deserialize(table)
            .and_then(|metadata| metadata.checked().map_err(serde_json::Error::custom))
            .with_context(|| format!("{name}: [package.metadata.function]"))?;
        Ok(Self { name: name.to_owned(), metadata })
    }
}

impl Metadata {
    /// Refuses what could not be deployed, or would not work.
    fn checked(self) -> Result<Self, String> {
        if let Some(class) = self.fed_with.iter().find(|class| !self.reads.contains(class)) {
            return Err(format!("it is fed with {} and does not read it", word(*class)));
        }
        if !MEMORY_MIB.contains(&self.memory_mib) || !CONCURRENCY.contains(&self.concurrency) {
            return Err(format!(
                "memory-mib is not in {MEMORY_MIB:?} or concurrency not in {CONCURRENCY:?}"
            ));
        }
        if self.kind == Kind::Push && !(self.args.is_empty() && self.schedules.is_empty()) {
            return Err("only a job has args and schedules".to_owned());
        }
        if let Some(class) = self.deletes.iter().find(|class| self.writes.contains(class)) {
            return Err(format!("who writes {} may delete it: it needs no deletes", word(*class)));
        }
        let crons = self.schedules.values().map(|it| it.cron.as_str());
        if let Some(cron) = crons.into_iter().find(|cron| cron.split(' ').count() != 5) {
            return Err(format!("{cron:?} is no cron of five fields, such as 15 * * * *"));
        }
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        match self.secrets.iter().find(|it| it.is_empty() || !it.chars().all(plain)) {
            Some(secret) => Err(format!("{secret:?} is no name of a secret")),
            None => Ok(self),
        }
    }
}

fn classes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Class>, D::Error> {
    let words = Vec::<String>::deserialize(deserializer)?;
    let class = |word: &String| {
        Class::parse(word).ok_or_else(|| {
            let known: Vec<_> = Class::NAMES.iter().map(|(_, name)| *name).collect();
            D::Error::custom(format!("no class {word:?}; there are {}", known.join(", ")))
        })
    };
    words.iter().map(class).collect()
}

/// The word for `class` in metadata and in what is printed.
pub(crate) fn word(class: Class) -> &'static str {
    let named = Class::NAMES.iter().find(|(it, _)| *it == class);
    named.map_or("unnamed", |(_, name)| name)
}
