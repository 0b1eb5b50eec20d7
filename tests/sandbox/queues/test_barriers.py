"""A barrier waits until all before it are gone, then goes to everybody."""

import pytest

from .work import ack, deleted, number, numbers, publish, take


@pytest.fixture
def barred(serve):
    def served(**more):
        return serve(**{"barrier": "/is_end = 'yes'", "max_per_subscription_backlog": 2, **more})

    return served


def test_case_76_a_barrier_waits_then_reaches_all_then_the_rest_flows(barred, connect):
    server = barred()
    workers = [connect(server, name) for name in "abc"]
    for worker, backlog in zip(workers, (1, 1, 0)):
        worker.subscribe("Q", "s", opts=f"max_backlog={backlog}")
    publish(server, 1)
    publish(server, 2, is_end="yes")
    publish(server, 3)
    (first,) = take(workers[0], 1)
    assert [numbers(worker) for worker in workers] == [[], [], []]
    assert server.queue("Q").waiting == 2
    ack(workers[0], first)
    messages = [worker.everything_before() for worker in workers]
    assert [[number(one) for one in each] for each in messages] == [[2, 3], [2], [2]]
    barrier, last = messages[0]
    assert "lp" not in barrier and "lp" in last
    info = server.queue("Q")
    assert (info.deliveries[barrier["bm"]], info.depth) == (3, 1)


def test_a_lease_that_ends_keeps_the_barrier_waiting(barred, connect):
    server = barred(lease_period="1s")
    worker = connect(server, "w")
    worker.subscribe("Q", "s")
    publish(server, 1)
    publish(server, 2, is_end="yes")
    take(worker, 1)
    server.clock.advance(1)
    (again,) = take(worker, 1)
    assert number(again) == 1
    ack(worker, again)
    assert numbers(worker) == [2]


def test_a_barrier_goes_to_those_whose_filter_it_passes(barred, connect):
    server = barred()
    one, two = connect(server, "1"), connect(server, "2")
    one.subscribe("Q", "s", filter="/id > 5")
    two.subscribe("Q", "s", filter="/id < 5")
    publish(server, 2, is_end="yes")
    publish(server, 9, is_end="yes")
    assert (numbers(one), numbers(two)) == ([9], [2])
    assert server.queue("Q").depth == 0


def test_without_any_subscriber_a_barrier_waits_for_the_first(barred, connect):
    server = barred()
    publish(server, 1, 2, is_end="yes")
    publish(server, 3)
    assert server.queue("Q").waiting == 3
    worker = connect(server, "w")
    worker.subscribe("Q", "s")
    assert numbers(worker) == [1, 2, 3]


def test_a_barrier_may_be_taken_away(barred, connect):
    server = barred()
    worker = connect(server, "w")
    worker.subscribe("Q", "s", opts="max_backlog=2")
    publish(server, 1)
    publish(server, 2, is_end="yes")
    publish(server, 3, 4)
    worker.send({"c": "sow_delete", "t": "Q", "filter": "/id IN (2, 3)"})
    assert numbers(worker) == [1, 4]


def test_what_expires_behind_a_barrier_is_gone(barred, connect):
    server = barred(expiration="5s")
    publish(server, 1, is_end="yes")
    publish(server, 2)
    server.clock.advance(6)
    worker = connect(server, "w")
    worker.subscribe("Q", "s")
    assert numbers(worker) == [] and len(server.queue("Q").expired) == 2
    publish(server, 3)
    assert numbers(worker) == [3]


def test_what_was_sent_at_most_once_does_not_hold_a_barrier_up(barred, connect):
    server = barred(semantics="at-most-once")
    worker = connect(server, "w")
    worker.subscribe("Q", "s")
    publish(server, 1)
    publish(server, 2, is_end="yes")
    publish(server, 3)
    first, barrier = take(worker, 2)
    assert (number(barrier), "lp" in barrier) == (2, False)
    assert deleted(worker, barrier) == 0
    ack(worker, first)
    assert numbers(worker) == [3]
