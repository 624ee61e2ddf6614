//! Bytes as a row of choices, so that a fuzzer finds its way through values and not only texts.

use serde_json::Value;

use crate::json::{self, Object};

/// The most levels of a value that is made of choices.
const LEVELS_MAX: usize = 5;

/// The most elements of an array or fields of an object.
const ELEMENTS_MAX: usize = 5;

/// Scalars on which a reader could stumble, as JSON.
const SCALARS: [&str; 24] = [
    "null",
    "true",
    "false",
    "0",
    "-0",
    "0.60",
    "99.999",
    "100",
    "-1e-9",
    "1E400",
    "9007199254740993",
    "1234567890123456789012345678901234567890",
    r#""""#,
    r#"".""#,
    r#""..""#,
    r#""a/b""#,
    r#""%2F#[]*?""#,
    r#""\u2028\u0085\u007f""#,
    r#""line\nfeed\u0000""#,
    r#""e\u0301""#,
    r#""2026-02-28""#,
    r#""2025-11-06T10:18:22.000Z""#,
    r#""2025-11-06T12:18:22+02:00""#,
    r#""9999-12-31T23:59:59.999999999Z""#,
];

/// Choices, one after the other. When the bytes are used up, every further choice is the first.
#[derive(Clone, Debug)]
pub struct Choices<'b> {
    rest: &'b [u8],
}

impl<'b> Choices<'b> {
    /// The choices that `bytes` stand for.
    pub fn new(bytes: &'b [u8]) -> Self {
        Self { rest: bytes }
    }

    /// A byte.
    pub fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.rest.split_first() else { return 0 };
        self.rest = rest;
        *first
    }

    /// Yes or no.
    pub fn flag(&mut self) -> bool {
        self.byte() & 1 == 1
    }

    /// A number below `bound`, which is from 1 to 256.
    pub fn below(&mut self, bound: usize) -> usize {
        usize::from(self.byte()) % bound
    }

    /// A number of 64 bits.
    pub fn number(&mut self) -> u64 {
        (0..8).fold(0, |number, _| number << 8 | u64::from(self.byte()))
    }

    /// One of these, of which there are at most 256.
    pub fn one_of<'a, T: ?Sized>(&mut self, list: &[&'a T]) -> &'a T {
        list[self.below(list.len())]
    }

    /// Any text of up to 255 bytes; a byte that is not UTF-8 becomes a replacement character.
    pub fn text(&mut self) -> String {
        let length = usize::from(self.byte()).min(self.rest.len());
        let (text, rest) = self.rest.split_at(length);
        self.rest = rest;
        String::from_utf8_lossy(text).into_owned()
    }

    /// One of `words`, a scalar's text, a long text, or any text.
    pub fn word(&mut self, words: &[&str]) -> String {
        match self.below(8) {
            0..4 => self.one_of(words).to_owned(),
            4 => self.text().repeat(9),
            5 => self.scalar().as_str().unwrap_or("7").to_owned(),
            _ => self.text(),
        }
    }

    /// A value with `words` for keys and texts.
    pub fn value(&mut self, words: &[&str]) -> Value {
        self.value_within(words, LEVELS_MAX)
    }

    /// An object with `words` for keys and texts.
    pub fn object(&mut self, words: &[&str]) -> Object {
        self.object_within(words, LEVELS_MAX)
    }

    fn value_within(&mut self, words: &[&str], levels: usize) -> Value {
        match self.below(8) {
            0 | 1 if levels > 0 => Value::Object(self.object_within(words, levels - 1)),
            2 if levels > 0 => {
                let elements = self.below(ELEMENTS_MAX + 1);
                (0..elements).map(|_| self.value_within(words, levels - 1)).collect()
            }
            3..6 => Value::from(self.word(words)),
            _ => self.scalar(),
        }
    }

    fn object_within(&mut self, words: &[&str], levels: usize) -> Object {
        let fields = self.below(ELEMENTS_MAX + 1);
        let field = |_| (self.word(words), self.value_within(words, levels));
        (0..fields).map(field).collect()
    }

    fn scalar(&mut self) -> Value {
        json::parse(self.one_of(&SCALARS).as_bytes()).expect("scalars are JSON")
    }
}
