//! Glob expressions of lists. (Cloud Storage documentation, "List objects and prefixes using
//! glob".)

/// The most patterns that the alternatives in braces may stand for.
const ALTERNATIVES_MAX: usize = 64;

/// The longest expression, in characters.
const GLOB_CHARACTERS_MAX: usize = 1024;

/// A glob expression: `*`, `**`, `?`, `[a-c]`, `[!a-c]`, `{one,two}`, and `\` before a character
/// that stands for itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Glob(Vec<Vec<Token>>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    One(char),
    /// Any character but `/`.
    Any,
    /// Any number of characters but `/`.
    Many,
    /// Any number of characters.
    All,
    /// One of these ranges, or none of them; never `/`.
    Class {
        ranges: Vec<(char, char)>,
        negated: bool,
    },
}

impl Glob {
    /// Reads an expression; `None` for one that is not closed or stands for too much.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let characters: Vec<char> = text.chars().collect();
        if characters.len() > GLOB_CHARACTERS_MAX {
            return None;
        }
        expand(&characters)?.iter().map(|pattern| tokens(pattern)).collect::<Option<_>>().map(Self)
    }

    /// Whether the expression describes the whole `name`. Takes time in proportion to the product
    /// of both lengths.
    pub(crate) fn matches(&self, name: &str) -> bool {
        self.0.iter().any(|pattern| is_match(pattern, name))
    }
}

/// The patterns that `pattern` stands for, without braces.
fn expand(pattern: &[char]) -> Option<Vec<Vec<char>>> {
    let mut done = Vec::new();
    let mut open = vec![pattern.to_vec()];
    while let Some(pattern) = open.pop() {
        if done.len() + open.len() >= ALTERNATIVES_MAX {
            return None;
        }
        let Some(begin) = find_plain(&pattern, 0, '{') else {
            done.push(pattern);
            continue;
        };
        let end = closing(&pattern, begin)?;
        for alternative in split(&pattern[begin + 1..end]) {
            open.push([&pattern[..begin], alternative, &pattern[end + 1..]].concat());
        }
    }
    Some(done)
}

/// Where `wanted` stands for the first time from `from` on, not escaped and in no class.
fn find_plain(pattern: &[char], from: usize, wanted: char) -> Option<usize> {
    let mut at = from;
    while let Some(character) = pattern.get(at) {
        match character {
            '\\' => at += 1,
            '[' => at = class_end(pattern, at)?,
            character if *character == wanted => return Some(at),
            _ => (),
        }
        at += 1;
    }
    None
}

/// The brace that closes the one at `begin`.
fn closing(pattern: &[char], begin: usize) -> Option<usize> {
    let mut depth = 0_usize;
    let mut at = begin;
    while let Some(character) = pattern.get(at) {
        match character {
            '\\' => at += 1,
            '{' => depth += 1,
            '}' => {
                depth -= 1;
                if depth == 0 {
                    return Some(at);
                }
            }
            _ => (),
        }
        at += 1;
    }
    None
}

/// The alternatives between commas that are in no inner braces.
fn split(inner: &[char]) -> Vec<&[char]> {
    let (mut parts, mut depth, mut begin, mut at) = (Vec::new(), 0_usize, 0, 0);
    while let Some(character) = inner.get(at) {
        match character {
            '\\' => at += 1,
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(&inner[begin..at]);
                begin = at + 1;
            }
            _ => (),
        }
        at += 1;
    }
    parts.push(&inner[begin.min(inner.len())..]);
    parts
}

/// The `]` that ends the class at `begin`; one that comes first stands for itself.
fn class_end(pattern: &[char], begin: usize) -> Option<usize> {
    let negated = matches!(pattern.get(begin + 1), Some('!' | '^'));
    let first = begin + 1 + usize::from(negated);
    let end = pattern.iter().skip(first + 1).position(|character| *character == ']');
    end.map(|end| first + 1 + end)
}

fn tokens(pattern: &[char]) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(character) = pattern.get(at) {
        match character {
            '*' if pattern.get(at + 1) == Some(&'*') => {
                tokens.push(Token::All);
                at += 1;
            }
            '*' => tokens.push(Token::Many),
            '?' => tokens.push(Token::Any),
            '[' => {
                let end = class_end(pattern, at)?;
                tokens.push(class(&pattern[at + 1..end]));
                at = end;
            }
            '\\' => {
                at += 1;
                tokens.push(Token::One(*pattern.get(at)?));
            }
            character => tokens.push(Token::One(*character)),
        }
        at += 1;
    }
    Some(tokens)
}

fn class(inner: &[char]) -> Token {
    let negated = matches!(inner.first(), Some('!' | '^'));
    let mut rest = &inner[usize::from(negated)..];
    let mut ranges = Vec::new();
    while let [first, after @ ..] = rest {
        rest = after;
        if let ['-', last, beyond @ ..] = after {
            ranges.push((*first, *last));
            rest = beyond;
        } else {
            ranges.push((*first, *first));
        }
    }
    Token::Class { ranges, negated }
}

fn is_match(pattern: &[Token], name: &str) -> bool {
    // Which beginnings of the pattern describe what of the name has been read.
    let mut reached = vec![false; pattern.len() + 1];
    reached[0] = true;
    skip_empty(pattern, &mut reached);
    for character in name.chars() {
        let mut next = vec![false; pattern.len() + 1];
        for (at, token) in pattern.iter().enumerate().filter(|(at, _)| reached[*at]) {
            match token {
                Token::All => next[at] = true,
                Token::Many if character != '/' => next[at] = true,
                token if takes(token, character) => next[at + 1] = true,
                _ => (),
            }
        }
        skip_empty(pattern, &mut next);
        reached = next;
    }
    reached[pattern.len()]
}

/// What may be empty may be skipped.
fn skip_empty(pattern: &[Token], reached: &mut [bool]) {
    for (at, token) in pattern.iter().enumerate() {
        if reached[at] && matches!(token, Token::All | Token::Many) {
            reached[at + 1] = true;
        }
    }
}

/// Whether `token` stands for this one character.
fn takes(token: &Token, character: char) -> bool {
    match token {
        Token::One(one) => *one == character,
        Token::Any => character != '/',
        Token::Class { ranges, negated } => {
            let inside = ranges.iter().any(|(first, last)| (*first..=*last).contains(&character));
            character != '/' && inside != *negated
        }
        Token::Many | Token::All => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_describe_names() {
        for (glob, names, others) in [
            ("*.json", &["a.json", ".json"][..], &["a/b.json", "a.jsonx"][..]),
            ("**.json", &["a.json", "a/b/c.json"], &["a.txt"]),
            ("a/*/c", &["a/b/c", "a//c"], &["a/b/b/c", "a/c"]),
            ("a/**/c", &["a/b/c", "a/b/d/c"], &["b/c"]),
            ("?.txt", &["é.txt"], &["/.txt", "ab.txt"]),
            ("[a-c][!x]", &["ab", "c9"], &["db", "ax", "a/"]),
            ("[]]", &["]"], &["a"]),
            ("{a,b{c,d}}*", &["a", "bc1", "bd"], &["b", "e"]),
            ("x{,y}", &["x", "xy"], &["y"]),
            (r"\*\{", &["*{"], &["a{"]),
            ("", &[""], &["a"]),
        ] {
            let parsed = Glob::parse(glob).unwrap();
            for name in names {
                assert!(parsed.matches(name), "{glob} {name}");
            }
            for name in others {
                assert!(!parsed.matches(name), "{glob} {name}");
            }
        }
    }

    #[test]
    fn what_is_not_closed_or_too_much_is_none() {
        let many = "{a,b}".repeat(12);
        let long = "*".repeat(GLOB_CHARACTERS_MAX + 1);
        for glob in ["[a", "{a", "a\\", "{a,{b}", &many, &long] {
            assert_eq!(Glob::parse(glob), None, "{glob}");
        }
        let hostile = Glob::parse(&"**a".repeat(300)).unwrap();
        assert!(!hostile.matches(&"a".repeat(1024).replace("aa", "ab")));
    }
}
