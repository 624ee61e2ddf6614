//! Prints how many rules a second of CPU evaluates, and what all rules take for one snapshot. With a
//! number of microseconds it ends with an error when the most rules take longer.
//!
//! `cargo run --profile image -p rules --example rate -- 1000`, which is what `cargo xtask bench --rules`
//! runs.

use std::env;
use std::fs;
use std::io::{self, Write as _};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use domain::json;
use rules::condition::Facts;
use rules::set::RuleSet;
use serde_json::Value;

/// How long each number of rules is evaluated for.
const LENGTH: Duration = Duration::from_secs(2);

const DOCUMENT: &str = r#"{"id":"V001","entity":"venture","env":"prod","status":"Pilot","title":"Studio Cockpit",
    "updated_at":"2026-02-01T10:00:00Z","kpis":{"MRR":12000.5,"userCount":310,"churnRate":0.04},
    "budget":{"plannedUSD":300000,"spentUSD":271000.25},"milestones":[
    {"milestoneId":"M1","dueDate":"2026-01-31","status":"Done"},{"milestoneId":"M2","dueDate":"2026-02-28","status":"Open"},
    {"milestoneId":"M3","dueDate":"2026-06-30"}],"tags":["ai","ops"],"holders":[{"share":0.7},{"share":0.3}]}"#;

/// One of each kind that `docs/rules.md` has an example of; `#` becomes a number of its own.
const CONDITIONS: [&str; 8] = [
    r##"{"all":[{"path":"status","op":"eq","value":"Pilot"},{"path":"kpis.MRR","op":"lt","value":1#}]}"##,
    r##"{"ratio":["budget.spentUSD","budget.plannedUSD"],"op":"gt","value":0.9#}"##,
    r##"{"any_of":"milestones","where":{"all":[{"path":"dueDate","op":"older_than","value":"0d"},{"path":"status","op":"neq","value":"Done#"}]}}"##,
    r##"{"all":[{"path":"updated_at","op":"older_than","value":"30d"},{"not":{"path":"status","op":"in","value":["Archived","Done#"]}}]}"##,
    r##"{"any":[{"path":"score","op":"lt","value":0.6#},{"path":"score.overall","op":"lt","value":0.6}]}"##,
    r##"{"sum":"holders.*.share","op":"neq","value":1.#1}"##,
    r##"{"path":"title","op":"matches","value":"^Studio [A-Z][a-z]+#?$"}"##,
    r##"{"all":[{"path":"tags","op":"includes","value":"ai#"},{"path":"kpis.churnRate","op":"between","value":[0.0#1,0.5]}]}"##,
];

fn rules(count: usize) -> RuleSet {
    let member = |n: usize| {
        let condition = CONDITIONS[n % CONDITIONS.len()].replace('#', &n.to_string());
        let text = format!(
            r#"{{"id":"rule-{n:04}","applies_to":"venture","severity":"warning","condition":{condition}}}"#
        );
        match json::parse(text.as_bytes()) {
            Ok(Value::Object(member)) => member,
            other => panic!("{text}: {other:?}"),
        }
    };
    let members: Vec<_> = (0..count).map(member).collect();
    let (rules, refused) = RuleSet::read(&members);
    assert!(refused.is_empty(), "{refused:?}");
    rules
}

/// The time that this thread was on a processor, where Linux says so.
fn cpu(began: Instant) -> Duration {
    let stat = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = stat.split(' ').next().and_then(|nanos| nanos.parse().ok());
    nanos.map_or_else(|| began.elapsed(), Duration::from_nanos)
}

fn main() -> io::Result<ExitCode> {
    let most: Option<f64> =
        env::args().nth(1).map(|it| it.parse().expect("the argument is a number of microseconds"));
    let document = json::parse(DOCUMENT.as_bytes()).expect("the document is JSON");
    let now = domain::Instant::parse("2026-03-05T12:00:00Z").expect("an instant");
    let facts = Facts { document: &document, before: None, now };
    let mut micros = 0.0;
    for count in [1, 100, 1_000] {
        let rules = rules(count);
        let holding = rules.holding("venture", facts).rules.len();
        let (began, before, mut rounds) = (Instant::now(), cpu(Instant::now()), 0_u32);
        while began.elapsed() < LENGTH {
            for _ in 0..(1_000 / count).max(1) {
                let again = rules.holding("venture", facts);
                assert_eq!(again.rules.len(), holding);
                rounds += 1;
            }
        }
        let spent = (cpu(began) - before).as_secs_f64();
        let evaluations = f64::from(rounds) * count as f64 / spent;
        micros = spent * 1e6 / f64::from(rounds);
        writeln!(
            io::stdout(),
            "{count:>5} rules: {evaluations:>10.0} evaluations per CPU-second, {micros:>8.2} µs of \
             CPU for a snapshot, {holding} hold"
        )?;
    }
    if let Some(most) = most.filter(|most| micros > *most) {
        writeln!(io::stdout(), "over budget: {micros:.0} µs of {most}")?;
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}
