//! Hosts that may be named: public names in their one spelling, and of these, where a list says so,
//! no others.

use std::fmt;
use std::str::FromStr;

/// The most bytes of a name. (RFC 1035, section 2.3.4.)
const NAME_BYTES_MAX: usize = 253;

/// The most bytes of a part of a name.
const LABEL_BYTES_MAX: usize = 63;

/// The most entries of a list.
const HOSTS_MAX: usize = 200;

/// Ends of names that no public host has. (RFC 6761, RFC 6762, RFC 8375, RFC 9476; `internal` is
/// where Google keeps the metadata server.)
const NOT_PUBLIC: [&str; 15] = [
    "alt",
    "arpa",
    "corp",
    "example",
    "home",
    "internal",
    "intranet",
    "invalid",
    "lan",
    "local",
    "localdomain",
    "localhost",
    "mail",
    "onion",
    "test",
];

/// A name of a public host, in lower case.
pub(crate) fn name(text: &str) -> Result<String, String> {
    let refused = |why: &str| Err(why.to_owned());
    if text.is_empty() {
        return refused("there is no host");
    }
    if text.starts_with('[') {
        return refused("the host is an address; a target names a host");
    }
    if text.ends_with('.') {
        return refused("the host ends in a dot");
    }
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'.';
    if !text.bytes().all(plain) {
        return refused("the host has characters that no name of a host has");
    }
    let name = text.to_ascii_lowercase();
    let labels: Vec<&str> = name.split('.').collect();
    let last = labels.last().copied().unwrap_or_default();
    // Whatever ends in a number is read as an address, in decimal, octal or hexadecimal, of one to
    // four parts (WHATWG URL Standard, "Host parsing"), and no top-level domain begins with a digit.
    if last.starts_with(|c: char| c.is_ascii_digit()) {
        return refused("the host is an address; a target names a host");
    }
    let sound = |label: &&str| {
        let edges = label.starts_with('-') || label.ends_with('-');
        !label.is_empty() && label.len() <= LABEL_BYTES_MAX && !edges
    };
    if name.len() > NAME_BYTES_MAX || !labels.iter().all(sound) {
        return refused("the host is no name of a host");
    }
    if NOT_PUBLIC.contains(&last) || labels.len() == 1 {
        return refused("the host is not a public one");
    }
    Ok(name)
}

/// Which hosts and ports may be reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hosts {
    /// Without an entry, every public host.
    entries: Vec<Entry>,
    /// Besides 443.
    ports: Vec<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Entry {
    Exact(String),
    /// Every name below this one.
    Below(String),
}

/// An entry of a list of hosts that is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("entry {place}: {what}")]
pub struct HostsError {
    place: usize,
    what: String,
}

impl Hosts {
    /// Whether `host`, a name as [`name`] gives it, may be reached at `port`.
    pub(crate) fn permit(&self, host: &str, port: u16) -> Result<(), String> {
        if port != 443 && !self.ports.contains(&port) {
            return Err(format!("port {port} is not permitted; EGRESS_HOSTS names those that are"));
        }
        let listed = self.entries.is_empty() || self.entries.iter().any(|it| it.covers(host));
        listed.then_some(()).ok_or_else(|| "the host is not in EGRESS_HOSTS".to_owned())
    }
}

impl Entry {
    fn covers(&self, host: &str) -> bool {
        match self {
            Self::Exact(name) => name == host,
            Self::Below(name) => host.strip_suffix(name).is_some_and(|it| it.ends_with('.')),
        }
    }
}

/// Reads `hooks.slack.com, *.example.org, :8443`: hosts, everything below a host, and ports besides
/// 443, separated by commas.
impl FromStr for Hosts {
    type Err = HostsError;

    fn from_str(text: &str) -> Result<Self, HostsError> {
        let mut hosts = Self::default();
        let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
        for (at, word) in words.enumerate() {
            let wrong = |what: &str| HostsError { place: at + 1, what: what.to_owned() };
            if at == HOSTS_MAX {
                return Err(wrong("there are too many"));
            }
            if let Some(port) = word.strip_prefix(':') {
                let port = port.parse().ok().filter(|port| *port != 0 && !word.contains('+'));
                hosts.ports.push(port.ok_or_else(|| wrong("no port"))?);
                continue;
            }
            let below = word.strip_prefix("*.");
            let name = name(below.unwrap_or(word)).map_err(|what| wrong(&what))?;
            hosts.entries.push(if below.is_some() {
                Entry::Below(name)
            } else {
                Entry::Exact(name)
            });
        }
        Ok(hosts)
    }
}

/// As it is read.
impl fmt::Display for Hosts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let entries = self.entries.iter().map(|entry| match entry {
            Entry::Exact(name) => name.clone(),
            Entry::Below(name) => format!("*.{name}"),
        });
        let ports = self.ports.iter().map(|port| format!(":{port}"));
        f.write_str(&entries.chain(ports).collect::<Vec<_>>().join(", "))
    }
}
