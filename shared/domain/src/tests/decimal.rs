//! Sums of numbers.

use crate::Decimal;

fn decimal(text: &str) -> Decimal {
    Decimal::of(&serde_json::from_str(text).unwrap())
}

fn sum(texts: &[&str]) -> Option<Decimal> {
    Decimal::sum(&texts.iter().map(|text| decimal(text)).collect::<Vec<_>>())
}

#[test]
fn a_sum_is_exact_whatever_the_signs() {
    for (terms, total) in [
        (&[][..], "0"),
        (&["0.1", "0.2"], "0.3"),
        (&["-0", "0E7"], "0"),
        (&["1", "-1"], "0"),
        (&["99999", "1"], "1E5"),
        (&["1E20", "-1"], "99999999999999999999"),
        (&["-1E20", "1"], "-99999999999999999999"),
        (&["5", "-7.25", "1e-3"], "-2.249"),
        (&["-9", "-9", "-9"], "-27"),
        (&["1000", "-999.999"], "0.001"),
    ] {
        assert_eq!(sum(terms), Some(decimal(total)), "{terms:?}");
    }
    assert_eq!(decimal("-1.5").negated(), decimal("1.5"));
    assert_eq!(decimal("0").negated(), decimal("0"));
    assert_eq!(decimal("-1.5").abs(), decimal("1.5"));
}

#[test]
fn small_sums_are_those_of_whole_numbers() {
    let range = -120_i64..=120;
    for left in range.clone() {
        for right in range.clone() {
            let texts = [left.to_string(), right.to_string()];
            let found = sum(&[&texts[0], &texts[1]]);
            assert_eq!(found, Some(decimal(&(left + right).to_string())), "{left} + {right}");
        }
    }
}

#[test]
fn a_sum_of_more_places_than_memory_is_none() {
    assert_eq!(sum(&["1E999999999", "1"]), None);
    assert_eq!(sum(&["1E99999999999999999999999", "1E-99999999999999999999999"]), None);
    assert!(sum(&["1E1000", "1E-900"]).is_some());
    assert!(sum(&["1E999999999", "0"]).is_some());
}
