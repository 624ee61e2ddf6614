//! `pause` and `resume`: functions are pushed to no more, and again as they were.

pub(crate) mod note;

use clap::Args;
use domain::limits::ATTEMPTS_MAX;
use serde_json::{Value, json};

use crate::google::{Project, Services};
use crate::subscriptions::{self, Subscription};
use crate::{Operator, Place, Problem};
use note::{Note, State, Written};

/// Stops pushing to functions: what happens in the bucket waits in Pub/Sub.
///
/// Takes the push configuration away from each subscription, after it has noted it in
/// manifests/_jobs/pause/{subscription}.json; `resume` puts it back as it was, with its token and its
/// attributes. Nothing is lost while messages are kept, which each line says: resume before then. It
/// can be stopped anywhere and run again, and to pause what is paused changes nothing.
///
/// It needs the right to change subscriptions, and `resume` that to act as the account that pushes:
/// yours, not that of a job. `terraform plan` shows a paused subscription as a difference, and `apply`
/// resumes it. Schedules go on, and so do pushes that are under way, for up to a minute.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  pause --env prod                             everything
  pause --env prod --function rules-engine     one function; the others go on
  pause --env prod --dry-run                   what would be paused, and until when to resume")]
pub struct PauseOptions {
    #[command(flatten)]
    pub(crate) options: Options,
}

/// Has functions pushed to again that `pause` has stopped.
///
/// Puts back what manifests/_jobs/pause/{subscription}.json says, exactly. What was put back by
/// somebody else meanwhile is left as it is. What has waited comes at once and in any order, as
/// functions expect it.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  resume --env prod                            everything that is paused
  resume --env prod --function rules-engine    one function
  resume --env prod --dry-run                  what would be put back")]
pub struct ResumeOptions {
    #[command(flatten)]
    pub(crate) options: Options,
}

/// Which subscriptions.
#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(flatten)]
    project: Project,
    /// One function, such as index-writer; all of them when not said. May be repeated.
    #[arg(long, value_name = "NAME")]
    function: Vec<String>,
    /// Say what would be done; change nothing.
    #[arg(long)]
    dry_run: bool,
}

/// What is done to one subscription.
struct Change<'a> {
    operator: &'a Operator<'a>,
    services: &'a Services,
    subscription: &'a Subscription,
    dry: bool,
}

pub(crate) async fn pause(
    options: &PauseOptions,
    operator: &Operator<'_>,
) -> Result<bool, Problem> {
    each(&options.options, operator, async |change| change.pause().await).await
}

pub(crate) async fn resume(
    options: &ResumeOptions,
    operator: &Operator<'_>,
) -> Result<bool, Problem> {
    each(&options.options, operator, async |change| change.resume().await).await
}

/// Makes a change of each subscription that is named, and says how it ended: `Err` where it cannot
/// be made. One that fails does not keep the others from being changed.
async fn each<'a>(
    options: &'a Options,
    operator: &'a Operator<'a>,
    change: impl AsyncFn(Change<'_>) -> Result<Result<String, String>, Problem>,
) -> Result<bool, Problem> {
    let services = operator.google.open(&options.project, &operator.tools)?;
    let found = subscriptions::of(operator.env, &operator.tools, &options.function)?;
    let mut well = true;
    for subscription in &found {
        let name = &subscription.name;
        let dry = options.dry_run;
        let made = change(Change { operator, services: &services, subscription, dry }).await;
        match made.map_err(|problem| problem.to_string()).and_then(|made| made) {
            Ok(said) => operator.screen.say(&format!("{name}: {said}"))?,
            Err(problem) => {
                well = false;
                operator.screen.say(&format!("{name}: NOT DONE: {problem}"))?;
            }
        }
    }
    Ok(well)
}

impl Change<'_> {
    async fn pause(&self) -> Result<Result<String, String>, Problem> {
        for _ in 0..ATTEMPTS_MAX {
            let Some(live) = self.live().await? else { return Ok(Err(self.missing())) };
            let stored = note::read(self.operator, &self.subscription.name).await?;
            let Some(push) = pushed(&live) else {
                return Ok(match stored {
                    Some(Written { note, .. }) => {
                        Ok(format!("is paused already; {}", note.until()))
                    }
                    None => Err(self.unknown()),
                });
            };
            let now = self.operator.tools.clock.now();
            let note = Note {
                job: note::JOB.to_owned(),
                subscription: self.subscription.name.clone(),
                project: self.services.project.clone(),
                state: State::Paused,
                by: self.operator.user.clone(),
                paused_at: now.to_string(),
                resumed_at: None,
                retention: live["messageRetentionDuration"].as_str().map(str::to_owned),
                push_config: push.clone(),
            };
            if self.dry {
                return Ok(Ok(format!("would be paused; {}", note.until())));
            }
            // Before the change: whoever dies in between has lost nothing.
            if !note::write(self.operator, &note, stored.as_ref()).await? {
                continue;
            }
            self.services.modify_push(&self.subscription.name, &json!({})).await?;
            return Ok(Ok(format!("paused; {}", note.until())));
        }
        Ok(Err("somebody else pauses or resumes it at the same time: try again".to_owned()))
    }

    async fn resume(&self) -> Result<Result<String, String>, Problem> {
        for _ in 0..ATTEMPTS_MAX {
            let Some(live) = self.live().await? else { return Ok(Err(self.missing())) };
            let stored = note::read(self.operator, &self.subscription.name).await?;
            let paused = stored.as_ref().filter(|it| it.note.state == State::Paused);
            let said = match (pushed(&live), &stored) {
                (Some(push), _) => match paused {
                    None => return Ok(Ok("is not paused".to_owned())),
                    Some(paused) if *push == paused.note.push_config => "is pushed to again",
                    Some(_) => {
                        "is pushed to in another way than before it was paused; left as it is"
                    }
                },
                (None, None) => return Ok(Err(self.unknown())),
                (None, Some(_)) if self.dry => return Ok(Ok("would be resumed".to_owned())),
                (None, Some(Written { note, .. })) => {
                    self.services.modify_push(&self.subscription.name, &note.push_config).await?;
                    let live = self.live().await?;
                    if live.as_ref().and_then(pushed) != Some(&note.push_config) {
                        let what = "Pub/Sub has made something else of what was put back: compare";
                        let (env, file) = (self.operator.env, &self.subscription.name);
                        return Ok(Err(format!(
                            "{what} env/{env}/manifests/_jobs/pause/{file}.json"
                        )));
                    }
                    "resumed"
                }
            };
            let Some(paused) = paused.filter(|_| !self.dry) else { return Ok(Ok(said.to_owned())) };
            let resumed_at = Some(self.operator.tools.clock.now().to_string());
            let note = Note { state: State::Resumed, resumed_at, ..paused.note.clone() };
            if note::write(self.operator, &note, Some(paused)).await? {
                return Ok(Ok(said.to_owned()));
            }
        }
        Ok(Err("somebody else pauses or resumes it at the same time: try again".to_owned()))
    }

    async fn live(&self) -> Result<Option<Value>, Problem> {
        Ok(self.services.subscription(&self.subscription.name).await?)
    }

    fn missing(&self) -> String {
        let project = &self.services.project;
        format!("there is no such subscription in project {project}: is --env right?")
    }

    fn unknown(&self) -> String {
        let env = self.operator.env;
        format!(
            "it is not pushed to, and nothing says how it was: `cargo xtask plan --env {env}` and \
             `cargo xtask deploy --env {env}` make it as it ought to be"
        )
    }
}

/// How a subscription is pushed to; `None` when it is not.
pub(crate) fn pushed(subscription: &Value) -> Option<&Value> {
    let push = subscription.get("pushConfig")?;
    push["pushEndpoint"].as_str().filter(|it| !it.is_empty()).map(|_| push)
}
