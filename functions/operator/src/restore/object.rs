//! One object of the history that somebody has deleted or overwritten.

use domain::{Generation, HistoryName, ObjectName};
use store::{ErrorKind, Listed, Precondition};

use crate::{Operator, Problem, legible};

pub(super) async fn run(
    operator: &Operator<'_>,
    name: &str,
    generation: Option<u64>,
    dry: bool,
) -> Result<bool, Problem> {
    let Ok(ObjectName::History(parsed)) = ObjectName::parse(name) else {
        return Err(Problem::new(format!(
            "{name:?} names no record: env/dev/ventures/V1/history/2025/11/06/NAME.json does"
        )));
    };
    let versions = operator.tools.store.versions(name).await?;
    match generation {
        None => list(operator, name, &versions),
        Some(generation) => back(operator, (name, &parsed), Generation(generation), dry).await,
    }
}

/// Shows the versions; whether one is live.
fn list(operator: &Operator<'_>, name: &str, versions: &[Listed]) -> Result<bool, Problem> {
    if versions.is_empty() {
        return Err(gone(name));
    }
    let row = |it: &Listed| {
        let live = if it.live { "live" } else { "noncurrent" };
        vec![
            it.generation.to_string(),
            it.created_at.to_string(),
            it.size_bytes.to_string(),
            live.to_owned(),
        ]
    };
    let head = ["GENERATION", "STORED", "BYTES", "STATE"].map(str::to_owned).to_vec();
    let rows: Vec<_> = std::iter::once(head).chain(versions.iter().map(row)).collect();
    operator.screen.say(&legible::table(&rows))?;
    Ok(versions.iter().any(|it| it.live))
}

/// Creates the object with the content of one of its versions.
async fn back(
    operator: &Operator<'_>,
    (name, parsed): (&str, &HistoryName),
    generation: Generation,
    dry: bool,
) -> Result<bool, Problem> {
    let store = &operator.tools.store;
    let Some(old) = store.get(name, Some(generation)).await? else { return Err(gone(name)) };
    let live = store.get(name, None).await?;
    let other = |live: Generation| {
        let (kind, id) = (&parsed.entity.segment, &parsed.entity.id);
        Problem::new(format!(
            "{name} is there with another content, and history is not replaced: look at both, \
             then as a person who may delete `gcloud storage rm gs://BUCKET/{name}#{live}` and run \
             this again; `history` of {kind} {id} shows what counts"
        ))
    };
    if let Some(live) = &live {
        return match live.body == old.body {
            true => {
                operator.screen.say(&format!("{name} is there, with this content"))?;
                Ok(true)
            }
            false => Err(other(live.generation)),
        };
    }
    if dry {
        let bytes = old.body.len();
        operator.screen.say(&format!("would create {name} with {bytes} bytes of {generation}"))?;
        return Ok(true);
    }
    match store.put(name, old.body.clone(), &old.metadata, Precondition::Absent).await {
        Ok(_) => (),
        // It can be this very write, whose answer was lost.
        Err(err) if err.kind == ErrorKind::Conflict => match store.get(name, None).await? {
            Some(live) if live.body == old.body => (),
            Some(live) => return Err(other(live.generation)),
            None => return Err(err.into()),
        },
        Err(err) => return Err(err.into()),
    }
    operator.screen.say(&format!("{name} is there again, as it was in {generation}"))?;
    operator.screen.hint(
        "it was stored now: --known-at finds it from now on, and the functions fold it as one that \
         came late",
    );
    Ok(true)
}

/// That the bucket has no such version any more.
fn gone(name: &str) -> Problem {
    Problem::new(format!(
        "there is no such version of {name}: soft delete may have it: `gcloud storage ls \
         --soft-deleted --all-versions gs://BUCKET/{name}`, then `gcloud storage restore \
         gs://BUCKET/{name}#GENERATION`"
    ))
}
