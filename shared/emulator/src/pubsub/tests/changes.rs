//! Changes in JSON.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::values;
use crate::pubsub::change::Change;
use crate::pubsub::json::{duration_text, parse_duration};

proptest! {
    #[test]
    fn a_change_survives_its_json(change in values::change()) {
        let text = change.to_json().to_string();
        let read: Value = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(Change::from_json(&read).unwrap(), change);
    }

    #[test]
    fn what_is_cut_out_of_a_change_is_missed_or_has_a_default(
        change in values::change(), pick in any::<prop::sample::Index>(),
    ) {
        let mut json = change.to_json();
        let fields = json.as_object_mut().unwrap().values_mut().next().unwrap();
        let fields = fields.as_object_mut().unwrap();
        let key = fields.keys().nth(pick.index(fields.len())).unwrap().clone();
        fields[&key] = json!({"strange": [1]});
        // Whatever it says of it, it says so and does not panic.
        drop(Change::from_json(&json));
    }

    #[test]
    fn a_duration_survives_its_text(seconds in 0_u64..300_000_000_000, nanos in 0_u32..1_000_000_000) {
        let duration = std::time::Duration::new(seconds, nanos);
        prop_assert_eq!(parse_duration(&duration_text(duration)), Some(duration));
    }
}

#[test]
fn what_is_no_change_is_refused() {
    for json in [
        json!(null),
        json!([]),
        json!({}),
        json!({"published": {}}),
        json!({"published": null}),
        json!({"unheard": {}}),
        json!({"topicDeleted": {"name": "t"}, "snapshotDeleted": {"name": "s"}}),
        json!({"failed": {"subscription": "s", "message": "m", "attempts": -1}}),
        json!({"sought": {"subscription": "s"}}),
        json!({"deadLettered": {"subscription": "s", "message": "m"}}),
    ] {
        assert!(Change::from_json(&json).is_err(), "{json}");
    }
}

#[test]
fn what_is_no_duration_is_refused() {
    for text in ["", "s", "1", "-1s", "1.s", ".5s", "1e3s", "1.0000000000s", "315576000001s", "+1s"]
    {
        assert_eq!(parse_duration(text), None, "{text}");
    }
}
