//! Terraform itself: the command named by TERRAFORM, or `terraform` on the PATH.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::{Context as _, Result, bail};

/// Names the command: `terraform`, or words that end with it.
const VARIABLE: &str = "TERRAFORM";

/// What `terraform init` says when the registry of providers cannot be reached.
const UNREACHABLE: [&str; 3] = [
    "Failed to query available provider packages",
    "could not connect to registry",
    "Failed to install provider",
];

/// What the provider takes for credentials; it asks nobody before it needs them.
const TOKEN: &str = "GOOGLE_OAUTH_ACCESS_TOKEN";

/// Where else it would find some. (Google provider, "Provider configuration reference".)
const CREDENTIALS: [&str; 3] =
    ["GOOGLE_CREDENTIALS", "GOOGLE_CLOUD_KEYFILE_JSON", "GCLOUD_KEYFILE_JSON"];

/// A command that runs Terraform.
#[derive(Clone, Debug)]
pub(crate) struct Tool {
    words: Vec<PathBuf>,
    /// Whether TERRAFORM names it, so that what fails is no excuse.
    named: bool,
    /// Whether it gets credentials that are none.
    harmless: bool,
}

impl Tool {
    /// The command, if there is one. Words with a slash are relative to `root`.
    pub(crate) fn find(root: &Path) -> Result<Option<Self>> {
        let Some(text) = std::env::var_os(VARIABLE).filter(|it| !it.is_empty()) else {
            let tool = Self { words: vec!["terraform".into()], named: false, harmless: false };
            let mut version = tool.command(root, ["version"]);
            let there = version.stdout(Stdio::null()).stderr(Stdio::null()).status();
            return Ok(there.is_ok_and(|it| it.success()).then_some(tool));
        };
        let text = text.into_string().ok().with_context(|| format!("{VARIABLE} is no text"))?;
        Ok(Some(Self::named(&text, root)))
    }

    /// The command that `text` says.
    pub(crate) fn named(text: &str, root: &Path) -> Self {
        Self { words: words(text, root), named: true, harmless: false }
    }

    /// The command, or an error that says how to get one.
    pub(crate) fn required(root: &Path) -> Result<Self> {
        Self::find(root)?.with_context(|| {
            format!("no terraform on the PATH: install it, or name its command in {VARIABLE}")
        })
    }

    /// The same, without anybody's credentials: it can plan what is not there yet, and touch nothing.
    pub(crate) fn harmless(self) -> Self {
        Self { harmless: true, ..self }
    }

    /// Runs it in `folder` to its end.
    pub(crate) fn output<S: AsRef<OsStr>>(
        &self,
        folder: &Path,
        arguments: impl IntoIterator<Item = S>,
    ) -> Result<Output> {
        let output = self.command(folder, arguments).stdin(Stdio::null()).output();
        output.with_context(|| format!("cannot start {:?}; is {VARIABLE} right?", self.words))
    }

    /// The same, and what it printed; an error in its own words when it fails.
    pub(crate) fn read<S: AsRef<OsStr>>(
        &self,
        folder: &Path,
        arguments: impl IntoIterator<Item = S>,
    ) -> Result<Vec<u8>> {
        let arguments: Vec<S> = arguments.into_iter().collect();
        let name = arguments.first().map(|it| it.as_ref().to_string_lossy().into_owned());
        let output = self.output(folder, arguments)?;
        if !output.status.success() {
            bail!("terraform {}: {}", name.unwrap_or_default(), errors(&output));
        }
        Ok(output.stdout)
    }

    /// Runs it with everything that it prints shown.
    pub(crate) fn show<S: AsRef<OsStr>>(
        &self,
        folder: &Path,
        arguments: impl IntoIterator<Item = S>,
    ) -> Result<bool> {
        let status = self.command(folder, arguments).status();
        let status = status.with_context(|| format!("cannot start {:?}", self.words))?;
        Ok(status.success())
    }

    /// `terraform init`; why it cannot be done here, where nobody can be blamed.
    pub(crate) fn init(&self, folder: &Path, backend: Option<&str>) -> Result<Option<String>> {
        let mut arguments =
            vec!["init".to_owned(), "-input=false".to_owned(), "-no-color".to_owned()];
        arguments.extend(backend.map(|file| format!("-backend-config={file}")));
        let output = self.output(folder, &arguments)?;
        if output.status.success() {
            return Ok(None);
        }
        let errors = errors(&output);
        if !self.named && UNREACHABLE.iter().any(|it| errors.contains(it)) {
            return Ok(Some("no provider can be reached".to_owned()));
        }
        bail!("terraform init: {errors}");
    }

    fn command<S: AsRef<OsStr>>(
        &self,
        folder: &Path,
        arguments: impl IntoIterator<Item = S>,
    ) -> Command {
        let mut words = self.words.iter();
        let mut command =
            Command::new(words.next().map_or_else(|| "terraform".into(), Clone::clone));
        command.args(words).args(arguments).current_dir(folder);
        command.env("TF_IN_AUTOMATION", "1").env("TF_INPUT", "0").env("CHECKPOINT_DISABLE", "1");
        if self.harmless {
            command.env(TOKEN, "none");
            for name in CREDENTIALS {
                command.env_remove(name);
            }
        }
        command
    }
}

/// The words of a command; those with a slash are files, and may be relative to `root`.
fn words(text: &str, root: &Path) -> Vec<PathBuf> {
    let word = |word: &str| if word.contains('/') { root.join(word) } else { word.into() };
    text.split_whitespace().map(word).collect()
}

/// The errors that Terraform printed, on one line.
fn errors(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr);
    let lines = text.lines().map(|it| it.trim_matches(['│', '╷', '╵', ' ']));
    let lines: Vec<&str> = lines.filter(|it| !it.is_empty()).collect();
    let from = lines.iter().position(|it| it.starts_with("Error: ")).unwrap_or_default();
    lines.get(from..).unwrap_or_default().join(" ")
}
