//! Names of buckets and hosts.

use std::sync::Arc;

use gcp::{Bucket, BucketError, Options};
use store::Store;

use crate::client::{Highest, Naps, object};
use crate::server::Server;

fn new(bucket: &str, emulator_host: Option<&str>) -> Result<Bucket, BucketError> {
    let emulator_host = emulator_host.map(str::to_owned);
    let options = Options { emulator_host, ..Options::new(bucket) };
    Bucket::new(options, Naps::new(), Arc::new(Highest))
}

#[test]
fn a_client_of_the_real_service_needs_no_runtime_and_no_network() {
    assert!(new("bucket", None).is_ok());
}

#[test]
fn bucket_names_follow_the_rules() {
    for name in ["abc", "a-b_c.d", "1bucket1", &"a".repeat(63), "a.example.com"] {
        assert!(new(name, None).is_ok(), "{name}");
    }
    for name in
        ["", "ab", "A-b", "-ab", "ab-", "a..b", ".ab", "a/b", "a b", "é-bucket", &"a".repeat(64)]
    {
        assert!(matches!(new(name, None), Err(BucketError::Name(_))), "{name}");
    }
}

#[tokio::test]
async fn an_emulator_host_has_a_scheme_and_a_slash_or_not() {
    let server = Server::start([object(b"{}", &[])]).await;
    let host = &server.host;
    for spelling in
        [host.clone(), format!("{host}/"), format!("http://{host}"), format!("http://{host}/")]
    {
        let bucket = new("bucket", Some(&spelling)).unwrap();
        assert!(bucket.get("a", None).await.unwrap().is_some(), "{spelling}");
    }
    let line = "GET /storage/v1/b/bucket/o/a?alt=media HTTP/1.1";
    assert_eq!(server.lines(), [line; 4]);
    assert_eq!(server.requests()[0].header("host"), Some(host.as_str()));
}

#[tokio::test]
async fn a_token_in_front_of_an_emulator_host_is_shown_to_it() {
    let server = Server::start([object(b"{}", &[])]).await;
    let host = &server.host;
    for spelling in [format!("a-b.c_d~9@{host}"), format!("http://a-b.c_d~9@{host}/")] {
        let bucket = new("bucket", Some(&spelling)).unwrap();
        assert!(bucket.get("a", None).await.unwrap().is_some(), "{spelling}");
    }
    for request in server.requests() {
        assert_eq!(request.header("authorization"), Some("Bearer a-b.c_d~9"));
        assert_eq!(request.header("host"), Some(host.as_str()));
    }
}

#[test]
fn an_emulator_host_is_a_name_or_an_address() {
    for host in ["localhost", "emulator.test:1", "127.0.0.1:65535", "[::1]", "[::1]:1"] {
        assert!(new("bucket", Some(host)).is_ok(), "{host}");
    }
}

#[test]
fn what_is_no_host_is_refused() {
    for host in [
        "",
        "/",
        "http://",
        "https://localhost:1",
        "ftp://localhost",
        "localhost:1/path",
        "user:password@localhost:1",
        "@localhost:1",
        "a@b@localhost:1",
        "a b@localhost:1",
        "token@",
        "http://token@/",
        "localhost:1/@x",
        "localhost:1?x=y",
        "localhost:port",
        "localhost:",
        "localhost:65536",
        "localhost#1",
        "localhost\\1",
        "[::1",
        ":1",
        "local host",
        "h\u{f6}st",
    ] {
        assert!(matches!(new("bucket", Some(host)), Err(BucketError::EmulatorHost(_))), "{host}");
    }
}
