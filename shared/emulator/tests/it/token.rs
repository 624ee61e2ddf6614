//! Tokens of pushes, verified by somebody else's RSA against the published keys.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use emulator::{Emulator, NoWrapper, OidcToken, Options, Push, Subscription};
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use serde_json::{Value, json};

use crate::client::get;
use crate::subscriber::{PATIENCE, Subscriber};

fn decode(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}

/// The header and the claims of a token, once its signature is verified.
fn verify(token: &str, keys: &Value) -> Result<(Value, Value), String> {
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let (header, claims) = signed.split_once('.').unwrap();
    let header: Value = serde_json::from_slice(&decode(header)).unwrap();
    let found = keys["keys"].as_array().unwrap().iter().find(|key| key["kid"] == header["kid"]);
    let key = found.ok_or("no such key")?;
    let [n, e] = ["n", "e"].map(|part| decode(key[part].as_str().unwrap()));
    let verified = RsaPublicKeyComponents { n, e }.verify(
        &RSA_PKCS1_2048_8192_SHA256,
        signed.as_bytes(),
        &decode(signature),
    );
    verified.map_err(|_| "the signature is wrong".to_owned())?;
    Ok((header, serde_json::from_slice(&decode(claims)).unwrap()))
}

fn bearer(push: &crate::subscriber::Push) -> String {
    let header = push.headers["authorization"].to_str().unwrap();
    header.strip_prefix("Bearer ").unwrap().to_owned()
}

#[tokio::test]
async fn a_token_says_who_pushes_whereto_and_is_verified_by_the_published_key() {
    let subscriber = Subscriber::start([]).await;
    let emulator = Emulator::start(Options::default()).await.unwrap();
    for (name, audience) in [("bare", ""), ("named", "https://example.com/a")] {
        let identity = OidcToken {
            service_account_email: "pusher@p.iam.gserviceaccount.com".to_owned(),
            audience: audience.to_owned(),
        };
        let push = Push { oidc: Some(identity), ..Push::to(&*subscriber.url) };
        let subscription = Subscription { push: Some(push), ..Subscription::new(name, "t") };
        emulator.subscribe(subscription).unwrap();
    }
    emulator.publish("t", Default::default(), Bytes::from_static(b"1")).unwrap();
    emulator.settled(PATIENCE).await.unwrap();

    let configuration =
        get(&format!("{}/.well-known/openid-configuration", emulator.url())).await.json();
    assert_eq!(configuration["issuer"], "https://accounts.google.com");
    let keys = get(configuration["jwks_uri"].as_str().unwrap()).await.json();
    let mut audiences = Vec::new();
    for push in subscriber.pushes() {
        let token = bearer(&push);
        let (header, claims) = verify(&token, &keys).unwrap();
        assert_eq!((&header["alg"], &header["typ"]), (&json!("RS256"), &json!("JWT")));
        let iat = claims["iat"].as_i64().unwrap();
        let subject = claims["sub"].as_str().unwrap();
        assert_eq!(subject.len(), 21);
        audiences.push(claims["aud"].as_str().unwrap().to_owned());
        let expected = json!({
            "aud": claims["aud"],
            "azp": subject,
            "email": "pusher@p.iam.gserviceaccount.com",
            "email_verified": true,
            "exp": iat + 3600,
            "iat": iat,
            "iss": "https://accounts.google.com",
            "sub": subject,
        });
        assert_eq!(claims, expected);
        // The verifier does verify.
        let forged = token.replacen('.', ".e30", 1);
        assert_eq!(verify(&forged, &keys).unwrap_err(), "the signature is wrong");
    }
    audiences.sort();
    let mut expected = [subscriber.url.clone(), "https://example.com/a".to_owned()];
    expected.sort();
    assert_eq!(audiences, expected);
}

#[tokio::test]
async fn without_an_identity_there_is_no_token() {
    let subscriber = Subscriber::start([]).await;
    let emulator = Emulator::start(Options::default()).await.unwrap();
    emulator.subscribe(subscriber.subscription()).unwrap();
    emulator.publish("t", Default::default(), Bytes::from_static(b"1")).unwrap();
    emulator.settled(PATIENCE).await.unwrap();
    assert!(!subscriber.pushes()[0].headers.contains_key("authorization"));
}

#[tokio::test]
async fn unwrapped_the_payload_is_the_body_and_the_rest_is_in_headers() {
    let subscriber = Subscriber::start([]).await;
    let emulator = Emulator::start(Options::default()).await.unwrap();
    for (name, write_metadata) in [("with", true), ("without", false)] {
        let no_wrapper = Some(NoWrapper { write_metadata });
        let push = Push { no_wrapper, ..Push::to(&*subscriber.url) };
        let subscription = Subscription { push: Some(push), ..Subscription::new(name, "t") };
        emulator.subscribe(subscription).unwrap();
    }
    let attributes =
        [("colour", "blue"), ("not a header", "1"), ("content-length", "9"), ("é", "")]
            .map(|(key, value)| (key.to_owned(), value.to_owned()));
    let id = emulator.publish("t", attributes.into(), Bytes::from_static(b"{\"a\":1}")).unwrap();
    emulator.settled(PATIENCE).await.unwrap();
    let mut pushes = subscriber.pushes();
    pushes.sort_by_key(|push| !push.headers.contains_key("x-goog-pubsub-message-id"));
    let [with, without] = &pushes[..] else { panic!("{pushes:?}") };
    assert_eq!([&*with.text, &*without.text], ["{\"a\":1}"; 2]);
    assert_eq!(with.headers["x-goog-pubsub-message-id"], *id);
    assert_eq!(
        with.headers["x-goog-pubsub-subscription-name"],
        "projects/local/subscriptions/with"
    );
    assert!(with.headers.contains_key("x-goog-pubsub-publish-time"));
    assert_eq!(with.headers["colour"], "blue");
    assert_eq!(with.headers["content-length"], "7");
    assert!(!with.headers.contains_key("x-goog-pubsub-ordering-key"));
    assert!(!without.headers.contains_key("colour"));
}
