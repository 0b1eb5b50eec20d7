"""Queues as they are declared: in Python, in a dict, in a file; what does not fit is named."""

import sys

import pytest

from amps_sandbox import BadConfig, Conflated, Queue, Sandbox, View
from amps_sandbox.queues.declaration import queue_of

from .work import numbers, publish

TOML = """
[[topic]]
name = "Work"
key = ["/id"]
[[queue]]
name = "WorkToDo"
message_type = "json"
underlying = "^Work$"
default_publish_target = "Work"
semantics = "at-least-once"
lease_period = "30s"
max_backlog = 0
max_per_subscription_backlog = 1
expiration = ""
fairness = "proportional"
leasing = "sublet"
max_deliveries = 0
filter = ""
"""


def test_a_queue_says_what_it_will_do():
    queue = Queue("Q", ["Work", "^Jobs"], lease_period="500ms", fairness="fast", expiration=5)
    assert (queue.name, queue.topics, queue.target) == ("Q", ["Work", "^Jobs"], "Work")
    assert (queue.lease_s, queue.fairness, queue.lifetime_s) == (0.5, "fast", 5.0)
    assert repr(queue) == "Queue('Q', topics=['Work', '^Jobs'], message_type='json')"
    alone = Queue("Q", lease_period="")
    assert (alone.topics, alone.target, alone.lease_s) == (["Q"], "Q", None)
    assert Queue("Q", underlying="Work").topics == Queue("Q", "Work").topics == ["Work"]
    assert queue_of("Q").topics == ["Q"] and queue_of(queue) is queue


@pytest.mark.parametrize(
    ("said", "named"),
    [
        ({"name": ""}, "queue: an empty name"),
        ({"name": 7}, "queue: 7 is no text"),
        ({"topics": 7}, "topics: 7 is no list"),
        ({"topics": [""]}, "topics: an empty name"),
        ({"topics": ["t"] * 1001}, "over 1000"),
        ({"topics": "a", "underlying": "b"}, "want one of them"),
        ({"topics": "^Work"}, "default_publish_target: none"),
        ({"semantics": "exactly-once"}, "semantics 'exactly-once': want one of at-least-once"),
        ({"fairness": "unfair"}, "fairness 'unfair'"),
        ({"fairness": ["fast"]}, "fairness"),
        ({"leasing": "loose"}, "leasing 'loose'"),
        ({"expiration_model": "never"}, "expiration_model 'never'"),
        ({"lease_period": "soon"}, "lease_period 'soon': want a time"),
        ({"lease_period": 0}, "lease_period 0"),
        ({"lease_period": True}, "lease_period True"),
        ({"lease_period": None}, "lease_period None"),
        ({"expiration": "-1s"}, "expiration '-1s'"),
        ({"expiration": "enabled"}, "expiration 'enabled'"),
        ({"max_backlog": -1}, "max_backlog -1: want a number from 0"),
        ({"max_backlog": "9"}, "max_backlog '9'"),
        (
            {"max_per_subscription_backlog": 0},
            "max_per_subscription_backlog 0: want a number from 1",
        ),
        ({"max_deliveries": 1.5}, "max_deliveries 1.5"),
        ({"max_cancels": True}, "max_cancels True"),
        ({"max_cancels": 10**10}, "max_cancels"),
        ({"filter": 7}, "filter: 7 is no text"),
        ({"priority": "/a", "barrier": "/b"}, "priority and barrier"),
        ({"semantics": "at-most-once", "fairness": "fast"}, "at-most-once has round-robin"),
        ({"semantics": "at-most-once", "max_cancels": 1}, "no max_cancels"),
    ],
)
def test_what_a_queue_cannot_be_is_refused(said, named):
    with pytest.raises(ValueError, match="queue") as caught:
        Queue(**{"name": "Q", **said})
    assert named in str(caught.value)


@pytest.mark.parametrize(
    ("queue", "named"),
    [
        (Queue("orders"), "queue 'orders': declared twice"),
        (Queue("Q", message_type="morse"), "queue 'Q': unknown message type 'morse'"),
        (Queue("/AMPS/q"), "the server's own"),
        (Queue("Q", "/AMPS/devnull"), "the server's own"),
        (Queue("Q", "totals"), "topic 'totals' is made of others"),
        (Queue("Q", "copy"), "topic 'copy' is made of others"),
        (Queue("Q", "other"), "topic 'other' is made of others"),
        (Queue("Q", "^W", default_publish_target="copy"), "topic 'copy' is made of others"),
        (Queue("Q", "^W", default_publish_target="X"), "default_publish_target 'X' is none of"),
        (Queue("Q", "(", default_publish_target="X"), "'('"),
        (Queue("Q", filter="/a ="), "queue 'Q': expected"),
        (Queue("Q", priority="/a +"), "queue 'Q': expected"),
        (Queue("Q", barrier="= 1"), "queue 'Q': expected"),
        (":Work", "invalid queue ':Work'"),
        ("Q:", "invalid queue 'Q:'"),
        (7, "7 is no text"),
    ],
)
def test_what_does_not_fit_to_the_others_is_refused_by_name(queue, named):
    with pytest.raises(BadConfig) as caught:
        Sandbox(
            topics=["orders:/id"],
            views=[View("totals", "orders", ["/id"], ["/id"])],
            conflated=[Conflated("copy", "orders")],
            queues=[Queue("other"), queue],
        )
    assert named in str(caught.value)


@pytest.mark.parametrize(
    ("entry", "named"),
    [
        ({"name": "Q", "leas_period": "1s"}, "queue 1: unknown key 'leas_period'"),
        ({"topics": ["Work"]}, "queue 1: no 'name'"),
        ({"name": "Q", "leasing": "loose"}, "queue 1: queue 'Q': leasing 'loose'"),
        ("Q", "queue 1: want a table"),
    ],
)
def test_a_wrong_table_is_refused_by_its_key(entry, named):
    with pytest.raises(BadConfig) as caught:
        Sandbox(config={"queue": [entry]})
    assert str(caught.value).startswith(f"config: {named}")


def test_a_dict_says_the_same_as_arguments(connect):
    config = {"queue": [{"name": "Q", "topics": ["Work"], "max_per_subscription_backlog": 3}]}
    with Sandbox(config=config, queues=["R:Jobs"]) as server:
        worker = connect(server, "w")
        assert worker.subscribe("Q", "1", opts="max_backlog=9")["opts"] == "max_backlog=3"
        assert worker.subscribe("R", "2", opts="max_backlog=9")["opts"] == "max_backlog=1"
        publish(server, 1, 2, 3)
        assert numbers(worker) == [1, 2, 3]
        server.publish("R", "{}")
        assert worker.read()["t"] == "R"
        assert [queue.name for queue in server.queues()] == ["Q", "R"]
        assert [entry.topic for entry in server.journal()] == ["Work"] * 3 + ["Jobs"]


def test_a_file_says_the_same(tmp_path, connect):
    path = tmp_path / "sandbox.toml"
    path.write_text(TOML)
    if sys.version_info < (3, 11):
        with pytest.raises(BadConfig, match="needs Python 3"):
            Sandbox(config=path)
        return
    with Sandbox(config=path) as server:
        server.publish("WorkToDo", '{"id":1}')
        worker = connect(server, "w")
        worker.subscribe("WorkToDo", "1")
        assert worker.read()["t"] == "WorkToDo"
        assert len(server.sow("Work")) == 1


def test_who_asks_for_what_is_no_queue_hears_so(serve):
    server = serve()
    with pytest.raises(ValueError, match="there is no json queue 'Work'"):
        server.queue("Work")
    with pytest.raises(ValueError, match="there is no fix queue 'Q'"):
        server.queue("Q", "fix")
