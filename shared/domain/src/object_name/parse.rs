//! Object names, read.

use super::{
    HISTORY_FILE_BYTES_MAX, HistoryName, Mark, NameError, ObjectName, PointerName, ShardName,
};
use crate::id::{is_segment, is_word};
use crate::{Day, EntityRef, Env, check_id};

/// The longest key component of a pointer in bytes: a verbatim value of 128 and its hash.
const KEY_BYTES_MAX: usize = 160;

pub(super) fn parse(name: &str) -> Result<ObjectName, NameError> {
    let parts: Vec<&str> = name.split('/').collect();
    let ["env", env, rest @ ..] = parts.as_slice() else { return Err(NameError::Foreign) };
    let env = Env::parse(env).ok_or(NameError::Foreign)?;
    match rest {
        ["snapshots", segment, file] => Ok(ObjectName::Snapshot(entity(env, segment, file)?)),
        ["manifests", rest @ ..] => manifests(env, rest),
        ["indices", rest @ ..] => indices(env, rest),
        ["reports", "alerts", rule_id, entity_id, file] => {
            let ids = [*rule_id, *entity_id, json(file)?];
            ids.iter().try_for_each(|id| checked(id))?;
            let [rule_id, entity_id, alert_id] = ids.map(str::to_owned);
            Ok(ObjectName::Alert { env, rule_id, entity_id, alert_id })
        }
        ["reports", "quarantine", function, segment, id, file] => {
            let digest = json(file)?;
            if !is_word(function) || !is_word(segment) {
                return Err(NameError::Foreign);
            }
            checked(id)?;
            checked(digest)?;
            let [function, segment, id, digest] =
                [function, segment, *id, digest].map(str::to_owned);
            Ok(ObjectName::Quarantine { env, function, segment, id, digest })
        }
        ["schemas", kind, file] if is_word(kind) => schemas(env, kind, file),
        ["logs", "audit", year, month, day, rest @ ..] if !rest.is_empty() => {
            let day = Day::from_folders(year, month, day).ok_or(NameError::Foreign)?;
            Ok(ObjectName::Audit { env, day, rest: rest.join("/") })
        }
        [segment, id, "history", year, month, day, file] if is_segment(segment) => {
            history(env, segment, id, [year, month, day], file)
        }
        _ => Err(NameError::Foreign),
    }
}

fn history(
    env: Env,
    segment: &str,
    id: &str,
    folders: [&str; 3],
    file: &str,
) -> Result<ObjectName, NameError> {
    if !(file.ends_with(".json") || file.ends_with(".json.gz")) {
        return Err(NameError::Foreign);
    }
    let refused = |why: &str| NameError::Refused(why.to_owned());
    let entity =
        EntityRef::new(env, segment, id).map_err(|err| NameError::Refused(err.to_string()))?;
    let [year, month, day] = folders;
    let day = Day::from_folders(year, month, day)
        .ok_or_else(|| refused("the folders of a history record are not a day"))?;
    if file.len() > HISTORY_FILE_BYTES_MAX {
        return Err(refused("file name of a history record is longer than 256 bytes"));
    }
    let name = HistoryName { entity, day, file: file.to_owned() };
    if name.stem().is_empty() || file.chars().any(char::is_control) {
        return Err(refused("file name of a history record is empty or has control characters"));
    }
    Ok(ObjectName::History(name))
}

fn manifests(env: Env, rest: &[&str]) -> Result<ObjectName, NameError> {
    match rest {
        ["_jobs", job, file] if is_word(job) => {
            let run = json(file)?;
            checked(run)?;
            Ok(ObjectName::JobProgress { env, job: (*job).to_owned(), run: run.to_owned() })
        }
        [segment, "by-id", file] => Ok(ObjectName::Manifest(entity(env, segment, file)?)),
        [segment, "changes", hour, file] if is_hour(hour) => Ok(ObjectName::Journal {
            entity: entity(env, segment, file)?,
            hour: (*hour).to_owned(),
        }),
        [segment, "export", file] if is_segment(segment) => {
            let hex = between(file, "part-", ".ndjson")?;
            Ok(ObjectName::Export(shard(env, segment, hex)?))
        }
        [segment, "_index.json"] if is_segment(segment) => {
            Ok(ObjectName::ShardIndex { env, segment: (*segment).to_owned() })
        }
        [segment, file] if is_segment(segment) => {
            let hex = between(file, "_index_shard=", ".ndjson")?;
            Ok(ObjectName::Shard(shard(env, segment, hex)?))
        }
        _ => Err(NameError::Foreign),
    }
}

fn indices(env: Env, rest: &[&str]) -> Result<ObjectName, NameError> {
    match rest {
        ["_repair", segment, file] => Ok(ObjectName::RepairWanted(entity(env, segment, file)?)),
        ["alerts", "_state", segment, file] => {
            Ok(ObjectName::AlertState(entity(env, segment, file)?))
        }
        ["alerts", mark, rest @ ..] if !rest.is_empty() => {
            let mark = Mark::ALL.into_iter().find(|known| known.as_str() == *mark);
            let rest = rest.join("/");
            let mark = mark.ok_or(NameError::Foreign)?;
            Ok(ObjectName::AlertMark { env, mark, rest: json(&rest)?.to_owned() })
        }
        [segment, "_bundle.json"] if is_segment(segment) => {
            Ok(ObjectName::Bundle { env, segment: (*segment).to_owned() })
        }
        [segment, "_claims", id, file] => {
            let parent = json(file)?;
            checked(parent)?;
            let entity = checked_entity(env, segment, id)?;
            Ok(ObjectName::Claim { entity, parent: parent.to_owned() })
        }
        [segment, index, file] if is_segment(segment) && is_word(index) => {
            let key = json(file)?;
            key_checked(key)?;
            let [segment, index, key] = [*segment, *index, key].map(str::to_owned);
            Ok(ObjectName::Register { env, segment, index, key })
        }
        [segment, index, keys @ .., file] if is_word(index) => {
            keys.iter().try_for_each(|key| key_checked(key))?;
            Ok(ObjectName::Pointer(PointerName {
                entity: entity(env, segment, file)?,
                index: (*index).to_owned(),
                keys: keys.iter().map(|key| (*key).to_owned()).collect(),
            }))
        }
        _ => Err(NameError::Foreign),
    }
}

fn schemas(env: Env, kind: &str, file: &str) -> Result<ObjectName, NameError> {
    let entity = kind.to_owned();
    if file == "entity.json" {
        return Ok(ObjectName::Definition { env, entity });
    }
    let version = between(file, "v", ".schema.json")?;
    let numbers: Vec<&str> = version.split('.').collect();
    let plain = |text: &&str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if numbers.len() != 3 || !numbers.iter().all(plain) {
        return Err(NameError::Foreign);
    }
    Ok(ObjectName::Schema { env, entity, version: version.to_owned() })
}

fn shard(env: Env, segment: &str, hex: &str) -> Result<ShardName, NameError> {
    let digit = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    if hex.is_empty() || hex.len() > 8 || !hex.bytes().all(digit) {
        return Err(NameError::Foreign);
    }
    Ok(ShardName { env, segment: segment.to_owned(), hex: hex.to_owned() })
}

fn entity(env: Env, segment: &str, file: &str) -> Result<EntityRef, NameError> {
    checked_entity(env, segment, json(file)?)
}

fn checked_entity(env: Env, segment: &str, id: &str) -> Result<EntityRef, NameError> {
    if !is_segment(segment) {
        return Err(NameError::Foreign);
    }
    EntityRef::new(env, segment, id).map_err(|err| NameError::Refused(err.to_string()))
}

fn checked(id: &str) -> Result<(), NameError> {
    check_id(id).map_err(|err| NameError::Refused(err.to_string()))
}

fn key_checked(key: &str) -> Result<(), NameError> {
    let bad = matches!(key, "" | "." | "..") || key.len() > KEY_BYTES_MAX;
    if bad || key.chars().any(char::is_control) {
        return Err(NameError::Refused("index key is empty, too long or has controls".to_owned()));
    }
    Ok(())
}

fn json(file: &str) -> Result<&str, NameError> {
    file.strip_suffix(".json").ok_or(NameError::Foreign)
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Result<&'a str, NameError> {
    let inner = text.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
    inner.ok_or(NameError::Foreign)
}

fn is_hour(text: &str) -> bool {
    let Some((day, hour)) = text.split_once('T') else { return false };
    let hour_ok = hour.len() == 2 && hour.parse::<u8>().is_ok_and(|hour| hour < 24);
    Day::parse(day).is_some() && hour_ok && !hour.starts_with('+')
}
