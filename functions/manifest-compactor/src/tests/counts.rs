//! Changing how many shards there are.

use std::collections::BTreeSet;
use std::time::Duration;

use domain::Planted;
use projection::shard::ShardCount;

use super::{Place, compact, lines, read_by};
use crate::{Mode, Shortcut};

const RESHARD: Mode = Mode::Full(Some(SIXTEEN));

const SIXTEEN: ShardCount = ShardCount::ALL[0];

async fn filled() -> Place {
    let place = Place::at("2025-11-06T12:00:00Z");
    for id in 0..40 {
        place.write(&format!("V{id}"), Some(id)).await;
    }
    // So that nobody finds them in the journal.
    place.turn("14:30:00");
    place.compact(Mode::Full(None)).await;
    place
}

fn widths(place: &Place) -> Vec<usize> {
    let names = place.names("_index_shard=");
    let width = |name: &String| name.len() - "_index_shard=.ndjson".len();
    names.iter().map(width).collect::<BTreeSet<_>>().into_iter().collect()
}

#[tokio::test]
async fn the_count_is_kept_until_another_is_asked_for() {
    let place = filled().await;
    let compacted = place.compact(RESHARD).await;
    assert_eq!((compacted.count, compacted.read, compacted.swapped), (SIXTEEN, 40, true));
    assert_eq!(place.listed().unwrap(), place.manifests());
    for mode in super::MODES {
        place.write("V1", Some(7)).await;
        assert_eq!(place.compact(mode).await.count, SIXTEEN);
        assert_eq!(place.lines(), place.manifests());
    }
}

/// What somebody finds who has read the index before the count changed, at this time.
async fn by_the_old_index(shortcut: Option<Shortcut>, delay: Duration) -> bool {
    let place = filled().await;
    let old = place.index().unwrap();
    let planted = shortcut.map_or(Planted::NONE, Planted::bug);
    compact(place.tools(), RESHARD, planted).await.unwrap();
    place.write("V1", Some(8)).await;
    place.clock.advance(delay);
    place.compact(Mode::Delta).await;
    place.compact(Mode::Full(None)).await;
    assert_eq!(place.listed().unwrap(), place.manifests());
    read_by(&place.bucket, &old).unwrap() == place.manifests()
}

#[tokio::test]
async fn who_has_read_the_index_before_finds_everything_for_an_hour() {
    let minutes = |it: u64| Duration::from_secs(it * 60);
    assert!(by_the_old_index(None, minutes(0)).await);
    assert!(by_the_old_index(None, minutes(59)).await);
    assert!(!by_the_old_index(None, minutes(60)).await, "they are never removed");
    let at_once = Some(Shortcut::ReplacedRemovedAtOnce);
    assert!(!by_the_old_index(at_once, minutes(0)).await, "it is not seen");
}

#[tokio::test]
async fn either_run_removes_the_shards_of_the_count_before_an_hour_later() {
    for mode in super::MODES {
        let place = filled().await;
        place.compact(RESHARD).await;
        assert_eq!(widths(&place), [1, 2]);
        place.turn("15:30:00");
        let compacted = place.compact(mode).await;
        assert!(compacted.swapped && compacted.deleted > 20, "{compacted:?}");
        assert_eq!((widths(&place), place.index().unwrap().replaced), (vec![1], None));
        let again = place.compact(mode).await;
        assert_eq!((again.written, again.swapped), (0, false));
    }
}

#[tokio::test]
async fn a_count_that_is_being_replaced_cannot_be_changed_again() {
    let place = filled().await;
    place.compact(RESHARD).await;
    let back = Mode::Full(Some(ShardCount::default()));
    let stop = compact(place.tools(), back, Planted::NONE).await.unwrap_err();
    expect_test::expect!["ventures: the 256 shards from before the last change are kept until 2025-11-06T15:30:00Z for those who still read them: change the count again after that"]
        .assert_eq(&stop.to_string());
    place.turn("15:30:00");
    place.compact(back).await;
    assert_eq!(place.listed().unwrap(), place.manifests());
    let removed = lines(&place.bucket, SIXTEEN).unwrap();
    assert_eq!(removed, place.manifests(), "those of 16 are kept now");
}

#[tokio::test]
async fn what_a_run_has_left_that_died_goes_a_day_later() {
    let place = filled().await;
    super::put(&place.bucket, "env/dev/manifests/ventures/_index_shard=abc.ndjson", "");
    place.turn("23:59:59");
    place.compact(Mode::Full(None)).await;
    assert_eq!(widths(&place), [2, 3]);
    place.clock.advance(Duration::from_secs(15 * 60 * 60));
    let compacted = place.compact(Mode::Full(None)).await;
    assert_eq!(widths(&place), [2]);
    assert_eq!(place.lines(), place.manifests());
    assert!(compacted.deleted >= 1);
}
