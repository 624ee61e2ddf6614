//! Which notifications concern a function, from the name alone: nothing is read for it.

use domain::{Class, Delivery, NameError, ObjectName};

use crate::decode::Notification;

/// What is to be done about a notification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// The handler takes it.
    Handle(Delivery),
    /// It does not concern this function; the reason is a constant for the log.
    Skip(&'static str),
    /// It would be a record of the history, but its name is refused.
    Reject(String),
}

/// Decides about `notification` for a function that is fed with the classes `fed_with` of objects
/// in `bucket`.
///
/// A refused name is rejected only by the function that is fed with history: every other class is
/// written by the platform itself, under names that it can read.
pub(crate) fn admit(notification: &Notification, bucket: &str, fed_with: &[Class]) -> Admission {
    if !notification.finalized {
        return Admission::Skip("not a finalize event");
    }
    if notification.bucket != bucket {
        return Admission::Skip("another bucket");
    }
    match ObjectName::parse(&notification.object) {
        Ok(name) if fed_with.contains(&name.class()) => Admission::Handle(Delivery {
            name,
            generation: notification.generation,
            overwrote: notification.overwrote,
            created_at: notification.created_at,
        }),
        Ok(_) => Admission::Skip("not fed with this class"),
        Err(NameError::Foreign) => Admission::Skip("foreign object"),
        Err(NameError::Refused(reason)) => {
            let history = notification.object.split('/').nth(4) == Some("history");
            if history && fed_with.contains(&Class::History) {
                Admission::Reject(reason)
            } else {
                Admission::Skip("refused name of a class that is not fed")
            }
        }
    }
}
