//! `cost`: what a month costs, before anything is deployed.

mod estimate;
mod number;
pub mod prices;

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

pub use estimate::{
    ALERT_CONDITIONS, CHANGES_SUBSCRIPTIONS, JOB_GIB, OTHER_SCHEDULES, RECONCILE_SAMPLE,
    SERVICE_GIB, SNAPSHOTS_SUBSCRIPTIONS,
};
use estimate::{Estimate, estimate};
use prices::{AS_OF, MULTI_REGION, Prices, REGION};

use crate::{Problem, Screen, legible};

/// Says what a month of one environment costs, item by item, and what that assumes.
///
/// It asks nobody: operations are those that the functions' tests hold them to (ARCHITECTURE.md,
/// "What an event costs"), prices are Google's list prices of the date that it prints, without the
/// free tiers, which a billing account has once. Events are spread evenly over entities and hours;
/// retries, conflicts and reads by others are not in it. Numbers may be written as 1e6.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  cost --events 1e6 --entities 1e5 --indices 3     what a million events cost in a month
  cost --events 1e6 --creates 1 --deletes 0        all of them new entities
  cost --events 1e7 --alerts 1e4 --channels 2 --json
  cost --events 1e6 --multi-region --compaction nightly
  cost --idle                                      what an environment costs in which nothing happens")]
pub struct Options {
    #[command(flatten)]
    load: Load,
    /// Nothing happens: no events, no entities, nothing stored.
    #[arg(long)]
    idle: bool,
    /// The bucket is in a multi-region, such as EU.
    #[arg(long)]
    multi_region: bool,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

/// What happens in a month, and what is there.
#[derive(Args, Clone, Debug)]
pub(crate) struct Load {
    /// Records that are appended in the month.
    #[arg(long, value_name = "N", default_value_t = USUAL.events, value_parser = number::amount)]
    events: f64,
    /// Entities that there are.
    #[arg(long, value_name = "N", default_value_t = USUAL.entities, value_parser = number::amount)]
    entities: f64,
    /// Pointers of an entity: one for each key of each of its indices.
    #[arg(long, value_name = "N", default_value_t = USUAL.indices, value_parser = number::count)]
    indices: u64,
    /// Kinds that they are of, evenly.
    #[arg(long, value_name = "N", default_value_t = USUAL.segments, value_parser = number::positive)]
    segments: f64,
    /// The share of events that create an entity.
    #[arg(long, value_name = "SHARE", default_value_t = USUAL.creates, value_parser = number::share)]
    creates: f64,
    /// The share of events that delete one.
    #[arg(long, value_name = "SHARE", default_value_t = USUAL.deletes, value_parser = number::share)]
    deletes: f64,
    /// The share of events that change some fields and leave the others. Alone they cost as much as
    /// whole documents; a late one is folded with all that follow a whole document.
    #[arg(long, value_name = "SHARE", default_value_t = USUAL.merges, value_parser = number::share)]
    merges: f64,
    /// The share of events that come after a newer one of their entity.
    #[arg(long, value_name = "SHARE", default_value_t = USUAL.late, value_parser = number::share)]
    late: f64,
    /// The share of changes after which an index has another key, or shows something else.
    #[arg(long, value_name = "SHARE", default_value_t = USUAL.moves, value_parser = number::share)]
    moves: f64,
    /// Alerts that open in the month, and close.
    #[arg(long, value_name = "N", default_value_t = USUAL.alerts, value_parser = number::amount)]
    alerts: f64,
    /// Channels that each is sent to.
    #[arg(long, value_name = "N", default_value_t = USUAL.channels, value_parser = number::count)]
    channels: u64,
    /// When the compactor runs.
    #[arg(long = "compaction", value_name = "WHEN", value_enum, default_value_t = USUAL.compacting)]
    compacting: Compacting,
    /// Bytes of a record.
    #[arg(long, value_name = "N", default_value_t = USUAL.record_bytes, value_parser = number::amount)]
    record_bytes: f64,
    /// Bytes of a snapshot.
    #[arg(long, value_name = "N", default_value_t = USUAL.document_bytes, value_parser = number::amount)]
    document_bytes: f64,
    /// Months of such events that history holds.
    #[arg(long, value_name = "N", default_value_t = USUAL.months, value_parser = number::amount)]
    months: f64,
    /// Days for which overwritten versions are kept, as Terraform's noncurrent_days.
    #[arg(long, value_name = "N", default_value_t = USUAL.noncurrent_days, value_parser = number::amount)]
    noncurrent_days: f64,
    /// Days for which deleted versions can be restored, as Terraform's soft_delete_days.
    #[arg(long, value_name = "N", default_value_t = USUAL.soft_delete_days, value_parser = number::amount)]
    soft_delete_days: f64,
    /// Milliseconds that a delivery takes. Deliveries that share an instance cost less.
    #[arg(long, value_name = "MS", default_value_t = USUAL.delivery_ms, value_parser = number::amount)]
    delivery_ms: f64,
    /// Instances of each service that are kept warm.
    #[arg(long, value_name = "N", default_value_t = USUAL.min_instances, value_parser = number::amount)]
    min_instances: f64,
    /// GiB that are read from the internet.
    #[arg(long, value_name = "GIB", default_value_t = USUAL.egress_gib, value_parser = number::amount)]
    egress_gib: f64,
}

/// What is taken when nothing else is said.
pub(crate) const USUAL: Load = Load {
    events: 1e6,
    entities: 1e5,
    indices: 3,
    segments: 1.0,
    creates: 0.05,
    deletes: 0.01,
    merges: 0.5,
    late: 0.001,
    moves: 0.2,
    alerts: 0.0,
    channels: 1,
    compacting: Compacting::Both,
    record_bytes: 1_000.0,
    document_bytes: 2_000.0,
    months: 12.0,
    noncurrent_days: 30.0,
    soft_delete_days: 7.0,
    delivery_ms: 200.0,
    min_instances: 0.0,
    egress_gib: 0.0,
};

/// When the compactor runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Compacting {
    /// A delta each hour, and a full run with an export each night.
    Both,
    Hourly,
    Nightly,
    None,
}

impl Compacting {
    fn is_hourly(self) -> bool {
        matches!(self, Self::Both | Self::Hourly)
    }

    fn is_nightly(self) -> bool {
        matches!(self, Self::Both | Self::Nightly)
    }

    fn schedules(self) -> f64 {
        f64::from(u8::from(self.is_hourly()) + u8::from(self.is_nightly()))
    }
}

impl Load {
    /// What cannot be meant.
    fn check(&self) -> Result<(), Problem> {
        let refuse = |what: &str| Err(Problem::new(what));
        if self.creates + self.deletes > 1.0 {
            return refuse("--creates and --deletes together are more than all events");
        }
        if 2.0 * self.alerts > self.events {
            return refuse(
                "--alerts needs two events for each: one that opens it, one that closes it",
            );
        }
        if self.entities < 1.0 && self.events > 0.0 {
            return refuse("--events without --entities: say how many entities they are of");
        }
        Ok(())
    }

    /// Entities of a kind.
    fn entities_of_segment(&self) -> f64 {
        self.entities / self.segments
    }

    /// How many records the history of an entity has, and how many of them a late one has read: those
    /// since the last whole document.
    fn history(&self) -> (u64, u64) {
        let records = (self.events * self.months / self.entities.max(1.0)).max(1.0);
        let since = 1.0 / (1.0 - self.merges).max(1.0 / records);
        (number::whole(records), number::whole(since.min(records)))
    }

    /// The same, with nothing in it.
    fn idle(&self) -> Self {
        let (events, entities, alerts) = (0.0, 0.0, 0.0);
        Self { events, entities, alerts, egress_gib: 0.0, ..self.clone() }
    }
}

/// Says it. `true`: there is nothing that a person has to look at.
pub(crate) fn run(options: &Options, screen: &Screen) -> Result<bool, Problem> {
    let load = if options.idle { options.load.idle() } else { options.load.clone() };
    load.check()?;
    let prices = if options.multi_region { MULTI_REGION } else { REGION };
    let month = estimate(&load, &prices);
    match options.json {
        true => screen.say(&to_json(&load, &prices, &month).to_string())?,
        false => screen.say(&text(&load, options.multi_region, &month))?,
    }
    Ok(true)
}

/// What an environment costs in a month in which nothing happens.
#[must_use]
pub fn idle_dollars() -> f64 {
    estimate(&USUAL.idle(), &REGION).dollars()
}

fn text(load: &Load, multi_region: bool, month: &Estimate) -> String {
    let mut rows = vec![["what", "       how much", "", "USD a month"].map(str::to_owned).to_vec()];
    rows.extend(month.items.iter().map(|it| {
        let (quantity, dollars) = (number::short(it.quantity), number::cents(it.dollars));
        vec![it.what.to_owned(), quantity, it.unit.to_owned(), dollars]
    }));
    let total = number::cents(month.dollars());
    rows.push(vec!["total".to_owned(), String::new(), String::new(), total]);
    let mut work =
        vec![["operations of", "              B", "              A"].map(str::to_owned).to_vec()];
    let done = month.work.iter().filter(|it| it.class_a + it.class_b > 0.0);
    work.extend(done.map(|it| {
        vec![it.what.to_owned(), number::grouped(it.class_b), number::grouped(it.class_a)]
    }));
    let place = if multi_region { "a multi-region" } else { "one region" };
    let mut text = format!("{}\n\n{}\n\n", legible::table(&rows), legible::table(&work));
    if load.events > 0.0 {
        let each = month.dollars() / load.events * 1e6;
        text += &format!("a million of such events: {each:.2} USD\n");
    }
    text + &assumed(load, place)
}

/// What is taken for granted, line by line.
fn assumed(load: &Load, place: &str) -> String {
    let Load { record_bytes, document_bytes, months, delivery_ms, noncurrent_days, .. } = load;
    let deleted = load.soft_delete_days;
    [
        "assumed:".to_owned(),
        format!("list prices of {AS_OF}, {place}, no free tier"),
        format!(
            "a delivery takes {delivery_ms} ms and has {SERVICE_GIB} GiB and a processor for itself"
        ),
        format!("a record has {record_bytes} bytes, a snapshot {document_bytes}"),
        format!("history holds {months} such months"),
        format!("replaced versions stay {noncurrent_days} days, deleted ones {deleted} more"),
        format!("`reconcile` looks at one entity in {RECONCILE_SAMPLE} each week"),
        "events fall evenly, nothing is retried, nobody else reads".to_owned(),
    ]
    .join("\n  ")
}

fn to_json(load: &Load, prices: &Prices, month: &Estimate) -> Value {
    let items = month.items.iter().map(
        |it| json!({"what": it.what, "quantity": it.quantity, "unit": it.unit, "usd": it.dollars}),
    );
    let work = month
        .work
        .iter()
        .map(|it| json!({"what": it.what, "class_b": it.class_b, "class_a": it.class_a}));
    json!({
        "usd": month.dollars(),
        "items": items.collect::<Vec<_>>(),
        "operations": work.collect::<Vec<_>>(),
        "events": load.events,
        "entities": load.entities,
        "indices": load.indices,
        "class_a_per_thousand": prices.class_a_per_thousand,
        "class_b_per_thousand": prices.class_b_per_thousand,
        "prices_as_of": AS_OF,
    })
}
