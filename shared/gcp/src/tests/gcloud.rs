//! `gcloud` as a child process: what it is asked, what is taken for a token, and what it may not do.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use tempfile::TempDir;

use super::server::{Server, say};
use super::*;
use crate::gcloud::{Gcloud, OnItsWay, find};
use crate::given::given_token;
use crate::person::{Last, Person};

/// The one program that stands in for it: a folder says what it does there. Written once, because a
/// program that somebody still writes to cannot be started.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<(TempDir, PathBuf)> = OnceLock::new();
    let (_, program) = PROGRAM.get_or_init(|| {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("program");
        fs::write(&program, "#!/bin/sh\nhere=$(dirname \"$0\")\n. \"$here/does\"\n").unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        (folder, program)
    });
    program
}

/// A folder with a `gcloud` that does this, and notes each of its runs.
fn installed(does: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(program(), folder.path().join("gcloud")).unwrap();
    let note = "echo \"$@\" >> \"$here/runs\"\n";
    fs::write(folder.path().join("does"), format!("{note}{does}\n")).unwrap();
    folder
}

fn runs(folder: &TempDir) -> Vec<String> {
    let runs = fs::read_to_string(folder.path().join("runs")).unwrap_or_default();
    runs.lines().map(str::to_owned).collect()
}

fn gcloud(folder: &TempDir, clock: Arc<dyn Clock>) -> Gcloud {
    Gcloud::at(folder.path().join("gcloud"), clock, OnItsWay::default())
}

/// How asking ends.
async fn end(does: &str) -> Result<String, &'static str> {
    let folder = installed(does);
    let asked = gcloud(&folder, Arc::new(Still)).with_patience(Duration::from_secs(2));
    asked.token().await.map(|token| token.0.clone()).map_err(|err| err.text)
}

#[tokio::test]
async fn it_is_asked_for_one_token_and_what_it_prints_is_the_token() {
    let folder = installed("echo ya29.a0_-/+=");
    let token = gcloud(&folder, Arc::new(Still)).token().await.ok().unwrap();
    assert_eq!(token.0, "ya29.a0_-/+=");
    assert_eq!(runs(&folder), ["auth print-access-token"]);
    assert_eq!(end(r"printf 'ya29.windows\r\n'").await, Ok("ya29.windows".to_owned()));
    assert_eq!(end("printf ya29.bare; echo WARNING >&2").await, Ok("ya29.bare".to_owned()));
}

#[tokio::test]
async fn nothing_else_is_taken_for_a_token() {
    let strange = Err("what gcloud printed is no token: run `gcloud auth login`");
    for does in [
        "true",
        "echo",
        "echo two words",
        "echo ya29.one; echo ya29.two",
        "echo ' ya29.space'",
        r"printf 'ya29.\000nul\n'",
        r"printf 'ya29.\033[31m\n'",
        "echo ya29.ä",
        r"printf '\377\376'",
        "head -c 20000 /dev/zero | tr '\\0' a",
    ] {
        assert_eq!(end(does).await, strange, "{does}");
    }
}

#[tokio::test]
async fn nobody_is_logged_in_and_one_line_says_what_to_do() {
    let none = Err("gcloud has no credentials: run `gcloud auth login`");
    assert_eq!(end("echo 'ERROR: no active account' >&2; exit 1").await, none);
    assert_eq!(end("echo ya29.secret; exit 1").await, none);
    // It is told so by the call that needed a token, which is not repeated.
    let folder = installed("exit 1");
    let program = folder.path().join("gcloud");
    let tokens = Tokens::from_source(move || {
        let gcloud = Gcloud::at(program.clone(), Arc::new(Still), OnItsWay::default());
        Box::pin(std::future::ready(Ok(Arc::new(gcloud) as Arc<dyn TokenProvider>)))
    });
    let server = Server::start([say(404, &[], b"")]).await;
    let err = bucket(&server, DEADLINE, tokens).get("a", None).await.unwrap_err();
    let says = "get a: no token: gcloud has no credentials: run `gcloud auth login`";
    assert_eq!(err.to_string(), says);
    assert_eq!((runs(&folder).len(), sent(&server)), (1, vec![]));
}

#[tokio::test]
async fn it_is_given_up_and_ended_when_it_takes_too_long() {
    let slow = "gcloud does not answer: see what `gcloud auth print-access-token` does, or run \
                `gcloud auth login`";
    assert_eq!(end("exec sleep 60").await, Err(slow));
    // It has printed a token and goes on: who knows what it would still say.
    assert_eq!(end("echo ya29.a; exec sleep 60 >/dev/null").await, Err(slow));
    // Somebody it has started keeps its output open.
    assert_eq!(end("echo ya29.a; sleep 5 &").await, Err(slow));
    // It never ends by itself, and does not survive.
    let folder = installed("echo $$ > \"$here/id\"; exec sleep 60");
    let asked = gcloud(&folder, Arc::new(Still)).with_patience(Duration::from_secs(1));
    assert!(asked.token().await.is_err());
    let id = fs::read_to_string(folder.path().join("id")).unwrap();
    let is_there = Path::new("/proc").join(id.trim()).exists();
    assert!(!is_there || !Path::new("/proc/self").exists(), "process {id} goes on");
}

#[tokio::test]
async fn a_token_is_kept_for_half_an_hour_and_a_refused_one_is_not() {
    let folder = installed("echo ya29.$(wc -l < \"$here/runs\" | tr -d ' ')");
    let clock = Arc::new(metadata_server::Set::default());
    let kept = gcloud(&folder, clock.clone());
    let asked = async || kept.token().await.map(|it| it.0.clone()).map_err(|err| err.text);
    let minutes = |minutes: i64| clock.0.store(minutes * 60_000, Ordering::Relaxed);
    assert_eq!(asked().await, Ok("ya29.1".to_owned()));
    minutes(29);
    assert_eq!(asked().await, Ok("ya29.1".to_owned()));
    minutes(30);
    assert_eq!(asked().await, Ok("ya29.2".to_owned()));

    let (program, on_its_way) = (folder.path().join("gcloud"), OnItsWay::default());
    let tokens = Tokens::from_source(move || {
        let gcloud = Gcloud::at(program.clone(), Arc::new(Still), on_its_way.clone());
        Box::pin(std::future::ready(Ok(Arc::new(gcloud) as Arc<dyn TokenProvider>)))
    });
    let refused = error(401, "authError");
    let server = Server::start([refused, say(404, &[], b"")]).await;
    assert_eq!(bucket(&server, DEADLINE, tokens).get("a", None).await.unwrap(), None);
    let sent = sent(&server).into_iter().flatten().collect::<Vec<_>>();
    assert_eq!(sent, ["Bearer ya29.3", "Bearer ya29.4"]);
}

#[tokio::test]
async fn whoever_has_waited_in_vain_is_followed_by_one_who_waits_on() {
    let folder = installed("sleep 1; echo ya29.slow");
    let (program, on_its_way) = (folder.path().join("gcloud"), OnItsWay::default());
    let tokens = Tokens::from_source(move || {
        let gcloud = Gcloud::at(program.clone(), Arc::new(Still), on_its_way.clone());
        Box::pin(std::future::ready(Ok(Arc::new(gcloud) as Arc<dyn TokenProvider>)))
    });
    for _ in 0..3 {
        let waited = tokio::time::timeout(Duration::from_millis(100), tokens.token()).await;
        assert!(waited.is_err());
    }
    assert_eq!(tokens.token().await.ok().unwrap().0, "ya29.slow");
    assert_eq!(runs(&folder).len(), 1);
}

#[test]
fn only_a_program_at_a_place_of_its_own_is_found() {
    let folder = installed("echo ya29.a");
    let program = folder.path().join("gcloud");
    let text = tempfile::tempdir().unwrap();
    fs::write(text.path().join("gcloud"), "no program").unwrap();
    let path = std::env::join_paths([Path::new("."), Path::new(""), text.path(), folder.path()]);
    assert_eq!(find(Some(&path.unwrap())), Some(program));
    let none = std::env::join_paths([Path::new("."), text.path()]).unwrap();
    assert_eq!((find(Some(&none)), find(None)), (None, None));
}

#[tokio::test]
async fn a_token_that_was_given_comes_before_gcloud() {
    let folder = installed("echo ya29.gcloud");
    let person = Person::new(Arc::new(Still));
    let path = Some(folder.path().as_os_str());
    let asked = async |given: Option<&str>| {
        let found = person.among(given.map(|it| given_token(Some(it.to_owned()))), path);
        found.map_err(|err| err.text)?.token().await.map(|it| it.0.clone()).map_err(|err| err.text)
    };
    assert_eq!(asked(Some("ya29.given")).await, Ok("ya29.given".to_owned()));
    assert_eq!(asked(Some("no token")).await, Err("GOOGLE_OAUTH_ACCESS_TOKEN is no token"));
    assert_eq!(runs(&folder).len(), 0);
    assert_eq!(asked(None).await, Ok("ya29.gcloud".to_owned()));
}

#[tokio::test]
async fn a_machine_with_neither_is_told_what_to_install() {
    // A port that nobody listens on.
    let gone = Server::start([say(200, &[], b"")]).await.host.clone();
    let gone = format!("{}:1", gone.split(':').next().unwrap());
    let server = crate::metadata_server::MetadataServer::at(&gone, DEADLINE, Arc::new(Still));
    let err = Last(server.ok().unwrap()).token().await.err().unwrap();
    assert!(err.text.contains("run `gcloud auth login`"), "{}", err.text);
    assert!(err.passes, "a metadata server that does not answer is asked again");
}
