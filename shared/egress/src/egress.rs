//! Sends an alert through a channel, once: finds out where to, writes what is sent, signs it.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use domain::Clock;
use serde_json::Value;

use crate::channel::{self, Mail, block_kit, event, is_address, json_body, letter};
use crate::signature::Keys;
use crate::target::Destination;
use crate::{Channel, Hosts, Outside, Parcel, Target, Told, Unsent, Vault};

/// What the environment says of where alerts go.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    hosts: Hosts,
    webhook_key: Option<Target>,
    email_api: Option<Target>,
    email_from: Option<String>,
}

/// A variable that cannot be used. Its value is not shown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("environment variable {var} cannot be used: {problem}")]
pub struct SettingError {
    /// The variable.
    pub var: &'static str,
    /// What is wrong.
    pub problem: String,
}

impl Settings {
    /// Reads `EGRESS_HOSTS`, the hosts that may be reached; `WEBHOOK_KEY`, where the keys are that
    /// webhooks are signed with which have none of their own; `EMAIL_API` and `EMAIL_FROM`, where mail
    /// is handed over and whom it is from. `read` reads one variable.
    ///
    /// # Errors
    ///
    /// The first that cannot be used.
    pub fn read<E: From<SettingError>>(
        read: impl Fn(&str) -> Result<Option<String>, E>,
    ) -> Result<Self, E> {
        let wrong = |var, problem| SettingError { var, problem };
        let hosts = read("EGRESS_HOSTS")?.unwrap_or_default();
        let hosts: Hosts = hosts
            .parse()
            .map_err(|err: crate::HostsError| wrong("EGRESS_HOSTS", err.to_string()))?;
        let target = |var: &'static str| -> Result<Option<Target>, E> {
            let text = read(var)?;
            let target = text.as_deref().map(Target::parse).transpose();
            Ok(target.map_err(|problem| wrong(var, problem))?)
        };
        let webhook_key = target("WEBHOOK_KEY")?;
        if let Some(Target::Url(_)) = webhook_key {
            let problem = "it is env://NAME or sm://SECRET, where the key is".to_owned();
            return Err(wrong("WEBHOOK_KEY", problem).into());
        }
        let email_api = target("EMAIL_API")?;
        let email_from = read("EMAIL_FROM")?;
        if email_from.as_deref().is_some_and(|it| !channel::is_sender(it)) {
            let problem = "it is an address, or a name and <an address>".to_owned();
            return Err(wrong("EMAIL_FROM", problem).into());
        }
        Ok(Self { hosts, webhook_key, email_api, email_from })
    }
}

/// What a mail of a preview comes from.
const SOMEBODY: &str = "EMAIL_FROM";

/// What `channel` is sent of an alert, for who tries a rule: nothing where it is sent no JSON. A mail has
/// the fields that it has where `EMAIL_API` says no others.
///
/// # Errors
///
/// Why nothing can be sent there.
pub fn preview(channel: &Channel, told: Told<'_>) -> Result<Option<Value>, String> {
    Ok(match channel {
        Channel::Webhook(_) => Some(event(told)),
        Channel::Slack(_) => Some(block_kit(told)),
        Channel::Email(to) => Some(letter(None, &Mail { from: SOMEBODY, to, key: "", told })),
        Channel::Log | Channel::Storage => None,
        Channel::Unknown(why) => return Err(why.clone()),
    })
}

/// Reads a variable of the environment.
pub type Variables = dyn Fn(&str) -> Result<Option<String>, String> + Send + Sync;

/// Sends alerts.
pub struct Egress {
    /// What the environment says.
    pub settings: Settings,
    /// What targets that are variables say.
    pub variables: Box<Variables>,
    /// What targets that are secrets say. Without it there are none.
    pub vault: Option<Vault>,
    /// Where requests go.
    pub outside: Arc<dyn Outside>,
    /// What a signature says of the time.
    pub clock: Arc<dyn Clock>,
}

impl Egress {
    /// What sends as the environment says: `read` reads a variable of it.
    ///
    /// # Errors
    ///
    /// As [`Settings::read`].
    pub fn new<E: From<SettingError> + fmt::Display>(
        read: impl Fn(&str) -> Result<Option<String>, E> + Send + Sync + 'static,
        vault: Option<Vault>,
        outside: Arc<dyn Outside>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, E> {
        let settings = Settings::read(&read)?;
        let variables = move |name: &str| read(name).map_err(|err| err.to_string());
        Ok(Self { settings, variables: Box::new(variables), vault, outside, clock })
    }

    /// Sends what `told` says through `channel`, under this idempotency key. One request at most, and
    /// none is repeated here.
    ///
    /// # Errors
    ///
    /// Why it is not known to have arrived. It may have.
    pub async fn send(&self, channel: &Channel, key: &str, told: Told<'_>) -> Result<(), Unsent> {
        let parcel = self.parcel(channel, key, told).await?;
        let answer = self.outside.post(&parcel).await;
        answer.and_then(|answer| answer.accepted()).map_err(|unsent| match channel {
            Channel::Webhook(target) | Channel::Slack(target) => unsent.of(target),
            _ => unsent.of(&"EMAIL_API"),
        })
    }

    async fn parcel(&self, channel: &Channel, key: &str, told: Told<'_>) -> Result<Parcel, Unsent> {
        match channel {
            Channel::Webhook(target) => {
                let to = self.destination(target).await?;
                let body = json_body(&event(told));
                let signed = self.keys(&to).await?.headers(key, self.clock.now(), &body);
                Ok(parcel(to, key, body, signed.into()))
            }
            Channel::Slack(target) => {
                let to = self.destination(target).await?;
                Ok(parcel(to, key, json_body(&block_kit(told)), Vec::new()))
            }
            Channel::Email(to) => self.letter(to, key, told).await,
            Channel::Unknown(why) => Err(Unsent::lasting(why.clone())),
            Channel::Log | Channel::Storage => Err(Unsent::lasting("nothing is sent there")),
        }
    }

    async fn letter(&self, to: &str, key: &str, told: Told<'_>) -> Result<Parcel, Unsent> {
        let unset = |var: &str| Unsent::lasting(format!("{var} is not set"));
        let api = self.settings.email_api.as_ref().ok_or_else(|| unset("EMAIL_API"))?;
        let from = self.settings.email_from.as_deref().ok_or_else(|| unset("EMAIL_FROM"))?;
        if !is_address(to) {
            return Err(Unsent::lasting("the target of a mail is an address"));
        }
        let api = self.destination(api).await.map_err(|unsent| unsent.of(&"EMAIL_API"))?;
        let letter: Value = letter(api.body.as_ref(), &Mail { from, to, key, told });
        Ok(parcel(api, key, json_body(&letter), Vec::new()))
    }

    /// What `target` comes to: a place that may be reached.
    async fn destination(&self, target: &Target) -> Result<Destination, Unsent> {
        let found = match target {
            Target::Url(url) => Destination::plain(url.clone()),
            other => {
                let value = self.value(other).await?;
                Destination::read(&value).map_err(|why| Unsent::lasting(why).of(target))?
            }
        };
        let permitted = self.settings.hosts.permit(found.url.host(), found.url.port());
        permitted.map_err(|why| Unsent::lasting(why).of(target))?;
        Ok(found)
    }

    /// What a variable or a secret says.
    async fn value(&self, target: &Target) -> Result<String, Unsent> {
        let found = match target {
            Target::Url(_) => Err(Unsent::lasting("it is a URL")),
            Target::Variable(name) => match (self.variables)(name) {
                Ok(Some(value)) => Ok(value),
                Ok(None) => Err(Unsent::lasting("the variable is not set")),
                Err(problem) => Err(Unsent::lasting(problem)),
            },
            Target::Secret(secret) => match &self.vault {
                Some(vault) => vault.value(secret).await,
                None => Err(Unsent::lasting("there is no Secret Manager here")),
            },
        };
        found.map_err(|unsent| unsent.of(target))
    }

    /// What is sent to `to` is signed with its own keys, or those of the setting.
    async fn keys(&self, to: &Destination) -> Result<Keys, Unsent> {
        if let Some(keys) = &to.keys {
            return Ok(keys.clone());
        }
        let target = self.settings.webhook_key.as_ref().ok_or_else(|| {
            Unsent::lasting("no key to sign with: set WEBHOOK_KEY, or give the target its own")
        })?;
        let keys = self.value(target).await.and_then(|it| Keys::read(&it).map_err(Unsent::lasting));
        keys.map_err(|unsent| unsent.of(&"WEBHOOK_KEY"))
    }
}

fn parcel(to: Destination, key: &str, body: Bytes, mut headers: Vec<(String, String)>) -> Parcel {
    headers.push(("content-type".to_owned(), "application/json".to_owned()));
    // That of the destination counts.
    if !to.headers.iter().any(|(name, _)| name == IDEMPOTENCY_KEY) {
        headers.push((IDEMPOTENCY_KEY.to_owned(), key.to_owned()));
    }
    headers.extend(to.headers);
    Parcel { url: to.url, headers, body }
}

/// The header that several APIs know an attempt by. (IETF draft "The Idempotency-Key HTTP Header
/// Field".)
const IDEMPOTENCY_KEY: &str = "idempotency-key";
