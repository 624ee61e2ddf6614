//! The tokens that say who pushes, and the key that signs them.
//! (Pub/Sub documentation, "Authenticate push subscriptions"; RFC 7515 and RFC 7517.)

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::Instant;
use rsa::PrivateKey;
use rsa::sha2::{Digest as _, Sha256};
use rsa::traits::PublicKeyParts as _;
use serde_json::{Value, json};

use super::subscription::OidcToken;

/// Who issues the tokens of the service.
const ISSUER: &str = "https://accounts.google.com";

/// How long a token is valid.
const LIFETIME: Duration = Duration::from_secs(60 * 60);

/// The size of a key that is made here.
const KEY_BITS: usize = 2048;

/// The key is not one, or none can be made.
#[derive(Debug, thiserror::Error)]
#[error("signing key: {0}")]
pub(crate) struct KeyError(String);

/// Signs tokens with a key of its own, which is made when it is first needed.
#[derive(Clone, Default)]
pub(crate) struct Signer(Arc<OnceLock<Result<Key, String>>>);

struct Key {
    private: PrivateKey,
    id: String,
}

impl Signer {
    /// The key set that verifies the tokens.
    pub(crate) async fn key_set(&self) -> Result<Value, KeyError> {
        self.ready().await;
        let key = self.key()?;
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        Ok(json!({"keys": [{
            "kty": "RSA",
            "alg": "RS256",
            "use": "sig",
            "kid": key.id,
            "n": encode(&key.private.n_bytes()),
            "e": encode(&key.private.e_bytes()),
        }]}))
    }

    /// A token for a push to `endpoint` at `now`.
    pub(crate) async fn token(
        &self,
        identity: &OidcToken,
        endpoint: &str,
        now: Instant,
    ) -> Result<String, KeyError> {
        self.ready().await;
        let key = self.key()?;
        let header = json!({"alg": "RS256", "kid": key.id, "typ": "JWT"});
        let claims = claims(identity, endpoint, now);
        let [header, claims] = [header, claims].map(|it| URL_SAFE_NO_PAD.encode(it.to_string()));
        let signed = format!("{header}.{claims}");
        let signature = key.private.pkcs1v15_sign::<Sha256>(signed.as_bytes());
        let signature = signature.map_err(|err| KeyError(err.to_string()))?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    /// Makes the key where that keeps nobody waiting.
    async fn ready(&self) {
        if self.0.get().is_none() {
            let signer = self.clone();
            // If the task does not come to an end, the key is made by whoever asks for it.
            drop(tokio::task::spawn_blocking(move || signer.key().map(drop)).await);
        }
    }

    fn key(&self) -> Result<&Key, KeyError> {
        let made = self.0.get_or_init(|| {
            let key = PrivateKey::new(&mut getrandom::SysRng, KEY_BITS);
            key.map(Key::new).map_err(|err| err.to_string())
        });
        made.as_ref().map_err(|err| KeyError(err.clone()))
    }
}

impl Key {
    fn new(private: PrivateKey) -> Self {
        let digest = Sha256::digest(private.n_bytes());
        // Forty digits, as the service has them.
        let id = digest.iter().take(20).map(|byte| format!("{byte:02x}")).collect();
        Self { private, id }
    }
}

fn claims(identity: &OidcToken, endpoint: &str, now: Instant) -> Value {
    let OidcToken { service_account_email: email, audience } = identity;
    let subject = subject(email);
    let seconds = |at: Instant| at.unix_millis() / 1000;
    json!({
        "aud": if audience.is_empty() { endpoint } else { audience.as_str() },
        "azp": subject,
        "email": email,
        "email_verified": true,
        "exp": seconds(now.after(LIFETIME)),
        "iat": seconds(now),
        "iss": ISSUER,
        "sub": subject,
    })
}

/// The number of a service account: 21 digits that depend on its address alone.
fn subject(email: &str) -> String {
    let digits = Sha256::digest(email).into_iter().take(10).map(|byte| byte % 100);
    digits.fold("1".to_owned(), |number, digits| format!("{number}{digits:02}"))
}

/// What a client finds out from the issuer: where the keys are.
pub(crate) fn configuration(origin: &str) -> Value {
    json!({
        "issuer": ISSUER,
        "jwks_uri": format!("{origin}/oauth2/v3/certs"),
        "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "claims_supported":
            ["aud", "azp", "email", "email_verified", "exp", "iat", "iss", "sub"],
    })
}
