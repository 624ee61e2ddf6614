//! What the bucket tells of what could not be done.

use domain::{Mark, ObjectName};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use projection::register;
use rules::set::{NoRule, RuleSet};
use rules_engine::RULES_SEGMENT;
use serde_json::json;
use store::List;

use super::{Check, State};
use crate::quarantine::note::{self, Note};
use crate::quarantine::standing::standing;
use crate::{Operator, Problem};

/// How many of a kind are named.
const LINES_MAX: usize = 3;

/// How many notes are read at the same time.
const READS_AT_ONCE: usize = 16;

/// Open notes in quarantine, of the first `notes_max` of a page: three reads each at most.
pub(super) async fn quarantine(
    operator: &Operator<'_>,
    notes_max: usize,
) -> Result<Check, Problem> {
    let (names, more) =
        page(operator, "reports/quarantine/", |name| matches!(name, ObjectName::Quarantine { .. }))
            .await?;
    let more = more || names.len() > notes_max;
    let open = stream::iter(names.iter().take(notes_max)).map(|name| async move {
        let Some(note) = note::read(operator, name).await? else { return Ok::<_, Problem>(None) };
        let standing = standing(&note, &note::evidence(operator, &note).await?);
        Ok(Some(note).filter(|_| standing.is_open()))
    });
    let open: Vec<Option<Note>> = open.buffered(READS_AT_ONCE).try_collect().await?;
    let open: Vec<Note> = open.into_iter().flatten().collect();
    let at_least = if more { "at least " } else { "" };
    let detail = json!({"open": open.len(), "looked_at": names.len().min(notes_max), "more": more});
    let (state, says) = match open.len() {
        0 if more => (State::Unknown, "more notes than were looked at: --notes".to_owned()),
        0 => (State::Well, format!("none open of {}", names.len())),
        some => (State::Look, format!("{at_least}{some} open: `quarantine list`")),
    };
    Ok(Check::new("quarantine", state, says, detail))
}

/// Repairs that the index-writer has asked for. One page.
pub(super) async fn repairs(operator: &Operator<'_>) -> Result<Check, Problem> {
    let wanted = |name: &ObjectName| matches!(name, ObjectName::RepairWanted(_));
    let found = page(operator, "indices/_repair/", wanted).await?;
    Ok(counted("repairs wanted", &found, "`reconcile --repair` makes them"))
}

/// Alerts that no channel has taken. One page.
pub(super) async fn undelivered(operator: &Operator<'_>) -> Result<Check, Problem> {
    let undelivered =
        |name: &ObjectName| matches!(name, ObjectName::AlertMark { mark: Mark::Undelivered, .. });
    let found = page(operator, "indices/alerts/undelivered/", undelivered).await?;
    let next = "`alerts list --undelivered` says why; `alerts redeliver` sends them";
    Ok(counted("undelivered alerts", &found, next))
}

/// Rules that never hold because they are not understood. One read.
pub(super) async fn rules(operator: &Operator<'_>) -> Result<Check, Problem> {
    let bundle =
        ObjectName::Bundle { env: operator.env, segment: RULES_SEGMENT.to_owned() }.to_string();
    let object = operator.tools.look(&bundle).await?;
    let Some(members) = object.map_or(Some(Vec::new()), |it| register::members(&it.body)) else {
        return Ok(Check::unknown("rules", "their bundle says nothing"));
    };
    let refused = RuleSet::read(&members).1;
    let (count, never) = (members.len(), refused.len());
    let line = |rule: &NoRule| {
        let wrong: Vec<String> = rule.wrong.iter().map(ToString::to_string).collect();
        format!("{}: {}", crate::legible::whole(&rule.id), crate::legible::line(&wrong.join("; ")))
    };
    let (state, says) = match never {
        0 => (State::Well, format!("{count} in force")),
        _ => {
            let next = "`reconcile --segment rules` says what mends each";
            (State::Look, format!("{never} of {count} are not understood and never hold: {next}"))
        }
    };
    let lines = refused.iter().take(LINES_MAX).map(line).collect();
    let detail = json!({"count": count, "not_understood": never});
    Ok(Check::new("rules", state, says, detail).with(lines))
}

fn counted(what: &'static str, (names, more): &(Vec<String>, bool), next: &str) -> Check {
    let at_least = if *more { "at least " } else { "" };
    let (state, says) = match names.len() {
        0 => (State::Well, "none".to_owned()),
        some => (State::Look, format!("{at_least}{some}; {next}")),
    };
    let lines = names.iter().take(LINES_MAX).map(|name| crate::legible::whole(name)).collect();
    Check::new(what, state, says, json!({"count": names.len(), "more": more})).with(lines)
}

/// The names that one page lists below `folder` and that `takes` takes, and whether there are more
/// pages.
pub(super) async fn page(
    operator: &Operator<'_>,
    folder: &str,
    takes: impl Fn(&ObjectName) -> bool,
) -> Result<(Vec<String>, bool), Problem> {
    let prefix = format!("env/{}/{folder}", operator.env);
    let page = operator.tools.store.list(&List { prefix, ..List::default() }).await?;
    let more = page.next_page_token.is_some();
    let names = page.items.into_iter().map(|item| item.name);
    let names = names.filter(|name| ObjectName::parse(name).is_ok_and(|name| takes(&name)));
    Ok((names.collect(), more))
}
