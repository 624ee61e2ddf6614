//! How much memory a run takes, whatever its bucket holds.

use std::process::Command;
use std::sync::Arc;

use bytes::Bytes;
use domain::{BoxFuture, Generation, Instant, Planted};
use emulator::schedule::is_long;
use store::{Error, List, Listed, Metadata, Object, PAGE_ITEMS_MAX, Page, Precondition, Store};

use super::{Place, compact, manifest_name};
use crate::Mode;

/// A bucket that makes its manifests up when they are asked for, and keeps nothing.
struct Endless {
    entities: usize,
}

impl Store for Endless {
    fn get<'a>(
        &'a self,
        name: &'a str,
        _: Option<Generation>,
    ) -> BoxFuture<'a, Result<Option<Object>, Error>> {
        Box::pin(async move {
            let id = name.rsplit_once('/').and_then(|(_, file)| file.strip_suffix(".json"));
            let id = id.filter(|_| name.contains("/by-id/"));
            let body = |id| {
                format!(
                    "{{\"id\":\"{id}\",\"entity\":\"venture\",\"title\":\"A title of a few words\"}}\n"
                )
            };
            Ok(id.map(|id| Object {
                body: body(id).into(),
                generation: Generation(1),
                metadata: Metadata::new(),
            }))
        })
    }

    fn put<'a>(
        &'a self,
        _: &'a str,
        _: Bytes,
        _: &'a Metadata,
        _: Precondition,
    ) -> BoxFuture<'a, Result<Generation, Error>> {
        Box::pin(async { Ok(Generation(1)) })
    }

    fn delete<'a>(&'a self, _: &'a str, _: Generation) -> BoxFuture<'a, Result<bool, Error>> {
        Box::pin(async { Ok(true) })
    }

    fn erase<'a>(&'a self, name: &'a str, _: Generation) -> BoxFuture<'a, Result<bool, Error>> {
        panic!("nothing is erased: {name}")
    }

    fn list<'a>(&'a self, list: &'a List) -> BoxFuture<'a, Result<Page, Error>> {
        Box::pin(async move {
            if !list.prefix.ends_with("/by-id/") {
                return Ok(Page::default());
            }
            let from: usize = list.page_token.as_ref().map_or(0, |token| token.parse().unwrap());
            let to = (from + PAGE_ITEMS_MAX).min(self.entities);
            let items = (from..to).map(|id| Listed {
                name: manifest_name(&format!("V{id:09}")),
                generation: Generation(1),
                size_bytes: 1,
                created_at: Instant::from_unix_millis(0),
                live: true,
            });
            let next_page_token = (to < self.entities).then(|| to.to_string());
            Ok(Page { items: items.collect(), next_page_token, ..Page::default() })
        })
    }

    fn versions<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Vec<Listed>, Error>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn answered_at(&self) -> Option<Instant> {
        None
    }
}

/// The most memory that this process has had resident, in MiB. (proc(5), VmHWM.)
fn peak_mib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? / 1024)
}

/// What [`a_run_takes_little_memory`] measures: it has a process of its own there.
#[tokio::test]
async fn measured() {
    let entities = if is_long() { 1_000_000 } else { 100_000 };
    let store = Arc::new(Endless { entities });
    let tools = Place::at("2025-11-06T12:00:00Z").tools_over(store);
    let compacted = compact(tools, Mode::Full(None), Planted::NONE).await.unwrap();
    println!("peak {} MiB, {entities} entities", peak_mib().unwrap_or_default());
    assert_eq!((compacted.entities, compacted.written), (entities, 256));
}

#[test]
fn a_run_takes_little_memory() {
    let this = std::env::current_exe().unwrap();
    let args = ["--exact", "tests::memory::measured", "--nocapture"];
    let output = Command::new(this).args(args).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}");
    let (_, after) = said.split_once("peak ").unwrap();
    let (peak, _) = after.split_once(" MiB").unwrap();
    println!("{}", after.lines().next().unwrap());
    // A million takes 20 MiB more than nothing.
    assert!(peak.parse::<u64>().unwrap() < 64, "{said}");
}
