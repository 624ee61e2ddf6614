//! Fixtures of calls, as they are written.

use std::collections::BTreeMap;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value;

use super::names::Names;

/// What one client called.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fixture {
    /// The client, as it names itself.
    #[expect(dead_code, reason = "for people")]
    client: String,
    /// What large bodies consist of.
    pattern: String,
    pub(crate) calls: Vec<Call>,
}

/// One call. What is not there was empty.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Call {
    /// What the client was doing.
    pub(crate) step: String,
    /// Method and target.
    pub(crate) request: String,
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) body: Described,
    pub(crate) status: u16,
    #[serde(default, rename = "answer headers")]
    pub(crate) answer_headers: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) answer: Described,
}

/// A body.
#[derive(Deserialize)]
#[serde(untagged)]
pub(crate) enum Described {
    Json { json: Value },
    Pieces(Vec<Piece>),
}

/// One piece of a body that is no JSON.
#[derive(Deserialize)]
#[serde(untagged)]
pub(crate) enum Piece {
    Text {
        text: String,
    },
    Base64 {
        base64: String,
    },
    /// So many bytes of the pattern, repeated, from this place in it.
    Pattern {
        pattern: usize,
        length: usize,
    },
}

impl Default for Described {
    fn default() -> Self {
        Self::Pieces(Vec::new())
    }
}

impl Fixture {
    /// The names of all fixtures.
    pub(crate) fn files() -> Vec<String> {
        let folder = Self::path("").parent().unwrap().to_owned();
        let entries = folder.read_dir().unwrap().map(|entry| entry.unwrap().path());
        entries.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect()
    }

    pub(crate) fn path(file: &str) -> PathBuf {
        let manifest = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        manifest.join("tests/calls").join(format!("{file}.json"))
    }

    pub(crate) fn read(file: &str) -> Self {
        serde_json::from_slice(&std::fs::read(Self::path(file)).unwrap()).expect(file)
    }

    /// The bytes of a body, with what the names in it stand for.
    pub(crate) fn body(&self, described: &Described, names: &Names) -> Bytes {
        let pieces = match described {
            Described::Json { json } => return names.filled_json(json).to_string().into(),
            Described::Pieces(pieces) => pieces,
        };
        let mut bytes = Vec::new();
        for piece in pieces {
            match piece {
                Piece::Text { text } => bytes.extend(names.filled(text, str::to_owned).bytes()),
                Piece::Base64 { base64 } => bytes.extend(STANDARD.decode(base64).unwrap()),
                Piece::Pattern { pattern, length } => {
                    bytes.extend(self.pattern.bytes().cycle().skip(*pattern).take(*length));
                }
            }
        }
        bytes.into()
    }
}

impl Call {
    /// Whether it is the call `wanted`: a method, a path with `*` for any segment, and perhaps a
    /// word of the query.
    pub(crate) fn is(&self, wanted: &str) -> bool {
        let (method, target) = self.request.split_once(' ').unwrap();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut words = wanted.split(' ');
        words.next() == Some(method)
            && words.next().is_some_and(|wanted| is_path(path, wanted))
            && words.all(|word| query.contains(word))
    }
}

fn is_path(path: &str, wanted: &str) -> bool {
    let segments = |text: &str| text.split('/').map(str::to_owned).collect::<Vec<_>>();
    let (path, wanted) = (segments(path), segments(wanted));
    let fits = |(found, wanted): (&String, &String)| match wanted.strip_prefix('*') {
        Some(verb) if !verb.is_empty() => found.ends_with(verb),
        Some(_) => !found.contains(':'),
        None => found == wanted,
    };
    path.len() == wanted.len() && path.iter().zip(&wanted).all(fits)
}
