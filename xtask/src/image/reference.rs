//! Names of images: `host[:port]/path[:tag][@digest]`.

use anyhow::{Result, ensure};

/// Where Docker's own images are, whose names have no host.
const DOCKER_HUB: &str = "docker.io";
const DOCKER_HUB_SERVER: &str = "registry-1.docker.io";

/// A name, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reference {
    /// Host and port.
    pub(crate) host: String,
    /// The repository in it.
    pub(crate) repository: String,
    pub(crate) tag: Option<String>,
    pub(crate) digest: Option<String>,
}

impl Reference {
    /// Takes `text` apart.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let (name, digest) = match text.split_once('@') {
            Some((name, digest)) => (name, Some(digest.to_owned())),
            None => (text, None),
        };
        let colon = name.rfind(':').filter(|at| !name[*at..].contains('/'));
        let (name, tag) =
            colon.map_or((name, None), |at| (&name[..at], Some(name[at + 1..].to_owned())));
        let (host, repository) = host_of(name);
        let segment = |it: &str| {
            let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
            let inner = |byte: u8| plain(byte) || b"._-".contains(&byte);
            it.bytes().all(inner) && it.bytes().next().is_some_and(plain)
        };
        ensure!(
            repository.split('/').all(segment),
            "{text:?} is not like europe-docker.pkg.dev/project/repository/image: lower-case letters, digits and . _ - between slashes"
        );
        ensure!(is_host(host), "{text:?}: {host:?} is no host, with or without a port");
        let digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        let hex = |it: &str| it.len() == 64 && it.bytes().all(digit);
        let right = digest.as_deref().is_none_or(|it| it.strip_prefix("sha256:").is_some_and(hex));
        ensure!(right, "{text:?}: a digest is sha256: and 64 digits, letters of them lower-case");
        if let Some(tag) = &tag {
            check_tag(tag)?;
        }
        Ok(Self { host: host.to_owned(), repository, tag, digest })
    }

    /// The image `name` below a prefix.
    pub(crate) fn below(prefix: &str, name: &str) -> Result<Self> {
        let reference = Self::parse(&format!("{}/{name}", prefix.trim_end_matches('/')))?;
        let plain = reference.tag.is_none() && reference.digest.is_none();
        ensure!(
            plain && !prefix.contains('@'),
            "{prefix:?} is no prefix: it has a tag or a digest"
        );
        Ok(reference)
    }

    /// Host and repository.
    pub(crate) fn name(&self) -> String {
        format!("{}/{}", self.host, self.repository)
    }

    /// Where its server listens.
    pub(crate) fn server(&self) -> &str {
        if self.host == DOCKER_HUB { DOCKER_HUB_SERVER } else { &self.host }
    }
}

/// Refuses what cannot be a tag. (OCI Distribution Specification 1.1, "Pulling manifests".)
pub(crate) fn check_tag(tag: &str) -> Result<()> {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let first = tag.bytes().next().is_some_and(word);
    let all = tag.bytes().all(|byte| word(byte) || b".-".contains(&byte));
    ensure!(
        first && all && tag.len() <= 128,
        "{tag:?} is no tag: at most 128 letters, digits and _ . - of which the last two do not begin it"
    );
    Ok(())
}

/// Refuses a URL of sources that would tell a password to whoever has an image.
pub(crate) fn check_source(url: &str) -> Result<()> {
    let told = |it: reqwest::Url| !it.username().is_empty() || it.password().is_some();
    let secret = reqwest::Url::parse(url).is_ok_and(told);
    ensure!(
        !secret,
        "the URL of the sources has a name or a password in it, which everybody reads"
    );
    Ok(())
}

/// A first segment with a dot or a port, or `localhost`, is a host; else the name is Docker's.
fn host_of(name: &str) -> (&str, String) {
    match name.split_once('/') {
        Some((host, rest)) if host.contains(['.', ':']) || host == "localhost" => {
            (host, rest.to_owned())
        }
        Some(_) => (DOCKER_HUB, name.to_owned()),
        None => (DOCKER_HUB, format!("library/{name}")),
    }
}

/// Whether `host` is a name or an address, with or without a port, and nothing more of a URL.
fn is_host(host: &str) -> bool {
    let (name, port) = match host.strip_prefix('[').and_then(|it| it.split_once(']')) {
        Some((address, "")) => (address, None),
        Some((address, port)) => (address, Some(port.strip_prefix(':').unwrap_or_default())),
        None => host.split_once(':').map_or((host, None), |(name, port)| (name, Some(port))),
    };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-".contains(&byte);
    let name = match host.starts_with('[') {
        true => name.parse::<std::net::Ipv6Addr>().is_ok(),
        false => !name.is_empty() && name.bytes().all(plain),
    };
    name && port.is_none_or(|it| it.parse::<u16>().is_ok())
}

/// Whether a host, with or without a port, is this machine.
pub(crate) fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|it| it.is_loopback())
}
