//! Which method of the JSON API a request is.

use axum::http::Method;

/// A method of the JSON API, as its reference names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ApiMethod(&'static str);

/// Name, verb, and path below the prefix; `*` is any one segment. The first that fits counts.
/// (Cloud Storage JSON API, "API reference".)
const METHODS: [(&str, &str, &str); 27] = [
    ("storage.buckets.insert", "POST", "b"),
    ("storage.buckets.list", "GET", "b"),
    ("storage.buckets.get", "GET", "b/*"),
    ("storage.buckets.patch", "PATCH", "b/*"),
    ("storage.buckets.update", "PUT", "b/*"),
    ("storage.buckets.delete", "DELETE", "b/*"),
    ("storage.buckets.getIamPolicy", "GET", "b/*/iam"),
    ("storage.buckets.setIamPolicy", "PUT", "b/*/iam"),
    ("storage.buckets.testIamPermissions", "GET", "b/*/iam/testPermissions"),
    ("storage.notifications.insert", "POST", "b/*/notificationConfigs"),
    ("storage.notifications.list", "GET", "b/*/notificationConfigs"),
    ("storage.notifications.get", "GET", "b/*/notificationConfigs/*"),
    ("storage.notifications.delete", "DELETE", "b/*/notificationConfigs/*"),
    ("storage.objects.list", "GET", "b/*/o"),
    (INSERT, "POST", "b/*/o"),
    // The data of a resumable upload.
    (INSERT, "PUT", "b/*/o"),
    (GET, "GET", "b/*/o/*"),
    ("storage.objects.delete", "DELETE", "b/*/o/*"),
    ("storage.objects.patch", "PATCH", "b/*/o/*"),
    ("storage.objects.update", "PUT", "b/*/o/*"),
    ("storage.objects.compose", "POST", "b/*/o/*/compose"),
    ("storage.objects.copy", "POST", "b/*/o/*/copyTo/b/*/o/*"),
    ("storage.objects.rewrite", "POST", "b/*/o/*/rewriteTo/b/*/o/*"),
    ("storage.objects.move", "POST", "b/*/o/*/moveTo/o/*"),
    ("storage.serviceaccount.get", "GET", "projects/*/serviceAccount"),
    ("storage.buckets.getStorageLayout", "GET", "b/*/storageLayout"),
    ("storage.buckets.lockRetentionPolicy", "POST", "b/*/lockRetentionPolicy"),
];

const INSERT: &str = "storage.objects.insert";
const GET: &str = "storage.objects.get";

/// What paths begin with; one client leaves it out.
const PREFIXES: [&str; 5] = [
    "/upload/storage/v1/",
    "/resumable/upload/storage/v1/",
    "/download/storage/v1/",
    "/storage/v1/",
    "/",
];

impl ApiMethod {
    /// The method called `name`.
    pub(super) fn named(name: &str) -> Option<Self> {
        METHODS.iter().find(|(known, ..)| *known == name).map(|(known, ..)| Self(known))
    }

    /// The method that a request with this verb and path calls.
    pub(super) fn of(verb: &Method, path: &str) -> Option<Self> {
        let path = PREFIXES.iter().find_map(|prefix| path.strip_prefix(prefix))?;
        let fits = |(_, by, shape): &&(&str, &str, &str)| *by == verb.as_str() && is(shape, path);
        METHODS.iter().find(fits).map(|(name, ..)| Self(name))
    }

    /// Every name, once, for the message of a refusal.
    pub(super) fn names() -> String {
        let mut names: Vec<_> = METHODS.iter().map(|(name, ..)| *name).collect();
        names.dedup();
        names.join(", ")
    }

    pub(super) fn name(self) -> &'static str {
        self.0
    }

    pub(super) fn is_upload(self) -> bool {
        self.0 == INSERT
    }

    pub(super) fn is_download(self) -> bool {
        self.0 == GET
    }
}

/// Whether `path` has the segments of `shape`.
fn is(shape: &str, path: &str) -> bool {
    let (mut shape, mut path) = (shape.split('/'), path.split('/'));
    loop {
        match (shape.next(), path.next()) {
            (None, None) => return true,
            (Some("*"), Some(segment)) if !segment.is_empty() => (),
            (Some(word), Some(segment)) if word == segment => (),
            _ => return false,
        }
    }
}
