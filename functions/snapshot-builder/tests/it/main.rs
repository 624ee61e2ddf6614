//! The function as it ships, in a process of its own: how much memory hostile records make it use.
//!
//! What is counted is the most memory that the process has ever held, as the kernel keeps it.
//! (proc_pid_status(5), `VmHWM`.)

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "in tests a panic is the report, in their helpers too")]

mod process_1;

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use bytes::Bytes;
use emulator::{Emulator, Memory, Options, Upload};
use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder};
use serde_json::{Value, json};

const MIB: usize = 1024 * 1024;

/// How much more memory than at rest the process may take for one hostile record, whatever it is:
/// the largest record as stored and decompressed, what a parser makes of it, and room for growth.
const GROWTH_BYTES_MAX: usize = 48 * MIB;

/// The running function.
struct Function {
    child: Child,
    address: String,
}

impl Function {
    /// Starts the function, and waits for the line that says where it listens.
    fn start(storage: &str) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_snapshot-builder"))
            .env_clear()
            .envs([("BUCKET", "bucket"), ("HOST", "127.0.0.1"), ("PORT", "0")])
            .env("STORAGE_EMULATOR_HOST", storage)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let first: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
        let address = first["address"].as_str().unwrap().to_owned();
        // So that the pipe never fills.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, address }
    }

    /// Pushes the finalize notification of this object; the status of the answer.
    fn push(&self, name: &str, generation: &str) -> u16 {
        let attributes = json!({
            "bucketId": "bucket",
            "objectId": name,
            "objectGeneration": generation,
            "eventType": "OBJECT_FINALIZE",
        });
        let body = json!({ "message": { "attributes": attributes, "messageId": "1" } }).to_string();
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let (length, host) = (body.len(), &self.address);
        let head = format!("POST / HTTP/1.1\r\nHost: {host}\r\nContent-Length: {length}");
        let head = format!("{head}\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n");
        stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.split(' ').nth(1).unwrap().parse().unwrap()
    }

    /// The most memory that it has held, in bytes.
    fn most_memory(&self) -> usize {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().strip_suffix(" kB").unwrap().parse::<usize>().unwrap() * 1024
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// One gigabyte of zeros in one member of gzip, of about a megabyte: blocks that end on a byte,
/// repeated. (RFC 1951, section 3.2.4.)
fn bomb() -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&vec![0; MIB]).unwrap();
    encoder.flush().unwrap();
    let blocks = encoder.get_ref().repeat(1024);
    let header = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    [&header[..], &blocks, &[1, 0, 0, 0xff, 0xff], &[0; 8]].concat()
}

/// Each hostile record, by how it is stored.
fn hostile() -> Vec<(&'static str, &'static str, Option<&'static str>, Bytes)> {
    let bomb = Bytes::from(bomb());
    let members = Bytes::from(gzip(&vec![b' '; MIB]).repeat(1024));
    let text = Bytes::from(format!(r#"{{"a":"{}"}}"#, "x".repeat(40 * MIB)));
    let numbers = Bytes::from(format!(r#"{{"a":[{}0]}}"#, "0,".repeat(20 * MIB)));
    let dense = Bytes::from(format!(r#"{{"a":[{}0]}}"#, "0,".repeat(4 * MIB - 8)));
    let deep = Bytes::from("[".repeat(8 * MIB));
    vec![
        ("bomb", "a.json", Some("gzip"), bomb.clone()),
        ("bomb, named", "a.json.gz", None, bomb.clone()),
        ("bomb in gzip", "a.json.gz", Some("gzip"), gzip(&bomb).into()),
        ("members", "a.json", Some("gzip"), members.clone()),
        ("members, named", "a.json.gz", None, members),
        ("a text of 40 MiB", "a.json", None, text),
        ("numbers of 40 MiB", "a.json", None, numbers),
        ("numbers of 8 MiB", "a.json", None, dense.clone()),
        ("numbers of 8 MiB, gzip", "a.json", Some("gzip"), gzip(&dense).into()),
        ("brackets of 8 MiB", "a.json", None, deep),
    ]
}

fn deliver(
    function: &Function,
    bucket: &Memory,
    id: &str,
    file: &str,
    upload: Upload,
    body: Bytes,
) {
    let name = format!("env/dev/ventures/{id}/history/2025/11/06/{file}");
    let stored = bucket.insert(&name, body, upload).unwrap();
    assert_eq!(function.push(&name, &stored.generation.to_string()), 204, "{id}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_hostile_record_takes_more_memory_than_its_bound() {
    let emulator = Emulator::start(Options::default()).await.unwrap();
    let bucket = emulator.create_bucket("bucket").unwrap();
    let function = Function::start(&emulator.url());
    // Schemas are compiled and connections made by the first one.
    let first = Bytes::from_static(b"{}");
    deliver(&function, &bucket, "V0", "a.json", Upload::default(), first);
    let at_rest = function.most_memory();
    let records = hostile();
    for (n, (label, file, encoding, body)) in records.iter().enumerate() {
        let upload = Upload { content_encoding: encoding.map(str::to_owned), ..Upload::default() };
        deliver(&function, &bucket, &format!("H{n}"), file, upload, body.clone());
        let growth = function.most_memory() - at_rest;
        println!("{label}: {growth} bytes above {at_rest}");
        assert!(growth < GROWTH_BYTES_MAX, "{label}: {growth}");
    }
    let names = bucket.objects().into_keys();
    let kept =
        names.filter(|name| name.contains("/reports/quarantine/snapshot-builder/ventures/H"));
    assert_eq!(kept.count(), records.len());
    assert!(!bucket.objects().keys().any(|name| name.contains("/snapshots/")));
}
