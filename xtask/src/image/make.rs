//! From the sources of functions to their images, with what is attached to each.

use std::fs;

use anyhow::{Context as _, Result, ensure};

use super::assemble::{About, Base, Image, assemble, platform};
use super::attach::Attachment;
use super::blob::{Platform, media};
use super::choice::Choice;
use super::sbom::Packages;
use super::{Make, base, provenance, sbom, source};
use crate::build::compile::{self, Built, Differences, Place};
use crate::build::reproducible::Elsewhere;
use crate::build::select;
use crate::build::toolchain::Toolchain;
use crate::metadata::Function;
use crate::terminal::Terminal;
use crate::workspace::Workspace;

/// An image, the binary in it, and what is attached to it: SBOM and provenance.
pub(crate) struct Made {
    pub(crate) image: Image,
    pub(crate) built: Built,
    pub(crate) attachments: Vec<Attachment>,
}

/// All that images are made with, apart from binaries.
struct Workshop<'a> {
    workspace: &'a Workspace,
    options: &'a Make,
    functions: Vec<Function>,
    toolchain: Toolchain,
    platform: Platform,
    base: Base,
}

impl<'a> Workshop<'a> {
    async fn open(workspace: &'a Workspace, options: &'a Make) -> Result<Self> {
        let functions = select(workspace, &options.functions)?;
        let platform = platform(&options.target)?;
        check_linkage(&options.target, &options.base)?;
        let toolchain = Toolchain::find(&options.target)?;
        let base = options.base.base(&platform).await?;
        Ok(Self { workspace, options, functions, toolchain, platform, base })
    }

    /// The image with the binary of `function`, and what it says.
    fn image(&self, function: &Function, built: &Built) -> Result<(Image, About)> {
        let source = self.options.source.as_deref();
        let about = source::about(self.workspace, &function.name, source)?;
        let mut base = self.base.clone();
        if function.metadata.tzdata {
            base.layers.push(base::time_zones()?);
        }
        let binary = fs::read(&built.path).with_context(|| built.path.display().to_string())?;
        Ok((assemble(&about, &self.platform, &base, binary)?, about))
    }
}

/// Refuses a binary that would not start: our own base has no C library.
pub(crate) fn check_linkage(target: &str, base: &Choice) -> Result<()> {
    ensure!(
        target.contains("-linux-musl") || *base != Choice::Builtin,
        "a binary for {target} needs a C library, which the builtin base has not: choose a target \
         like x86_64-unknown-linux-musl, or a --base that has one"
    );
    Ok(())
}

/// Builds the functions and makes their images.
pub(crate) async fn make(
    workspace: &Workspace,
    options: &Make,
    terminal: &Terminal,
) -> Result<Vec<Made>> {
    let workshop = Workshop::open(workspace, options).await?;
    let Workshop { functions, toolchain, .. } = &workshop;
    let output = compile::output(workspace, &Place::of(workspace)?, toolchain, functions)?;
    let packages = Packages::read(workspace, &options.target)?;
    let mut all = Vec::new();
    terminal.begin(functions.len());
    for (function, built) in functions.iter().zip(output.built) {
        terminal.doing(format!("image of {}", function.name));
        let (image, about) = workshop.image(function, &built)?;
        let linked = packages.linked(&function.name, &output.libraries)?;
        let sbom = sbom::document(&packages, &linked, &built, &about, toolchain);
        let by = (about.source.as_deref(), &*options.builder);
        let base = (&options.base, &workshop.base);
        let provenance = provenance::statement(workspace, &image, &built, toolchain, base, by)?;
        let attachments = vec![
            Attachment::new(&image, media::SPDX, &sbom)?,
            Attachment::new(&image, media::IN_TOTO, &provenance)?,
        ];
        all.push(Made { image, built, attachments });
        terminal.step();
    }
    terminal.finish();
    Ok(all)
}

/// Whether another folder gives the images of `made`; says so.
pub(super) async fn is_reproducible(
    workspace: &Workspace,
    options: &Make,
    made: &[Made],
    terminal: &Terminal,
) -> Result<bool> {
    let workshop = Workshop::open(workspace, options).await?;
    let Workshop { functions, toolchain, .. } = &workshop;
    let elsewhere = Elsewhere::build(workspace, toolchain, functions, terminal)?;
    let mut differences = Differences::new();
    for ((function, built), here) in functions.iter().zip(&elsewhere.built).zip(made) {
        let there = workshop.image(function, built)?.0.manifest.digest;
        if here.image.manifest.digest != there {
            let here = here.image.manifest.digest.clone();
            differences.insert(function.name.clone(), (here, there));
        }
    }
    elsewhere.conclude(&differences, terminal)
}
