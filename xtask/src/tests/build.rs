//! What compilers are told, and what a person is told about them.

use std::path::Path;

use expect_test::expect;

use crate::build::compile::{Built, differences, first_of, is_of_a_person};
use crate::build::flags::Names;
use crate::build::toolchain::{COMPILERS, missing};
use crate::build::{select, table};
use crate::metadata::Kind;

use super::workspace;

fn names() -> Names {
    let [root, home, sysroot] = ["/no/it's here", "/no/home", "/no/rust"].map(Path::new);
    Names::new(root, home, sysroot, "c0ffee")
}

#[test]
fn rustc_is_told_other_names_of_our_folders() {
    let flags = names().rustflags("x86_64-unknown-linux-musl", Kind::Push).replace('\u{1f}', "\n");
    expect![[r#"
        -Crelocation-model=static
        -Ctarget-feature=+crt-static
        -Cforce-frame-pointers=yes
        -Clinker=rust-lld
        -Clink-arg=--icf=all
        --remap-path-prefix=/no/it's here=/strata
        --remap-path-prefix=/no/home=/cargo
        --remap-path-prefix=/no/rust=/toolchain
        --remap-path-prefix=/no/rust/lib/rustlib/src/rust=/rustc/c0ffee"#]]
    .assert_eq(&flags);
    assert!(
        !names().rustflags("x86_64-unknown-linux-gnu", Kind::Push).contains("relocation-model")
    );
    // Nothing of a job unwinds.
    let job = names().rustflags("x86_64-unknown-linux-musl", Kind::Job).replace('\u{1f}', "\n");
    let tables = "--icf=all\n-Cforce-unwind-tables=no";
    assert_eq!(job, flags.replace("--icf=all", tables));
}

#[test]
fn a_folder_with_a_blank_and_a_quote_is_one_word_for_the_c_compiler() {
    expect![[r#"'-ffile-prefix-map=/no/it'\''s here=/strata' '-ffile-prefix-map=/no/home=/cargo' '-ffile-prefix-map=/no/rust=/toolchain' '-ffile-prefix-map=/no/rust/lib/rustlib/src/rust=/rustc/c0ffee'"#]].assert_eq(&names().cflags());
}

#[test]
fn a_path_is_found_wherever_it_is() {
    let found = |content: &[u8]| first_of(["/no", "/home/me", ""].into_iter(), content);
    assert_eq!(found(b"//home/home/me/.cargo"), Some("/home/me"));
    assert_eq!(found(b"at the end /home/me"), Some("/home/me"));
    assert_eq!(found(b"/home/m"), None);
}

#[test]
fn a_builder_whose_folders_have_short_names_can_build() {
    let [root, home, sysroot] = ["/src", "/cargo", "/usr"].map(Path::new);
    let traces = Names::new(root, home, sysroot, "c0ffee").traces();
    let found = |content: &str| first_of(traces.iter().map(String::as_str), content.as_bytes());
    for harmless in [
        "/rustc/c0ffee/library/core/src/fmt/mod.rs",
        "/cargo/registry/src/index.crates.io-1949cf8c6b5b557f/ring-0.17.14/src/lib.rs",
        "/strata/shared/gcp/src/lib.rs",
        "/usr/share/zoneinfo",
    ] {
        assert_eq!(found(harmless), None, "{harmless}");
    }
    assert_eq!(found("main.rs/src/shared/gcp/src/lib.rs"), Some("/src/shared/"));
    assert_eq!(found("/usr/lib/rustlib/src"), Some("/usr/lib/rustlib/"));
    let traces = names().traces();
    assert!(traces.contains(&"/no/home".to_owned()), "{traces:?}");
}

#[test]
fn what_is_missing_is_one_line_with_one_command() {
    let target = "x86_64-unknown-linux-musl";
    let all = missing(target, false, Some(&COMPILERS[0]), "CC_x86_64_unknown_linux_musl");
    expect!["x86_64-unknown-linux-musl is missing Rust's standard library and the C compiler musl-gcc (another one: set CC_x86_64_unknown_linux_musl); run: rustup target add x86_64-unknown-linux-musl && sudo apt-get install --no-install-recommends musl-tools"].assert_eq(&all.unwrap());
    let library = missing(target, false, None, "CC");
    expect!["x86_64-unknown-linux-musl is missing Rust's standard library; run: rustup target add x86_64-unknown-linux-musl"].assert_eq(&library.unwrap());
    assert_eq!(missing(target, true, None, "CC"), None);
}

fn built(function: &str, sha256: &str, fresh: bool) -> Built {
    let (function, sha256) = (function.to_owned(), sha256.to_owned());
    Built { function, kind: Kind::Push, path: "x".into(), bytes: 1234567, sha256, fresh }
}

#[test]
fn no_variable_of_a_person_decides_about_a_binary() {
    let removed = |name: &str| is_of_a_person(name.as_ref());
    for name in ["CARGO_PROFILE_IMAGE_OPT_LEVEL", "CARGO_PROFILE_RELEASE_LTO", "CARGO_INCREMENTAL"]
    {
        assert!(removed(name), "{name}");
    }
    for name in ["CARGO_HOME", "CARGO_NET_OFFLINE", "PATH", "CC_x86_64_unknown_linux_musl"] {
        assert!(!removed(name), "{name}");
    }
}

#[test]
fn the_table_says_what_was_built() {
    let all = [built("index-writer", "aa", true), built("operator", "bb", false)];
    expect![[r#"
        function           bytes             sha256
        index-writer     1234567  unchanged  aa
        operator         1234567  built      bb"#]]
    .assert_eq(&table(&all));
}

#[test]
fn a_binary_that_differs_or_is_missing_is_a_difference() {
    let here = [built("a", "1", true), built("b", "2", true), built("c", "3", true)];
    let there = [built("a", "1", false), built("b", "X", false)];
    let found = differences(&here, &there);
    assert_eq!(found.keys().collect::<Vec<_>>(), ["b", "c"]);
    assert_eq!(found["b"], ("2".to_owned(), "X".to_owned()));
}

#[test]
fn a_function_that_is_not_known_is_answered_with_those_that_are() {
    let err = select(&workspace(), &["index".to_owned()]).unwrap_err().to_string();
    assert!(err.starts_with("no function \"index\"; there are alert-dispatcher, index"), "{err}");
    assert!(select(&workspace(), &[]).unwrap().len() > 5);
}
