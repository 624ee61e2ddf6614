//! What is derived anew is what was there, written once.

use std::collections::BTreeMap;

use emulator::Memory;
use emulator::faulty::{Fault, Faulty, When};
use expect_test::expect;
use store::{ErrorKind, Object, Store as _, Tools};

use super::reconcile::world::World;
use super::run;

fn filled() -> std::sync::Arc<World> {
    let world = World::new(11);
    world.fill(12);
    world
}

fn below(bucket: &Memory, prefix: &str) -> BTreeMap<String, Object> {
    bucket.objects().into_iter().filter(|(name, _)| name.starts_with(prefix)).collect()
}

#[tokio::test]
async fn everything_is_written_once_and_says_the_same() {
    for (what, written) in [
        ("snapshots", &["env/dev/snapshots/ventures/"][..]),
        ("manifests", &["env/dev/snapshots/ventures/", "env/dev/manifests/ventures/by-id/"]),
        ("indices", &["env/dev/snapshots/ventures/"]),
    ] {
        let world = filled();
        let before = world.contents();
        let objects: Vec<_> = written.iter().map(|it| below(&world.bucket, it)).collect();
        let line = format!("rebuild {what} --segment ventures --no-wait");
        let (ended, said) = run(&world.tools(), &line).await;
        assert_eq!(ended, Ok(true), "{said}");
        assert!(said.contains(": 12 snapshots, then 12 a second time;"), "{said}");
        assert_eq!(world.contents(), before);
        for (prefix, objects) in written.iter().zip(objects) {
            for (name, object) in below(&world.bucket, prefix) {
                assert_ne!(object.generation, objects[&name].generation, "{what} {name}");
                let versions = world.bucket.versions_of(&name).len();
                let versions_before =
                    objects.get(&name).map(|it| world.version_number(&name, it.generation));
                assert_eq!(Some(versions), versions_before.map(|it| it + 1), "{what} {name}");
            }
        }
        world.drain();
        assert_eq!(world.contents(), before);
    }
}

#[tokio::test]
async fn a_dry_run_writes_nothing_and_says_what_it_costs() {
    let world = filled();
    let before = world.bucket.objects();
    let (ended, said) = run(&world.tools(), "rebuild indices --segment ventures --dry-run").await;
    assert_eq!(ended, Ok(true));
    assert_eq!(world.bucket.objects(), before);
    expect![[r#"
        rebuild-indices ventures: 12 snapshots, then 0 a second time; would write 12 objects; 108 B + 32 A and 28 notifications, $0.0002
          what functions then derive takes about 126 B + 66 A, $0.0004
    "#]].assert_eq(&said);
}

#[tokio::test]
async fn killed_at_any_operation_it_goes_on_to_the_same_end() {
    let line = "rebuild indices --segment ventures --no-wait";
    for at in (0..).step_by(17) {
        let world = filled();
        let before = world.contents();
        let fault =
            Fault { at, times: usize::MAX, kind: ErrorKind::Unavailable, when: When::After };
        let faulty = Faulty::new(world.bucket.clone(), fault);
        let (ended, _) = run(&Tools { store: faulty.clone(), ..world.tools() }, line).await;
        if !faulty.happened() {
            assert!(at > 50 && ended == Ok(true));
            return;
        }
        // A handler that could not end is named, and the walk goes on or stops.
        assert_ne!(ended, Ok(true), "killed at {at}");
        assert_eq!(run(&world.tools(), line).await.0, Ok(true), "killed at {at}");
        assert_eq!(world.contents(), before, "killed at {at}");
    }
}

#[tokio::test]
async fn what_is_stored_under_no_kind_is_refused() {
    let world = filled();
    let (ended, _) = run(&world.tools(), "rebuild snapshots --segment things").await;
    expect!["no kind is stored under things; there are: rules, ventures"]
        .assert_eq(&ended.unwrap_err().to_string());
}

#[tokio::test]
async fn a_snapshot_that_is_gone_is_brought_back() {
    for what in ["snapshots", "manifests", "indices"] {
        let world = filled();
        let before = world.contents();
        let name = "env/dev/snapshots/ventures/V3.json";
        let generation = world.bucket.objects()[name].generation;
        world.bucket.delete(name, generation).await.unwrap();
        let line = format!("rebuild {what} --segment ventures --no-wait");
        let (ended, said) = run(&world.tools(), &format!("{line} --dry-run")).await;
        assert!(ended == Ok(true) && said.contains("1 entities had a history and no"), "{said}");
        assert!(!world.bucket.objects().contains_key(name));
        let (ended, said) = run(&world.tools(), &line).await;
        assert!(ended == Ok(true) && said.contains("1 entities had a history and no"), "{said}");
        world.drain();
        assert_eq!(world.contents(), before, "{what}");
    }
}
