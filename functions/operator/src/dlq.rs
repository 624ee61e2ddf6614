//! `dlq`: what functions were told so often, in vain, that Pub/Sub has given it up.

mod held;
mod letter;
mod replay;

use clap::{Args, Subcommand};
use domain::EntityRef;

use crate::google::{Project, Services};
use crate::subscriptions::{self, Subscription};
use crate::{Operator, Place, Problem, legible, subject};
use held::Held;
use letter::Letter;

/// Dead letters: list, show, replay, drop.
///
/// A delivery that a function has refused or not answered as often as the subscription allows goes to
/// {env}-{function}-{class}-dead and waits there for 31 days. Looking takes nothing away: what is only
/// listed is released at once, and should this process die, within five minutes. Pub/Sub gives what
/// is at hand and promises no order; whoever looks at the same time holds a part.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  dlq list --env prod                          what waits, and about which entity
  dlq list --function index-writer --json      one function's, for a program
  dlq show 8412345 --env prod                  one wholly, and what to ask next
  dlq replay --entity venture V1 --dry-run     what its function would do about it now
  dlq replay --function index-writer           have it handled in this process, then acknowledged
  dlq drop --id 8412345                        forget one
  dlq drop --function index-writer --yes       forget all of one function")]
pub struct Options {
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(flatten)]
    project: Project,
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand, Clone, Debug)]
enum Action {
    /// Lists dead letters.
    List {
        #[command(flatten)]
        which: Which,
        /// One line of JSON for each.
        #[arg(long)]
        json: bool,
    },
    /// Shows one wholly, and what to ask next.
    Show {
        /// The id of its message, as `list` prints it.
        #[arg(value_name = "ID")]
        message: String,
        #[command(flatten)]
        which: Which,
    },
    /// Has the function's handler handle each in this process, and acknowledges what it has handled:
    /// done, nothing to do, or rejected with a note in quarantine. Everything else stays.
    Replay {
        #[command(flatten)]
        which: Which,
        /// Have the handlers write nothing, and keep every letter: how it would end, and its cost.
        #[arg(long)]
        dry_run: bool,
        /// One line of JSON for each.
        #[arg(long)]
        json: bool,
    },
    /// Acknowledges dead letters without handling them. Derived objects stay as they are.
    Drop {
        #[command(flatten)]
        which: Which,
        /// Drop all that the filters let through. --id needs no such word.
        #[arg(long)]
        yes: bool,
        /// Say what would be dropped.
        #[arg(long)]
        dry_run: bool,
        /// One line of JSON for each.
        #[arg(long)]
        json: bool,
    },
}

/// Which letters.
#[derive(Args, Clone, Debug)]
struct Which {
    /// Those of one function, such as index-writer. May be repeated.
    #[arg(long, value_name = "NAME")]
    function: Vec<String>,
    /// Those about one entity: its kind and its id.
    #[arg(long, num_args = 2, value_names = ["KIND", "ID"])]
    entity: Option<Vec<String>>,
    /// The one with this message id. May be repeated.
    #[arg(long, value_name = "ID")]
    id: Vec<String>,
    /// At most so many.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=1000))]
    limit: u16,
}

/// What a letter has to be, to be taken.
struct Filter {
    subscriptions: Vec<Subscription>,
    entity: Option<EntityRef>,
    ids: Vec<String>,
    limit: usize,
}

impl Which {
    fn filter(&self, operator: &Operator<'_>) -> Result<Filter, Problem> {
        let entity = match self.entity.as_deref() {
            Some([kind, id]) => {
                Some(subject::entity(operator, subject::definition(operator, kind)?, id)?)
            }
            _ => None,
        };
        let subscriptions = subscriptions::of(operator.env, &operator.tools, &self.function)?;
        Ok(Filter { subscriptions, entity, ids: self.id.clone(), limit: self.limit.into() })
    }
}

impl Filter {
    fn takes(&self, letter: &Letter) -> bool {
        let is_of = self.entity.as_ref().is_none_or(|entity| letter.is_about(entity));
        is_of && (self.ids.is_empty() || self.ids.contains(&letter.id))
    }

    /// Whether nothing more can be found.
    fn is_done(&self, found: usize) -> bool {
        found >= self.limit || (!self.ids.is_empty() && found >= self.ids.len())
    }
}

pub(crate) async fn run(options: &Options, operator: &Operator<'_>) -> Result<bool, Problem> {
    let services = operator.google.open(&options.project, &operator.tools)?;
    let (which, ids) = match &options.action {
        Action::Show { message, which } => (which, vec![message.clone()]),
        Action::List { which, .. } | Action::Replay { which, .. } | Action::Drop { which, .. } => {
            (which, which.id.clone())
        }
    };
    let filter = Filter { ids, ..which.filter(operator)? };
    let mut held = Held::new(&services, &operator.tools);
    let ended = match held.gather(operator, &filter).await {
        Ok(()) => act(options, operator, &services, &filter, &mut held).await,
        Err(problem) => Err(problem),
    };
    // Whatever happened: what was not handled is not kept from others.
    let released = held.release().await;
    let ended = ended?;
    if let Err(refusal) = released {
        operator.screen.hint(&format!(
            "the rest is back when its lease ends, within {} s: {}",
            held::LEASE.as_secs(),
            refusal.text
        ));
    }
    Ok(ended)
}

async fn act(
    options: &Options,
    operator: &Operator<'_>,
    services: &Services,
    filter: &Filter,
    held: &mut Held<'_>,
) -> Result<bool, Problem> {
    match &options.action {
        Action::List { json, .. } => list(operator, held, *json),
        Action::Show { message, .. } => show(operator, held, message).await,
        Action::Replay { dry_run, json, .. } => {
            let bucket = options.place.bucket.clone().or_else(|| operator.google.bucket.clone());
            let how = replay::How { bucket, dry: *dry_run, json: *json };
            replay::replay(operator, services, held, how).await
        }
        Action::Drop { yes, dry_run, json, .. } => {
            let agreed = (*yes || !filter.ids.is_empty()) && !dry_run;
            drop_all(operator, services, held, agreed, *json).await
        }
    }
}

fn list(operator: &Operator<'_>, held: &Held<'_>, json: bool) -> Result<bool, Problem> {
    let letters = held.letters();
    if json {
        for letter in letters {
            operator.screen.say(&letter.to_json().to_string())?;
        }
        return Ok(true);
    }
    if !letters.is_empty() {
        let head = ["ID", "FUNCTION", "ENTITY", "TRIED", "SINCE", "OBJECT"].map(str::to_owned);
        let rows = letters.iter().map(|letter| letter.row(operator));
        let rows: Vec<Vec<String>> = std::iter::once(head.to_vec()).chain(rows).collect();
        operator.screen.say(&legible::table(&rows))?;
    }
    operator.screen.hint(&held.summary());
    Ok(true)
}

async fn show(operator: &Operator<'_>, held: &Held<'_>, id: &str) -> Result<bool, Problem> {
    let [letter] = held.letters() else {
        return Err(Problem::new(format!(
            "no dead letter {id} is at hand ({}): `dlq list` shows those that are, and who looks at \
             the same time holds a part",
            held.summary()
        )));
    };
    operator.screen.say(&letter.described(operator).await?)?;
    Ok(true)
}

async fn drop_all(
    operator: &Operator<'_>,
    services: &Services,
    held: &mut Held<'_>,
    agreed: bool,
    json: bool,
) -> Result<bool, Problem> {
    let letters = held.letters().to_vec();
    for letter in &letters {
        if agreed {
            services
                .acknowledge(&letter.subscription, std::slice::from_ref(&letter.ack_id))
                .await?;
            held.forget(&letter.ack_id);
        }
        let said = if agreed { "dropped" } else { "would be dropped" };
        operator.screen.say(&letter.line(operator, said, json))?;
    }
    if !agreed && !letters.is_empty() {
        operator.screen.hint(&format!(
            "{} would be dropped: --yes drops them, or --id one of them; nothing handles them then",
            letters.len()
        ));
    }
    Ok(true)
}
