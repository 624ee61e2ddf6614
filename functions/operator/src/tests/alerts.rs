//! Alerts as people see them, what has not arrived, and what nobody wants to hear of.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use alert_dispatcher::{AlertDispatcher, LEASE, Limit};
use clap::Parser as _;
use domain::{BoxFuture, Clock as _, Delivery, Env, Handler as _, ObjectName, Overwrote};
use egress::{Answer, Egress, Outside, Parcel, SettingError, Unsent};
use emulator::{Memory, TestClock, Upload};
use expect_test::expect;
use serde_json::json;
use store::Tools;

use super::*;
use crate::Sending;

/// Every target, which answers so and remembers idempotency keys.
#[derive(Default)]
struct Target {
    status: Mutex<u16>,
    keys: Mutex<Vec<String>>,
    /// A clock, and how long it takes to answer.
    takes: Mutex<Option<(Arc<TestClock>, Duration)>>,
}

impl Outside for Target {
    fn post<'a>(&'a self, parcel: &'a Parcel) -> BoxFuture<'a, Result<Answer, Unsent>> {
        let key = parcel.header("idempotency-key").unwrap().to_owned();
        self.keys.lock().unwrap().push(key);
        if let Some((clock, takes)) = &*self.takes.lock().unwrap() {
            clock.advance(*takes);
        }
        let status = *self.status.lock().unwrap();
        Box::pin(std::future::ready(Ok(Answer { status, text: "".into() })))
    }
}

/// A bucket with alerts, what sends them, and the commands about them.
struct World {
    bucket: Arc<Memory>,
    clock: Arc<TestClock>,
    tools: Tools,
    target: Arc<Target>,
}

impl World {
    fn new() -> Self {
        let clock = TestClock::at(NOW);
        let bucket = Memory::new("test", clock.clone(), 7);
        let tools = Tools { clock: clock.clone(), ..release(bucket.clone(), &strict()) };
        Self { bucket, clock, tools, target: Arc::default() }
    }

    fn egress(&self) -> Egress {
        let read = |name: &str| {
            let found = match name {
                "WEBHOOK_KEY" => Some("env://ALERT_TARGET_KEY"),
                "ALERT_TARGET_KEY" => Some("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
                _ => None,
            };
            Ok::<_, SettingError>(found.map(str::to_owned))
        };
        Egress::new(read, None, self.target.clone(), self.tools.clock.clone()).unwrap()
    }

    /// Writes an alert and has the function handle it, whose target answers so.
    async fn alert(&self, rule: &str, entity: &str, id: &str, status: u16) {
        *self.target.status.lock().unwrap() = status;
        let name = format!("env/dev/reports/alerts/{rule}/{entity}/{id}.json");
        let body = json!({
            "alert_id": id, "rule_id": rule, "entity": "venture", "id": entity, "env": "dev",
            "since": {"updated_at": "2025-11-06T10:00:01Z", "name": "x"}, "severity": "warning",
            "matched": [{"path": "n", "op": "lt", "value": 5, "found": 3}],
            "message": "{{id}} has {{found}}", "status": "open", "fired": "enter",
            "channels": ["log", {"type": "webhook", "target": "https://hooks.example.com/a"}],
        });
        let body = body.to_string().into();
        let stored = self.bucket.insert(&name, body, Upload::default()).unwrap();
        let (tools, log) =
            (self.tools.clone(), Arc::new(crate::quarantine::retry::Sent::default()));
        let (egress, limit, planted) = (Arc::new(self.egress()), Limit::default(), Planted::NONE);
        let dispatcher = AlertDispatcher { tools, log, egress, limit, lease: LEASE, planted };
        let delivery = Delivery {
            name: ObjectName::parse(&name).unwrap(),
            generation: stored.generation,
            overwrote: Overwrote::Nothing,
            created_at: None,
        };
        assert!(dispatcher.handle(&[delivery]).await[0].is_ok());
        self.clock.advance(LEASE);
    }

    /// What a command says, and whether it has ended well.
    async fn said(&self, line: &str) -> String {
        let words = ["operator"].into_iter().chain(line.split_whitespace());
        let cli = Cli::try_parse_from(words).unwrap();
        let (said, aside) = (Printed::default(), Printed::default());
        let screen = Screen::on(said.clone(), aside.clone());
        let google = Google::default().sending(Sending::through(self.egress(), Planted::NONE));
        let operator = Operator {
            tools: self.tools.clone(),
            env: Env::Dev,
            user: Some("ada".to_owned()),
            google: &google,
            screen: &screen,
            planted: Planted::NONE,
        };
        let ended = match perform(&cli.command, operator).await {
            Ok(true) => String::new(),
            Ok(false) => "(1)\n".to_owned(),
            Err(problem) => format!("error: {problem}\n"),
        };
        said.text() + &aside.text() + &ended
    }

    fn keys(&self) -> Vec<String> {
        self.target.keys.lock().unwrap().clone()
    }

    fn exists(&self, part: &str) -> bool {
        self.bucket.objects().keys().any(|name| name.contains(part))
    }
}

#[tokio::test]
async fn alerts_are_listed_and_shown_with_what_has_not_arrived() {
    let world = World::new();
    world.alert("low", "V1", "01A", 204).await;
    world.alert("low", "V2", "01B", 404).await;
    world.alert("stuck", "V1", "01C", 204).await;
    let mut all = String::new();
    for line in [
        "alerts list",
        "alerts list --undelivered",
        "alerts list --rule stuck",
        "alerts list --entity venture V2",
        "alerts list --limit 1",
        "alerts list --undelivered --json",
        "alerts show 01A",
        "alerts show 01B",
        "alerts show env/dev/reports/alerts/low/V2/01B.json",
        "alerts show 01",
        "alerts show 02",
    ] {
        all += &format!("> {line}\n{}", world.said(line).await);
    }
    expect![[r#"
        > alerts list
        ALERT  STATUS  SEVERITY  RULE   ENTITY      SINCE                 NOT ARRIVED
        01C    open    warning   stuck  venture V1  2025-11-06T10:00:01Z
        01B    open    warning   low    venture V2  2025-11-06T10:00:01Z  webhook~fdf04a5a334cd91e
        01A    open    warning   low    venture V1  2025-11-06T10:00:01Z
        3 alerts in dev
        > alerts list --undelivered
        ALERT  STATUS  SEVERITY  RULE  ENTITY      SINCE                 NOT ARRIVED
        01B    open    warning   low   venture V2  2025-11-06T10:00:01Z  webhook~fdf04a5a334cd91e
        1 alerts in dev
        > alerts list --rule stuck
        ALERT  STATUS  SEVERITY  RULE   ENTITY      SINCE                 NOT ARRIVED
        01C    open    warning   stuck  venture V1  2025-11-06T10:00:01Z
        1 alerts in dev
        > alerts list --entity venture V2
        ALERT  STATUS  SEVERITY  RULE  ENTITY      SINCE                 NOT ARRIVED
        01B    open    warning   low   venture V2  2025-11-06T10:00:01Z  webhook~fdf04a5a334cd91e
        1 alerts in dev
        > alerts list --limit 1
        ALERT  STATUS  SEVERITY  RULE   ENTITY      SINCE                 NOT ARRIVED
        01C    open    warning   stuck  venture V1  2025-11-06T10:00:01Z
        1 alerts, 2 more (--limit) in dev
        > alerts list --undelivered --json
        {"object":"env/dev/reports/alerts/low/V2/01B.json","alert":{"alert_id":"01B","rule_id":"low","entity":"venture","id":"V2","env":"dev","since":{"updated_at":"2025-11-06T10:00:01Z","name":"x"},"severity":"warning","matched":[{"path":"n","op":"lt","value":5,"found":3}],"message":"{{id}} has {{found}}","status":"open","fired":"enter","channels":["log",{"type":"webhook","target":"https://hooks.example.com/a"}]},"message":"V2 has 3","undelivered":["webhook~fdf04a5a334cd91e"]}
        > alerts show 01A
        object   env/dev/reports/alerts/low/V1/01A.json
        message  V1 has 3
        log: sent
        webhook https://hooks.example.com/…: sent, 1 tries 2025-11-06T12:00:00Z alert_3895620915e553c789aa33d21d185119
        {
          "alert_id": "01A",
          "rule_id": "low",
          "entity": "venture",
          "id": "V1",
          "env": "dev",
          "since": {
            "updated_at": "2025-11-06T10:00:01Z",
            "name": "x"
          },
          "severity": "warning",
          "matched": [
            {
              "path": "n",
              "op": "lt",
              "value": 5,
              "found": 3
            }
          ],
          "message": "{{id}} has {{found}}",
          "status": "open",
          "fired": "enter",
          "channels": [
            "log",
            {
              "type": "webhook",
              "target": "https://hooks.example.com/a"
            }
          ]
        }
        > alerts show 01B
        object   env/dev/reports/alerts/low/V2/01B.json
        message  V2 has 3
        log: sent
        webhook https://hooks.example.com/…: undelivered: https://hooks.example.com/…: answer 404, 1 tries 2025-11-06T12:00:45Z alert_1de48d20cbd2a557d482756e87cc919b
        {
          "alert_id": "01B",
          "rule_id": "low",
          "entity": "venture",
          "id": "V2",
          "env": "dev",
          "since": {
            "updated_at": "2025-11-06T10:00:01Z",
            "name": "x"
          },
          "severity": "warning",
          "matched": [
            {
              "path": "n",
              "op": "lt",
              "value": 5,
              "found": 3
            }
          ],
          "message": "{{id}} has {{found}}",
          "status": "open",
          "fired": "enter",
          "channels": [
            "log",
            {
              "type": "webhook",
              "target": "https://hooks.example.com/a"
            }
          ]
        }
        > alerts show env/dev/reports/alerts/low/V2/01B.json
        object   env/dev/reports/alerts/low/V2/01B.json
        message  V2 has 3
        log: sent
        webhook https://hooks.example.com/…: undelivered: https://hooks.example.com/…: answer 404, 1 tries 2025-11-06T12:00:45Z alert_1de48d20cbd2a557d482756e87cc919b
        {
          "alert_id": "01B",
          "rule_id": "low",
          "entity": "venture",
          "id": "V2",
          "env": "dev",
          "since": {
            "updated_at": "2025-11-06T10:00:01Z",
            "name": "x"
          },
          "severity": "warning",
          "matched": [
            {
              "path": "n",
              "op": "lt",
              "value": 5,
              "found": 3
            }
          ],
          "message": "{{id}} has {{found}}",
          "status": "open",
          "fired": "enter",
          "channels": [
            "log",
            {
              "type": "webhook",
              "target": "https://hooks.example.com/a"
            }
          ]
        }
        > alerts show 01
        error: "01" begins more than one id: 01C and 01B
        > alerts show 02
        error: no alert in dev has an id that begins with "02": `alerts list` shows them
    "#]].assert_eq(&all);
}

#[tokio::test]
async fn what_has_not_arrived_is_sent_under_its_key_and_forgotten() {
    let world = World::new();
    for (entity, id) in [("V1", "01A"), ("V2", "01B"), ("V3", "01C")] {
        world.alert("low", entity, id, 404).await;
    }
    let before = world.keys();
    let mut all = String::new();
    all += &world.said("alerts redeliver --dry-run").await;
    assert_eq!(world.keys().len(), 3, "nothing is sent");
    all += &world.said("alerts redeliver").await;
    world.clock.advance(LEASE);
    *world.target.status.lock().unwrap() = 204;
    all += &world.said("alerts redeliver 01A").await;
    all += &world.said("alerts redeliver --json").await;
    all += &world.said("alerts redeliver").await;
    expect![[r#"
        env/dev/reports/alerts/low/V1/01A.json webhook~fdf04a5a334cd91e: would-send
        env/dev/reports/alerts/low/V2/01B.json webhook~fdf04a5a334cd91e: would-send
        env/dev/reports/alerts/low/V3/01C.json webhook~fdf04a5a334cd91e: would-send
        3 would be sent once more in dev
        env/dev/reports/alerts/low/V1/01A.json webhook~fdf04a5a334cd91e: undelivered: https://hooks.example.com/…: answer 404
        env/dev/reports/alerts/low/V2/01B.json webhook~fdf04a5a334cd91e: undelivered: https://hooks.example.com/…: answer 404
        env/dev/reports/alerts/low/V3/01C.json webhook~fdf04a5a334cd91e: undelivered: https://hooks.example.com/…: answer 404
        0 of 3 at their end, 3 left in dev
        (1)
        env/dev/reports/alerts/low/V1/01A.json webhook~fdf04a5a334cd91e: sent
        1 of 1 at their end, 0 left in dev
        {"alert":"env/dev/reports/alerts/low/V2/01B.json","channel":"webhook~fdf04a5a334cd91e","ended":"sent","why":""}
        {"alert":"env/dev/reports/alerts/low/V3/01C.json","channel":"webhook~fdf04a5a334cd91e","ended":"sent","why":""}
        2 of 2 at their end, 0 left in dev
        0 of 0 at their end, 0 left in dev
    "#]].assert_eq(&all);
    let mut keys = world.keys();
    assert_eq!(keys.len(), 9);
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), before.len(), "one for each");
    assert!(!world.exists("/undelivered/"));
}

#[tokio::test]
async fn what_a_target_does_not_take_in_a_minute_it_is_sent_in_the_next() {
    let world = World::new();
    for at in 0..130 {
        world.alert("low", "V1", &format!("{at:03}"), 404).await;
    }
    *world.target.status.lock().unwrap() = 204;
    let began_at = world.clock.now();
    let said = world.said("alerts redeliver").await;
    assert_eq!(said.lines().filter(|line| line.ends_with(": sent")).count(), 130);
    assert!(said.ends_with("130 of 130 at their end, 0 left in dev\n"), "{said}");
    let took = world.clock.now().unix_millis() - began_at.unix_millis();
    assert!((60_001..=120_000).contains(&took), "{took} ms");
    assert!(!world.exists("/undelivered/"));
}

#[tokio::test]
async fn what_there_is_no_time_for_is_left_and_said_to_be() {
    let world = World::new();
    for at in 0..5 {
        world.alert("low", "V1", &format!("{at:03}"), 404).await;
    }
    *world.target.takes.lock().unwrap() = Some((world.clock.clone(), Duration::from_secs(1600)));
    *world.target.status.lock().unwrap() = 204;
    expect![[r#"
        env/dev/reports/alerts/low/V1/000.json webhook~fdf04a5a334cd91e: sent
        env/dev/reports/alerts/low/V1/001.json webhook~fdf04a5a334cd91e: sent
        env/dev/reports/alerts/low/V1/002.json webhook~fdf04a5a334cd91e: waiting: there was no more time
        env/dev/reports/alerts/low/V1/003.json webhook~fdf04a5a334cd91e: waiting: there was no more time
        env/dev/reports/alerts/low/V1/004.json webhook~fdf04a5a334cd91e: waiting: there was no more time
        2 of 5 at their end, 3 left (3 not tried: there was no more time) in dev
        (1)
    "#]].assert_eq(&world.said("alerts redeliver").await);
    assert_eq!(world.keys().len(), 5 + 2);
    assert!(world.exists("/undelivered/low/V1/004/"));
}

#[tokio::test]
async fn what_is_muted_ends_unsent_until_it_is_over() {
    let world = World::new();
    let mut all = String::new();
    for line in [
        "alerts mute",
        "alerts mute --rule low --until 2025-11-06T13:00:00Z --reason upgrade",
        "alerts mute --entity venture V1 --until 2025-11-06T14:00:00Z",
        "alerts mute --rule low --until 2025-11-06T15:00:00Z",
        "alerts mute",
        "alerts mute --until 2025-11-06T15:00:00Z",
        "alerts mute --rule low",
        "alerts mute --rule low --until 2025-11-06T11:00:00Z",
        "alerts mute --rule a/b --until 2025-11-06T15:00:00Z",
    ] {
        all += &format!("> {line}\n{}", world.said(line).await);
    }
    world.alert("low", "V2", "01A", 204).await;
    world.alert("stuck", "V1", "01B", 204).await;
    assert_eq!(world.keys().len(), 0);
    for line in ["alerts mute --rule low --end", "alerts mute --rule low --end", "alerts mute"] {
        all += &format!("> {line}\n{}", world.said(line).await);
    }
    world.alert("low", "V2", "01C", 204).await;
    world.clock.advance(Duration::from_secs(3 * 3600));
    world.alert("stuck", "V1", "01D", 204).await;
    assert_eq!(world.keys().len(), 2);
    all += &world.said("alerts mute").await;
    all += &world.said("alerts show 01A").await;
    expect![[r#"
        > alerts mute
        0 mutes in force in dev
        > alerts mute --rule low --until 2025-11-06T13:00:00Z --reason upgrade
        muted until 2025-11-06T13:00:00Z; alerts that come meanwhile are stored
        > alerts mute --entity venture V1 --until 2025-11-06T14:00:00Z
        muted until 2025-11-06T14:00:00Z; alerts that come meanwhile are stored
        > alerts mute --rule low --until 2025-11-06T15:00:00Z
        muted until 2025-11-06T15:00:00Z; alerts that come meanwhile are stored
        > alerts mute
        RULE  ENTITY      UNTIL                 BY   REASON
        any   venture V1  2025-11-06T14:00:00Z  ada
        low   any         2025-11-06T15:00:00Z  ada
        2 mutes in force in dev
        > alerts mute --until 2025-11-06T15:00:00Z
        error: say --rule, --entity or both: not everything can be muted
        > alerts mute --rule low
        error: say --until INSTANT, or --end to have it heard of again
        > alerts mute --rule low --until 2025-11-06T11:00:00Z
        error: --until 2025-11-06T11:00:00Z is over already
        > alerts mute --rule a/b --until 2025-11-06T15:00:00Z
        error: "a/b" is no rule: id contains '/', '#', '[', ']', '*', '?' or a control character
        > alerts mute --rule low --end
        heard of again
        > alerts mute --rule low --end
        it is not muted
        > alerts mute
        RULE  ENTITY      UNTIL                 BY   REASON
        any   venture V1  2025-11-06T14:00:00Z  ada
        1 mutes in force in dev
        0 mutes in force in dev
        object   env/dev/reports/alerts/low/V2/01A.json
        message  V2 has 3
        log: not sent: muted until 2025-11-06T15:00:00Z
        webhook https://hooks.example.com/…: not sent: muted until 2025-11-06T15:00:00Z 2025-11-06T12:00:00Z
        {
          "alert_id": "01A",
          "rule_id": "low",
          "entity": "venture",
          "id": "V2",
          "env": "dev",
          "since": {
            "updated_at": "2025-11-06T10:00:01Z",
            "name": "x"
          },
          "severity": "warning",
          "matched": [
            {
              "path": "n",
              "op": "lt",
              "value": 5,
              "found": 3
            }
          ],
          "message": "{{id}} has {{found}}",
          "status": "open",
          "fired": "enter",
          "channels": [
            "log",
            {
              "type": "webhook",
              "target": "https://hooks.example.com/a"
            }
          ]
        }
    "#]].assert_eq(&all);
}

#[tokio::test]
async fn what_somebody_has_seen_is_not_sent_again() {
    let world = World::new();
    world.alert("low", "V1", "01A", 404).await;
    let mut all = String::new();
    for line in [
        "alerts ack 01A --reason known",
        "alerts ack 01A",
        "alerts ack 09",
        "alerts redeliver",
        "alerts show 01A",
    ] {
        all += &format!("> {line}\n{}", world.said(line).await);
    }
    expect![[r#"
        > alerts ack 01A --reason known
        01A: acknowledged
        > alerts ack 01A
        01A: was acknowledged before
        > alerts ack 09
        error: no alert in dev has an id that begins with "09": `alerts list` shows them
        > alerts redeliver
        env/dev/reports/alerts/low/V1/01A.json webhook~fdf04a5a334cd91e: not-sent: not sent: acknowledged
        1 of 1 at their end, 0 left in dev
        > alerts show 01A
        object   env/dev/reports/alerts/low/V1/01A.json
        message  V1 has 3
        log: sent
        webhook https://hooks.example.com/…: not sent: acknowledged 2025-11-06T12:00:45Z
        acknowledged: it is not sent again
        {
          "alert_id": "01A",
          "rule_id": "low",
          "entity": "venture",
          "id": "V1",
          "env": "dev",
          "since": {
            "updated_at": "2025-11-06T10:00:01Z",
            "name": "x"
          },
          "severity": "warning",
          "matched": [
            {
              "path": "n",
              "op": "lt",
              "value": 5,
              "found": 3
            }
          ],
          "message": "{{id}} has {{found}}",
          "status": "open",
          "fired": "enter",
          "channels": [
            "log",
            {
              "type": "webhook",
              "target": "https://hooks.example.com/a"
            }
          ]
        }
    "#]].assert_eq(&all);
    assert!(world.exists("/ack/low/V1/01A.json"));
    assert_eq!(world.keys().len(), 1);
}

#[tokio::test]
async fn what_others_have_left_there_does_not_stop_a_command() {
    let world = World::new();
    world.alert("low", "V1", "01A", 404).await;
    for (name, body) in [
        ("undelivered/low/V1/01A/pager.json", "garbage"),
        ("undelivered/low/V9/01Z/webhook.json", "{}"),
        ("undelivered/x.json", "{}"),
        ("undelivered/a/b/c/d/e.json", "{}"),
        ("mute/in-force.json", "garbage"),
    ] {
        let name = format!("env/dev/indices/alerts/{name}");
        world.bucket.insert(&name, body.into(), Upload::default()).unwrap();
    }
    let name = "env/dev/reports/alerts/low/V1/00-\u{1b}[31m\u{202e}.json".replace('[', "");
    world.bucket.insert(&name, "garbage".into(), Upload::default()).unwrap();
    *world.target.status.lock().unwrap() = 204;
    let mut all = String::new();
    for line in ["alerts list", "alerts list --undelivered", "alerts mute", "alerts redeliver"] {
        all += &format!("> {line}\n{}", world.said(line).await);
    }
    expect![[r#"
        > alerts list
        ALERT  STATUS  SEVERITY  RULE  ENTITY      SINCE                 NOT ARRIVED
        01A    open    warning   low   venture V1  2025-11-06T10:00:01Z  pager, webhook~fdf04a5a334cd91e
        1 alerts in dev
        > alerts list --undelivered
        ALERT  STATUS  SEVERITY  RULE  ENTITY      SINCE                 NOT ARRIVED
        01A    open    warning   low   venture V1  2025-11-06T10:00:01Z  pager, webhook~fdf04a5a334cd91e
        1 alerts in dev
        > alerts mute
        0 mutes in force in dev
        > alerts redeliver
        env/dev/reports/alerts/low/V1/01A.json pager: gone: the alert is gone, or names it no more
        env/dev/reports/alerts/low/V1/01A.json webhook~fdf04a5a334cd91e: sent
        env/dev/reports/alerts/low/V9/01Z.json webhook: gone: the alert is gone, or names it no more
        3 of 3 at their end, 0 left in dev
    "#]].assert_eq(&all);
}

#[test]
fn the_channel_log_says_nothing_of_other_targets() {
    use alert_dispatcher::AlertLog as _;
    let log = crate::quarantine::retry::Sent::default();
    let target = "https://hooks.slack.com/services/T/B/hunter2";
    let alert = json!({"id": "V1", "channels": ["log", {"type": "slack", "target": target}]});
    log.alert("A1", alert.as_object().unwrap(), "m");
    assert_eq!(log.lines(), [r#"alert A1: {"id":"V1"}"#]);
}

#[test]
fn a_command_that_has_no_way_outside_sends_nothing() {
    let tools = release(bucket(), &strict());
    let log = Arc::new(crate::quarantine::retry::Sent::default());
    let dispatcher = Sending::default().dispatcher(tools, log);
    let parcel = Parcel {
        url: egress::Url::parse("https://example.com/").unwrap(),
        headers: Vec::new(),
        body: "{}".into(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let unsent = runtime.block_on(dispatcher.egress.outside.post(&parcel)).unwrap_err();
    assert_eq!(unsent, Unsent::lasting("nothing is sent from here"));
}

#[tokio::test]
async fn the_newest_are_those_that_were_written_last_of_the_kind_that_is_asked_for() {
    let world = World::new();
    world.alert("low", "V1", "01B", 404).await;
    world.alert("low", "V2", "01C", 404).await;
    // Its id has the time of what it speaks of, long ago.
    world.alert("stale", "V1", "01A", 404).await;
    let name = "env/dev/reports/alerts/old/V1/01D.json";
    let body = r#"{"alert_id":"01D","rule_id":"old","entity":"idea","id":"V1"}"#;
    world.bucket.insert(name, body.into(), Upload::default()).unwrap();
    let mut all = String::new();
    for line in [
        "alerts list --limit 2",
        "alerts list --undelivered --limit 1",
        "alerts list --entity venture V1 --limit 1",
        "alerts list --entity venture V1",
    ] {
        all += &format!("> {line}\n{}", world.said(line).await);
    }
    expect![[r#"
        > alerts list --limit 2
        ALERT  STATUS  SEVERITY  RULE   ENTITY      SINCE                 NOT ARRIVED
        01D    open              old    idea V1
        01A    open    warning   stale  venture V1  2025-11-06T10:00:01Z  webhook~fdf04a5a334cd91e
        2 alerts, 2 more (--limit) in dev
        > alerts list --undelivered --limit 1
        ALERT  STATUS  SEVERITY  RULE   ENTITY      SINCE                 NOT ARRIVED
        01A    open    warning   stale  venture V1  2025-11-06T10:00:01Z  webhook~fdf04a5a334cd91e
        1 alerts, 2 more (--limit) in dev
        > alerts list --entity venture V1 --limit 1
        ALERT  STATUS  SEVERITY  RULE   ENTITY      SINCE                 NOT ARRIVED
        01A    open    warning   stale  venture V1  2025-11-06T10:00:01Z  webhook~fdf04a5a334cd91e
        1 alerts, up to 1 more (--limit) in dev
        > alerts list --entity venture V1
        ALERT  STATUS  SEVERITY  RULE   ENTITY      SINCE                 NOT ARRIVED
        01A    open    warning   stale  venture V1  2025-11-06T10:00:01Z  webhook~fdf04a5a334cd91e
        01B    open    warning   low    venture V1  2025-11-06T10:00:01Z  webhook~fdf04a5a334cd91e
        2 alerts in dev
    "#]]
    .assert_eq(&all);
}
