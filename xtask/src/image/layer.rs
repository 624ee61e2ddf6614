//! Layers: files as tar and gzip, in which nothing depends on the machine or the hour.
//! (OCI Image Specification 1.1, "Image Layer Filesystem Changeset".)

use anyhow::Result;
use libdeflater::{CompressionLvl, Compressor};
use tar::{EntryType, Header};

use super::blob::{Blob, digest, media};

/// The user and the group that images run as.
pub(crate) const NONROOT: u64 = 65_532;

/// A file or a folder of a layer.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// Its name from the root, without a slash at the beginning.
    pub(crate) name: String,
    pub(crate) mode: u32,
    /// The user and the group that own it.
    pub(crate) owner: u64,
    /// The content of a file; none for a folder.
    pub(crate) content: Option<Vec<u8>>,
}

impl Entry {
    /// A folder that root owns.
    pub(crate) fn folder(name: &str, mode: u32) -> Self {
        Self { name: name.to_owned(), mode, owner: 0, content: None }
    }

    /// A file that root owns.
    pub(crate) fn file(name: &str, mode: u32, content: impl Into<Vec<u8>>) -> Self {
        Self { name: name.to_owned(), mode, owner: 0, content: Some(content.into()) }
    }

    /// The same, owned by [`NONROOT`].
    pub(crate) fn of_nonroot(self) -> Self {
        Self { owner: NONROOT, ..self }
    }
}

/// A layer as it is stored, and what images say of its content.
#[derive(Clone, Debug)]
pub(crate) struct Layer {
    pub(crate) blob: Blob,
    /// The digest of the tar.
    pub(crate) diff_id: String,
    /// The command of the image's history that made it.
    pub(crate) created_by: String,
}

impl Layer {
    /// The layer of `entries`, in the order of their names.
    pub(crate) fn new(created_by: &str, entries: Vec<Entry>) -> Result<Self> {
        let tar = archive(entries)?;
        let blob = Blob::new(media::LAYER, gzip(&tar)?);
        Ok(Self { blob, diff_id: digest(&tar), created_by: created_by.to_owned() })
    }
}

/// A tar of `entries`, written at the beginning of time.
pub(crate) fn archive(mut entries: Vec<Entry>) -> Result<Vec<u8>> {
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    let mut builder = tar::Builder::new(Vec::new());
    for entry in entries {
        let content = entry.content.as_deref().unwrap_or_default();
        let folder = entry.content.is_none();
        let mut header = Header::new_ustar();
        header.set_entry_type(if folder { EntryType::Directory } else { EntryType::Regular });
        header.set_path(if folder { entry.name + "/" } else { entry.name })?;
        header.set_mode(entry.mode);
        header.set_uid(entry.owner);
        header.set_gid(entry.owner);
        header.set_mtime(0);
        header.set_size(content.len() as u64);
        header.set_cksum();
        builder.append(&header, content)?;
    }
    Ok(builder.into_inner()?)
}

/// Compresses without a name, a time or a system in the header.
pub(crate) fn gzip(content: &[u8]) -> Result<Vec<u8>> {
    let mut compressor = Compressor::new(CompressionLvl::best());
    let mut compressed = vec![0; compressor.gzip_compress_bound(content.len())];
    let bytes = compressor.gzip_compress(content, &mut compressed)?;
    compressed.truncate(bytes);
    Ok(compressed)
}
