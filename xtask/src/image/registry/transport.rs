//! Requests to a registry, with the token that it asks for.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use reqwest::{Client, Method, StatusCode, Url, redirect, retry};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore, crypto};
use serde_json::Value;

use super::challenge::{Challenge, challenge};
use super::credentials::{Credentials, Keychain};
use super::{ANSWER_BYTES_MAX, Answer};
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

/// What is sent.
pub(super) struct Request<'a> {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: &'a [(&'a str, &'a str)],
    pub(super) body: Option<Bytes>,
    /// What it is about.
    pub(super) repositories: &'a [&'a str],
    /// The largest answer that is read.
    pub(super) bytes_max: usize,
}

/// A connection to one registry.
pub(super) struct Transport {
    /// The registry as images name it.
    host: String,
    /// Scheme, host and port of its server.
    server: Url,
    http: Client,
    /// Asks for tokens, with credentials that nobody else may get.
    tokens: Client,
    keychain: Keychain,
    /// What is asked for in the first of some repositories.
    actions: &'static str,
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
        let client = |redirects| {
            let client = Client::builder()
                .tls_backend_preconfigured(tls.clone())
                .https_only(secure)
                .http1_only()
                .user_agent(concat!("strata-xtask/", env!("CARGO_PKG_VERSION")))
                .redirect(redirects)
                .referer(false)
                // One place decides about repetition.
                .retry(retry::never())
                .connect_timeout(CONNECT_MAX)
                .read_timeout(SILENCE_MAX);
            if secure { client.build() } else { client.no_proxy().build() }
        };
        let scheme = if secure { "https" } else { "http" };
        let server = Url::parse(&format!("{scheme}://{server}"));
        Ok(Self {
            host: host.to_owned(),
            server: server.with_context(|| format!("{host:?} is no host of a registry"))?,
            http: client(redirect::Policy::limited(REDIRECTS_MAX))?,
            tokens: client(redirect::Policy::none())?,
            keychain,
            actions: "pull,push",
            authorizations: Mutex::default(),
        })
    }

    /// The same, which asks for no right to write.
    pub(super) fn for_reading(self) -> Self {
        Self { actions: "pull", ..self }
    }

    /// The URL of `target` on its server.
    pub(super) fn url(&self, target: &str) -> Result<Url> {
        self.server.join(target).with_context(|| format!("{target:?} is no place in {}", self.host))
    }

    /// Refuses what others could read.
    fn check_private(&self, url: &Url, what: &str) -> Result<()> {
        let loopback = url.host_str().is_some_and(is_loopback);
        let fine = url.scheme() == "https" || (url.scheme() == "http" && loopback);
        ensure!(fine, "{} wants {what} sent without TLS", self.host);
        Ok(())
    }

    /// Sends one request about `repositories`, the first of which is written, and reads
    /// `bytes_max` of the answer. The URL is one of this server or one that it gave.
    ///
    /// # Errors
    ///
    /// [`Passing`] where the same request may succeed later.
    pub(super) async fn send(&self, request: &Request<'_>) -> Result<Answer> {
        let Request { method, url, headers, body, repositories, bytes_max } = request;
        self.check_private(url, "something")?;
        // Nobody else learns who we are: an upload may be sent to a place of another server.
        let ours = url.origin() == self.server.origin();
        let about: Vec<String> = repositories.iter().map(|it| (*it).to_owned()).collect();
        let attempt = |authorization: Option<String>| {
            let mut request = self.http.request(method.clone(), url.clone());
            for (name, value) in *headers {
                request = request.header(*name, *value);
            }
            if let Some(body) = body.clone() {
                request = request.body(body);
            }
            if let Some(value) = authorization.filter(|_| ours) {
                request = request.header(AUTHORIZATION, value);
            }
            self.answer(request, *bytes_max)
        };
        let known =
            self.authorizations.lock().unwrap_or_else(PoisonError::into_inner).get(&about).cloned();
        let mut answer = attempt(known).await?;
        if answer.status == StatusCode::UNAUTHORIZED && ours {
            let asked = answer.headers.get_all(WWW_AUTHENTICATE).iter();
            let asked = challenge(asked.filter_map(|it| it.to_str().ok()));
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

    async fn answer(&self, request: reqwest::RequestBuilder, bytes_max: usize) -> Result<Answer> {
        let lost = |err: reqwest::Error| {
            let lasts = err.is_builder() || err.is_redirect();
            // URLs may be signed.
            let err = anyhow::Error::new(err.without_url());
            let what = format!("{} does not answer: {err:#}", self.host);
            if lasts { anyhow!(what) } else { Passing { what, after: None }.into() }
        };
        let mut response = request.send().await.map_err(lost)?;
        let (status, headers) = (response.status(), response.headers().clone());
        let mut body = Vec::new();
        while let Some(part) = response.chunk().await.map_err(lost)? {
            body.extend_from_slice(&part);
            ensure!(
                body.len() <= bytes_max,
                "{} gives an answer of more than {bytes_max} bytes",
                self.host
            );
        }
        Ok(Answer { status, headers, body: body.into() })
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
        let realm = Url::parse(realm);
        let realm = realm.with_context(|| format!("{} gives no place of tokens", self.host))?;
        self.check_private(&realm, "credentials")?;
        let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let mut query =
            service.iter().map(|it| format!("service={}", encode(it))).collect::<Vec<_>>();
        let scope = |(at, repository): (usize, &&str)| {
            let actions = if at == 0 { self.actions } else { "pull" };
            encode(&format!("repository:{repository}:{actions}"))
        };
        let scopes: Vec<String> = repositories.iter().enumerate().map(scope).collect();
        let request = match &credentials {
            Some(Credentials::Identity(token)) => {
                query.push("grant_type=refresh_token&client_id=strata-xtask".to_owned());
                query.push(format!("refresh_token={}", encode(token)));
                // A form has them in one parameter, where a query has one for each.
                query.push(format!("scope={}", scopes.join("%20")));
                let form = "application/x-www-form-urlencoded";
                self.tokens.post(realm).header("content-type", form).body(query.join("&"))
            }
            other => {
                query.extend(scopes.iter().map(|it| format!("scope={it}")));
                let request = self.tokens.get(with_query(realm, &query.join("&")));
                match other.as_ref().and_then(Credentials::basic) {
                    Some(value) => request.header(AUTHORIZATION, value),
                    None => request,
                }
            }
        };
        let answer = self.lasting(self.answer(request, ANSWER_BYTES_MAX).await?)?;
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

/// The same URL with one more parameter; what it has already stays as it is.
pub(super) fn with_query(mut url: Url, parameter: &str) -> Url {
    let query = url.query().filter(|it| !it.is_empty());
    let query = query.map_or(parameter.to_owned(), |it| format!("{it}&{parameter}"));
    url.set_query(Some(&query));
    url
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
