//! Signatures of what is sent. (Standard Webhooks, "Signature scheme" and "Webhook headers": HMAC with
//! SHA-256 over id, time and body, with full stops between.)

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::Instant;
use ring::hmac;

/// What keys begin with.
const KEY_PREFIX: &str = "whsec_";

/// Bytes of a key: fewer can be guessed, more are none. (Standard Webhooks, "Signature scheme".)
const KEY_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// The most keys at a time: one, and while it is replaced the next.
const KEYS_MAX: usize = 4;

/// Keys that something is signed with, each of them. They are not shown.
#[derive(Clone)]
pub(crate) struct Keys(Vec<hmac::Key>);

impl Keys {
    /// Reads `whsec_` and base64 of 24 to 64 bytes; several, with spaces between, while a receiver
    /// goes from one to the next.
    ///
    /// # Errors
    ///
    /// What is wrong, and nothing of the keys.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        let key = |word: &str| {
            let bytes = STANDARD.decode(word.strip_prefix(KEY_PREFIX)?).ok()?;
            let fine = KEY_BYTES.contains(&bytes.len());
            fine.then(|| hmac::Key::new(hmac::HMAC_SHA256, &bytes))
        };
        let keys: Option<Vec<hmac::Key>> = text.split_whitespace().map(key).collect();
        let keys = keys.filter(|keys| (1..=KEYS_MAX).contains(&keys.len()));
        keys.map(Self).ok_or_else(|| {
            let (from, to) = (KEY_BYTES.start(), KEY_BYTES.end());
            format!("a key is {KEY_PREFIX} and base64 of {from} to {to} random bytes")
        })
    }

    /// The headers that say what is sent, when, and by whom.
    pub(crate) fn headers(&self, id: &str, at: Instant, body: &[u8]) -> [(String, String); 3] {
        let seconds = (at.unix_millis().max(0) / 1000).to_string();
        let signature = |key: &hmac::Key| {
            let mut context = hmac::Context::with_key(key);
            let parts: [&[u8]; 5] = [id.as_bytes(), b".", seconds.as_bytes(), b".", body];
            parts.iter().for_each(|part| context.update(part));
            format!("v1,{}", STANDARD.encode(context.sign()))
        };
        let signatures: Vec<String> = self.0.iter().map(signature).collect();
        [
            ("webhook-id".to_owned(), id.to_owned()),
            ("webhook-timestamp".to_owned(), seconds),
            ("webhook-signature".to_owned(), signatures.join(" ")),
        ]
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys(…)")
    }
}
