//! Sums, products and quotients of numbers.

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

#[test]
fn small_products_and_quotients_are_those_of_whole_numbers() {
    let range = -40_i64..=40;
    for left in range.clone() {
        for right in range.clone() {
            let [a, b] = [left, right].map(|it| decimal(&it.to_string()));
            assert_eq!(a.times(&b), decimal(&(left * right).to_string()), "{left} * {right}");
            let product = decimal(&(left * right).to_string());
            let found = product.quotient(&b, 5);
            assert_eq!(found, (right != 0).then_some(a), "{left} * {right} / {right}");
        }
    }
}

#[test]
fn products_and_quotients_are_exact_to_the_digit() {
    for (left, right, product, quotient) in [
        ("0.1", "0.2", "0.02", "0.5"),
        ("1e300", "1e300", "1e600", "1"),
        ("-12.5", "8", "-100", "-1.5625"),
        ("1", "3", "3", "0.333333333333"),
        ("2", "-0.3", "-0.6", "-6.66666666666"),
        ("0", "7", "0", "0"),
        (
            "99999999999999999999",
            "99999999999999999999",
            "9999999999999999999800000000000000000001",
            "1",
        ),
    ] {
        let [a, b] = [left, right].map(decimal);
        assert_eq!(a.times(&b), decimal(product), "{left} * {right}");
        assert_eq!(a.quotient(&b, 12).unwrap().to_string(), quotient, "{left} / {right}");
    }
    let far = decimal("1E99999999999999999999");
    assert!(far.times(&far) > far);
    assert_eq!(far.quotient(&decimal("0.0"), 12), None);
}

#[test]
fn a_number_is_written_as_it_is_read() {
    for (text, written) in [
        ("0.0", "0"),
        ("-0", "0"),
        ("0.60", "0.6"),
        ("12.50", "12.5"),
        ("-1200", "-1200"),
        ("0.0000001", "0.0000001"),
        ("1E-9", "1e-9"),
        ("12E20", "12e20"),
        ("123456789012345678901234567890", "12345678901234567890123456789e1"),
    ] {
        let value = decimal(text);
        assert_eq!(value.to_string(), written, "{text}");
        assert_eq!(decimal(&value.to_string()), value, "{text}");
    }
}
