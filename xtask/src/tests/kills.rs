//! The judge of `cargo xtask kills` finds what it is there to find.

use std::collections::HashSet;

use bytes::Bytes;
use domain::Generation;
use expect_test::{Expect, expect};

use crate::kills::keeper::{Ask, Done, There, possible};
use crate::kills::model::{Change, Found, Object, Problem, Version, check};
use crate::kills::model::{check_files, check_messages};

const OLD: Generation = Generation(1);
const LIVE: Generation = Generation(2);
const NEW: Generation = Generation(3);

fn body(text: &'static str) -> Bytes {
    Bytes::from_static(text.as_bytes())
}

fn version(generation: Generation) -> Version {
    ("a".to_owned(), generation)
}

/// An object with a live and a noncurrent version.
fn known(asked: Option<Change>) -> Object {
    let mut object = Object::absent("a".to_owned());
    for (generation, text) in [(OLD, "old"), (LIVE, "live")] {
        object.asked = Some(Change::Put(body(text)));
        object.acknowledged(Some(generation));
    }
    object.asked = asked;
    object
}

fn found(
    live: Option<(Generation, &'static str)>,
    noncurrent: &[(Generation, &'static str)],
) -> Found {
    let live = live.map(|(generation, text)| ("a".to_owned(), (generation, body(text))));
    let noncurrent = noncurrent.iter().map(|(it, text)| (version(*it), Some(body(text))));
    Found { live: live.into_iter().collect(), noncurrent: noncurrent.collect() }
}

fn problem(asked: Option<Change>, found: &Found) -> Option<String> {
    let mut objects = [known(asked)];
    let problems = check(objects.iter_mut(), found);
    assert!(problems.len() <= 1, "{problems:?}");
    problems.first().map(ToString::to_string)
}

#[test]
fn what_was_never_answered_may_have_happened_or_not() {
    let before = found(Some((LIVE, "live")), &[(OLD, "old")]);
    for (change, after) in [
        (Change::Put(body("new")), found(Some((NEW, "new")), &[(OLD, "old"), (LIVE, "live")])),
        (Change::Delete, found(None, &[(OLD, "old"), (LIVE, "live")])),
        (Change::Erase(LIVE), found(None, &[(OLD, "old")])),
        (Change::Erase(OLD), found(Some((LIVE, "live")), &[])),
    ] {
        assert_eq!(problem(Some(change.clone()), &before), None, "{change:?}");
        assert_eq!(problem(Some(change.clone()), &after), None, "{change:?}");
        assert!(problem(None, &after).is_some(), "nobody asked for {change:?}");
    }
}

#[test]
fn what_is_found_is_what_is_known_from_there_on() {
    let mut objects = [known(Some(Change::Put(body("new"))))];
    let after = found(Some((NEW, "new")), &[(OLD, "old"), (LIVE, "live")]);
    assert_eq!(check(objects.iter_mut(), &after), []);
    let before = found(Some((LIVE, "live")), &[(OLD, "old")]);
    assert_eq!(check(objects.iter_mut(), &before).len(), 1);
}

#[track_caller]
fn lost(found: &Found, expect: &Expect) {
    expect.assert_eq(&problem(None, found).unwrap());
}

#[test]
fn a_lost_write_is_found() {
    let old = [(OLD, "old")];
    // Nothing, the version before, other content, another generation, no past, another past.
    lost(
        &found(None, &old),
        &expect![[
            r#"lost: a: acknowledged 2 (4 bytes: "live"), noncurrent [1 (3 bytes: "old")], unanswered nothing; found nothing, noncurrent [1 (3 bytes: "old")]"#
        ]],
    );
    lost(
        &found(Some((OLD, "old")), &[]),
        &expect![[
            r#"lost: a: acknowledged 2 (4 bytes: "live"), noncurrent [1 (3 bytes: "old")], unanswered nothing; found 1 (3 bytes: "old"), noncurrent []"#
        ]],
    );
    lost(
        &found(Some((LIVE, "liv")), &old),
        &expect![[
            r#"lost: a: acknowledged 2 (4 bytes: "live"), noncurrent [1 (3 bytes: "old")], unanswered nothing; found 2 (3 bytes: "liv"), noncurrent [1 (3 bytes: "old")]"#
        ]],
    );
    lost(
        &found(Some((NEW, "live")), &old),
        &expect![[
            r#"lost: a: acknowledged 2 (4 bytes: "live"), noncurrent [1 (3 bytes: "old")], unanswered nothing; found 3 (4 bytes: "live"), noncurrent [1 (3 bytes: "old")]"#
        ]],
    );
    lost(
        &found(Some((LIVE, "live")), &[]),
        &expect![[
            r#"lost: a: acknowledged 2 (4 bytes: "live"), noncurrent [1 (3 bytes: "old")], unanswered nothing; found 2 (4 bytes: "live"), noncurrent []"#
        ]],
    );
    lost(
        &found(Some((LIVE, "live")), &[(OLD, "ol")]),
        &expect![[
            r#"lost: a: acknowledged 2 (4 bytes: "live"), noncurrent [1 (3 bytes: "old")], unanswered nothing; found 2 (4 bytes: "live"), noncurrent [1 (2 bytes: "ol")]"#
        ]],
    );
}

#[test]
fn an_unanswered_write_excuses_nothing_else() {
    let put = || Some(Change::Put(body("new")));
    for wrong in [
        found(None, &[(OLD, "old"), (LIVE, "live")]),
        found(Some((NEW, "ne")), &[(OLD, "old"), (LIVE, "live")]),
        found(Some((NEW, "new")), &[(OLD, "old")]),
        found(Some((LIVE, "new")), &[(OLD, "old"), (LIVE, "live")]),
    ] {
        assert!(problem(put(), &wrong).is_some(), "{wrong:?}");
    }
}

#[test]
fn a_deletion_that_does_not_hold_is_found() {
    let mut object = known(Some(Change::Delete));
    object.acknowledged(None);
    let back = found(Some((LIVE, "live")), &[(OLD, "old")]);
    assert_eq!(check([object].iter_mut(), &back).len(), 1);
}

#[test]
fn what_nobody_has_written_is_found() {
    let something = found(Some((LIVE, "live")), &[]);
    let problems = check([].iter_mut(), &something);
    let text = "a: it is there and nobody has written it".to_owned();
    assert_eq!(problems, [Problem::Lost(text)]);
}

#[test]
fn a_torn_file_and_one_too_many_and_one_too_few_are_found() {
    let objects = [known(None)];
    let file = |name: &str, text| (name.to_owned(), body(text));
    let check = |files: &[_], expect: Expect| {
        let problems = check_files(objects.iter(), files);
        let lines: Vec<_> = problems.iter().map(ToString::to_string).collect();
        expect.assert_eq(&lines.join("\n"));
    };
    check(&[file("b/a", "live")], expect![[""]]);
    check(
        &[file("b/a", "li")],
        expect![[r#"
        torn: b/a: its 2 bytes are not the content of a live object
        torn: a: it has no file"#]],
    );
    check(
        &[file("b/a", "live"), file("b/a~file", "live")],
        expect!["torn: b/a~file: its 4 bytes are not the content of a live object"],
    );
    check(
        &[file("b/a", "old")],
        expect![[r#"
        torn: b/a: its 3 bytes are not the content of a live object
        torn: a: it has no file"#]],
    );
    check(&[], expect!["torn: a: it has no file"]);
}

#[test]
fn a_lost_message_and_an_invented_one_are_found() {
    let set =
        |versions: &[Generation]| versions.iter().map(|it| version(*it)).collect::<HashSet<_>>();
    let check = |acknowledged: &[_], pushed: &[_], expect: Expect| {
        let problems = check_messages(&set(&[OLD, LIVE]), &set(acknowledged), &set(pushed));
        let lines: Vec<_> = problems.iter().map(ToString::to_string).collect();
        expect.assert_eq(&lines.join("\n"));
    };
    check(&[OLD, LIVE], &[OLD, LIVE], expect![[""]]);
    // Delivered and refused is not enough.
    check(&[OLD], &[OLD, LIVE], expect!["lost: a: generation 2 was never delivered"]);
    check(
        &[OLD, LIVE, NEW],
        &[OLD, LIVE, NEW],
        expect!["lost: a: generation 3 was delivered and never was"],
    );
}

/// A bucket with versioning and these versions, of which the last one is live.
fn there(versions: &[u64]) -> There {
    There { versioning: true, versions: versions.to_vec(), live: versions.last().copied() }
}

fn all_possible(before: Option<&There>, asked: [(Ask, Done); 2]) -> Vec<Option<Vec<u64>>> {
    let all = possible(before, asked).into_iter();
    let mut all: Vec<_> = all.map(|state| state.map(|there| there.versions)).collect();
    all.sort();
    all.dedup();
    all
}

#[test]
fn an_upload_and_the_end_of_its_bucket_are_never_both_done() {
    let empty = there(&[]);
    let asked = |put, delete| [(Ask::Put(1), put), (Ask::Delete, delete)];
    for (put, delete, expected) in [
        (Some(true), Some(true), vec![]),
        (Some(true), Some(false), vec![Some(vec![1])]),
        (Some(false), Some(true), vec![None]),
        (Some(false), Some(false), vec![]),
        (Some(true), None, vec![Some(vec![1])]),
        (None, Some(true), vec![None]),
        (None, None, vec![None, Some(vec![]), Some(vec![1])]),
    ] {
        let found = all_possible(Some(&empty), asked(put, delete));
        assert_eq!(found, expected, "{put:?}, {delete:?}");
    }
}

#[test]
fn what_is_overwritten_stays_or_goes_by_the_order_of_two_answers() {
    let asked = |done| [(Ask::Put(2), done), (Ask::Versioning(false), done)];
    let found = all_possible(Some(&there(&[1])), asked(Some(true)));
    assert_eq!(found, [Some(vec![1, 2]), Some(vec![2])]);
    let found = all_possible(Some(&there(&[1])), asked(None));
    assert_eq!(found, [Some(vec![1]), Some(vec![1, 2]), Some(vec![2])]);
}
