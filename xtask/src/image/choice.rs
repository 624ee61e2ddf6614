//! The choice of a base: our own, a folder, or an image of a registry by its digest.

use std::path::PathBuf;
use std::str::FromStr;

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;
use serde_json::Value;

use super::assemble::Base;
use super::base;
use super::blob::{Blob, Descriptor, Platform, media};
use super::layer::Layer;
use super::layout::{Folder, Index};
use super::reference::Reference;
use super::registry::{Keychain, Patience, Registry};

/// What images are made on top of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    /// Certificates, users and folders, made here.
    Builtin,
    /// An image in an OCI layout, called by a name if there are several.
    Folder(PathBuf, Option<String>),
    /// An image of a registry.
    Registry(Reference),
}

impl FromStr for Choice {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        if text == "builtin" {
            return Ok(Self::Builtin);
        }
        if let Some(place) = text.strip_prefix("oci:") {
            let named = place.rsplit_once(':').filter(|(_, name)| !name.contains(['/', '\\']));
            return Ok(match named {
                Some((folder, name)) => Self::Folder(folder.into(), Some(name.to_owned())),
                None => Self::Folder(place.into(), None),
            });
        }
        let reference = Reference::parse(text)?;
        ensure!(
            reference.digest.is_some(),
            "{text} can become another image: name it by its digest, as {text}@sha256:…"
        );
        Ok(Self::Registry(reference))
    }
}

impl std::fmt::Display for Choice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Builtin => f.write_str("builtin"),
            // The folder says nothing to others.
            Self::Folder(_, name) => write!(f, "oci:{}", name.as_deref().unwrap_or_default()),
            Self::Registry(reference) => {
                write!(
                    f,
                    "{}@{}",
                    reference.name(),
                    reference.digest.as_deref().unwrap_or_default()
                )
            }
        }
    }
}

/// The parts of a manifest and of a configuration that make a base.
#[derive(Deserialize)]
struct Manifest {
    config: Descriptor,
    layers: Vec<Descriptor>,
}

impl Choice {
    /// Fetches what was chosen, for `platform`.
    pub(crate) async fn base(&self, platform: &Platform) -> Result<Base> {
        match self {
            Self::Builtin => {
                Ok(Base { origin: None, layers: vec![base::layer()?], env: Vec::new() })
            }
            Self::Folder(folder, name) => {
                let place = Folder(folder.clone());
                let index = place.index()?;
                let found = index.select(platform, name.as_deref());
                let found = found.with_context(|| folder.display().to_string())?;
                let origin = (self.to_string(), found.digest.clone());
                let manifest = place.blob(found)?;
                Place::Folder(place).base(origin, manifest, platform).await
            }
            Self::Registry(reference) => {
                let registry = Registry::of(reference, Keychain::of_user()?, Patience::USUAL)?;
                let registry = registry.for_reading();
                let digest = reference.digest.clone().unwrap_or_default();
                let manifest = registry.manifest(&reference.repository, &digest).await?;
                let manifest = manifest.with_context(|| format!("there is no {self}"))?;
                let place = Place::Registry(Box::new(registry), reference.repository.clone());
                place.base((reference.name(), digest), manifest, platform).await
            }
        }
    }
}

/// Where blobs are.
enum Place {
    Folder(Folder),
    Registry(Box<Registry>, String),
}

impl Place {
    async fn blob(&self, descriptor: &Descriptor) -> Result<Blob> {
        match self {
            Self::Folder(folder) => folder.blob(descriptor),
            Self::Registry(registry, repository) => registry.blob(repository, descriptor).await,
        }
    }

    async fn manifest(&self, descriptor: &Descriptor) -> Result<Blob> {
        match self {
            Self::Folder(folder) => folder.blob(descriptor),
            Self::Registry(registry, repository) => {
                let found = registry.manifest(repository, &descriptor.digest).await?;
                found.with_context(|| format!("{} is missing", descriptor.digest))
            }
        }
    }

    /// The base that `manifest` describes, or the one for `platform` of those that it lists.
    async fn base(
        &self,
        origin: (String, String),
        manifest: Blob,
        platform: &Platform,
    ) -> Result<Base> {
        let document: Value = serde_json::from_slice(&manifest.bytes)?;
        let manifest = if document.get("manifests").is_some() {
            let index: Index = serde_json::from_value(document)?;
            self.manifest(index.select(platform, None).context(origin.0.clone())?).await?
        } else {
            manifest
        };
        let manifest: Manifest = serde_json::from_slice(&manifest.bytes)
            .with_context(|| format!("{} is no manifest of an image", origin.0))?;
        let config: Value = serde_json::from_slice(&self.blob(&manifest.config).await?.bytes)?;
        ensure!(
            config["architecture"] == platform.architecture.as_str()
                && config["os"] == platform.os.as_str(),
            "{} is for {}/{}, not for {}/{}",
            origin.0,
            config["os"].as_str().unwrap_or_default(),
            config["architecture"].as_str().unwrap_or_default(),
            platform.os,
            platform.architecture
        );
        let texts = |value: &Value| -> Vec<String> {
            let values = value.as_array().into_iter().flatten();
            values.filter_map(Value::as_str).map(str::to_owned).collect()
        };
        let diff_ids = texts(&config["rootfs"]["diff_ids"]);
        ensure!(diff_ids.len() == manifest.layers.len(), "{}: a layer without a digest", origin.0);
        let mut layers = Vec::new();
        for (descriptor, diff_id) in manifest.layers.iter().zip(diff_ids) {
            let mut blob = self.blob(descriptor).await?;
            // The two are the same under two names.
            if blob.media_type == media::DOCKER_LAYER {
                media::LAYER.clone_into(&mut blob.media_type);
            }
            layers.push(Layer { blob, diff_id, created_by: format!("base {}", origin.0) });
        }
        Ok(Base { origin: Some(origin), layers, env: texts(&config["config"]["Env"]) })
    }
}
