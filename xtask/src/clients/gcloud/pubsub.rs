//! The steps for `gcloud pubsub`.

use super::Expect::{Fails, Keeps, Prints, Says, Success};
use super::{Expect, Step};

const fn step(name: &'static str, run: &'static str, expect: Expect) -> Step {
    Step { name, run, expect }
}

/// Everything that a person does with Pub/Sub from a terminal.
pub(crate) const PUBSUB: &[Step] = &[
    step("topics create", "pubsub topics create changes --labels=team=blue", Success),
    step("topics create again", "pubsub topics create changes", Fails("already exists")),
    step("topics create another", "pubsub topics create dead", Success),
    step("topics list", "pubsub topics list --format=value(name)", Says(&["changes", "dead"])),
    step(
        "topics describe",
        "pubsub topics describe changes --format=value(name,labels.team)",
        Prints("projects/clients/topics/changes\tblue"),
    ),
    step("topics update", "pubsub topics update changes --update-labels=team=green", Success),
    step("topics describe, missing", "pubsub topics describe missing", Fails("NOT_FOUND")),
    step(
        "subscriptions create",
        "pubsub subscriptions create all --topic=changes --ack-deadline=30",
        Success,
    ),
    step(
        "subscriptions create with everything",
        "pubsub subscriptions create some --topic=changes --message-filter=attributes.kind=\"wanted\" --dead-letter-topic=dead --max-delivery-attempts=5 --min-retry-delay=1s --max-retry-delay=5s --retain-acked-messages --message-retention-duration=1h",
        Success,
    ),
    step(
        "subscriptions create for pushes",
        "pubsub subscriptions create pushed --topic=changes --push-endpoint=http://127.0.0.1:9/ --message-filter=attributes.kind=\"nothing\"",
        Success,
    ),
    step(
        "subscriptions list",
        "pubsub subscriptions list --format=value(name)",
        Says(&["subscriptions/all", "subscriptions/some", "subscriptions/pushed"]),
    ),
    step(
        "topics list-subscriptions",
        "pubsub topics list-subscriptions changes",
        Says(&["projects/clients/subscriptions/all"]),
    ),
    step(
        "subscriptions describe",
        "pubsub subscriptions describe some --format=value(topic,filter,ackDeadlineSeconds,deadLetterPolicy.maxDeliveryAttempts,retryPolicy.maximumBackoff)",
        Prints("projects/clients/topics/changes\tattributes.kind=\"wanted\"\t10\t5\t5s"),
    ),
    step("subscriptions update", "pubsub subscriptions update some --ack-deadline=40", Success),
    step(
        "topics publish",
        "pubsub topics publish changes --message=one --attribute=kind=wanted",
        Says(&["messageIds"]),
    ),
    step(
        "topics publish, missing",
        "pubsub topics publish missing --message=x",
        Fails("NOT_FOUND"),
    ),
    step(
        "subscriptions pull --auto-ack",
        "pubsub subscriptions pull all --auto-ack --limit=5 --format=value(message.data.decode(base64),message.attributes.kind)",
        Prints("one\twanted"),
    ),
    step(
        "nothing is left",
        "pubsub subscriptions pull all --auto-ack --format=value(ackId)",
        Prints(""),
    ),
    step(
        "subscriptions pull",
        "pubsub subscriptions pull some --format=value(ackId)",
        Keeps("ack"),
    ),
    step("subscriptions ack", "pubsub subscriptions ack some --ack-ids={ack}", Success),
    step("snapshots create", "pubsub snapshots create before --subscription=all", Success),
    step("snapshots list", "pubsub snapshots list --format=value(name)", Says(&["before"])),
    step(
        "topics publish once more",
        "pubsub topics publish changes --message=two",
        Says(&["messageIds"]),
    ),
    step(
        "pull it",
        "pubsub subscriptions pull all --auto-ack --format=value(message.data.decode(base64))",
        Prints("two"),
    ),
    step(
        "subscriptions seek to the snapshot",
        "pubsub subscriptions seek all --snapshot=before",
        Success,
    ),
    step(
        "pull it again",
        "pubsub subscriptions pull all --auto-ack --format=value(message.data.decode(base64))",
        Prints("two"),
    ),
    step(
        "subscriptions seek to a time",
        "pubsub subscriptions seek some --time=2020-01-01T00:00:00Z",
        Success,
    ),
    step(
        "pull what was acknowledged",
        "pubsub subscriptions pull some --auto-ack --format=value(message.data.decode(base64))",
        Prints("one"),
    ),
    step("snapshots delete", "pubsub snapshots delete before", Success),
    step("subscriptions delete", "pubsub subscriptions delete all some pushed", Success),
    step(
        "subscriptions describe, missing",
        "pubsub subscriptions describe all",
        Fails("NOT_FOUND"),
    ),
    step("topics delete", "pubsub topics delete changes dead", Success),
    step("no topic is left", "pubsub topics list --format=value(name)", Prints("")),
];
