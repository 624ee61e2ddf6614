//! Content with its digest, and how manifests speak of it. (OCI Image Specification 1.1,
//! "Content Descriptors".)

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::build::compile::hex;

/// Media types that are read or written.
pub(crate) mod media {
    pub(crate) const INDEX: &str = "application/vnd.oci.image.index.v1+json";
    pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
    pub(crate) const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
    pub(crate) const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
    pub(crate) const EMPTY: &str = "application/vnd.oci.empty.v1+json";
    pub(crate) const SPDX: &str = "application/spdx+json";
    pub(crate) const IN_TOTO: &str = "application/vnd.in-toto+json";
    pub(crate) const DOCKER_INDEX: &str =
        "application/vnd.docker.distribution.manifest.list.v2+json";
    pub(crate) const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
    pub(crate) const DOCKER_LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";
}

/// Bytes, and what they are called.
#[derive(Clone, Debug)]
pub(crate) struct Blob {
    pub(crate) media_type: String,
    pub(crate) digest: String,
    pub(crate) bytes: Bytes,
}

/// What a manifest or an index says of a blob.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Descriptor {
    pub(crate) media_type: String,
    pub(crate) digest: String,
    pub(crate) size: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) artifact_type: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) annotations: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) platform: Option<Platform>,
}

/// What an image runs on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Platform {
    pub(crate) architecture: String,
    pub(crate) os: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) variant: Option<String>,
}

impl Platform {
    /// Whether what is for this runs on `other`. (OCI Image Specification 1.1, "Platform Variants":
    /// arm64 is v8 whether or not it says so.)
    pub(crate) fn runs_on(&self, other: &Self) -> bool {
        let variant = |it: &Self| match (&*it.architecture, it.variant.as_deref()) {
            ("arm64", Some("v8")) => None,
            (_, variant) => variant.map(str::to_owned),
        };
        let same = (&self.os, &self.architecture) == (&other.os, &other.architecture);
        same && variant(self) == variant(other)
    }
}

impl Blob {
    /// `bytes` under the digest that they have.
    pub(crate) fn new(media_type: &str, bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Self { media_type: media_type.to_owned(), digest: digest(&bytes), bytes }
    }

    /// A document. Whoever makes the same one gets the same digest.
    pub(crate) fn json(media_type: &str, document: &impl Serialize) -> Result<Self> {
        Ok(Self::new(media_type, serde_json::to_vec(document)?))
    }

    /// `bytes` under the digest that they must have.
    pub(crate) fn verified(wanted: &Descriptor, bytes: Bytes) -> Result<Self> {
        let blob = Self::new(&wanted.media_type, bytes);
        let right = blob.digest == wanted.digest && blob.bytes.len() as u64 == wanted.size;
        ensure!(right, "{} has other content: {}", wanted.digest, blob.digest);
        Ok(blob)
    }

    /// What manifests say of it.
    pub(crate) fn descriptor(&self) -> Descriptor {
        Descriptor {
            media_type: self.media_type.clone(),
            digest: self.digest.clone(),
            size: self.bytes.len() as u64,
            artifact_type: None,
            annotations: BTreeMap::new(),
            platform: None,
        }
    }
}

/// The digest of `bytes`, with the name of its algorithm.
pub(crate) fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", hex(&Sha256::digest(bytes)))
}
