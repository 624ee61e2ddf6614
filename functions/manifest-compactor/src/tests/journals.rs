//! The journal, the watermark, and how long either is kept.

use super::Place;
use crate::{Compacted, Mode};

fn hours(place: &Place) -> Vec<String> {
    place.names("changes/").iter().map(|it| it["changes/2025-11-06T".len()..].to_owned()).collect()
}

fn quiet(compacted: &Compacted) -> bool {
    !compacted.swapped && compacted.written == 0 && compacted.deleted == 0
}

#[tokio::test]
async fn the_watermark_moves_when_it_leaves_an_hour_with_entries() {
    let place = Place::at("2025-11-06T12:05:00Z");
    place.write("V1", Some(1)).await;
    place.compact(Mode::Delta).await;
    assert_eq!(place.index().unwrap().watermark.to_string(), "2025-11-06T11:55:00Z");
    place.turn("12:30:00");
    place.write("V2", Some(1)).await;
    // The entries of 12 may still be followed by changes.
    let delta = place.compact(Mode::Delta).await;
    assert_eq!((delta.read, delta.written, delta.swapped), (2, 1, false));
    assert_eq!(place.index().unwrap().watermark.to_string(), "2025-11-06T11:55:00Z");
    place.turn("13:09:59");
    assert!(quiet(&place.compact(Mode::Delta).await));
    place.turn("13:10:00");
    let delta = place.compact(Mode::Delta).await;
    assert_eq!((delta.read, delta.written, delta.swapped), (2, 0, true));
    place.turn("14:10:00");
    let delta = place.compact(Mode::Delta).await;
    assert_eq!((delta.read, quiet(&delta)), (0, true), "nothing has happened in 13");
}

#[tokio::test]
async fn entries_are_deleted_two_hours_after_the_watermark_has_left_them() {
    for mode in super::MODES {
        let place = Place::at("2025-11-06T12:59:00Z");
        place.write("V1", Some(1)).await;
        place.compact(mode).await;
        place.turn("13:30:00");
        place.write("V2", Some(1)).await;
        place.compact(mode).await;
        assert_eq!(place.index().unwrap().watermark.to_string(), "2025-11-06T13:20:00Z");
        place.turn("15:12:00");
        place.compact(mode).await;
        assert_eq!(hours(&place), ["12/V1.json", "13/V2.json"]);
        place.write("V3", Some(1)).await;
        place.turn("16:12:00");
        // This one goes by the watermark of 15:02 and moves it to 16:02, by which the next goes.
        let compacted = place.compact(mode).await;
        assert_eq!((compacted.deleted, compacted.swapped), (1, true));
        assert_eq!(hours(&place), ["13/V2.json", "15/V3.json"]);
        let compacted = place.compact(mode).await;
        assert_eq!((compacted.deleted, compacted.swapped), (1, false));
        assert_eq!(hours(&place), ["15/V3.json"]);
        assert_eq!(place.listed().unwrap(), place.manifests());
    }
}

#[tokio::test]
async fn a_clock_that_is_behind_does_not_move_the_watermark_back() {
    let place = Place::at("2025-11-06T12:30:00Z");
    place.write("V1", Some(1)).await;
    place.compact(Mode::Delta).await;
    let behind = emulator::TestClock::at("2025-11-06T09:00:00Z");
    let tools = store::Tools { clock: behind, ..place.tools() };
    for mode in super::MODES {
        super::compact(tools.clone(), mode, domain::Planted::NONE).await.unwrap();
        assert_eq!(place.index().unwrap().watermark.to_string(), "2025-11-06T12:20:00Z");
    }
}

#[tokio::test]
async fn a_compaction_that_was_away_for_days_finds_everything_noted() {
    let place = Place::at("2025-11-06T00:30:00Z");
    place.compact(Mode::Delta).await;
    for hour in 1..24_u32 {
        place.turn(&format!("{hour:02}:30:00"));
        place.write(&format!("V{hour}"), Some(hour)).await;
    }
    place.clock.advance(std::time::Duration::from_secs(5 * 24 * 60 * 60));
    let delta = place.compact(Mode::Delta).await;
    assert_eq!((delta.full, delta.read), (false, 23));
    assert_eq!(place.lines(), place.manifests());
}
