//! The two files that Terraform reads of the code.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use domain::limits::{ACK_DEADLINE, SERVICE_TIMEOUT};
use domain::{Definitions, Env};
use serde::Serialize;

use crate::metadata::{Function, Kind, Schedule};
use crate::routing;
use crate::terraform::chunks::{self, Chunks};
use crate::terraform::columns::{self, Table};
use crate::terraform::grants;

/// What brings the files up to date.
pub(crate) const COMMAND: &str = "run `cargo xtask terraform generate`";

/// What functions say about themselves.
pub(crate) const FUNCTIONS: &str = "terraform/functions.json";

/// The columns of each kind.
pub(crate) const KINDS: &str = "terraform/kinds.json";

/// The longest name of a function: that of its accounts, `prod-push-NAME`, has at most 30 bytes.
/// (IAM documentation, "Service accounts".)
const NAME_BYTES_MAX: usize = 20;

/// The environment whose words stand for those of any other.
const SAMPLE: Env = Env::Dev;

/// [`FUNCTIONS`].
#[derive(Serialize)]
struct File {
    note: &'static str,
    service_timeout_seconds: u64,
    ack_deadline_seconds: u64,
    /// The prefix below an environment that each topic is about.
    topics: BTreeMap<String, String>,
    /// What a grant on a prefix leaves out.
    except: BTreeMap<String, Vec<String>>,
    /// What writers from outside append to.
    history: Chunks,
    functions: BTreeMap<String, Described>,
}

/// A function.
#[derive(Serialize)]
struct Described {
    kind: &'static str,
    memory_mib: u32,
    concurrency: u32,
    secrets: Vec<String>,
    subscriptions: BTreeMap<String, Subscription>,
    /// By role and by the title of a condition, prefixes below an environment.
    grants: BTreeMap<&'static str, Chunks>,
    /// Of a job.
    args: Vec<String>,
    schedules: BTreeMap<String, Schedule>,
}

/// One push subscription; `{env}` in the filter is the environment.
#[derive(Serialize)]
struct Subscription {
    topic: String,
    filter: String,
}

/// The files, by their names from the root.
pub(crate) fn files(
    functions: &[Function],
    definitions: &Definitions,
) -> Result<[(&'static str, String); 2]> {
    let kinds: BTreeMap<&str, Table> =
        columns::tables(definitions)?.into_iter().collect::<BTreeMap<_, _>>();
    Ok([(FUNCTIONS, text(&file(functions, definitions)?)?), (KINDS, text(&kinds)?)])
}

/// Writes each of them.
pub(crate) fn write(root: &Path, files: &[(&str, String)]) -> Result<()> {
    let write = |(name, text): &(&str, String)| {
        fs::write(root.join(name), text).with_context(|| format!("cannot write {name}"))
    };
    files.iter().try_for_each(write)
}

/// The names of those that are something else on disk, or not there.
pub(crate) fn stale<'a>(root: &Path, files: &[(&'a str, String)]) -> Result<Vec<&'a str>> {
    let mut stale = Vec::new();
    for (name, text) in files {
        let stored = match fs::read_to_string(root.join(name)) {
            Err(err) if err.kind() == ErrorKind::NotFound => String::new(),
            read => read.with_context(|| format!("cannot read {name}"))?,
        };
        if stored != *text {
            stale.push(*name);
        }
    }
    Ok(stale)
}

fn text(value: &impl Serialize) -> Result<String> {
    Ok(serde_json::to_string_pretty(value)? + "\n")
}

fn file(functions: &[Function], definitions: &Definitions) -> Result<File> {
    let before = format!("env/{SAMPLE}/");
    let topics = routing::notifications(SAMPLE).map(|it| {
        let prefix = it.object_name_prefix.strip_prefix(&before).map(str::to_owned);
        (short(&it.topic), prefix.unwrap_or(it.object_name_prefix))
    });
    let described = functions.iter().map(|it| Ok((it.name.clone(), describe(it, definitions)?)));
    Ok(File {
        note: "Written by `cargo xtask terraform generate`; nobody edits it.",
        service_timeout_seconds: SERVICE_TIMEOUT.as_secs(),
        ack_deadline_seconds: ACK_DEADLINE.as_secs(),
        topics: topics.into(),
        except: grants::exceptions(definitions),
        history: chunks::history(definitions),
        functions: described.collect::<Result<_>>()?,
    })
}

fn describe(function: &Function, definitions: &Definitions) -> Result<Described> {
    let metadata = &function.metadata;
    ensure!(
        function.name.len() <= NAME_BYTES_MAX,
        "function {} needs a name of at most {NAME_BYTES_MAX} bytes: its accounts are called after it",
        function.name
    );
    let routes = routing::routes(std::slice::from_ref(function), SAMPLE)?;
    let before = format!("{SAMPLE}-{}-", function.name);
    let subscriptions = routes.into_iter().map(|route| {
        let filter = route.filter.as_str().replace(&format!("env/{SAMPLE}/"), "env/{env}/");
        let class = route.subscription.strip_prefix(&before).unwrap_or_default().to_owned();
        (class, Subscription { topic: short(&route.topic), filter })
    });
    Ok(Described {
        kind: match metadata.kind {
            Kind::Push => "push",
            Kind::Job => "job",
        },
        memory_mib: metadata.memory_mib,
        concurrency: metadata.concurrency,
        secrets: metadata.secrets.clone(),
        subscriptions: subscriptions.collect(),
        grants: chunks::by_role(function, definitions),
        args: metadata.args.clone(),
        schedules: metadata.schedules.clone(),
    })
}

/// The name of a topic without the environment.
fn short(topic: &str) -> String {
    topic.strip_prefix(&format!("{SAMPLE}-")).unwrap_or(topic).to_owned()
}
