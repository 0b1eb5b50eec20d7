"""A message that is not acknowledged comes again, and one that lives too long does not."""

import pytest

from amps_sandbox import Fault
from amps_sandbox.clock import ManualClock
from amps_sandbox.loop import Loop
from amps_sandbox.queues.items import GONE, Item
from amps_sandbox.queues.leases import FOREVER, Leases, Lives

from .work import ack, deleted, number, numbers, publish, take


def test_case_70_an_ended_lease_brings_the_message_to_the_other_worker(serve, connect):
    server = serve(lease_period="1s", fairness="round-robin")
    first, second = connect(server, "first"), connect(server, "second")
    first.subscribe("Q", "s")
    second.subscribe("Q", "s")
    publish(server, 1)
    (taken,) = take(first, 1)
    server.clock.advance(0.9)
    assert numbers(second) == []
    server.clock.advance(0.2)
    (again,) = take(second, 1)
    assert again["bm"] == taken["bm"] and again["lp"] > taken["lp"]
    assert first.everything_before() == []
    assert server.queue("Q").deliveries == {taken["bm"]: 2}


@pytest.mark.parametrize("how", ["disconnects", "unsubscribes", "unsubscribes from all"])
def test_case_71_what_a_worker_leaves_behind_goes_on_in_order(serve, connect, how):
    server = serve(max_per_subscription_backlog=2)
    publish(server, 1, 2, 3)
    leaver = connect(server, "leaver")
    leaver.subscribe("Q", "s", opts="max_backlog=2")
    before = take(leaver, 2)
    if how == "unsubscribes from all":
        leaver.subscribe("Q", "t")
        take(leaver, 1)
        publish(server, 4)
    stayer = connect(server, "stayer")
    stayer.subscribe("Q", "s", opts="max_backlog=2")
    ack(stayer, *take(stayer, 1))
    if how == "disconnects":
        leaver.close()
    else:
        which = "all" if "all" in how else "s"
        leaver.send({"c": "unsubscribe", "cid": "u", "sub_id": which, "a": "processed"})
        assert [each["c"] for each in leaver.everything_before()] == ["ack"]
    after = take(stayer, 2)
    assert [each["bm"] for each in after] == [each["bm"] for each in before]


def test_the_time_is_that_of_the_system_too(serve, connect):
    server = serve(lease_period="50ms", sandbox={"clock": "system"})
    worker = connect(server, "w")
    worker.subscribe("Q", "s")
    publish(server, 1)
    first, second, third = take(worker, 3)
    assert first["bm"] == second["bm"] == third["bm"]
    assert first["lp"] < second["lp"] < third["lp"]


def test_a_lease_without_end_ends_with_the_subscription_only(serve, connect):
    server = serve(lease_period="")
    worker = connect(server, "w")
    worker.subscribe("Q", "s")
    publish(server, 1)
    (message,) = take(worker, 1)
    assert message["lp"] == FOREVER.decode()
    server.clock.advance(10**9)
    assert numbers(worker) == [] and server.queue("Q").leased == 1
    worker.close()
    server.wait_until(lambda: server.queue("Q").waiting == 1)


def test_many_leases_end_at_their_own_times(serve, connect):
    server = serve(lease_period="10s", max_per_subscription_backlog=9)
    worker = connect(server, "w")
    worker.subscribe("Q", "s", opts="max_backlog=9")
    for count in range(3):
        publish(server, count)
        server.clock.advance(3)
    (_, second, _) = take(worker, 3)
    ack(worker, second)
    assert numbers(worker) == []
    server.clock.advance(1)
    assert numbers(worker) == [0]
    server.clock.advance(6)
    assert numbers(worker) == [2]
    server.clock.advance(4)
    assert numbers(worker) == [0]


def test_a_late_ack_counts_while_the_message_waits(serve, connect):
    server = serve(lease_period="1s")
    worker = connect(server, "w")
    worker.subscribe("Q", "s", opts="max_backlog=1")
    publish(server, 1)
    (message,) = take(worker, 1)
    worker.send({"c": "unsubscribe", "cid": "u", "sub_id": "s"})
    assert deleted(worker, message) == 1
    assert deleted(worker, message) == 0
    info = server.queue("Q")
    assert (info.depth, info.acknowledged, info.late_acks) == (0, {message["bm"]: 1}, 1)


def test_a_message_of_many_deliveries_expires(serve, connect):
    server = serve(lease_period="1s", max_deliveries=3)
    worker = connect(server, "w")
    worker.subscribe("Q", "s")
    publish(server, 1)
    for _ in range(3):
        (message,) = take(worker, 1)
        server.clock.advance(1)
    assert numbers(worker) == []
    info = server.queue("Q")
    assert (info.depth, info.expired, info.deliveries) == (
        0,
        {message["bm"]: 1},
        {message["bm"]: 3},
    )
    assert server.journal("Q")[0].key == message["bm"]


@pytest.mark.parametrize(
    ("model", "ends"),
    [("default", [2, 5]), ("queue", [5, 5]), ("latest", [5, 5]), ("earliest", [2, 5])],
)
def test_messages_expire_as_they_or_the_queue_say(serve, connect, model, ends):
    server = serve(expiration="5s", expiration_model=model)
    publisher = connect(server, "p")
    publisher.publish("Work", b'{"id":1}', e=2)
    publisher.publish("Work", b'{"id":2}')
    publisher.everything_before()
    for second in range(1, 7):
        server.clock.advance(1)
        assert server.queue("Q").depth == sum(end > second for end in ends)
    assert len(server.queue("Q").expired) == 2


def test_without_an_expiration_of_the_queue_the_messages_own_counts(serve, connect):
    server = serve(expiration_model="latest")
    publisher = connect(server, "p")
    publisher.publish("Work", b'{"id":1}', e=2)
    publisher.publish("Work", b'{"id":2}', e=0)
    publisher.everything_before()
    server.clock.advance(10**6)
    assert server.queue("Q").depth == 1


def test_an_expiration_does_not_break_a_lease(serve, connect):
    server = serve(expiration="2s", lease_period="10s")
    worker = connect(server, "w")
    worker.subscribe("Q", "s")
    publish(server, 1, 2)
    (message,) = take(worker, 1)
    server.clock.advance(3)
    assert server.queue("Q").depth == 1
    assert deleted(worker, message) == 1
    publish(server, 3)
    assert number(take(worker, 1)[0]) == 3
    server.clock.advance(10)
    assert numbers(worker) == [] and server.queue("Q").depth == 0


def test_a_jump_of_the_time_of_day_moves_lives_but_not_leases(serve, connect):
    server = serve(expiration="1h", lease_period="10s")
    worker = connect(server, "w")
    worker.subscribe("Q", "s")
    publish(server, 1, 2)
    take(worker, 1)
    server.faults.add(Fault(on="time", action="clock_jump", after=1, seconds=7200))
    server.clock.advance(2)
    assert (server.queue("Q").waiting, server.queue("Q").leased) == (0, 1)


def test_of_many_that_expire_few_are_remembered():
    clock = ManualClock(Loop(lambda: None, lambda error: None))
    lives = Lives(clock, lambda items: None)
    for position in range(5000):
        item = Item(position, b"")
        item.due_ns = clock.time_ns() + 10**12
        lives.add(item, 0)
        item.state = GONE
    assert len(lives._due) <= 1002


def test_leases_that_were_ended_leave_one_timer():
    clock = ManualClock(Loop(lambda: None, lambda error: None))
    over = []
    leases = Leases(clock, 1.0, over.extend)
    items = [Item(position, b"") for position in range(1000)]
    for item in items:
        leases.begin(item)
        leases.end(item)
    assert len(clock._timers) == 1 and len(leases) == 0
    leases.begin(items[0])
    clock.advance(2)
    assert over == [items[0]]
