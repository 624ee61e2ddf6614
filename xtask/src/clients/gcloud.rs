//! Commands of gcloud, one after the other, with a configuration of their own.

mod pubsub;
mod storage;

pub(crate) use pubsub::PUBSUB;
pub(crate) use storage::STORAGE;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result, bail, ensure};

use super::environment::{Environment, LARGE_BYTES, PATTERN};
use super::install::Tool;
use super::suite::Suite;

/// A command that takes longer hangs.
const COMMAND_MAX: Duration = Duration::from_secs(150);

/// The content of `small.txt`.
const SMALL: &str = "what a person typed\n";

/// When local files were modified.
const MODIFIED_AT: SystemTime = SystemTime::UNIX_EPOCH;

/// One command and what must come of it.
pub(crate) struct Step {
    /// What a person reads.
    pub(crate) name: &'static str,
    /// The arguments of gcloud, with spaces between them; `{name}` stands for what was kept.
    pub(crate) run: &'static str,
    /// What it must do.
    pub(crate) expect: Expect,
}

/// What a command must do.
pub(crate) enum Expect {
    /// Succeed.
    Success,
    /// Succeed, and print exactly this, at its ends trimmed.
    Prints(&'static str),
    /// Succeed, and say all of these.
    Says(&'static [&'static str]),
    /// Succeed, and print one word, which is kept under this name.
    Keeps(&'static str),
    /// Succeed, after which these two files are the same.
    Same(&'static str, &'static str),
    /// Fail, and say this.
    Fails(&'static str),
}

/// Runs `steps`, whatever becomes of each.
pub(crate) async fn run(
    suite: &mut Suite<'_>,
    tool: &Tool,
    steps: &[Step],
    environment: &Environment,
) -> Result<()> {
    let mut gcloud = Gcloud::prepare(tool, environment)?;
    for step in steps {
        let ended = gcloud.step(step).await;
        suite.step(step.name, ended.err().map(|err| format!("{err:#}")))?;
    }
    Ok(())
}

struct Gcloud<'a> {
    program: &'a Path,
    environment: &'a Environment,
    variables: Vec<(&'static str, String)>,
    kept: BTreeMap<&'static str, String>,
}

impl<'a> Gcloud<'a> {
    fn prepare(tool: &'a Tool, environment: &'a Environment) -> Result<Self> {
        let folder = &environment.folder;
        fs::write(folder.join("small.txt"), SMALL)?;
        let large = PATTERN.bytes().cycle().take(LARGE_BYTES).collect::<Vec<u8>>();
        fs::write(folder.join("large.bin"), large)?;
        for file in ["tree/a.txt", "tree/b.json", "tree/c/1.txt", "tree/c/2.txt"] {
            let path = folder.join(file);
            fs::create_dir_all(path.parent().unwrap_or(folder))?;
            fs::write(&path, format!("{file}\n"))?;
            // gcloud uploads it as metadata, and compares it.
            fs::File::options().write(true).open(&path)?.set_modified(MODIFIED_AT)?;
        }
        let url = format!("{}/", environment.url);
        let mut variables = vec![
            ("CLOUDSDK_CONFIG", folder.join("config").display().to_string()),
            ("CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE", url.clone()),
            ("CLOUDSDK_API_ENDPOINT_OVERRIDES_PUBSUB", url),
        ];
        // One process and one thread: calls come in one order.
        let fixed = [
            ("CLOUDSDK_AUTH_DISABLE_CREDENTIALS", "true"),
            ("CLOUDSDK_CORE_PROJECT", "clients"),
            ("CLOUDSDK_CORE_DISABLE_USAGE_REPORTING", "true"),
            ("CLOUDSDK_CORE_DISABLE_PROMPTS", "true"),
            ("CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK", "true"),
            ("CLOUDSDK_SURVEY_DISABLE_PROMPTS", "true"),
            ("CLOUDSDK_STORAGE_PROCESS_COUNT", "1"),
            ("CLOUDSDK_STORAGE_THREAD_COUNT", "1"),
        ];
        variables.extend(fixed.map(|(name, value)| (name, value.to_owned())));
        Ok(Self { program: &tool.program, environment, variables, kept: BTreeMap::new() })
    }

    async fn step(&mut self, step: &Step) -> Result<()> {
        let line = self.filled(step.run);
        ensure!(!line.contains('{'), "a step before was to keep what {line:?} needs");
        let mut command = self.environment.command(self.program);
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command.args(line.split(' ')).stdin(std::process::Stdio::null());
        let output = tokio::time::timeout(COMMAND_MAX, command.output()).await;
        let output = output.with_context(|| format!("hangs for {} s", COMMAND_MAX.as_secs()))??;
        let printed = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        let said = format!("{printed}\n{}", String::from_utf8_lossy(&output.stderr));
        if let Expect::Fails(why) = step.expect {
            ensure!(!output.status.success(), "`gcloud {line}` succeeds");
            ensure!(said.contains(why), "`gcloud {line}` does not say {why:?}: {}", ends(&said));
            return Ok(());
        }
        ensure!(output.status.success(), "`gcloud {line}`: {}", ends(&said));
        self.check(step, printed, &said).with_context(|| format!("`gcloud {line}`"))
    }

    /// `text` with what was kept in place of its names.
    fn filled(&self, text: &str) -> String {
        let fill = |text: String, (name, value): (&&str, &String)| {
            text.replace(&format!("{{{name}}}"), value)
        };
        self.kept.iter().fold(text.to_owned(), fill)
    }

    fn check(&mut self, step: &Step, printed: String, said: &str) -> Result<()> {
        match step.expect {
            Expect::Success | Expect::Fails(_) => (),
            Expect::Prints(wanted) => {
                ensure!(printed == wanted.trim(), "prints {printed:?}, not {wanted:?}");
            }
            Expect::Says(wanted) => {
                for it in wanted.iter().map(|it| self.filled(it)) {
                    ensure!(said.contains(&it), "does not say {it:?}: {}", ends(said));
                }
            }
            Expect::Keeps(name) => {
                let is_word = !printed.is_empty() && !printed.contains(char::is_whitespace);
                ensure!(is_word, "prints {printed:?}, not one word");
                self.kept.insert(name, printed);
            }
            Expect::Same(one, other) => {
                let read = |file: &str| {
                    fs::read(self.environment.folder.join(file)).context(file.to_owned())
                };
                if read(one)? != read(other)? {
                    bail!("{one} and {other} differ");
                }
            }
        }
        Ok(())
    }
}

/// The last lines of what a command said: there it says why it failed.
fn ends(said: &str) -> String {
    const LINES_MAX: usize = 8;
    let lines: Vec<&str> = said.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(LINES_MAX)..].join(" | ")
}
