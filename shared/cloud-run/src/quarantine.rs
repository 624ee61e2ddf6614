//! Keeps a note of an object that can never be handled, so that its delivery can be acknowledged.

use domain::{Env, Failure, Generation, ObjectName, ascii, digest, is_segment};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use serde::Serialize;
use store::Tools;

/// The longest id component that is made from a refused name, in bytes.
const ID_BYTES_MAX: usize = 80;

/// Hexadecimal digits of the digest of object name and generation: 128 bits.
const DIGEST_DIGITS: usize = 32;

/// Everything outside `A-Za-z0-9._~-`.
const UNSAFE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'.').remove(b'_').remove(b'~').remove(b'-');

/// What is written about an object, one line of JSON.
#[derive(Serialize)]
struct Note<'a> {
    function: &'a str,
    object: &'a str,
    /// Text, as in the JSON API: it does not fit every reader's numbers.
    generation: String,
    reasons: &'a [String],
    quarantined_at: String,
}

/// Writes the quarantine object of a version of `object`, which `function` rejects for `reasons`. It
/// names no content of the object, only where it is.
///
/// Create-only, and the name follows from object name and generation: a repetition finds the note
/// that is there, and leaves it. One insert.
///
/// # Errors
///
/// Any failure to write asks for another delivery, and so does an object outside every
/// environment, for which there is no place to write.
pub async fn quarantine(
    tools: &Tools,
    function: &str,
    (object, generation): (&str, Generation),
    reasons: &[String],
) -> Result<(), Failure> {
    let name = name(function, (object, generation))
        .ok_or_else(|| Failure::Retry("object to quarantine is in no environment".to_owned()))?;
    let note = Note {
        function,
        object,
        generation: generation.to_string(),
        reasons,
        quarantined_at: tools.clock.now().to_millis_text(),
    };
    let mut body =
        serde_json::to_vec(&note).map_err(|err| Failure::Retry(format!("quarantine: {err}")))?;
    body.push(b'\n');
    let mut metadata = tools.version.metadata();
    metadata.insert("source-name".to_owned(), ascii::encode(object));
    metadata.insert("source-generation".to_owned(), generation.to_string());
    match tools.create(&name, body, &metadata).await {
        // There already or not: the note of this version of the object says the same.
        Ok(_) => Ok(()),
        Err(err) => Err(Failure::Retry(format!("quarantine: {err}"))),
    }
}

/// Where the note about a version of `object` lies. `None` outside every environment.
pub(crate) fn name(function: &str, (object, generation): (&str, Generation)) -> Option<ObjectName> {
    let mut parts = object.strip_prefix("env/")?.split('/');
    let env = Env::parse(parts.next()?)?;
    let unknown = || "unknown".to_owned();
    let (segment, id) = match ObjectName::parse(object) {
        // The name of an alert does not tell the kind of its entity.
        Ok(ObjectName::Alert { entity_id, .. }) => (unknown(), entity_id),
        Ok(parsed) => match parsed.entity() {
            Some(entity) => (entity.segment.clone(), entity.id.clone()),
            None => (unknown(), safe(object.rsplit('/').next()?)),
        },
        Err(_) => {
            let segment = parts.next().filter(|segment| is_segment(segment));
            (segment.map_or_else(unknown, str::to_owned), safe(parts.next().unwrap_or_default()))
        }
    };
    let generation = generation.to_string();
    let digest = digest::sha256(&[object.as_bytes(), generation.as_bytes()]);
    let digest = digest::hex(&digest, DIGEST_DIGITS);
    Some(ObjectName::Quarantine { env, function: function.to_owned(), segment, id, digest })
}

/// `text` as an id that the grammar of names accepts, cut at [`ID_BYTES_MAX`].
fn safe(text: &str) -> String {
    if matches!(text, "" | "." | "..") {
        return format!("unknown{}", text.replace('.', "%2E"));
    }
    let mut id = String::new();
    for byte in text.bytes() {
        let piece = percent_encode(&[byte], UNSAFE).to_string();
        if id.len() + piece.len() > ID_BYTES_MAX {
            break;
        }
        id.push_str(&piece);
    }
    id
}
