"""What a queue remembers after a crash: in memory, in a file, with a lost tail, in a pair."""

import pytest

from amps_sandbox import Fault, Queue, Sandbox

from .work import ack, number, numbers, publish, take

QUEUE = {"queues": [Queue("Q", ["Work"], max_per_subscription_backlog=9)], "ack_conflation": "0"}


@pytest.fixture(params=["memory", "file"])
def lasting(request, tmp_path):
    """A sandbox with a queue that keeps its data over a restart, in memory or in a file."""
    db = tmp_path / "sandbox.sqlite" if request.param == "file" else ""
    with Sandbox(**QUEUE, db=db) as sandbox:
        yield sandbox


def worker_of(server, connect, name="w", backlog=9):
    worker = connect(server, name)
    worker.subscribe("Q", "s", opts=f"max_backlog={backlog}")
    return worker


def test_what_was_acknowledged_stays_so_and_the_rest_comes_again(lasting, connect):
    publish(lasting, *range(5))
    worker = worker_of(lasting, connect)
    messages = take(worker, 5)
    ack(worker, messages[1], messages[3])
    ack(worker, messages[4], opts="expire")
    worker.everything_before()
    lasting.restart()
    assert worker.is_ended()
    info = lasting.queue("Q")
    assert (info.waiting, info.leased) == (2, 0)
    assert set(info.acknowledged) == {messages[1]["bm"], messages[3]["bm"]}
    assert set(info.expired) == {messages[4]["bm"]} and len(info.deliveries) == 5
    again = worker_of(lasting, connect)
    assert [one["bm"] for one in take(again, 2)] == [messages[0]["bm"], messages[2]["bm"]]
    publish(lasting, 7)
    assert numbers(again) == [7]
    assert lasting.queue("Q").deliveries[messages[0]["bm"]] == 2


def test_without_its_data_a_restarted_queue_is_empty(lasting, connect):
    publish(lasting, 1, 2)
    worker = worker_of(lasting, connect)
    ack(worker, *take(worker, 2)[:1], {"bm": "unknown"})
    worker.everything_before()
    assert lasting.queue("Q").late_acks == 1
    lasting.restart(keep_data=False)
    info = lasting.queue("Q")
    assert (info.depth, info.acknowledged, info.deliveries, info.late_acks) == (0, {}, {}, 0)
    publish(lasting, 3)
    assert numbers(worker_of(lasting, connect)) == [3]


def test_a_stopped_sandbox_starts_with_what_was_not_done(lasting, connect):
    publish(lasting, 1, 2)
    worker = worker_of(lasting, connect)
    messages = take(worker, 2)
    ack(worker, messages[0])
    worker.everything_before()
    lasting.stop()
    assert lasting.queue("Q").waiting == 1
    lasting.start()
    assert numbers(worker_of(lasting, connect)) == [2]


def test_another_process_finds_in_the_file_what_is_gone(tmp_path, connect):
    with Sandbox(**QUEUE, db=tmp_path / "db") as server:
        publish(server, 1, 2, 3)
        worker = worker_of(server, connect)
        messages = take(worker, 3)
        ack(worker, *messages[:2], s=1, a="persisted")
        worker.read_ack(a="persisted", s=1)
        journal = server.journal()
    with Sandbox(**QUEUE, db=tmp_path / "db") as server:
        assert server.journal() == journal
        assert set(server.queue("Q").acknowledged) == {one["bm"] for one in messages[:2]}
        again = worker_of(server, connect)
        assert again.everything_before()[0]["bm"] == messages[2]["bm"]


def test_what_was_sent_at_most_once_never_comes_again(tmp_path, connect):
    queue = Queue("Q", ["Work"], semantics="at-most-once", max_per_subscription_backlog=2)
    for count in range(2):
        with Sandbox(queues=[queue], db=tmp_path / "db") as server:
            publish(server, *range(3 * count, 3 * count + 3))
            worker = worker_of(server, connect, backlog=2)
            assert numbers(worker) == [2 * count, 2 * count + 1]
    with Sandbox(queues=[queue], db=tmp_path / "db") as server:
        assert server.queue("Q").waiting == 2


def test_lives_go_on_over_a_restart(tmp_path):
    queue = Queue("Q", ["Work"], expiration="10s", max_deliveries=1)
    for db in ("", tmp_path / "db"):
        with Sandbox(queues=[queue], clock="manual", db=db) as server:
            publish(server, 1)
            server.clock.advance(6)
            server.restart()
            publish(server, 2)
            server.clock.advance(6)
            assert (server.queue("Q").waiting, len(server.queue("Q").expired)) == (1, 1)
            server.stop()
            server.start()
            server.clock.advance(6)
            assert server.queue("Q").depth == 0


def test_an_ack_that_is_lost_with_the_tail_brings_the_message_back(lasting, connect):
    publisher, worker = connect(lasting, "p"), worker_of(lasting, connect)
    publisher.publish("Work", b'{"id":1}', s=1, a="persisted")
    publisher.read_ack(a="persisted", s=1)
    publisher.publish("Work", b'{"id":2}', s=2)
    first, second = take(worker, 2)
    ack(worker, first)
    worker.everything_before()
    assert lasting.queue("Q").depth == 1
    lasting.faults.add(Fault(on="flush", action="lose_tail", n=9))
    publisher.send({"c": "flush", "cid": "f", "a": "processed"})
    assert publisher.is_ended()
    lasting.restart()
    info = lasting.queue("Q")
    assert (info.waiting, info.acknowledged, len(lasting.journal())) == (1, {}, 1)
    again = worker_of(lasting, connect)
    assert numbers(again) == [1]


def test_an_ack_that_its_sender_knows_of_is_never_lost(lasting, connect):
    publish(lasting, 1)
    worker = worker_of(lasting, connect)
    (message,) = take(worker, 1)
    ack(worker, message, s=1, a="persisted")
    worker.read_ack(a="persisted", s=1)
    lasting.faults.add(Fault(on="flush", action="lose_tail", n=9))
    worker.send({"c": "flush", "cid": "f", "a": "processed"})
    assert worker.is_ended()
    lasting.restart()
    assert lasting.queue("Q").acknowledged == {message["bm"]: 1} and len(lasting.journal()) == 2


def test_a_kill_gives_leases_back(lasting, connect):
    publish(lasting, 1)
    worker = worker_of(lasting, connect)
    take(worker, 1)
    lasting.kill()
    assert (lasting.queue("Q").waiting, lasting.queue("Q").leased) == (1, 0)
    lasting.restart()
    assert numbers(worker_of(lasting, connect)) == [1]


def test_in_a_pair_acks_follow_messages_and_leases_do_not(connect):
    with Sandbox(**QUEUE) as first, Sandbox(**QUEUE, replica_of=first, lag=0) as second:
        publish(first, 1, 2)
        second.wait_until(lambda: second.queue("Q").waiting == 2)
        worker = worker_of(first, connect)
        messages = take(worker, 2)
        ack(worker, messages[0])
        second.wait_until(lambda: second.queue("Q").waiting == 1)
        assert first.queue("Q").leased == 1
        first.kill()
        other = worker_of(second, connect)
        (again,) = take(other, 1)
        assert (number(again), again["bm"]) == (2, messages[1]["bm"])
        ack(other, again)
        other.everything_before()
        first.restart()
        first.wait_until(lambda: first.queue("Q").depth == 0)
        assert first.queue("Q").acknowledged == second.queue("Q").acknowledged
        assert len(first.journal()) == len(second.journal()) == 4
