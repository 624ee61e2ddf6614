//! Images under the podman and in the registry of this machine. Where it has none the tests say so.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

use super::image::{about, base, image};
use crate::image::assemble::{Image, assemble, platform};
use crate::image::attach::Attachment;
use crate::image::blob::{Blob, media};
use crate::image::container::Engine;
use crate::image::push::{Item, Push};
use crate::image::reference::Reference;
use crate::image::registry::{Keychain, Patience, Registry};
use crate::image::run::end;
use crate::image::{attach, layout};

/// A registry that does not listen by then does not start.
const START_MAX: Duration = Duration::from_secs(20);

/// What a program ends with whose image podman did not start. (podman-run(1), "Exit Status".)
const NOT_RUN: i32 = 125;

/// `exit(getuid())`: ends with the id of its user, modulo 256.
const TELLS_USER: [&[u8]; 3] = [
    &[0xb8, 102, 0, 0, 0, 0x0f, 0x05], // mov eax, getuid; syscall
    &[0x89, 0xc7],                     // mov edi, eax
    &[0xb8, 60, 0, 0, 0, 0x0f, 0x05],  // mov eax, exit; syscall
];

/// `exit(0)`: a register that nobody has set is zero.
const ENDS: [&[u8]; 1] = [TELLS_USER[2]];

/// `for (;;) pause()`: as the first process of a container it hears of no signal but SIGKILL.
const STAYS: [&[u8]; 2] = [
    &[0xb8, 34, 0, 0, 0, 0x0f, 0x05], // mov eax, pause; syscall
    &[0xeb, 0xf7],                    // jmp to the beginning
];

/// The smallest program for Linux on x86-64 that runs `code`: a header of ELF, and one segment.
fn program(code: &[&[u8]]) -> Vec<u8> {
    const ADDRESS: u64 = 0x40_0000;
    const HEADERS: u64 = 64 + 56;
    let code = code.concat();
    let bytes = HEADERS + code.len() as u64;
    let mut elf = b"\x7fELF\x02\x01\x01".to_vec();
    elf.resize(16, 0);
    elf.extend([2, 0, 62, 0, 1, 0, 0, 0]); // executable, x86-64, version 1
    for value in [ADDRESS + HEADERS, 64, 0] {
        elf.extend(value.to_le_bytes());
    }
    elf.extend([0; 4]);
    for value in [64_u16, 56, 1, 0, 0, 0] {
        elf.extend(value.to_le_bytes());
    }
    elf.extend([1, 0, 0, 0, 5, 0, 0, 0]); // loaded, to be read and executed
    for value in [0, ADDRESS, ADDRESS, bytes, bytes, 0x1000] {
        elf.extend(value.to_le_bytes());
    }
    elf.extend(code);
    elf
}

#[test]
fn podman_runs_an_image_as_user_65532() {
    let Ok(mut engine) = Engine::find() else {
        return say("no podman or docker: no image is run");
    };
    let function = load(&mut engine, "user", &TELLS_USER);
    let ended = engine.run(&function, &function, &[]).output().unwrap();
    engine.remove_image(&function).unwrap();
    let problem = String::from_utf8_lossy(&ended.stderr);
    match ended.status.code() {
        // This machine cannot run any, which is no fault of an image.
        Some(NOT_RUN) => say(&format!("no container runs here: {}", problem.trim())),
        code => assert_eq!(code, Some(65_532 % 256), "{problem}"),
    }
}

#[tokio::test]
async fn a_container_that_does_not_end_when_told_to_is_killed() {
    let Ok(mut engine) = Engine::find() else {
        return say("no podman or docker: no container is told to end");
    };
    let function = load(&mut engine, "stays", &STAYS);
    let mut command = tokio::process::Command::from(engine.run(&function, &function, &[]));
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let begun = Instant::now();
    // There is something to tell only when it runs.
    while engine.stop(&function).is_err() && child.try_wait().unwrap().is_none() {
        assert!(begun.elapsed() < START_MAX, "the container does not start");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let ended = end(&engine, &function, &mut child, Duration::from_millis(1)).await.unwrap();
    engine.remove_image(&function).unwrap();
    match ended.code() {
        Some(NOT_RUN) => say("no container runs here: none is told to end"),
        code => assert_eq!(code, Some(128 + 9), "killed by SIGKILL"),
    }
}

#[test]
fn what_was_loaded_runs_whatever_others_load_under_its_name() {
    let (Ok(mut ours), Ok(mut theirs)) = (Engine::find(), Engine::find()) else {
        return say("no podman or docker: nothing is loaded");
    };
    let function = load(&mut ours, "name", &TELLS_USER);
    load(&mut theirs, "name", &ENDS);
    let code =
        |engine: &Engine| engine.run(&function, &function, &[]).output().unwrap().status.code();
    let ended = [code(&ours), code(&theirs)];
    [&ours, &theirs].iter().for_each(|it| it.remove_image(&function).unwrap());
    if ended.contains(&Some(NOT_RUN)) {
        return say("no container runs here: no image is told from another");
    }
    assert_eq!(ended, [Some(65_532 % 256), Some(0)]);
}

/// Makes an image of `code` and has `engine` load it. The name of its function.
fn load(engine: &mut Engine, name: &str, code: &[&[u8]]) -> String {
    let platform = platform("x86_64-unknown-linux-musl").unwrap();
    let function = format!("test-{name}-{}", std::process::id());
    let image = assemble(&about(&function), &platform, &base(), program(code)).unwrap();
    let attachments = [attached(&image)];
    let tarball = layout::tarball(&[(&image, &attachments)]).unwrap();
    engine.load(&tarball, [&*function]).unwrap();
    function
}

#[tokio::test]
async fn a_real_registry_gives_back_what_was_pushed() {
    let Some(registry) = DockerRegistry::start().await else {
        return say("no docker-registry: nothing is pushed to it");
    };
    let images = [image("one"), image("two")];
    let prefix = format!("{}/p/r", registry.host);
    let reference = |image: &Image| Reference::below(&prefix, &image.function).unwrap();
    let client =
        Registry::of(&reference(&images[0]), Keychain::default(), Patience::USUAL).unwrap();
    let mut push = Push::to(&client, Default::default());
    for unchanged in [false, true] {
        for (at, image) in images.iter().enumerate() {
            let attachments = &[attached(image)];
            let tags = vec!["t".to_owned()];
            let item = Item { image, attachments, reference: reference(image), tags };
            let pushed = push.push(&item).await.unwrap();
            assert_eq!(pushed.unchanged, unchanged);
            assert_eq!(pushed.mounted, usize::from(at == 1 && !unchanged));
        }
    }
    for image in &images {
        let repository = reference(image).repository;
        let stored = client.manifest(&repository, "t").await.unwrap().unwrap();
        assert_eq!(stored.bytes, image.manifest.bytes);
        for blob in image.blobs() {
            let descriptor = blob.descriptor();
            assert_eq!(client.blob(&repository, &descriptor).await.unwrap().bytes, blob.bytes);
        }
        let list = attach::tag(&image.manifest.digest);
        let list = client.manifest(&repository, &list).await.unwrap().unwrap();
        let list: Value = serde_json::from_slice(&list.bytes).unwrap();
        assert_eq!(list["manifests"][0]["digest"], attached(image).manifest.digest);
        registry.skopeo_agrees(&repository, image);
    }
}

/// The registry begins where it broke off, and so has another content at the end than it was told.
#[tokio::test]
async fn an_upload_that_breaks_off_ends_right_in_a_real_registry() {
    let Some(registry) = DockerRegistry::start().await else {
        return say("no docker-registry: no upload to it breaks off");
    };
    let (host, broken) = breaking(registry.host.clone()).await;
    let reference = Reference::below(&host, "r").unwrap();
    let patience = Patience { pause: Duration::from_millis(1), ..Patience::USUAL };
    let client = Registry::of(&reference, Keychain::default(), patience).unwrap();
    let content: Vec<u8> = (0..2 * BREAKS_AT as u32).map(|it| it.to_le_bytes()[1]).collect();
    let blob = Blob::new(media::LAYER, content);
    client.put_blob("r", &blob, None).await.unwrap();
    assert!(broken.load(Ordering::SeqCst), "nothing broke off");
    assert_eq!(client.blob("r", &blob.descriptor()).await.unwrap().bytes, blob.bytes);
}

/// Bytes of the first long request that arrive.
const BREAKS_AT: usize = 1 << 20;

/// A place through which one reaches `host`, and whether a connection has broken off there.
async fn breaking(host: String) -> (String, Arc<AtomicBool>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let place = listener.local_addr().unwrap().to_string();
    let broken = Arc::new(AtomicBool::new(false));
    let breaks = Arc::clone(&broken);
    tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            let mut far = TcpStream::connect(&host).await.unwrap();
            let breaks = Arc::clone(&breaks);
            tokio::spawn(async move {
                let (mut from, mut back) = near.split();
                let (mut answers, mut to) = far.split();
                let limit = if breaks.load(Ordering::SeqCst) { u64::MAX } else { BREAKS_AT as u64 };
                let mut from = (&mut from).take(limit);
                let sent = tokio::io::copy(&mut from, &mut to);
                let answered = tokio::io::copy(&mut answers, &mut back);
                tokio::select! {
                    _ = answered => (),
                    sent = sent => {
                        let all = sent.is_ok_and(|it| it == BREAKS_AT as u64);
                        breaks.fetch_or(all, Ordering::SeqCst);
                    }
                }
            });
        }
    });
    (place, broken)
}

fn attached(image: &Image) -> Attachment {
    Attachment::new(image, media::SPDX, &json!({"about": image.function})).unwrap()
}

/// Debian's registry on a port of its own.
struct DockerRegistry {
    child: Child,
    host: String,
    _folder: TempDir,
}

impl DockerRegistry {
    /// Starts it, if there is one.
    async fn start() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let host = format!("127.0.0.1:{port}");
        let settings = json!({
            "version": 0.1,
            "storage": {"filesystem": {"rootdirectory": folder.path().join("data")}},
            "http": {"addr": host},
        });
        let path = folder.path().join("settings.yml");
        std::fs::write(&path, settings.to_string()).unwrap();
        let mut command = Command::new("docker-registry");
        command.arg("serve").arg(&path).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().ok()?;
        let registry = Self { child, host, _folder: folder };
        let begun = Instant::now();
        while tokio::net::TcpStream::connect(&registry.host).await.is_err() {
            assert!(begun.elapsed() < START_MAX, "docker-registry does not listen");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Some(registry)
    }

    fn skopeo_agrees(&self, repository: &str, image: &Image) {
        let name = format!("docker://{}/{repository}:t", self.host);
        let mut command = Command::new("skopeo");
        let Ok(output) = command.args(["inspect", "--tls-verify=false", &name]).output() else {
            return say("no skopeo: nobody else looks at what was pushed");
        };
        let problem = String::from_utf8_lossy(&output.stderr);
        let said: Value = serde_json::from_slice(&output.stdout).expect(&problem);
        assert_eq!(said["Digest"], image.manifest.digest);
        let layers: Vec<&String> = image.layers.iter().map(|it| &it.blob.digest).collect();
        assert_eq!(said["Layers"], json!(layers));
        assert_eq!(said["Labels"]["org.opencontainers.image.title"], image.function);
        let folder = tempfile::tempdir().unwrap();
        let to = format!("oci:{}:pulled", folder.path().display());
        let mut command = Command::new("skopeo");
        command.args(["copy", "--quiet", "--src-tls-verify=false", &name, &to]);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let pulled = layout::Folder(folder.path().to_owned()).index().unwrap();
        let pulled = pulled.select(&image.platform, Some("pulled")).unwrap();
        assert_eq!(pulled.digest, image.manifest.digest);
    }
}

impl Drop for DockerRegistry {
    fn drop(&mut self) {
        self.child.kill().and_then(|()| self.child.wait()).map(drop).unwrap_or_default();
    }
}

/// Says on the terminal, past what captures the output of tests, what was not tested.
fn say(what: &str) {
    use std::io::Write as _;
    writeln!(std::io::stderr(), "not tested: {what}").unwrap();
}
