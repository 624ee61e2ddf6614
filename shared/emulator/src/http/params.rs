//! The query of a request, and the headers that say the same as a parameter could.

use std::collections::BTreeMap;

use axum::extract::FromRequestParts;
use axum::http::header;
use axum::http::request::Parts;
use domain::Generation;
use percent_encoding::percent_decode_str;

use super::entity_tags;
use super::refusal::Refusal;
use crate::memory::Conditions;

/// The parameters of a query, decoded, and the entity tags that are preconditions too. Unknown
/// parameters are tolerated, as the service does; of a repeated one the last counts.
pub(super) struct Params {
    query: BTreeMap<String, String>,
    tags: Option<Vec<String>>,
    tags_not: Option<Vec<String>>,
}

impl<S: Send + Sync> FromRequestParts<S> for Params {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        let pairs = parts.uri.query().unwrap_or("").split('&').filter(|pair| !pair.is_empty());
        let pairs = pairs.map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((decode(key)?, decode(value)?))
        });
        Ok(Self {
            query: pairs.collect::<Result<_, Refusal>>()?,
            tags: entity_tags::listed(&parts.headers, header::IF_MATCH),
            tags_not: entity_tags::listed(&parts.headers, header::IF_NONE_MATCH),
        })
    }
}

/// In a query `+` is a space.
fn decode(text: &str) -> Result<String, Refusal> {
    let spaced = text.replace('+', " ");
    let decoded = percent_decode_str(&spaced).decode_utf8();
    decoded.map(Into::into).map_err(|_| Refusal::invalid("query is not UTF-8"))
}

/// Digits alone; the service's numbers are signed.
pub(super) fn parse_number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let number = digits.then(|| text.parse().ok()).flatten();
    number.filter(|number: &u64| i64::try_from(*number).is_ok())
}

impl Params {
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        self.query.get(key).map(String::as_str)
    }

    pub(super) fn number(&self, key: &str) -> Result<Option<u64>, Refusal> {
        let Some(text) = self.text(key) else { return Ok(None) };
        parse_number(text).map(Some).ok_or_else(|| {
            Refusal::invalid(format!("Invalid value for: {key} is not a valid number")).about(key)
        })
    }

    /// Clients write booleans in every case.
    pub(super) fn flag(&self, key: &str) -> Result<bool, Refusal> {
        match self.text(key).map(str::to_ascii_lowercase).as_deref() {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => {
                let message = format!("Invalid value for: {key} is no boolean");
                Err(Refusal::invalid(message).about(key))
            }
        }
    }

    /// The version that is meant.
    pub(super) fn generation(&self) -> Result<Option<Generation>, Refusal> {
        Ok(self.number("generation")?.map(Generation))
    }

    /// What must hold of the object that is copied or moved.
    pub(super) fn source_conditions(&self) -> Result<Conditions, Refusal> {
        Ok(Conditions {
            generation: self.number("ifSourceGenerationMatch")?,
            generation_not: self.number("ifSourceGenerationNotMatch")?,
            metageneration: self.number("ifSourceMetagenerationMatch")?,
            metageneration_not: self.number("ifSourceMetagenerationNotMatch")?,
            ..Conditions::default()
        })
    }

    /// What must hold of the object or the bucket that is read or written.
    pub(super) fn conditions(&self) -> Result<Conditions, Refusal> {
        Ok(Conditions {
            generation: self.number("ifGenerationMatch")?,
            generation_not: self.number("ifGenerationNotMatch")?,
            metageneration: self.number("ifMetagenerationMatch")?,
            metageneration_not: self.number("ifMetagenerationNotMatch")?,
            tags: self.tags.clone(),
            tags_not: self.tags_not.clone(),
        })
    }
}
