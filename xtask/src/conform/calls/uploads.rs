//! Calls that upload.

use super::{Call, Content, Part};

/// A multipart upload with CRLF.
macro_rules! multipart {
    ($metadata:literal, $content:literal) => {
        Content::Text(concat!(
            "--b\r\nContent-Type: application/json\r\n\r\n",
            $metadata,
            "\r\n--b\r\nContent-Type: text/plain\r\n\r\n",
            $content,
            "\r\n--b--\r\n"
        ))
    };
}

const RELATED: &[(&str, &str)] = &[("content-type", "multipart/related; boundary=b")];
const QUOTED: &[(&str, &str)] = &[("content-type", "multipart/related; boundary='b'")];
const TEXT: &[(&str, &str)] = &[("content-type", "text/plain")];
const GENERATION: Part = Part::Json("/generation");

/// `{"id":1}` and a line break, compressed. (RFC 1952.)
const GZIP: &[u8] = &[
    0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0xff, 0xab, 0x56, 0xca, 0x4c, 0x51, 0xb2,
    0x32, 0xac, 0xe5, 0x02, 0x00, 0x54, 0x6d, 0x9d, 0xd9, 0x09, 0x00, 0x00, 0x00,
];

/// Chunks of a resumable upload are multiples of this.
const CHUNK: usize = 256 * 1024;

pub(super) const CALLS: &[Call] = &[
    Call::new("multipart", 200, "POST", "/upload/storage/v1/b/{bucket}/o?uploadType=multipart")
        .with(
            RELATED,
            multipart!(
                r#"{"name":"a/b c.txt","metadata":{"k":"v"},"cacheControl":"no-cache"}"#,
                "first"
            ),
        )
        .keeping("first", GENERATION),
    Call::new(
        "multipart, replace under ifGenerationMatch",
        200,
        "POST",
        "/upload/storage/v1/b/{bucket}/o?uploadType=multipart&ifGenerationMatch={first}",
    )
    .with(RELATED, multipart!(r#"{"name":"a/b c.txt","metadata":{"k":"v"}}"#, "second body"))
    .keeping("second", GENERATION),
    Call::new(
        "multipart, replace an old generation",
        412,
        "POST",
        "/upload/storage/v1/b/{bucket}/o?uploadType=multipart&ifGenerationMatch={first}",
    )
    .with(RELATED, multipart!(r#"{"name":"a/b c.txt"}"#, "stale")),
    Call::new(
        "multipart, create what is there",
        412,
        "POST",
        "/upload/storage/v1/b/{bucket}/o?uploadType=multipart&ifGenerationMatch=0",
    )
    .with(RELATED, multipart!(r#"{"name":"a/b c.txt"}"#, "again")),
    Call::new(
        "multipart, ifMetagenerationMatch of another",
        412,
        "POST",
        "/upload/storage/v1/b/{bucket}/o?uploadType=multipart&ifMetagenerationMatch=7",
    )
    .with(RELATED, multipart!(r#"{"name":"a/b c.txt"}"#, "again")),
    Call::new(
        "multipart, bare line feeds and a quoted boundary",
        200,
        "POST",
        "/upload/storage/v1/b/{bucket}/o?uploadType=multipart",
    )
    .with(
        QUOTED,
        Content::Text(
            "--b\nContent-Type: application/json\n\n{\"name\":\"lf.txt\"}\n--b\n\
             Content-Type: text/plain\n\nline\nfeed\n--b--\n",
        ),
    ),
    Call::new(
        "multipart, the right checksums",
        200,
        "POST",
        "/upload/storage/v1/b/{bucket}/o?uploadType=multipart",
    )
    .with(
        RELATED,
        multipart!(
            r#"{"name":"plain.txt","crc32c":"mnG7TA==","md5Hash":"XUFAKrxLKna5cZ2REBfFkg=="}"#,
            "hello"
        ),
    ),
    Call::new(
        "multipart, a wrong CRC32C",
        400,
        "POST",
        "/upload/storage/v1/b/{bucket}/o?uploadType=multipart",
    )
    .with(RELATED, multipart!(r#"{"name":"wrong.txt","crc32c":"AAAAAA=="}"#, "hello")),
    Call::new(
        "multipart, a wrong MD5",
        400,
        "POST",
        "/upload/storage/v1/b/{bucket}/o?uploadType=multipart",
    )
    .with(
        RELATED,
        multipart!(r#"{"name":"wrong.txt","md5Hash":"AAAAAAAAAAAAAAAAAAAAAA=="}"#, "hello"),
    ),
    Call::new(
        "multipart, a line break in the name",
        400,
        "POST",
        "/upload/storage/v1/b/{bucket}/o?uploadType=multipart",
    )
    .with(RELATED, multipart!(r#"{"name":"a\nb"}"#, "x")),
    Call::new(
        "multipart, into a bucket that is missing",
        404,
        "POST",
        "/upload/storage/v1/b/{bucket}-missing/o?uploadType=multipart",
    )
    .with(RELATED, multipart!(r#"{"name":"x"}"#, "x")),
    Call::new(
        "media",
        200,
        "POST",
        "/upload/storage/v1/b/{bucket}/o?uploadType=media&name=media%2Fm.txt",
    )
    .with(TEXT, Content::Text("media content")),
    Call::new(
        "media, gzip",
        200,
        "POST",
        "/upload/storage/v1/b/{bucket}/o?uploadType=media&name=zipped.json&contentEncoding=gzip",
    )
    .with(&[("content-type", "application/json")], Content::Bytes(GZIP)),
    Call::new("media, no name", 400, "POST", "/upload/storage/v1/b/{bucket}/o?uploadType=media")
        .with(TEXT, Content::Text("x")),
    Call::new(
        "upload of an unknown type",
        400,
        "POST",
        "/upload/storage/v1/b/{bucket}/o?uploadType=other&name=x",
    )
    .with(TEXT, Content::Text("x")),
    Call::post(
        "resumable, begin",
        200,
        "/upload/storage/v1/b/{bucket}/o?uploadType=resumable&name=chunks.bin",
        r#"{"contentType":"text/plain","metadata":{"r":"1"}}"#,
    )
    .keeping("upload", Part::Header("location")),
    Call::new("resumable, status before anything", 308, "PUT", "{upload}")
        .with(&[("content-range", "bytes */*")], Content::Text("")),
    Call::new("resumable, first chunk", 308, "PUT", "{upload}")
        .with(&[("content-range", "bytes 0-262143/*")], Content::Letters(CHUNK)),
    Call::new("resumable, status in the middle", 308, "PUT", "{upload}")
        .with(&[("content-range", "bytes */262148")], Content::Text("")),
    Call::new("resumable, last chunk", 200, "PUT", "{upload}")
        .with(&[("content-range", "bytes 262144-262147/262148")], Content::Letters(4)),
    Call::new("resumable, status at the end", 200, "PUT", "{upload}")
        .with(&[("content-range", "bytes */262148")], Content::Text("")),
    Call::post(
        "resumable, begin another",
        200,
        "/upload/storage/v1/b/{bucket}/o?uploadType=resumable&ifGenerationMatch=0",
        r#"{"name":"whole.bin"}"#,
    )
    .keeping("whole", Part::Header("location")),
    Call::new("resumable, in one piece", 200, "PUT", "{whole}").with(TEXT, Content::Text("whole")),
];
