//! How a value is compared.

use std::cmp::Ordering;

/// How a value is compared. One that is missing or `null` fulfils `missing`, `neq` and
/// `not_includes`, which are the negations of `exists`, `eq` and `includes`, and nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    /// Equal: numbers by value, everything else exactly.
    Eq,
    /// Not equal.
    Neq,
    /// Less: two numbers by value, two texts as times where both are, else by their bytes. Values
    /// of two types are neither less nor greater.
    Lt,
    /// Less or equal.
    Lte,
    /// Greater.
    Gt,
    /// Greater or equal.
    Gte,
    /// An array with an equal element, or a text with this part.
    Includes,
    /// Not that.
    NotIncludes,
    /// Present and not `null`.
    Exists,
    /// Missing or `null`.
    Missing,
    /// Equal to one of these.
    In,
    /// Not below the one and not above the other.
    Between,
    /// A text in which the regular expression finds something.
    Matches,
    /// A text that begins so.
    StartsWith,
    /// A time before now less a span.
    OlderThan,
    /// A time between now and a span ahead or behind.
    Within,
    /// Another value than in the version before.
    Changed,
    /// It was this, and is something else.
    ChangedFrom,
    /// It is this, and was something else.
    ChangedTo,
    /// A number that is so much above what it was, or more.
    IncreasedBy,
    /// A number that is so much below what it was, or more.
    DecreasedBy,
}

impl Operator {
    pub(crate) const ALL: [(&str, Self); 21] = [
        ("eq", Self::Eq),
        ("neq", Self::Neq),
        ("lt", Self::Lt),
        ("lte", Self::Lte),
        ("gt", Self::Gt),
        ("gte", Self::Gte),
        ("includes", Self::Includes),
        ("not_includes", Self::NotIncludes),
        ("exists", Self::Exists),
        ("missing", Self::Missing),
        ("in", Self::In),
        ("between", Self::Between),
        ("matches", Self::Matches),
        ("starts_with", Self::StartsWith),
        ("older_than", Self::OlderThan),
        ("within", Self::Within),
        ("changed", Self::Changed),
        ("changed_from", Self::ChangedFrom),
        ("changed_to", Self::ChangedTo),
        ("increased_by", Self::IncreasedBy),
        ("decreased_by", Self::DecreasedBy),
    ];

    pub(crate) fn read(word: &str) -> Option<Self> {
        Self::ALL.iter().find(|(name, _)| *name == word).map(|(_, operator)| *operator)
    }

    pub(crate) fn word(self) -> &'static str {
        Self::ALL.iter().find(|(_, it)| *it == self).map_or("", |(word, _)| word)
    }

    /// Whether nothing stands on the right.
    pub(crate) fn is_unary(self) -> bool {
        matches!(self, Self::Exists | Self::Missing | Self::Changed)
    }

    /// Whether it compares with the version before.
    pub(crate) fn is_change(self) -> bool {
        matches!(
            self,
            Self::Changed
                | Self::ChangedFrom
                | Self::ChangedTo
                | Self::IncreasedBy
                | Self::DecreasedBy
        )
    }

    /// Whether it can compare with another field.
    pub(crate) fn takes_field(self) -> bool {
        matches!(
            self,
            Self::Eq
                | Self::Neq
                | Self::Lt
                | Self::Lte
                | Self::Gt
                | Self::Gte
                | Self::Includes
                | Self::NotIncludes
                | Self::In
                | Self::StartsWith
        )
    }

    pub(super) fn accepts(self, order: Ordering) -> bool {
        match self {
            Self::Lt => order.is_lt(),
            Self::Lte => order.is_le(),
            Self::Gt => order.is_gt(),
            Self::Gte => order.is_ge(),
            _ => order.is_eq(),
        }
    }
}
