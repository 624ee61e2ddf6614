//! `alerts`: what rules have raised, what has arrived of it, and what nobody wants to hear.

mod ack;
mod found;
mod mute;
mod redeliver;

use clap::{Args, Subcommand};
use domain::{Instant, json};
use egress::Told;
use serde_json::{Value, json};

use crate::capture::instant;
use crate::{Operator, Place, Problem, legible, subject};
use found::Found;

/// How many alerts are shown when not said.
const SHOWN: usize = 100;

/// How many alerts about entities of one id are looked through for those of one kind.
const OF_ID_MAX: usize = 10_000;

/// How many objects are read at the same time.
const READS_AT_ONCE: usize = 16;

/// Alerts: list, show, redeliver, mute, ack.
///
/// The alert-dispatcher sends each alert to the channels of its rule. What a target does not take is
/// kept as undelivered, without a limit of time, and sent again by `redeliver`, which a schedule runs
/// every hour. docs/webhooks.md says what is sent.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  alerts list                                       the newest
  alerts list --undelivered --json                  what has not arrived, for a program
  alerts list --entity venture V1                   those about one entity
  alerts show 01K9C9QQ                              one wholly: what it says, and where it has gone
  alerts redeliver                                  send once more what has not arrived
  alerts ack 01K9C9QQ                               I have seen it: it is not repeated
  alerts mute --rule low-runway --until 2025-11-07T08:00:00Z    nobody hears of it until then
  alerts mute --entity venture V1 --end             it is heard of again")]
pub struct Options {
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand, Clone, Debug)]
enum Action {
    /// Lists alerts, those that were written last first. It takes 1 A for each thousand there are, and
    /// 1 B for each that is shown; with --entity those about entities of another kind with this id are
    /// read, too.
    List {
        #[command(flatten)]
        about: About,
        /// Those that have not arrived at one of their channels.
        #[arg(long)]
        undelivered: bool,
        /// Show so many.
        #[arg(long, value_name = "N", default_value_t = SHOWN)]
        limit: usize,
        /// One line of JSON for each: what it says, and which of its channels it has not reached.
        #[arg(long)]
        json: bool,
    },
    /// Shows one wholly: what it says, its message, and how it stands at each channel.
    Show {
        /// The id, or the beginning of it, or the name of the object.
        #[arg(value_name = "ALERT")]
        alert: String,
    },
    /// Sends once more what has not arrived, under the same idempotency key, and forgets what has. What
    /// a target does not take within a minute it is sent in the next; after 50 minutes nothing more is
    /// begun. Ends with 1 when something is left.
    Redeliver {
        /// Those of these alerts alone: ids, or the beginnings of them.
        #[arg(value_name = "ALERT")]
        alerts: Vec<String>,
        /// Send nothing: say what would be sent.
        #[arg(long)]
        dry_run: bool,
        /// One line of JSON for each.
        #[arg(long)]
        json: bool,
    },
    /// Has alerts of a rule, about an entity, or both end without being sent, until an instant. Those
    /// that come meanwhile are stored, and are not sent afterwards. Without options: which are muted.
    Mute {
        #[command(flatten)]
        about: About,
        /// From when on it is over.
        #[arg(long, value_name = "INSTANT", value_parser = instant, conflicts_with = "end")]
        until: Option<Instant>,
        /// It is over now.
        #[arg(long)]
        end: bool,
        /// Why.
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
    /// Notes that somebody has seen alerts: they are not sent again, nor repeated while their rules
    /// stay open. When they are over is still told.
    Ack {
        /// Ids, or the beginnings of them.
        #[arg(value_name = "ALERT", required = true)]
        alerts: Vec<String>,
        /// What is noted besides.
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
}

/// What alerts are about.
#[derive(Args, Clone, Debug)]
struct About {
    /// Those of one rule.
    #[arg(long, value_name = "RULE")]
    rule: Option<String>,
    /// Those about one entity: its kind and its id.
    #[arg(long, num_args = 2, value_names = ["KIND", "ID"])]
    entity: Option<Vec<String>>,
}

impl About {
    /// Kind and id of the entity, checked.
    fn entity(&self, operator: &Operator<'_>) -> Result<Option<(String, String)>, Problem> {
        let Some([kind, id]) = self.entity.as_deref() else { return Ok(None) };
        subject::entity(operator, subject::definition(operator, kind)?, id)?;
        Ok(Some((kind.clone(), id.clone())))
    }
}

pub(crate) async fn run(options: &Options, operator: &Operator<'_>) -> Result<bool, Problem> {
    match &options.action {
        Action::List { about, undelivered, limit, json } => {
            list(operator, about, *undelivered, (*limit, *json)).await
        }
        Action::Show { alert } => show(operator, alert).await,
        Action::Redeliver { alerts, dry_run, json } => {
            redeliver::run(operator, alerts, *dry_run, *json).await
        }
        Action::Mute { about, until, end, reason } => {
            let entity = about.entity(operator)?;
            let whom = mute::Whom { rule: about.rule.clone(), entity };
            mute::run(operator, whom, (*until, *end), reason.as_deref()).await
        }
        Action::Ack { alerts, reason } => ack::run(operator, alerts, reason.as_deref()).await,
    }
}

async fn list(
    operator: &Operator<'_>,
    about: &About,
    undelivered: bool,
    (limit, json): (usize, bool),
) -> Result<bool, Problem> {
    let entity = about.entity(operator)?;
    let left = found::undelivered(operator).await?;
    let rule = about.rule.as_deref();
    let takes = |found: &Found| {
        rule.is_none_or(|rule| found.rule() == rule)
            && entity.as_ref().is_none_or(|(_, id)| found.entity() == id)
    };
    // An id can be that of entities of several kinds, and which it is only the alert says.
    let kept_max = if entity.is_some() { limit.max(OF_ID_MAX) } else { limit };
    let newest = match undelivered {
        true => found::newest_left(&left, takes, kept_max),
        false => found::newest(operator, rule, takes, kept_max).await?,
    };
    let mut more = newest.in_all;
    let mut found = newest.found().into_iter();
    let kind = entity.map(|(kind, _)| Value::from(kind));
    let mut shown: Vec<(Found, json::Object)> = Vec::new();
    loop {
        let next: Vec<Found> = found.by_ref().take((limit - shown.len()).min(SHOWN)).collect();
        if next.is_empty() {
            break;
        }
        more -= next.len();
        let read = found::read(operator, next).await?.into_iter();
        shown.extend(read.filter(|(_, it)| kind.is_none() || it.get("entity") == kind.as_ref()));
    }
    if json {
        for (found, alert) in &shown {
            operator.screen.say(&line(found, alert, &left).to_string())?;
        }
        return Ok(true);
    }
    if !shown.is_empty() {
        let head = ["ALERT", "STATUS", "SEVERITY", "RULE", "ENTITY", "SINCE", "NOT ARRIVED"];
        let mut rows = vec![head.map(str::to_owned).to_vec()];
        rows.extend(shown.iter().map(|(found, alert)| row(found, alert, &left)));
        operator.screen.say(&legible::table(&rows))?;
    }
    let more = match more {
        0 => String::new(),
        more if kind.is_some() => format!(", up to {more} more (--limit)"),
        more => format!(", {more} more (--limit)"),
    };
    operator.screen.hint(&format!("{} alerts{more} in {}", shown.len(), operator.env));
    Ok(true)
}

fn row(found: &Found, alert: &json::Object, left: &[found::Left]) -> Vec<String> {
    let text =
        |field: &str| legible::line(alert.get(field).and_then(Value::as_str).unwrap_or_default());
    let since = alert.get("since").and_then(|since| since.get("updated_at")?.as_str());
    vec![
        legible::line(found.id()),
        match text("status") {
            status if status.is_empty() => "open".to_owned(),
            status => status,
        },
        text("severity"),
        legible::line(found.rule()),
        format!("{} {}", text("entity"), legible::line(found.entity())),
        legible::line(since.unwrap_or_default()),
        found::channels_left(found, left).join(", "),
    ]
}

/// The alert, with its object and the words of the channels that it has not reached.
fn line(found: &Found, alert: &json::Object, left: &[found::Left]) -> Value {
    let object = found.name.to_string();
    let message = Told { alert, object: &object }.message();
    json!({
        "object": object,
        "alert": alert,
        "message": message,
        "undelivered": found::channels_left(found, left),
    })
}

async fn show(operator: &Operator<'_>, alert: &str) -> Result<bool, Problem> {
    let found = found::named(operator, alert).await?;
    let object = found.name.to_string();
    let read = found::read(operator, vec![found]).await?;
    let Some((found, alert)) = read.first() else {
        return Err(Problem::new(format!("{object} is gone, or is no alert")));
    };
    let told = Told { alert, object: &object };
    let mut text = format!(
        "object   {}\nmessage  {}\n",
        legible::whole(&object),
        legible::whole(&told.message())
    );
    for (shown, state) in found::standing(operator, found, alert).await? {
        text += &format!("{shown}: {state}\n");
    }
    text += &legible::document(&Value::Object(alert.clone()));
    operator.screen.say(&text)?;
    Ok(true)
}
