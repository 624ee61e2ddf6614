//! What a plan grants, and requests that are held to it.
//!
//! The plan is of one environment and one bucket, a scenario may happen in others. Bindings and
//! conditions stay as the plan has them; it is the requests that are translated: an object of the
//! scenario's environment is asked about under the plan's, in the plan's bucket, and the other way
//! around, so that what is outside stays outside.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result, bail};
use domain::{Definitions, Env};
use emulator::{Asked, Policy, Target};

use super::grant::{Grant, Right};
use crate::metadata::Function;
use crate::terraform::access::Access;
use crate::terraform::golden;
use crate::terraform::planned::{Planned, Resource};

/// Requests of a sort that are kept: many more than a scenario has.
const REQUESTS_MAX: usize = 100_000;

/// The permissions of a role that reads, lists, and writes.
pub(crate) const GET: &str = "storage.objects.get";
pub(crate) const LIST: &str = "storage.objects.list";
pub(crate) const CREATE: &str = "storage.objects.create";
pub(crate) const DELETE: &str = "storage.objects.delete";

/// What a plan grants to functions.
#[derive(Clone, Debug)]
pub(crate) struct Rights {
    access: Access,
    /// The environment that the plan is of.
    env: Env,
    /// Whom each function runs as, by its name.
    accounts: BTreeMap<String, String>,
}

impl Rights {
    /// Those of the plan in `file`, or of the kept one of the workspace at `root`.
    pub(crate) fn read(root: &Path, file: Option<&Path>) -> Result<Self> {
        let kept = root.join(golden::FILE);
        let file = file.unwrap_or(&kept);
        let text = fs::read_to_string(file).with_context(|| file.display().to_string())?;
        let lines = file.extension().is_some_and(|it| it == "jsonl");
        let planned = if lines { golden::read(&text) } else { Planned::read(text.as_bytes()) };
        let rights = planned.and_then(|planned| Self::of(&planned));
        rights.with_context(|| file.display().to_string())
    }

    /// Those of a plan. Fails on a condition that is not understood.
    pub(crate) fn of(planned: &Planned) -> Result<Self> {
        let services = planned.of("google_cloud_run_v2_service");
        let services = services.map(|it| (it, it.text("/template/0/service_account")));
        let jobs = planned.of("google_cloud_run_v2_job");
        let jobs = jobs.map(|it| (it, it.text("/template/0/template/0/service_account")));
        let account = |(it, account): (&Resource, &str)| {
            let function = it.address.split('"').nth(1)?.to_owned();
            (!account.is_empty()).then(|| (function, account.to_owned()))
        };
        let mut notifications = planned.of("google_storage_notification");
        let prefix =
            notifications.find_map(|it| it.text("/object_name_prefix").strip_prefix("env/"));
        let env = prefix.and_then(|it| Env::parse(it.split('/').next()?));
        Ok(Self {
            access: Access::of(planned)?,
            env: env.context("the plan notifies of no environment")?,
            accounts: services.chain(jobs).filter_map(account).collect(),
        })
    }

    /// The token by which a function shows who it is: that of nobody else.
    pub(crate) fn token(&self, function: &str) -> Result<&str> {
        let account = self.accounts.get(function);
        let account = account.with_context(|| format!("the plan runs no function {function}"))?;
        Ok(account.split('@').next().unwrap_or_default())
    }

    /// These without `grant`, which is one of a function among `functions`.
    pub(crate) fn without_of(
        &self,
        grant: &Grant,
        functions: &[Function],
        definitions: &Definitions,
    ) -> Result<Self> {
        let function = functions.iter().find(|it| it.name == grant.function);
        let function = function.with_context(|| format!("no function {:?}", grant.function))?;
        self.without(grant, &grant.prefixes(function, definitions))
    }

    /// These without `grant`, whose names begin with `prefixes` below the environment.
    fn without(&self, grant: &Grant, prefixes: &[String]) -> Result<Self> {
        let Grant { function, right } = grant;
        let Some(account) = self.accounts.get(function) else {
            bail!("the plan runs no function {function}");
        };
        let member = member(account);
        let full: Vec<String> =
            prefixes.iter().map(|prefix| format!("env/{}/{prefix}", self.env)).collect();
        let access = match right {
            Right::List => self.access.without_bindings(&member, LIST),
            Right::Read(_) => self.access.without_prefixes(&member, GET, &full),
            Right::Write(_) => self.access.without_prefixes(&member, CREATE, &full),
            Right::Replace(_) => self.access.without_prefixes(&member, DELETE, &full),
        };
        Ok(Self { access: access?, ..self.clone() })
    }

    /// Whether the account may do what is asked, in a scenario of `env`.
    fn allow(&self, asked: &Asked<'_>, env: Env) -> bool {
        let member = member(asked.principal);
        match asked.target {
            Target::Object(name) => {
                self.access.may(&member, asked.permission, &self.translated(name, env))
            }
            Target::Listing(prefix) if asked.permission == LIST => {
                self.access.may_list(&member, &self.translated(prefix, env))
            }
            Target::Listing(_) | Target::Bucket => {
                self.access.may_with_bucket(&member, asked.permission)
            }
        }
    }

    /// What is called `name` in a scenario of `env`, as the plan calls it.
    fn translated(&self, name: &str, env: Env) -> String {
        let swapped = [(env, self.env), (self.env, env)].into_iter().find_map(|(from, to)| {
            Some(format!("env/{to}/{}", name.strip_prefix(&format!("env/{from}/"))?))
        });
        swapped.unwrap_or_else(|| name.to_owned())
    }
}

/// What bindings call the account at this address.
fn member(account: &str) -> String {
    format!("serviceAccount:{account}")
}

/// One permission that a request needed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Request {
    /// Who asked.
    pub(crate) function: String,
    /// What it takes.
    pub(crate) permission: String,
    /// The object or the prefix that it was about; empty for the bucket.
    pub(crate) name: String,
}

/// `index-writer may not do storage.objects.get with env/dev/…`, of one that was refused.
impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { function, permission, name } = self;
        write!(f, "{function} may not do {permission} with {name:?}")
    }
}

/// Holds the requests of a scenario to [`Rights`], and keeps what came of them.
pub(crate) struct Guard {
    rights: Rights,
    env: Env,
    refused: Mutex<BTreeSet<Request>>,
    granted: Mutex<BTreeSet<Request>>,
}

impl Guard {
    /// For a scenario of `env`.
    pub(crate) fn new(rights: Rights, env: Env) -> Arc<Self> {
        Arc::new(Self { rights, env, refused: Mutex::default(), granted: Mutex::default() })
    }

    /// What was refused so far.
    pub(crate) fn refused(&self) -> BTreeSet<Request> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What was read and created so far, by names below the environment.
    pub(crate) fn granted(&self) -> BTreeSet<Request> {
        self.granted.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What is asked, about `name`.
    fn request(&self, asked: &Asked<'_>, name: &str) -> Request {
        let runs_as = |(_, account): &(&String, &String)| account.as_str() == asked.principal;
        let function = self.rights.accounts.iter().find(runs_as).map(|(function, _)| function);
        Request {
            function: function.map_or(asked.principal, String::as_str).to_owned(),
            permission: asked.permission.to_owned(),
            name: name.to_owned(),
        }
    }
}

impl Policy for Guard {
    fn principal(&self, token: &str) -> Option<String> {
        let mut accounts = self.rights.accounts.values();
        accounts.find(|account| account.split('@').next() == Some(token)).cloned()
    }

    fn allows(&self, asked: &Asked<'_>) -> bool {
        let allowed = self.rights.allow(asked, self.env);
        if let Target::Object(name) = asked.target
            && allowed
            && [GET, CREATE].contains(&asked.permission)
            && let Some(below) = name.strip_prefix(&format!("env/{}/", self.env))
        {
            let request = self.request(asked, below);
            keep(&self.granted, request);
        }
        allowed
    }

    fn refused(&self, asked: &Asked<'_>) {
        let name = match asked.target {
            Target::Object(name) | Target::Listing(name) => name,
            Target::Bucket => "",
        };
        keep(&self.refused, self.request(asked, name));
    }
}

fn keep(all: &Mutex<BTreeSet<Request>>, request: Request) {
    let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
    if all.len() < REQUESTS_MAX {
        all.insert(request);
    }
}
