//! Documents that are attached to an image: manifests of their own that name it as their subject.
//! (OCI Image Specification 1.1, "Guidelines for Artifact Usage".)

use anyhow::Result;
use serde_json::{Value, json};

use super::assemble::Image;
use super::blob::{Blob, Descriptor, media};

/// A document about an image.
#[derive(Clone, Debug)]
pub(crate) struct Attachment {
    pub(crate) manifest: Blob,
    pub(crate) document: Blob,
    empty: Blob,
}

impl Attachment {
    /// Attaches `document` of the type `media_type` to `image`.
    pub(crate) fn new(image: &Image, media_type: &str, document: &Value) -> Result<Self> {
        let document = Blob::json(media_type, document)?;
        let empty = Blob::new(media::EMPTY, "{}");
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": media::MANIFEST,
            "artifactType": media_type,
            "config": empty.descriptor(),
            "layers": [document.descriptor()],
            "subject": image.manifest.descriptor(),
        });
        Ok(Self { manifest: Blob::json(media::MANIFEST, &manifest)?, document, empty })
    }

    /// Every blob but the manifest.
    pub(crate) fn blobs(&self) -> impl Iterator<Item = &Blob> {
        [&self.document, &self.empty].into_iter()
    }

    /// What the list of all that is attached says.
    pub(crate) fn descriptor(&self) -> Descriptor {
        let artifact_type = Some(self.document.media_type.clone());
        Descriptor { artifact_type, ..self.manifest.descriptor() }
    }
}

/// The tag under which all that is attached to the image of `digest` is listed. (OCI Distribution
/// Specification 1.1, "Referrers Tag Schema".)
pub(crate) fn tag(digest: &str) -> String {
    digest.replace(':', "-")
}
