//! Numbers of any size, compared exactly as they are written.

use std::cmp::Ordering;
use std::fmt;

use serde_json::Number;

/// How far the first and the last decimal place of a sum may lie apart. `1E9` and `1E-9` fit,
/// `1E1000000000` and `1` would take a gigabyte.
const SUM_PLACES_MAX: i64 = 2_000;

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
        let whole = i64::try_from(whole.len()).unwrap_or(i64::MAX);
        Self::normal(negative, &all, saturating(exponent).saturating_add(whole))
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

    /// The sum of values, exactly; `None` when its digits would take more than 2,000 places. The
    /// work is that of reading the values.
    pub fn sum(values: &[Self]) -> Option<Self> {
        let values = || values.iter().filter(|value| !value.digits.is_empty());
        let lowest = values().map(Self::lowest_place).min().unwrap_or(0);
        let highest = values().map(|value| value.exponent).max().unwrap_or(0);
        let places = highest.checked_sub(lowest).filter(|places| *places <= SUM_PLACES_MAX)?;
        // From the lowest place up; a column holds the sum of one digit of each value.
        let mut columns = vec![0_i64; usize::try_from(places).ok()?];
        for value in values() {
            let last = usize::try_from(value.lowest_place() - lowest).ok()?;
            for (place, digit) in value.digits.iter().rev().enumerate() {
                let digit = i64::from(digit - b'0');
                columns[last + place] += if value.negative { -digit } else { digit };
            }
        }
        Some(Self::of_columns(columns, lowest))
    }

    /// The product, exactly. The work is that of the digits of one by those of the other: who
    /// multiplies what others have written looks at [`Decimal::digits`] before.
    #[must_use]
    pub fn times(&self, other: &Self) -> Self {
        let places = self.digits.len() + other.digits.len();
        let mut columns = vec![0_i64; places];
        for (low, left) in self.digits.iter().rev().enumerate() {
            for (lower, right) in other.digits.iter().rev().enumerate() {
                columns[low + lower] += i64::from(left - b'0') * i64::from(right - b'0');
            }
        }
        let lowest = self.lowest_place().saturating_add(other.lowest_place());
        let product = Self::of_columns(columns, lowest);
        if self.negative == other.negative { product } else { product.negated() }
    }

    /// The quotient, cut after so many significant digits; `None` when `divisor` is zero.
    pub fn quotient(&self, divisor: &Self, digits: usize) -> Option<Self> {
        if divisor.digits.is_empty() {
            return None;
        }
        // Both as `0.DIGITS`: the first digit of the quotient stands before or after the point.
        let fraction = |of: &Self| Self { exponent: 0, ..of.clone().abs() };
        let (mut rest, step) = (fraction(self), fraction(divisor).negated());
        let mut found = Vec::with_capacity(digits + 1);
        while found.len() <= digits {
            let mut digit = b'0';
            loop {
                let less = Self::sum(&[rest.clone(), step.clone()])?;
                if less.negative {
                    break;
                }
                (rest, digit) = (less, digit + 1);
            }
            found.push(digit);
            rest.exponent = if rest.digits.is_empty() { 0 } else { rest.exponent + 1 };
        }
        let exponent = self.exponent.saturating_sub(divisor.exponent).saturating_add(1);
        Some(Self::normal(self.negative != divisor.negative, &found, exponent))
    }

    /// How many significant digits it has; none for zero.
    pub fn digits(&self) -> usize {
        self.digits.len()
    }

    /// The value without its sign.
    #[must_use]
    pub fn abs(self) -> Self {
        Self { negative: false, ..self }
    }

    /// The value with the other sign.
    #[must_use]
    pub fn negated(self) -> Self {
        Self { negative: !self.negative && !self.digits.is_empty(), ..self }
    }

    fn lowest_place(&self) -> i64 {
        let digits = i64::try_from(self.digits.len()).unwrap_or(i64::MAX);
        self.exponent.saturating_sub(digits)
    }

    /// The value of digits that may be of any size and sign, the lowest place first.
    fn of_columns(mut columns: Vec<i64>, lowest: i64) -> Self {
        let negative = columns.iter().rev().fold(0_i128, |rest, column| {
            // Lower columns cannot turn the sign of what has grown beyond all of them.
            (rest * 10 + i128::from(*column)).clamp(-i128::from(i64::MAX), i128::from(i64::MAX))
        }) < 0;
        if negative {
            columns.iter_mut().for_each(|column| *column = -*column);
        }
        let mut carry = 0;
        let mut digits = Vec::with_capacity(columns.len());
        let mut columns = columns.into_iter();
        loop {
            let column = match columns.next() {
                Some(column) => column + carry,
                None if carry > 0 => carry,
                None => break,
            };
            digits.push(b'0' + u8::try_from(column.rem_euclid(10)).unwrap_or(0));
            carry = column.div_euclid(10);
        }
        let exponent = lowest + i64::try_from(digits.len()).unwrap_or(i64::MAX);
        digits.reverse();
        Self::normal(negative, &digits, exponent)
    }

    /// The value without leading or trailing zeros.
    fn normal(negative: bool, all: &[u8], exponent: i64) -> Self {
        let leading = all.iter().take_while(|digit| **digit == b'0').count();
        let trailing = all[leading..].iter().rev().take_while(|digit| **digit == b'0').count();
        let digits = all[leading..all.len() - trailing].to_vec();
        if digits.is_empty() {
            return Self { negative: false, digits, exponent: 0 };
        }
        let leading = i64::try_from(leading).unwrap_or(i64::MAX);
        Self { negative, digits, exponent: exponent.saturating_sub(leading) }
    }

    /// Whether the value is below zero.
    pub fn is_negative(&self) -> bool {
        self.negative
    }
}

/// As JSON writes it: plain where that is short, else with an exponent.
impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = std::str::from_utf8(&self.digits).unwrap_or_default();
        let sign = if self.negative { "-" } else { "" };
        let count = i64::try_from(digits.len()).unwrap_or(i64::MAX);
        let zeros = |count: i64| "0".repeat(usize::try_from(count).unwrap_or(0));
        match self.exponent {
            _ if digits.is_empty() => f.write_str("0"),
            exponent if (-6..=0).contains(&exponent) => {
                write!(f, "{sign}0.{}{digits}", zeros(-exponent))
            }
            exponent if exponent > 0 && exponent < count => {
                let (whole, fraction) = digits.split_at(usize::try_from(exponent).unwrap_or(0));
                write!(f, "{sign}{whole}.{fraction}")
            }
            exponent if exponent > 0 && exponent <= 21 => {
                write!(f, "{sign}{digits}{}", zeros(exponent - count))
            }
            exponent => write!(f, "{sign}{digits}e{}", exponent.saturating_sub(count)),
        }
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
