//! What an index says below a key.

use domain::definitions::{Index, IndexKind, Transform};
use domain::json::{self, Object as Json};
use domain::{Day, EntityDefinition, ObjectName, volatile};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use projection::plan::component;
use projection::source::key;
use serde_json::{Value, json};
use store::List;

use crate::{Operator, Problem, legible};

/// How many pointers are read at the same time.
const READS_AT_ONCE: usize = 16;

/// What to show.
pub(super) struct Wish<'a> {
    pub(super) keys: &'a [String],
    pub(super) tombstones: bool,
    pub(super) limit: usize,
    pub(super) json: bool,
}

/// A pointer, or a member of a register.
struct Found {
    object: String,
    /// The version of the snapshot that it was written from.
    from: Option<String>,
    /// Nothing where it is no object.
    says: Json,
}

/// What an index shows that a table has columns for, or that a reader of it has no use for.
const NOT_SHOWN: [&str; 7] = ["ptr", "id", "updated_at", "entity", "source", "order", "op"];

pub(super) async fn run(
    operator: &Operator<'_>,
    definition: &EntityDefinition,
    index: &Index,
    wish: &Wish<'_>,
) -> Result<bool, Problem> {
    let segment = definition.segment.clone();
    let keys = components(index, wish.keys)?;
    let env = operator.env;
    let (below, mut found) = match index.kind() {
        IndexKind::Pointers => {
            let folders: String = keys.iter().map(|key| format!("{key}/")).collect();
            let prefix = format!("env/{env}/indices/{segment}/{}/{folders}", index.folder());
            let found = pointers(operator, &prefix, wish).await?;
            (prefix, found)
        }
        IndexKind::LatestBy => {
            let key = keys.concat();
            let name = ObjectName::Register { env, segment, index: index.folder(), key };
            (name.to_string(), members(operator, &name.to_string(), wish).await?)
        }
        IndexKind::Bundle => {
            let name = ObjectName::Bundle { env, segment };
            (name.to_string(), members(operator, &name.to_string(), wish).await?)
        }
    };
    let more = found.len() > wish.limit;
    found.truncate(wish.limit);
    if found.is_empty() {
        operator.screen.hint(&format!("nothing in {}", legible::whole(&below)));
        return Ok(false);
    }
    let text = match wish.json {
        true => found.iter().map(line).collect::<Vec<_>>().join("\n"),
        false => table(&found),
    };
    operator.screen.say(&text)?;
    if more {
        operator.screen.hint(&format!("the first {}; --limit shows more", wish.limit));
    }
    Ok(true)
}

/// The parts of the object name that these words become.
fn components(index: &Index, words: &[String]) -> Result<Vec<String>, Problem> {
    let keys = &index.keys;
    let wrong = |reason: String| Err(Problem::new(format!("{}: {reason}", index.folder())));
    if words.len() > keys.len() {
        return wrong(format!("it has {} keys, and {} were said", keys.len(), words.len()));
    }
    if index.kind() == IndexKind::LatestBy && words.is_empty() {
        return wrong("it has a register for each key: say which".to_owned());
    }
    let mut components = Vec::new();
    for (key, word) in keys.iter().zip(words) {
        match of_word(key.transform, word) {
            Some(component) => components.push(component),
            None => {
                return wrong(format!(
                    "{word:?} is no key of it; one is {}",
                    example(key.transform)
                ));
            }
        }
    }
    Ok(components)
}

/// By the value that a document has, or by what an index has made of it.
fn of_word(transform: Transform, word: &str) -> Option<String> {
    let text = Value::from(word);
    match transform {
        Transform::Slug | Transform::Verbatim | Transform::Day => component(transform, &text),
        Transform::Month => {
            let is_month = || Day::parse(&format!("{word}-01")).is_some();
            component(transform, &text).or_else(|| is_month().then(|| word.to_owned()))
        }
        Transform::Bucket => {
            let made = |word: &&str| {
                let digits = word.len() == 2 && word.bytes().all(|byte| byte.is_ascii_digit());
                digits || matches!(*word, "below" | "above")
            };
            let number = json::parse(word.as_bytes()).ok();
            let bucket = number.and_then(|number| component(transform, &number));
            bucket.or_else(|| Some(word).filter(made).map(str::to_owned))
        }
    }
}

fn example(transform: Transform) -> &'static str {
    match transform {
        Transform::Slug | Transform::Verbatim => "a text that is not empty",
        Transform::Day => "2025-11-06",
        Transform::Month => "2025-11",
        Transform::Bucket => "a number, or what the index makes of one: 07, below, above",
    }
}

/// The pointers below `prefix`, one more than are wanted where there are more. A list page for each
/// thousand, and a read for each.
async fn pointers(
    operator: &Operator<'_>,
    prefix: &str,
    wish: &Wish<'_>,
) -> Result<Vec<Found>, Problem> {
    let store = &operator.tools.store;
    let mut list = List { prefix: prefix.to_owned(), ..List::default() };
    let mut found = Vec::new();
    loop {
        let page = store.list(&list).await?;
        let names = page.items.into_iter().map(|item| item.name);
        let is_pointer =
            |name: &String| matches!(ObjectName::parse(name), Ok(ObjectName::Pointer(_)));
        let names: Vec<String> = names.filter(is_pointer).collect();
        for chunk in names.chunks(READS_AT_ONCE) {
            let reads = chunk.iter().map(|name| async move {
                let Some(object) = store.get(name, None).await? else { return Ok(None) };
                let from = object.metadata.get(key::GENERATION).cloned();
                let says = match json::parse(&object.body) {
                    Ok(Value::Object(says)) => says,
                    _ => Json::new(),
                };
                Ok::<_, Problem>(Some(Found { object: name.clone(), from, says }))
            });
            let read: Vec<_> = stream::iter(reads).buffered(READS_AT_ONCE).try_collect().await?;
            let read = read.into_iter().flatten();
            found.extend(read.filter(|it| wish.tombstones || !volatile::is_tombstone(&it.says)));
            if found.len() > wish.limit {
                return Ok(found);
            }
        }
        match page.next_page_token {
            Some(token) => list.page_token = Some(token),
            None => return Ok(found),
        }
    }
}

/// The members of the register `name`, the winner first. One read.
async fn members(
    operator: &Operator<'_>,
    name: &str,
    wish: &Wish<'_>,
) -> Result<Vec<Found>, Problem> {
    let Some(object) = operator.tools.store.get(name, None).await? else { return Ok(Vec::new()) };
    let register = json::parse(&object.body).unwrap_or_default();
    let Some(members) = register.get("members").and_then(Value::as_array) else {
        return Err(Problem::new(format!(
            "{name} is no register: delete the object that somebody else wrote, then `index build` \
             the index"
        )));
    };
    let members = members.iter().filter_map(Value::as_object);
    let wanted = members.filter(|it| wish.tombstones || !volatile::is_tombstone(it));
    let member = |says: &Json| {
        let from = says.get("source").and_then(|it| it.get(key::GENERATION)?.as_str());
        let from = from.map(str::to_owned);
        Found { object: name.to_owned(), from, says: says.clone() }
    };
    Ok(wanted.map(member).collect())
}

fn line(found: &Found) -> String {
    legible::compact(&json!({
        "object": found.object, "from_generation": found.from,
        "tombstone": volatile::is_tombstone(&found.says), "says": found.says,
    }))
}

fn table(found: &[Found]) -> String {
    let text = |it: &Found, field: &str| {
        let text = it.says.get(field).and_then(Value::as_str);
        text.map_or_else(|| "-".to_owned(), legible::line)
    };
    let row = |it: &Found| {
        let mut shown = it.says.clone();
        NOT_SHOWN.iter().for_each(|field| drop(shown.shift_remove(*field)));
        let shown = match (it.says.is_empty(), volatile::is_tombstone(&it.says)) {
            (true, _) => "it is no JSON object: it was not written by us".to_owned(),
            (_, true) => "a tombstone: it has this place no more".to_owned(),
            (false, false) => legible::line(&Value::Object(shown).to_string()),
        };
        let from = legible::line(it.from.as_deref().unwrap_or("-"));
        vec![text(it, "id"), text(it, "updated_at"), from, shown, legible::whole(&it.object)]
    };
    let head = ["ID", "UPDATED", "FROM VERSION", "SHOWS", "OBJECT"].map(str::to_owned).to_vec();
    let rows: Vec<Vec<String>> = std::iter::once(head).chain(found.iter().map(row)).collect();
    legible::table(&rows)
}
