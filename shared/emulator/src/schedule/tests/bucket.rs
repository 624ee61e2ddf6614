//! The bucket of the search against the bucket in memory.

use std::collections::HashMap;
use std::task::{Context, Poll, Waker};

use domain::Generation;
use store::{List, Metadata, Precondition, Store as _};

use crate::chance::Chance;
use crate::schedule::bucket::{Answer, Bucket, Operation};
use crate::{Memory, TestClock};

/// Versions of one bucket as the other numbers them.
type Numbers = HashMap<Generation, Generation>;

/// The bucket in memory waits for nothing.
fn done<T>(future: impl Future<Output = T>) -> T {
    match Box::pin(future).as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(done) => done,
        Poll::Pending => panic!("it waits"),
    }
}

/// What the bucket in memory answers, in words in which the versions of both are called the same.
fn memory_says(bucket: &Memory, operation: &Operation, to: &Numbers) -> Answer {
    let operation = operation.clone();
    done(async move {
        match operation {
            Operation::Get(name) => {
                let object = bucket.get(&name, None).await.unwrap();
                Answer::Got(name, object)
            }
            Operation::Put(name, body, metadata, precondition) => {
                let precondition = match precondition {
                    Precondition::At(version) => Precondition::At(to[&version]),
                    Precondition::Absent => Precondition::Absent,
                };
                let put = bucket.put(&name, body, &metadata, precondition).await;
                Answer::Put(name, put)
            }
            Operation::Delete(name, version) => {
                Answer::Deleted(bucket.delete(&name, to[&version]).await)
            }
            Operation::List(list) => Answer::Listed(bucket.list(&list).await.unwrap()),
            Operation::Versions(name) => Answer::Versions(bucket.versions(&name).await.unwrap()),
        }
    })
}

#[test]
fn both_buckets_answer_the_same() {
    for seed in 0..200 {
        let chance = Chance::new(seed);
        let memory = Memory::new("test", TestClock::at("2026-01-01T00:00:00Z"), seed);
        let (mut bucket, mut numbers) = (Bucket::default(), Numbers::new());
        for step in 0..60 {
            let fresh = Generation(step + 1);
            let name = format!("a/{}", chance.below(3));
            let known: Vec<Generation> = numbers.keys().copied().collect();
            let version = (!known.is_empty())
                .then(|| known[usize::try_from(chance.below(known.len() as u64)).unwrap()]);
            let live = bucket.get(&name).map(|object| object.generation);
            let version = if chance.below(2) == 0 { version.or(live) } else { live.or(version) };
            let operation = match (chance.below(7), version) {
                (0, Some(version)) => Operation::Delete(name, version),
                (1 | 2, Some(version)) => {
                    let precondition = Precondition::At(version);
                    let metadata = Metadata::from([("a".to_owned(), step.to_string())]);
                    Operation::Put(name, step.to_string().into(), metadata, precondition)
                }
                (3 | 4, _) => {
                    Operation::Put(name, "".into(), Metadata::new(), Precondition::Absent)
                }
                (5, _) => Operation::List(List {
                    prefix: "a/".to_owned(),
                    start_offset: Some(name),
                    end_offset: (chance.below(2) == 0).then(|| "a/2".to_owned()),
                    ..List::default()
                }),
                _ => Operation::Get(name),
            };
            let expected = memory_says(&memory, &operation, &numbers);
            let answer = bucket.apply(&operation, fresh);
            if let (Answer::Put(_, Ok(theirs)), Answer::Put(_, Ok(ours))) = (&expected, &answer) {
                numbers.insert(*ours, *theirs);
            }
            assert_eq!(words(&answer, &numbers), words(&expected, &Numbers::new()), "{seed}");
        }
    }
}

/// An answer as text, with these numbers for the versions, and without times.
fn words(answer: &Answer, numbers: &Numbers) -> String {
    let number = |version: &Generation| *numbers.get(version).unwrap_or(version);
    match answer {
        Answer::Got(name, object) => {
            let object = object.as_ref().map(|it| (&it.body, &it.metadata, number(&it.generation)));
            format!("{name} {object:?}")
        }
        Answer::Put(name, put) => format!("{name} {:?}", put.as_ref().map(number)),
        Answer::Listed(page) => {
            let item = |it: &store::Listed| (it.name.clone(), number(&it.generation), it.live);
            let items: Vec<_> = page.items.iter().map(item).collect();
            format!("{items:?} {:?}", page.next_page_token)
        }
        other => format!("{other:?}"),
    }
}
