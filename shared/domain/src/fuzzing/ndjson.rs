//! What holds of lines of JSON: of documents that stand one below the other, as in a shard.
//!
//! Nothing reads shards yet; what will may rely on this.

use serde_json::Value;

use super::{Choices, REASON_BYTES_MAX, assert_one_line, same};
use crate::json::{self, Object};
use crate::{Decimal, RECORD_BOUNDS};

/// The most documents that one input is made into.
const DOCUMENTS_MAX: usize = 8;

/// Keys and texts that could be taken for the end of a line, of a text or of a number.
const WORDS: [&str; 10] =
    ["id", "\n", "\r\n", "\u{2028}\u{2029}\u{85}", "\\n", "\"", "\\", "}\n{", "1e5", "\u{0}"];

/// Asserts that the lines of `bytes` are documents or errors each, and that documents which are
/// written one below the other are found again.
pub fn ndjson(bytes: &[u8]) {
    bytes.split(|byte| *byte == b'\n').for_each(line);
    let mut choices = Choices::new(bytes);
    let documents = 1 + choices.below(DOCUMENTS_MAX);
    let documents: Vec<Object> = (0..documents).map(|_| choices.object(&WORDS)).collect();
    shard(documents);
}

/// A line is a document that is stored unchanged, or an error that does not repeat it.
fn line(bytes: &[u8]) {
    let value = match json::parse(bytes) {
        Ok(value) => value,
        Err(err) => {
            let reason = err.to_string();
            return assert!(!reason.is_empty() && reason.len() <= REASON_BYTES_MAX, "{reason}");
        }
    };
    assert_one_line(&value);
    let bounded = json::parse_within(bytes, RECORD_BOUNDS);
    assert!(bounded.is_err() || bounded.is_ok_and(|bounded| same(&bounded, &value)));
    // Another reader, which is less strict, and which spells numbers its own way.
    let other = serde_json::from_slice(bytes).expect("a strict reader accepts nothing else");
    assert!(agree(&value, &other), "{value} is not {other}");
}

/// Whether two readers have read one document: numbers by their values.
fn agree(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => Decimal::of(left) == Decimal::of(right),
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(l, r)| agree(l, r))
        }
        (Value::Object(left), Value::Object(right)) => {
            let alike = |((l, left), (r, right)): ((&String, &Value), (&String, &Value))| {
                l == r && agree(left, right)
            };
            left.len() == right.len() && left.iter().zip(right).all(alike)
        }
        _ => left == right,
    }
}

fn shard(documents: Vec<Object>) {
    let documents: Vec<Value> = documents.into_iter().map(Value::Object).collect();
    let shard: Vec<u8> = documents.iter().flat_map(json::to_line).collect();
    let lines: Vec<&[u8]> = shard.split(|byte| *byte == b'\n').collect();
    let Some(([], lines)) = lines.split_last() else { panic!("the last line has no end") };
    assert_eq!(lines.len(), documents.len(), "a line for each document");
    for (line, document) in lines.iter().zip(&documents) {
        let read = json::parse(line).expect("a line of a shard is a document");
        assert!(same(&read, document), "{read} is not {document}");
    }
}
