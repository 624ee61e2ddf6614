//! What a month costs, held against what was reckoned by hand.

use clap::Parser as _;
use expect_test::expect;
use serde_json::Value;

use super::Printed;
use crate::cost::{idle_dollars, prices, run};
use crate::{Cli, Command, Screen};

/// What `line` says, or why it is refused.
fn said(line: &str) -> Result<String, String> {
    let words = ["operator"].into_iter().chain(line.split_whitespace());
    let cli = Cli::try_parse_from(words).map_err(|err| err.to_string())?;
    let Command::Cost(options) = &cli.command else { panic!("{line}") };
    let said = Printed::default();
    run(options, &Screen::on(said.clone(), said.clone())).map_err(|err| err.to_string())?;
    Ok(said.text())
}

fn json(line: &str) -> Value {
    serde_json::from_str(&said(&format!("{line} --json")).unwrap()).unwrap()
}

fn near(is: f64, by_hand: f64, what: &str) {
    assert!((is - by_hand).abs() <= by_hand.abs() * 1e-4 + 1e-9, "{what}: {is}, not {by_hand}");
}

/// A thousand events of a hundred entities with two pointers each: a hundred are created, a hundred
/// deleted, 400 of the other 800 move to another key. Ten alerts open and close.
const SMALL: &str = "cost --events 1e3 --entities 100 --indices 2 --creates 0.1 --deletes 0.1 \
    --merges 0 --late 0 --moves 0.5 --alerts 10 --compaction none --months 1";

#[test]
fn operations_are_those_that_were_counted_by_hand() {
    let month = json(SMALL);
    let work = month["operations"].as_array().unwrap();
    for (what, class_b, class_a) in [
        ("writers", 0.0, 1000.0),
        ("snapshot-builder", 1000.0 * 2.0, 1000.0),
        // A note of the journal for each hour of each entity with an event: nearly each event.
        ("manifest-writer", 1000.0 * 2.0, 1000.0 + 993.09),
        // Created 100 (4 B + 2 A), as it was 400 (5 B), moved 400 (6 B + 3 A), deleted 100 (5 B + 2 A).
        ("index-writer", 400.0 + 2000.0 + 2400.0 + 500.0, 200.0 + 1200.0 + 200.0),
        // Nothing 980 (2 B), opened 10 and closed 10 (4 B + 3 A), each told again (2 A).
        ("rules-engine", 1960.0 + 40.0 + 40.0, 30.0 + 30.0 + 40.0),
        // Whatever it costs to a target: a line of the log takes 3 B + 1 A.
        ("alert-dispatcher", 100.0, 40.0),
        // One of a hundred with ten records, 30/7 times; 6 lists of 100, and ten for each of 22 kinds.
        ("reconcile", 16.0 * 30.0 / 7.0, (1.0 + 0.6 + 220.0) * 30.0 / 7.0),
        // A hundred entities, the rules, how far it is; two lists, a note and three, a look at 21 other kinds.
        ("rules sweep", 30.0 * 202.0, 30.0 * (2.0 + 4.0 + 21.0)),
        ("alerts redeliver", 0.0, 720.0),
    ] {
        let done = work.iter().find(|it| it["what"] == what).expect(what);
        near(done["class_b"].as_f64().unwrap(), class_b, what);
        near(done["class_a"].as_f64().unwrap(), class_a, what);
    }
    assert_eq!(work.iter().filter(|it| it["class_a"].as_f64() > Some(0.0)).count(), 9);
}

#[test]
fn dollars_are_those_that_were_reckoned_by_hand() {
    let month = json(SMALL);
    let items = month["items"].as_array().unwrap();
    let class_a = 1000.0 + 1000.0 + 1993.09 + 1600.0 + 100.0 + 40.0 + 949.714 + 810.0 + 720.0;
    let class_b = 2000.0 + 2000.0 + 5300.0 + 2040.0 + 100.0 + 68.571 + 6060.0;
    // All inserts are notified of, snapshots once more; lists are not.
    let written = 1000.0 + 1000.0 + 1993.09 + 1600.0 + 100.0 + 40.0;
    let deliveries = 1000.0 + 3.0 * 1000.0 + 20.0;
    let gib = 1024.0_f64.powi(3);
    let mut sum = 0.0;
    for (what, dollars) in [
        ("inserts and list pages", class_a * 0.005 / 1000.0),
        ("reads", class_b * 0.0004 / 1000.0),
        ("notifications", (written + 1000.0) * 0.0004 / 1000.0),
        // Records, snapshots, manifests and two pointers.
        ("stored: live", (1000.0 * 1000.0 + 100.0 * (2000.0 + 600.0 + 600.0)) / gib * 0.02),
        // 900 snapshots and manifests, 450 times two pointers, notes; for 37 of 30 days.
        (
            "stored: noncurrent, deleted",
            (900.0 * 2600.0 + 450.0 * 600.0 + 993.09 * 200.0) * 37.0 / 30.0 / gib * 0.02,
        ),
        // Published once and told two or three subscriptions, filtered or not.
        ("Pub/Sub", (written * 3.0 + 1000.0 * 4.0) * 1500.0 / gib / 1024.0 * 40.0),
        ("deliveries", deliveries * 0.4 / 1e6),
        ("services: time", deliveries * 0.2 * (0.000_024 + 0.5 * 0.000_002_5)),
        // Runs of a minute at least: four and some, one each night, one each hour.
        ("jobs: time", (30.0 / 7.0 + 30.0 + 720.0) * 60.0 * (0.000_018 + 0.000_002)),
        ("log entries", deliveries * 1500.0 / gib * 0.5),
        ("conditions of alert policies", 11.0 * 0.1),
        ("schedules", 0.3),
    ] {
        let item = items.iter().find(|it| it["what"] == what).expect(what);
        near(item["usd"].as_f64().unwrap(), dollars, what);
        sum += dollars;
    }
    assert_eq!(items.len(), 12);
    near(month["usd"].as_f64().unwrap(), sum, "the sum");
}

#[test]
fn each_hour_and_each_night_take_what_the_formulas_of_the_compactor_say() {
    let none = json("cost --idle --compaction none");
    let both = json("cost --idle");
    let of = |what: &str| {
        let work = both["operations"].as_array().unwrap();
        let done = work.iter().find(|it| it["what"] == what).expect(what);
        (done["class_b"].as_f64().unwrap(), done["class_a"].as_f64().unwrap())
    };
    // 22 kinds: an index and an empty page of the journal; an index, and three lists and two.
    assert_eq!(of("compactor, each hour"), (22.0 * 720.0, 22.0 * 720.0));
    assert_eq!(of("compactor, each night"), (22.0 * 30.0 * 2.0, 22.0 * 30.0 * 5.0));
    let more = both["usd"].as_f64().unwrap() - none["usd"].as_f64().unwrap();
    let operations = (22.0 * 720.0 + 22.0 * 150.0) * 5e-6 + (22.0 * 720.0 + 22.0 * 60.0) * 4e-7;
    // Each delta a minute; two schedules.
    let jobs = (720.0 + 30.0) * 60.0 * 0.000_02 + 0.2;
    near(more, operations + jobs, "compaction");
    near(idle_dollars(), both["usd"].as_f64().unwrap(), "idle");
    // A million entities of which none changes: 1,000 pages of manifests and of snapshots a night.
    let still = json("cost --events 0 --entities 1e6");
    let work = still["operations"].as_array().unwrap();
    let night = work.iter().find(|it| it["what"] == "compactor, each night").unwrap();
    near(
        night["class_a"].as_f64().unwrap(),
        30.0 * (1.0 + 1000.0 + 1.0 + 1001.0 + 21.0 * 5.0),
        "A",
    );
    near(night["class_b"].as_f64().unwrap(), 30.0 * (2.0 * 257.0 + 21.0 * 2.0), "B");
}

#[test]
fn every_option_has_its_price() {
    let usd = |line: &str| json(line)["usd"].as_f64().unwrap();
    let usual = usd("cost");
    for more in [
        "--events 2e6",
        "--entities 2e5",
        "--indices 4",
        "--segments 22",
        "--creates 0.9",
        "--deletes 0.05",
        "--late 0.01",
        "--late 0.01 --merges 0.99",
        "--moves 0.5",
        "--alerts 1e4",
        "--alerts 1e4 --channels 3",
        "--record-bytes 2e3",
        "--document-bytes 3e3",
        "--months 24",
        "--noncurrent-days 60",
        "--soft-delete-days 30",
        "--delivery-ms 300",
        "--min-instances 1",
        "--egress-gib 10",
        "--multi-region",
    ] {
        assert!(usd(&format!("cost {more}")) > usual, "{more}");
    }
    for less in ["--moves 0", "--compaction none", "--compaction nightly", "--idle"] {
        assert!(usd(&format!("cost {less}")) < usual, "{less}");
    }
    assert!(usd("cost --late 0.01 --merges 0.99") > usd("cost --late 0.01 --merges 0.1"));
    assert!(usd("cost --alerts 1e4 --channels 3") > usd("cost --alerts 1e4"));
    // Five services of 512 MiB, idle all month.
    near(usd("cost --min-instances 1") - usual, 5.0 * 9.72, "kept warm");
    assert_eq!(prices::MULTI_REGION.class_a_per_thousand, 0.010);
}

#[test]
fn it_reads_as_a_table_with_what_it_assumes() {
    expect![[r#"
        what                                 how much              USD a month
        inserts and list pages              5,191,836  of class A        25.96
        reads                              20,743,756  of class B         8.30
        notifications                       6,116,368  of class B         2.45
        stored: live                            11.74  GiB                0.23
        stored: noncurrent, deleted             59.55  GiB                1.19
        Pub/Sub                                 27.03  GiB                1.06
        deliveries                          4,000,000  requests           1.60
        services: time                        800,000  seconds           20.20
        jobs: time                            123,767  seconds            2.48
        log entries                              5.59  GiB                2.79
        conditions of alert policies               11                     1.10
        schedules                                   5                     0.50
        total                                                            67.85

        operations of                        B                A
        writers                              0        1,000,000
        snapshot-builder             2,002,000        1,001,000
        manifest-writer              2,000,000        1,993,088
        index-writer                 6,138,000          932,000
        rules-engine                 2,000,000                0
        compactor, each hour         1,192,320          203,040
        compactor, each night          867,090           17,040
        reconcile                      544,286            8,229
        rules sweep                  6,000,060           36,720
        alerts redeliver                     0              720

        a million of such events: 67.85 USD
        assumed:
          list prices of November 2025, one region, no free tier
          a delivery takes 200 ms and has 0.5 GiB and a processor for itself
          a record has 1000 bytes, a snapshot 2000
          history holds 12 such months
          replaced versions stay 30 days, deleted ones 7 more
          `reconcile` looks at one entity in 100 each week
          events fall evenly, nothing is retried, nobody else reads
    "#]]
    .assert_eq(&said("cost --events 1e6 --entities 1e5 --indices 3").unwrap());
    expect![[r#"
        what                                 how much              USD a month
        inserts and list pages                 21,583  of class A         0.11
        reads                                  17,220  of class B         0.01
        jobs: time                             90,257  seconds            1.81
        conditions of alert policies               11                     1.10
        schedules                                   5                     0.50
        total                                                             3.52

        operations of                        B                A
        compactor, each hour            15,840           15,840
        compactor, each night            1,320            3,300
        reconcile                            0              943
        rules sweep                         60              780
        alerts redeliver                     0              720

        assumed:
          list prices of November 2025, one region, no free tier
          a delivery takes 200 ms and has 0.5 GiB and a processor for itself
          a record has 1000 bytes, a snapshot 2000
          history holds 12 such months
          replaced versions stay 30 days, deleted ones 7 more
          `reconcile` looks at one entity in 100 each week
          events fall evenly, nothing is retried, nobody else reads
    "#]]
    .assert_eq(&said("cost --idle").unwrap());
}

#[test]
fn numbers_that_cannot_be_meant_are_refused_in_one_line() {
    for hostile in
        ["-1", "NaN", "inf", "-inf", "1e300", "1e16", "", "many", "0x10", "1_000", "1e6x"]
    {
        for option in ["--events", "--entities", "--indices", "--months", "--delivery-ms"] {
            let words = ["operator", "cost", &format!("{option}={hostile}")].map(str::to_owned);
            let err = Cli::try_parse_from(words).unwrap_err().to_string();
            let line = err.lines().next().unwrap();
            assert!(
                line.contains("number from 0 to 1e15 is needed") || hostile.is_empty(),
                "{err}"
            );
        }
        for option in ["--creates", "--moves"] {
            let words = ["operator", "cost", &format!("{option}={hostile}")].map(str::to_owned);
            let err = Cli::try_parse_from(words).unwrap_err().to_string();
            assert!(err.contains("a share from 0 to 1") || hostile.is_empty(), "{err}");
        }
    }
    for (line, why) in [
        ("cost --creates 1.01", "a share from 0 to 1 is needed"),
        ("cost --indices 1.5", "a whole number from 0 to 1e15"),
        ("cost --segments 0", "a whole number from 1 to 1e15"),
        ("cost --creates 0.6 --deletes 0.6", "together are more than all events"),
        ("cost --events 10 --alerts 6", "needs two events for each"),
        ("cost --entities 0", "say how many entities"),
    ] {
        let err = said(line).unwrap_err();
        assert!(err.lines().next().unwrap().contains(why), "{line}: {err}");
    }
    // The most that is taken still is a number.
    for line in [
        "cost --events 1e15 --entities 1e15 --indices 1e15 --months 1e15 --document-bytes 1e15",
        "cost --events 1e15 --entities 1 --merges 1 --late 1",
        "cost --events 1 --entities 1e15 --segments 1e15",
        "cost --events 0 --entities 0 --months 0",
    ] {
        let month = json(line);
        assert!(month["usd"].as_f64().is_some_and(|it| it > 1.0), "{line}: {month}");
    }
}
