//! What nobody wants to hear of, for a while.

use alert_dispatcher::{MUTES_MAX, Mute, Mutes, mutes};
use domain::json::Object;
use domain::limits::ATTEMPTS_MAX;
use domain::{Instant, check_id};
use serde_json::Value;
use store::{ErrorKind, Precondition};

use crate::{Operator, Problem, legible};

/// A rule, an entity, or both.
pub(super) struct Whom {
    pub(super) rule: Option<String>,
    /// Kind and id.
    pub(super) entity: Option<(String, String)>,
}

impl Whom {
    fn is(&self, mute: &Mute) -> bool {
        mute.rule_id == self.rule && mute.entity == self.entity
    }
}

pub(super) async fn run(
    operator: &Operator<'_>,
    whom: Whom,
    (until, end): (Option<Instant>, bool),
    reason: Option<&str>,
) -> Result<bool, Problem> {
    let named = whom.rule.is_some() || whom.entity.is_some();
    if let Some(rule) = &whom.rule {
        check_id(rule).map_err(|err| Problem::new(format!("{rule:?} is no rule: {err}")))?;
    }
    let now = operator.tools.clock.now();
    match (named, until, end) {
        (false, None, false) => return list(operator).await,
        (false, ..) => {
            return Err(Problem::new("say --rule, --entity or both: not everything can be muted"));
        }
        (true, None, false) => {
            return Err(Problem::new("say --until INSTANT, or --end to have it heard of again"));
        }
        (true, Some(until), _) if until <= now => {
            return Err(Problem::new(format!("--until {until} is over already")));
        }
        _ => (),
    }
    let name = mutes(operator.env).to_string();
    for _ in 0..ATTEMPTS_MAX {
        let stored = operator.tools.look(&name).await?;
        let mut list = stored.as_ref().map_or_else(Mutes::default, |it| Mutes::read(&it.body));
        let before = list.0.iter().filter(|mute| whom.is(mute) && now < mute.until).count();
        list.0.retain(|mute| now < mute.until && !whom.is(mute));
        if let Some(until) = until {
            if list.0.len() >= MUTES_MAX {
                let words = format!("{MUTES_MAX} mutes are in force: end some first");
                return Err(Problem::new(words));
            }
            list.0.push(mute(operator, &whom, until, reason));
        } else if before == 0 {
            operator.screen.say("it is not muted")?;
            return Ok(true);
        }
        let precondition = Precondition::unchanged(stored.as_ref());
        let metadata = operator.tools.version.metadata();
        let put = operator.tools.store.put(&name, list.line().into(), &metadata, precondition);
        match put.await {
            Ok(_) => {
                let said = match until {
                    Some(until) => {
                        format!("muted until {until}; alerts that come meanwhile are stored")
                    }
                    None => "heard of again".to_owned(),
                };
                operator.screen.say(&said)?;
                return Ok(true);
            }
            Err(err) if err.kind == ErrorKind::Conflict => {
                operator.tools.pause_after_conflict().await;
            }
            Err(err) => return Err(err.into()),
        }
    }
    Err(Problem::new("somebody else mutes at the same time: try again"))
}

fn mute(operator: &Operator<'_>, whom: &Whom, until: Instant, reason: Option<&str>) -> Mute {
    let noted = [("by", operator.user.as_deref()), ("reason", reason)];
    let noted = noted.into_iter().filter_map(|(name, text)| Some((name, text?)));
    let noted: Object = noted.map(|(name, text)| (name.to_owned(), Value::from(text))).collect();
    Mute { rule_id: whom.rule.clone(), entity: whom.entity.clone(), until, noted }
}

/// What is muted.
async fn list(operator: &Operator<'_>) -> Result<bool, Problem> {
    let now = operator.tools.clock.now();
    let stored = operator.tools.look(&mutes(operator.env).to_string()).await?;
    let mut list = stored.as_ref().map_or_else(Mutes::default, |it| Mutes::read(&it.body));
    list.0.retain(|mute| now < mute.until);
    if !list.0.is_empty() {
        let mut rows =
            vec![["RULE", "ENTITY", "UNTIL", "BY", "REASON"].map(str::to_owned).to_vec()];
        rows.extend(list.0.iter().map(|mute| {
            let any = || "any".to_owned();
            let noted = |field: &str| mute.noted.get(field).and_then(Value::as_str);
            let noted = |field: &str| legible::line(noted(field).unwrap_or_default());
            let rule = mute.rule_id.as_ref().map_or_else(any, |rule| legible::line(rule));
            let entity = mute.entity.as_ref();
            let entity =
                entity.map_or_else(any, |(kind, id)| legible::line(&format!("{kind} {id}")));
            vec![rule, entity, mute.until.to_string(), noted("by"), noted("reason")]
        }));
        operator.screen.say(&legible::table(&rows))?;
    }
    operator.screen.hint(&format!("{} mutes in force in {}", list.0.len(), operator.env));
    Ok(true)
}
