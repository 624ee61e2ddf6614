//! The declaration of a check: what must hold of a document and JSON Schema cannot say.

use serde::Deserialize;
use serde_json::{Number, Value};

use super::is_pointer;

/// What must hold of a document. A check that misses an operand holds.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "CheckText")]
pub enum Check {
    /// Two values stand in a relation, in the document or in each element of an array.
    Compare {
        /// JSON pointer of the array; pointers of the operands begin at its elements.
        each: Option<String>,
        /// The relation.
        relation: Relation,
        /// JSON pointers of the operands.
        operands: [String; 2],
    },
    /// Numbers add up to another.
    Sum {
        /// The numbers.
        of: Values,
        /// What they add up to.
        total: Total,
        /// By how much the total may be missed, at least zero.
        within: Number,
    },
    /// No two elements of an array have all of these values equal.
    Unique {
        /// JSON pointer of the array.
        list: String,
        /// JSON pointers into its elements.
        by: Vec<String>,
    },
    /// Values are among others.
    In {
        /// The values.
        values: Values,
        /// The others.
        list: Values,
    },
    /// The names of the fields of an object are among values.
    KeysIn {
        /// JSON pointer of the object.
        object: String,
        /// The values.
        list: Values,
    },
}

/// How two values stand to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// The first is at most the second.
    Le,
    /// The first is less than the second.
    Lt,
    /// They are equal.
    Eq,
}

/// What numbers add up to.
#[derive(Clone, Debug, PartialEq)]
pub enum Total {
    /// The value at this JSON pointer.
    At(String),
    /// This number.
    Number(Number),
}

/// One value of a document, or one of each element of an array: `/lines/*/plannedUSD`.
#[derive(Clone, Debug, PartialEq)]
pub struct Values {
    /// JSON pointer of the array.
    pub array: Option<String>,
    /// JSON pointer of the value, from the element on where there is an array.
    pub pointer: String,
}

impl Values {
    fn parse(text: &str) -> Result<Self, String> {
        let (array, pointer) = match text.split_once("/*") {
            Some((array, pointer)) => (Some(plain(array)?), pointer),
            None => (None, text),
        };
        Ok(Self { array, pointer: plain(pointer)? })
    }
}

/// As it stands in the file.
impl std::fmt::Display for Values {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.array {
            Some(array) => write!(f, "{array}/*{}", self.pointer),
            None => f.write_str(&self.pointer),
        }
    }
}

/// A check as it stands in the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CheckText {
    each: Option<String>,
    le: Option<[String; 2]>,
    lt: Option<[String; 2]>,
    eq: Option<[String; 2]>,
    sum: Option<String>,
    is: Option<Value>,
    within: Option<Number>,
    unique: Option<String>,
    by: Option<Vec<String>>,
    value: Option<String>,
    keys: Option<String>,
    #[serde(rename = "in")]
    list: Option<String>,
}

impl TryFrom<CheckText> for Check {
    type Error = String;

    fn try_from(text: CheckText) -> Result<Self, Self::Error> {
        let CheckText { each, le, lt, eq, sum, is, within, unique, by, value, keys, list } = text;
        let relation = match (le, lt, eq) {
            (Some(operands), None, None) => Some((Relation::Le, operands)),
            (None, Some(operands), None) => Some((Relation::Lt, operands)),
            (None, None, Some(operands)) => Some((Relation::Eq, operands)),
            (None, None, None) => None,
            _ => return Err(FORMS.to_owned()),
        };
        let sum = match (sum, is, within) {
            (None, None, None) => None,
            (Some(of), Some(total), within) => Some((of, total, within)),
            _ => return Err(FORMS.to_owned()),
        };
        match (each, relation, sum, (unique, by), (value, keys, list)) {
            (each, Some((relation, [left, right])), None, (None, None), (None, None, None)) => {
                let each = each.map(|each| plain(&each)).transpose()?;
                let operands = [plain(&left)?, plain(&right)?];
                Ok(Self::Compare { each, relation, operands })
            }
            (None, None, Some((of, total, within)), (None, None), (None, None, None)) => {
                added(&of, total, within)
            }
            (None, None, None, (Some(unique), Some(by)), (None, None, None)) => {
                let by = by.iter().map(|pointer| plain(pointer)).collect::<Result<Vec<_>, _>>()?;
                match by.is_empty() {
                    true => Err(format!("unique {unique}: by is empty")),
                    false => Ok(Self::Unique { list: plain(&unique)?, by }),
                }
            }
            (None, None, None, (None, None), (Some(value), None, Some(list))) => {
                Ok(Self::In { values: Values::parse(&value)?, list: several(&list)? })
            }
            (None, None, None, (None, None), (None, Some(keys), Some(list))) => {
                Ok(Self::KeysIn { object: plain(&keys)?, list: several(&list)? })
            }
            _ => Err(FORMS.to_owned()),
        }
    }
}

const FORMS: &str = "a check is one of: le, lt or eq, with or without each; sum and is, with or \
                     without within; unique and by; value and in; keys and in";

fn added(of: &str, total: Value, within: Option<Number>) -> Result<Check, String> {
    let total = match total {
        Value::String(pointer) => Total::At(plain(&pointer)?),
        Value::Number(number) => Total::Number(number),
        _ => return Err(format!("sum {of}: is has to be a number or a JSON pointer")),
    };
    let within = within.unwrap_or_else(|| Number::from(0));
    if crate::Decimal::of(&within).is_negative() {
        return Err(format!("sum {of}: within is below 0"));
    }
    Ok(Check::Sum { of: several(of)?, total, within })
}

/// A pointer to one place: where a `*` stands, nothing would ever be found.
fn plain(pointer: &str) -> Result<String, String> {
    if !is_pointer(pointer) {
        return Err(format!("{pointer:?} is no JSON pointer, which begins with '/'"));
    }
    match pointer.split('/').any(|name| name == "*") {
        true => Err(format!("{pointer:?} has a '*' that does not stand for the elements")),
        false => Ok(pointer.to_owned()),
    }
}

/// Values of the elements of an array.
fn several(text: &str) -> Result<Values, String> {
    let values = Values::parse(text)?;
    match values.array {
        Some(_) => Ok(values),
        None => Err(format!("{text:?} has no '*' for the elements of an array")),
    }
}
