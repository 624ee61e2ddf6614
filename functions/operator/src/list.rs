//! `list`: the entities of a kind, up to the last change.

use std::sync::Arc;

use clap::Args;
use domain::json;
use serde_json::Value;
use store::{Counted, Tools, dollars};

use crate::{Operator, Place, Problem, legible, listing, subject};

/// How many entities a person is shown when not said.
const SHOWN: usize = 100;

/// What a table has columns for, or says of every line.
const NOT_SHOWN: [&str; 4] = ["id", "entity", "env", "updated_at"];

/// Lists the entities of a kind, in the order of their ids, with what their manifests show.
///
/// The listing is fresh: shards as the last compaction has left them, and over them each manifest
/// that has changed since, so that whatever the manifest-writer had done before the command began is
/// there, records that are dated back and deletions included. It takes 2 B + 1 B for each shard and
/// each manifest that has changed + 1 A for each thousand entries of the journal; before the first
/// compaction, 1 B for each manifest. Ends with 0, or with 1 when nothing is found or something
/// cannot be read.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  list venture                                     the first 100, as a table
  list venture --where status=Pilot --limit 20     those whose manifest says so
  list venture --count                             how many there are
  list venture --json                              all of them, a line of JSON for each")]
pub struct Options {
    #[command(flatten)]
    pub(crate) place: Place,
    /// The kind: venture.
    entity: String,
    /// Those whose manifest has this value in this field; may be repeated, then all must hold. A text
    /// is said as it is, anything else as JSON has it: --where active=true.
    #[arg(long = "where", value_name = "FIELD=VALUE", value_parser = condition)]
    conditions: Vec<Condition>,
    /// Show so many. A table shows 100 when not said, --json all.
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// A line of JSON for each, as the shards have it.
    #[arg(long)]
    json: bool,
    /// The number alone.
    #[arg(long, conflicts_with_all = ["json", "limit"])]
    count: bool,
}

/// What a line has to say.
#[derive(Clone, Debug)]
struct Condition {
    field: String,
    /// The value, if it is a text.
    text: String,
    /// The value, if it is anything else.
    value: Option<Value>,
}

fn condition(text: &str) -> Result<Condition, String> {
    match text.split_once('=') {
        Some((field, value)) if !field.is_empty() => {
            let (field, text) = (field.to_owned(), value.to_owned());
            Ok(Condition { field, text, value: json::parse(value.as_bytes()).ok() })
        }
        _ => Err("not FIELD=VALUE, such as status=Pilot".to_owned()),
    }
}

impl Condition {
    fn holds(&self, of: &Value) -> bool {
        match of.get(&self.field) {
            None => false,
            Some(Value::String(text)) => *text == self.text,
            Some(other) => Some(other) == self.value.as_ref(),
        }
    }
}

pub(crate) async fn run(options: &Options, operator: &Operator<'_>) -> Result<bool, Problem> {
    let segment = subject::definition(operator, &options.entity)?.segment.clone();
    let counted = Arc::new(Counted::new(Arc::clone(&operator.tools.store)));
    let tools = Tools { store: counted.clone(), ..operator.tools.clone() };
    let counting = Operator { tools, user: None, ..*operator };
    let wanted = |line: &str| match options.conditions.is_empty() {
        true => true,
        false => json::parse(line.as_bytes())
            .is_ok_and(|line| options.conditions.iter().all(|it| it.holds(&line))),
    };
    let listing = listing::read(&counting, &segment, &wanted).await?;
    let found = listing.lines.len();
    if options.count {
        operator.screen.say(&found.to_string())?;
    } else if options.json {
        for line in listing.lines.values().take(options.limit.unwrap_or(usize::MAX)) {
            operator.screen.say(line.trim_end())?;
        }
    } else if found > 0 {
        let lines = listing.lines.values().take(options.limit.unwrap_or(SHOWN));
        operator.screen.say(&table(lines))?;
    }
    let shown = options.limit.unwrap_or(if options.json { usize::MAX } else { SHOWN }).min(found);
    if shown < found && !options.count {
        operator.screen.hint(&format!("the first {shown} of {found}; --limit shows more"));
    }
    if found == 0 && !options.count {
        let such = if options.conditions.is_empty() { "" } else { "such " };
        operator.screen.hint(&format!("no {such}{} in {}", options.entity, operator.env));
    }
    let operations = counted.operations();
    let dollars = dollars(operations.class_a, operations.class_b);
    let since = match listing.compacted {
        true => format!("{} changed since the last compaction", listing.changed),
        false => "never compacted, so every manifest was read: `manifest-compactor` makes that \
                  cheap"
            .to_owned(),
    };
    operator.screen.hint(&format!("{operations}, ${dollars:.4}; {since}"));
    for (id, why) in &listing.unreadable {
        operator.screen.hint(&format!(
            "the manifest of {} cannot be read, so its line may be old: {why}",
            legible::line(id)
        ));
    }
    Ok(found > 0 && listing.unreadable.is_empty())
}

/// Ids, times, and whatever else the manifests show.
fn table<'a>(lines: impl Iterator<Item = &'a String>) -> String {
    let head = ["ID", "UPDATED", "SHOWS"].map(str::to_owned).to_vec();
    let rows = lines.map(|line| {
        let mut shown = match json::parse(line.as_bytes()) {
            Ok(Value::Object(shown)) => shown,
            _ => json::Object::new(),
        };
        let text = |field: &str| match shown.get(field).and_then(Value::as_str) {
            Some(text) => legible::line(text),
            None => "-".to_owned(),
        };
        let (id, updated) = (text("id"), text("updated_at"));
        NOT_SHOWN.iter().for_each(|field| drop(shown.shift_remove(*field)));
        vec![id, updated, legible::line(&Value::Object(shown).to_string())]
    });
    legible::table(&std::iter::once(head).chain(rows).collect::<Vec<_>>())
}
