//! What is read of headers and multipart bodies, in tables.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::middleware;
use bytes::Bytes;
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;

use super::content_range::ContentRange;
use super::multipart;
use super::range::{Wanted, wanted};
use super::sessions::{End, Session, Sessions, Target, Unfit};
use super::unread;
use crate::Chance;

#[test]
fn content_ranges_are_read_or_refused() {
    let status = |total| Some(ContentRange::Status { total });
    let content = |first, last, total| Some(ContentRange::Content { first, last, total });
    for (text, expected) in [
        ("bytes */*", status(None)),
        ("bytes */0", status(Some(0))),
        ("bytes */20", status(Some(20))),
        ("Bytes */20", status(Some(20))),
        ("bytes 0-0/1", content(0, Some(0), Some(1))),
        ("bytes 5-9/*", content(5, Some(9), None)),
        ("bytes 5-*/*", content(5, None, None)),
        ("bytes 5-*/9", content(5, None, Some(9))),
        ("bytes 9-*/9", content(9, None, Some(9))),
        (" bytes  0-9/10 ", content(0, Some(9), Some(10))),
        ("", None),
        ("*/*", None),
        ("bytes", None),
        ("bytes *", None),
        ("bytes */", None),
        ("bytes */x", None),
        ("bytes */-1", None),
        ("bytes */+1", None),
        ("bytes */9223372036854775808", None),
        ("bytes 0-9", None),
        ("bytes 0-9/9", None),
        ("bytes 9-0/10", None),
        ("bytes 10-*/9", None),
        ("bytes -9/10", None),
        ("bytes 0-/10", None),
        ("bytes 0x0-9/10", None),
        ("bytes 0-9/10/11", None),
        ("bytes=0-9/10", None),
        ("octets 0-9/10", None),
        ("bytes 0-18446744073709551615/*", None),
    ] {
        assert_eq!(ContentRange::parse(text), expected, "{text:?}");
    }
}

#[test]
fn ranges_are_served_or_passed_over() {
    let part = |begin, end| Wanted::Part(begin..end);
    for (text, length, expected) in [
        ("bytes=0-4", 10, part(0, 5)),
        ("bytes=0-99", 10, part(0, 10)),
        ("bytes=9-", 10, part(9, 10)),
        ("bytes=0-", 10, part(0, 10)),
        ("bytes=-3", 10, part(7, 10)),
        ("bytes=-99", 10, part(0, 10)),
        ("BYTES=0-0", 10, part(0, 1)),
        ("bytes=0-99999999999999999999999", 10, part(0, 10)),
        ("bytes=10-", 10, Wanted::Unsatisfiable),
        ("bytes=10-12", 10, Wanted::Unsatisfiable),
        ("bytes=99999999999999999999999-", 10, Wanted::Unsatisfiable),
        ("bytes=-0", 10, Wanted::Unsatisfiable),
        ("bytes=0-", 0, Wanted::Unsatisfiable),
        ("bytes=-5", 0, Wanted::Unsatisfiable),
        ("bytes=0-1,3-4", 10, Wanted::Whole),
        ("bytes=4-0", 10, Wanted::Whole),
        ("bytes=-", 10, Wanted::Whole),
        ("bytes=a-b", 10, Wanted::Whole),
        ("bytes=+1-2", 10, Wanted::Whole),
        ("bytes 0-4", 10, Wanted::Whole),
        ("lines=0-4", 10, Wanted::Whole),
        ("", 10, Wanted::Whole),
    ] {
        assert_eq!(wanted(text, length), expected, "{text:?} of {length}");
    }
}

#[test]
fn boundaries_are_bare_or_quoted_among_other_parameters() {
    for (content_type, expected) in [
        ("multipart/related; boundary=b", Some("b")),
        ("Multipart/Related;boundary=b", Some("b")),
        ("multipart/related; boundary=\"b\"", Some("b")),
        ("multipart/related; boundary='b'", Some("b")),
        ("multipart/related; boundary='=='", Some("==")),
        ("multipart/related; boundary=\"a;b=c\"; type=x", Some("a;b=c")),
        ("multipart/related; type=\"x;boundary=no\"; boundary=b", Some("b")),
        ("multipart/related; boundary=\"a\\\"b\"", Some("a\"b")),
        ("multipart/related; charset=UTF-8; BOUNDARY=b; type=x", Some("b")),
        ("multipart/related; boundary=a=b", Some("a=b")),
        ("multipart/related", None),
        ("multipart/related;", None),
        ("multipart/related; boundary", None),
        ("multipart/related; boundary=", None),
        ("multipart/related; boundary=\"\"", None),
        ("multipart/related; boundary=\"b", None),
        ("multipart/related; boundary='", None),
        ("multipart/mixed; boundary=b", None),
        ("application/json; boundary=b", None),
        ("", None),
    ] {
        let boundary = multipart::boundary(content_type, "related");
        assert_eq!(boundary.ok().as_deref(), expected, "{content_type:?}");
    }
    let seed = 8;
    let chance = Chance::new(seed);
    let valid = "multipart/related; type=\"a;b\"; boundary='b'";
    for _ in 0..20_000 {
        let mut text: Vec<char> = valid.chars().collect();
        let at = chance.below(text.len() as u64) as usize;
        text[at] = ['"', '\'', ';', '=', ' ', '\\', 'ü', '/'][chance.below(8) as usize];
        text.truncate(at + chance.below(20) as usize);
        let text: String = text.into_iter().collect();
        let boundary = multipart::boundary(&text, "related").unwrap_or_default();
        assert!(boundary.len() <= text.len(), "seed {seed}: {text}");
    }
    let long = format!("multipart/related; boundary={}", "b".repeat(71));
    assert!(multipart::boundary(&long, "related").is_err());
}

/// The content type and the body of every part, or why there is none.
fn parts(body: impl Into<Bytes>) -> Result<Vec<(String, Bytes)>, String> {
    let parts = multipart::parts("multipart/related; boundary=b", "related", &body.into(), 2);
    let content_type =
        |part: &multipart::Part| part.header("content-type").unwrap_or("").to_owned();
    let parts = parts.map_err(|err| err.to_string())?;
    Ok(parts.into_iter().map(|part| (content_type(&part), part.body)).collect())
}

#[test]
fn multipart_bodies_are_read_with_either_line_end() {
    for (body, expected) in [
        ("--b\nContent-Type: t\n\nx\n--b--\n", vec![("t", "x")]),
        ("--b\n\nx\n--b--", vec![("", "x")]),
        ("--b \t\nA: 1\nCONTENT-TYPE:t\n\nx\n--b--", vec![("t", "x")]),
        ("\n--b\n\nx\n--b--", vec![("", "x")]),
        ("preamble\n--b\n\nx\n--b--epilogue\n--b\n", vec![("", "x")]),
        ("--b\n\nx\n--b\n\ny\n--b--", vec![("", "x"), ("", "y")]),
        ("--b\n\n--bc\n--b\n\n\n\n--b--", vec![("", "--bc"), ("", "\n")]),
        ("--b\nContent-Type: t\n\n\n--b--", vec![("t", "")]),
        ("--b\nContent-Type: t\n\n--b--", vec![("t", "")]),
        ("--b\n--b--", vec![("", "")]),
    ] {
        let expected = |lines: fn(&str) -> String| {
            let own = |(kind, text): &(&str, &str)| (kind.to_string(), Bytes::from(lines(text)));
            Ok(expected.iter().map(own).collect::<Vec<_>>())
        };
        assert_eq!(parts(body), expected(str::to_owned), "{body:?}");
        let crlf = |text: &str| text.replace('\n', "\r\n");
        assert_eq!(parts(crlf(body)), expected(crlf), "{body:?} with CRLF");
    }
}

#[test]
fn a_malformed_multipart_body_is_refused_with_what_is_missing() {
    let long = format!("--b\n{}", "a: b\n".repeat(2000));
    for (body, expected) in [
        ("", "there is no part"),
        ("x", "there is no part"),
        ("--c\n\nx\n--c--", "there is no part"),
        ("--b--", "there is no part"),
        ("--b", "there is no part"),
        ("--b\n\nx", "the closing boundary is missing"),
        ("--b\n\nx\n--b", "the closing boundary is missing"),
        ("--b\nx\n--b--", "a part has no empty line between head and content"),
        ("--b\n\n1\n--b\n\n2\n--b\n\n3\n--b--", "there are too many parts"),
        (&format!("{long}\n\nx\n--b--"), "the head of a part is too long"),
        (&format!("{}--b--", long.replace(": b\n", ":")), "the closing boundary is missing"),
    ] {
        assert_eq!(parts(body.to_owned()), Err(format!("Malformed multipart body: {expected}.")));
    }
    let not_text = b"--b\n\xff: x\n\nx\n--b--".as_slice();
    assert!(parts(not_text).unwrap_err().contains("UTF-8"));
}

#[test]
fn no_mutation_of_a_multipart_body_is_more_than_it_was() {
    let seed = 7;
    let chance = Chance::new(seed);
    let valid = b"--b\r\ncontent-type: a\r\n\r\n{}\r\n--b\r\n\r\nxyz\r\n--b--\r\n";
    for round in 0..20_000 {
        let mut body = valid.to_vec();
        for _ in 0..=chance.below(3) {
            let at = chance.below(body.len() as u64) as usize;
            match chance.below(3) {
                0 => body[at] = b"\r\n-b: \xff"[chance.below(7) as usize],
                1 => drop(body.remove(at)),
                _ => body.truncate(at),
            }
            if body.is_empty() {
                break;
            }
        }
        let length = body.len();
        let contents = parts(body).unwrap_or_default();
        let sum: usize = contents.iter().map(|(_, content)| content.len()).sum();
        assert!(contents.len() <= 2 && sum <= length, "seed {seed}, round {round}");
    }
}

#[test]
fn too_much_content_costs_the_oldest_sessions_theirs() {
    let sessions = Sessions::holding(10);
    let [empty, oldest, older, newest] = [(); 4].map(|()| sessions.open(Target::default(), None));
    let add = |session: &Arc<Session>, bytes: &[u8]| {
        let mut turn = session.begin(0, None)?;
        sessions.add(session, &mut turn, bytes)
    };
    add(&oldest, b"1234").unwrap();
    add(&older, b"1234").unwrap();
    add(&newest, b"12").unwrap();
    assert!(oldest.stored().is_ok(), "as much as there may be");
    add(&newest, b"123").unwrap();
    assert!(matches!(oldest.stored(), Err(Unfit::Ended(End::Gone))));
    assert!(empty.stored().is_ok() && older.stored().is_ok() && newest.stored().is_ok());
    assert!(matches!(oldest.begin(0, None), Err(Unfit::Ended(End::Gone))));
}

#[tokio::test(start_paused = true)]
async fn a_body_that_never_comes_delays_a_refusal_no_longer_than_is_drained() {
    let router = axum::Router::new().layer(middleware::from_fn(unread::drain));
    let nothing = futures_util::stream::pending::<Result<Bytes, Infallible>>();
    let request = Request::post("/nowhere").body(Body::from_stream(nothing)).unwrap();
    let answer = TowerToHyperService::new(router).call(request);
    let answer = tokio::time::timeout(Duration::from_secs(3600), answer).await;
    assert_eq!(answer.unwrap().unwrap().status(), 404);
}
