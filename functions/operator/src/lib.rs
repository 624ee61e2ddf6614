//! Operates a bucket: what a person or a schedule runs, and `cargo xtask` runs as the same code.
//!
//! One file for each command. A command reads, decides and writes through the storage contract;
//! what it decides is pure. What it derives it has the functions' own handlers write, so that
//! there is one way in which a snapshot or a pointer comes about.

mod older;
mod planted;

mod append;
mod derive;
mod legible;
mod listing;
mod pages;
mod records;
mod stuck;
mod subject;

mod job;
mod sending;
mod uncounted;

mod google;
mod subscriptions;

mod alerts;
mod capture;
mod copy;
pub mod cost;
mod dlq;
mod drill;
mod get;
mod history;
mod index;
mod list;
mod migrate;
mod pause;
mod purge;
mod quarantine;
mod rebuild;
mod reconcile;
mod restore;
mod rules;
mod secret_pull;
mod seed;
mod status;
mod undelete;
mod why;
mod write;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use clap::{Parser, Subcommand};
use cloud_run::{Config, SystemClock, SystemIds};
use domain::{Clock, Env, Ids, Planted};
use store::Tools;

pub use ::job::{Place, Printed, Problem, Screen, refuse, refused};
pub use google::{Google, Service};
pub use planted::Shortcut;
pub use sending::Sending;
pub use store::dollars;
pub use subscriptions::{Subscription, subscriptions};

/// Operates a bucket of Strata.
///
/// It works on the bucket of --bucket or of the variable BUCKET, in Cloud Storage with the
/// credentials of gcloud or of the machine, or in the emulator at STORAGE_EMULATOR_HOST.
#[derive(Parser, Debug)]
#[command(
    name = "operator",
    version,
    after_help = "Examples:
  operator quarantine list --bucket acme-data --env prod     what could not be handled and is open
  operator alerts list --undelivered                         alerts that have not arrived
  operator index ventures by-status Pilot                    what an index says below a key
  operator index build ventures by-status-v2 --dry-run       what a new index would cost
  operator write venture V1 --file v1.json --env dev         append a record, if it counts
  operator seed ./entities --dry-run                         append a folder of documents
  operator get venture V1 --as-of 2025-11-06T12:00:00Z       what an entity was
  operator list venture --where status=Pilot                 all there are, up to the last change
  operator history venture V1                                who changed what, record by record
  operator why venture V1                                    what counts, and what is out of date
  operator restore --known-at 2025-11-06T12:00:00Z --dry-run   what would be as it was known to be
  operator undelete venture V1                               the document before its tombstone
  operator copy --to gs://acme-data-copy                     history in another bucket
  operator drill --to gs://acme-scratch --sample 100         does a restore from history bring the same
  operator purge venture V1 --reason 'request 4711' --dry-run  what an erasure would erase
  operator reconcile --repair                                mends whatever differs from history
  operator rebuild indices --segment ventures --dry-run      what deriving everything anew costs
  operator rules apply ./rules --dry-run                     which rules a folder would change
  operator status --env prod                                 what needs a person
  operator dlq list --env prod                               what Pub/Sub has given up
  operator pause --env prod --function rules-engine          nothing is pushed to it until `resume`
  operator cost --events 1e6 --entities 1e5 --indices 3      what a month costs
  operator migrate --dry-run                                 what a release reads in another way"
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What can be done to a bucket.
#[derive(Subcommand, Clone, Debug)]
#[expect(missing_docs, reason = "each is documented at its options, which its help shows")]
pub enum Command {
    Quarantine(quarantine::Options),
    Alerts(alerts::Options),
    Index(index::Options),
    Migrate(migrate::Options),
    Write(write::Options),
    Seed(seed::Options),
    Get(get::Options),
    List(list::Options),
    History(history::Options),
    Why(why::Options),
    Purge(purge::Options),
    Restore(restore::Options),
    Undelete(undelete::Options),
    Copy(copy::Options),
    Drill(drill::Options),
    Reconcile(reconcile::Options),
    Rebuild(rebuild::Options),
    Rules(rules::Options),
    Status(status::Options),
    Capture(capture::Options),
    SecretPull(secret_pull::Options),
    Dlq(dlq::Options),
    Pause(pause::PauseOptions),
    Resume(pause::ResumeOptions),
    Cost(cost::Options),
}

/// What a command works with.
pub struct Operator<'a> {
    /// The bucket, the definitions, time.
    pub tools: Tools,
    /// The environment.
    pub env: Env,
    /// Who runs it, where that is known.
    pub user: Option<String>,
    /// Google's other services.
    pub google: &'a Google,
    /// Where it prints.
    pub screen: &'a Screen,
    /// A wrong turn that a test takes.
    pub planted: Planted<Shortcut>,
}

/// Runs `command` to its end on the bucket that it and the environment name. `false` when
/// something is left that a person has to look at; the screen says what.
///
/// # Errors
///
/// Why it cannot begin or go on, and what to do about it.
pub fn run(command: &Command, screen: &Screen) -> Result<bool, Problem> {
    let place = match (command, place(command)) {
        (Command::SecretPull(options), _) => return pull(options, screen),
        (Command::Cost(options), _) => return cost::run(options, screen),
        (_, Some(place)) => place,
        (_, None) => return Err(Problem::new("the command works on no bucket")),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut config = Config::environment();
        if matches!(command, Command::Rules(options) if options.needs_no_bucket()) {
            // Nobody is asked there.
            config = config.with("BUCKET", "none").with("STORAGE_EMULATOR_HOST", "127.0.0.1:9");
        }
        let tools = place.tools(&config, gcp::connect_person)?;
        let user = config.read("USER")?;
        let google = Google::read(&config)?;
        let google = &match command {
            Command::Alerts(_) | Command::Quarantine(_) | Command::Dlq(_) => {
                google.sending(Sending::read(&config, &tools)?)
            }
            _ => google,
        };
        let planted = Planted::NONE;
        let mut command = command.clone();
        if let Command::Reconcile(options) = &mut command {
            options.read_task(&config)?;
        }
        perform(&command, Operator { tools, env: place.env, user, google, screen, planted }).await
    })
}

/// The bucket and the environment that `command` works on, if it works on one.
fn place(command: &Command) -> Option<&Place> {
    Some(match command {
        Command::Quarantine(options) => &options.place,
        Command::Alerts(options) => &options.place,
        Command::Index(options) => &options.place,
        Command::Migrate(options) => &options.place,
        Command::Write(options) => &options.place,
        Command::Seed(options) => &options.place,
        Command::Get(options) => &options.place,
        Command::List(options) => &options.place,
        Command::History(options) => &options.place,
        Command::Why(options) => &options.place,
        Command::Purge(options) => &options.place,
        Command::Undelete(options) => &options.place,
        Command::Copy(options) => &options.place,
        Command::Drill(options) => &options.place,
        Command::Restore(options) => &options.place,
        Command::Reconcile(options) => &options.place,
        Command::Rebuild(options) => &options.place,
        Command::Rules(options) => &options.place,
        Command::Status(options) => &options.place,
        Command::Capture(options) => &options.place,
        Command::Dlq(options) => &options.place,
        Command::Pause(options) => &options.options.place,
        Command::Resume(options) => &options.options.place,
        Command::SecretPull(_) | Command::Cost(_) => return None,
    })
}

/// Pulls secrets, for which no bucket is named.
fn pull(options: &secret_pull::Options, screen: &Screen) -> Result<bool, Problem> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let google = Google::read(&Config::environment())?;
    let machine: (Arc<dyn Clock>, Arc<dyn Ids>) = (Arc::new(SystemClock), Arc::new(SystemIds));
    runtime.block_on(secret_pull::run(options, &google, machine, screen))
}

/// The same with the bucket, the clock and the screen of `operator`.
///
/// # Errors
///
/// As for [`run`].
pub async fn perform(command: &Command, operator: Operator<'_>) -> Result<bool, Problem> {
    match command {
        Command::Quarantine(options) => quarantine::run(options, &operator).await,
        Command::Alerts(options) => alerts::run(options, &operator).await,
        Command::Index(options) => index::run(options, &operator).await,
        Command::Migrate(options) => migrate::run(options, &operator).await,
        Command::Write(options) => write::run(options, &operator).await,
        Command::Seed(options) => seed::run(options, &operator).await,
        Command::Get(options) => get::run(options, &operator).await,
        Command::List(options) => list::run(options, &operator).await,
        Command::History(options) => history::run(options, &operator).await,
        Command::Why(options) => why::run(options, &operator).await,
        Command::Purge(options) => purge::run(options, &operator).await,
        Command::Restore(options) => restore::run(options, &operator).await,
        Command::Undelete(options) => undelete::run(options, &operator).await,
        Command::Copy(options) => copy::run(options, &operator).await,
        Command::Drill(options) => drill::run(options, &operator).await,
        Command::Reconcile(options) => reconcile::run(options, &operator).await,
        Command::Rebuild(options) => rebuild::run(options, &operator).await,
        Command::Rules(options) => rules::run(options, &operator).await,
        Command::Status(options) => status::run(options, &operator).await,
        Command::Capture(options) => capture::run(options, &operator).await,
        Command::Dlq(options) => dlq::run(options, &operator).await,
        Command::Pause(options) => pause::pause(options, &operator).await,
        Command::Resume(options) => pause::resume(options, &operator).await,
        Command::Cost(options) => cost::run(options, operator.screen),
        Command::SecretPull(options) => {
            let Operator { tools, google, screen, .. } = &operator;
            let machine = (Arc::clone(&tools.clock), Arc::clone(&tools.ids));
            secret_pull::run(options, google, machine, screen).await
        }
    }
}
