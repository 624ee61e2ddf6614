//! What holds of any body of a push.
//!
//! Behind the feature `fuzzing`: the target `push` in `fuzz/` calls it, and so do the tests.

mod built;

use domain::fuzzing::{Choices, REASON_BYTES_MAX};
use domain::{Class, Generation, NameError, ObjectName, Overwrote};
use serde_json::Value;

use crate::admission::{Admission, admit};
use crate::decode::{self, Notification};
use crate::quarantine;

/// The longest name that an object can have, in bytes.
const OBJECT_NAME_BYTES_MAX: usize = 1024;

/// The bucket that the functions of the tests are fed from.
const BUCKET: &str = "strata";

/// What functions are fed with.
const FED_WITH: [&[Class]; 4] =
    [&[Class::History], &[Class::Snapshot], &[Class::Alert], &[Class::History, Class::Quarantine]];

/// Asserts what holds of the bytes as the body of a push, and of a push that is built of choices.
pub fn push(bytes: &[u8]) {
    body(bytes);
    let built = built::Built::new(&mut Choices::new(bytes));
    let bytes = built.body();
    assert_eq!(decode::notification(&bytes), built.expected(), "{built:?}");
    body(&bytes);
}

/// Any bytes are a notification with an end, or malformed.
fn body(bytes: &[u8]) {
    match decode::notification(bytes) {
        Ok(notification) => {
            said(bytes, &notification);
            FED_WITH.iter().for_each(|fed_with| admitted(&notification, fed_with));
            quarantined(&notification);
        }
        // The messages are constants.
        Err(malformed) => assert!(!malformed.to_string().is_empty()),
    }
}

/// Nothing is invented: another reader finds each field where it belongs.
fn said(bytes: &[u8], notification: &Notification) {
    assert!((1..=OBJECT_NAME_BYTES_MAX).contains(&notification.object.len()));
    // Reads less than the decoder, which does not look into fields that it does not know.
    let Ok(push) = serde_json::from_slice::<Value>(bytes) else { return };
    let message = &push["message"];
    assert!(push.is_object() && message.is_object(), "no wrapped push: {push}");
    assert_eq!(notification.attempts, push["deliveryAttempt"].as_u64());
    let attributes = &message["attributes"];
    assert!(attributes.is_object() || attributes.is_null(), "no attributes: {attributes}");
    let text = |name: &str| attributes[name].as_str();
    let event = text("eventType");
    assert_eq!(notification.finalized, event.is_none_or(|event| event == "OBJECT_FINALIZE"));
    let found = (text("bucketId"), text("objectId"), text("objectGeneration"), event);
    let (Some(bucket), Some(object), Some(generation), Some(_)) = found else {
        assert_eq!(notification.overwrote, Overwrote::Unknown);
        return assert!(message["data"].is_string(), "from nowhere: {push}");
    };
    assert_eq!((notification.bucket.as_str(), notification.object.as_str()), (bucket, object));
    assert_eq!(Some(notification.generation), Generation::parse(generation));
    let overwrote = text("overwroteGeneration");
    assert_eq!(notification.overwrote == Overwrote::Nothing, overwrote.is_none());
    assert!(notification.created_at.is_none() || message["data"].is_string());
}

/// A notification is handled, skipped or rejected, and only for a reason.
fn admitted(notification: &Notification, fed_with: &[Class]) {
    let parsed = ObjectName::parse(&notification.object);
    let ours = notification.finalized && notification.bucket == BUCKET;
    let fed = parsed.as_ref().is_ok_and(|name| fed_with.contains(&name.class()));
    match admit(notification, BUCKET, fed_with) {
        Admission::Handle(delivery) => {
            assert!(ours && fed, "{delivery:?} is not for {fed_with:?}");
            assert_eq!(delivery.name.to_string(), notification.object);
            assert_eq!(delivery.generation, notification.generation);
            assert_eq!(delivery.overwrote, notification.overwrote);
            assert_eq!(delivery.created_at, notification.created_at);
        }
        Admission::Skip(reason) => {
            let refused = matches!(parsed, Err(NameError::Refused(_)));
            let record = refused && is_record(&notification.object);
            let wanted = fed || (record && fed_with.contains(&Class::History));
            assert!(!(ours && wanted), "{}: {reason}", notification.object);
        }
        Admission::Reject(reason) => {
            assert!(ours && parsed.is_err() && fed_with.contains(&Class::History));
            assert!(!reason.is_empty() && reason.len() <= REASON_BYTES_MAX, "{reason}");
            let place = quarantine::name("snapshot-builder", notification.version());
            assert!(place.is_some(), "there is no place for {}", notification.object);
        }
    }
}

/// Whether a name has the shape of a record's.
fn is_record(name: &str) -> bool {
    let parts: Vec<&str> = name.split('/').collect();
    matches!(parts[..], ["env", _, _, _, "history", _, _, _, _])
}

/// The place in quarantine is one, and there is one wherever the object is in an environment.
fn quarantined(notification: &Notification) {
    let Some(name) = quarantine::name("snapshot-builder", notification.version()) else {
        return assert!(ObjectName::parse(&notification.object).is_err());
    };
    let spelled = name.to_string();
    assert_eq!(ObjectName::parse(&spelled), Ok(name.clone()), "{spelled}");
    assert_eq!(name.class(), Class::Quarantine, "{spelled}");
    assert!(spelled.len() <= OBJECT_NAME_BYTES_MAX, "{spelled}");
    let parsed = ObjectName::parse(&notification.object);
    let env = notification.object.split('/').nth(1);
    assert_eq!(env, Some(name.env().as_str()), "{spelled} for {parsed:?}");
}
