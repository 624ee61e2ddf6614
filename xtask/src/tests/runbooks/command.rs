//! The operator and the manifest-compactor as programs that need no build of their own: this test
//! program becomes one of them. What is theirs alone in deployment, the clock, waits for nothing here.

use std::env;
use std::fs::{File, OpenOptions};
use std::path::Path;
use std::process::{self, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use clap::Parser as _;
use cloud_run::Config;
use domain::limits::HANDLER_BUDGET;
use domain::{BoxFuture, Clock, Env, Instant, Planted};
use emulator::SystemClock;
use operator::{Google, Operator, Place, Problem, Screen};
use store::Tools;

/// In the environment of a program: its words, each with [`END`] behind it.
const MARK: &str = "XTASK_RUNBOOK";

/// How many seconds its clock is ahead.
pub(super) const AHEAD: &str = "XTASK_RUNBOOK_AHEAD";

/// The test that becomes a program when it finds [`MARK`].
const TEST: &str = "tests::runbooks::every_page_has_a_run";

/// What ends a word. No word has it.
const END: char = '\u{1f}';

/// How long a program sleeps that wants to sleep for longer.
const SLEEP_MAX: Duration = Duration::from_millis(30);

/// Writes both programs into `folder`.
pub(super) fn install(folder: &Path) {
    let test = env::current_exe().unwrap();
    for program in ["operator", "manifest-compactor"] {
        let script = format!(
            "#!/bin/sh\nexport {MARK}=\"$(printf '%s\\037' {program} \"$@\")\"\n\
             exec 3>&1 4>&2\nexec '{}' {TEST} --exact --nocapture >/dev/null 2>&1\n",
            test.display()
        );
        // Written by a process of its own: whatever this one starts meanwhile would hold it open, and
        // what is open to be written cannot be executed.
        let mut write = Command::new("sh");
        write.args(["-c", "printf %s \"$1\" > \"$0\" && chmod +x \"$0\""]);
        write.arg(folder.join(program)).arg(script);
        assert!(write.stdin(Stdio::null()).status().unwrap().success());
    }
}

/// Ends this process as the program that somebody has asked for, if anybody has.
pub(super) fn become_program() {
    let Some(words) = env::var_os(MARK) else { return };
    let mut words: Vec<String> =
        words.into_string().unwrap().split(END).map(str::to_owned).collect();
    assert_eq!(words.pop().as_deref(), Some(""));
    let screen = Screen::on(open("/dev/fd/3"), open("/dev/fd/4"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let code = runtime.block_on(run(&words, &screen)).unwrap_or_else(|problem| {
        screen.hint(&format!("error: {problem}"));
        1
    });
    process::exit(code);
}

fn open(path: &str) -> File {
    OpenOptions::new().append(true).open(path).unwrap()
}

async fn run(words: &[String], screen: &Screen) -> Result<i32, Problem> {
    let wrong = |err: clap::Error| {
        screen.hint(&err.to_string());
        Ok(err.exit_code())
    };
    let config = Config::environment();
    if words[0] == "operator" {
        let cli = match operator::Cli::try_parse_from(words) {
            Ok(cli) => cli,
            Err(err) => return wrong(err),
        };
        let (place, google) = (place(words), Google::read(&config)?);
        let tools = tools(&place, &config)?;
        let (env, user, planted) = (place.env, config.read("USER")?, Planted::NONE);
        let operator = Operator { tools, env, user, google: &google, screen, planted };
        return Ok(i32::from(!operator::perform(&cli.command, operator).await?));
    }
    let cli = match manifest_compactor::Cli::try_parse_from(words) {
        Ok(cli) => cli,
        Err(err) => return wrong(err),
    };
    let tools = tools(&place(words), &config)?;
    let ended = manifest_compactor::perform(&cli.options, &tools, screen, Planted::NONE).await?;
    Ok(ended.code().into())
}

/// What the words say of it; clap has read them.
fn place(words: &[String]) -> Place {
    let said = |name: &str| {
        let at = words.iter().position(|it| it == name)?;
        words.get(at + 1).cloned()
    };
    let env = said("--env").map_or(Env::Dev, |it| it.parse().unwrap());
    Place { bucket: said("--bucket"), env }
}

fn tools(place: &Place, config: &Config) -> Result<Tools, Problem> {
    let ahead = env::var_os(AHEAD).map_or(0, |it| it.to_str().unwrap().parse().unwrap());
    let tools = place.tools(config, gcp::connect_person)?;
    Ok(Tools { clock: Arc::new(Hurried(AtomicU64::new(ahead * 1000))), ..tools })
}

/// The clock on the wall, and by how many milliseconds it is ahead: a long sleep moves it on instead.
struct Hurried(AtomicU64);

impl Clock for Hurried {
    fn now(&self) -> Instant {
        SystemClock.now().after(Duration::from_millis(self.0.load(Ordering::Relaxed)))
    }

    fn sleep(&self, delay: Duration) -> BoxFuture<'_, ()> {
        // This one is no wait: a handler that takes as long is given up.
        let slept = if delay == HANDLER_BUDGET { delay } else { delay.min(SLEEP_MAX) };
        let skipped = u64::try_from((delay - slept).as_millis()).unwrap_or(u64::MAX);
        self.0.fetch_add(skipped, Ordering::Relaxed);
        SystemClock.sleep(slept)
    }
}
