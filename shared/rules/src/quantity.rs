//! Numbers that rules calculate with, exactly: one number over another.

use std::cmp::Ordering;

use domain::Decimal;
use serde_json::Number;

/// The most significant digits of a number that rules calculate with. One with more is no number
/// to a ratio, a difference, a sum or a change.
pub(crate) const DIGITS_MAX: usize = 100;

/// Digits that are shown of a quotient.
const SHOWN: usize = 12;

/// A fraction, whose lower number is above zero.
#[derive(Clone, Debug)]
pub(crate) struct Quantity {
    upper: Decimal,
    /// One where there is none.
    lower: Option<Decimal>,
}

/// A number with few enough digits.
pub(crate) fn small(number: &Number) -> Option<Decimal> {
    Some(Decimal::of(number)).filter(|decimal| decimal.digits() <= DIGITS_MAX)
}

impl Quantity {
    /// A number.
    pub(crate) fn of(number: &Number) -> Option<Self> {
        small(number).map(Self::whole)
    }

    pub(crate) fn whole(upper: Decimal) -> Self {
        Self { upper, lower: None }
    }

    /// One number over another; `None` when that is zero.
    pub(crate) fn ratio(upper: Decimal, lower: Decimal) -> Option<Self> {
        let (upper, lower) = match lower.is_negative() {
            true => (upper.negated(), lower.negated()),
            false => (upper, lower),
        };
        (lower.digits() > 0).then_some(Self { upper, lower: Some(lower) })
    }

    pub(crate) fn order(&self, other: &Self) -> Ordering {
        self.crossed(other).cmp(&other.crossed(self))
    }

    /// Whether this is above what it was `before` by `amount` or more.
    pub(crate) fn has_risen(&self, before: &Self, amount: &Amount) -> bool {
        self.differs(self, before, before, amount)
    }

    /// Whether this is below what it was `before` by `amount` or more.
    pub(crate) fn has_fallen(&self, before: &Self, amount: &Amount) -> bool {
        self.differs(before, self, before, amount)
    }

    /// Whether `high` less `low` is `amount` or more, where a percentage is of `before`.
    fn differs(&self, high: &Self, low: &Self, before: &Self, amount: &Amount) -> bool {
        let low_crossed = low.crossed(high).negated();
        let Some(difference) = Decimal::sum(&[high.crossed(low), low_crossed]) else {
            return false;
        };
        // Both sides times both lower numbers.
        let needed = match amount {
            Amount::Absolute(amount) => self.over(&before.over(amount)),
            Amount::Percent(_) if before.upper.digits() == 0 => return false,
            Amount::Percent(part) => self.over(&before.upper.clone().abs()).times(part),
        };
        difference >= needed
    }

    /// The upper number times the lower one of `other`.
    fn crossed(&self, other: &Self) -> Decimal {
        other.over(&self.upper)
    }

    /// `number` times the lower number.
    fn over(&self, number: &Decimal) -> Decimal {
        self.lower.as_ref().map_or_else(|| number.clone(), |lower| number.times(lower))
    }

    /// How many digits there are to calculate with.
    pub(crate) fn digits(&self) -> usize {
        self.upper.digits() + self.lower.as_ref().map_or(0, Decimal::digits)
    }

    /// As a JSON number, a quotient cut after some digits.
    pub(crate) fn shown(&self) -> Option<Number> {
        let shown = match &self.lower {
            None => self.upper.clone(),
            Some(lower) => self.upper.quotient(lower, SHOWN)?,
        };
        serde_json::from_str(&shown.to_string()).ok()
    }
}

/// How much a value has to rise or fall.
#[derive(Clone, Debug)]
pub(crate) enum Amount {
    /// By this number.
    Absolute(Decimal),
    /// By this part of what it was.
    Percent(Decimal),
}

impl Amount {
    /// Reads a number above zero, or a text like `10%`.
    pub(crate) fn read(value: &serde_json::Value) -> Option<Self> {
        let positive = |decimal: &Decimal| decimal.digits() > 0 && !decimal.is_negative();
        if let serde_json::Value::Number(number) = value {
            return small(number).filter(positive).map(Self::Absolute);
        }
        let number: Number = serde_json::from_str(value.as_str()?.strip_suffix('%')?).ok()?;
        let hundredth = Decimal::of(&serde_json::from_str("0.01").ok()?);
        small(&number).filter(positive).map(|percent| Self::Percent(percent.times(&hundredth)))
    }
}
