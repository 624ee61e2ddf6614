//! What holds of any object name, any history record and any lines of JSON.
//!
//! Each function here takes the bytes of one fuzz input, makes something of them and panics when a
//! promise of this crate does not hold. The targets in `fuzz/` call them, and so do the tests of
//! this crate. Behind the feature `fuzzing`: nothing that is deployed has any of it.

mod choices;
mod name;
mod ndjson;
mod record;

pub use choices::Choices;
pub use name::object_name;
pub use ndjson::ndjson;
pub use record::{kind, records};

use serde_json::Value;

use crate::json::{self, Object};

/// The longest reason that anybody is given, in bytes. Reasons name places and what was expected;
/// the longest thing they repeat is an id, with every character of it escaped.
pub const REASON_BYTES_MAX: usize = 2048;

/// Asserts that `value` is stored as one line from which nobody reads anything else.
pub fn assert_one_line(value: &Value) {
    let line = json::to_line(value);
    let feeds = line.iter().filter(|byte| **byte == b'\n').count();
    assert!(feeds == 1 && line.ends_with(b"\n"), "not one line: {line:?}");
    let read = json::parse(&line).expect("what is written can be read");
    assert!(same(&read, value), "{read} is not {value}");
}

/// Whether two values are written alike, order of keys included.
pub fn same(left: &Value, right: &Value) -> bool {
    let alone = |value: &Value| Object::from_iter([(String::new(), value.clone())]);
    let same = json::same_text(&alone(left), &alone(right));
    let [left, right] = [left, right].map(ToString::to_string);
    assert_eq!(same, left == right, "{left} and {right}");
    same
}
