//! What is fuzzed for hours, for a second or two.

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use crate::fuzzing;

/// The same inputs each time. What fails is printed, and becomes a test with a name.
fn config(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        rng_seed: RngSeed::Fixed(1),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config(4000))]

    #[test]
    fn any_target_and_any_alert(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        fuzzing::egress(&bytes);
    }
}
