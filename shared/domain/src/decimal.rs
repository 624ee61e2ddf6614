//! Numbers of any size, compared exactly as they are written.

use std::cmp::Ordering;

use serde_json::Number;

/// The value of a JSON number: `0.DIGITS × 10^exponent`, without leading or trailing zeros.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decimal {
    negative: bool,
    digits: Vec<u8>,
    exponent: i64,
}

impl Decimal {
    /// The exact value of `number`. An exponent beyond 64 bits is cut to 64 bits.
    pub fn of(number: &Number) -> Self {
        let text = number.as_str();
        let (negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all = [whole, fraction].concat().into_bytes();
        let leading = all.iter().take_while(|digit| **digit == b'0').count();
        let trailing = all[leading..].iter().rev().take_while(|digit| **digit == b'0').count();
        let digits = all[leading..all.len() - trailing].to_vec();
        if digits.is_empty() {
            return Self { negative: false, digits, exponent: 0 };
        }
        let shift = i64::try_from(whole.len()).unwrap_or(i64::MAX)
            - i64::try_from(leading).unwrap_or(i64::MAX);
        Self { negative, digits, exponent: saturating(exponent).saturating_add(shift) }
    }

    /// The whole number at or below the value when that is between 0 and 99.
    pub fn floor_below_100(&self) -> Option<u8> {
        if self.negative || self.exponent > 2 {
            return None;
        }
        let places = usize::try_from(self.exponent).unwrap_or(0);
        let digit = |place: usize| self.digits.get(place).map_or(0, |digit| digit - b'0');
        Some((0..places).fold(0, |floor, place| floor * 10 + digit(place)))
    }

    /// Whether the value is below zero.
    pub fn is_negative(&self) -> bool {
        self.negative
    }
}

fn saturating(exponent: &str) -> i64 {
    let bound = if exponent.starts_with('-') { i64::MIN / 4 } else { i64::MAX / 4 };
    exponent.parse::<i64>().map_or(bound, |value| value.clamp(i64::MIN / 4, i64::MAX / 4))
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        let sign = |value: &Self| match (value.digits.is_empty(), value.negative) {
            (true, _) => 0,
            (false, true) => -1,
            (false, false) => 1,
        };
        let magnitude =
            || self.exponent.cmp(&other.exponent).then_with(|| self.digits.cmp(&other.digits));
        sign(self).cmp(&sign(other)).then_with(|| match sign(self) {
            0 => Ordering::Equal,
            1 => magnitude(),
            _ => magnitude().reverse(),
        })
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
