//! One call of a batch: a request in the part of a body. (RFC 9112, section 3.)

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header};
use bytes::Bytes;

use super::super::multipart::Part;

/// The most headers of a call.
const HEADERS_MAX: usize = 100;

/// What is called, and how the answer is told from others.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) content_id: Option<String>,
    pub(super) request: Request,
}

/// Why a call cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Failed to parse batch request: {0}.")]
pub(super) struct Malformed(&'static str);

impl Call {
    /// Reads a part. Of an absolute URL the host is passed over. Host and credentials are those of
    /// the batch, whose headers are `outer`, for calls that have none of their own.
    pub(super) fn read(part: &Part, outer: &HeaderMap) -> Result<Self, Malformed> {
        let kind = part.header("content-type").unwrap_or("").split(';').next();
        if !kind.is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/http")) {
            return Err(Malformed("a part is not application/http"));
        }
        let mut rest = &part.body[..];
        let line = loop {
            match next_line(&mut rest)? {
                "" if !rest.is_empty() => (),
                line => break line,
            }
        };
        let (method, uri) = request_line(line)?;
        let mut request = Request::new(Body::empty());
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        let headers = request.headers_mut();
        while !rest.is_empty() {
            let line = next_line(&mut rest)?;
            if line.is_empty() {
                break;
            }
            if headers.len() == HEADERS_MAX {
                return Err(Malformed("a call has too many headers"));
            }
            let (name, value) = line.split_once(':').ok_or(Malformed("a header has no colon"))?;
            let name = HeaderName::try_from(name.trim()).ok();
            let value = HeaderValue::try_from(value.trim()).ok();
            let header = name.zip(value).ok_or(Malformed("a header cannot be read"))?;
            headers.append(header.0, header.1);
        }
        for name in [header::HOST, header::AUTHORIZATION] {
            if let Some(value) = outer.get(&name).filter(|_| !headers.contains_key(&name)) {
                headers.insert(name, value.clone());
            }
        }
        let announced = headers.get(header::CONTENT_LENGTH).map(length).transpose()?;
        let body = rest.get(..announced.unwrap_or(rest.len()));
        let body = body.ok_or(Malformed("a call is shorter than its content-length"))?;
        let body = Bytes::copy_from_slice(body);
        headers.insert(header::CONTENT_LENGTH, body.len().into());
        *request.body_mut() = Body::from(body);
        Ok(Self { content_id: part.header("content-id").map(str::to_owned), request })
    }
}

/// Whether a call is one that no batch can make.
pub(super) fn moves_content(uri: &Uri) -> bool {
    let path = uri.path();
    let elsewhere = ["/upload/", "/resumable/", "/download/", "/batch"];
    let mut parameters = uri.query().unwrap_or("").split('&');
    elsewhere.iter().any(|prefix| path.starts_with(prefix))
        || parameters.any(|parameter| parameter.eq_ignore_ascii_case("alt=media"))
}

/// Takes a line off `rest`.
fn next_line<'a>(rest: &mut &'a [u8]) -> Result<&'a str, Malformed> {
    let end = rest.iter().position(|b| *b == b'\n').map_or(rest.len(), |feed| feed + 1);
    let (line, after) = rest.split_at(end);
    *rest = after;
    let line = std::str::from_utf8(line).map_err(|_| Malformed("a head is not UTF-8"))?;
    Ok(line.trim_end())
}

fn request_line(line: &str) -> Result<(Method, Uri), Malformed> {
    let mut words = line.split_ascii_whitespace();
    let method = words.next().and_then(|method| method.parse().ok());
    let uri = words.next().and_then(|target| target.parse::<Uri>().ok());
    let version = words.next().is_none_or(|version| version.starts_with("HTTP/1."));
    let (Some(method), Some(uri), true, None) = (method, uri, version, words.next()) else {
        return Err(Malformed("a request line cannot be read"));
    };
    let target = uri.path_and_query().filter(|target| target.as_str().starts_with('/'));
    let target = target.ok_or(Malformed("a request line has no path"))?;
    Ok((method, Uri::from(target.clone())))
}

fn length(value: &HeaderValue) -> Result<usize, Malformed> {
    let length = value.to_str().ok().and_then(|text| text.parse().ok());
    length.ok_or(Malformed("a content-length is no number"))
}
