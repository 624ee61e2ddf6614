//! `copy`: history and schemas in another bucket.

use std::collections::HashMap;
use std::sync::Arc;

use ::job::in_turn;
use clap::Args;
use cloud_run::Config;
use domain::limits::ATTEMPTS_MAX;
use domain::{BoxFuture, Instant, ObjectName};
use store::{Counted, Error, ErrorKind, List, Listed, Precondition, Store, Tally, Tools, dollars};

use crate::get::instant;
use crate::{Operator, Place, Problem, subject};

/// How many objects are copied at the same time.
const AT_ONCE: usize = 16;

/// How many objects that differ are shown.
const DIFFERENT_SHOWN_MAX: usize = 20;

/// What the copy of an object says of when the original was stored.
pub(crate) const STORED_AT: &str = "stored-at";

/// And which version it was.
const COPIED_FROM: &str = "copied-from-generation";

/// Copies history and schemas into another bucket, from which everything else can be derived.
///
/// A copied object keeps its name and its content; it is created where there is none and never
/// replaced. Cloud Storage holds the checksum of what is sent against what it has received; what is
/// there already is compared by its size, or by its content with --verify. Stopped anywhere, the same
/// command goes on, and a later one brings what has been written since. The other bucket is best one
/// of another project, of whose owners none can delete here: docs/restore.md.
///
/// A copy was stored when it was copied: its metadata says when the original was (`stored-at`), and
/// `--known-at` does not go by that.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  copy --to gs://acme-data-copy --dry-run                how many objects and bytes, and the cost
  copy --to gs://acme-data-copy                          all of the environment's history
  copy --to gs://acme-data-copy --segment ventures --since 2025-11-01T00:00:00Z
  copy --to gs://acme-data-copy --verify                 read both again and compare

Exit codes: 0 everything is there, 1 something there is another content")]
pub struct Options {
    #[command(flatten)]
    pub(crate) place: Place,
    /// The other bucket: gs://acme-data-copy.
    #[arg(long, value_name = "gs://BUCKET")]
    to: String,
    /// One segment: ventures; all histories and the schemas when not said.
    #[arg(long)]
    segment: Option<String>,
    /// What was stored since this instant: 2025-11-01T00:00:00Z.
    #[arg(long, value_name = "INSTANT", value_parser = instant)]
    since: Option<Instant>,
    /// Compare the content of what is there already, too.
    #[arg(long)]
    verify: bool,
    /// Count; write nothing.
    #[arg(long)]
    dry_run: bool,
}

pub(crate) async fn run(options: &Options, operator: &Operator<'_>) -> Result<bool, Problem> {
    let other = elsewhere(&options.place, &options.to)?;
    into(options, operator, other).await
}

/// The bucket that a person has named besides the one that is worked on.
pub(crate) fn elsewhere(place: &Place, to: &str) -> Result<Arc<dyn Store>, Problem> {
    let bucket = to.strip_prefix("gs://").unwrap_or(to).trim_end_matches('/').to_owned();
    let config = Config::environment();
    let ours = match &place.bucket {
        Some(bucket) => Some(bucket.clone()),
        None => config.read("BUCKET")?,
    };
    if ours.as_ref() == Some(&bucket) {
        return Err(Problem::new(format!("gs://{bucket} is the bucket itself: say another")));
    }
    Ok(Place { bucket: Some(bucket), env: place.env }.tools(&config, gcp::connect_person)?.store)
}

/// How the copy of one object ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Copied {
    /// It was created.
    Created,
    /// It was there, with this content.
    There,
    /// Another content is there.
    Different,
    /// The original was deleted meanwhile.
    Gone,
}

/// What was copied.
#[derive(Default)]
struct Sum {
    created: u64,
    bytes: u64,
    there: u64,
    different: Vec<String>,
}

/// The same with the other bucket opened.
pub(crate) async fn into(
    options: &Options,
    operator: &Operator<'_>,
    other: Arc<dyn Store>,
) -> Result<bool, Problem> {
    let env = operator.env;
    let prefixes = match &options.segment {
        Some(segment) => {
            vec![format!("env/{env}/{}/", subject::segment(operator, segment)?.segment)]
        }
        None => {
            let kinds = operator.tools.definitions.entities();
            let histories = kinds.map(|it| format!("env/{env}/{}/", it.segment));
            std::iter::once(format!("env/{env}/schemas/")).chain(histories).collect()
        }
    };
    let from = Arc::new(Counted::new(Arc::clone(&operator.tools.store)));
    let to = Arc::new(Counted::new(other));
    let mut sum = Sum::default();
    for prefix in prefixes {
        let copied = below(options, operator, (&from, &to), &prefix, &mut sum).await;
        copied.map_err(|problem| {
            Problem::new(format!("{problem}; run the same command again: it goes on"))
        })?;
    }
    let (mut read, mut written) = (Tally::default(), Tally::default());
    read.take(&from);
    written.take(&to);
    let (would, cost) = match options.dry_run {
        true => ("would copy", format!("about ${:.4}", dollars(sum.created, sum.created))),
        false => ("copied", format!("there {}; here {}", written.operations, read.operations)),
    };
    let Sum { created, bytes, there, different } = &sum;
    operator.screen.say(&format!(
        "copy to {}: {would} {created} objects of {bytes} bytes, {there} were there, {} differ; \
         {cost}",
        options.to,
        different.len()
    ))?;
    for name in different.iter().take(DIFFERENT_SHOWN_MAX) {
        operator.screen.say(&format!("  {name} has another content there: it is left"))?;
    }
    Ok(different.is_empty())
}

async fn below(
    options: &Options,
    operator: &Operator<'_>,
    (from, to): (&Arc<Counted>, &Arc<Counted>),
    prefix: &str,
    sum: &mut Sum,
) -> Result<(), Problem> {
    let mut list = List { prefix: prefix.to_owned(), ..List::default() };
    loop {
        let page = from.list(&list).await?;
        let there = sizes(&**to, prefix, &page.items).await?;
        let wanted = |item: &&Listed| {
            let class = ObjectName::parse(&item.name);
            let is_source = matches!(
                class,
                Ok(ObjectName::History(_)
                    | ObjectName::Schema { .. }
                    | ObjectName::Definition { .. })
            );
            is_source && options.since.is_none_or(|since| item.created_at >= since)
        };
        let items: Vec<&Listed> = page.items.iter().filter(wanted).collect();
        let mut work: Vec<BoxFuture<'_, Result<Copied, Problem>>> = Vec::new();
        for item in &items {
            let same_size = there.get(&item.name).map(|size| *size == item.size_bytes);
            work.push(match (same_size, options.verify, options.dry_run) {
                (None, _, true) => Box::pin(std::future::ready(Ok(Copied::Created))),
                (Some(true), false, _) => Box::pin(std::future::ready(Ok(Copied::There))),
                (None, ..) => Box::pin(one(&operator.tools, &**from, &**to, item)),
                (Some(_), ..) => Box::pin(async { Ok(compare(&**from, &**to, item).await?) }),
            });
        }
        for (item, copied) in items.iter().zip(in_turn(work, AT_ONCE).await?) {
            match copied {
                Copied::Created => {
                    sum.created += 1;
                    sum.bytes += item.size_bytes;
                }
                Copied::There => sum.there += 1,
                Copied::Different => sum.different.push(item.name.clone()),
                Copied::Gone => (),
            }
        }
        // The log of what was counted would grow with the bucket.
        drop((from.take_log(), to.take_log()));
        operator.screen.progress(operator.tools.clock.now(), || {
            format!("copy {prefix}: {} copied, {} were there", sum.created, sum.there)
        });
        match page.next_page_token {
            Some(token) => list.page_token = Some(token),
            None => return Ok(()),
        }
    }
}

/// The sizes of what the other bucket has of this page.
async fn sizes(
    to: &dyn Store,
    prefix: &str,
    items: &[Listed],
) -> Result<HashMap<String, u64>, Problem> {
    let mut sizes = HashMap::new();
    let (Some(first), Some(last)) = (items.first(), items.last()) else { return Ok(sizes) };
    let mut list = List {
        prefix: prefix.to_owned(),
        start_offset: Some(first.name.clone()),
        end_offset: Some(format!("{}\0", last.name)),
        ..List::default()
    };
    loop {
        let page = to.list(&list).await?;
        sizes.extend(page.items.into_iter().map(|item| (item.name, item.size_bytes)));
        match page.next_page_token {
            Some(token) => list.page_token = Some(token),
            None => return Ok(sizes),
        }
    }
}

/// Copies one version, again after a while when the other bucket asks to slow down. One read here, one
/// insert there.
pub(crate) async fn one(
    tools: &Tools,
    from: &dyn Store,
    to: &dyn Store,
    item: &Listed,
) -> Result<Copied, Problem> {
    for _ in 1..ATTEMPTS_MAX {
        match once(from, to, item).await {
            Err(err) if err.kind == ErrorKind::Throttled => tools.pause_after_throttling().await,
            ended => return Ok(ended?),
        }
    }
    Ok(once(from, to, item).await?)
}

async fn once(from: &dyn Store, to: &dyn Store, item: &Listed) -> Result<Copied, Error> {
    let Some(object) = from.get(&item.name, Some(item.generation)).await? else {
        return Ok(Copied::Gone);
    };
    let mut metadata = object.metadata;
    metadata.insert(STORED_AT.to_owned(), item.created_at.to_string());
    metadata.insert(COPIED_FROM.to_owned(), item.generation.to_string());
    match to.put(&item.name, object.body, &metadata, Precondition::Absent).await {
        Ok(_) => Ok(Copied::Created),
        Err(err) if err.kind == ErrorKind::Conflict => compare(from, to, item).await,
        Err(err) => Err(err),
    }
}

/// Compares the contents. One read on each side.
async fn compare(from: &dyn Store, to: &dyn Store, item: &Listed) -> Result<Copied, Error> {
    let known = |read: Result<Option<store::Object>, Error>| match read {
        // What cannot be read is the same as nothing.
        Err(err) if err.kind == ErrorKind::Unusable => Ok(None),
        read => read,
    };
    let ours = known(from.get(&item.name, Some(item.generation)).await)?;
    let theirs = known(to.get(&item.name, None).await)?;
    Ok(match (ours, theirs) {
        (Some(ours), Some(theirs)) if ours.body == theirs.body => Copied::There,
        _ => Copied::Different,
    })
}
