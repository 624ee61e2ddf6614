//! How much of an answer is taken from the socket, and what it becomes.

use std::io::Write as _;

use domain::RECORD_BYTES_MAX;
use flate2::Compression;
use flate2::write::GzEncoder;
use store::gzip::{RATIO_FREE_BYTES, RATIO_MAX};
use store::{ErrorKind, Store as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::client::{Naps, bucket, bucket_at, gzip, object};
use crate::server::Server;

const RECORD: &str = "env/dev/ventures/V1/history/2025/11/06/x_1.json";

const MIB: usize = 1024 * 1024;

/// What lies in the buffers of both ends of a connection at most. (tcp(7), `tcp_rmem`, `tcp_wmem`.)
const BUFFERS_BYTES_MAX: usize = 16 * MIB;

/// Answers one request with `head` and then with bytes until the client has gone away, a gigabyte
/// at most; tells how many there were.
async fn endless(head: &'static str) -> (String, oneshot::Receiver<usize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let (tell, told) = oneshot::channel();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 4096];
        assert!(stream.read(&mut request).await.unwrap() > 0);
        stream.write_all(head.as_bytes()).await.unwrap();
        let piece = vec![b' '; 64 * 1024];
        let mut sent = 0;
        while sent < 1024 * MIB {
            // A client that has gone away is the end of it.
            let Ok(bytes) = stream.write(&piece).await else { break };
            sent += bytes;
        }
        tell.send(sent).unwrap();
    });
    (host, told)
}

async fn check(head: &'static str, taken_max: usize) {
    let (host, sent) = endless(head).await;
    let bucket = bucket_at(&host, gcp::DEADLINE, Naps::new());
    let err = bucket.get(RECORD, None).await.unwrap_err();
    assert_eq!(err.kind, ErrorKind::Unusable);
    let message = format!("get {RECORD}: answer of more than {RECORD_BYTES_MAX} bytes");
    assert_eq!(err.to_string(), message);
    let sent = sent.await.unwrap();
    assert!(sent <= taken_max + BUFFERS_BYTES_MAX, "{sent} bytes");
}

#[tokio::test]
async fn a_download_ends_where_its_bound_is() {
    check("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", RECORD_BYTES_MAX).await;
    check("HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n", 0).await;
}

/// Reads a record that is stored as these bytes of gzip.
async fn read(stored: &[u8]) -> Result<usize, String> {
    let server = Server::start([object(stored, &[("Content-Encoding", "gzip")])]).await;
    let read = bucket(&server).get(RECORD, None).await;
    read.map(|object| object.unwrap().body.len()).map_err(|err| {
        assert_eq!((err.kind, server.requests().len()), (ErrorKind::Unusable, 1));
        err.to_string().split_once(": ").unwrap().1.to_owned()
    })
}

/// Bytes that gzip makes hardly smaller.
fn noise(bytes: usize) -> Vec<u8> {
    let mut state: u64 = 7;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        state.to_be_bytes()[0]
    };
    (0..bytes).map(|_| next()).collect()
}

#[tokio::test]
async fn a_record_decompresses_to_its_largest_size_and_no_further() {
    let mut largest = noise(MIB);
    largest.resize(RECORD_BYTES_MAX, b' ');
    assert_eq!(read(&gzip(&largest)).await, Ok(RECORD_BYTES_MAX));
    largest.push(b' ');
    let large = "content of more than 8388608 bytes when decompressed";
    assert_eq!(read(&gzip(&largest)).await, Err(large.to_owned()));
}

#[tokio::test]
async fn a_record_of_a_ratio_that_no_document_has_is_refused_beyond_a_size() {
    assert_eq!(read(&gzip(&vec![0; RATIO_FREE_BYTES])).await, Ok(RATIO_FREE_BYTES));
    let refused = format!("content of more than {RATIO_MAX} times its size when decompressed");
    let bomb = dense(4 * MIB);
    assert!(bomb.len() * RATIO_MAX < 4 * MIB);
    assert_eq!(read(&bomb).await, Err(refused));
}

/// Zeros in as few bytes as gzip has for them.
fn dense(zeros: usize) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&vec![0; zeros]).unwrap();
    encoder.finish().unwrap()
}
