//! What a month costs: the counts that the functions' tests assert, times how often each happens,
//! times what it costs. Rounding is for people; nothing here is.

use domain::Definitions;
use projection::shard::ShardCount;
use store::Operations;
use store::counts::{self, Compaction};

use super::number::whole;
use super::prices::{MONTH_SECONDS, Prices};
use super::{Compacting, Load};

/// Push subscriptions to the topic of all changes, by whose filter a message passes or not, and to
/// that of snapshots. A test of xtask holds them against the routes.
pub const CHANGES_SUBSCRIPTIONS: u32 = 2;
/// The same of snapshots.
pub const SNAPSHOTS_SUBSCRIPTIONS: u32 = 3;

/// Conditions of alert policies, and schedules besides those of compaction: `reconcile`,
/// `rules sweep`, `alerts redeliver`. A test of xtask holds them against the plan.
pub const ALERT_CONDITIONS: u32 = 11;
/// The same of schedules.
pub const OTHER_SCHEDULES: u32 = 3;

/// The scheduled `reconcile` looks at one entity in so many, and the runs of it in a month.
pub const RECONCILE_SAMPLE: u32 = 100;
const RECONCILE_RUNS: f64 = 30.0 / 7.0;

/// Memory of an instance of a service and of a job, as the functions' Cargo.toml say, in GiB.
pub const SERVICE_GIB: f64 = 0.5;
/// The same of jobs: of the compactor.
pub const JOB_GIB: f64 = 1.0;

/// What a notification and a log line with that of its request take: attributes, the object's own
/// description, what Cloud Run says of a request.
const MESSAGE_BYTES: f64 = 1_500.0;
const LOGGED_BYTES: f64 = 1_500.0;

/// What is stored of a manifest, which is a line of its shard too, of a pointer and of a note of the
/// journal, with its metadata.
const MANIFEST_BYTES: f64 = 600.0;
const POINTER_BYTES: f64 = 300.0;
const JOURNAL_BYTES: f64 = 200.0;

/// Cloud Run bills requests by this, and a job for so long at least. (Cloud Run, "Pricing".)
const BILLED_MS: f64 = 100.0;
const JOB_SECONDS_MIN: f64 = 60.0;

/// What an operation takes of a job, which has several under way.
const JOB_OPERATION_SECONDS: f64 = 0.005;

const HOURS: f64 = 30.0 * 24.0;
const NIGHTS: f64 = 30.0;
const GIB: f64 = 1024.0 * 1024.0 * 1024.0;
const TIB: f64 = 1024.0 * GIB;

/// What happens so many times in a month, in operations.
#[derive(Clone, Debug)]
pub(super) struct Work {
    pub(super) what: &'static str,
    pub(super) class_b: f64,
    pub(super) class_a: f64,
    /// Inserts, which are notified of; the rest of class A are pages of lists.
    written: f64,
}

/// One thing that is paid for.
#[derive(Clone, Debug)]
pub(super) struct Item {
    pub(super) what: &'static str,
    pub(super) quantity: f64,
    pub(super) unit: &'static str,
    pub(super) dollars: f64,
}

/// A month.
#[derive(Clone, Debug)]
pub(super) struct Estimate {
    pub(super) work: Vec<Work>,
    pub(super) items: Vec<Item>,
}

impl Estimate {
    pub(super) fn dollars(&self) -> f64 {
        self.items.iter().map(|it| it.dollars).sum()
    }
}

impl Work {
    fn new(what: &'static str) -> Self {
        Self { what, class_b: 0.0, class_a: 0.0, written: 0.0 }
    }

    /// Adds what happens so many times, all of whose class A but so many pages are inserts.
    fn add(mut self, times: f64, operations: Operations, pages: f64) -> Self {
        let (class_b, class_a) = (exact(operations.class_b), exact(operations.class_a));
        self.class_b += times * class_b;
        self.class_a += times * class_a;
        self.written += times * (class_a - pages);
        self
    }
}

/// What `load` costs in a month at `prices`.
pub(super) fn estimate(load: &Load, prices: &Prices) -> Estimate {
    let Load { events, alerts, .. } = *load;
    let mut work = of_events(load);
    let runs = runs(load);
    work.extend(runs.iter().map(|(work, _)| work.clone()));
    let class_a: f64 = work.iter().map(|it| it.class_a).sum();
    let class_b: f64 = work.iter().map(|it| it.class_b).sum();
    let written: f64 = work.iter().map(|it| it.written).sum();
    // Snapshots are told of twice: among all changes, and to those who are fed with them.
    let notifications = written + events;
    let deliveries = events + events * f64::from(SNAPSHOTS_SUBSCRIPTIONS) + 2.0 * alerts;
    let messages = written * f64::from(1 + CHANGES_SUBSCRIPTIONS)
        + events * f64::from(1 + SNAPSHOTS_SUBSCRIPTIONS);
    let seconds = deliveries * (load.delivery_ms / BILLED_MS).ceil() * BILLED_MS / 1000.0;
    let job_seconds: f64 = runs.iter().map(|(_, seconds)| seconds).sum();
    let processor = prices.processor_second + SERVICE_GIB * prices.memory_gib_second;
    let job_processor = prices.job_processor_second + JOB_GIB * prices.job_memory_gib_second;
    let idle = prices.idle_processor_second + SERVICE_GIB * prices.idle_memory_gib_second;
    let (live, versions) = stored(load);
    let message_tib = messages * MESSAGE_BYTES / TIB;
    let logged_gib = deliveries * LOGGED_BYTES / GIB;
    let read_gib = class_b * load.document_bytes / GIB;
    let schedules = load.compacting.schedules() + f64::from(OTHER_SCHEDULES);
    let services = f64::from(SNAPSHOTS_SUBSCRIPTIONS + CHANGES_SUBSCRIPTIONS);
    let conditions = f64::from(ALERT_CONDITIONS);
    let items = [
        ("inserts and list pages", class_a, "of class A", prices.class_a_per_thousand / 1000.0),
        ("reads", class_b, "of class B", prices.class_b_per_thousand / 1000.0),
        ("notifications", notifications, "of class B", prices.class_b_per_thousand / 1000.0),
        ("stored: live", live / GIB, "GiB", prices.stored_gib),
        ("stored: noncurrent, deleted", versions / GIB, "GiB", prices.stored_gib),
        ("read across locations", read_gib, "GiB", prices.read_gib),
        ("read from the internet", load.egress_gib, "GiB", prices.egress_gib),
        ("Pub/Sub", message_tib * 1024.0, "GiB", prices.message_tib / 1024.0),
        ("deliveries", deliveries, "requests", prices.million_requests / 1e6),
        ("services: time", seconds, "seconds", processor),
        ("services: kept warm", load.min_instances * services * MONTH_SECONDS, "seconds", idle),
        ("jobs: time", job_seconds, "seconds", job_processor),
        ("log entries", logged_gib, "GiB", prices.logged_gib),
        ("conditions of alert policies", conditions, "", prices.alert_condition),
        ("schedules", schedules, "", prices.schedule),
    ];
    let items = items.into_iter().filter(|(_, quantity, _, each)| quantity * each > 0.0).map(
        |(what, quantity, unit, each)| Item { what, quantity, unit, dollars: quantity * each },
    );
    Estimate { work, items: items.collect() }
}

/// What the events of a month have writers and functions do.
fn of_events(load: &Load) -> Vec<Work> {
    let Load { events, alerts, indices, .. } = *load;
    let (created, deleted) = (events * load.creates, events * load.deletes);
    let updated = (events - created - deleted).max(0.0);
    let (moved, late) = (updated * load.moves, events * load.late);
    let lost = indices.min(1);
    let (listed, read) = load.history();
    let record = Operations { class_a: 1, ..Operations::default() };
    let pages = exact(counts::snapshot_late(listed, 0).class_a - 1);
    vec![
        Work::new("writers").add(events, record, 0.0),
        Work::new("snapshot-builder").add(events - late, counts::SNAPSHOT_WRITTEN, 0.0).add(
            late,
            counts::snapshot_late(listed, read),
            pages,
        ),
        Work::new("manifest-writer")
            .add(events, counts::MANIFEST_WRITTEN, 0.0)
            // Each hour of each entity that has an event, events falling where they like.
            .add(occupied(load.entities * HOURS, events), counts::JOURNAL_WRITTEN, 0.0),
        Work::new("index-writer")
            .add(created, counts::pointers_created(indices), 0.0)
            .add(updated - moved, counts::pointers_updated(indices, 0, 0), 0.0)
            .add(moved, counts::pointers_updated(indices, indices, lost), 0.0)
            .add(deleted, counts::pointers_updated(0, 0, indices), 0.0),
        Work::new("rules-engine")
            .add((events - 2.0 * alerts).max(0.0), counts::RULES_UNCHANGED, 0.0)
            .add(alerts, counts::rules_changed(1), 0.0)
            .add(alerts, counts::alerts_confirmed(1), 0.0)
            // It ends in the same way.
            .add(alerts, counts::rules_changed(1), 0.0)
            .add(alerts, counts::alerts_confirmed(1), 0.0),
        // That it opens, and that it has ended.
        Work::new("alert-dispatcher").add(2.0 * alerts, counts::alert_sent(0, load.channels), 0.0),
    ]
}

/// What the jobs do, and how long they take, in a month.
fn runs(load: &Load) -> Vec<(Work, f64)> {
    let mut runs = Vec::new();
    let kinds = f64::from(u32::try_from(Definitions::embedded().entities().count()).unwrap_or(0));
    let idle = (kinds - load.segments).max(0.0);
    let hourly = load.compacting.is_hourly();
    let timed = |runs: f64, work: Work| {
        let seconds = (work.class_a + work.class_b) * JOB_OPERATION_SECONDS;
        (work, seconds.max(runs * JOB_SECONDS_MIN))
    };
    let (hour, day) = (changed(load, HOURS), changed(load, NIGHTS));
    if hourly {
        let run = Compaction {
            // What was compacted is deleted two hours later.
            journal: whole(3.0 * hour.0),
            read: whole(hour.0),
            touched: whole(hour.1),
            changed: whole(hour.1),
            index: hour.0 > 0.0,
            ..Compaction::default()
        };
        let pages = exact(Compaction { changed: 0, ..run }.delta().class_a);
        let work = Work::new("compactor, each hour")
            .add(HOURS * load.segments, run.delta(), pages)
            .add(HOURS * idle, Compaction::default().delta(), 1.0);
        runs.push(timed(HOURS, work));
    }
    if load.compacting.is_nightly() {
        let entities = load.entities_of_segment();
        let shards = whole(occupied(shards(), entities));
        let (journal, read, changed) = match hourly {
            true => (3.0 * hour.0, 0.0, 0.0),
            false => (24.0 * hour.0, day.0, day.1),
        };
        let all = Compaction {
            entities: whole(entities),
            shards,
            shards_of_all: shards,
            journal: whole(journal),
            read: whole(read),
            changed: whole(changed),
            ..Compaction::default()
        };
        let export = Compaction { read: whole(day.0), changed: whole(day.1), ..all };
        let pages = |run: Operations, changed: u64| exact(run.class_a - changed);
        let nothing = Compaction::default();
        let work = Work::new("compactor, each night")
            .add(NIGHTS * load.segments, all.full(), pages(all.full(), all.changed))
            .add(NIGHTS * load.segments, export.export(), pages(export.export(), export.changed))
            .add(NIGHTS * idle, nothing.full(), pages(nothing.full(), 0))
            .add(NIGHTS * idle, nothing.export(), pages(nothing.export(), 0));
        runs.push(timed(NIGHTS, work));
    }
    runs.push(timed(RECONCILE_RUNS, reconcile(load, kinds)));
    runs.push(timed(NIGHTS, sweep(load, idle)));
    // One list of what is undelivered.
    let redeliver = Work { class_a: HOURS, class_b: 0.0, ..Work::new("alerts redeliver") };
    runs.push(timed(HOURS, redeliver));
    runs
}

/// Every rule on every entity each night, as if each kind had one: two passes over the list of
/// snapshots, a note for each hundred of them and three for a segment; a look at the states of each
/// other kind.
fn sweep(load: &Load, idle: f64) -> Work {
    let pages = (load.entities_of_segment() / 1000.0).ceil().max(1.0);
    let notes = (load.entities_of_segment() / 100.0).ceil() + 3.0;
    let class_a = load.segments * (2.0 * pages + notes) + idle;
    let class_b = 2.0 * load.entities + 2.0 * load.segments;
    Work { class_a: NIGHTS * class_a, class_b: NIGHTS * class_b, ..Work::new("rules sweep") }
}

/// What the help of `reconcile` says, of a sample.
fn reconcile(load: &Load, kinds: f64) -> Work {
    let looked_at = load.entities / f64::from(RECONCILE_SAMPLE);
    let (records, _) = load.history();
    let (records, places) = (exact(records), exact(load.indices));
    let pages = (records / 1000.0).ceil().max(1.0);
    let listed = load.entities * (4.0 + places) / 1000.0 + kinds * 10.0;
    let class_a = looked_at * pages + listed;
    let class_b = looked_at * (4.0 + records + places);
    let times = RECONCILE_RUNS;
    Work { class_a: times * class_a, class_b: times * class_b, ..Work::new("reconcile") }
}

/// How many entities of a segment, and how many of its shards, change in one of so many parts of a
/// month.
fn changed(load: &Load, parts: f64) -> (f64, f64) {
    let events = load.events / load.segments / parts;
    let named = occupied(load.entities_of_segment(), events);
    (named, occupied(shards(), named))
}

/// Bytes that are stored at the end of the month: what is current, and versions that are kept for a
/// while.
fn stored(load: &Load) -> (f64, f64) {
    let Load { events, entities, indices, document_bytes, .. } = *load;
    let pointers = exact(indices) * POINTER_BYTES;
    let listed = match load.compacting {
        Compacting::None => 0.0,
        Compacting::Hourly => MANIFEST_BYTES,
        Compacting::Nightly | Compacting::Both => MANIFEST_BYTES + document_bytes,
    };
    let live = events * load.months * load.record_bytes
        + entities * (document_bytes + MANIFEST_BYTES + pointers + listed);
    let replaced = events * (1.0 - load.creates);
    let moved = replaced * load.moves;
    let notes = occupied(entities * HOURS, events) * JOURNAL_BYTES;
    // A shard is written anew as a whole.
    let shard = entities / load.segments / shards();
    let mut written = 0.0;
    let (hour, day) = (changed(load, HOURS).1, changed(load, NIGHTS).1);
    if load.compacting.is_hourly() {
        written += HOURS * hour * shard * MANIFEST_BYTES;
    }
    if load.compacting.is_nightly() {
        let again = if load.compacting.is_hourly() { 0.0 } else { MANIFEST_BYTES };
        written += NIGHTS * day * shard * (document_bytes + again);
    }
    let versions = replaced * (document_bytes + MANIFEST_BYTES)
        + moved * pointers
        + notes
        + written * load.segments;
    (live, versions * (load.noncurrent_days + load.soft_delete_days) / 30.0)
}

/// How many of `places` have something of `thrown`, each of which falls anywhere.
fn occupied(places: f64, thrown: f64) -> f64 {
    if places <= 0.0 {
        return 0.0;
    }
    // For few among many the difference from one would be lost.
    places * -(-thrown / places).exp_m1()
}

fn shards() -> f64 {
    exact(ShardCount::default().number() as u64)
}

#[expect(clippy::cast_precision_loss, reason = "an estimate of so many is no more exact")]
fn exact(number: u64) -> f64 {
    number as f64
}
