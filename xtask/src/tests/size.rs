//! Whose a symbol is, what has grown, and what is too large.

use std::collections::BTreeMap;

use expect_test::expect;

use crate::budget::{self, FURTHER, JOB, PLAIN, VALIDATING};
use crate::size::state::{Size, changes, gathered};
use crate::size::symbols::{owner, parts};
use crate::size::{excesses, report};

use super::workspace;

fn size(binary_bytes: u64, image_bytes: u64, crates: &[(&str, u64)]) -> Size {
    let crates = crates.iter().map(|(name, bytes)| ((*name).to_owned(), *bytes)).collect();
    Size { binary_bytes, image_bytes, crates }
}

#[test]
fn a_symbol_is_of_the_crate_that_it_is_there_for() {
    for (symbol, crate_name) in [
        ("_ZN4core3ptr42drop_in_place$LT$domain..id..EntityRef$GT$17h0e9c9821221aaea1E", "domain"),
        ("_ZN6domain11definitions10is_pointer17h77aba12adb87c800E", "domain"),
        (
            "_ZN63_$LT$serde_json..value..Value$u20$as$u20$core..fmt..Display$GT$3fmt\
             17hac5864b2e72ab984E",
            "serde_json",
        ),
        (
            "_RINvNtCs7BliBxkEZsN_4core3ptr13drop_in_placeNtNtCs2Nb3gJ4iU0I_5alloc6string6String\
             ECsaz6eC2DG7lh_3std",
            "std",
        ),
        ("ring_core_0_17_14__x25519_sc_mask", "ring"),
        ("anon.0123456789abcdef.7", "(rodata)"),
        ("memcpy", "(C)"),
    ] {
        assert_eq!(owner(symbol), crate_name, "{symbol}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn every_byte_that_is_loaded_is_somebodys() {
    let content = std::fs::read("/proc/self/exe").unwrap();
    let parts = parts(&content).unwrap();
    assert!(parts["std"] > 0 && parts["serde_json"] > 0, "{parts:?}");
    assert!(parts.values().sum::<u64>() < content.len() as u64);
    assert!(super::super::size::symbols::parts(b"no ELF").is_err());
}

#[test]
fn what_has_grown_is_said_and_noise_is_not() {
    let before = size(1_000_000, 500_000, &[("h2", 1), ("ring", 200_000), ("rustls", 250_000)]);
    let now = size(1_300_000, 490_000, &[("h2", 270_000), ("ring", 200_100), ("serde", 9)]);
    let lines = "  +300000 binary\n  -10000 image\n  +270000 h2\n  -250000 rustls\n";
    assert_eq!(changes(&before, &now), lines);
    assert_eq!(changes(&now, &now), "");
    let totals = Size { crates: BTreeMap::new(), ..now.clone() };
    assert_eq!(changes(&now, &totals), "", "nobody has looked");
    let gathered = gathered(&now.crates);
    assert_eq!(gathered.keys().collect::<Vec<_>>(), ["(others)", "h2", "ring"]);
}

#[test]
fn what_is_over_budget_is_named_and_what_is_just_within_is_not() {
    let within = size(PLAIN.binary_bytes, PLAIN.image_bytes, &[]);
    assert_eq!(excesses("f", &within, &PLAIN), [""; 0]);
    let over = size(PLAIN.binary_bytes + 1, PLAIN.image_bytes + 1, &[("h2", 9)]);
    let excesses = excesses("f", &over, &PLAIN).join("\n");
    expect![[r"
        f: binary of 3000001 bytes, 3000000 at most
        f: image of 1600001 bytes, 1600000 at most"]]
    .assert_eq(&excesses);
    expect![[r"
        f (push)
            3000001 binary, 100% of 3000000
            1600001 image, 100% of 1600000
                  9   h2"]]
    .assert_eq(&report("f", &over, &PLAIN));
}

#[test]
fn who_validates_may_take_more() {
    let workspace = workspace();
    for function in workspace.functions().unwrap() {
        let expected = match function.name.as_str() {
            "manifest-compactor" | "operator" => JOB.name,
            "snapshot-builder" => VALIDATING.name,
            "rules-engine" | "alert-dispatcher" => FURTHER.name,
            _ => PLAIN.name,
        };
        assert_eq!(budget::of(&workspace, &function).name, expected, "{}", function.name);
    }
}
