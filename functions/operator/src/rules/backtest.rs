//! `rules backtest`: how often a rule would have fired, over the history of its kind.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use domain::{EntityDefinition, EntityRef, Instant, Record, check_id};
use futures_util::{StreamExt as _, stream};
use rules::duration::Span;
use rules::rule::{Firing, Rule, When};
use rules::set::RuleSet;
use serde_json::json;

use super::check::Checker;
use super::file;
use super::timeline::Timeline;
use crate::pages::{Pages, folder_names};
use crate::records::{self, Until};
use crate::{Operator, Problem, legible, subject};

/// How many histories are read at the same time.
const AT_ONCE: usize = 4;

/// The longest time that is looked back on.
const DAYS_MAX: u64 = 3660;

/// How many entities are named.
const NAMED_MAX: usize = 10;

/// The longest bar of the chart.
const BAR_MAX: usize = 40;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Says how often a rule would have fired, by day.
///
/// The history of every entity that the rule is about is folded record by record, in the order of what
/// the records say, and the rule is asked after each, by the state machine that the rules-engine has; a
/// rule that looks at the time, or has a cooldown, is asked at each midnight, too, as a sweep would. What
/// was open before counts as such. Nothing is written. It takes what `restore --dry-run` of a segment
/// takes: ⌈h/1000⌉ A + h B for an entity of h records.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  rules backtest low-mrr.json --since 30d
  rules backtest low-mrr.json --since 2025-10-01T00:00:00Z --id V1
  rules backtest low-mrr.json --since 90d --json          for a program")]
pub(super) struct Options {
    /// The rule.
    rule: PathBuf,
    /// From when on: 30d, 12w, or 2025-11-06T12:00:00Z.
    #[arg(long, value_name = "SPAN|INSTANT", value_parser = since)]
    since: Since,
    /// One entity; may be repeated.
    #[arg(long, value_name = "ID", value_parser = id)]
    id: Vec<String>,
    /// One line, for a program.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug)]
enum Since {
    Span(Duration),
    Instant(Instant),
}

fn since(text: &str) -> Result<Since, String> {
    let span = Span::parse_positive(text).filter(|span| *span <= DAY * DAYS_MAX as u32);
    let span = span.map(Since::Span);
    let instant = || Instant::parse(text).map(Since::Instant);
    span.or_else(instant).ok_or_else(|| {
        format!(
            "a span of time up to {DAYS_MAX}d, such as 30d, or an instant: 2025-11-06T12:00:00Z"
        )
    })
}

fn id(text: &str) -> Result<String, String> {
    check_id(text).map(|()| text.to_owned()).map_err(|err| err.to_string())
}

/// What was found.
#[derive(Default)]
struct Found {
    entities: u64,
    records: u64,
    /// Entities for which it holds now.
    open: u64,
    /// How often it fired on each day.
    days: BTreeMap<String, u64>,
    /// How often it fired for each entity that it fired for.
    by_entity: BTreeMap<String, u64>,
}

pub(super) async fn run(options: &Options, operator: &Operator<'_>) -> Result<bool, Problem> {
    let checked = Checker::new(operator)?.check(file::read(&options.rule));
    for line in checked.lines() {
        operator.screen.hint(&line);
    }
    let Some(rule) = checked.rule else {
        return Err(Problem::new("there is nothing to test: mend what is listed"));
    };
    let now = operator.tools.clock.now();
    let since = match options.since {
        Since::Span(span) => Instant::from_unix_millis(
            now.unix_millis() - i64::try_from(span.as_millis()).unwrap_or(i64::MAX),
        ),
        Since::Instant(since) if since >= now => {
            return Err(Problem::new(format!("--since {since} has not come yet")));
        }
        Since::Instant(since) if since.after(DAY * DAYS_MAX as u32) < now => {
            return Err(Problem::new(format!("--since {since} is more than {DAYS_MAX} days ago")));
        }
        Since::Instant(since) => since,
    };
    let definition = subject::definition(operator, &rule.applies_to)?;
    let test =
        Backtest { operator, definition, rules: RuleSet::of(vec![rule.clone()]), rule, since, now };
    let mut found = Found::default();
    match options.id.is_empty() {
        false => test.batch(&options.id, &mut found).await?,
        true => test.all(&mut found).await?,
    }
    if found.entities == 0 {
        let (kind, env) = (&test.rule.applies_to, operator.env);
        return Err(Problem::new(format!("there is no {kind} in {env}")));
    }
    found.report(options, &test)
}

struct Backtest<'a> {
    operator: &'a Operator<'a>,
    definition: &'a EntityDefinition,
    rules: RuleSet,
    rule: Rule,
    since: Instant,
    now: Instant,
}

/// What one entity adds.
struct Of {
    id: String,
    records: usize,
    open: bool,
    fired_at: Vec<Instant>,
}

impl Backtest<'_> {
    async fn all(&self, found: &mut Found) -> Result<(), Problem> {
        let tools = &self.operator.tools;
        let prefix = format!("env/{}/{}/", self.operator.env, self.definition.segment);
        let mut pages = Pages::folders(prefix.clone());
        while let Some(page) = pages.next(&*tools.store).await? {
            let ids = folder_names(&page, &prefix).filter(|id| check_id(id).is_ok());
            let ids: Vec<String> = ids.map(str::to_owned).collect();
            self.batch(&ids, found).await?;
        }
        Ok(())
    }

    async fn batch(&self, ids: &[String], found: &mut Found) -> Result<(), Problem> {
        let mut work = stream::iter(ids.iter().map(|id| self.entity(id))).buffered(AT_ONCE);
        while let Some(of) = work.next().await {
            found.add(of?);
            self.operator.screen.progress(self.operator.tools.clock.now(), || {
                format!("{} entities, {} records", found.entities, found.records)
            });
        }
        Ok(())
    }

    async fn entity(&self, id: &str) -> Result<Of, Problem> {
        let entity = subject::entity(self.operator, self.definition, id)?;
        let (definition, until) = (self.definition, Until::default());
        let records = records::read(self.operator, &entity, definition, until, usize::MAX).await?;
        let count = records.counting();
        let (fired_at, open) = self.walk(&entity, records.kept);
        Ok(Of { id: id.to_owned(), records: count, open, fired_at })
    }

    /// When it fires since then, and whether it is open at the end.
    fn walk(&self, entity: &EntityRef, records: Vec<Record>) -> (Vec<Instant>, bool) {
        let mut timeline = Timeline::new(&self.rules, entity, &self.rule.applies_to);
        let mut fired = Vec::new();
        let mut note = |at: Instant, written: usize| {
            if at >= self.since && at <= self.now {
                fired.extend(std::iter::repeat_n(at, written));
            }
        };
        let Firing { when, cooldown } = self.rule.firing;
        let timed = self.rule.condition.depends_on_time()
            || matches!(when, When::Every(_))
            || cooldown.is_some();
        // As each night; the first finds what was open before, and does not count.
        let sweep = |timeline: &mut Timeline<'_>, at: Instant| {
            let fired = timeline.sweep(at).fired();
            if at > self.since { fired } else { 0 }
        };
        let mut sweep_at = self.since;
        for record in records {
            let at = record.key.updated_at;
            while timed && sweep_at <= at && sweep_at <= self.now {
                note(sweep_at, sweep(&mut timeline, sweep_at));
                sweep_at = sweep_at.day().midnight().after(DAY);
            }
            note(at, timeline.record(record).fired());
        }
        while timed && sweep_at <= self.now {
            note(sweep_at, sweep(&mut timeline, sweep_at));
            sweep_at = sweep_at.day().midnight().after(DAY);
        }
        (fired, timeline.is_open())
    }
}

impl Found {
    fn add(&mut self, of: Of) {
        self.entities += u64::from(of.records > 0);
        self.records += of.records as u64;
        self.open += u64::from(of.open);
        if !of.fired_at.is_empty() {
            self.by_entity.insert(of.id, of.fired_at.len() as u64);
        }
        for at in of.fired_at {
            *self.days.entry(at.day().folders().replace('/', "-")).or_default() += 1;
        }
    }

    /// Says what was found. It always ends well.
    fn report(&self, options: &Options, test: &Backtest<'_>) -> Result<bool, Problem> {
        let screen = test.operator.screen;
        let Self { entities, records, open, days, by_entity } = self;
        let fired: u64 = days.values().sum();
        let lasted = (test.now.unix_millis() - test.since.unix_millis()).max(1);
        let per_day = fired as f64 * DAY.as_millis() as f64 / lasted as f64;
        if options.json {
            let line = json!({
                "rule": test.rule.id, "since": test.since.to_string(), "until": test.now.to_string(),
                "entities": entities, "records": records, "fired": fired, "open": open,
                "per_day": (per_day * 100.0).round() / 100.0, "days": days, "by_entity": by_entity,
            });
            screen.say(&line.to_string())?;
            return Ok(true);
        }
        let most = days.values().max().copied().unwrap_or(1).max(1);
        for (day, count) in days {
            let bar = "#".repeat((*count as usize * BAR_MAX).div_ceil(most as usize));
            screen.say(&format!("{day}  {count:>6}  {bar}"))?;
        }
        screen.say(&format!(
            "{} since {}: fired {fired} times for {} of {entities} entities ({records} records), \
             {per_day:.2} a day; open for {open} now",
            test.rule.id,
            test.since,
            by_entity.len()
        ))?;
        let mut often: Vec<(&String, &u64)> = by_entity.iter().collect();
        often.sort_by(|left, right| right.1.cmp(left.1).then_with(|| left.0.cmp(right.0)));
        for (id, count) in often.iter().take(NAMED_MAX) {
            screen.say(&format!("  {}: {count}", legible::whole(id)))?;
        }
        if often.len() > NAMED_MAX {
            screen.say(&format!("  and {} more", often.len() - NAMED_MAX))?;
        }
        Ok(true)
    }
}
