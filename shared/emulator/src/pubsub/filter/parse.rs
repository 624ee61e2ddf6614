//! Reads filters: one function for each rule of the language.
//!
//! ```text
//! all      = operand { "AND" operand } | operand { "OR" operand }
//! operand  = ("NOT" | "-") operand | "(" all ")"
//!          | "hasPrefix" "(" "attributes" "." key "," string ")"
//!          | "attributes" ":" key | "attributes" "." key ("=" | "!=") string
//! key      = one or more of letters, digits, "-" and "_" | string
//! ```

use super::{Expression, FilterError};

/// How deep operands may nest.
const DEPTH_MAX: usize = 64;

pub(super) fn parse(text: &str) -> Result<Expression, FilterError> {
    let mut reader = Reader { text, at: 0 };
    let expression = reader.all(0)?;
    match reader.rest().is_empty() {
        true => Ok(expression),
        false => reader.expected("AND, OR or the end; AND and OR mix only in parentheses"),
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    fn all(&mut self, depth: usize) -> Result<Expression, FilterError> {
        let first = self.operand(depth)?;
        let operator = ["AND", "OR"].into_iter().find(|it| self.word(it));
        let Some(operator) = operator else { return Ok(first) };
        let mut operands = vec![first, self.operand(depth)?];
        // Each turn reads some of a text of bounded length.
        while self.word(operator) {
            operands.push(self.operand(depth)?);
        }
        Ok(if operator == "AND" { Expression::All(operands) } else { Expression::Any(operands) })
    }

    fn operand(&mut self, depth: usize) -> Result<Expression, FilterError> {
        if depth > DEPTH_MAX {
            return self.expected("less nesting");
        }
        if self.word("NOT") || self.sign("-") {
            return Ok(Expression::Not(Box::new(self.operand(depth + 1)?)));
        }
        if self.sign("(") {
            let inner = self.all(depth + 1)?;
            self.need(")", "AND, OR or a closing parenthesis")?;
            return Ok(inner);
        }
        if self.word("hasPrefix") {
            return self.has_prefix();
        }
        if !self.word("attributes") {
            return self.expected("attributes, hasPrefix, NOT or a parenthesis");
        }
        if self.sign(":") {
            return Ok(Expression::Has(self.key()?));
        }
        self.need(".", "a colon or a dot after attributes")?;
        let key = self.key()?;
        if self.sign("!=") {
            return Ok(Expression::IsNot(key, self.string()?));
        }
        self.need("=", "= or !=")?;
        Ok(Expression::Is(key, self.string()?))
    }

    fn has_prefix(&mut self) -> Result<Expression, FilterError> {
        self.need("(", "an opening parenthesis after hasPrefix")?;
        if !self.word("attributes") {
            return self.expected("attributes");
        }
        self.need(".", "a dot after attributes")?;
        let key = self.key()?;
        self.need(",", "a comma")?;
        let prefix = self.string()?;
        self.need(")", "a closing parenthesis")?;
        Ok(Expression::Begins(key, prefix))
    }

    fn key(&mut self) -> Result<String, FilterError> {
        if self.rest().starts_with('"') {
            return self.string();
        }
        let rest = self.rest();
        let key = &rest[..rest.find(|c| !is_of_a_key(c)).unwrap_or(rest.len())];
        if key.is_empty() {
            return self.expected("a key");
        }
        let key = key.to_owned();
        self.at += key.len();
        Ok(key)
    }

    fn string(&mut self) -> Result<String, FilterError> {
        if !self.sign("\"") {
            return self.expected("a string in double quotes");
        }
        let mut bytes = Vec::new();
        loop {
            let Some(next) = self.text[self.at..].chars().next() else {
                return self.expected("a closing quotation mark");
            };
            self.at += next.len_utf8();
            match next {
                '"' => break,
                '\\' => self.escape(&mut bytes)?,
                next => bytes.extend(next.encode_utf8(&mut [0; 4]).bytes()),
            }
        }
        String::from_utf8(bytes).or_else(|_| self.expected("escapes that give UTF-8"))
    }

    /// Reads what follows a backslash.
    fn escape(&mut self, bytes: &mut Vec<u8>) -> Result<(), FilterError> {
        let rest = &self.text[self.at..];
        let Some(kind) = rest.bytes().next() else { return self.expected("an escape") };
        let plain = match kind {
            b'\\' | b'"' | b'\'' | b'`' | b'?' => Some(kind),
            b'a' => Some(0x07),
            b'b' => Some(0x08),
            b'f' => Some(0x0c),
            b'n' => Some(b'\n'),
            b'r' => Some(b'\r'),
            b't' => Some(b'\t'),
            b'v' => Some(0x0b),
            _ => None,
        };
        if let Some(byte) = plain {
            self.at += 1;
            bytes.push(byte);
            return Ok(());
        }
        let (skipped, digits, radix) = match kind {
            b'x' | b'X' => (1, 2, 16),
            b'u' => (1, 4, 16),
            b'U' => (1, 8, 16),
            b'0'..=b'7' => (0, 3, 8),
            _ => return self.expected("an escape"),
        };
        let number = rest.get(skipped..skipped + digits);
        let number = number.filter(|it| it.bytes().all(|b| b.is_ascii_hexdigit()));
        let number = number.and_then(|digits| u32::from_str_radix(digits, radix).ok());
        let Some(number) = number else { return self.expected("the digits of an escape") };
        match kind {
            b'u' | b'U' => match char::from_u32(number) {
                Some(scalar) => bytes.extend(scalar.encode_utf8(&mut [0; 4]).bytes()),
                None => return self.expected("a character of Unicode"),
            },
            _ => match u8::try_from(number) {
                Ok(byte) => bytes.push(byte),
                Err(_) => return self.expected("one byte"),
            },
        }
        self.at += skipped + digits;
        Ok(())
    }

    /// Reads `word`, unless it is the beginning of a longer one.
    fn word(&mut self, word: &str) -> bool {
        let after = self.rest().strip_prefix(word);
        let found = after.is_some_and(|after| !after.starts_with(is_of_a_key));
        self.at += if found { word.len() } else { 0 };
        found
    }

    fn sign(&mut self, sign: &str) -> bool {
        let found = self.rest().starts_with(sign);
        self.at += if found { sign.len() } else { 0 };
        found
    }

    fn need(&mut self, sign: &str, expected: &'static str) -> Result<(), FilterError> {
        if self.sign(sign) { Ok(()) } else { self.expected(expected) }
    }

    /// What is left, without leading white space.
    fn rest(&mut self) -> &str {
        let left = &self.text[self.at..];
        let rest = left.trim_ascii_start();
        self.at += left.len() - rest.len();
        rest
    }

    fn expected<T>(&self, expected: &'static str) -> Result<T, FilterError> {
        Err(FilterError::Syntax { at: self.at, expected })
    }
}

fn is_of_a_key(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '-' || c == '_'
}
