//! Content of anybody, under names of any sort, breaks nothing.

use bytes::Bytes;
use emulator::Upload;

use super::world::{World, lines};
use crate::tests::run;

const REPAIR: &str = "reconcile --repair --delete-garbage --json";

/// What somebody puts below names of ours: large, no JSON, no UTF-8, none that can be unpacked.
fn contents() -> Vec<(Bytes, Option<String>)> {
    let deep = "[".repeat(200_000);
    vec![
        (Bytes::from(vec![b'x'; 1024 * 1024]), None),
        (Bytes::from(vec![0xff; 4096]), None),
        (Bytes::from(deep), None),
        (
            Bytes::from_static(
                b"{\"id\":1,\"members\":[{\"id\":[]}],\"open\":[[]],\"op\":\"delete\"}",
            ),
            None,
        ),
        (Bytes::from_static(b"{\"id\":\"V1\",\"id\":\"V1\"}"), None),
        (Bytes::from_static(b"no gzip at all"), Some("gzip".to_owned())),
    ]
}

/// Names of ours, and such as look like them.
const NAMES: [&str; 22] = [
    "snapshots/ventures/V1.json",
    "snapshots/ventures/é V'\u{202e}.json",
    "snapshots/ventures/.json",
    "snapshots/nobodys/V1.json",
    "manifests/ventures/by-id/V1.json",
    "manifests/ventures/by-id/.hidden.json",
    "manifests/ventures/_index.json",
    "manifests/ventures/_index_shard=00.ndjson",
    "manifests/ventures/changes/yesterday/V1.json",
    "indices/ventures/by-status/pilot/V1.json",
    "indices/ventures/by-status/pilot/W*.json",
    "indices/ventures/by-status/$(reboot)/W1.json",
    "indices/ventures/latest/red.json",
    "indices/ventures/latest/nobody.json",
    "indices/ventures/gone/a/V1.json",
    "indices/rules/_bundle.json",
    "indices/alerts/_state/ventures/V1.json",
    "indices/_repair/ventures/W1.json",
    "reports/alerts/R1/V1/A1.json",
    "reports/alerts/../x.json",
    "reports/quarantine/snapshot-builder/ventures/V1/d1.json",
    "schemas/venture/entity.json",
];

#[tokio::test]
async fn nothing_that_somebody_puts_there_breaks_it() {
    for (content, content_encoding) in contents() {
        let world = World::new(2);
        world.fill(5);
        let before = world.contents();
        for name in NAMES {
            let encoding = content_encoding.clone();
            let upload = Upload { content_encoding: encoding, ..Upload::default() };
            // Some names no client can give.
            drop(world.bucket.insert(&format!("env/dev/{name}"), content.clone(), upload));
        }
        world.forget_events();
        let tools = world.tools();
        let (ended, said) = run(&tools, "reconcile").await;
        assert_eq!(ended, Ok(false), "{said}");
        let shown = |c: char| !c.is_control() || c == '\n';
        assert!(said.chars().all(shown) && !said.contains('\u{202e}'), "{said:?}");
        let (ended, said) = run(&tools, REPAIR).await;
        // The index that is declared no more, the kind that is not, the shards and the note are left.
        assert_eq!(ended, Ok(false), "{said}");
        let (found, _) = lines(&said);
        let failed: Vec<_> = found.iter().filter(|it| !it["failed"].is_null()).collect();
        assert!(failed.is_empty(), "{failed:?}");
        let (ended, said) = run(&tools, REPAIR).await;
        let (found, summary) = lines(&said);
        let left: Vec<&str> = found.iter().map(|it| it["object"].as_str().unwrap()).collect();
        assert_eq!((ended, &summary["objects_written"]), (Ok(false), &0.into()), "{left:?}");
        let left_by_us = |name: &String| before.get(name) != world.contents().get(name);
        let wrong: Vec<&String> = before.keys().filter(|it| left_by_us(it)).collect();
        assert!(wrong.is_empty(), "{wrong:?}");
        let others =
            ["nobodys", "indices/ventures/gone", "manifests/ventures/_index", "quarantine"];
        let known = |name: &&str| others.iter().any(|other| name.contains(other));
        assert!(left.iter().all(known), "{left:?}");
    }
}
