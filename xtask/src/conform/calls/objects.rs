//! Calls that read, list and change objects.

use super::{Call, Content, Part};

pub(super) const READS: &[Call] = &[
    Call::get("stat", 200, "/storage/v1/b/{bucket}/o/a%2Fb%20c.txt"),
    Call::get(
        "stat, an old generation",
        200,
        "/storage/v1/b/{bucket}/o/a%2Fb%20c.txt?generation={first}",
    ),
    Call::get(
        "stat, an unknown generation",
        404,
        "/storage/v1/b/{bucket}/o/a%2Fb%20c.txt?generation=17",
    ),
    Call::get(
        "stat, a generation that is none",
        400,
        "/storage/v1/b/{bucket}/o/a%2Fb%20c.txt?generation=x",
    ),
    Call::get("stat, missing", 404, "/storage/v1/b/{bucket}/o/missing"),
    Call::get("stat, an unescaped slash", 404, "/storage/v1/b/{bucket}/o/a/b%20c.txt"),
    Call::get("stat, all access", 200, "/storage/v1/b/{bucket}/o/plain.txt?projection=full"),
    Call::get("stat, some fields", 200, "/storage/v1/b/{bucket}/o/plain.txt?fields=name,size"),
    Call::get("stat, fields that are none", 400, "/storage/v1/b/{bucket}/o/plain.txt?fields=name("),
    Call::get(
        "stat, ifGenerationMatch",
        200,
        "/storage/v1/b/{bucket}/o/a%2Fb%20c.txt?ifGenerationMatch={second}",
    ),
    Call::get(
        "stat, ifGenerationMatch of an old one",
        412,
        "/storage/v1/b/{bucket}/o/a%2Fb%20c.txt?ifGenerationMatch={first}",
    ),
    Call::get(
        "stat, ifGenerationNotMatch",
        304,
        "/storage/v1/b/{bucket}/o/a%2Fb%20c.txt?ifGenerationNotMatch={second}",
    ),
    Call::get(
        "stat, ifMetagenerationMatch",
        412,
        "/storage/v1/b/{bucket}/o/a%2Fb%20c.txt?ifMetagenerationMatch=2",
    ),
    Call::get(
        "stat, ifMetagenerationNotMatch",
        304,
        "/storage/v1/b/{bucket}/o/a%2Fb%20c.txt?ifMetagenerationNotMatch=1",
    ),
    Call::get("read", 200, "/storage/v1/b/{bucket}/o/a%2Fb%20c.txt?alt=media"),
    Call::get(
        "read, by the download path",
        200,
        "/download/storage/v1/b/{bucket}/o/a%2Fb%20c.txt?alt=media",
    ),
    Call::get(
        "read, an old generation",
        200,
        "/storage/v1/b/{bucket}/o/a%2Fb%20c.txt?alt=media&generation={first}",
    ),
    Call::get("read, missing", 404, "/storage/v1/b/{bucket}/o/missing?alt=media"),
    Call::get(
        "read, ifGenerationNotMatch",
        304,
        "/storage/v1/b/{bucket}/o/a%2Fb%20c.txt?alt=media&ifGenerationNotMatch={second}",
    ),
    Call::get("read, the first four bytes", 206, "/storage/v1/b/{bucket}/o/plain.txt?alt=media")
        .with(&[("range", "bytes=0-3")], Content::Text("")),
    Call::get("read, from the third byte", 206, "/storage/v1/b/{bucket}/o/plain.txt?alt=media")
        .with(&[("range", "bytes=2-")], Content::Text("")),
    Call::get("read, the last two bytes", 206, "/storage/v1/b/{bucket}/o/plain.txt?alt=media")
        .with(&[("range", "bytes=-2")], Content::Text("")),
    Call::get("read, past the end", 416, "/storage/v1/b/{bucket}/o/plain.txt?alt=media")
        .with(&[("range", "bytes=99-")], Content::Text("")),
    Call::get("read, gzip as it is stored", 200, "/storage/v1/b/{bucket}/o/zipped.json?alt=media")
        .with(&[("accept-encoding", "gzip")], Content::Text("")),
    Call::get("read, gzip decompressed", 200, "/storage/v1/b/{bucket}/o/zipped.json?alt=media"),
];

pub(super) const LISTS: &[Call] = &[
    Call::get("list", 200, "/storage/v1/b/{bucket}/o"),
    Call::get("list, below a prefix", 200, "/storage/v1/b/{bucket}/o?prefix=a%2F"),
    Call::get("list, with a delimiter", 200, "/storage/v1/b/{bucket}/o?delimiter=%2F"),
    Call::get("list, nothing", 200, "/storage/v1/b/{bucket}/o?prefix=nothing"),
    Call::get("list, two", 200, "/storage/v1/b/{bucket}/o?maxResults=2&delimiter=%2F")
        .keeping("token", Part::Json("/nextPageToken")),
    Call::get(
        "list, the next two",
        200,
        "/storage/v1/b/{bucket}/o?maxResults=2&delimiter=%2F&pageToken={token}",
    ),
    Call::get("list, a token that is none", 400, "/storage/v1/b/{bucket}/o?pageToken=%21"),
    Call::get("list, no results", 400, "/storage/v1/b/{bucket}/o?maxResults=-1"),
    Call::get("list, versions", 200, "/storage/v1/b/{bucket}/o?versions=true&prefix=a%2F"),
    Call::get(
        "list, offsets",
        200,
        "/storage/v1/b/{bucket}/o?startOffset=chunks.bin&endOffset=media%2Fm.txt",
    ),
    Call::get("list, glob", 200, "/storage/v1/b/{bucket}/o?matchGlob=**.txt"),
    Call::get("list, glob within a folder", 200, "/storage/v1/b/{bucket}/o?matchGlob=*.txt"),
    Call::get(
        "list, some fields",
        200,
        "/storage/v1/b/{bucket}/o?fields=items(name),nextPageToken",
    ),
    Call::get("list, a bucket that is missing", 404, "/storage/v1/b/{bucket}-missing/o"),
];

pub(super) const CHANGES: &[Call] = &[
    Call::new("patch", 200, "PATCH", "/storage/v1/b/{bucket}/o/a%2Fb%20c.txt")
        .with_json(r#"{"metadata":{"k":null,"x":"y"},"contentType":"text/csv"}"#),
    Call::new(
        "patch, ifMetagenerationMatch of an old one",
        412,
        "PATCH",
        "/storage/v1/b/{bucket}/o/a%2Fb%20c.txt?ifMetagenerationMatch=1",
    )
    .with_json(r#"{"metadata":{"x":"z"}}"#),
    Call::new("patch, missing", 404, "PATCH", "/storage/v1/b/{bucket}/o/missing")
        .with_json(r#"{"metadata":{"x":"z"}}"#),
    Call::new("update", 200, "PUT", "/storage/v1/b/{bucket}/o/media%2Fm.txt")
        .with_json(r#"{"contentType":"text/html","metadata":{"u":"1"}}"#),
    Call::post(
        "compose",
        200,
        "/storage/v1/b/{bucket}/o/composed.txt/compose",
        r#"{"sourceObjects":[{"name":"plain.txt"},{"name":"lf.txt"}],"destination":{"contentType":"text/plain"}}"#,
    ),
    Call::post(
        "compose, a source that is missing",
        404,
        "/storage/v1/b/{bucket}/o/composed.txt/compose",
        r#"{"sourceObjects":[{"name":"missing"}]}"#,
    ),
    Call::post(
        "compose, under a precondition that does not hold",
        412,
        "/storage/v1/b/{bucket}/o/composed.txt/compose?ifGenerationMatch=0",
        r#"{"sourceObjects":[{"name":"plain.txt"}]}"#,
    ),
    Call::get("read what is composed", 200, "/storage/v1/b/{bucket}/o/composed.txt?alt=media"),
    Call::post(
        "copy",
        200,
        "/storage/v1/b/{bucket}/o/a%2Fb%20c.txt/copyTo/b/{bucket}/o/copy.txt",
        "",
    ),
    Call::post(
        "rewrite",
        200,
        "/storage/v1/b/{bucket}/o/a%2Fb%20c.txt/rewriteTo/b/{bucket}/o/rewritten.txt",
        "",
    ),
    Call::post(
        "rewrite, an old generation",
        200,
        "/storage/v1/b/{bucket}/o/a%2Fb%20c.txt/rewriteTo/b/{bucket}/o/restored.txt?sourceGeneration={first}",
        "",
    ),
    Call::post(
        "rewrite, create what is there",
        412,
        "/storage/v1/b/{bucket}/o/a%2Fb%20c.txt/rewriteTo/b/{bucket}/o/restored.txt?ifGenerationMatch=0",
        "",
    ),
    Call::post(
        "rewrite, missing",
        404,
        "/storage/v1/b/{bucket}/o/missing/rewriteTo/b/{bucket}/o/rewritten.txt",
        "",
    ),
    Call::get("read what is restored", 200, "/storage/v1/b/{bucket}/o/restored.txt?alt=media"),
    Call::post("move", 200, "/storage/v1/b/{bucket}/o/rewritten.txt/moveTo/o/moved.txt", ""),
    Call::get("stat what was moved away", 404, "/storage/v1/b/{bucket}/o/rewritten.txt"),
    Call::delete(
        "delete, an old generation under ifGenerationMatch",
        412,
        "/storage/v1/b/{bucket}/o/a%2Fb%20c.txt?ifGenerationMatch={first}",
    ),
    Call::delete(
        "delete",
        204,
        "/storage/v1/b/{bucket}/o/a%2Fb%20c.txt?ifGenerationMatch={second}",
    ),
    Call::delete("delete again", 404, "/storage/v1/b/{bucket}/o/a%2Fb%20c.txt"),
    Call::get(
        "read a deleted generation",
        200,
        "/storage/v1/b/{bucket}/o/a%2Fb%20c.txt?alt=media&generation={second}",
    ),
    Call::delete(
        "delete one version for ever",
        204,
        "/storage/v1/b/{bucket}/o/a%2Fb%20c.txt?generation={first}",
    ),
    Call::get(
        "read what is gone for ever",
        404,
        "/storage/v1/b/{bucket}/o/a%2Fb%20c.txt?alt=media&generation={first}",
    ),
];
