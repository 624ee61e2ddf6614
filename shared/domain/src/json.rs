//! JSON as it is stored: read strictly, written on one line, with nothing changed in between.
//!
//! Numbers keep their text (`0.60`, a 40-digit integer) and objects their key order. Duplicate
//! keys are refused: two readers could see two documents. So is the key
//! `$serde_json::private::Number` at any depth: it is how serde_json marks a number whose text it
//! keeps, and an object with that key would turn into a number on its way through.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// The key by which serde_json hands over the text of a number.
const NUMBER_TOKEN: &str = "$serde_json::private::Number";

/// An object with its keys in order.
pub type Object = Map<String, Value>;

/// Why bytes are not a document.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// RFC 8259, section 8.1: JSON that systems exchange is UTF-8.
    #[error("not UTF-8 at byte {0}")]
    NotUtf8(usize),
    /// RFC 8259, section 8.1: no byte order mark.
    #[error("begins with a byte order mark")]
    ByteOrderMark,
    /// Not JSON, nested deeper than 128 levels, or with a key twice.
    #[error("not JSON: {0}")]
    Syntax(String),
}

/// How much a document may hold: a few kilobytes of it can ask for gigabytes of memory.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Levels of objects and arrays in one another.
    pub depth: usize,
    /// Objects, arrays and scalars, all counted.
    pub values: usize,
}

/// Reads one document, of at most 128 levels.
///
/// # Errors
///
/// [`JsonError`] says what is wrong and where, without quoting the document.
pub fn parse(bytes: &[u8]) -> Result<Value, JsonError> {
    parse_within(bytes, Bounds { depth: usize::MAX, values: usize::MAX })
}

/// Reads one document that is within `bounds`.
///
/// # Errors
///
/// As [`parse`], and what is out of bounds.
pub fn parse_within(bytes: &[u8], bounds: Bounds) -> Result<Value, JsonError> {
    let text = std::str::from_utf8(bytes).map_err(|err| JsonError::NotUtf8(err.valid_up_to()))?;
    if text.starts_with('\u{feff}') {
        return Err(JsonError::ByteOrderMark);
    }
    let syntax = |err: serde_json::Error| JsonError::Syntax(err.to_string());
    let mut reader = serde_json::Deserializer::from_str(text);
    let numbers = NumberTexts { rest: text.as_bytes() };
    let mut reading = Reading { numbers, values_left: bounds.values };
    let strict = Strict { reading: &mut reading, levels_left: bounds.depth };
    let value = strict.deserialize(&mut reader).map_err(syntax)?;
    reader.end().map_err(syntax)?;
    Ok(value)
}

/// Writes the one line that is stored: compact, ending in a line feed. BigQuery reads nothing
/// else. (BigQuery documentation, "Loading JSON data".)
pub fn to_line(value: &Value) -> Vec<u8> {
    let mut line = value.to_string().into_bytes();
    line.push(b'\n');
    line
}

/// Whether two objects are written alike: unlike `==`, which knows no order of keys.
pub fn same_text(left: &Object, right: &Object) -> bool {
    let entry = |((left_key, left), (right_key, right)): ((&String, &Value), (&String, &Value))| {
        left_key == right_key && same_value(left, right)
    };
    left.len() == right.len() && left.iter().zip(right).all(entry)
}

fn same_value(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Object(left), Value::Object(right)) => same_text(left, right),
        (Value::Array(left), Value::Array(right)) => {
            let pairs = left.iter().zip(right);
            left.len() == right.len() && pairs.into_iter().all(|(l, r)| same_value(l, r))
        }
        _ => left == right,
    }
}

/// Builds a [`Value`], refusing what [`parse`] documents, with every number as it is written:
/// serde_json itself spells exponents its own way.
struct Strict<'s, 't> {
    reading: &'s mut Reading<'t>,
    levels_left: usize,
}

/// What is left of the numbers and of the bounds.
struct Reading<'t> {
    numbers: NumberTexts<'t>,
    values_left: usize,
}

impl<'t> Strict<'_, 't> {
    fn number<E: serde::de::Error>(self) -> Result<Value, E> {
        let text = self.reading.numbers.next();
        let text = text.ok_or_else(|| E::custom("a number without a text"))?;
        Ok(Value::Number(Number::from_string_unchecked(text)))
    }

    /// For a value one level further in.
    fn inner<E: serde::de::Error>(&mut self) -> Result<Strict<'_, 't>, E> {
        let levels_left = self.levels_left.checked_sub(1);
        let levels_left = levels_left.ok_or_else(|| E::custom("nested too deep"))?;
        Ok(Strict { reading: self.reading, levels_left })
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_, '_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        let values_left = self.reading.values_left.checked_sub(1);
        let too_many = || D::Error::custom("more values than a document may hold");
        self.reading.values_left = values_left.ok_or_else(too_many)?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_, '_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E: serde::de::Error>(self, _: u64) -> Result<Value, E> {
        self.number()
    }

    fn visit_i64<E: serde::de::Error>(self, _: i64) -> Result<Value, E> {
        self.number()
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::String(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(Value::String(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<Value, A::Error> {
        let mut array = Vec::new();
        while let Some(item) = items.next_element_seed(self.inner()?)? {
            array.push(item);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut entries: A) -> Result<Value, A::Error> {
        let mut object = Object::new();
        while let Some(key) = entries.next_key::<String>()? {
            if key == NUMBER_TOKEN && object.is_empty() {
                entries.next_value_seed(NumberText)?;
                return self.number();
            }
            if key == NUMBER_TOKEN || object.contains_key(&key) {
                return Err(A::Error::custom("a key stands twice in one object or is reserved"));
            }
            let value = entries.next_value_seed(self.inner()?)?;
            object.insert(key, value);
        }
        Ok(Value::Object(object))
    }
}

/// Accepts a number as serde_json hands it over: as an owned string. What comes from a document
/// comes borrowed, and is the reserved key in somebody's object.
struct NumberText;

impl<'de> DeserializeSeed<'de> for NumberText {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for NumberText {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no object with the reserved key $serde_json::private::Number")
    }

    fn visit_str<E: serde::de::Error>(self, _: &str) -> Result<(), E> {
        Err(E::custom("the key $serde_json::private::Number is reserved"))
    }

    fn visit_string<E>(self, _: String) -> Result<(), E> {
        Ok(())
    }
}

/// The texts of the numbers of a document in their order: whatever stands outside of strings and
/// begins with a digit or a minus sign.
struct NumberTexts<'t> {
    rest: &'t [u8],
}

impl Iterator for NumberTexts<'_> {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        loop {
            match *self.rest.first()? {
                b'"' => self.skip_string(),
                b'-' | b'0'..=b'9' => break,
                _ => self.rest = &self.rest[1..],
            }
        }
        let of_number = |byte: &&u8| matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9');
        let length = self.rest.iter().take_while(of_number).count();
        let (text, rest) = self.rest.split_at(length);
        self.rest = rest;
        Some(text.iter().copied().map(char::from).collect())
    }
}

impl NumberTexts<'_> {
    fn skip_string(&mut self) {
        let mut escaped = false;
        let inside = |byte: &&u8| {
            let closes = **byte == b'"' && !escaped;
            escaped = **byte == b'\\' && !escaped;
            !closes
        };
        let length = self.rest[1..].iter().take_while(inside).count();
        self.rest = self.rest.get(length + 2..).unwrap_or_default();
    }
}
