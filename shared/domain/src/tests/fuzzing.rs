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

/// Pieces of documents and records.
const PIECES: [&str; 27] = [
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "\"",
    "\\",
    "\n",
    " ",
    "\"op\":",
    "\"merge\"",
    "\"delete\"",
    "\"updated_at\":",
    "\"2025-11-06T10:00:00Z\"",
    "\"id\":\"V1\"",
    "null",
    "true",
    "-0",
    "1E5",
    "0.60",
    "\\u2028",
    "\\ud800",
    "\u{2028}",
    "\u{feff}",
    "{\"a\":1}\n",
    "{\"op\":\"merge\"}",
];

/// Text near documents and records: [`PIECES`] in any order.
fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        8 => prop::sample::select(&PIECES[..]).prop_map(|word| word.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..8),
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..400)
}

proptest! {
    // Names are quick, and the refusal of one part is seen only where all others are right.
    #![proptest_config(config(10_000))]

    #[test]
    fn any_object_name(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        fuzzing::object_name(&bytes);
    }
}

proptest! {
    #![proptest_config(config(2000))]

    #[test]
    fn any_record(bytes in bytes(), pieces in pieces()) {
        fuzzing::records(&bytes);
        fuzzing::records(&pieces);
    }

    #[test]
    fn any_lines(bytes in bytes(), pieces in pieces()) {
        fuzzing::ndjson(&bytes);
        fuzzing::ndjson(&pieces);
    }
}
