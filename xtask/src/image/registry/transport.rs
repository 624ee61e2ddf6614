//! Requests to a registry, with the token that it asks for.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::header::AUTHORIZATION;
use reqwest::{Client, Method, StatusCode, redirect, retry};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore, crypto};
use serde_json::Value;

use super::challenge::{Challenge, challenge};
use super::credentials::{Credentials, Keychain};
use super::{Answer, read};
use crate::image::reference::is_loopback;

/// How long a connection may take, and how long nothing may come.
const CONNECT_MAX: Duration = Duration::from_secs(10);
const SILENCE_MAX: Duration = Duration::from_secs(60);

/// The longest pause that a registry may ask for.
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// Redirects of one request: blobs are often elsewhere.
const REDIRECTS_MAX: usize = 5;

/// What is wrong but may pass.
#[derive(Debug)]
pub(super) struct Passing {
    what: String,
    /// The pause that the registry asks for.
    pub(super) after: Option<Duration>,
}

impl std::fmt::Display for Passing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for Passing {}

/// A connection to one registry.
pub(super) struct Transport {
    /// The registry as images name it.
    host: String,
    /// Scheme, host and port of its server.
    origin: String,
    http: Client,
    keychain: Keychain,
    /// What to say, by the repositories that it is about.
    authorizations: Mutex<BTreeMap<Vec<String>, String>>,
}

impl Transport {
    pub(super) fn new(host: &str, server: &str, secure: bool, keychain: Keychain) -> Result<Self> {
        let provider = Arc::new(crypto::ring::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots()?)
            .with_no_client_auth();
        let mut http = Client::builder()
            .tls_backend_preconfigured(tls)
            .https_only(secure)
            .http1_only()
            .user_agent(concat!("strata-xtask/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::limited(REDIRECTS_MAX))
            // One place decides about repetition.
            .retry(retry::never())
            .connect_timeout(CONNECT_MAX)
            .read_timeout(SILENCE_MAX);
        if !secure {
            http = http.no_proxy();
        }
        let scheme = if secure { "https" } else { "http" };
        Ok(Self {
            host: host.to_owned(),
            origin: format!("{scheme}://{server}"),
            http: http.build()?,
            keychain,
            authorizations: Mutex::default(),
        })
    }

    /// Sends one request about `repositories`, the first of which is written. `target` is a path,
    /// or a URL that the registry gave.
    ///
    /// # Errors
    ///
    /// [`Passing`] where the same request may succeed later.
    pub(super) async fn send(
        &self,
        method: Method,
        target: &str,
        headers: &[(&str, &str)],
        body: Option<Bytes>,
        repositories: &[&str],
    ) -> Result<Answer> {
        let url = self.url(target)?;
        // Nobody else learns who we are: an upload may be sent to a place of another server.
        let ours = url.strip_prefix(&self.origin).is_some_and(|rest| rest.starts_with('/'));
        let about: Vec<String> = repositories.iter().map(|it| (*it).to_owned()).collect();
        let attempt = |authorization: Option<String>| {
            let mut request = self.http.request(method.clone(), &url);
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            if let Some(body) = body.clone() {
                request = request.body(body);
            }
            if let Some(value) = authorization.filter(|_| ours) {
                request = request.header(AUTHORIZATION, value);
            }
            self.answer(request)
        };
        let known =
            self.authorizations.lock().unwrap_or_else(PoisonError::into_inner).get(&about).cloned();
        let mut answer = attempt(known).await?;
        if answer.status == StatusCode::UNAUTHORIZED && ours {
            let asked = answer.header("www-authenticate").and_then(challenge);
            if let Some(asked) = asked
                && let Some(value) = self.authorize(&asked, repositories).await?
            {
                let authorizations =
                    || self.authorizations.lock().unwrap_or_else(PoisonError::into_inner);
                authorizations().insert(about, value.clone());
                answer = attempt(Some(value)).await?;
            }
        }
        self.lasting(answer)
    }

    fn url(&self, target: &str) -> Result<String> {
        if target.starts_with('/') {
            return Ok(format!("{}{target}", self.origin));
        }
        let plain =
            target.strip_prefix("http://").map(|rest| rest.split('/').next().unwrap_or(rest));
        let fine = target.starts_with("https://") || plain.is_some_and(is_loopback);
        ensure!(fine, "{} wants something sent without TLS", self.host);
        Ok(target.to_owned())
    }

    async fn answer(&self, request: reqwest::RequestBuilder) -> Result<Answer> {
        let lost = |err: anyhow::Error| Passing {
            what: format!("{} does not answer: {err:#}", self.host),
            after: None,
        };
        let response = request.send().await.map_err(|err| lost(err.into()))?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = read(response).await.map_err(lost)?;
        Ok(Answer { status, headers, body })
    }

    /// What is not [`Passing`].
    fn lasting(&self, answer: Answer) -> Result<Answer> {
        let status = answer.status;
        let passes = status.is_server_error()
            || [StatusCode::TOO_MANY_REQUESTS, StatusCode::REQUEST_TIMEOUT].contains(&status);
        if !passes {
            return Ok(answer);
        }
        let after = answer.header("retry-after").and_then(|it| it.parse().ok());
        let after = after.map(|seconds| Duration::from_secs(seconds).min(PAUSE_MAX));
        let what = answer.problem(&self.host).to_string();
        Err(Passing { what, after }.into())
    }

    /// What to say when the registry has asked as it did; nothing when there are no credentials
    /// where it takes no others.
    async fn authorize(&self, asked: &Challenge, repositories: &[&str]) -> Result<Option<String>> {
        let credentials = self.keychain.find(&self.host).await?;
        let Challenge::Bearer { realm, service } = asked else {
            return Ok(credentials.and_then(|it| it.basic()));
        };
        let host = realm.strip_prefix("http://").map(|rest| rest.split('/').next().unwrap_or(rest));
        let fine = realm.starts_with("https://") || host.is_some_and(is_loopback);
        ensure!(fine, "{} wants credentials sent without TLS", self.host);
        let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let mut query =
            service.iter().map(|it| format!("service={}", encode(it))).collect::<Vec<_>>();
        for (at, repository) in repositories.iter().enumerate() {
            let actions = if at == 0 { "pull,push" } else { "pull" };
            query.push(format!("scope={}", encode(&format!("repository:{repository}:{actions}"))));
        }
        let request = match &credentials {
            Some(Credentials::Identity(token)) => {
                query.push("grant_type=refresh_token&client_id=strata-xtask".to_owned());
                query.push(format!("refresh_token={}", encode(token)));
                let form = "application/x-www-form-urlencoded";
                self.http.post(realm).header("content-type", form).body(query.join("&"))
            }
            other => {
                let sign = if realm.contains('?') { '&' } else { '?' };
                let request = self.http.get(format!("{realm}{sign}{}", query.join("&")));
                match other.as_ref().and_then(Credentials::basic) {
                    Some(value) => request.header(AUTHORIZATION, value),
                    None => request,
                }
            }
        };
        let answer = self.lasting(self.answer(request).await?)?;
        ensure!(
            answer.status == StatusCode::OK,
            answer.problem(&format!("{} gives no token", self.host))
        );
        let body: Value =
            serde_json::from_slice(&answer.body).context("a token that is not JSON")?;
        let token = body["token"].as_str().or(body["access_token"].as_str());
        Ok(Some(format!("Bearer {}", token.context("an answer without a token")?)))
    }
}

/// The roots of Mozilla, and those of `SSL_CERT_FILE` where somebody has a registry of their own.
fn roots() -> Result<RootCertStore> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    if let Some(path) = std::env::var_os("SSL_CERT_FILE").filter(|it| !it.is_empty()) {
        let wrong = || format!("SSL_CERT_FILE {}", path.display());
        for certificate in CertificateDer::pem_file_iter(&path).with_context(wrong)? {
            roots.add(certificate.with_context(wrong)?).with_context(wrong)?;
        }
    }
    Ok(roots)
}

impl Credentials {
    /// As HTTP sends it.
    fn basic(&self) -> Option<String> {
        let Self::Password { user, password } = self else { return None };
        Some(format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))))
    }
}
