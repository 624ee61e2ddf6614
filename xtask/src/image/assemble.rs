//! An image of layers: its configuration and its manifest. (OCI Image Specification 1.1, "Image
//! Configuration" and "Image Manifest".)

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use serde_json::{Map, Value, json};

use super::base::CERTIFICATES;
use super::blob::{Blob, Platform, media};
use super::layer::{Entry, Layer, NONROOT};

/// The folder of the binary.
const FOLDER: &str = "app";

/// What programs find their commands by, in a base that has some.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What an image is made on top of.
#[derive(Clone, Debug)]
pub(crate) struct Base {
    /// The name and the digest of an image from elsewhere.
    pub(crate) origin: Option<(String, String)>,
    pub(crate) layers: Vec<Layer>,
    /// Variables that it sets, each as `NAME=value`.
    pub(crate) env: Vec<String>,
}

/// What an image says about its function.
#[derive(Clone, Debug)]
pub(crate) struct About {
    /// The function.
    pub(crate) title: String,
    pub(crate) description: Option<String>,
    pub(crate) version: String,
    pub(crate) licenses: Option<String>,
    /// Where the sources are.
    pub(crate) source: Option<String>,
    /// The commit that last changed what the function is made of.
    pub(crate) revision: Option<String>,
    /// When that was, in RFC 3339.
    pub(crate) created: String,
}

/// An image that is ready to be stored.
#[derive(Clone, Debug)]
pub(crate) struct Image {
    pub(crate) function: String,
    pub(crate) platform: Platform,
    pub(crate) manifest: Blob,
    pub(crate) config: Blob,
    pub(crate) layers: Vec<Layer>,
    /// What its tags say: the revision, shortened.
    pub(crate) revision: Option<String>,
}

impl Image {
    /// Every blob but the manifest, in the order in which a registry should get them.
    pub(crate) fn blobs(&self) -> impl Iterator<Item = &Blob> {
        self.layers.iter().map(|it| &it.blob).chain([&self.config])
    }

    /// What is stored for it, base included.
    pub(crate) fn stored_bytes(&self) -> u64 {
        self.blobs().chain([&self.manifest]).map(|it| it.bytes.len() as u64).sum()
    }
}

impl About {
    /// The same words as labels and as annotations. (OCI Image Specification 1.1, "Annotations".)
    fn labels(&self, base: &Base) -> BTreeMap<String, String> {
        let (base_name, base_digest) = base.origin.clone().unzip();
        let pairs = [
            ("title", Some(self.title.clone())),
            ("description", self.description.clone()),
            ("version", Some(self.version.clone())),
            ("licenses", self.licenses.clone()),
            ("source", self.source.clone()),
            ("revision", self.revision.clone()),
            ("created", Some(self.created.clone())),
            ("base.name", base_name),
            ("base.digest", base_digest),
        ];
        let said = pairs.into_iter().filter_map(|(name, value)| Some((name, value?)));
        said.map(|(name, value)| (format!("org.opencontainers.image.{name}"), value)).collect()
    }
}

/// The image of `binary` on `base`, which runs as [`NONROOT`] and writes nothing.
pub(crate) fn assemble(
    about: &About,
    platform: &Platform,
    base: &Base,
    binary: Vec<u8>,
) -> Result<Image> {
    let function = &about.title;
    let entries = vec![
        Entry::folder(FOLDER, 0o755),
        Entry::file(&format!("{FOLDER}/{function}"), 0o755, binary),
    ];
    let mut layers = base.layers.clone();
    layers.push(Layer::new(&format!("cargo xtask image: {function}"), entries)?);
    let labels = about.labels(base);
    let config = Blob::json(media::CONFIG, &config(about, platform, base, &layers, &labels)?)?;
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": media::MANIFEST,
        "config": config.descriptor(),
        "layers": layers.iter().map(|it| it.blob.descriptor()).collect::<Vec<_>>(),
        "annotations": labels,
    });
    Ok(Image {
        function: function.clone(),
        platform: platform.clone(),
        manifest: Blob::json(media::MANIFEST, &manifest)?,
        config,
        layers,
        revision: about.revision.clone(),
    })
}

fn config(
    about: &About,
    platform: &Platform,
    base: &Base,
    layers: &[Layer],
    labels: &BTreeMap<String, String>,
) -> Result<Value> {
    let history = |layer: &Layer| json!({"created": about.created, "created_by": layer.created_by});
    let mut document = Map::new();
    document.insert("created".to_owned(), json!(about.created));
    let Value::Object(platform) = serde_json::to_value(platform)? else {
        anyhow::bail!("a platform is an object");
    };
    document.extend(platform);
    document.insert(
        "config".to_owned(),
        json!({
            "User": format!("{NONROOT}:{NONROOT}"),
            "ExposedPorts": {"8080/tcp": {}},
            "Env": env(&base.env),
            "Entrypoint": [format!("/{FOLDER}/{}", about.title)],
            "WorkingDir": "/",
            "Labels": labels,
            "StopSignal": "SIGTERM",
        }),
    );
    let diff_ids: Vec<&String> = layers.iter().map(|it| &it.diff_id).collect();
    document.insert("rootfs".to_owned(), json!({"type": "layers", "diff_ids": diff_ids}));
    let history: Vec<Value> = layers.iter().map(history).collect();
    document.insert("history".to_owned(), json!(history));
    Ok(Value::Object(document))
}

/// What the base sets, and what it must set.
fn env(base: &[String]) -> Vec<String> {
    let mut env = base.to_vec();
    for (name, value) in [("PATH", PATH), ("SSL_CERT_FILE", CERTIFICATES)] {
        let begin = format!("{name}=");
        if !env.iter().any(|it| it.starts_with(&begin)) {
            env.push(begin + value);
        }
    }
    env
}

/// What a binary for `target` runs on. (The names are those of Go, as the specification asks.)
pub(crate) fn platform(target: &str) -> Result<Platform> {
    let mut parts = target.split('-');
    let architecture = parts.next().unwrap_or_default();
    let linux = parts.any(|part| part == "linux");
    let (architecture, variant) = match architecture {
        "x86_64" => ("amd64", None),
        "aarch64" => ("arm64", None),
        "armv7" => ("arm", Some("v7")),
        "riscv64gc" => ("riscv64", None),
        "s390x" => ("s390x", None),
        "powerpc64le" => ("ppc64le", None),
        _ => ("", None),
    };
    let known = (linux && !architecture.is_empty()).then_some(architecture);
    let architecture = known.with_context(|| {
        format!("no image for {target:?}: images are for Linux on x86_64, aarch64, armv7, riscv64gc, s390x or powerpc64le")
    })?;
    let variant = variant.map(str::to_owned);
    Ok(Platform { architecture: architecture.to_owned(), os: "linux".to_owned(), variant })
}
