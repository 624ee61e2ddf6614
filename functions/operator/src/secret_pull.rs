//! `secret-pull`: variables for a shell on this machine, with values from Secret Manager.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use domain::{Clock, Ids};

use crate::google::{Google, Project};
use crate::{Problem, Screen};
use egress::secret::Secret;

/// The most that is read of a mapping.
const MAPPING_BYTES_MAX: u64 = 256 * 1024;

/// Writes values of Secret Manager into a file that a shell reads.
///
/// Each variable is NAME=SECRET, where SECRET is the name of a secret in the project, or
/// projects/PROJECT/secrets/NAME with or without /versions/VERSION; the latest version when none is
/// said. Nothing is written before everything is there. The file is readable by you alone from its
/// first byte, is never printed, and does not replace one that is there. Have a shell read it:
/// `set -a; . ./.env.local; set +a`. docs/SECRETS.md says which secrets there are.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  secret-pull SLACK_TOKEN=dev-slack-token --project acme-dev
  secret-pull --file secrets.map --force            each line NAME=SECRET, # begins a comment
  secret-pull API_KEY=projects/acme-dev/secrets/api-key/versions/5 --to /tmp/env
  set -a; . ./.env.local; set +a                    what to do with it")]
pub struct Options {
    #[command(flatten)]
    project: Project,
    /// Variables and the secrets that are their values.
    #[arg(value_name = "NAME=SECRET")]
    variables: Vec<String>,
    /// A file with such a line for each.
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// The file that is written.
    #[arg(long, value_name = "FILE", default_value = ".env.local")]
    to: PathBuf,
    /// Replace the file that is there.
    #[arg(long)]
    force: bool,
}

/// Pulls what `options` name, and says what was pulled and nothing of it.
pub(crate) async fn run(
    options: &Options,
    google: &Google,
    (clock, ids): (Arc<dyn Clock>, Arc<dyn Ids>),
    screen: &Screen,
) -> Result<bool, Problem> {
    let mapping = mapping(options)?;
    let shown = options.to.display();
    let there = || Problem::new(format!("{shown} is there already: --force replaces it"));
    // Before anything is asked. A link that leads nowhere is there too.
    if !options.force && options.to.symlink_metadata().is_ok() {
        return Err(there());
    }
    let part = format!(".{:032x}.part", ids.random());
    let services = google.open_with(&options.project, clock, ids)?;
    let mut text = "# Values of secrets: not to be committed, nor passed on.\n".to_owned();
    let mut pulled = Vec::new();
    for (name, secret) in &mapping {
        let (value, version) = services.secret(secret).await?;
        text += &format!("{name}={}\n", quoted(&value));
        pulled.push(format!("{name} from {version}"));
    }
    write(&options.to, &part, &text, options.force).map_err(|err| match err.kind() {
        io::ErrorKind::AlreadyExists => there(),
        _ => Problem::new(format!("{shown}: {err}")),
    })?;
    for line in &pulled {
        screen.say(line)?;
    }
    screen.hint(&format!("{} variables in {shown}, for you alone", pulled.len()));
    Ok(true)
}

/// Variables and their secrets, each once.
fn mapping(options: &Options) -> Result<BTreeMap<String, Secret>, Problem> {
    let mut lines: Vec<(String, String)> = Vec::new();
    if let Some(file) = &options.file {
        let failed = |err: io::Error| Problem::new(format!("{}: {err}", file.display()));
        let mut text = String::new();
        let read =
            File::open(file).and_then(|it| it.take(MAPPING_BYTES_MAX).read_to_string(&mut text));
        read.map_err(failed)?;
        let numbered = text.lines().enumerate().map(|(at, line)| (at + 1, line.trim()));
        let wanted = numbered.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
        let place = |at: usize| format!("{}, line {at}", file.display());
        lines.extend(wanted.map(|(at, line)| (place(at), line.to_owned())));
    }
    lines.extend(options.variables.iter().map(|it| ("the command line".to_owned(), it.clone())));
    let mut mapping = BTreeMap::new();
    for (place, line) in lines {
        // What stands here may be a value that somebody has taken for a secret's name.
        let wrong = || {
            Problem::new(format!(
                "{place}: not NAME=SECRET, with a secret's name or projects/P/secrets/NAME/versions/V"
            ))
        };
        let (name, secret) = line.split_once('=').ok_or_else(wrong)?;
        let secret = Secret::parse(secret.trim()).ok_or_else(wrong)?;
        let name = name.trim();
        if !is_variable(name) {
            return Err(wrong());
        }
        if mapping.insert(name.to_owned(), secret).is_some() {
            return Err(Problem::new(format!("{place}: {name} is there twice")));
        }
    }
    if mapping.is_empty() {
        return Err(Problem::new("nothing to pull: say NAME=SECRET, or --file FILE"));
    }
    Ok(mapping)
}

fn is_variable(name: &str) -> bool {
    let first = name.bytes().next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
    first && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// As a shell reads it back exactly: between single quotes everything stands for itself but they.
/// (POSIX, Shell Command Language, 2.2.2.)
fn quoted(value: &str) -> String {
    format!("'{}'", value.replace('\'', r"'\''"))
}

/// Writes the whole file beside its place, and then puts it there in one step.
fn write(to: &Path, part: &str, text: &str, force: bool) -> io::Result<()> {
    let part = to.with_file_name(part);
    let written = create(&part).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()
    });
    let placed = written.and_then(|()| match force {
        true => fs::rename(&part, to),
        // Unlike a rename this fails where there is something, whoever has put it there meanwhile.
        false => fs::hard_link(&part, to),
    });
    match fs::remove_file(&part) {
        Err(err) if err.kind() != io::ErrorKind::NotFound => placed.and(Err(err)),
        _ => placed,
    }
}

/// A file that was not there, and that nobody else may ever read.
#[cfg(unix)]
fn create(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

#[cfg(not(unix))]
fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).open(path)
}
