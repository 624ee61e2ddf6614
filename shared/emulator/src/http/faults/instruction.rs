//! What one fault does, and how it is spelled.
//!
//! The first group is the one of Google's retry conformance tests, spelled as in its test server.
//! (googleapis/storage-testbench, README, "Forced Failures Supported".) The second group is ours.

use std::str::FromStr;

use axum::http::{HeaderValue, StatusCode};

use super::method::ApiMethod;

/// The longest stall and the longest `Retry-After`.
const SECONDS_MAX: u64 = 3600;

/// The slowest head: one byte in a second.
const MILLIS_MAX: u64 = 1000;

/// More than any body has.
const KIB_MAX: u64 = 64 * 1024;

/// The longest address of a redirect.
const LOCATION_BYTES_MAX: usize = 2048;

/// Every form, for the message of a refusal. `S` is a status from 300 to 599.
pub(super) const FORMS: &str = "return-S, return-S-after-YK, return-reset-connection, \
    return-broken-stream, return-broken-stream-after-YK, \
    return-broken-stream-final-chunk-after-YB, return-corrupted-data, stall-for-Ts-after-YK, \
    return-S-retry-after-Ts, commit-then-reset-connection, commit-then-break-head, \
    commit-then-break-body, commit-then-stall-head, commit-then-stall-body, \
    reset-connection-then-commit, wrong-checksum, redirect-S, redirect-S-to-URL, html-S, \
    slow-head-Tms";

/// One fault of one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Instruction {
    /// `return-S`: answers this status; nothing is done.
    Return(StatusCode),
    /// `return-S-after-YK`: an upload of at least so many KiB is answered with this status;
    /// nothing is stored.
    ReturnAfter(StatusCode, usize),
    /// `return-reset-connection`: resets the connection; nothing is done.
    Reset,
    /// `return-broken-stream`: does it and breaks off after a few bytes of the body.
    BrokenStream,
    /// `return-broken-stream-after-YK`: breaks off a download after so many bytes.
    BrokenStreamAfter(usize),
    /// `return-broken-stream-final-chunk-after-YB`: stores an upload and breaks off its answer
    /// after so many bytes of the body.
    BrokenFinalChunk(usize),
    /// `return-corrupted-data`: does it and sends another first byte of the body.
    CorruptedData,
    /// `stall-for-Ts-after-YK`: an upload of at least so many bytes is carried out so many
    /// seconds later, if the client still waits; every other answer stalls after so many bytes.
    Stall { seconds: u64, after_bytes: usize },

    /// `return-S-retry-after-Ts`: answers this status and when to come back; nothing is done.
    RetryAfter(StatusCode, u64),
    /// `commit-then-reset-connection`: does it and resets the connection.
    CommitThenReset,
    /// `commit-then-break-head`: does it and breaks off within the head of the answer.
    CommitThenBreakHead,
    /// `commit-then-break-body`: does it and breaks off after half of the body, or within the
    /// head if there is none.
    CommitThenBreakBody,
    /// `commit-then-stall-head`: does it and sends nothing more than a part of the head.
    CommitThenStallHead,
    /// `commit-then-stall-body`: the same with half of the body.
    CommitThenStallBody,
    /// `reset-connection-then-commit`: resets the connection, and does it when the next request
    /// has been carried out: a request that was on its way for long.
    ResetThenCommit,
    /// `wrong-checksum`: does it, and every checksum in the answer is that of something else.
    WrongChecksum,
    /// `redirect-S` to where the request came, `redirect-S-to-URL` elsewhere; nothing is done.
    Redirect(StatusCode, Option<HeaderValue>),
    /// `html-S`: the page of something that is not the service; nothing is done.
    Html(StatusCode),
    /// `slow-head-Tms`: does it, and the head comes a byte at a time, so many milliseconds apart.
    SlowHead(u64),
}

impl FromStr for Instruction {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        word(text).or_else(|| status_first(text)).or_else(|| numbered(text)).ok_or(())
    }
}

impl Instruction {
    /// Whether there are requests of `method` that this can happen to.
    pub(super) fn fits(&self, method: ApiMethod) -> bool {
        match self {
            Self::ReturnAfter(..) | Self::BrokenFinalChunk(_) => method.is_upload(),
            Self::BrokenStreamAfter(_) => method.is_download(),
            _ => true,
        }
    }
}

fn word(text: &str) -> Option<Instruction> {
    Some(match text {
        "return-reset-connection" => Instruction::Reset,
        "return-broken-stream" => Instruction::BrokenStream,
        "return-corrupted-data" => Instruction::CorruptedData,
        "commit-then-reset-connection" => Instruction::CommitThenReset,
        "commit-then-break-head" => Instruction::CommitThenBreakHead,
        "commit-then-break-body" => Instruction::CommitThenBreakBody,
        "commit-then-stall-head" => Instruction::CommitThenStallHead,
        "commit-then-stall-body" => Instruction::CommitThenStallBody,
        "reset-connection-then-commit" => Instruction::ResetThenCommit,
        "wrong-checksum" => Instruction::WrongChecksum,
        _ => return None,
    })
}

fn status_first(text: &str) -> Option<Instruction> {
    let (verb, rest) = text.split_once('-')?;
    let (code, rest) = match rest.split_once('-') {
        Some((code, rest)) => (code, Some(rest)),
        None => (rest, None),
    };
    match (verb, rest) {
        ("html", None) => Some(Instruction::Html(status(code, 200)?)),
        ("return", None) => Some(Instruction::Return(status(code, 300)?)),
        ("return", Some(rest)) => returned(status(code, 300)?, rest),
        ("redirect", rest) => {
            let status = status(code, 300).filter(StatusCode::is_redirection)?;
            let location = rest.map(location).map_or(Some(None), |found| found.map(Some))?;
            Some(Instruction::Redirect(status, location))
        }
        _ => None,
    }
}

fn returned(status: StatusCode, rest: &str) -> Option<Instruction> {
    if let Some(kib) = number(rest, "after-", "K", KIB_MAX) {
        return Some(Instruction::ReturnAfter(status, bytes(kib)?));
    }
    let seconds = number(rest, "retry-after-", "s", SECONDS_MAX)?;
    Some(Instruction::RetryAfter(status, seconds))
}

fn location(rest: &str) -> Option<HeaderValue> {
    let url = rest.strip_prefix("to-").filter(|url| url.len() <= LOCATION_BYTES_MAX)?;
    url.contains("://").then(|| url.parse().ok()).flatten()
}

fn numbered(text: &str) -> Option<Instruction> {
    if let Some(kib) = number(text, "return-broken-stream-after-", "K", KIB_MAX) {
        return Some(Instruction::BrokenStreamAfter(bytes(kib)?));
    }
    let final_chunk = "return-broken-stream-final-chunk-after-";
    if let Some(after) = number(text, final_chunk, "B", KIB_MAX * 1024) {
        return Some(Instruction::BrokenFinalChunk(usize::try_from(after).ok()?));
    }
    if let Some(millis) = number(text, "slow-head-", "ms", MILLIS_MAX) {
        return Some(Instruction::SlowHead(millis));
    }
    let (stall, after) = text.split_once("-after-")?;
    let seconds = number(stall, "stall-for-", "s", SECONDS_MAX)?;
    let after_bytes = bytes(number(after, "", "K", KIB_MAX)?)?;
    Some(Instruction::Stall { seconds, after_bytes })
}

fn status(code: &str, lowest: u16) -> Option<StatusCode> {
    let code = number(code, "", "", 599)?;
    let status = StatusCode::from_u16(u16::try_from(code).ok()?).ok()?;
    (status.as_u16() >= lowest).then_some(status)
}

/// The digits between `before` and `after`, at most `max`.
fn number(text: &str, before: &str, after: &str, max: u64) -> Option<u64> {
    let digits = text.strip_prefix(before)?.strip_suffix(after)?;
    let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| digits.parse().ok()).flatten().filter(|number| *number <= max)
}

fn bytes(kib: u64) -> Option<usize> {
    usize::try_from(kib * 1024).ok()
}
