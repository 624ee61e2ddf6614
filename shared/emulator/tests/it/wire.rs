//! Faults to the byte, on a bare connection.

use bytes::Bytes;
use emulator::{Emulator, Instructions, Options, Upload};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Longer than what one write takes.
const CONTENT_BYTES: usize = 3 * 1024 * 1024;

const REQUEST: &[u8] = b"GET /storage/v1/b/b/o/a?alt=media HTTP/1.1\r\nHost: x\r\n\r\n";

struct Wire {
    _emulator: Emulator,
    stream: TcpStream,
    instructions: Instructions,
}

/// A connection on which nothing has been said.
async fn wire(instructions: &[&str]) -> Wire {
    let emulator = Emulator::start(Options::default()).await.unwrap();
    let content = Bytes::from(vec![b'x'; CONTENT_BYTES]);
    emulator.create_bucket("b").unwrap().insert("a", content, Upload::default()).unwrap();
    let instructions = emulator.instruct("storage.objects.get", instructions).unwrap();
    let stream = TcpStream::connect(emulator.url().trim_start_matches("http://")).await.unwrap();
    Wire { _emulator: emulator, stream, instructions }
}

impl Wire {
    async fn ask(&mut self) {
        self.stream.write_all(REQUEST).await.unwrap();
    }

    /// A whole answer; how long its head is.
    async fn answer(&mut self) -> usize {
        let mut seen = Vec::new();
        loop {
            assert!(self.stream.read_buf(&mut seen).await.unwrap() > 0, "closed");
            let end = seen.windows(4).position(|bytes| bytes == b"\r\n\r\n").map(|end| end + 4);
            if let Some(head) = end.filter(|head| seen.len() == head + CONTENT_BYTES) {
                assert!(seen[head..].iter().all(|byte| *byte == b'x'));
                return head;
            }
        }
    }

    /// Everything until the connection is closed; an error for one that is reset.
    async fn rest(&mut self) -> std::io::Result<Vec<u8>> {
        let mut seen = Vec::new();
        self.stream.read_to_end(&mut seen).await.map(|_| seen)
    }
}

#[tokio::test]
async fn an_answer_stops_at_its_byte() {
    let mut calm = wire(&["stall-for-0s-after-0K"]).await;
    calm.ask().await;
    let head = calm.answer().await;
    for (instruction, bytes) in [
        ("commit-then-break-head", 20),
        ("return-broken-stream", head + 4),
        ("return-broken-stream-after-0K", head),
        ("return-broken-stream-after-1K", head + 1024),
        ("return-broken-stream-after-3071K", head + CONTENT_BYTES - 1024),
        ("commit-then-break-body", head + CONTENT_BYTES / 2),
    ] {
        let mut wire = wire(&[instruction]).await;
        wire.ask().await;
        assert_eq!(wire.rest().await.unwrap().len(), bytes, "{instruction}");
        assert!(wire.instructions.is_consumed());
    }
}

#[tokio::test]
async fn a_reset_is_one() {
    for instruction in ["return-reset-connection", "commit-then-reset-connection"] {
        let mut wire = wire(&[instruction]).await;
        wire.ask().await;
        let reset = wire.rest().await.unwrap_err();
        assert_eq!(reset.kind(), std::io::ErrorKind::ConnectionReset, "{instruction}");
    }
}

#[tokio::test]
async fn a_connection_lives_on_after_what_only_delays() {
    let delays = ["slow-head-0ms", "stall-for-0s-after-1K", "slow-head-1ms", "return-503"];
    let mut wire = wire(&delays).await;
    for _ in 0..3 {
        wire.ask().await;
        wire.answer().await;
    }
    assert_eq!(wire.instructions.left(), 1);
    wire.ask().await;
    let mut status = [0; 12];
    wire.stream.read_exact(&mut status).await.unwrap();
    assert_eq!(&status, b"HTTP/1.1 503");
}
