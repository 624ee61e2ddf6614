//! What to do about a reason, in one sentence for each kind of it.

/// Tells a kind of reason.
type Fits = fn(&str) -> bool;

/// How to tell a kind of reason, and what to do. The first that fits is taken.
const KINDS: [(Fits, &str); 14] = [
    (
        |reason| reason.contains("24 h after its object was created"),
        "set the clock of the writer right, and have it write the record again",
    ),
    (
        |reason| reason.starts_with("/schema_version: expected one of "),
        "deploy a release that knows this schema version, then retry; or write a record of one of \
         these versions",
    ),
    (
        |reason| {
            reason.starts_with("/entity: expected one of ")
                || reason.starts_with("no entity definition has the segment ")
        },
        "deploy a release that defines this kind, then retry; or have the writer use a segment \
         that is defined",
    ),
    (
        |reason| reason.ends_with(", as the object name says"),
        "write the record under the name of its own entity, or without this field",
    ),
    (
        |reason| {
            ["not JSON: ", "not UTF-8 ", "begins with a byte order mark", "not gzip: "]
                .iter()
                .any(|start| reason.starts_with(start))
                || reason.ends_with(": object is stored as gzip and is not gzip")
                || reason == "a record is a JSON object"
        },
        "write the record again as one JSON object in UTF-8 without a byte order mark, each key \
         once, compressed or not as its name says",
    ),
    (
        |reason| {
            reason.starts_with("a record has at most ")
                || reason.contains(": answer of more than ")
                || reason.contains(": content of more than ")
        },
        "write a smaller record, and keep large content in an object of its own",
    ),
    (
        |reason| reason.contains("merges since the last full record"),
        "write a full record of the entity: the fold begins there",
    ),
    (
        |reason| reason.ends_with("members already"),
        "declare a new version of the index that narrows what it admits or adds a key, and build it",
    ),
    (
        |reason| reason.contains("is no register"),
        "delete the object that somebody else wrote, then `index build` the index",
    ),
    (
        |reason| reason.starts_with("the snapshot has no state"),
        "write a record of the entity: its snapshot is then built again from the history",
    ),
    (
        |reason| reason.ends_with("index objects of one entity"),
        "write a record with shorter arrays where indices have a pointer for each value",
    ),
    (
        |reason| reason.contains("of a history record ") || reason.starts_with("id "),
        "write the record under a name that the grammar of names accepts, and delete this object",
    ),
    (
        |reason| reason.starts_with('/') || reason.starts_with("the document: "),
        "write a corrected record that is valid in this place",
    ),
    (
        |reason| reason == "an alert is a JSON object",
        "delete the object, which somebody else wrote",
    ),
];

/// What to do about `reason`.
pub(crate) fn advice(reason: &str) -> &'static str {
    let kind = KINDS.iter().find(|(fits, _)| fits(reason));
    kind.map_or(UNKNOWN, |(_, advice)| advice)
}

/// For what no kind fits.
pub(crate) const UNKNOWN: &str =
    "look at the log of the function at that time, mend what it says, then retry";
