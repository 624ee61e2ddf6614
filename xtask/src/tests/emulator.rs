//! What `cargo xtask emulator` says and understands.

use emulator::{Notification, Options};
use expect_test::expect;

use crate::emulator::{environment, notification_of, start_as};

#[test]
fn the_environment_can_be_pasted() {
    expect![[r#"
        # Python, Rust and others; Python with credentials=AnonymousCredentials()
        export STORAGE_EMULATOR_HOST=http://127.0.0.1:9090
        # operator dlq, pause, resume, status
        export PUBSUB_EMULATOR_HOST=127.0.0.1:9090
        export GOOGLE_CLOUD_PROJECT=local
        # gcloud
        export CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE=http://127.0.0.1:9090/
        export CLOUDSDK_API_ENDPOINT_OVERRIDES_PUBSUB=http://127.0.0.1:9090/
        export CLOUDSDK_AUTH_DISABLE_CREDENTIALS=true
        export CLOUDSDK_CORE_PROJECT=local
        # Node: new Storage({projectId: 'local', apiEndpoint: 'http://127.0.0.1:9090'})"#]]
    .assert_eq(&environment("http://127.0.0.1:9090", "local"));
}

#[test]
fn a_topic_is_one_of_the_project_unless_it_says_another() {
    for (text, topic, prefix) in [
        ("changes", "projects/p/topics/changes", ""),
        ("changes=env/dev/", "projects/p/topics/changes", "env/dev/"),
        ("changes=a=b", "projects/p/topics/changes", "a=b"),
        ("projects/q/topics/changes=a", "projects/q/topics/changes", "a"),
    ] {
        assert_eq!(notification_of(text, "p"), Notification::finalized(topic, prefix), "{text}");
    }
}

#[tokio::test]
async fn a_taken_port_and_a_taken_folder_are_one_clear_line_each() {
    let folder = tempfile::tempdir().unwrap();
    let first = start_as(Options::default(), Some(folder.path()), 0).await.unwrap();
    let port = first.url().rsplit_once(':').unwrap().1.parse().unwrap();
    let taken = start_as(Options::default(), None, port).await.err().unwrap();
    let expected = format!("port {port} is taken: end what listens there, or choose --port");
    assert_eq!(format!("{taken:#}"), expected);
    let taken = start_as(Options::default(), Some(folder.path()), 0).await.err().unwrap();
    let place = folder.path().display();
    let expected = format!(
        "{place}: another emulator runs on this folder: end that one, or choose another --folder"
    );
    assert_eq!(format!("{taken:#}"), expected);
}
