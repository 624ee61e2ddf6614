//! Claims: every way in which two attempts go on side by side, and every place at which one dies.

use domain::{Disposition, Failure};
use emulator::schedule::{Attempt, Gated};

use super::*;

/// Two processes that handle one delivery.
struct Pair {
    bucket: Arc<Memory>,
    clock: Arc<Standing>,
    posts: Arc<Posts>,
    delivery: Delivery,
    planted: Planted<Shortcut>,
}

/// A clock that tests move on, and on which nobody gets further by sleeping than to look again.
struct Standing(Arc<TestClock>);

impl Clock for Standing {
    fn now(&self) -> domain::Instant {
        self.0.now()
    }

    fn sleep(&self, _: Duration) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}

impl Pair {
    fn new(planted: Planted<Shortcut>) -> Self {
        let (bucket, clock) = (bucket(), Arc::new(Standing(clock())));
        let tools = Tools { clock: clock.clone(), ..tools(bucket.clone()) };
        let posts = Posts::default().shared(&tools);
        let delivery = write_alert(&bucket, "A1", HOOK);
        Self { bucket, clock, posts, delivery, planted }
    }

    fn attempt(&self) -> Attempt<Vec<Outcome>> {
        let (store, gate) = Gated::new(self.bucket.clone(), &[]);
        let mut sender = sender(store, &self.clock.0, &self.posts, self.planted);
        sender.tools.clock = self.clock.clone();
        let delivery = self.delivery.clone();
        Attempt::new(gate, Box::pin(async move { sender.handle(&[delivery]).await }))
    }

    /// Delivers until it is acknowledged, each time a minute later; how often that took.
    fn settle(&self) -> Option<usize> {
        (1..=5).find(|_| {
            self.clock.0.advance(Duration::from_secs(60));
            self.attempt().finish().unwrap()[0].is_ok()
        })
    }

    /// What is wrong at the end.
    fn verdict(&self) -> Result<(), String> {
        let (arrived, sent) = (self.posts.arrived(), reasons(&self.bucket, "sent"));
        match (arrived.is_empty(), &sent[..]) {
            (false, [reason]) if reason == "sent" => Ok(()),
            _ => Err(format!("{arrived:?} arrived, and {sent:?} is noted")),
        }
    }
}

/// The most operations of an attempt that nobody is in the way of.
const STEPS_MAX: usize = 40;

/// Runs two attempts side by side: the bits of `order` say whose turn it is. Whether each has
/// acknowledged it.
fn overlap(pair: &Pair, order: u32) -> [Option<Outcome>; 2] {
    let mut attempts = [pair.attempt(), pair.attempt()];
    let mut ended = [None, None];
    for at in 0..2 * STEPS_MAX {
        let turn = usize::from(order >> (at % 16) & 1 == 1);
        let turn = if ended[turn].is_some() { 1 - turn } else { turn };
        if ended[turn].is_some() {
            break;
        }
        attempts[turn].step();
        if let Some(outcomes) = attempts[turn].result() {
            ended[turn] = Some(outcomes[0].clone());
        }
    }
    ended
}

/// What goes wrong with overlapping attempts.
fn overlapped(planted: Planted<Shortcut>) -> Option<String> {
    for order in 0..1 << 14 {
        let pair = Pair::new(planted);
        let ended = overlap(&pair, order);
        let arrived = pair.posts.arrived().len();
        if arrived > 1 {
            return Some(format!("{order:b}: it was sent {arrived} times at a time: {ended:?}"));
        }
        if pair.settle().is_none() {
            return Some(format!("{order:b}: it is never acknowledged"));
        }
        if let Err(wrong) = pair.verdict() {
            return Some(format!("{order:b}: {wrong}"));
        }
    }
    None
}

/// What goes wrong where one attempt dies after so many operations, perhaps with another beside it
/// that has come as far as to look at the claim.
fn died(planted: Planted<Shortcut>) -> Option<String> {
    for steps in 0..STEPS_MAX {
        let pair = Pair::new(planted);
        let mut dying = pair.attempt();
        let alone = (0..steps).all(|_| {
            dying.step();
            dying.result().is_none()
        });
        if !alone {
            return None;
        }
        dying.crash();
        // At once, and then by and by.
        let at_once = pair.attempt().finish().unwrap()[0].clone();
        if at_once.is_ok() && pair.verdict().is_err() {
            return Some(format!("after {steps}: {at_once:?}, and {:?}", pair.verdict()));
        }
        if pair.settle().is_none() {
            return Some(format!("after {steps}: it is never acknowledged"));
        }
        if let Err(wrong) = pair.verdict() {
            return Some(format!("after {steps}: {wrong}"));
        }
    }
    Some("an attempt does not end".to_owned())
}

#[test]
fn two_attempts_do_not_send_at_a_time_and_what_one_dies_over_is_sent() {
    assert_eq!(overlapped(Planted::NONE), None);
    assert_eq!(died(Planted::NONE), None);
}

#[test]
fn claims_that_are_ignored_hold_for_ever_or_are_taken_for_sent_are_seen() {
    assert!(overlapped(Planted::bug(Shortcut::ClaimIgnored)).is_some());
    assert!(died(Planted::bug(Shortcut::ClaimForEver)).is_some());
    assert!(died(Planted::bug(Shortcut::HeldTakenForSent)).is_some());
}

#[tokio::test(flavor = "current_thread")]
async fn a_claim_is_waited_for_a_while_and_taken_over_when_it_ends() {
    let (bucket, clock) = (bucket(), clock());
    let posts = Posts::default().shared(&tools(bucket.clone()));
    let delivery = write_alert(&bucket, "A1", HOOK);
    let sender = sender(bucket.clone(), &clock, &posts, Planted::NONE);
    let claim = |until: &str| {
        let word = egress::channels(&serde_json::from_str(HOOK).unwrap()).0.remove(0).word;
        let name = format!("env/dev/indices/alerts/claim/low-runway/V1/A1/{word}.json");
        bucket.insert(&name, until.to_owned().into(), Upload::default()).unwrap();
    };
    claim(r#"{"by":"somebody","until":"2026-01-01T00:00:45Z"}"#);
    let held = Err(Failure::Retry("somebody else is sending it".to_owned()));
    assert_eq!(deliver(&sender, &delivery).await, held);
    assert!(posts.tried().is_empty());
    clock.advance(Duration::from_secs(30));
    assert_eq!(deliver(&sender, &delivery).await, Ok(Disposition::Done));
    assert_eq!(posts.arrived().len(), 1);
}

#[tokio::test(flavor = "current_thread")]
async fn a_claim_that_nobody_of_ours_would_make_holds_nobody_up() {
    for claim in [
        "",
        "garbage",
        "{}",
        r#"{"until":7}"#,
        r#"{"until":"soon"}"#,
        r#"{"until":"9999-01-01T00:00:00Z"}"#,
        r#"{"until":"2025-01-01T00:00:00Z"}"#,
    ] {
        let (bucket, clock) = (bucket(), clock());
        let posts = Posts::default().shared(&tools(bucket.clone()));
        let delivery = write_alert(&bucket, "A1", HOOK);
        let word = egress::channels(&serde_json::from_str(HOOK).unwrap()).0.remove(0).word;
        let name = format!("env/dev/indices/alerts/claim/low-runway/V1/A1/{word}.json");
        bucket.insert(&name, claim.into(), Upload::default()).unwrap();
        let sender = sender(bucket.clone(), &clock, &posts, Planted::NONE);
        assert_eq!(deliver(&sender, &delivery).await, Ok(Disposition::Done), "{claim}");
        assert_eq!(posts.arrived().len(), 1);
    }
}

#[tokio::test(flavor = "current_thread")]
async fn a_claim_whose_answer_is_lost_is_our_own() {
    use emulator::faulty::{Fault, Faulty, When};
    let (bucket, clock) = (bucket(), clock());
    let posts = Posts::default().shared(&tools(bucket.clone()));
    let delivery = write_alert(&bucket, "A1", HOOK);
    // The claim is the sixth operation; the client makes it again and is told of a conflict.
    let kind = store::ErrorKind::Conflict;
    let store = Faulty::new(bucket.clone(), Fault { at: 5, times: 1, kind, when: When::After });
    let sender = sender(store, &clock, &posts, Planted::NONE);
    assert_eq!(deliver(&sender, &delivery).await, Ok(Disposition::Done));
    assert_eq!(posts.arrived().len(), 1);
}
