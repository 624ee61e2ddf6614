//! The one form that the URL of a target has.

use std::fmt;

use crate::host;

/// The longest URL, in bytes.
const URL_BYTES_MAX: usize = 2048;

/// `https://host[:port]/path?query`. What stands behind the host is a secret as often as not: it is
/// not shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Url {
    host: String,
    port: u16,
    target: String,
}

impl Url {
    /// Reads a URL, strictly: what another reader could take for another host is refused.
    ///
    /// # Errors
    ///
    /// What is wrong, without quoting it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let refused = |why: &str| Err(why.to_owned());
        if text.len() > URL_BYTES_MAX {
            return Err(format!("the URL has more than {URL_BYTES_MAX} bytes"));
        }
        let scheme = text.get(..8).filter(|it| it.eq_ignore_ascii_case("https://"));
        if scheme.is_none() {
            return refused("the URL does not begin with https://");
        }
        let rest = &text[8..];
        let odd = |b: u8| !b.is_ascii_graphic() || b"\\<>\"`{}|^".contains(&b);
        if rest.bytes().any(odd) {
            return refused("the URL has characters that have to be encoded");
        }
        if rest.contains('#') {
            return refused("the URL has a fragment");
        }
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at(end);
        if authority.contains('@') {
            return refused("the URL names a user");
        }
        let (name, port) = match authority.rsplit_once(':') {
            Some((name, port)) if !authority.ends_with(']') => (name, Some(port)),
            _ => (authority, None),
        };
        let name = host::name(name)?;
        let port = match port {
            None => 443,
            Some(port) => {
                let plain = !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
                let port = plain.then(|| port.parse().ok()).flatten();
                port.filter(|it| *it != 0).ok_or("the URL has no port where one should be")?
            }
        };
        let slash = if target.starts_with('/') { "" } else { "/" };
        Ok(Self { host: name, port, target: format!("{slash}{target}") })
    }

    /// The host, in lower case.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Path and query.
    pub(crate) fn target(&self) -> &str {
        &self.target
    }

    /// What the header `Host` says. (RFC 9110, section 7.2.)
    pub(crate) fn authority(&self) -> String {
        match self.port {
            443 => self.host.clone(),
            port => format!("{}:{port}", self.host),
        }
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Url(https://{}/…)", self.authority())
    }
}
