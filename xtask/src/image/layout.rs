//! Folders of images. (OCI Image Specification 1.1, "Image Layout".)

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::assemble::Image;
use super::attach::Attachment;
use super::blob::{Blob, Descriptor, Platform, media};
use super::file;
use super::layer::{Entry, archive};

/// The annotation by which an image of a folder is found.
const NAME: &str = "org.opencontainers.image.ref.name";

/// The annotation that containerd, and so Docker, takes the name of an image from.
const FULL_NAME: &str = "io.containerd.image.name";

/// The files that a folder has beside blobs.
const VERSION: (&str, &str) = ("oci-layout", r#"{"imageLayoutVersion":"1.0.0"}"#);
const INDEX: &str = "index.json";

/// What is in a folder, or what an image for several platforms consists of.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Index {
    pub(crate) schema_version: u8,
    #[serde(default = "index_type")]
    pub(crate) media_type: String,
    pub(crate) manifests: Vec<Descriptor>,
}

fn index_type() -> String {
    media::INDEX.to_owned()
}

impl Index {
    pub(crate) fn new(manifests: Vec<Descriptor>) -> Self {
        Self { schema_version: 2, media_type: index_type(), manifests }
    }

    /// The only image for `platform`, called `name` if that is said.
    pub(crate) fn select(&self, platform: &Platform, name: Option<&str>) -> Result<&Descriptor> {
        let mut fitting = self.manifests.iter().filter(|it| {
            let called = it.annotations.get(NAME).map(String::as_str);
            name.is_none_or(|name| called == Some(name))
                && it.artifact_type.is_none()
                && it.platform.as_ref().is_none_or(|it| it.runs_on(platform))
        });
        let Platform { architecture, os, .. } = platform;
        let first = fitting.next();
        let first = first.with_context(|| format!("no image for {os}/{architecture} in it"))?;
        ensure!(fitting.next().is_none(), "several images for {os}/{architecture} in it");
        Ok(first)
    }
}

/// Images and what is attached to each, as the files of a folder, in order.
pub(crate) fn files(images: &[(&Image, &[Attachment])]) -> Result<Vec<(String, Vec<u8>)>> {
    let mut manifests = Vec::new();
    let mut files = vec![(VERSION.0.to_owned(), VERSION.1.as_bytes().to_vec())];
    let mut add = |blob: &Blob| files.push((file_of(&blob.digest), blob.bytes.to_vec()));
    for (image, attachments) in images {
        image.blobs().chain([&image.manifest]).for_each(&mut add);
        let mut descriptor = image.manifest.descriptor();
        let full = format!("localhost/{}:latest", image.function);
        descriptor.annotations.insert(NAME.to_owned(), image.function.clone());
        descriptor.annotations.insert(FULL_NAME.to_owned(), full);
        descriptor.platform = Some(image.platform.clone());
        manifests.push(descriptor);
        for attachment in *attachments {
            attachment.blobs().chain([&attachment.manifest]).for_each(&mut add);
            manifests.push(attachment.descriptor());
        }
    }
    files.push((INDEX.to_owned(), serde_json::to_vec(&Index::new(manifests))?));
    files.sort();
    files.dedup();
    Ok(files)
}

/// Writes images into `folder`; what is in it stays, apart from its index, which is replaced when all
/// that it names is there.
pub(crate) fn write(folder: &Path, images: &[(&Image, &[Attachment])]) -> Result<()> {
    let (last, first): (Vec<_>, Vec<_>) =
        files(images)?.into_iter().partition(|(name, _)| name == INDEX);
    for (name, content) in first.into_iter().chain(last) {
        file::write(&folder.join(name), &content)?;
    }
    Ok(())
}

/// The same as one file that `docker load` and `podman load` take: older ones read the list of
/// Docker in it, newer ones the index.
pub(crate) fn tarball(images: &[(&Image, &[Attachment])]) -> Result<Vec<u8>> {
    let mut files = files(images)?;
    let mut list = Vec::new();
    for (image, _) in images {
        list.push(json!({
            "Config": file_of(&image.config.digest),
            "RepoTags": [format!("localhost/{}:latest", image.function)],
            "Layers": image.layers.iter().map(|it| file_of(&it.blob.digest)).collect::<Vec<_>>(),
        }));
    }
    files.push(("manifest.json".to_owned(), serde_json::to_vec(&list)?));
    let folders = ["blobs", "blobs/sha256"].map(|name| Entry::folder(name, 0o755));
    let file = |(name, content): (String, Vec<u8>)| Entry::file(&name, 0o644, content);
    archive(folders.into_iter().chain(files.into_iter().map(file)).collect())
}

/// A folder that is read.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    /// What is in it.
    pub(crate) fn index(&self) -> Result<Index> {
        let path = self.0.join(INDEX);
        let text = fs::read(&path).with_context(|| format!("no OCI layout: {}", path.display()))?;
        serde_json::from_slice(&text).with_context(|| path.display().to_string())
    }

    /// The blob of `descriptor`.
    pub(crate) fn blob(&self, descriptor: &Descriptor) -> Result<Blob> {
        let plain = |it: &str| it.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let Some(hex) = descriptor.digest.strip_prefix("sha256:").filter(|it| plain(it)) else {
            bail!("{:?} is no digest that is known here", descriptor.digest);
        };
        let path = self.0.join("blobs/sha256").join(hex);
        let bytes = fs::read(&path).with_context(|| path.display().to_string())?;
        Blob::verified(descriptor, bytes.into())
    }
}

fn file_of(digest: &str) -> String {
    format!("blobs/{}", digest.replace(':', "/"))
}
