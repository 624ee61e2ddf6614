//! Settings and what is said about bad ones.

use std::time::Duration;

use tracing::level_filters::LevelFilter;

use super::settings;
use crate::run::listen;
use crate::{Config, Settings};

fn refused(pairs: &[(&str, &str)]) -> String {
    Settings::read(&Config::fixed(pairs)).unwrap_err().to_string()
}

#[test]
fn defaults_work() {
    let settings = Settings::read(&Config::fixed(&[("BUCKET", "b"), ("PORT", "")])).unwrap();
    assert_eq!((settings.host.as_str(), settings.port), ("0.0.0.0", 8080));
    assert_eq!(settings.log_level, LevelFilter::INFO);
    assert_eq!(settings.version(), env!("CARGO_PKG_VERSION"));
    assert_eq!(settings.definitions_dir, None);
}

#[test]
fn a_value_given_instead_wins() {
    let config = Config::fixed(&[("BUCKET", "b"), ("PORT", "9000")]).with("BUCKET", "given");
    let settings = Settings::read(&config).unwrap();
    assert_eq!((settings.bucket.as_str(), settings.port), ("given", 9000));
}

#[test]
fn every_setting_is_read() {
    let more = [
        ("HOST", "127.0.0.1"),
        ("PORT", "9000"),
        ("STORAGE_EMULATOR_HOST", "http://127.0.0.1:4443"),
        ("GOOGLE_CLOUD_PROJECT", "acme"),
        ("DEFINITIONS_DIR", "schemas"),
        ("LOG_LEVEL", "warn"),
        ("K_SERVICE", "snapshot-builder"),
    ];
    let settings = settings(&more);
    assert_eq!(settings.bucket, "strata");
    assert_eq!((settings.host.as_str(), settings.port), ("127.0.0.1", 9000));
    assert_eq!(settings.storage_emulator_host.as_deref(), Some("http://127.0.0.1:4443"));
    assert_eq!(settings.google_cloud_project.as_deref(), Some("acme"));
    assert_eq!(settings.definitions_dir.as_deref(), Some("schemas".as_ref()));
    assert_eq!(settings.log_level, LevelFilter::WARN);
    assert_eq!(settings.service.as_deref(), Some("snapshot-builder"));
    assert_eq!(settings.version(), "builder-00007");
}

#[test]
fn errors_name_the_variable_and_hide_its_value() {
    assert_eq!(refused(&[]), "environment variable BUCKET is required and not set");
    assert_eq!(refused(&[("BUCKET", "")]), "environment variable BUCKET is required and not set");
    let port = refused(&[("BUCKET", "b"), ("PORT", "s3cret")]);
    assert!(port.starts_with("environment variable PORT cannot be read: "), "{port}");
    assert!(!port.contains("s3cret"), "{port}");
    let level = refused(&[("BUCKET", "b"), ("LOG_LEVEL", "loud")]);
    assert!(level.starts_with("environment variable LOG_LEVEL cannot be read: "), "{level}");
    let revision = refused(&[("BUCKET", "b"), ("K_REVISION", "é")]);
    assert_eq!(revision, "environment variable K_REVISION is not printable ASCII");
}

#[test]
fn durations_are_milliseconds() {
    let config = Config::fixed(&[("WAIT_MS", "250"), ("BAD_MS", "1s")]);
    let default = Duration::from_secs(2);
    assert_eq!(config.duration_ms("WAIT_MS", default), Ok(Duration::from_millis(250)));
    assert_eq!(config.duration_ms("OTHER_MS", default), Ok(default));
    assert_eq!(config.duration_ms("BAD_MS", default).unwrap_err().var, "BAD_MS");
}

#[test]
fn the_environment_is_read() {
    // Cargo sets this one for every test.
    let name = Config::environment().read("CARGO_PKG_NAME");
    assert_eq!(name, Ok(Some("cloud-run".to_owned())));
}

#[tokio::test]
async fn a_port_in_use_is_named() {
    let taken = listen("127.0.0.1", 0).await.unwrap();
    let port = taken.local_addr().unwrap().port();
    let error = listen("127.0.0.1", port).await.unwrap_err().to_string();
    assert!(
        error.starts_with(&format!("cannot listen on HOST 127.0.0.1, PORT {port}: ")),
        "{error}"
    );
}
