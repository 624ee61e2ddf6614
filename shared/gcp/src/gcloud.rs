//! Tokens of `gcloud`, which knows who the person at this machine is: as a child process, whose
//! account, configuration and impersonation are left to it.

use std::ffi::OsStr;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant as Moment};

use domain::{BoxFuture, Clock, Instant};
use tokio::sync::{Mutex, oneshot};

use crate::tokens::{Token, TokenError, TokenProvider};

/// What it is called on the PATH.
const PROGRAM: &str = "gcloud";

/// The one thing that is asked of it.
const ARGUMENTS: [&str; 2] = ["auth", "print-access-token"];

/// How long it may take: below the deadline of a call, so that it is told who was slow. It starts an
/// interpreter, and asks Google when its own token is about to expire.
const PATIENCE: Duration = Duration::from_secs(18);

/// Between two looks whether it has ended.
const LOOK: Duration = Duration::from_millis(10);

/// For how long what it printed is used. It prints no time: a token that is new is good for an hour
/// unless an organisation says less, and one that is refused is asked for again.
const AGE_MAX: Duration = Duration::from_secs(30 * 60);

/// The most that is read of what it prints: tokens have at most a few thousand bytes.
const PRINTED_BYTES_MAX: u64 = 16 * 1024;

type Answer = Result<Arc<Token>, TokenError>;

/// An answer that is on its way. Whoever has waited for it may have gone: it takes longer than one
/// attempt of a call may, and the next one waits on.
#[derive(Clone, Default)]
pub(crate) struct OnItsWay(Arc<Mutex<Option<oneshot::Receiver<Answer>>>>);

/// Asks `gcloud`, and keeps what it says.
pub(crate) struct Gcloud {
    program: PathBuf,
    patience: Duration,
    clock: Arc<dyn Clock>,
    on_its_way: OnItsWay,
    kept: Mutex<Option<(Arc<Token>, Instant)>>,
}

/// Where it is, by the value of `PATH`. What is said relative to the folder one happens to be in is
/// not looked at: somebody else may have put something there.
pub(crate) fn find(path: Option<&OsStr>) -> Option<PathBuf> {
    let folders = std::env::split_paths(path?).filter(|folder| folder.is_absolute());
    folders.map(|folder| folder.join(PROGRAM)).find(|program| is_program(program))
}

#[cfg(unix)]
fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    path.metadata().is_ok_and(|it| it.is_file() && it.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_program(path: &Path) -> bool {
    path.is_file()
}

impl Gcloud {
    /// The program at `program`; what another has begun to ask it is waited for.
    pub(crate) fn at(program: PathBuf, clock: Arc<dyn Clock>, on_its_way: OnItsWay) -> Self {
        Self { program, patience: PATIENCE, clock, on_its_way, kept: Mutex::new(None) }
    }

    /// The same, which is given up after `patience`.
    #[cfg(test)]
    pub(crate) fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    async fn fetch(&self) -> Answer {
        let mut on_its_way = self.on_its_way.0.lock().await;
        let receiver = on_its_way.get_or_insert_with(|| start(&self.program, self.patience));
        let answer = receiver.await;
        *on_its_way = None;
        answer.unwrap_or(Err(lasts("gcloud cannot be started")))
    }
}

impl TokenProvider for Gcloud {
    fn token(&self) -> BoxFuture<'_, Answer> {
        Box::pin(async {
            let mut kept = self.kept.lock().await;
            if let Some((token, until)) = &*kept
                && self.clock.now() < *until
            {
                return Ok(Arc::clone(token));
            }
            let asked_at = self.clock.now();
            let token = self.fetch().await?;
            *kept = Some((Arc::clone(&token), asked_at.after(AGE_MAX)));
            Ok(token)
        })
    }
}

/// Asks on a thread of its own: waiting for a process blocks.
fn start(program: &Path, patience: Duration) -> oneshot::Receiver<Answer> {
    let (sender, receiver) = oneshot::channel();
    let program = program.to_owned();
    let thread = std::thread::Builder::new();
    // Where there is no thread, the receiver is told that nothing comes.
    drop(thread.spawn(move || sender.send(ask(&program, patience)).unwrap_or_default()));
    receiver
}

/// Runs it once. What it prints on standard error is not shown: it is several lines, and says less
/// here than where a person runs it.
fn ask(program: &Path, patience: Duration) -> Answer {
    let ends_at = Moment::now() + patience;
    let spawned = Command::new(program)
        .args(ARGUMENTS)
        .env("CLOUDSDK_CORE_DISABLE_PROMPTS", "1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let mut child = spawned.map_err(|_| lasts("gcloud cannot be started"))?;
    let printed = printed(&mut child, ends_at);
    let ended_well = printed.is_ok().then(|| wait(&mut child, ends_at)).flatten();
    if ended_well.is_none() {
        // It may have ended by itself meanwhile.
        child.kill().unwrap_or_default();
        child.wait().map(|_| ()).unwrap_or_default();
    }
    match (printed?, ended_well) {
        (_, None) => Err(slow()),
        (_, Some(false)) => Err(lasts("gcloud has no credentials: run `gcloud auth login`")),
        (printed, Some(true)) => token(printed).ok_or_else(strange),
    }
}

/// All that it prints, if that is little and comes in time.
fn printed(child: &mut Child, ends_at: Moment) -> Result<Vec<u8>, TokenError> {
    let output = child.stdout.take().ok_or_else(strange)?;
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut printed = Vec::new();
        let read = output.take(PRINTED_BYTES_MAX + 1).read_to_end(&mut printed);
        // Nobody waits any more when time was up.
        sender.send(read.map(|_| printed)).unwrap_or_default();
    });
    let read = receiver.recv_timeout(ends_at.saturating_duration_since(Moment::now()));
    let printed = read.map_err(|err| match err {
        RecvTimeoutError::Timeout => slow(),
        RecvTimeoutError::Disconnected => strange(),
    })?;
    let printed = printed.map_err(|_| strange())?;
    let is_little = printed.len() as u64 <= PRINTED_BYTES_MAX;
    if is_little { Ok(printed) } else { Err(strange()) }
}

/// Whether it ended well; `None` when it did not end in time.
fn wait(child: &mut Child, ends_at: Moment) -> Option<bool> {
    loop {
        if let Some(status) = child.try_wait().ok()? {
            return Some(status.success());
        }
        if Moment::now() >= ends_at {
            return None;
        }
        std::thread::sleep(LOOK);
    }
}

/// One token on one line, and nothing else.
fn token(printed: Vec<u8>) -> Option<Arc<Token>> {
    let text = String::from_utf8(printed).ok()?;
    let text = text.strip_suffix('\n').unwrap_or(&text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    let is_token = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
    is_token.then(|| Arc::new(Token(text.to_owned())))
}

fn slow() -> TokenError {
    lasts(
        "gcloud does not answer: see what `gcloud auth print-access-token` does, or run `gcloud auth login`",
    )
}

fn strange() -> TokenError {
    lasts("what gcloud printed is no token: run `gcloud auth login`")
}

fn lasts(text: &'static str) -> TokenError {
    TokenError { text, passes: false }
}
