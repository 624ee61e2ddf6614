//! Resumable uploads: a session is opened, filled in any number of requests, and asked how far it
//! came. (Cloud Storage documentation, "Resumable uploads".)

mod answer;

use std::sync::Arc;

use axum::body::{Body, BodyDataStream};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};

use super::caller::Caller;
use super::content_range::ContentRange;
use super::description::{DESCRIPTION_BYTES_MAX, Description};
use super::insert::with_encoding;
use super::params::Params;
use super::path::Path;
use super::read::origin;
use super::refusal::Refusal;
use super::sessions::{End, OBJECT_BYTES_MAX, QUANTUM_BYTES, Session, Target, Turn, Unfit};
use super::{Service, Shared, body, json, resource_of};
use crate::Upload;

/// Opens a session; its URL is that of the request, with an id. Whoever has the id may fill it.
pub(super) async fn start(
    (service, caller): (&Service, &Caller),
    bucket: &str,
    params: &Params,
    uri: &Uri,
    headers: &HeaderMap,
    content: Body,
) -> Result<Response, Refusal> {
    let resource = body::whole(headers, content, DESCRIPTION_BYTES_MAX).await?;
    let memory = service.bucket(bucket)?;
    let description = Description::read(&resource)?;
    let name = description.name(bucket, params.text("name"))?;
    let conditions = caller.may_write(&memory, bucket, &name, params.conditions()?)?;
    let Description { upload, mut claims, .. } = description;
    claims.add_headers(headers)?;
    let total =
        answer::header(headers, "x-upload-content-length").map(content_length).transpose()?;
    let content_type = answer::header(headers, "x-upload-content-type").map(str::to_owned);
    let content_type = upload.content_type.or(content_type);
    let upload = with_encoding(Upload { content_type, ..upload }, params);
    let upload = service.with_class(bucket, upload);
    upload.check(&name).map_err(|err| Refusal::of(&err, bucket, &name))?;
    conditions.check(memory.find(&name, None).as_ref()).map_err(|_| Refusal::unmet())?;
    let target = Target { bucket: bucket.to_owned(), name, upload, conditions, claims };
    let session = service.sessions.open(target, total);
    let query = uri.query().unwrap_or_default();
    let location = format!("{}{}?{query}&upload_id={}", origin(headers), uri.path(), session.id);
    let location = HeaderValue::try_from(location).map_err(|_| Refusal::invalid("Invalid URL"))?;
    Ok(answer::with_id(&session, [(header::LOCATION, location)].into_response()))
}

/// Takes content for a session, or says how far it came. In the end it answers as an upload in
/// one request does, however often it is asked.
pub(super) async fn upload(
    service: &Service,
    bucket: &str,
    params: &Params,
    headers: &HeaderMap,
    content: Body,
) -> Result<Response, Refusal> {
    let session = find(service, bucket, params)?;
    continued(service, &session, params, headers, &mut content.into_data_stream()).await
}

/// `PUT` to a session.
pub(super) async fn put(
    State(service): Shared,
    Path(bucket): Path<String>,
    params: Params,
    headers: HeaderMap,
    content: Body,
) -> Result<Response, Refusal> {
    upload(&service, &bucket, &params, &headers, content).await
}

/// `DELETE` of a session, which the service answers as if the client had gone away.
pub(super) async fn cancel(
    State(service): Shared,
    Path(bucket): Path<String>,
    params: Params,
) -> Result<Response, Refusal> {
    let session = find(&service, &bucket, &params)?;
    session.abandon();
    let closed = StatusCode::from_u16(499).unwrap_or(StatusCode::BAD_REQUEST);
    Ok(answer::with_id(&session, closed.into_response()))
}

fn find(service: &Service, bucket: &str, params: &Params) -> Result<Arc<Session>, Refusal> {
    let id = params.text("upload_id").ok_or_else(|| Refusal::required("upload_id"))?;
    let session = service.sessions.find(id);
    let session = session.filter(|session| session.target.bucket == bucket);
    session.ok_or_else(Refusal::no_session)
}

async fn continued(
    service: &Service,
    session: &Arc<Session>,
    params: &Params,
    headers: &HeaderMap,
    stream: &mut BodyDataStream,
) -> Result<Response, Refusal> {
    let range = match headers.get(header::CONTENT_RANGE) {
        None => Some(ContentRange::WHOLE),
        Some(text) => text.to_str().ok().and_then(ContentRange::parse),
    };
    let ended = match range {
        None => {
            // As documented, the session is lost with it.
            session.abandon();
            return Err(Refusal::invalid("Failed to parse Content-Range header."));
        }
        Some(ContentRange::Status { total }) => status(service, session, total, headers),
        Some(ContentRange::Content { first, last, total }) => match session.begin(first, total) {
            Ok(turn) => {
                let request = Request { session, first, last, total, headers };
                request.receive(service, turn, stream).await
            }
            Err(unfit) => Err(unfit.into()),
        },
    };
    let answered = match ended {
        Ok(Progress::Stored(bytes)) => answer::incomplete(bytes, headers),
        Ok(Progress::Finished(resource))
        | Err(Stop::Unfit(Unfit::Ended(End::Finished(resource)))) => json(params, resource)?,
        Err(Stop::Unfit(unfit)) => answer::unfit(&unfit)?,
        Err(Stop::Refused(refusal)) => return Err(refusal),
    };
    Ok(answer::with_id(session, answered))
}

/// How far a session came with a request.
enum Progress {
    Stored(usize),
    Finished(serde_json::Value),
}

/// Why it did not.
enum Stop {
    Unfit(Unfit),
    Refused(Refusal),
}

impl From<Unfit> for Stop {
    fn from(unfit: Unfit) -> Self {
        Self::Unfit(unfit)
    }
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// A session of which all has arrived ends with the question.
fn status(
    service: &Service,
    session: &Session,
    total: Option<u64>,
    headers: &HeaderMap,
) -> Result<Progress, Stop> {
    if let Some(total) = session.total(total)?
        && let Some(finished) = finish(service, session, total, headers)?
    {
        return Ok(finished);
    }
    Ok(Progress::Stored(session.stored()?))
}

/// One request with content.
struct Request<'a> {
    session: &'a Arc<Session>,
    first: u64,
    last: Option<u64>,
    total: Option<u64>,
    headers: &'a HeaderMap,
}

impl Request<'_> {
    /// What has arrived is kept when the connection breaks; what contradicts its header is not.
    async fn receive(
        &self,
        service: &Service,
        mut turn: Turn,
        stream: &mut BodyDataStream,
    ) -> Result<Progress, Stop> {
        let announced = self.last.map(|last| last + 1 - self.first);
        let mut received = 0;
        while let Some(piece) = body::next(stream).await? {
            received += piece.len() as u64;
            if announced.is_some_and(|announced| received > announced) {
                break;
            }
            if let Err(unfit) = service.sessions.add(self.session, &mut turn, &piece) {
                self.session.rewind(turn);
                return Err(unfit.into());
            }
        }
        let ended = self.conclude(service, turn, received);
        if ended.is_err() && !self.is_complete(turn) {
            self.session.rewind(turn);
        }
        ended
    }

    fn is_complete(&self, turn: Turn) -> bool {
        self.total.is_some_and(|total| total == turn.at as u64)
    }

    fn conclude(&self, service: &Service, turn: Turn, received: u64) -> Result<Progress, Stop> {
        if let Some(last) = self.last.filter(|last| last + 1 - self.first != received) {
            return Err(answer::wrong_length(received, self.first, last).into());
        }
        let end = turn.at as u64;
        match self.session.total(self.total)? {
            Some(total) if end > total => return Err(Unfit::Total(total).into()),
            Some(total) if end < total => (),
            None if self.last.is_some() => (),
            _ => {
                let finished = finish(service, self.session, end, self.headers)?;
                let longer =
                    || Refusal::invalid("The upload is shorter than what is stored of it.");
                return Ok(finished.ok_or_else(longer)?);
            }
        }
        if received < QUANTUM_BYTES as u64 {
            return Err(answer::too_short(received).into());
        }
        Ok(Progress::Stored(self.session.stored()?))
    }
}

/// Makes an object of `length` bytes, if so many are there.
fn finish(
    service: &Service,
    session: &Session,
    length: u64,
    headers: &HeaderMap,
) -> Result<Option<Progress>, Stop> {
    let Target { bucket, name, upload, conditions, claims } = &session.target;
    let mut claims = claims.clone();
    claims.add_headers(headers)?;
    let resource = session.finish::<Stop>(length, |content| {
        claims.check(&content)?;
        let memory = service.bucket(bucket)?;
        let stored = memory.insert_under(conditions, name, content, upload.clone());
        let stored = stored.map_err(|err| Refusal::of(&err, bucket, name))?;
        Ok(resource_of(bucket, &stored, &origin(headers)))
    })?;
    Ok(resource.map(Progress::Finished))
}

fn content_length(text: &str) -> Result<u64, Refusal> {
    let length = text.parse().map_err(|_| {
        Refusal::invalid("Invalid value for: X-Upload-Content-Length is not a valid number")
    })?;
    if length > OBJECT_BYTES_MAX as u64 { Err(Refusal::too_large()) } else { Ok(length) }
}
