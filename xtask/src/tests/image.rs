//! Images: what is in them, and that nothing else decides about their digests.

use std::collections::BTreeSet;
use std::io::Read as _;

use expect_test::{Expect, expect};
use flate2::read::GzDecoder;
use serde_json::{Value, json};

use super::workspace;
use crate::build::compile::Built;
use crate::build::toolchain::Toolchain;
use crate::image::assemble::{About, Base, Image, assemble, platform};
use crate::image::attach::Attachment;
use crate::image::blob::{Descriptor, Platform, digest, media};
use crate::image::choice::Choice;
use crate::image::layer::{Entry, Layer};
use crate::image::layout::Index;
use crate::image::lock::Lock;
use crate::image::make::check_linkage;
use crate::image::reference::{Reference, check_source, check_tag, is_loopback};
use crate::image::registry::challenge::{Challenge, challenge};
use crate::image::registry::credentials::{Credentials, Place, given, is_google, place, read};
use crate::image::sbom::Packages;
use crate::image::{base as builtin, layout, provenance, sbom, source, tags};
use crate::metadata::Kind;

/// What the image of a function says in tests.
pub(super) fn about(function: &str) -> About {
    About {
        title: function.to_owned(),
        description: Some("Does something.".to_owned()),
        version: "1.2.3".to_owned(),
        licenses: Some("Apache-2.0".to_owned()),
        source: Some("https://example.com/strata".to_owned()),
        revision: Some("0123456789abcdef0123456789abcdef01234567".to_owned()),
        created: "2026-01-02T03:04:05Z".to_owned(),
    }
}

/// A base that is quickly made.
pub(super) fn base() -> Base {
    let entries = vec![Entry::folder("tmp", 0o1777)];
    Base { origin: None, layers: vec![Layer::new("base", entries).unwrap()], env: Vec::new() }
}

/// The image of a binary that is none.
pub(super) fn image(function: &str) -> Image {
    let platform = platform("x86_64-unknown-linux-musl").unwrap();
    assemble(&about(function), &platform, &base(), function.as_bytes().to_vec()).unwrap()
}

/// Mode, owner and name of each entry.
fn check_entries(layer: &Layer, expect: &Expect) {
    let mut tar = Vec::new();
    GzDecoder::new(&*layer.blob.bytes).read_to_end(&mut tar).unwrap();
    assert_eq!(digest(&tar), layer.diff_id);
    let mut text = String::new();
    for entry in tar::Archive::new(tar.as_slice()).entries().unwrap() {
        let entry = entry.unwrap();
        let header = entry.header();
        assert_eq!(header.mtime().unwrap(), 0);
        let (mode, user, group) =
            (header.mode().unwrap(), header.uid().unwrap(), header.gid().unwrap());
        let path = entry.path().unwrap().display().to_string();
        text += &format!("{mode:04o} {user}:{group} {path}\n");
    }
    expect.assert_eq(&text);
}

#[test]
fn the_base_has_what_a_static_binary_needs() {
    check_entries(
        &builtin::layer().unwrap(),
        &expect![[r#"
            0755 0:0 etc/
            0644 0:0 etc/group
            0644 0:0 etc/nsswitch.conf
            0644 0:0 etc/os-release
            0644 0:0 etc/passwd
            0755 0:0 etc/ssl/
            0755 0:0 etc/ssl/certs/
            0644 0:0 etc/ssl/certs/ca-certificates.crt
            0755 0:0 home/
            0700 65532:65532 home/nonroot/
            0700 0:0 root/
            1777 0:0 tmp/
        "#]],
    );
}

#[test]
fn time_zones_lie_where_programs_look() {
    let layer = builtin::time_zones().unwrap();
    let mut tar = Vec::new();
    GzDecoder::new(&*layer.blob.bytes).read_to_end(&mut tar).unwrap();
    let mut archive = tar::Archive::new(tar.as_slice());
    let paths = archive.entries().unwrap().map(|it| it.unwrap().path().unwrap().into_owned());
    let paths: Vec<String> = paths.map(|it| it.display().to_string()).collect();
    let at = |name: &str| paths.iter().position(|it| it.trim_end_matches('/') == name).unwrap();
    assert!(at("usr") < at("usr/share/zoneinfo"), "a folder comes before what is in it");
    assert!(at("usr/share/zoneinfo/Europe") < at("usr/share/zoneinfo/Europe/Berlin"));
}

#[test]
fn a_layer_depends_on_its_entries_alone() {
    let entries = || vec![Entry::folder("a", 0o755), Entry::file("a/b", 0o644, "c")];
    let reversed = entries().into_iter().rev().collect();
    let (one, other) = (Layer::new("", entries()), Layer::new("", reversed));
    let one = one.unwrap();
    assert_eq!(one.blob.digest, other.unwrap().blob.digest);
    // RFC 1952, section 2.3: no flags, no time, and a system that is not known.
    assert_eq!(one.blob.bytes[3..8], [0; 5]);
    assert_eq!(one.blob.bytes[9], 255);
}

#[test]
fn an_image_runs_as_nobody_and_says_what_it_is_of() {
    let image = image("manifest-writer");
    let config: Value = serde_json::from_slice(&image.config.bytes).unwrap();
    expect![[r#"
        {
          "created": "2026-01-02T03:04:05Z",
          "architecture": "amd64",
          "os": "linux",
          "config": {
            "User": "65532:65532",
            "ExposedPorts": {
              "8080/tcp": {}
            },
            "Env": [
              "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
              "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt"
            ],
            "Entrypoint": [
              "/app/manifest-writer"
            ],
            "WorkingDir": "/",
            "Labels": {
              "org.opencontainers.image.created": "2026-01-02T03:04:05Z",
              "org.opencontainers.image.description": "Does something.",
              "org.opencontainers.image.licenses": "Apache-2.0",
              "org.opencontainers.image.revision": "0123456789abcdef0123456789abcdef01234567",
              "org.opencontainers.image.source": "https://example.com/strata",
              "org.opencontainers.image.title": "manifest-writer",
              "org.opencontainers.image.version": "1.2.3"
            },
            "StopSignal": "SIGTERM"
          },
          "rootfs": {
            "type": "layers",
            "diff_ids": [
              "sha256:9d305675743d286fd50db6aff1304219a7b21d9cc7447f0e06ebabc218f09ac1",
              "sha256:5b16d4bce8026edc078d3e7316292bdc032b288a8bfae295957c3095dec31e0e"
            ]
          },
          "history": [
            {
              "created": "2026-01-02T03:04:05Z",
              "created_by": "base"
            },
            {
              "created": "2026-01-02T03:04:05Z",
              "created_by": "cargo xtask image: manifest-writer"
            }
          ]
        }"#]]
    .assert_eq(&serde_json::to_string_pretty(&config).unwrap());
    check_entries(
        &image.layers[1],
        &expect![[r#"
            0755 0:0 app/
            0755 0:0 app/manifest-writer
        "#]],
    );
    let manifest: Value = serde_json::from_slice(&image.manifest.bytes).unwrap();
    assert_eq!(manifest["annotations"], config["config"]["Labels"]);
    let layer: Descriptor = serde_json::from_value(manifest["layers"][1].clone()).unwrap();
    assert_eq!(layer, image.layers[1].blob.descriptor());
}

#[test]
fn the_same_binary_makes_the_same_image() {
    assert_eq!(image("one").manifest.digest, image("one").manifest.digest);
    assert_ne!(image("one").manifest.digest, image("two").manifest.digest);
}

#[test]
fn a_tarball_names_files_that_are_in_it() {
    let (one, two) = (image("one"), image("two"));
    let attachment = Attachment::new(&one, media::SPDX, &json!({})).unwrap();
    let attachments = [attachment];
    let tarball = layout::tarball(&[(&one, &attachments), (&two, &[])]).unwrap();
    let mut archive = tar::Archive::new(tarball.as_slice());
    let mut names = BTreeSet::new();
    let mut list = Value::Null;
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let name = entry.path().unwrap().display().to_string();
        if name == "manifest.json" {
            let mut text = String::new();
            entry.read_to_string(&mut text).unwrap();
            list = serde_json::from_str(&text).unwrap();
        }
        assert!(names.insert(name.clone()), "{name} is there twice");
    }
    let listed = list.as_array().unwrap();
    assert_eq!(listed.len(), 2);
    for image in listed {
        let files = image["Layers"].as_array().unwrap().iter().chain([&image["Config"]]);
        files.for_each(|it| assert!(names.contains(it.as_str().unwrap()), "{it}"));
    }
    assert!(names.contains("oci-layout") && names.contains("index.json"));
}

#[tokio::test]
async fn an_image_in_a_folder_is_a_base_of_others() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (image("one"), image("two"));
    let attachment = Attachment::new(&one, media::SPDX, &json!({})).unwrap();
    layout::write(folder.path(), &[(&one, &[attachment]), (&two, &[])]).unwrap();
    let platform = platform("x86_64-unknown-linux-musl").unwrap();
    let choice = |name: &str| format!("oci:{}{name}", folder.path().display());
    let base = choice(":one").parse::<Choice>().unwrap().base(&platform).await.unwrap();
    let origin = Some(("oci:one".to_owned(), one.manifest.digest.clone()));
    assert_eq!(base.origin, origin);
    let image = assemble(&about("three"), &platform, &base, vec![1]).unwrap();
    assert_eq!(image.layers.len(), 3);
    assert_eq!(image.layers[1].diff_id, one.layers[1].diff_id);
    let any = choice("").parse::<Choice>().unwrap().base(&platform).await.unwrap_err();
    assert!(format!("{any:#}").contains("several images for linux/amd64"), "{any:#}");
    let arm = crate::image::assemble::platform("aarch64-unknown-linux-musl").unwrap();
    let other = choice(":one").parse::<Choice>().unwrap().base(&arm).await.unwrap_err();
    assert!(format!("{other:#}").contains("no image for linux/arm64"), "{other:#}");
}

/// The permissions of a new file, which the umask of this process decides about.
#[cfg(unix)]
#[test]
fn whoever_may_read_new_files_may_read_the_lock() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let mode = |name: &str| {
        let path = folder.path().join(name);
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    };
    std::fs::write(folder.path().join("usual"), "").unwrap();
    Lock::add(&folder.path().join("lock"), Default::default()).unwrap();
    assert_eq!(format!("{:o}", mode("lock")), format!("{:o}", mode("usual")));
}

#[test]
fn a_layout_that_cannot_be_finished_keeps_its_index() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (image("one"), image("two"));
    layout::write(folder.path(), &[(&one, &[])]).unwrap();
    let index = || std::fs::read(folder.path().join("index.json")).unwrap();
    let before = index();
    // In the place of a blob is something that cannot be replaced.
    let hex = two.config.digest.trim_start_matches("sha256:");
    std::fs::create_dir_all(folder.path().join("blobs/sha256").join(hex).join("x")).unwrap();
    let err = layout::write(folder.path(), &[(&two, &[])]).unwrap_err().to_string();
    assert!(err.starts_with("cannot write") && err.contains(hex), "{err}");
    assert_eq!(index(), before);
    let left = std::fs::read_dir(folder.path().join("blobs/sha256")).unwrap();
    let half = left.map(|it| it.unwrap().file_name()).find(|it| it.len() != 64);
    assert_eq!(half, None, "what is half written is taken away");
}

#[test]
fn a_layout_is_never_seen_half_written() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (image("one"), image("two"));
    layout::write(folder.path(), &[(&one, &[])]).unwrap();
    let path = folder.path().join("index.json");
    let before = std::fs::read(&path).unwrap();
    // Whoever has opened a file goes on reading what was in it.
    let opened = folder.path().join("opened");
    std::fs::hard_link(&path, &opened).unwrap();
    layout::write(folder.path(), &[(&two, &[])]).unwrap();
    assert_ne!(std::fs::read(&path).unwrap(), before);
    assert_eq!(std::fs::read(&opened).unwrap(), before);
}

#[test]
fn an_arm64_image_is_v8_whether_or_not_it_says_so() {
    let arm64 = platform("aarch64-unknown-linux-musl").unwrap();
    let check = |variants: &[Option<&str>], expected: Option<usize>| {
        let descriptor = |variant: &Option<&str>| {
            let variant = variant.map(str::to_owned);
            let digest = format!("{variant:?}");
            let platform = Some(Platform { variant, ..arm64.clone() });
            Descriptor { digest, platform, ..image("one").manifest.descriptor() }
        };
        let index = Index::new(variants.iter().map(descriptor).collect());
        let found = index.select(&arm64, None).ok().map(|it| it.digest.clone());
        assert_eq!(found, expected.map(|at| index.manifests[at].digest.clone()), "{variants:?}");
    };
    // As the images of gcr.io/distroless and of Docker's library are.
    check(&[Some("v9"), Some("v8")], Some(1));
    check(&[None], Some(0));
    check(&[Some("v9")], None);
}

#[test]
fn names_of_images_are_taken_apart() {
    let check = |text: &str, host: &str, repository: &str, tag: Option<&str>| {
        let reference = Reference::parse(text).unwrap();
        assert_eq!((&*reference.host, &*reference.repository), (host, repository), "{text}");
        assert_eq!(reference.tag.as_deref(), tag, "{text}");
    };
    check("europe-docker.pkg.dev/p/r/i", "europe-docker.pkg.dev", "p/r/i", None);
    check("127.0.0.1:5000/strata/i:v1", "127.0.0.1:5000", "strata/i", Some("v1"));
    check("localhost/i", "localhost", "i", None);
    check("alpine", "docker.io", "library/alpine", None);
    check("some/image:t", "docker.io", "some/image", Some("t"));
    let digest = format!("gcr.io/distroless/static@sha256:{}", "0".repeat(64));
    assert!(Reference::parse(&digest).unwrap().digest.is_some());
    for wrong in ["gcr.io/Upper/i", "gcr.io/a//b", "gcr.io/a@sha256:0", "gcr.io/a:b/c", "gcr.io/"] {
        assert!(Reference::parse(wrong).is_err(), "{wrong}");
    }
    let upper = format!("gcr.io/a@sha256:{}", "A".repeat(64));
    assert!(Reference::parse(&upper).is_err(), "the same digest would have two names");
    for wrong in
        ["a b.c/r", "a.b?c/r", "a.b#c/r", "a.b:/r", "a.b:x/r", "[::1/r", "a:1:2/r", "\u{1b}.b/r"]
    {
        let err = Reference::parse(wrong).unwrap_err().to_string();
        assert!(err.contains("no host") && !err.contains(char::is_control), "{err}");
    }
    check("[::1]:5000/r", "[::1]:5000", "r", None);
    check("[::1]/r:t", "[::1]", "r", Some("t"));
    assert!(Reference::below("gcr.io/p:tag", "i").is_err());
    assert!(check_tag("v1.0_a").is_ok() && check_tag("-a").is_err() && check_tag("").is_err());
}

#[test]
fn a_base_of_a_registry_has_a_digest() {
    let err = "gcr.io/distroless/static:nonroot".parse::<Choice>().unwrap_err().to_string();
    assert!(err.contains("name it by its digest"), "{err}");
}

#[test]
fn an_image_is_for_linux_and_has_what_its_binary_needs() {
    let of = |target: &str| platform(target).map(|it| (it.architecture, it.variant));
    assert_eq!(of("x86_64-unknown-linux-musl").unwrap(), ("amd64".to_owned(), None));
    assert_eq!(of("aarch64-unknown-linux-musl").unwrap(), ("arm64".to_owned(), None));
    let armv7 = of("armv7-unknown-linux-musleabihf").unwrap();
    assert_eq!(armv7, ("arm".to_owned(), Some("v7".to_owned())));
    assert!(of("x86_64-pc-windows-msvc").is_err() && of("aarch64-apple-darwin").is_err());
    let other = "oci:folder".parse().unwrap();
    assert!(check_linkage("x86_64-unknown-linux-gnu", &other).is_ok());
    assert!(check_linkage("x86_64-unknown-linux-musl", &Choice::Builtin).is_ok());
    let err = check_linkage("x86_64-unknown-linux-gnu", &Choice::Builtin).unwrap_err();
    assert!(err.to_string().contains("needs a C library"), "{err}");
}

#[test]
fn an_image_is_tagged_with_the_revision_unless_somebody_says_otherwise() {
    let image =
        |revision: Option<&str>| Image { revision: revision.map(str::to_owned), ..image("one") };
    let revision = "0123456789abcdef0123456789abcdef01234567";
    assert_eq!(tags(&image(Some(revision)), &[]), ["0123456789ab"]);
    assert_eq!(tags(&image(Some(&format!("{revision}-dirty"))), &[]), ["0123456789ab-dirty"]);
    assert_eq!(tags(&image(None), &[]), ["latest"]);
    assert_eq!(tags(&image(Some(revision)), &["a".to_owned(), "b".to_owned()]), ["a", "b"]);
}

#[test]
fn only_this_machine_is_spoken_to_without_tls() {
    for host in ["localhost", "localhost:5000", "127.0.0.1:5000", "127.8.0.1", "[::1]:5000"] {
        assert!(is_loopback(host), "{host}");
    }
    for host in ["localhost.example.com", "127.0.0.1.example.com:80", "10.0.0.1", "[::2]:1", ""] {
        assert!(!is_loopback(host), "{host}");
    }
}

#[test]
fn what_a_registry_asks_for_is_understood() {
    let bearer = |realm: &str, service: Option<&str>| {
        let service = service.map(str::to_owned);
        Some(Challenge::Bearer { realm: realm.to_owned(), service })
    };
    let artifact_registry = r#"Bearer realm="https://europe-docker.pkg.dev/v2/token",service="europe-docker.pkg.dev",scope="repository:p/r/i:pull,push""#;
    let token = "https://europe-docker.pkg.dev/v2/token";
    let challenge = |header: &str| challenge([header].into_iter());
    assert_eq!(challenge(artifact_registry), bearer(token, Some("europe-docker.pkg.dev")));
    assert_eq!(challenge("bearer scope=\"a,b\", realm=x"), bearer("x", None));
    assert_eq!(challenge(r#"Basic realm="Registry""#), Some(Challenge::Basic));
    assert_eq!(challenge("Negotiate"), None);
    assert_eq!(challenge("Bearer service=\"x\""), None);
}

#[test]
fn credentials_are_found_as_docker_finds_them() {
    // "user:pass:word" in base 64.
    let config = json!({
        "credHelpers": {"europe-docker.pkg.dev": "gcloud"},
        "credsStore": "desktop",
        "auths": {
            "127.0.0.1:5000": {"auth": "dXNlcjpwYXNzOndvcmQ="},
            "identity.example.com": {"auth": "eDp5", "identitytoken": "t"},
            "https://index.docker.io/v1/": {"auth": "dXNlcjpwYXNzOndvcmQ="},
            "stored.example.com": {},
            "broken.example.com": {"auth": "%"},
        },
    });
    let password = || {
        let (user, password) = ("user".to_owned(), "pass:word".to_owned());
        Some(Place::Here(Credentials::Password { user, password }))
    };
    let helper = |name: &str, host: &str| Some(Place::Helper(name.to_owned(), host.to_owned()));
    for (host, expected) in [
        ("europe-docker.pkg.dev", helper("gcloud", "europe-docker.pkg.dev")),
        ("127.0.0.1:5000", password()),
        ("identity.example.com", Some(Place::Here(Credentials::Identity("t".to_owned())))),
        ("docker.io", password()),
        ("stored.example.com", helper("desktop", "stored.example.com")),
        ("other.example.com", helper("desktop", "other.example.com")),
    ] {
        assert_eq!(place(&config, host).unwrap(), expected, "{host}");
    }
    let broken = place(&config, "broken.example.com").unwrap_err().to_string();
    assert!(broken.contains("log in again"), "{broken}");
    assert_eq!(place(&Value::Null, "127.0.0.1:5000").unwrap(), None);
    assert!(is_google("gcr.io") && is_google("eu.gcr.io") && is_google("us-docker.pkg.dev"));
    assert!(!is_google("evilgcr.io") && !is_google("pkg.dev.example.com"));
}

#[test]
fn a_configuration_of_docker_that_cannot_be_read_is_not_none() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.json");
    assert_eq!(read(&path).unwrap(), Value::Null);
    std::fs::write(&path, "{\"auths\": {\"h\": {\"auth\": \"SECRET\"").unwrap();
    let err = format!("{:#}", read(&path).unwrap_err());
    assert!(err.contains("config.json") && !err.contains("SECRET"), "{err}");
    // A folder stands for what may not be read, which root always may.
    let err = read(folder.path()).unwrap_err().to_string();
    assert!(err.starts_with("cannot read "), "{err}");
}

#[test]
fn where_the_sources_are_is_said_without_a_password() {
    assert!(check_source("https://github.com/somebody/strata").is_ok());
    for secret in ["https://x-access-token:SECRET@github.com/a/b", "https://SECRET@github.com/a"] {
        let err = check_source(secret).unwrap_err().to_string();
        assert!(err.contains("everybody") && !err.contains("SECRET"), "{err}");
    }
}

#[test]
fn the_lock_keeps_what_is_not_pushed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deeper/images.lock.json");
    assert!(Lock::read(&path).unwrap().images.is_empty());
    let locked = || {
        let locked = json!({
            "reference": "h/one@sha256:0", "digest": "sha256:0", "platform": "linux/amd64",
            "tags": ["t"], "revision": null, "binary_sha256": "1", "bytes": 2,
        });
        serde_json::from_value(locked).unwrap()
    };
    Lock::add(&path, [("one".to_owned(), locked())].into()).unwrap();
    Lock::add(&path, [("two".to_owned(), locked())].into()).unwrap();
    let names: Vec<String> = Lock::read(&path).unwrap().images.into_keys().collect();
    assert_eq!(names, ["one", "two"]);
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("\"version\": 1", "\"version\": 2")).unwrap();
    assert!(Lock::read(&path).unwrap_err().to_string().contains("another version"));
}

/// A binary of `function` that was never built.
fn built(function: &str) -> Built {
    Built {
        function: function.to_owned(),
        kind: Kind::Push,
        path: function.into(),
        bytes: 1,
        sha256: "00".repeat(32),
        fresh: true,
    }
}

fn toolchain() -> Toolchain {
    Toolchain {
        target: "x86_64-unknown-linux-musl".to_owned(),
        version: "rustc 1.95.0".to_owned(),
        commit: "c0ffee".to_owned(),
        sysroot: "/toolchain".into(),
        variables: Vec::new(),
    }
}

#[test]
fn the_sbom_has_what_is_linked_and_nothing_else() {
    let packages = Packages::read(&workspace(), "x86_64-unknown-linux-gnu").unwrap();
    let everything = packages.ids();
    // As if the build had left out one that the graph has.
    let built_too: BTreeSet<String> =
        everything.into_iter().filter(|it| !it.contains("#tower-service@")).collect();
    let linked = packages.linked("manifest-writer", &built_too).unwrap();
    let names: BTreeSet<&str> = linked.packages.iter().map(|it| it.name.as_str()).collect();
    for inside in ["manifest-writer", "domain", "gcp", "hyper", "rustls", "ring", "serde_core"] {
        assert!(names.contains(inside), "{inside}");
    }
    let build_script = "cc";
    let in_tests_only = "emulator";
    for outside in ["tower-service", "clap", "schema", build_script, in_tests_only] {
        assert!(!names.contains(outside), "{outside}");
    }
    let function = "manifest-writer";
    let document =
        sbom::document(&packages, &linked, &built(function), &about(function), &toolchain());
    let listed = document["packages"].as_array().unwrap();
    let ids: BTreeSet<&str> = listed.iter().map(|it| it["SPDXID"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), listed.len(), "each has an id of its own");
    for relation in document["relationships"].as_array().unwrap() {
        for end in ["spdxElementId", "relatedSpdxElement"] {
            let id = relation[end].as_str().unwrap();
            assert!(ids.contains(id) || id == "SPDXRef-DOCUMENT", "{id}");
        }
    }
    let ring = listed.iter().find(|it| it["name"] == "ring").unwrap();
    assert_eq!(ring["checksums"][0]["checksumValue"].as_str().unwrap().len(), 64);
    let version = ring["versionInfo"].as_str().unwrap();
    assert_eq!(ring["externalRefs"][0]["referenceLocator"], format!("pkg:cargo/ring@{version}"));
    for text in ["spdxVersion", "dataLicense", "documentNamespace", "name"] {
        assert!(document[text].is_string(), "{text}");
    }
}

#[test]
fn the_provenance_names_image_binary_base_and_commit() {
    let image = image("one");
    let by = (Some("https://example.com/strata"), "urn:builder");
    let origin =
        Some(("gcr.io/distroless/static".to_owned(), format!("sha256:{}", "1".repeat(64))));
    let base = (&Choice::Builtin, &Base { origin, ..base() });
    let statement =
        provenance::statement(&workspace(), &image, &built("one"), &toolchain(), base, by).unwrap();
    let digest = image.manifest.digest.trim_start_matches("sha256:");
    assert_eq!(statement["subject"][0]["digest"]["sha256"], digest);
    let definition = &statement["predicate"]["buildDefinition"];
    let below = &definition["resolvedDependencies"][2];
    assert_eq!(below["uri"], "gcr.io/distroless/static");
    assert_eq!(below["digest"]["sha256"], "1".repeat(64));
    let commit = &definition["resolvedDependencies"][3];
    assert_eq!(commit["uri"], "git+https://example.com/strata");
    assert_eq!(commit["digest"]["gitCommit"], about("one").revision.unwrap());
    assert_eq!(statement["predicate"]["runDetails"]["builder"]["id"], "urn:builder");
}

#[test]
fn a_function_is_made_of_what_it_links() {
    let workspace = workspace();
    let package = |name: &str| workspace.packages.iter().find(|it| *it.name == name).unwrap();
    let parts = source::parts(&workspace, package("manifest-writer"));
    let has = |name: &str| parts.contains(std::path::Path::new(name));
    for inside in
        ["functions/manifest-writer", "shared/gcp", "shared/domain", "Cargo.lock", "schemas"]
    {
        assert!(has(inside), "{inside}");
    }
    for outside in ["shared/schema", "shared/emulator", "functions/index-writer", "xtask"] {
        assert!(!has(outside), "{outside}");
    }
    let operated = source::parts(&workspace, package("operator"));
    assert!(operated.contains(std::path::Path::new("functions/manifest-writer")));
}

/// A repository of git with one commit of one file, at a known time, under a signature.
fn repository() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a"), "").unwrap();
    git(folder.path(), &["init", "--quiet"]);
    git(folder.path(), &["add", "a"]);
    let tree = git(folder.path(), &["write-tree"]);
    let commit = format!(
        "tree {tree}\nauthor a <a@example.com> 1767315845 +0200\n\
         committer a <a@example.com> 1767315845 +0200\n\
         gpgsig -----BEGIN SSH SIGNATURE-----\n AAAA\n -----END SSH SIGNATURE-----\n\na\n"
    );
    std::fs::write(folder.path().join(".git/commit"), commit).unwrap();
    let commit = git(folder.path(), &["hash-object", "-t", "commit", "-w", ".git/commit"]);
    git(folder.path(), &["update-ref", "HEAD", &commit]);
    folder
}

fn git(folder: &std::path::Path, arguments: &[&str]) -> String {
    let output = std::process::Command::new("git").current_dir(folder).args(arguments).output();
    let output = output.unwrap();
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
fn the_commit_of_an_image_does_not_depend_on_the_settings_of_a_person() {
    let repository = repository();
    let folder = repository.path();
    let parts = BTreeSet::from(["a".into()]);
    let (revision, created) = source::commit(folder, &parts).unwrap().unwrap();
    assert_eq!((revision.len(), created.as_str()), (40, "2026-01-02T01:04:05Z"));
    git(folder, &["config", "log.showSignature", "true"]);
    git(folder, &["config", "color.ui", "always"]);
    git(folder, &["config", "status.showUntrackedFiles", "no"]);
    assert_eq!(source::commit(folder, &parts).unwrap().unwrap().0, revision);
    let parts = BTreeSet::from(["a".into(), "b".into()]);
    std::fs::write(folder.join("b"), "").unwrap();
    assert_eq!(source::commit(folder, &parts).unwrap().unwrap().0, format!("{revision}-dirty"));
}

#[test]
fn a_repository_that_git_does_not_read_is_no_folder_without_one() {
    let folder = tempfile::tempdir().unwrap();
    let parts = BTreeSet::from(["a".into()]);
    assert_eq!(source::commit(folder.path(), &parts).unwrap(), None);
    let repository = repository();
    std::fs::write(repository.path().join(".git/config"), "[broken").unwrap();
    let err = source::commit(repository.path(), &parts).unwrap_err().to_string();
    assert!(err.starts_with("git rev-parse: "), "{err}");
}

#[test]
fn a_token_that_was_given_is_the_password_of_googles_registries() {
    let user = "oauth2accesstoken".to_owned();
    let password = "ya29.abc".to_owned();
    assert_eq!(given(" ya29.abc\n"), Some(Credentials::Password { user, password }));
    assert_eq!(given(" "), None);
}
