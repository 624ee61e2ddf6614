//! One version, erased, or why it is not.

use domain::ObjectName;
use domain::limits::ATTEMPTS_MAX;
use store::{Error, ErrorKind, Listed};

use super::{NO_GENERATION, Purge};
use crate::Problem;

/// How the end of one version went.
pub(super) enum End {
    Erased,
    Gone,
    Held(String),
}

/// Asks for the right to erase history before anything is done: whoever may not is told so, and who
/// may, that there is no such version.
pub(super) async fn rights(purge: &Purge<'_>) -> Result<(), Problem> {
    let name = format!("{}rights.json", ObjectName::history_prefix(&purge.entity));
    match purge.operator.tools.store.erase(&name, NO_GENERATION).await {
        Ok(_) => Ok(()),
        Err(err) => Err(refused(&err)),
    }
}

/// Erases one version, which may take its time.
pub(super) async fn erase(purge: &Purge<'_>, item: &Listed) -> Result<End, Problem> {
    let tools = &purge.operator.tools;
    for _ in 0..ATTEMPTS_MAX {
        match tools.store.erase(&item.name, item.generation).await {
            Ok(true) => return Ok(End::Erased),
            Ok(false) => return Ok(End::Gone),
            Err(err) if err.kind == ErrorKind::Throttled => tools.pause_after_throttling().await,
            Err(err) => match held(&err) {
                Some(why) => return Ok(End::Held(why.to_owned())),
                None => return Err(refused(&err)),
            },
        }
    }
    Err(Problem::new(format!(
        "erase {}: the store asks to slow down: run the same command again later",
        item.name
    )))
}

/// Why a version may not be erased yet. (Cloud Storage JSON API, "HTTP status and error codes",
/// "403: Forbidden".)
fn held(err: &Error) -> Option<&'static str> {
    let text = err.to_string();
    let reasons = [
        ("(retentionPolicyNotMet)", "a retention, of the bucket or of the object, keeps it"),
        (
            "(objectUnderActiveHold)",
            "a hold keeps it: `gcloud storage objects update --no-temporary-hold --no-event-based-hold`",
        ),
    ];
    reasons.into_iter().find(|(reason, _)| text.contains(reason)).map(|(_, why)| why)
}

/// Why nothing can be erased.
fn refused(err: &Error) -> Problem {
    let text = err.to_string();
    match text.contains("answer 403") {
        true => Problem::new(format!(
            "{text}: it takes storage.objects.delete on the bucket, which no service account has \
             on history: run it as a person with roles/storage.objectUser, and then the same \
             command again"
        )),
        false => Problem::new(format!("{text}; run the same command again: it goes on")),
    }
}
