//! From the sources of functions to their images, with what is attached to each.

use std::fs;

use anyhow::{Context as _, Result};

use super::assemble::{Base, Image, assemble, platform};
use super::attach::Attachment;
use super::blob::media;
use super::sbom::Packages;
use super::{Make, base, provenance, sbom, source};
use crate::build::compile::{self, Built, Place};
use crate::build::select;
use crate::build::toolchain::Toolchain;
use crate::terminal::Terminal;
use crate::workspace::Workspace;

/// An image, the binary in it, and what is attached to it: SBOM and provenance.
pub(crate) struct Made {
    pub(crate) image: Image,
    pub(crate) built: Built,
    pub(crate) attachments: Vec<Attachment>,
}

/// Builds the functions and makes their images.
pub(crate) async fn make(
    workspace: &Workspace,
    options: &Make,
    terminal: &Terminal,
) -> Result<Vec<Made>> {
    let functions = select(workspace, &options.functions)?;
    let platform = platform(&options.target)?;
    let toolchain = Toolchain::find(&options.target)?;
    let shared = options.base.base(&platform).await?;
    let place = Place::of(workspace)?;
    let output = compile::output(workspace, &place, &toolchain, &functions)?;
    let packages = Packages::read(workspace, &options.target)?;
    let mut all = Vec::new();
    terminal.begin(functions.len());
    for (function, built) in functions.iter().zip(output.built) {
        terminal.doing(format!("image of {}", function.name));
        let about = source::about(workspace, &function.name, options.source.as_deref())?;
        let mut base = shared.clone();
        add_time_zones(&mut base, function.metadata.tzdata)?;
        let binary = fs::read(&built.path).with_context(|| built.path.display().to_string())?;
        let image = assemble(&about, &platform, &base, binary)?;
        let linked = packages.linked(&function.name, &output.libraries)?;
        let sbom = sbom::document(&packages, &linked, &built, &about, &toolchain);
        let by = (&*options.base.to_string(), about.source.as_deref(), &*options.builder);
        let provenance = provenance::statement(workspace, &image, &built, &toolchain, by)?;
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

fn add_time_zones(base: &mut Base, wanted: bool) -> Result<()> {
    if wanted {
        base.layers.push(base::time_zones()?);
    }
    Ok(())
}
