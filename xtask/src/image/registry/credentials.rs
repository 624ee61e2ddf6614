//! Who asks, as docker and gcloud leave it on a machine.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

/// Under this name docker keeps what it knows of its own registry.
const DOCKER_HUB: &str = "https://index.docker.io/v1/";

/// The name with which Google's registries take an access token. (Artifact Registry documentation,
/// "Configure authentication to Artifact Registry for Docker".)
const TOKEN_USER: &str = "oauth2accesstoken";

/// A token that somebody has got already, as Terraform's provider takes it too.
const GIVEN: &str = "GOOGLE_OAUTH_ACCESS_TOKEN";

/// The name by which a helper of docker says that it has an identity token.
const IDENTITY_USER: &str = "<token>";

/// What a registry takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Credentials {
    /// A name and a password.
    Password {
        /// The name.
        user: String,
        /// The password.
        password: String,
    },
    /// A token that gives tokens.
    Identity(String),
}

/// Where credentials are looked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Keychain {
    /// docker's `config.json`.
    config: Value,
    /// gcloud is asked about Google's registries that docker knows nothing of.
    gcloud: bool,
}

/// Where docker says that the credentials of a registry are.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// The program `docker-credential-…` has them, under a name.
    Helper(String, String),
    /// They are in the file.
    Here(Credentials),
}

impl Keychain {
    /// That of the person who runs this.
    pub(crate) fn of_user() -> Result<Self> {
        let set = std::env::var_os("DOCKER_CONFIG").filter(|it| !it.is_empty()).map(PathBuf::from);
        let folder = set.or_else(|| std::env::home_dir().map(|it| it.join(".docker")));
        let config = folder.map(|it| read(&it.join("config.json"))).transpose()?;
        Ok(Self { config: config.unwrap_or_default(), gcloud: true })
    }

    /// That of a `config.json`.
    #[cfg(test)]
    pub(crate) fn of(config: Value) -> Self {
        Self { config, gcloud: false }
    }

    /// What the registry `host` takes; none when nobody has logged in.
    pub(crate) async fn find(&self, host: &str) -> Result<Option<Credentials>> {
        match place(&self.config, host)? {
            Some(Place::Here(credentials)) => Ok(Some(credentials)),
            Some(Place::Helper(name, server)) => helper(&name, &server).await,
            None if self.gcloud && is_google(host) => gcloud().await,
            None => Ok(None),
        }
    }
}

/// docker's `config.json`; nothing where there is none.
pub(crate) fn read(path: &Path) -> Result<Value> {
    let text = match std::fs::read(path) {
        Err(err) if err.kind() == ErrorKind::NotFound => return Ok(Value::Null),
        text => text.with_context(|| format!("cannot read {}", path.display()))?,
    };
    serde_json::from_slice(&text).with_context(|| format!("cannot read {}", path.display()))
}

/// Where docker's `config` says that the credentials of `host` are.
pub(crate) fn place(config: &Value, host: &str) -> Result<Option<Place>> {
    let server = if host == "docker.io" { DOCKER_HUB } else { host };
    let helper = |name: &Value| {
        let name = name.as_str().filter(|it| !it.is_empty())?;
        Some(Place::Helper(name.to_owned(), server.to_owned()))
    };
    if let Some(place) = helper(&config["credHelpers"][server]) {
        return Ok(Some(place));
    }
    // Older versions of docker wrote a URL.
    let auths = &config["auths"];
    let names = [server.to_owned(), format!("https://{server}"), format!("https://{server}/v1/")];
    let known = names.iter().map(|it| &auths[it]).find(|it| it.is_object());
    if let Some(known) = known {
        if let Some(token) = known["identitytoken"].as_str().filter(|it| !it.is_empty()) {
            return Ok(Some(Place::Here(Credentials::Identity(token.to_owned()))));
        }
        if let Some(auth) = known["auth"].as_str().filter(|it| !it.is_empty()) {
            let wrong =
                || format!("docker's config.json: auths of {server} cannot be read; log in again");
            let pair = String::from_utf8(STANDARD.decode(auth).with_context(wrong)?)
                .with_context(wrong)?;
            let (user, password) = pair.split_once(':').with_context(wrong)?;
            let (user, password) = (user.to_owned(), password.trim_end_matches('\0').to_owned());
            return Ok(Some(Place::Here(Credentials::Password { user, password })));
        }
    }
    Ok(helper(&config["credsStore"]))
}

/// Whether gcloud has tokens for `host`.
pub(crate) fn is_google(host: &str) -> bool {
    host == "gcr.io" || host.ends_with(".gcr.io") || host.ends_with(".pkg.dev")
}

/// Asks a helper of docker. (docker-credential-helpers, "Development".)
async fn helper(name: &str, server: &str) -> Result<Option<Credentials>> {
    let program = format!("docker-credential-{name}");
    let mut command = Command::new(&program);
    command.arg("get").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command
        .spawn()
        .with_context(|| format!("docker's config.json names {program}, which does not start"))?;
    if let Some(mut input) = child.stdin.take() {
        input.write_all(server.as_bytes()).await?;
    }
    let output = child.wait_with_output().await?;
    let said = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        // This is how a helper says that it has none.
        ensure!(said.contains("credentials not found"), "{program}: {}", said.trim());
        return Ok(None);
    }
    let answer: Value =
        serde_json::from_str(&said).with_context(|| format!("{program} gives no JSON"))?;
    let [user, secret] =
        ["Username", "Secret"].map(|it| answer[it].as_str().unwrap_or_default().to_owned());
    Ok(Some(match user.as_str() {
        IDENTITY_USER => Credentials::Identity(secret),
        _ => Credentials::Password { user, password: secret },
    }))
}

/// What a token that was given is for a registry; nothing for an empty one.
pub(crate) fn given(token: &str) -> Option<Credentials> {
    let password = token.trim().to_owned();
    let user = TOKEN_USER.to_owned();
    (!password.is_empty()).then_some(Credentials::Password { user, password })
}

/// Asks gcloud for an access token; none when it is not there. A workflow has a token already.
async fn gcloud() -> Result<Option<Credentials>> {
    if let Some(token) = std::env::var_os(GIVEN).and_then(|it| it.into_string().ok())
        && let Some(credentials) = given(&token)
    {
        return Ok(Some(credentials));
    }
    let output = Command::new("gcloud").args(["auth", "print-access-token"]).output().await;
    let Ok(output) = output else { return Ok(None) };
    let problem = String::from_utf8_lossy(&output.stderr);
    let first = problem.lines().find(|it| !it.is_empty()).unwrap_or_default();
    ensure!(output.status.success(), "gcloud auth print-access-token: {first}");
    let password = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    Ok(Some(Credentials::Password { user: TOKEN_USER.to_owned(), password }))
}
