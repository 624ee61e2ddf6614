//! What a registry asks for: `WWW-Authenticate`. (RFC 9110, section 11.6.1; Distribution
//! documentation, "Token Authentication Specification".)

/// How a registry wants to be told who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Challenge {
    /// By name and password.
    Basic,
    /// By a token that `realm` gives.
    Bearer {
        /// The URL that gives tokens.
        realm: String,
        /// What the tokens are for.
        service: Option<String>,
    },
}

/// Reads the headers, each of which may have several challenges: a token comes first, for it is
/// good for less than a password.
pub(crate) fn challenge<'a>(headers: impl Iterator<Item = &'a str>) -> Option<Challenge> {
    let parts: Vec<Part> = headers.flat_map(parts).collect();
    let schemes = parts.chunk_by(|_, next| matches!(next, Part::Parameter(..)));
    let known: Vec<Challenge> = schemes.filter_map(read).collect();
    let bearer = known.iter().find(|it| **it != Challenge::Basic);
    bearer.or(known.first()).cloned()
}

/// The challenge of a scheme and the parameters after it.
fn read(parts: &[Part]) -> Option<Challenge> {
    let Part::Scheme(scheme) = parts.first()? else { return None };
    if scheme.eq_ignore_ascii_case("basic") {
        return Some(Challenge::Basic);
    }
    let value = |wanted: &str| {
        parts.iter().find_map(|it| match it {
            Part::Parameter(name, value) if name.eq_ignore_ascii_case(wanted) => {
                Some(value.clone())
            }
            _ => None,
        })
    };
    let bearer = || Some(Challenge::Bearer { realm: value("realm")?, service: value("service") });
    scheme.eq_ignore_ascii_case("bearer").then(bearer)?
}

/// A part of a header.
#[derive(Debug)]
enum Part {
    /// `Bearer`, or `Negotiate` with the token after it.
    Scheme(String),
    /// `name="value"`.
    Parameter(String, String),
}

/// The parts between commas; a quoted value may have commas in it. The first parameter of a scheme
/// follows it after a blank.
fn parts(header: &str) -> Vec<Part> {
    let mut found = Vec::new();
    for item in items(header) {
        let (first, value) = item.split_once('=').unwrap_or((&item, ""));
        let scheme = first.trim_end().rsplit_once(' ');
        let (scheme, name) = match scheme {
            Some((scheme, name)) => (Some(scheme.trim()), name),
            None if item.contains('=') => (None, first.trim_end()),
            None => (Some(first.trim_end()), ""),
        };
        found.extend(scheme.map(|it| Part::Scheme(it.to_owned())));
        if !name.is_empty() {
            found.push(Part::Parameter(name.to_owned(), unquoted(value.trim_start())));
        }
    }
    found
}

/// Cuts at commas outside of quotes.
fn items(header: &str) -> Vec<String> {
    let mut items = vec![String::new()];
    let (mut quoted, mut escaped) = (false, false);
    for c in header.chars() {
        match c {
            ',' if !quoted => {
                items.push(String::new());
                continue;
            }
            '"' if !escaped => quoted = !quoted,
            _ => (),
        }
        escaped = c == '\\' && !escaped && quoted;
        if let Some(last) = items.last_mut() {
            last.push(c);
        }
    }
    items.iter().map(|it| it.trim().to_owned()).filter(|it| !it.is_empty()).collect()
}

/// Without quotes, and without what lets a quote be in them.
fn unquoted(value: &str) -> String {
    let Some(rest) = value.strip_prefix('"') else { return value.to_owned() };
    let inner = rest.strip_suffix('"').unwrap_or(rest);
    let mut text = String::new();
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        text.extend(if c == '\\' { chars.next() } else { Some(c) });
    }
    text
}
