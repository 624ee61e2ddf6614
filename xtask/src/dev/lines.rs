//! Log lines of functions as a person reads them: one line each, aligned, in a colour of its own
//! for each function.

use std::fmt::Write as _;

use serde_json::{Map, Value};

/// The name under which `cargo xtask dev` itself speaks.
const SELF: &str = "dev";

/// The longest object name that is shown whole, in characters.
const OBJECT_CHARACTERS_MAX: usize = 60;

/// Colours of functions, one after the other. (ECMA-48, "Select graphic rendition".)
const PALETTE: [&str; 6] = ["36", "33", "35", "32", "34", "96"];

/// What a line must be at least to be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    /// Everything.
    Debug,
    /// Deliveries too.
    Info,
    /// What went wrong and is tried again.
    Warning,
    /// What a person has to look at.
    Error,
}

impl Level {
    /// `debug`, `info`, `warning` or `error`.
    pub(crate) fn parse(word: &str) -> Result<Self, String> {
        match word {
            "debug" => Ok(Self::Debug),
            "info" => Ok(Self::Info),
            "warning" => Ok(Self::Warning),
            "error" => Ok(Self::Error),
            other => Err(format!("no level {other:?}; there are debug, info, warning, error")),
        }
    }

    fn of(severity: &str) -> Self {
        match severity {
            "DEBUG" | "DEFAULT" => Self::Debug,
            "INFO" | "NOTICE" => Self::Info,
            "WARNING" => Self::Warning,
            _ => Self::Error,
        }
    }
}

/// Makes lines readable.
pub(crate) struct Lines {
    functions: Vec<String>,
    width: usize,
    colour: bool,
    level: Level,
}

impl Lines {
    /// For these functions; without `colour` no line holds an escape code.
    pub(crate) fn new(functions: &[String], colour: bool, level: Level) -> Self {
        let names = functions.iter().map(|name| name.chars().count());
        let width = names.chain([SELF.len()]).max().unwrap_or_default();
        Self { functions: functions.to_vec(), width, colour, level }
    }

    /// What `function` has written, or `None` if it is below the level. A line that is no JSON
    /// object is shown as it is.
    pub(crate) fn format(&self, function: &str, line: &str) -> Option<String> {
        let Ok(Value::Object(fields)) = serde_json::from_str(line) else {
            return Some(format!("             {} {}", self.name(function), plain(line)));
        };
        let severity = text(&fields, "severity");
        let level = Level::of(&severity);
        (level >= self.level).then(|| {
            let mut formatted = format!("{} {}", time(&fields), self.name(function));
            let word =
                if level >= Level::Warning { severity.to_lowercase() } else { String::new() };
            let word = self.paint(severity_colour(level), &format!("{word:<7}"));
            let outcome = text(&fields, "outcome");
            // What is said once and is no delivery has a message and no outcome.
            let said = if outcome.is_empty() { text(&fields, "message") } else { outcome };
            write!(formatted, " {word} {said:<9}").unwrap_or_default();
            for part in [shortened(&text(&fields, "object")), text(&fields, "reason")] {
                if !part.is_empty() {
                    write!(formatted, " {part}").unwrap_or_default();
                }
            }
            if let Some(elapsed) = fields.get("elapsed_ms").filter(|elapsed| elapsed.is_number()) {
                write!(formatted, " {elapsed} ms").unwrap_or_default();
            }
            formatted.trim_end().to_owned()
        })
    }

    /// A line of the command itself, at `time`.
    pub(crate) fn note(&self, time: &str, what: &str) -> String {
        let name = self.paint("1", &format!("{SELF:<width$}", width = self.width));
        format!("{time:<12} {name}         {}", plain(what))
    }

    fn name(&self, function: &str) -> String {
        let number = self.functions.iter().position(|it| it == function).unwrap_or_default();
        let padded = format!("{:<width$}", plain(function), width = self.width);
        self.paint(PALETTE[number % PALETTE.len()], &padded)
    }

    fn paint(&self, code: &str, text: &str) -> String {
        if self.colour && !code.is_empty() {
            format!("\u{1b}[{code}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }
}

fn severity_colour(level: Level) -> &'static str {
    match level {
        Level::Error => "1;31",
        Level::Warning => "1;33",
        Level::Info | Level::Debug => "",
    }
}

/// `12:00:00.123` of an RFC 3339 time.
fn time(fields: &Map<String, Value>) -> String {
    let time = text(fields, "time");
    let clock: String = time.chars().skip_while(|it| *it != 'T').skip(1).take(12).collect();
    format!("{clock:<12}")
}

/// The text of a field; nothing where there is none.
fn text(fields: &Map<String, Value>, key: &str) -> String {
    match fields.get(key) {
        Some(Value::String(text)) => plain(text),
        Some(Value::Null) | None => String::new(),
        Some(other) => plain(&other.to_string()),
    }
}

/// Without anything that a terminal would obey.
fn plain(text: &str) -> String {
    let escape = |it: char| match it.is_control() {
        true => it.escape_default().collect::<String>(),
        false => it.to_string(),
    };
    text.chars().map(escape).collect()
}

/// A long name without its middle.
fn shortened(name: &str) -> String {
    let characters: Vec<char> = name.chars().collect();
    if characters.len() <= OBJECT_CHARACTERS_MAX {
        return name.to_owned();
    }
    let half = (OBJECT_CHARACTERS_MAX - 1) / 2;
    let (begin, end) = (&characters[..half], &characters[characters.len() - half..]);
    begin.iter().chain(['…'].iter()).chain(end).collect()
}
