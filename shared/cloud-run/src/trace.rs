//! The trace that a request belongs to, from its headers.

use axum::http::HeaderMap;

/// Trace and span in hexadecimal, as Cloud Logging wants them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trace {
    /// 32 digits.
    pub(crate) trace_id: String,
    /// 16 digits.
    pub(crate) span_id: Option<String>,
}

impl Trace {
    /// Reads `traceparent`, or else `X-Cloud-Trace-Context`; what is not well-formed is ignored.
    pub(crate) fn from_headers(headers: &HeaderMap) -> Option<Self> {
        let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
        header("traceparent")
            .and_then(traceparent)
            .or_else(|| header("x-cloud-trace-context").and_then(cloud_trace_context))
    }

    /// `projects/{project}/traces/{trace id}`, or the bare id where the project is not known.
    /// (Cloud Logging documentation, `LogEntry.trace`.)
    pub(crate) fn name(&self, project: Option<&str>) -> String {
        let Some(project) = project else { return self.trace_id.clone() };
        format!("projects/{project}/traces/{}", self.trace_id)
    }
}

/// `00-{trace id}-{parent id}-{flags}`; later versions may append parts. (W3C Trace Context,
/// "traceparent Header Field Values".)
fn traceparent(text: &str) -> Option<Trace> {
    let mut parts = text.split('-');
    let (version, trace_id, span_id) = (parts.next()?, parts.next()?, parts.next()?);
    let flags = parts.next()?;
    let known = version != "00" || parts.next().is_none();
    if !known || version == "ff" || !is_hex(version, 2) || !is_hex(flags, 2) {
        return None;
    }
    let ids = is_id(trace_id, 32) && is_id(span_id, 16);
    ids.then(|| Trace { trace_id: trace_id.to_owned(), span_id: Some(span_id.to_owned()) })
}

/// `{trace id}/{span id in decimal};o={options}`, where all but the trace id can be missing.
/// (Cloud Trace documentation, "Trace context".)
fn cloud_trace_context(text: &str) -> Option<Trace> {
    let context = text.split(';').next()?;
    let (trace_id, span_id) = context.split_once('/').unwrap_or((context, ""));
    let trace_id = trace_id.to_ascii_lowercase();
    let span_id = span_id.parse::<u64>().ok().filter(|id| *id != 0);
    is_id(&trace_id, 32)
        .then(|| Trace { trace_id, span_id: span_id.map(|id| format!("{id:016x}")) })
}

/// Hexadecimal and not all zero, which means "no id".
fn is_id(text: &str, digits: usize) -> bool {
    is_hex(text, digits) && text.bytes().any(|byte| byte != b'0')
}

fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}
