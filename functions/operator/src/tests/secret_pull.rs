//! Values reach the file exactly, and nothing else.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Parser as _;
use domain::Planted;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::stand_in::StandIn;
use super::{Printed, bucket, release};
use crate::{Cli, Google, Operator, Problem, Screen, Service, perform};

/// What Secret Manager answers about version `version` of `name`.
fn answer(name: &str, version: &str, value: &[u8]) -> Value {
    json!({
        "name": format!("projects/123/secrets/{name}/versions/{version}"),
        "payload": {
            "data": STANDARD.encode(value),
            "dataCrc32c": crc32c::crc32c(value).to_string(),
        },
    })
}

/// A Secret Manager in which `secret` has this value.
async fn holding(value: &'static str) -> StandIn {
    StandIn::json(move |_| answer("secret", "7", value.as_bytes())).await
}

struct Place {
    folder: TempDir,
    to: PathBuf,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path().join(".env.local");
        Self { folder, to }
    }

    /// Runs the command: how it ended, and all that it said.
    async fn pull(&self, stand_in: &StandIn, more: &[&str]) -> (Result<bool, Problem>, String) {
        let to = self.to.to_str().unwrap();
        let words = ["operator", "secret-pull", "--project", "acme", "--to", to];
        let cli = Cli::try_parse_from(words.iter().chain(more)).unwrap();
        let (said, aside) = (Printed::default(), Printed::default());
        let screen = Screen::on(said.clone(), aside.clone());
        let operator = Operator {
            tools: release(bucket(), &super::strict()),
            env: domain::Env::Dev,
            user: None,
            google: &Google::default().at(Service::Secrets, &stand_in.url),
            screen: &screen,
            planted: Planted::NONE,
        };
        let ended = perform(&cli.command, operator).await;
        (ended, said.text() + &aside.text())
    }

    /// Nothing was left behind.
    fn assert_empty(&self) {
        assert_eq!(fs::read_dir(self.folder.path()).unwrap().count(), 0);
    }
}

/// What a shell reads as `A`.
fn read_back(file: &Path) -> Vec<u8> {
    let script = "set -a; . \"$0\"; printf '%s.' \"$A\"";
    let read = Command::new("sh").args(["-c", script]).arg(file).output().unwrap();
    assert!(read.status.success(), "{read:?}");
    read.stdout.strip_suffix(b".").unwrap().to_vec()
}

#[cfg(unix)]
fn mode(file: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(file).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn a_shell_reads_every_value_back_exactly() {
    for value in [
        "",
        "plain",
        "two words",
        "it's",
        "'",
        "''\\''",
        "$HOME `id` $(id) \"quoted\" \\ \\n !history # no comment",
        "first\nsecond\n",
        "\n",
        "A=b; rm -rf x",
        "東京 \u{1f600}\t\u{7}",
        "{\"json\": [1, \"it's\"]}",
    ] {
        let place = Place::new();
        let stand_in = holding(value).await;
        let (ended, said) = place.pull(&stand_in, &["A=secret"]).await;
        assert_eq!(ended, Ok(true), "{value:?}");
        assert_eq!(read_back(&place.to), value.as_bytes(), "{value:?}");
        assert!(said.starts_with("A from projects/acme/secrets/secret/versions/7\n"), "{said}");
        assert!(value.len() < 4 || !said.contains(value), "{said}");
        #[cfg(unix)]
        assert_eq!(mode(&place.to), 0o600);
        assert_eq!(fs::read_dir(place.folder.path()).unwrap().count(), 1);
    }
}

#[tokio::test]
async fn secrets_are_named_in_three_ways_and_in_a_file() {
    let place = Place::new();
    let stand_in = StandIn::json(|path| {
        let parts: Vec<&str> = path.split(['/', ':']).collect();
        let version = if parts[7] == "latest" { "9" } else { parts[7] };
        answer(parts[5], version, format!("{}/{}/{version}", parts[3], parts[5]).as_bytes())
    })
    .await;
    let map = place.folder.path().join("map");
    fs::write(&map, "# comment\n\n A = one \nB=projects/p-2/secrets/two\n").unwrap();
    let more = ["--file", map.to_str().unwrap(), "C=projects/p-2/secrets/three/versions/5"];
    let (ended, said) = place.pull(&stand_in, &more).await;
    assert_eq!(ended, Ok(true), "{said}");
    let text = fs::read_to_string(&place.to).unwrap();
    let text: Vec<&str> = text.lines().skip(1).collect();
    assert_eq!(text, ["A='acme/one/9'", "B='p-2/two/9'", "C='p-2/three/5'"]);
    assert_eq!(stand_in.asked()[0], "GET /v1/projects/acme/secrets/one/versions/latest:access");
    assert_eq!(stand_in.asked()[2], "GET /v1/projects/p-2/secrets/three/versions/5:access");
}

#[tokio::test]
async fn what_is_there_stays_unless_it_is_forced() {
    let place = Place::new();
    fs::write(&place.to, "mine").unwrap();
    let stand_in = holding("hush-hush").await;
    let (ended, said) = place.pull(&stand_in, &["A=secret"]).await;
    assert!(ended.unwrap_err().to_string().ends_with("is there already: --force replaces it"));
    assert_eq!((stand_in.asked().len(), said.as_str()), (0, ""), "nothing is asked for");
    assert_eq!(fs::read_to_string(&place.to).unwrap(), "mine");
    let (ended, _) = place.pull(&stand_in, &["A=secret", "--force"]).await;
    assert_eq!((ended, read_back(&place.to)), (Ok(true), b"hush-hush".to_vec()));
    #[cfg(unix)]
    {
        assert_eq!(mode(&place.to), 0o600, "whatever that of the old one was");
        // A link is replaced, and what it leads to is not written to.
        let (elsewhere, link) = (place.folder.path().join("other"), place.to.clone());
        fs::write(&elsewhere, "theirs").unwrap();
        fs::remove_file(&link).unwrap();
        std::os::unix::fs::symlink(&elsewhere, &link).unwrap();
        assert!(place.pull(&stand_in, &["A=secret"]).await.0.is_err());
        assert_eq!(place.pull(&stand_in, &["A=secret", "--force"]).await.0, Ok(true));
        assert_eq!(fs::read_to_string(&elsewhere).unwrap(), "theirs");
        assert!(fs::symlink_metadata(&link).unwrap().is_file());
    }
}

#[tokio::test]
async fn somebody_who_puts_a_file_there_meanwhile_keeps_it() {
    let place = Place::new();
    let to = place.to.clone();
    let stand_in = StandIn::json(move |_| {
        fs::write(&to, "theirs").unwrap();
        answer("secret", "7", b"hush-hush")
    })
    .await;
    let (ended, _) = place.pull(&stand_in, &["A=secret"]).await;
    assert!(ended.unwrap_err().to_string().ends_with("is there already: --force replaces it"));
    assert_eq!(fs::read_to_string(&place.to).unwrap(), "theirs");
    assert_eq!(fs::read_dir(place.folder.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn hostile_answers_write_nothing_and_tell_no_value() {
    let good = answer("secret", "7", b"hush-hush");
    let with = |pointer: &str, value: Value| {
        let mut answer = good.clone();
        *answer.pointer_mut(pointer).unwrap() = value;
        answer.to_string()
    };
    let data = |value: &[u8]| answer("secret", "7", value).to_string();
    let hush = STANDARD.encode("hush-hush");
    for (status, body) in [
        (200, String::new()),
        (200, "hush-hush".to_owned()),
        (200, "{}".to_owned()),
        (200, "[\"hush-hush\"]".to_owned()),
        (200, with("/payload/data", json!(null))),
        (200, with("/payload/data", json!("hush-hush!"))),
        (200, with("/payload/dataCrc32c", json!("1"))),
        (200, with("/payload/dataCrc32c", json!(null))),
        (200, with("/name", json!("projects/123/secrets/other/versions/7"))),
        (200, with("/name", json!("projects/123/secrets/secret/versions/hush-hush"))),
        (200, data(b"hush-hush\0")),
        (200, data(b"hush-hush\xff")),
        (200, data(&[b'a'; 64 * 1024 + 1])),
        (403, json!({"error": {"message": "denied\u{1b}[31m"}}).to_string()),
        (404, json!({"error": {"message": "no such secret"}}).to_string()),
        (302, hush.clone()),
        (500, hush),
    ] {
        let place = Place::new();
        let shown = format!("{status} {body:.80}");
        let stand_in = StandIn::start(move |_| (status, body.clone())).await;
        let (ended, said) = place.pull(&stand_in, &["A=secret"]).await;
        let told = ended.unwrap_err().to_string() + &said;
        assert!(!told.contains("hush") && !told.contains("aHVza"), "{shown}: {told}");
        assert!(!told.contains('\u{1b}'), "{told}");
        assert_eq!(told.lines().count(), 1, "{told}");
        place.assert_empty();
    }
}

#[tokio::test]
async fn one_that_fails_keeps_all_from_being_written() {
    let place = Place::new();
    let stand_in = StandIn::start(|path| match path.contains("/one/") {
        true => (200, answer("one", "1", b"hush-hush").to_string()),
        false => (403, json!({"error": {"message": "denied"}}).to_string()),
    })
    .await;
    let (ended, said) = place.pull(&stand_in, &["A=one", "B=two"]).await;
    let problem = ended.unwrap_err().to_string();
    let takes = "it takes roles/secretmanager.secretAccessor on projects/acme/secrets/two";
    assert!(problem.ends_with(takes), "{problem}");
    assert_eq!(said, "");
    place.assert_empty();
}

#[tokio::test]
async fn wrong_mappings_are_told_without_what_may_be_a_value() {
    let stand_in = holding("x").await;
    for more in [
        vec![],
        vec!["hush-hush"],
        vec!["A=hush hush"],
        vec!["A="],
        vec!["1A=secret"],
        vec!["A-B=secret"],
        vec!["=secret"],
        vec!["A=projects/p/secrets/../secrets/x"],
        vec!["A=projects/p/locations/l/secrets/x"],
        vec!["A=secret", "A=secret"],
        vec!["--file", "/nowhere/at/all"],
    ] {
        let place = Place::new();
        let (ended, _) = place.pull(&stand_in, &more).await;
        let problem = ended.unwrap_err().to_string();
        assert!(!problem.contains("hush"), "{problem}");
        place.assert_empty();
    }
    assert_eq!(stand_in.asked().len(), 0);
}
