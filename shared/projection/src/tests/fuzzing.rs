//! What is fuzzed for hours, for a second or two.

use std::fs;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use crate::fuzzing;

/// The same inputs each time. What fails is printed, and becomes a test with a name.
fn config() -> ProptestConfig {
    ProptestConfig {
        cases: 2000,
        rng_seed: RngSeed::Fixed(1),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..500)
}

/// The definitions of the repository.
fn real() -> Vec<Vec<u8>> {
    let kinds = fs::read_dir("../../schemas").unwrap().map(|kind| kind.unwrap().path());
    let texts: Vec<_> = kinds.filter_map(|kind| fs::read(kind.join("entity.json")).ok()).collect();
    assert!(!texts.is_empty());
    texts
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn any_history(bytes in bytes()) {
        fuzzing::record(&bytes);
    }

    #[test]
    fn any_definition(bytes in bytes()) {
        fuzzing::definitions(&bytes);
    }

    #[test]
    fn damaged_definitions(
        mut text in prop::sample::select(real()),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        for (index, byte) in changes {
            *index.get_mut(&mut text) = byte;
        }
        fuzzing::definitions(&text);
    }
}
