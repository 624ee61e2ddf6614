//! Records that mean harm, or come of a mistake that looks like it: each has one answer, leaves no
//! snapshot, and keeps nobody else from theirs.

use std::io::Write as _;
use std::sync::Arc;

use bytes::Bytes;
use cloud_run::Runner;
use domain::{EntityRef, Env, ObjectName};
use emulator::{Memory, Upload};
use expect_test::{Expect, expect};
use flate2::write::{DeflateEncoder, GzEncoder};
use flate2::{Compression, Crc};
use serde_json::{Value, json};

use super::{bucket, builder, entity, full};

const MIB: usize = 1024 * 1024;

/// Pushes the finalize notification of a new object to the function as it is served; returns what
/// its quarantine object says.
async fn push(
    bucket: &Arc<Memory>,
    runner: &Runner,
    (entity, file, body): (&EntityRef, &str, Bytes),
    encoding: Option<&str>,
) -> Vec<String> {
    let upload = Upload { content_encoding: encoding.map(str::to_owned), ..Upload::default() };
    let name = format!("{}2025/11/06/{file}", ObjectName::history_prefix(entity));
    let stored = bucket.insert(&name, body, upload).unwrap();
    let attributes = json!({
        "bucketId": "test",
        "objectId": name,
        "objectGeneration": stored.generation.to_string(),
        "eventType": "OBJECT_FINALIZE",
    });
    let push = json!({ "message": { "attributes": attributes, "messageId": "1" } });
    // The clock of tests ends every wait at once: nothing may make the runner wait but the bucket.
    let push = push.to_string();
    let answered = tokio::task::unconstrained(runner.answer(push.as_bytes()));
    assert_eq!(answered.await, 204, "{name}");
    let about = |(found, object): (String, store::Object)| {
        let note: Option<Value> = found
            .starts_with("env/dev/reports/quarantine/snapshot-builder/ventures/")
            .then(|| serde_json::from_slice(&object.body).unwrap());
        note.filter(|note| note["object"] == name)
    };
    let notes: Vec<Value> = bucket.objects().into_iter().filter_map(about).collect();
    assert!(notes.len() <= 1, "{notes:?}");
    let reasons = notes.first().map(|note| note["reasons"].as_array().unwrap().clone());
    let reasons = reasons.unwrap_or_default();
    reasons.iter().map(|reason| reason.as_str().unwrap().to_owned()).collect()
}

fn snapshot(bucket: &Memory, entity: &EntityRef) -> Option<String> {
    let object = bucket.objects().remove(&ObjectName::Snapshot(entity.clone()).to_string())?;
    Some(String::from_utf8(object.body.to_vec()).unwrap())
}

/// Delivers the record and, when it does not count, a good one of the same entity and one of
/// another. Returns its reasons, or the snapshot that it makes.
async fn answer(file: &str, body: Bytes, encoding: Option<&str>) -> String {
    let bucket = bucket();
    let tools = emulator::tools(bucket.clone());
    let runner = Runner::new("snapshot-builder", "test", tools, Arc::new(builder(bucket.clone())));
    let reasons = push(&bucket, &runner, (&entity(), file, body), encoding).await;
    let Some(first) = reasons.first() else {
        let snapshot = snapshot(&bucket, &entity()).unwrap();
        let (_, fields) = snapshot.trim_end().split_once("T10:00:01Z\"").unwrap();
        return format!("counts: {fields}");
    };
    assert_eq!(reasons.len(), 1, "{reasons:?}");
    assert_eq!(snapshot(&bucket, &entity()), None, "{first}");
    for good in [entity(), EntityRef::new(Env::Dev, "ventures", "V2").unwrap()] {
        let record = (&good, "good_2.json", full(2, "").into());
        assert_eq!(push(&bucket, &runner, record, None).await, Vec::<String>::new(), "{first}");
        assert!(snapshot(&bucket, &good).is_some(), "{first}");
    }
    first.replace(&ObjectName::history_prefix(&entity()), "…/")
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

/// Every answer to `body`: as it is, with gzip as its content encoding, and as `.json.gz`.
async fn ways(body: &[u8]) -> String {
    let zipped = Bytes::from(gzip(body));
    let plain = answer("x_1.json", body.to_vec().into(), None).await;
    let encoded = answer("x_1.json", zipped.clone(), Some("gzip")).await;
    let named = answer("x_1.json.gz", zipped, None).await;
    match plain == encoded && encoded == named {
        true => plain,
        false => format!("{plain}\n  encoded: {encoded}\n  named: {named}"),
    }
}

async fn check(cases: &[(&str, Vec<u8>)], expect: Expect) {
    let mut table = String::new();
    for (label, body) in cases {
        table.push_str(&format!("{label} | {}\n", ways(body).await));
    }
    expect.assert_eq(&table);
}

/// A record with these fields, which may be any bytes.
fn with(rest: impl AsRef<[u8]>) -> Vec<u8> {
    let record = full(1, "");
    [&record.as_bytes()[..record.len() - 1], b",", rest.as_ref(), b"}"].concat()
}

fn utf16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
    "\u{feff}".encode_utf16().chain(text.encode_utf16()).flat_map(bytes).collect()
}

#[tokio::test(flavor = "current_thread")]
async fn what_is_not_one_json_text_in_utf_8_is_rejected() {
    let good = full(1, "");
    check(
        &[
            ("empty", Vec::new()),
            ("only space", b" \n".to_vec()),
            ("two documents", format!("{good}{good}").into()),
            ("two lines", format!("{good}\n{good}\n").into()),
            ("trailing comma", with("\"a\":[1,]")),
            ("line comment", format!("// a record\n{good}").into()),
            ("block comment", with("/* a */\"b\":1")),
            ("control character in a text", with("\"a\":\"\u{1}\"")),
            ("line feed in a text", with("\"a\":\"b\nc\"")),
            ("NUL after it", format!("{good}\0").into()),
            ("NUL in a text", with("\"a\":\"\0\"")),
            ("escaped NUL", with(r#""a":"\u0000""#)),
            ("invalid UTF-8 in a key", with(b"\"\xc3\x28\":1")),
            ("invalid UTF-8 in a text", with(b"\"a\":\"\xed\xa0\x80\"")),
            ("lone surrogate first", with(r#""a":"\ud800""#)),
            ("lone surrogate last", with(r#""a":"\udc00x""#)),
            ("byte order mark", format!("\u{feff}{good}").into()),
            ("UTF-16, little end first", utf16(&good, u16::to_le_bytes)),
            ("UTF-16, big end first", utf16(&good, u16::to_be_bytes)),
        ],
        expect![[r#"
            empty | not JSON: EOF while parsing a value at line 1 column 0
            only space | not JSON: EOF while parsing a value at line 2 column 0
            two documents | not JSON: trailing characters at line 1 column 63
            two lines | not JSON: trailing characters at line 2 column 1
            trailing comma | not JSON: trailing comma at line 1 column 70
            line comment | not JSON: expected value at line 1 column 1
            block comment | not JSON: key must be a string at line 1 column 63
            control character in a text | not JSON: control character (\u0000-\u001F) found while parsing a string at line 1 column 68
            line feed in a text | not JSON: control character (\u0000-\u001F) found while parsing a string at line 2 column 0
            NUL after it | not JSON: trailing characters at line 1 column 63
            NUL in a text | not JSON: control character (\u0000-\u001F) found while parsing a string at line 1 column 68
            escaped NUL | counts: ,"a":"\u0000"}
            invalid UTF-8 in a key | not UTF-8 at byte 63
            invalid UTF-8 in a text | not UTF-8 at byte 67
            lone surrogate first | not JSON: unexpected end of hex escape at line 1 column 74
            lone surrogate last | not JSON: lone leading surrogate in hex escape at line 1 column 73
            byte order mark | begins with a byte order mark
            UTF-16, little end first | not UTF-8 at byte 0
            UTF-16, big end first | not UTF-8 at byte 0
        "#]],
    )
    .await;
}

#[tokio::test(flavor = "current_thread")]
async fn what_two_readers_could_read_in_two_ways_is_rejected() {
    check(
        &[
            ("key twice", with(r#""a":1,"a":1"#)),
            ("key twice, inner", with(r#""o":[{"a":1,"a":1}]"#)),
            ("key twice, escaped", with(r#""a":1,"\u0061":1"#)),
            ("key twice, reserved", with(r#""op":"merge","\u006fp":"delete""#)),
            ("NaN", with(r#""n_a":NaN"#)),
            ("Infinity", with(r#""n_a":Infinity"#)),
            ("-Infinity", with(r#""n_a":-Infinity"#)),
            ("leading zero", with(r#""n_a":01"#)),
            ("-0", with(r#""n_a":-0"#)),
            ("1e999999999", with(r#""n_a":1e999999999"#)),
        ],
        expect![[r#"
            key twice | not JSON: a key stands twice in one object or is reserved at line 1 column 71
            key twice, inner | not JSON: a key stands twice in one object or is reserved at line 1 column 77
            key twice, escaped | not JSON: a key stands twice in one object or is reserved at line 1 column 76
            key twice, reserved | not JSON: a key stands twice in one object or is reserved at line 1 column 84
            NaN | not JSON: expected value at line 1 column 69
            Infinity | not JSON: expected value at line 1 column 69
            -Infinity | not JSON: invalid number at line 1 column 70
            leading zero | not JSON: invalid number at line 1 column 70
            -0 | counts: ,"n_a":-0}
            1e999999999 | counts: ,"n_a":1e999999999}
        "#]],
    )
    .await;
}

#[tokio::test(flavor = "current_thread")]
async fn what_is_too_deep_or_too_much_is_rejected() {
    let around = |open: &str, close: &str| {
        with(format!("\"a\":{}1{}", open.repeat(10_000), close.repeat(10_000)))
    };
    let keys: String = (0..200_000).map(|n| format!("\"k{n}\":0,")).collect();
    check(
        &[
            ("10,000 arrays", around("[", "]")),
            ("10,000 objects", around("{\"a\":", "}")),
            ("10,000 arrays, open", "[".repeat(10_000).into()),
            ("200,000 keys", with(format!("{keys}\"a\":0"))),
            ("2,000,000 numbers", with(format!("\"a\":[{}0]", "0,".repeat(2_000_000)))),
        ],
        expect![[r#"
            10,000 arrays | not JSON: nested too deep at line 1 column 130
            10,000 objects | not JSON: nested too deep at line 1 column 385
            10,000 arrays, open | not JSON: nested too deep at line 1 column 65
            200,000 keys | not JSON: more values than a document may hold at line 1 column 1088928
            2,000,000 numbers | not JSON: more values than a document may hold at line 1 column 200059
        "#]],
    )
    .await;
}

/// 40 MB and more, whose middle is this piece of about a mebibyte again and again.
async fn check_large(before: &str, piece: &str, after: &str, expect: Expect) {
    let piece = piece.repeat(MIB / piece.len());
    let body = with(format!("{before}{}{after}", piece.repeat(40)));
    assert!(body.len() > 40_000_000);
    let (head, tail) = body.split_at(body.len() - after.len() - 1);
    let head = &head[..head.len() - 40 * piece.len()];
    let members = [gzip(head), gzip(piece.as_bytes()).repeat(40), gzip(tail)].concat();
    let plain = answer("x_1.json", body.into(), None).await;
    let encoded = answer("x_1.json", members.clone().into(), Some("gzip")).await;
    let named = answer("x_1.json.gz", members.into(), None).await;
    expect.assert_eq(&format!("{plain}\n{encoded}\n{named}\n"));
}

#[tokio::test(flavor = "current_thread")]
async fn forty_megabytes_are_not_read() {
    check_large(
        "\"a\":\"",
        "x",
        "\"",
        expect![[r#"
        get …/2025/11/06/x_1.json: answer of more than 8388608 bytes
        get …/2025/11/06/x_1.json: content of more than 8388608 bytes when decompressed
        a record has at most 8388608 bytes
    "#]],
    )
    .await;
    check_large(
        "\"a\":[",
        "0.5,",
        "0]",
        expect![[r#"
        get …/2025/11/06/x_1.json: answer of more than 8388608 bytes
        get …/2025/11/06/x_1.json: content of more than 8388608 bytes when decompressed
        a record has at most 8388608 bytes
    "#]],
    )
    .await;
    let keys: String = (0..100_000).map(|n| format!("\"{n:05}\":0,")).collect();
    check_large(
        "",
        &keys,
        "\"z\":0",
        expect![[r#"
        get …/2025/11/06/x_1.json: answer of more than 8388608 bytes
        get …/2025/11/06/x_1.json: content of more than 8388608 bytes when decompressed
        a record has at most 8388608 bytes
    "#]],
    )
    .await;
}

/// One gigabyte of zeros in one member of gzip, of about a megabyte. (RFC 1951, section 3.2.4: an
/// empty stored block ends it; before it blocks that end on a byte are repeated.)
fn bomb() -> Vec<u8> {
    let zeros = vec![0; MIB];
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&zeros).unwrap();
    encoder.flush().unwrap();
    let blocks = encoder.get_ref().repeat(1024);
    let (mut one, mut all) = (Crc::new(), Crc::new());
    one.update(&zeros);
    (0..1024).for_each(|_| all.combine(&one));
    let header = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    let end = [1, 0, 0, 0xff, 0xff];
    [&header[..], &blocks, &end, &all.sum().to_le_bytes(), &all.amount().to_le_bytes()].concat()
}

#[tokio::test(flavor = "current_thread")]
async fn damaged_gzip_and_bombs_are_rejected() {
    let good = full(1, "");
    let whole = gzip(good.as_bytes());
    let (first, second) = good.split_at(20);
    let mut wrong_crc = whole.clone();
    let crc = whole.len() - 8;
    wrong_crc[crc] ^= 1;
    let bomb = bomb();
    assert!((MIB..2 * MIB).contains(&bomb.len()), "{}", bomb.len());
    let cases = [
        ("whole", whole.clone()),
        ("two members, one record", [gzip(first.as_bytes()), gzip(second.as_bytes())].concat()),
        ("two members, two records", whole.repeat(2)),
        ("gzip in gzip", gzip(&whole)),
        ("cut off", whole[..whole.len() - 9].to_vec()),
        ("wrong CRC", wrong_crc),
        ("trailing garbage", [&whole[..], b"garbage"].concat()),
        ("trailing zeros", [&whole[..], &[0; 512]].concat()),
        ("bomb of 1 GiB", bomb.clone()),
        ("bomb after a record", [&whole[..], &bomb].concat()),
        ("bomb of 1,024 members", gzip(&vec![0; MIB]).repeat(1024)),
        ("bomb in gzip", gzip(&bomb)),
        ("bomb below the largest size", gzip(&vec![b' '; 2 * MIB])),
    ];
    let mut table = String::new();
    for (label, body) in cases {
        let body = Bytes::from(body);
        table.push_str(&format!("{label}\n"));
        for (way, file, encoding) in [
            ("plain", "x_1.json", None),
            ("encoded", "x_1.json", Some("gzip")),
            ("named", "x_1.json.gz", None),
            ("both", "x_1.json.gz", Some("gzip")),
        ] {
            table.push_str(&format!("  {way}: {}\n", answer(file, body.clone(), encoding).await));
        }
    }
    expect![[r#"
        whole
          plain: not JSON: gzip once more than name and content encoding say
          encoded: counts: }
          named: counts: }
          both: counts: }
        two members, one record
          plain: not JSON: gzip once more than name and content encoding say
          encoded: counts: }
          named: counts: }
          both: counts: }
        two members, two records
          plain: not JSON: gzip once more than name and content encoding say
          encoded: not JSON: trailing characters at line 1 column 63
          named: not JSON: trailing characters at line 1 column 63
          both: not JSON: trailing characters at line 1 column 63
        gzip in gzip
          plain: not JSON: gzip once more than name and content encoding say
          encoded: not JSON: gzip once more than name and content encoding say
          named: not JSON: gzip once more than name and content encoding say
          both: counts: }
        cut off
          plain: not JSON: gzip once more than name and content encoding say
          encoded: get …/2025/11/06/x_1.json: object is stored as gzip and is not gzip
          named: not gzip: damaged, cut off, or followed by something else
          both: get …/2025/11/06/x_1.json.gz: object is stored as gzip and is not gzip
        wrong CRC
          plain: not JSON: gzip once more than name and content encoding say
          encoded: get …/2025/11/06/x_1.json: object is stored as gzip and is not gzip
          named: not gzip: damaged, cut off, or followed by something else
          both: get …/2025/11/06/x_1.json.gz: object is stored as gzip and is not gzip
        trailing garbage
          plain: not JSON: gzip once more than name and content encoding say
          encoded: get …/2025/11/06/x_1.json: object is stored as gzip and is not gzip
          named: not gzip: damaged, cut off, or followed by something else
          both: get …/2025/11/06/x_1.json.gz: object is stored as gzip and is not gzip
        trailing zeros
          plain: not JSON: gzip once more than name and content encoding say
          encoded: get …/2025/11/06/x_1.json: object is stored as gzip and is not gzip
          named: not gzip: damaged, cut off, or followed by something else
          both: get …/2025/11/06/x_1.json.gz: object is stored as gzip and is not gzip
        bomb of 1 GiB
          plain: not JSON: gzip once more than name and content encoding say
          encoded: get …/2025/11/06/x_1.json: content of more than 8388608 bytes when decompressed
          named: a record has at most 8388608 bytes
          both: get …/2025/11/06/x_1.json.gz: content of more than 8388608 bytes when decompressed
        bomb after a record
          plain: not JSON: gzip once more than name and content encoding say
          encoded: get …/2025/11/06/x_1.json: content of more than 8388608 bytes when decompressed
          named: a record has at most 8388608 bytes
          both: get …/2025/11/06/x_1.json.gz: content of more than 8388608 bytes when decompressed
        bomb of 1,024 members
          plain: not JSON: gzip once more than name and content encoding say
          encoded: get …/2025/11/06/x_1.json: content of more than 8388608 bytes when decompressed
          named: a record has at most 8388608 bytes
          both: get …/2025/11/06/x_1.json.gz: content of more than 8388608 bytes when decompressed
        bomb in gzip
          plain: not JSON: gzip once more than name and content encoding say
          encoded: not JSON: gzip once more than name and content encoding say
          named: not JSON: gzip once more than name and content encoding say
          both: a record has at most 8388608 bytes
        bomb below the largest size
          plain: not JSON: gzip once more than name and content encoding say
          encoded: not JSON: EOF while parsing a value at line 1 column 2097152
          named: not JSON: EOF while parsing a value at line 1 column 2097152
          both: not JSON: EOF while parsing a value at line 1 column 2097152
    "#]]
    .assert_eq(&table);
}
