//! Glob expressions of lists. (Cloud Storage documentation, "List objects and prefixes using
//! glob".)

#[cfg(test)]
mod tests;

/// The longest expression, in bytes.
const GLOB_BYTES_MAX: usize = 1024;

/// A glob expression: `*`, `**`, `?`, `[a-c]`, `[!a-c]`, `{one,two}`, and `\` before a character
/// that stands for itself.
///
/// It is a program of at most one step for each character of the expression. Every step leads
/// forward or to itself. (Thompson, "Regular Expression Search Algorithm", 1968.)
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Glob(Vec<Step>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
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
    /// Takes nothing, and goes on at each of these.
    Go(Vec<usize>),
}

/// Alternatives whose brace is still open.
struct Braces {
    /// The step from which they part.
    fork: usize,
    /// The steps with which all but the last of them end.
    ends: Vec<usize>,
}

impl Glob {
    /// Reads an expression; `None` for one that is not closed or too long.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if text.len() > GLOB_BYTES_MAX {
            return None;
        }
        let characters: Vec<char> = text.chars().collect();
        let mut glob = Self::default();
        let mut open = Vec::new();
        let mut rest = &characters[..];
        while !rest.is_empty() {
            rest = match glob.read_brace(rest[0], &mut open) {
                true => &rest[1..],
                false => glob.read_step(rest)?,
            };
        }
        open.is_empty().then_some(glob)
    }

    /// Whether the expression describes the whole `name`. Takes time in proportion to the product
    /// of both lengths.
    pub(crate) fn matches(&self, name: &str) -> bool {
        let Self(steps) = self;
        // The steps before which all that was read is described.
        let mut reached = vec![false; steps.len() + 1];
        let mut next = reached.clone();
        reached[0] = true;
        for character in name.chars() {
            next.fill(false);
            for (at, step) in steps.iter().enumerate() {
                if reached[at] {
                    step.skip(at, &mut reached);
                    step.take(at, character, &mut next);
                }
            }
            std::mem::swap(&mut reached, &mut next);
        }
        for (at, step) in steps.iter().enumerate() {
            if reached[at] {
                step.skip(at, &mut reached);
            }
        }
        reached[steps.len()]
    }

    /// Whether `character` opens, parts or closes alternatives.
    fn read_brace(&mut self, character: char, open: &mut Vec<Braces>) -> bool {
        let Self(steps) = self;
        let here = steps.len();
        match (character, open.last_mut()) {
            ('{', _) => {
                open.push(Braces { fork: here, ends: Vec::new() });
                steps.push(Step::Go(vec![here + 1]));
            }
            (',', Some(braces)) => {
                braces.ends.push(here);
                steps.push(Step::Go(Vec::new()));
                lead(steps, braces.fork, here + 1);
            }
            ('}', Some(braces)) => {
                braces.ends.drain(..).for_each(|end| lead(steps, end, here));
                open.pop();
            }
            _ => return false,
        }
        true
    }

    /// Reads one step, and gives what comes after it.
    fn read_step<'a>(&mut self, rest: &'a [char]) -> Option<&'a [char]> {
        let (step, after) = match rest {
            ['*', '*', after @ ..] => (Step::All, after),
            ['*', after @ ..] => (Step::Many, after),
            ['?', after @ ..] => (Step::Any, after),
            ['[', after @ ..] => {
                let end = class_end(after)?;
                (class(&after[..end]), &after[end + 1..])
            }
            ['\\', character, after @ ..] => (Step::One(*character), after),
            ['\\'] | [] => return None,
            [character, after @ ..] => (Step::One(*character), after),
        };
        self.0.push(step);
        Some(after)
    }
}

fn lead(steps: &mut [Step], from: usize, to: usize) {
    if let Some(Step::Go(targets)) = steps.get_mut(from) {
        targets.push(to);
    }
}

/// Where the `]` is that ends a class; one that comes first stands for itself.
fn class_end(inner: &[char]) -> Option<usize> {
    let first = usize::from(matches!(inner.first(), Some('!' | '^')));
    let end = inner.iter().skip(first + 1).position(|character| *character == ']');
    end.map(|end| first + 1 + end)
}

fn class(inner: &[char]) -> Step {
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
    Step::Class { ranges, negated }
}

impl Step {
    /// Marks what is reached from `at` without a character.
    fn skip(&self, at: usize, reached: &mut [bool]) {
        match self {
            Self::All | Self::Many => reached[at + 1] = true,
            Self::Go(targets) => targets.iter().for_each(|target| reached[*target] = true),
            _ => (),
        }
    }

    /// Marks what is reached from `at` with `character`.
    fn take(&self, at: usize, character: char, reached: &mut [bool]) {
        match self {
            Self::All => reached[at] = true,
            Self::Many if character != '/' => reached[at] = true,
            step if step.is(character) => reached[at + 1] = true,
            _ => (),
        }
    }

    /// Whether it stands for this one character.
    fn is(&self, character: char) -> bool {
        match self {
            Self::One(one) => *one == character,
            Self::Any => character != '/',
            Self::Class { ranges, negated } => {
                let inside =
                    ranges.iter().any(|(first, last)| (*first..=*last).contains(&character));
                character != '/' && inside != *negated
            }
            Self::Many | Self::All | Self::Go(_) => false,
        }
    }
}
