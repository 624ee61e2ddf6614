//! The key that signs tokens can be kept.

use crate::pubsub::OidcToken;
use crate::pubsub::token::Signer;

#[tokio::test]
async fn a_key_that_is_given_away_and_taken_back_signs_the_same() {
    let (first, second) = (Signer::default(), Signer::default());
    let der = first.export().unwrap();
    second.import(&der).unwrap();
    assert_eq!(first.key_set().await.unwrap(), second.key_set().await.unwrap());
    let identity = OidcToken { service_account_email: "a@b".to_owned(), audience: String::new() };
    let now = domain::Instant::from_unix_millis(0);
    let token = async |signer: &Signer| signer.token(&identity, "http://e/", now).await.unwrap();
    assert_eq!(token(&first).await, token(&second).await);
    // The first key stays.
    second.import(&Signer::default().export().unwrap()).unwrap();
    assert_eq!(second.export().unwrap(), der);
}

#[test]
fn what_is_no_key_is_refused() {
    for der in [&b""[..], b"-----BEGIN", &[0x30, 0x82, 0xff, 0xff], &[0; 1200]] {
        assert!(Signer::default().import(der).is_err());
    }
}
