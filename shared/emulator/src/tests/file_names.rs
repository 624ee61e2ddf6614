//! Object names as file names.

use expect_test::{Expect, expect};

use crate::file_name::{PART_BYTES_MAX, file_name, file_names, object_name};

fn check(name: &str, expect: &Expect) {
    expect.assert_eq(&file_name(name));
}

#[test]
fn plain_names_stay_what_they_are() {
    check("snapshots/ventures/V001.json", &expect!["snapshots/ventures/V001.json"]);
    check(
        "manifests/ideas/_index_shard=0a.ndjson",
        &expect!["manifests/ideas/_index_shard=0a.ndjson"],
    );
}

#[test]
fn what_a_system_could_refuse_is_escaped() {
    check("ideas/10:00 ~50%.json", &expect!["ideas/10~3a00~20~7e50~25.json"]);
    check("東京.json", &expect!["~e6~9d~b1~e4~ba~ac.json"]);
    check("ends with dot./x", &expect!["ends~20with~20dot~2e/x"]);
    check(".hidden", &expect!["~2ehidden"]);
    check("aux.json", &expect!["~61ux.json"]);
    check("com1", &expect!["~63om1"]);
    check("company", &expect!["company"]);
}

#[test]
fn long_parts_are_cut_and_stay_different() {
    let (a, b) = ("x".repeat(300) + "a", "x".repeat(300) + "b");
    assert_eq!(file_name(&a).len(), PART_BYTES_MAX);
    assert_ne!(file_name(&a), file_name(&b));
}

#[test]
fn names_that_differ_in_case_only_get_different_files() {
    let names = ["ideas/Case.json", "ideas/case.json", "ideas/other.json"];
    let files = file_names(names.into_iter());
    let folded: std::collections::BTreeSet<String> =
        files.values().map(|file| file.to_lowercase()).collect();
    assert_eq!(folded.len(), names.len(), "{files:?}");
    assert_eq!(files["ideas/other.json"], "ideas/other.json");
}

#[test]
fn a_file_name_read_backwards_is_the_object_name() {
    for name in
        ["a/b.json", "ideas/10:00 ~50%.json", "東京/.x/..", "/a//b/", "aux.json", "a~/~20", "é~e9"]
    {
        assert_eq!(object_name(&file_name(name)), name, "{}", file_name(name));
    }
}

#[test]
fn a_file_that_a_person_named_keeps_its_name_as_far_as_it_can() {
    for (file, name) in [
        ("my file 100%.txt", "my file 100%.txt"),
        ("東京.json", "東京.json"),
        ("a~zz", "a~zz"),
        ("~ff", "~ff"),
        ("~2", "~2"),
        ("x~20y", "x y"),
        ("+~+5", "+~+5"),
    ] {
        assert_eq!(object_name(file), name, "{file}");
    }
}
