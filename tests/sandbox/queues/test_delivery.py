"""Messages of a queue go to one subscriber each, as many as it has room for, in their order."""

import pytest

from amps_sandbox import Fault, Queue, Sandbox

from .work import ack, number, numbers, publish, take


def test_case_68_one_message_at_a_time_unless_more_is_asked_for(serve, connect):
    server = serve()
    publish(server, 1, 2, 3)
    worker = connect(server, "w")
    granted = worker.subscribe("Q", "s")
    assert granted["opts"] == "max_backlog=1" and "sub_id" not in granted
    (first,) = take(worker, 1)
    assert (first["t"], first["sids"], number(first)) == ("Q", "s", 1)
    assert first["lp"].endswith("Z") and first["bm"] == server.journal("Work")[0].bookmark
    assert numbers(worker) == []
    ack(worker, first)
    assert numbers(worker) == [2]
    assert server.queue("Q").acknowledged == {first["bm"]: 1}


def test_case_69_the_queue_grants_its_own_limit_at_most(serve, connect):
    server = serve(max_per_subscription_backlog=5)
    publish(server, *range(10))
    worker = connect(server, "w")
    assert worker.subscribe("Q", "s", opts="max_backlog=10")["opts"] == "max_backlog=5"
    assert numbers(worker) == [0, 1, 2, 3, 4]
    other = connect(server, "o")
    assert other.subscribe("Q", "s", opts="max_backlog=2")["opts"] == "max_backlog=2"
    assert numbers(other) == [5, 6]


@pytest.mark.parametrize(
    "said", ["max_backlog", "max_backlog=-1", "max_backlog=x", "max_backlog=1e3"]
)
def test_a_backlog_that_is_no_number_is_refused(serve, connect, said):
    worker = connect(serve(), "w")
    ack = worker.ask({"c": "subscribe", "cid": "1", "t": "Q", "sub_id": "s", "opts": said})
    assert (ack["status"], ack["reason"]) == ("failure", "invalid options")
    assert worker.subscribe("Q", "s", opts="max_backlog=999999999")["opts"] == "max_backlog=1"


def test_a_backlog_of_nothing_gets_nothing(serve, connect):
    server = serve()
    publish(server, 1)
    worker = connect(server, "w")
    assert worker.subscribe("Q", "s", opts="max_backlog=0")["opts"] == "max_backlog=0"
    assert numbers(worker) == []


def test_all_topics_of_the_queue_are_in_it_in_the_order_of_the_log(serve, connect):
    server = serve(topics=["Work", "^Jobs"], max_per_subscription_backlog=9)
    publish(server, 1, topic="JobsOfToday")
    publish(server, 2, topic="Work")
    publish(server, 3, topic="Works")
    publish(server, 4, topic="Q")
    publish(server, 5, topic="Jobs")
    worker = connect(server, "w")
    worker.subscribe("Q", "s", opts="max_backlog=9")
    assert numbers(worker) == [1, 2, 4, 5]
    assert [entry.topic for entry in server.journal()] == ["JobsOfToday", "Work", "Work", "Jobs"]


def test_each_publish_to_a_topic_with_records_is_a_message_of_its_own(serve, connect):
    server = serve(sandbox={"topics": ["Work:/id"]}, max_per_subscription_backlog=9)
    publish(server, 1, 1)
    publisher = connect(server, "p")
    publisher.send({"c": "sow_delete", "t": "Work", "filter": "/id = 1"})
    publisher.everything_before()
    worker = connect(server, "w")
    worker.subscribe("Q", "s", opts="max_backlog=9")
    assert numbers(worker) == [1, 1] and server.sow("Work") == []


def test_a_queue_without_topics_is_its_own(connect):
    with Sandbox(queues=["Q"]) as server:
        worker = connect(server, "w")
        worker.subscribe("Q", "s")
        publish(server, 1, topic="Q")
        assert numbers(worker) == [1]


def test_a_delivery_has_what_its_message_had(serve, connect):
    server = serve(sandbox={"expose_user": True, "users": {"jill": "pw"}})
    publisher = connect(server, "p", user_id="jill", pw="pw")
    publisher.publish("Q", b'{"id":1,"more":2}', x="corr", s=7)
    worker = connect(server, "w", user_id="jill", pw="pw")
    worker.subscribe("Q", "s", opts="timestamp,select=[-/,+/more],oof,conflation=1s")
    (message,) = take(worker, 1)
    assert (message["x"], message["user_id"], message.body) == ("corr", "jill", b'{"more":2}')
    assert message["bm"].endswith("|7|") and message["ts"] == server.journal()[0].timestamp


def test_two_subscriptions_of_one_connection_never_share_a_message(serve, connect):
    server = serve()
    worker = connect(server, "w")
    worker.subscribe("Q", "a")
    worker.subscribe("Q", "b")
    worker.subscribe("Work", "c")
    publish(server, 1, 2)
    frames = worker.everything_before()
    assert sorted(frame["sids"] for frame in frames) == ["a", "b", "c", "c"]


def test_a_regular_expression_takes_nothing_from_a_queue(serve, connect):
    server = serve()
    watcher = connect(server, "w")
    watcher.subscribe("^Q$", "s")
    publish(server, 1, topic="Q")
    assert watcher.everything_before() == [] and server.queue("Q").waiting == 1


def test_a_queue_whose_name_could_be_a_regular_expression(connect):
    with Sandbox(queues=[Queue("jobs.high", "Work")]) as server:
        worker = connect(server, "w")
        worker.subscribe("jobs.high", "s")
        server.publish("jobs.high", "{}")
        (message,) = take(worker, 1)
        worker.send({"c": "sow_delete", "t": "jobs.high", "bm": message["bm"]})
        worker.everything_before()
        assert server.queue("jobs.high").depth == 0


def test_a_queue_has_messages_of_its_own_type_only(serve, connect):
    server = serve()
    fix = connect(server, "f", mt="fix")
    fix.publish("Work", b"35=D\x01")
    fix.everything_before()
    assert server.queue("Q").depth == 0
    ack = fix.ask({"c": "sow_delete", "cid": "1", "t": "Q", "bm": "1|1|"})
    assert ack["reason"] == "invalid sow_delete"


def test_the_filter_of_the_queue_leaves_messages_out(serve, connect):
    server = serve(filter="/id > 1 AND TOPIC_NAME() = 'Work'", max_per_subscription_backlog=9)
    publish(server, 1, 2, 3)
    server.publish("Work", "no json at all")
    worker = connect(server, "w")
    worker.subscribe("Q", "s", opts="max_backlog=9")
    assert numbers(worker) == [2, 3]


def test_each_worker_gets_what_passes_its_own_filter(serve, connect):
    server = serve(max_per_subscription_backlog=9)
    picky, other = connect(server, "picky"), connect(server, "other")
    picky.subscribe("Q", "s", filter="/kind = 'a'", opts="max_backlog=9")
    publish(server, 1, 2, kind="b")
    publish(server, 3, kind="a")
    assert numbers(picky) == [3]
    other.subscribe("Q", "s", opts="max_backlog=9")
    publish(server, 4, kind="b")
    assert numbers(other) == [1, 2, 4] and numbers(picky) == []


def test_a_filter_may_ask_how_often_a_message_was_leased(serve, connect):
    server = serve(lease_period="1s")
    first, second = connect(server, "first"), connect(server, "second")
    first.subscribe("Q", "s", filter="LEASE_COUNT() = 0")
    second.subscribe("Q", "s", filter="LEASE_COUNT() > 0 AND TOPIC_NAME() = 'Work'")
    publish(server, 1)
    assert numbers(first) == [1] and numbers(second) == []
    server.clock.advance(1)
    assert numbers(second) == [1] and numbers(first) == []


def test_the_highest_priority_goes_first_then_the_oldest(serve, connect):
    server = serve(priority="/urgency * 2")
    publish(server, 1)
    publish(server, 2, urgency=5)
    publish(server, 3, urgency=7)
    publish(server, 4, urgency="much")
    publish(server, 5, urgency=-3)
    publish(server, 6, urgency=7)
    worker = connect(server, "w")
    worker.subscribe("Q", "s")
    seen = []
    for _ in range(6):
        (message,) = take(worker, 1)
        seen.append(number(message))
        ack(worker, message)
    assert seen == [3, 6, 2, 5, 1, 4]


def test_a_message_that_came_back_goes_where_it_was(serve, connect):
    server = serve(priority="/urgency")
    worker = connect(server, "w")
    worker.subscribe("Q", "s")
    publish(server, 1, urgency=5)
    publish(server, 2, urgency=5)
    publish(server, 3, urgency=6)
    (message,) = take(worker, 1)
    ack(worker, message, opts="cancel")
    assert numbers(worker) == [3]


def test_the_whole_queue_may_have_a_limit_too(serve, connect):
    server = serve(max_backlog=3, max_per_subscription_backlog=2)
    workers = [connect(server, name) for name in "ab"]
    for worker in workers:
        worker.subscribe("Q", "s", opts="max_backlog=2")
    publish(server, 1, 2, 3, 4)
    messages = [worker.everything_before() for worker in workers]
    assert [[number(one) for one in each] for each in messages] == [[1, 3], [2]]
    ack(workers[0], messages[0][0])
    workers[0].everything_before()
    assert server.queue("Q").leased == 3 and server.queue("Q").waiting == 0


class Unread(dict):
    """Messages that may be looked up, but not gone through."""

    def __iter__(self):
        raise AssertionError("all messages were looked at")

    items = keys = values = __iter__


def test_no_delivery_looks_at_all_messages(serve, connect):
    server = serve(lease_period="1s", max_per_subscription_backlog=9)
    first, second = connect(server, "first"), connect(server, "second")
    first.subscribe("Q", "s", opts="max_backlog=9")
    second.subscribe("Q", "s", filter="/id > 5", opts="max_backlog=9")
    queue = server._server.topics_of("json").queues[b"Q"]
    queue.items = Unread()
    publish(server, *range(100))
    messages = take(first, 9)
    ack(first, *messages[:5])
    take(first, 5)
    ack(first, messages[5], opts="cancel")
    second.close()
    server.clock.advance(5)
    assert len(take(first, 10)) == 10
    assert server.queue("Q").depth == 95


def test_a_slow_client_is_closed_and_its_messages_go_to_others(connect):
    queue = Queue("Q", ["Work"], max_per_subscription_backlog=10_000)
    with Sandbox(queues=[queue], client_buffer_bytes=200_000) as server:
        sloth = connect(server, "sloth")
        sloth.subscribe("Q", "s", opts="max_backlog=10000")
        body, count = "x" * 100_000, 0
        while server.clients():
            server.publish("Work", f'{{"id":{count},"body":"{body}"}}')
            count += 1
        assert count < 10_000 and server.queue("Q").waiting == count
        worker = connect(server, "w")
        worker.subscribe("Q", "s")
        assert number(take(worker, 1)[0]) == 0


def test_what_was_sent_at_most_once_to_a_slow_client_is_gone(connect):
    queue = Queue("Q", ["Work"], max_per_subscription_backlog=10_000, semantics="at-most-once")
    with Sandbox(queues=[queue], client_buffer_bytes=200_000) as server:
        sloth = connect(server, "sloth")
        sloth.subscribe("Q", "s", opts="max_backlog=10000")
        body, count = "x" * 100_000, 0
        while server.clients():
            server.publish("Work", f'{{"id":{count},"body":"{body}"}}')
            count += 1
        assert server.queue("Q").depth == 0 and len(server.queue("Q").deliveries) == count
        gone = ",".join(entry.key for entry in server.journal("Q"))
        assert gone.split(",") == [entry.bookmark for entry in server.journal("Work")]


def test_what_a_fault_loses_on_the_way_comes_again(serve, connect):
    server = serve(lease_period="1s")
    server.faults.add(Fault(on="deliver", action="drop", after_bytes=0, client="first"))
    first = connect(server, "first")
    first.subscribe("Q", "s")
    publish(server, 1)
    assert first.is_ended()
    second = connect(server, "second")
    second.subscribe("Q", "s")
    assert numbers(second) == [1]
