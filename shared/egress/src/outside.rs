//! What is outside: requests that leave, and what comes back of them.

use std::fmt;

use bytes::Bytes;
use domain::BoxFuture;

use crate::{Unsent, Url};

/// The most characters of what an answer says that are told.
const WORD_CHARS_MAX: usize = 40;

/// A request. It is not shown: its headers may be secret, and where it goes.
pub struct Parcel {
    /// Where to.
    pub url: Url,
    /// Headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// One JSON document.
    pub body: Bytes,
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The beginning of what it says, if it is no success.
    pub text: Bytes,
}

/// Takes requests to where they are addressed. Whether a host may be reached has been asked before.
pub trait Outside: Send + Sync {
    /// Posts `parcel`, once.
    ///
    /// # Errors
    ///
    /// No answer.
    fn post<'a>(&'a self, parcel: &'a Parcel) -> BoxFuture<'a, Result<Answer, Unsent>>;
}

impl Parcel {
    /// The header of that name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

impl fmt::Debug for Parcel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Parcel(…)")
    }
}

impl Answer {
    /// Whether the receiver has it. Every status but 2xx says that it does not.
    ///
    /// # Errors
    ///
    /// What was answered. Of its text a single plain word is told, such as Slack's `no_service`: more
    /// might repeat a secret.
    pub fn accepted(&self) -> Result<(), Unsent> {
        let status = self.status;
        let word = std::str::from_utf8(self.text.trim_ascii()).unwrap_or_default();
        let plain = word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
        let word = match plain && (1..=WORD_CHARS_MAX).contains(&word.len()) {
            true => format!(" ({word})"),
            false => String::new(),
        };
        match status {
            200..=299 => Ok(()),
            300..=399 => {
                Err(Unsent::lasting(format!("answer {status}: redirects are not followed")))
            }
            408 | 425 | 429 | 500..=599 => Err(Unsent::passing(format!("answer {status}{word}"))),
            _ => Err(Unsent::lasting(format!("answer {status}{word}"))),
        }
    }
}
