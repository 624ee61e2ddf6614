//! What a registry is given, in an order in which nothing is named before it is there.
//!
//! Blobs, then the manifest by its digest, then what is attached to it and the list of that, and at
//! last the tags. So whoever finds the last tag finds everything, and a push that was cut off is
//! taken up by the next one.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use serde_json::Value;

use super::assemble::Image;
use super::attach::{self, Attachment};
use super::blob::{Blob, media};
use super::layout::Index;
use super::reference::Reference;
use super::registry::{Registry, Stored};

/// An image, what is attached to it, and its place in the registry.
pub(crate) struct Item<'a> {
    pub(crate) image: &'a Image,
    pub(crate) attachments: &'a [Attachment],
    pub(crate) reference: Reference,
    /// What it can be called besides its digest. The last one is written last of all.
    pub(crate) tags: Vec<String>,
}

/// What a push took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pushed {
    /// Everything was there.
    pub(crate) unchanged: bool,
    pub(crate) uploaded: usize,
    pub(crate) uploaded_bytes: usize,
    pub(crate) mounted: usize,
    pub(crate) present: usize,
}

/// One push of several images to one registry.
pub(crate) struct Push<'a> {
    registry: &'a Registry,
    /// Repositories that have a blob, by its digest.
    places: BTreeMap<String, String>,
}

impl<'a> Push<'a> {
    /// A push to `registry`, which has `layers` in some repository of its own.
    pub(crate) fn to(registry: &'a Registry, layers: BTreeMap<String, String>) -> Self {
        Self { registry, places: layers }
    }

    /// Makes the registry have `item`.
    pub(crate) async fn push(&mut self, item: &Item<'_>) -> Result<Pushed> {
        let mut pushed = Pushed::default();
        if self.is_there(item).await? {
            pushed.unchanged = true;
        } else {
            self.blobs(item, item.image.blobs(), &mut pushed).await?;
            let Item { image, reference, .. } = item;
            let repository = &reference.repository;
            let manifest = &image.manifest;
            self.registry.put_manifest(repository, &manifest.digest, manifest).await?;
            self.attach(item, &mut pushed).await?;
            for tag in &item.tags {
                self.registry.put_manifest(repository, tag, manifest).await?;
            }
        }
        for layer in &item.image.layers {
            let place = item.reference.repository.clone();
            self.places.entry(layer.blob.digest.clone()).or_insert(place);
        }
        Ok(pushed)
    }

    /// Whether every tag says this image, which is said when all the rest is there.
    async fn is_there(&self, item: &Item<'_>) -> Result<bool> {
        for tag in &item.tags {
            let there = self.registry.head(&item.reference.repository, tag).await?;
            if there.as_ref() != Some(&item.image.manifest.digest) {
                return Ok(false);
            }
        }
        Ok(!item.tags.is_empty())
    }

    async fn blobs(
        &self,
        item: &Item<'_>,
        blobs: impl Iterator<Item = &Blob>,
        pushed: &mut Pushed,
    ) -> Result<()> {
        let repository = &item.reference.repository;
        for blob in blobs {
            let elsewhere = self.places.get(&blob.digest).map(String::as_str);
            let elsewhere = elsewhere.filter(|it| it != repository);
            match self.registry.put_blob(repository, blob, elsewhere).await? {
                Stored::Present => pushed.present += 1,
                Stored::Mounted => pushed.mounted += 1,
                Stored::Uploaded => {
                    pushed.uploaded += 1;
                    pushed.uploaded_bytes += blob.bytes.len();
                }
            }
        }
        Ok(())
    }

    async fn attach(&self, item: &Item<'_>, pushed: &mut Pushed) -> Result<()> {
        let repository = &item.reference.repository;
        let mut listed = true;
        for attachment in item.attachments {
            self.blobs(item, attachment.blobs(), pushed).await?;
            let manifest = &attachment.manifest;
            listed &= self.registry.put_manifest(repository, &manifest.digest, manifest).await?;
        }
        if listed { Ok(()) } else { self.list(item).await }
    }

    /// Lists what is attached where the registry does not, beside what others have attached.
    async fn list(&self, item: &Item<'_>) -> Result<()> {
        let repository = &item.reference.repository;
        let tag = attach::tag(&item.image.manifest.digest);
        let mut list: Value = match self.registry.manifest(repository, &tag).await? {
            Some(list) => serde_json::from_slice(&list.bytes).unwrap_or_default(),
            None => serde_json::to_value(Index::new(Vec::new()))?,
        };
        // What others said stays word for word, known here or not.
        let Some(listed) = list["manifests"].as_array_mut() else {
            bail!("{repository}:{tag} is no list of what is attached");
        };
        let before = listed.len();
        for attachment in item.attachments {
            let descriptor = attachment.descriptor();
            if !listed.iter().any(|it| it["digest"] == descriptor.digest) {
                listed.push(serde_json::to_value(descriptor)?);
            }
        }
        if listed.len() > before {
            let list = Blob::json(media::INDEX, &list)?;
            self.registry.put_manifest(repository, &tag, &list).await?;
        }
        Ok(())
    }
}
