"""What a program does with Pub/Sub through Google's Python client, over its REST transport."""

from google.api_core import exceptions
from google.auth.credentials import AnonymousCredentials
from google.protobuf import duration_pb2, field_mask_pb2
from google.pubsub_v1 import (
    DeadLetterPolicy,
    PublisherClient,
    PubsubMessage,
    PushConfig,
    RetryPolicy,
    SubscriberClient,
    Subscription,
    Topic,
)

from steps import URL, holds, refused, run, same, step

PROJECT = "projects/clients"
TOPIC = f"{PROJECT}/topics/changes"
DEAD = f"{PROJECT}/topics/dead"
ALL = f"{PROJECT}/subscriptions/all"
SOME = f"{PROJECT}/subscriptions/some"
SNAPSHOT = f"{PROJECT}/snapshots/before"

options = {"credentials": AnonymousCredentials(), "transport": "rest",
           "client_options": {"api_endpoint": URL}}
publisher = PublisherClient(**options)
subscriber = SubscriberClient(**options)


def publish(*texts, **attributes):
    """Publishes texts, each with these attributes."""
    messages = [PubsubMessage(data=text.encode(), attributes=attributes) for text in texts]
    return list(publisher.publish(topic=TOPIC, messages=messages).message_ids)


def pull(subscription, count):
    """Pulls until there are so many messages, in the order of their data."""
    received = []
    for _ in range(10):
        pulled = subscriber.pull(
            request={"subscription": subscription, "max_messages": count - len(received)}
        )
        received.extend(pulled.received_messages)
        if len(received) >= count:
            break
    return sorted(received, key=lambda it: it.message.data)


def acknowledge(subscription, received):
    """Acknowledges them."""
    ids = [it.ack_id for it in received]
    subscriber.acknowledge(request={"subscription": subscription, "ack_ids": ids})


@step("create a topic")
def _():
    topic = publisher.create_topic(request=Topic(name=TOPIC, labels={"team": "blue"}))
    same("name", topic.name, TOPIC)
    same("labels", dict(topic.labels), {"team": "blue"})
    publisher.create_topic(name=DEAD)
    with refused(exceptions.Conflict):
        publisher.create_topic(name=TOPIC)


@step("get, list and update topics")
def _():
    same("get", publisher.get_topic(topic=TOPIC).name, TOPIC)
    same("list", sorted(it.name for it in publisher.list_topics(project=PROJECT)), [TOPIC, DEAD])
    paged = publisher.list_topics(request={"project": PROJECT, "page_size": 1})
    same("pages", len(list(paged.pages)), 2)
    publisher.update_topic(
        topic=Topic(name=TOPIC, labels={"team": "green"}),
        update_mask=field_mask_pb2.FieldMask(paths=["labels"]),
    )
    same("labels", dict(publisher.get_topic(topic=TOPIC).labels), {"team": "green"})
    with refused(exceptions.NotFound):
        publisher.get_topic(topic=f"{PROJECT}/topics/missing")


@step("create subscriptions")
def _():
    made = subscriber.create_subscription(name=ALL, topic=TOPIC)
    same("name", (made.name, made.topic), (ALL, TOPIC))
    same("deadline", made.ack_deadline_seconds, 10)
    made = subscriber.create_subscription(
        request=Subscription(
            name=SOME,
            topic=TOPIC,
            filter='attributes.kind = "wanted"',
            ack_deadline_seconds=20,
            retain_acked_messages=True,
            message_retention_duration=duration_pb2.Duration(seconds=3600),
            retry_policy=RetryPolicy(
                minimum_backoff=duration_pb2.Duration(seconds=1),
                maximum_backoff=duration_pb2.Duration(seconds=5),
            ),
            dead_letter_policy=DeadLetterPolicy(dead_letter_topic=DEAD, max_delivery_attempts=5),
        )
    )
    same("filter", made.filter, 'attributes.kind = "wanted"')
    same("dead letters", made.dead_letter_policy.dead_letter_topic, DEAD)
    with refused(exceptions.Conflict):
        subscriber.create_subscription(name=ALL, topic=TOPIC)
    with refused(exceptions.NotFound):
        subscriber.create_subscription(name=f"{ALL}-2", topic=f"{PROJECT}/topics/missing")
    with refused(exceptions.BadRequest):
        subscriber.create_subscription(
            request={"name": f"{ALL}-2", "topic": TOPIC, "filter": "((("}
        )


@step("get, list and update subscriptions")
def _():
    found = subscriber.get_subscription(subscription=SOME)
    same("backoff", found.retry_policy.maximum_backoff.total_seconds(), 5)
    same("state", found.state, Subscription.State.ACTIVE)
    listed = subscriber.list_subscriptions(project=PROJECT)
    same("list", sorted(it.name for it in listed), [ALL, SOME])
    listed = publisher.list_topic_subscriptions(topic=TOPIC)
    same("of the topic", sorted(listed), [ALL, SOME])
    subscriber.update_subscription(
        subscription=Subscription(name=ALL, ack_deadline_seconds=30),
        update_mask=field_mask_pb2.FieldMask(paths=["ack_deadline_seconds"]),
    )
    same("deadline", subscriber.get_subscription(subscription=ALL).ack_deadline_seconds, 30)


@step("publish")
def _():
    ids = publish("one", "two", kind="wanted") + publish("three", kind="other")
    same("ids", len(set(ids)), 3)
    with refused(exceptions.NotFound):
        publisher.publish(topic=f"{PROJECT}/topics/missing", messages=[PubsubMessage(data=b"1")])
    with refused(exceptions.BadRequest):
        publisher.publish(topic=TOPIC, messages=[PubsubMessage()])


@step("pull and acknowledge")
def _():
    received = pull(ALL, 3)
    same("data", [it.message.data for it in received], [b"one", b"three", b"two"])
    same("attributes", dict(received[1].message.attributes), {"kind": "other"})
    holds("times", all(it.message.publish_time for it in received))
    acknowledge(ALL, received)
    left = subscriber.pull(request={"subscription": ALL, "max_messages": 5, "return_immediately": True})
    same("left", len(left.received_messages), 0)


@step("pull what a filter lets through, and let go of it")
def _():
    received = pull(SOME, 2)
    same("data", [it.message.data for it in received], [b"one", b"two"])
    same("attempts", [it.delivery_attempt for it in received], [1, 1])
    ids = [it.ack_id for it in received]
    subscriber.modify_ack_deadline(subscription=SOME, ack_ids=ids, ack_deadline_seconds=60)
    acknowledge(SOME, received)


@step("take a snapshot, and seek")
def _():
    snapshot = subscriber.create_snapshot(name=SNAPSHOT, subscription=ALL)
    same("topic", snapshot.topic, TOPIC)
    publish("four", kind="other")
    acknowledge(ALL, pull(ALL, 1))
    subscriber.seek(request={"subscription": ALL, "snapshot": SNAPSHOT})
    received = pull(ALL, 1)
    same("again", [it.message.data for it in received], [b"four"])
    acknowledge(ALL, received)
    same("list", [it.name for it in subscriber.list_snapshots(project=PROJECT)], [SNAPSHOT])
    subscriber.delete_snapshot(snapshot=SNAPSHOT)


@step("turn a subscription into one that pushes, and back")
def _():
    subscriber.modify_push_config(
        subscription=ALL, push_config=PushConfig(push_endpoint="http://127.0.0.1:9/")
    )
    found = subscriber.get_subscription(subscription=ALL)
    same("endpoint", found.push_config.push_endpoint, "http://127.0.0.1:9/")
    subscriber.modify_push_config(subscription=ALL, push_config=PushConfig())


@step("delete subscriptions and topics")
def _():
    subscriber.delete_subscription(subscription=ALL)
    with refused(exceptions.NotFound):
        subscriber.pull(request={"subscription": ALL, "max_messages": 1})
    publisher.delete_topic(topic=TOPIC)
    same("topic", subscriber.get_subscription(subscription=SOME).topic, "_deleted-topic_")
    subscriber.delete_subscription(subscription=SOME)
    publisher.delete_topic(topic=DEAD)
    same("left", list(publisher.list_topics(project=PROJECT)), [])


run()
