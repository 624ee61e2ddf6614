//! Where a service is: scheme, host and port.

use hyper::Uri;
use hyper::header::HeaderValue;

/// A host, and how it is spoken to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    root: Uri,
    authority: HeaderValue,
}

impl Origin {
    /// `authority` is `host` or `host:port`, as in a URL; `None` if it is none.
    pub(crate) fn new(secure: bool, authority: &str) -> Option<Self> {
        let scheme = if secure { "https" } else { "http" };
        let root = Uri::try_from(format!("{scheme}://{authority}/")).ok()?;
        // More is in the grammar: a user, a path, a port without digits or beyond 65535.
        let host = root.host().filter(|host| !host.is_empty())?;
        let port = authority.strip_prefix(host)?;
        let sound = root.path() == "/"
            && root.query().is_none()
            && (port.is_empty() || root.port_u16().is_some());
        let authority = HeaderValue::from_str(authority).ok().filter(|_| sound)?;
        Some(Self { root, authority })
    }

    /// The URL of its root.
    pub(crate) fn root(&self) -> &Uri {
        &self.root
    }

    /// What the header `Host` says.
    pub(crate) fn authority(&self) -> &HeaderValue {
        &self.authority
    }

    /// Whether it is spoken to over TLS.
    pub(crate) fn is_secure(&self) -> bool {
        self.root.scheme_str() == Some("https")
    }

    /// Without the brackets that an IPv6 address has in a URL.
    pub(crate) fn host(&self) -> &str {
        self.root.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']')
    }
}
