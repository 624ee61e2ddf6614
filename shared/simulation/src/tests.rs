//! The oracle by hand, the plans, and time.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use domain::{Class, Clock as _, ObjectName, json};
use expect_test::{Expect, expect};

use crate::oracle;
use crate::plan::{Mix, Plan, Planned, Profile, Said, Says};
use crate::timeline::{Next, Timeline, VirtualClock, instant};

/// A record of V1 or another venture that was made in this second.
fn record(id: &str, second: i64, record_id: &str, change: Said) -> Planned {
    let at = instant(second * 1000).to_string();
    Planned {
        at: Duration::ZERO,
        name: format!("env/dev/ventures/{id}/history/2025/11/06/{at}_{record_id}.json"),
        body: Bytes::new(),
        says: Some(Says {
            entity: ("ventures", id.to_owned()),
            at_ms: second * 1000,
            at,
            record_id: record_id.to_owned(),
            change,
        }),
    }
}

fn object(text: &str) -> json::Object {
    json::parse(text.as_bytes()).unwrap().as_object().unwrap().clone()
}

fn full(text: &str) -> Said {
    Said::Full(object(text))
}

fn merge(text: &str) -> Said {
    Said::Merge(object(text))
}

/// What the oracle expects of these records, whose snapshots alone are shown whole.
fn check(records: Vec<Planned>, expect: &Expect) {
    let entities = oracle::fold(&records);
    let mut expected: oracle::Expected =
        entities.iter().flat_map(oracle::Entity::objects).collect();
    expected.extend(oracle::registers(&entities));
    let lines = expected.iter().map(|(name, text)| {
        format!("{} {}\n", name.trim_start_matches("env/dev/"), text.trim_end())
    });
    expect.assert_eq(&lines.collect::<String>());
}

#[test]
fn the_oracle_folds_by_time_and_by_id_where_times_are_equal() {
    check(
        vec![
            record("V1", 3, "b", merge(r#"{"status":"late"}"#)),
            record("V1", 3, "a", merge(r#"{"status":"early","title":null}"#)),
            record("V1", 1, "z", full(r#"{"id":"V1","title":"one","status":"a"}"#)),
            record("V1", 0, "z", full(r#"{"id":"V1","title":"old"}"#)),
        ],
        &expect![[r#"
            indices/ventures/by-status/late/V1.json {"ptr":"env/dev/snapshots/ventures/V1.json","id":"V1","entity":"venture","status":"late"}
            manifests/ventures/by-id/V1.json {"id":"V1","entity":"venture","status":"late","updated_at":"2025-11-06T10:59:03Z"}
            snapshots/ventures/V1.json {"id":"V1","status":"late","updated_at":"2025-11-06T10:59:03Z"}
        "#]],
    );
}

#[test]
fn the_oracle_takes_a_tombstone_and_merges_without_a_base_for_absent() {
    check(
        vec![
            record("V1", 1, "a", full(r#"{"id":"V1","status":"a"}"#)),
            record("V1", 2, "b", Said::Delete),
            record("V1", 3, "c", merge(r#"{"status":"b"}"#)),
            record("V2", 4, "d", merge(r#"{"status":"b"}"#)),
        ],
        &expect![[r#"
            snapshots/ventures/V1.json {"id":"V1","entity":"venture","env":"dev","updated_at":"2025-11-06T10:59:02Z","op":"delete"}
            snapshots/ventures/V2.json {"id":"V2","entity":"venture","env":"dev","updated_at":"2025-11-06T10:59:04Z","op":"merge"}
        "#]],
    );
}

#[test]
fn the_oracle_knows_the_indices() {
    check(
        vec![
            record(
                "V1",
                1,
                "a",
                full(
                    r#"{"tags":["x","y"],"ownerId":"o 2","milestones":[{"due":"2026-03-01"},{"due":"2026-01-05"}],"group":"G","as_of":"2025-01-01"}"#,
                ),
            ),
            record(
                "V2",
                2,
                "b",
                full(
                    r#"{"status":"done","ownerId":"o1","milestones":[{"due":"2026-01-05"}],"group":"G","as_of":"2025-01-01"}"#,
                ),
            ),
            record("V4", 0, "c", full(r#"{"group":"G","as_of":"2025-06-30"}"#)),
        ],
        &expect![[r#"
            indices/ventures/by-owner-due-v2/o 2/2026-01/V1.json {"ptr":"env/dev/snapshots/ventures/V1.json","id":"V1","entity":"venture"}
            indices/ventures/by-status/done/V2.json {"ptr":"env/dev/snapshots/ventures/V2.json","id":"V2","entity":"venture","status":"done"}
            indices/ventures/by-tag/x/V1.json {"ptr":"env/dev/snapshots/ventures/V1.json","id":"V1","entity":"venture"}
            indices/ventures/by-tag/y/V1.json {"ptr":"env/dev/snapshots/ventures/V1.json","id":"V1","entity":"venture"}
            indices/ventures/latest/G.json {"ptr":"env/dev/snapshots/ventures/V4.json","id":"V4","entity":"venture","as_of":"2025-06-30","members":[{"ptr":"env/dev/snapshots/ventures/V4.json","id":"V4","entity":"venture","as_of":"2025-06-30","sort":"2025-06-30","order":["2025-11-06T10:59:00Z","2025/11/06/2025-11-06T10:59:00Z_c.json"]},{"ptr":"env/dev/snapshots/ventures/V2.json","id":"V2","entity":"venture","as_of":"2025-01-01","sort":"2025-01-01","order":["2025-11-06T10:59:02Z","2025/11/06/2025-11-06T10:59:02Z_b.json"]},{"ptr":"env/dev/snapshots/ventures/V1.json","id":"V1","entity":"venture","as_of":"2025-01-01","sort":"2025-01-01","order":["2025-11-06T10:59:01Z","2025/11/06/2025-11-06T10:59:01Z_a.json"]}]}
            manifests/ventures/by-id/V1.json {"id":"V1","entity":"venture"}
            manifests/ventures/by-id/V2.json {"id":"V2","entity":"venture","status":"done"}
            manifests/ventures/by-id/V4.json {"id":"V4","entity":"venture"}
            snapshots/ventures/V1.json {"tags":["x","y"],"ownerId":"o 2","milestones":[{"due":"2026-03-01"},{"due":"2026-01-05"}],"group":"G","as_of":"2025-01-01"}
            snapshots/ventures/V2.json {"status":"done","ownerId":"o1","milestones":[{"due":"2026-01-05"}],"group":"G","as_of":"2025-01-01"}
            snapshots/ventures/V4.json {"group":"G","as_of":"2025-06-30"}
        "#]],
    );
}

#[test]
fn every_record_of_every_plan_has_a_name_of_its_own() {
    for (profile, _) in Profile::NAMES {
        for seed in 0..200 {
            let plan = Plan::of(seed, profile);
            let names: BTreeSet<&str> = plan.all().map(|record| record.name.as_str()).collect();
            assert_eq!(names.len(), plan.all().count(), "seed {seed}");
            let history =
                |name: &&str| ObjectName::parse(name).is_ok_and(|it| it.class() == Class::History);
            assert!(names.iter().all(history), "seed {seed}: {names:?}");
        }
    }
}

/// What makes histories hard must not be rare: counted over plans, each in at least one of twenty.
#[test]
fn plans_have_what_makes_histories_hard() {
    let counted = |what: fn(&[&Says]) -> bool| {
        let plans = (0..400).map(|seed| Plan::of(seed, Profile::Swarm));
        let of = |plan: &Plan| {
            let says: Vec<&Says> = plan.records.iter().filter_map(|it| it.says.as_ref()).collect();
            what(&says)
        };
        plans.filter(of).count()
    };
    let late_merge = |says: &[&Says]| {
        let late = |[first, second]: [&&Says; 2]| {
            first.entity == second.entity
                && first.at_ms > second.at_ms
                && matches!(second.change, Said::Merge(_))
        };
        says.windows(2).any(|pair| late([&pair[0], &pair[1]]))
    };
    let tie = |says: &[&Says]| {
        let tie = |one: &&Says, other: &&Says| {
            one.entity == other.entity && one.at_ms == other.at_ms && one.at == other.at
        };
        says.iter().enumerate().any(|(at, one)| says[at + 1..].iter().any(|it| tie(one, it)))
    };
    let deleted_and_there_again = |says: &[&Says]| {
        let deleted = says.iter().position(|it| matches!(it.change, Said::Delete));
        deleted.is_some_and(|at| {
            says[at + 1..]
                .iter()
                .any(|it| it.entity == says[at].entity && it.at_ms > says[at].at_ms)
        })
    };
    let merge_before_its_base =
        |says: &[&Says]| says.first().is_some_and(|first| matches!(first.change, Said::Merge(_)));
    for (what, count) in [
        ("a late merge", counted(late_merge)),
        ("a tie", counted(tie)),
        ("deleted, and there again", counted(deleted_and_there_again)),
        ("a merge before its base", counted(merge_before_its_base)),
    ] {
        println!("{what}: {count} of 400");
        assert!(count >= 20, "{what} is in {count} of 400 plans");
    }
}

/// More merges follow the last full record than a snapshot remembers ids of.
#[test]
fn a_long_history_is_longer_than_what_a_snapshot_remembers() {
    let plans = (0..2_000).map(|seed| Plan::of(seed, Profile::Swarm));
    let merges = plans.map(|plan| {
        let mut says: Vec<&Says> = plan.all().filter_map(|it| it.says.as_ref()).collect();
        says.retain(|says| says.entity.0 == "ventures");
        says.sort_by_key(|says| says.at_ms);
        let after = says.rsplit(|says| matches!(says.change, Said::Full(_))).next();
        after.map_or(0, |says| says.iter().filter(|it| matches!(it.change, Said::Merge(_))).count())
    });
    let long = merges.filter(|merges| *merges > 100).count();
    assert!(long >= 5, "{long} of 2,000 are long");
}

#[test]
fn releases_change_in_half_of_the_seeds() {
    let plans: Vec<Plan> = (0..40).map(|seed| Plan::of(seed, Profile::Swarm)).collect();
    let count = |of: fn(&Mix) -> u64| plans.iter().map(|plan| of(&plan.mix)).sum::<u64>();
    assert_eq!((count(|mix| mix.older_release), count(|mix| mix.older_index)), (10, 10));
}

#[test]
fn every_dimension_is_on_in_some_seeds_and_off_in_others() {
    for (name, dimension, ..) in Mix::DIMENSIONS {
        let plans = (0..400).map(|seed| Plan::of(seed, Profile::Swarm));
        let on = plans.filter(|plan| *dimension(&mut plan.mix.clone()) > 0).count();
        assert!((20..380).contains(&on), "{name} is on in {on} of 400");
    }
}

#[test]
fn time_goes_on_to_what_happens_next_and_equal_times_keep_their_order() {
    let timeline = Timeline::new();
    for (millis, event) in [(20, "c"), (10, "a"), (10, "b")] {
        timeline.after(Duration::from_millis(millis), event);
    }
    let mut happened = Vec::new();
    while let Some(Next::Event(event)) = timeline.next() {
        happened.push((event, timeline.now().as_millis()));
    }
    assert_eq!(happened, [("a", 10), ("b", 10), ("c", 20)]);
}

#[test]
fn a_sleep_that_nobody_waits_for_does_not_pass_time() {
    let timeline: Arc<Timeline<()>> = Timeline::new();
    let clock = VirtualClock(Arc::clone(&timeline));
    let mut context = Context::from_waker(Waker::noop());
    let mut given_up = clock.sleep(Duration::from_secs(60));
    let mut waited = clock.sleep(Duration::from_secs(1));
    assert_eq!(given_up.as_mut().poll(&mut context), Poll::Pending);
    assert_eq!(waited.as_mut().poll(&mut context), Poll::Pending);
    drop(given_up);
    assert!(matches!(timeline.next(), Some(Next::Woken)));
    assert_eq!(waited.as_mut().poll(&mut context), Poll::Ready(()));
    assert_eq!((timeline.now(), timeline.next().is_none()), (Duration::from_secs(1), true));
}
