//! Another emulator, held against ours: the JSON API, the checks, random operations.

use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use emulator::{Emulator, Memory, SystemClock};
use store::conformance::Subject;
use store::conformance::random::Contestant;

use super::calls::{self, Call, Caller};
use super::shape::Shape;
use super::suite::one_line;
use super::{OPERATIONS_OF_OTHERS, Options, alike, run_prefix, stores, suite, unique};
use crate::http::{Answer, Server};
use crate::terminal::Terminal;

/// Compares the emulator at `url` with ours; whether nothing differs.
pub(super) async fn run(options: &Options, url: &str, terminal: &Terminal) -> Result<bool> {
    let bucket = format!("conform-{}", unique().to_lowercase());
    let theirs = Server::at(url)?;
    let ours = Emulator::start(emulator::Options::default()).await;
    let ours = ours.context("cannot start our emulator")?;
    let same_calls = compare(&ours, theirs, &bucket, terminal).await?;

    // What the calls have left there is of no matter to what has prefixes of its own.
    let client = stores::client(url, &bucket)?;
    let memory = Memory::new(&bucket, Arc::new(SystemClock), options.seed);
    let subjects = [
        ("ours", Subject::shared(&*memory, &*memory)),
        ("theirs", Subject::shared(&client, &client)),
    ];
    let kept = suite::run(&subjects, &run_prefix("conformance"), terminal).await?;
    let contestants = subjects.map(|(name, subject)| Contestant { name, store: subject.store });
    let amount = options.amount(OPERATIONS_OF_OTHERS);
    let alike = alike::run(&contestants, amount, terminal).await?;
    terminal.say(&format!("bucket {bucket} is left at {url}"))?;
    Ok(same_calls && kept && alike)
}

/// Makes every call on both and prints those that are answered differently; whether none is.
async fn compare(
    ours: &Emulator,
    theirs: Server,
    bucket: &str,
    terminal: &Terminal,
) -> Result<bool> {
    let calls = calls::all();
    terminal.begin(calls.len());
    let mut ours = Caller::new(Server::at(&ours.url())?, bucket);
    let mut theirs = Caller::new(theirs, bucket);
    let mut different = 0;
    for call in &calls {
        terminal.doing(call.name.to_owned());
        let (here, there) = (ours.call(call).await, theirs.call(call).await);
        terminal.step();
        if call.name == calls::CREATE.name {
            check_created(&there)?;
            terminal.say(&row("call", ["documented", "ours", "theirs"]))?;
        }
        let differences = match (&here, &there) {
            (Ok(here), Ok(there)) => Shape::of(here).differences(&Shape::of(there)),
            (Err(here), Err(there)) if here == there => Vec::new(),
            (_, Err(there)) => vec![there.clone()],
            (Err(here), _) => vec![format!("an answer, and ours: {here}")],
        };
        if !differences.is_empty() {
            different += 1;
            say(call, (&here, &there), &differences, terminal)?;
        }
    }
    let same = calls.len() - different;
    terminal
        .say(&format!("{} calls of the JSON API: {same} alike, {different} differ", calls.len()))?;
    Ok(different == 0)
}

type Ended = Result<Answer, String>;

fn check_created(answer: &Ended) -> Result<()> {
    match answer {
        Ok(answer) if answer.status == 200 => Ok(()),
        Ok(answer) => bail!(
            "that emulator creates no bucket: POST /storage/v1/b?project=conform gives {}, {}",
            answer.status,
            one_line(&String::from_utf8_lossy(&answer.body))
        ),
        Err(why) => bail!("{why}"),
    }
}

/// One call that is answered differently, and by whom as documented.
fn say(
    call: &Call,
    (here, there): (&Ended, &Ended),
    differences: &[String],
    terminal: &Terminal,
) -> Result<()> {
    let status = |ended: &Ended| match ended {
        Ok(answer) if answer.status == call.status => answer.status.to_string(),
        Ok(answer) => format!("{} (!)", answer.status),
        Err(_) => "none (!)".to_owned(),
    };
    terminal.say(&row(call.name, [&call.status.to_string(), &status(here), &status(there)]))?;
    for difference in differences {
        terminal.say(&format!("    theirs: {}", one_line(difference)))?;
    }
    Ok(())
}

fn row(name: &str, [documented, ours, theirs]: [&str; 3]) -> String {
    format!("{name:58}{documented:>11}{ours:>10}{theirs:>10}")
}
