//! What the simulation needs to know of the functions that it runs.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use domain::Definitions;
use store::Tools;

/// A job: what is started like a function and fed with nothing. A push to it is a command line, in
/// the attribute [`COMMAND`].
pub const OPERATOR: &str = "operator";

/// Another job.
pub const COMPACTOR: &str = "manifest-compactor";

/// The attribute of a command line: its words, an array in JSON.
pub const COMMAND: &str = "command";

/// The first word of what a program does that changes an entity: it reads it, and writes on the
/// condition that it is still that. It prints an actor of its own first.
pub const EDIT: &str = "edit";

/// Stands between what a command has printed as its result and what beside it.
pub const TOLD: &str = "told: ";

/// The attribute that says that a command has ended whatever it found, unless it failed. Others are
/// run again until nothing is left to do.
pub const ONCE: &str = "once";

/// The functions of a deployment.
pub trait Fleet: Send + Sync {
    /// Every function, and every job.
    fn functions(&self) -> Vec<Function>;

    /// Starts a process of the function `name`. Alerts that it sends go to `outside`, and what a
    /// command has printed.
    fn start(&self, name: &'static str, tools: Tools, outside: Outside) -> Arc<dyn Process>;
}

/// A function, as its subscription sees it.
#[derive(Clone, Debug)]
pub struct Function {
    /// Its name.
    pub name: &'static str,
    /// Object name prefixes of which one must match.
    pub include: Vec<String>,
    /// Object name prefixes that must not match.
    pub exclude: Vec<String>,
}

/// A running process of a function.
pub trait Process: Send + Sync {
    /// Handles the body of a push; answers the status.
    fn push<'a>(&'a self, body: &'a [u8]) -> Answer<'a>;
}

/// The status to come. A run happens in one thread.
pub type Answer<'a> = Pin<Box<dyn Future<Output = u16> + 'a>>;

/// What is outside of a process but the bucket.
#[derive(Clone)]
pub struct Outside {
    pub(crate) say: Arc<dyn Fn(&str) + Send + Sync>,
    pub(crate) post: Arc<dyn Fn(Post) -> (Reception, Duration) + Send + Sync>,
}

/// A request to the target of an alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Post {
    /// The name of the alert's object.
    pub alert: String,
    /// The host.
    pub host: String,
    /// The idempotency key.
    pub key: String,
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reception {
    /// It is answered with this status, and has arrived if that is a 2xx.
    Answered(u16),
    /// Nothing is heard of it, and it has arrived or not.
    Unheard,
}

impl Outside {
    /// Takes the name of an alert that is logged, or what a command prints, after a line that says
    /// whether it has ended well.
    pub fn say(&self, text: &str) {
        (self.say)(text);
    }

    /// Takes a request: what becomes of it, and after how long.
    pub fn post(&self, post: Post) -> (Reception, Duration) {
        (self.post)(post)
    }

    /// Nobody: every request arrives.
    pub fn nobody() -> Self {
        let post = |_| (Reception::Answered(204), Duration::ZERO);
        Self { say: Arc::new(|_| ()), post: Arc::new(post) }
    }
}

/// The entity definitions of the simulation: one kind with an index of each sort and a schema
/// version before its newest, and rules.
pub fn definitions() -> Definitions {
    with_both_versions(include_str!("../definitions/venture/entity.json"))
}

/// The same as a release had them that knew one index at another version.
pub fn definitions_with_older_index() -> Definitions {
    with_both_versions(include_str!("../definitions/venture-older-index/entity.json"))
}

/// The same as a release had them that knew the oldest schema version alone.
pub fn definitions_before() -> Definitions {
    with_rules(&[
        ("venture/entity.json", include_str!("../definitions/venture-before/entity.json")),
        ("venture/v1.0.0.schema.json", include_str!("../definitions/venture/v1.0.0.schema.json")),
    ])
}

fn with_both_versions(venture: &str) -> Definitions {
    with_rules(&[
        ("venture/entity.json", venture),
        ("venture/v1.0.0.schema.json", include_str!("../definitions/venture/v1.0.0.schema.json")),
        ("venture/v1.1.0.schema.json", include_str!("../definitions/venture/v1.1.0.schema.json")),
    ])
}

fn with_rules(ventures: &[(&str, &str)]) -> Definitions {
    let rules = [
        ("rule/entity.json", include_str!("../definitions/rule/entity.json")),
        ("rule/v1.0.0.schema.json", include_str!("../definitions/rule/v1.0.0.schema.json")),
    ];
    let files = rules.iter().chain(ventures);
    let files = files.map(|(path, text)| ((*path).to_owned(), (*text).to_owned()));
    Definitions::from_files(files).expect("a test reads the files that are compiled in")
}

impl Function {
    pub(crate) fn takes(&self, name: &str) -> bool {
        let begins = |prefix: &String| name.starts_with(prefix);
        self.include.iter().any(begins) && !self.exclude.iter().any(begins)
    }

    /// Whether it is fed with nothing.
    pub(crate) fn is_job(&self) -> bool {
        self.include.is_empty()
    }
}
