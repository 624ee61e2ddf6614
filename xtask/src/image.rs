//! `cargo xtask image`: images of functions, made without Docker.

pub(crate) mod assemble;
pub(crate) mod attach;
pub(crate) mod base;
pub(crate) mod blob;
pub(crate) mod choice;
pub(crate) mod container;
pub(crate) mod file;
pub(crate) mod layer;
pub(crate) mod layout;
pub(crate) mod lock;
pub(crate) mod make;
pub(crate) mod provenance;
pub(crate) mod push;
pub(crate) mod reference;
pub(crate) mod registry;
pub(crate) mod run;
pub(crate) mod sbom;
pub(crate) mod source;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::{Args, Subcommand};

use crate::build::TARGET;
use crate::terminal::Terminal;
use crate::workspace::Workspace;
use choice::Choice;
use container::Engine;
use lock::{Lock, Locked};
use make::Made;
use push::{Item, Push, Pushed};
use reference::Reference;
use registry::{Keychain, Patience, Registry};

/// Who builds when nobody else is named.
const BUILDER: &str = "urn:strata:xtask:local";

/// Digits of a revision that make a tag.
const TAG_DIGITS: usize = 12;

/// Makes OCI images of functions: no daemon, and nothing to pull.
///
/// An image is a base that all functions share (certificates, users, /tmp) and one layer with the
/// static binary. It runs as user 65532 and needs no file that it could write to. The same commit
/// gives the same digest; the revision in it is the last commit that changed what the function is
/// made of, so that an image of an unchanged function stays the same.
///
/// Without an output its digests are printed. What is pushed carries an SBOM (SPDX 2.3, of what is
/// linked) and its provenance (SLSA 1), and is written down for Terraform with its digest.
/// Credentials are those of docker's config.json, its helpers included, and of gcloud; SSL_CERT_FILE
/// adds roots of TLS.
#[derive(Args, Clone, Debug)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:
  cargo xtask image                                      every function: digests and sizes
  cargo xtask image index-writer --tarball i.tar         then: podman load -i i.tar
  cargo xtask image --output target/images               then: skopeo inspect oci:target/images:index-writer
  cargo xtask image --push europe-docker.pkg.dev/P/R     every function, to P's repository R
  cargo xtask image --push 127.0.0.1:5000/strata         a registry on this machine, over HTTP
  cargo xtask image index-writer --check-reproducible
                                                         the same digest from another folder
  cargo xtask image --base oci:distroless:nonroot --output o
  cargo xtask image run index-writer                     under podman or docker, with an emulator

Terraform reads what was pushed:
  jsondecode(file(\"images.lock.json\")).images[\"index-writer\"].reference"
)]
pub(crate) struct Options {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    make: Make,
}

#[derive(Clone, Debug, Subcommand)]
enum Command {
    Run(run::Options),
}

/// What is made, and where it goes.
#[derive(Args, Clone, Debug)]
pub(crate) struct Make {
    /// Functions; all when none is named.
    #[arg(value_name = "FUNCTION")]
    functions: Vec<String>,
    /// The target triple of the binaries.
    #[arg(long, value_name = "TRIPLE", default_value = TARGET)]
    target: String,
    /// What images are made on top of: builtin, oci:DIR[:NAME], or an image of a registry by its
    /// digest.
    #[arg(long, value_name = "BASE", default_value = "builtin")]
    base: Choice,
    /// Write an OCI layout: each image is called after its function.
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// Write one file that `docker load` and `podman load` take.
    #[arg(long, value_name = "FILE")]
    tarball: Option<PathBuf>,
    /// Push to PREFIX/FUNCTION; over HTTP only on this machine.
    #[arg(long, value_name = "PREFIX")]
    push: Option<String>,
    /// Tag what is pushed; the first digits of its revision when not said. May be repeated.
    #[arg(long = "tag", value_name = "TAG", requires = "push")]
    tags: Vec<String>,
    /// Write down here what was pushed, instead of in terraform/images.lock.json of the workspace;
    /// what is there of other functions stays.
    #[arg(long, value_name = "FILE", requires = "push")]
    lock: Option<PathBuf>,
    /// Write the SBOM and the provenance of each image into this folder.
    #[arg(long, value_name = "DIR")]
    attestations: Option<PathBuf>,
    /// Make each image again of a copy of the sources in another folder with an empty CARGO_HOME, and
    /// fail unless the digests are equal.
    #[arg(long)]
    check_reproducible: bool,
    /// Where the sources are; what Cargo.toml says as `repository` when not said.
    #[arg(long, value_name = "URL")]
    source: Option<String>,
    /// Who builds, in the provenance.
    #[arg(long, value_name = "URI", default_value = BUILDER)]
    builder: String,
}

impl Make {
    /// The images of `functions`, as they are usually made, and nothing else.
    pub(crate) fn of(functions: Vec<String>) -> Self {
        Self {
            functions,
            target: TARGET.to_owned(),
            base: Choice::Builtin,
            output: None,
            tarball: None,
            push: None,
            tags: Vec::new(),
            lock: None,
            attestations: None,
            check_reproducible: false,
            source: None,
            builder: BUILDER.to_owned(),
        }
    }
}

/// Makes the images of `functions` and has `engine` load them. Where their binaries are, by name.
pub(crate) async fn load(
    workspace: &Workspace,
    functions: Vec<String>,
    engine: &mut Engine,
    terminal: &Terminal,
) -> Result<BTreeMap<String, PathBuf>> {
    let made = make::make(workspace, &Make::of(functions), terminal).await?;
    let images: Vec<_> = made.iter().map(|it| (&it.image, it.attachments.as_slice())).collect();
    engine.load(&layout::tarball(&images)?, made.iter().map(|it| &*it.image.function))?;
    Ok(made.into_iter().map(|it| (it.built.function, it.built.path)).collect())
}

/// Makes what `options` say, or runs it.
pub(crate) fn run(options: &Options, terminal: &Terminal) -> Result<bool> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    match &options.command {
        Some(Command::Run(options)) => runtime.block_on(run::run(options, terminal)),
        None => runtime.block_on(make(&options.make, terminal)),
    }
}

async fn make(options: &Make, terminal: &Terminal) -> Result<bool> {
    options.tags.iter().try_for_each(|tag| reference::check_tag(tag))?;
    options.source.iter().try_for_each(|it| reference::check_source(it))?;
    // Before the build, which takes minutes.
    options.push.iter().try_for_each(|it| Reference::below(it, "any").map(drop))?;
    let workspace = Workspace::read()?;
    let made = make::make(&workspace, options, terminal).await?;
    terminal.say(&table(&made))?;
    if options.check_reproducible
        && !make::is_reproducible(&workspace, options, &made, terminal).await?
    {
        return Ok(false);
    }
    let images: Vec<_> = made.iter().map(|it| (&it.image, it.attachments.as_slice())).collect();
    if let Some(folder) = &options.output {
        layout::write(folder, &images)?;
        let first = made.first().map_or("", |it| &it.image.function);
        let folder = folder.display();
        terminal.say(&format!("written: {folder}; look: skopeo inspect oci:{folder}:{first}"))?;
    }
    if let Some(file) = &options.tarball {
        let content = layout::tarball(&images)?;
        file::write(file, &content)?;
        let file = file.display();
        terminal.say(&format!("written: {file}; load: podman load -i {file}"))?;
    }
    if let Some(folder) = &options.attestations {
        write_attestations(folder, &made)?;
        terminal.say(&format!("written: {}", folder.display()))?;
    }
    if let Some(prefix) = &options.push {
        push(&workspace, options, prefix, &made, terminal).await?;
    }
    Ok(true)
}

/// One line for each image, and what they take together: a blob that several share is stored once.
fn table(made: &[Made]) -> String {
    let width = made.iter().map(|it| it.image.function.len()).max().unwrap_or_default().max(8);
    let mut text = format!("{:width$}  {:>9}  {:>9}  digest", "function", "binary", "stored");
    let mut stored = BTreeMap::new();
    for Made { image, built, .. } in made {
        let blobs = image.blobs().chain([&image.manifest]);
        stored.extend(blobs.map(|it| (it.digest.clone(), it.bytes.len())));
        let (function, digest) = (&image.function, &image.manifest.digest);
        let line =
            format!("{function:width$}  {:>9}  {:>9}  {digest}", built.bytes, image.stored_bytes());
        // Writing to a string cannot fail.
        write!(text, "\n{line}").unwrap_or_default();
    }
    let shared: usize = stored.values().sum();
    write!(text, "\nall together {shared} bytes, compressed").unwrap_or_default();
    text
}

fn write_attestations(folder: &Path, made: &[Made]) -> Result<()> {
    for Made { image, attachments, .. } in made {
        for (attachment, kind) in attachments.iter().zip(["spdx", "provenance"]) {
            let path = folder.join(format!("{}.{kind}.json", image.function));
            file::write(&path, &attachment.document.bytes)?;
        }
    }
    Ok(())
}

async fn push(
    workspace: &Workspace,
    options: &Make,
    prefix: &str,
    made: &[Made],
    terminal: &Terminal,
) -> Result<()> {
    let mut items = Vec::new();
    for Made { image, attachments, .. } in made {
        let reference = Reference::below(prefix, &image.function)?;
        items.push(Item { image, attachments, reference, tags: tags(image, &options.tags) });
    }
    let Some(first) = items.first() else { return Ok(()) };
    let registry = Registry::of(&first.reference, Keychain::of_user()?, Patience::USUAL)?;
    let path = options.lock.clone().unwrap_or_else(|| workspace.root.join(lock::FILE));
    // One that cannot be read is an error before anything is pushed.
    Lock::read(&path)?;
    let mut all = BTreeMap::new();
    let mut push = Push::to(&registry, based_on(&options.base, &first.reference, made));
    terminal.begin(items.len());
    for (item, made) in items.iter().zip(made) {
        terminal.doing(format!("pushing {}", item.image.function));
        let pushed = push.push(item).await?;
        let reference = format!("{}@{}", item.reference.name(), item.image.manifest.digest);
        terminal.say(&format!("{reference}: {}", describe(pushed)))?;
        all.insert(item.image.function.clone(), locked(item, made, reference));
        terminal.step();
    }
    terminal.finish();
    Lock::add(&path, all)?;
    terminal.say(&format!("locked: {}", path.display()))
}

/// What the user asked for, or the first digits of the revision.
pub(crate) fn tags(image: &assemble::Image, asked: &[String]) -> Vec<String> {
    if !asked.is_empty() {
        return asked.to_vec();
    }
    let Some(revision) = &image.revision else { return vec!["latest".to_owned()] };
    let (digits, dirty) = match revision.strip_suffix("-dirty") {
        Some(digits) => (digits, "-dirty"),
        None => (revision.as_str(), ""),
    };
    vec![format!("{}{dirty}", digits.get(..TAG_DIGITS).unwrap_or(digits))]
}

/// Layers of a base that is in the registry that is pushed to, and their repository.
fn based_on(base: &Choice, to: &Reference, made: &[Made]) -> BTreeMap<String, String> {
    let Choice::Registry(from) = base else { return BTreeMap::new() };
    let layers = made.first().into_iter().flat_map(|it| &it.image.layers);
    let layers = layers.filter(|_| from.host == to.host);
    layers.map(|it| (it.blob.digest.clone(), from.repository.clone())).collect()
}

fn describe(pushed: Pushed) -> String {
    let Pushed { unchanged, uploaded, uploaded_bytes, mounted, present } = pushed;
    if unchanged {
        return "unchanged".to_owned();
    }
    format!("{uploaded} blobs sent, {uploaded_bytes} bytes; {mounted} mounted, {present} there")
}

fn locked(item: &Item<'_>, made: &Made, reference: String) -> Locked {
    let platform = &item.image.platform;
    Locked {
        reference,
        digest: item.image.manifest.digest.clone(),
        platform: format!("{}/{}", platform.os, platform.architecture),
        tags: item.tags.clone(),
        revision: item.image.revision.clone(),
        binary_sha256: made.built.sha256.clone(),
        bytes: item.image.stored_bytes(),
    }
}
