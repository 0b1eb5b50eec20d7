"""Who gets the next message when several have room."""

import pytest

from amps_sandbox.queues.consumers import Fairness

from .work import ack, number, numbers, publish, take


class Worker:
    """As much of a consumer as fairness looks at."""

    def __init__(self, at, held, backlog):
        self.number, self.held, self.backlog = at, range(held), backlog


def test_case_75_the_least_used_part_of_a_backlog_decides():
    workers = [Worker(1, 1, 2), Worker(2, 3, 4), Worker(3, 4, 10)]
    assert Fairness("proportional").choose(workers) is workers[2]


def test_case_75_and_so_it_is_for_real(serve, connect):
    server = serve(max_per_subscription_backlog=10)
    workers = [connect(server, name) for name in "abc"]
    for worker, backlog in zip(workers, (2, 4, 10)):
        worker.subscribe("Q", "s", opts=f"max_backlog={backlog}")
    publish(server, *range(16))
    messages = [worker.everything_before() for worker in workers]
    assert [len(each) for each in messages] == [2, 4, 10]
    for worker, each, leased in zip(workers, messages, (1, 3, 4)):
        ack(worker, *each[leased:])
        worker.everything_before()
    assert server.queue("Q").leased == 8
    publish(server, 99)
    assert [numbers(worker) for worker in workers] == [[], [], [99]]


@pytest.mark.parametrize(
    ("rule", "chosen"), [("proportional", "1231"), ("round-robin", "1231"), ("fast", "1111")]
)
def test_of_those_who_are_equal_the_rule_decides(rule, chosen):
    fairness, seen = Fairness(rule), ""
    workers = [Worker(2, 0, 9), Worker(1, 0, 9), Worker(3, 0, 9)]
    for _ in range(4):
        found = fairness.choose(workers)
        found.held = range(len(found.held) + 1)
        seen += str(found.number)
    assert seen == chosen


def test_round_robin_goes_on_after_the_last_one_and_leaves_out_who_is_full():
    fairness = Fairness("round-robin")
    first, second, third = (Worker(at, 0, 1) for at in (1, 2, 3))
    assert fairness.choose([first, second, third]) is first
    assert fairness.choose([first, third]) is third
    assert fairness.choose([second, third]) is second


def test_fast_fills_one_after_the_other(serve, connect):
    server = serve(max_per_subscription_backlog=2, fairness="fast")
    workers = [connect(server, name) for name in "abc"]
    for worker in workers:
        worker.subscribe("Q", "s", opts="max_backlog=2")
    publish(server, 1, 2, 3)
    assert [numbers(worker) for worker in workers] == [[1, 2], [3], []]


def test_round_robin_deals_them_out(serve, connect):
    server = serve(max_per_subscription_backlog=2, fairness="round-robin")
    workers = [connect(server, name) for name in "abc"]
    for worker in workers:
        worker.subscribe("Q", "s", opts="max_backlog=2")
    publish(server, 1, 2, 3, 4)
    assert [numbers(worker) for worker in workers] == [[1, 4], [2], [3]]


def test_workers_of_different_filters_share_what_both_want(serve, connect):
    server = serve(max_per_subscription_backlog=9, fairness="round-robin")
    picky, other = connect(server, "picky"), connect(server, "other")
    picky.subscribe("Q", "s", filter="/id < 10", opts="max_backlog=9")
    other.subscribe("Q", "s", opts="max_backlog=9")
    publish(server, 1, 2, 30, 31, 3, 4)
    assert numbers(picky) == [1, 3] and numbers(other) == [2, 30, 31, 4]


def test_no_worker_starves(serve, connect):
    server = serve(max_per_subscription_backlog=4)
    workers = [connect(server, name) for name in "abcd"]
    for worker in workers:
        worker.subscribe("Q", "s", opts="max_backlog=4")
    publish(server, *range(400))
    while server.queue("Q").depth:
        for worker in workers:
            messages = worker.everything_before()
            if messages:
                ack(worker, *messages)
        for worker in workers:
            worker.send({"c": "flush", "cid": "f", "a": "processed"})
            while True:
                message = worker.read()
                if message["c"] == "ack":
                    break
                ack(worker, message)
    counts = server.queue("Q").by_client.values()
    assert sum(counts) == 400 and min(counts) >= 80, counts


def test_the_next_of_a_worker_that_came_back_is_counted_anew(serve, connect):
    server = serve()
    publish(server, 1, 2)
    worker = connect(server, "w")
    worker.subscribe("Q", "s")
    (message,) = take(worker, 1)
    worker.close()
    again = connect(server, "w")
    again.subscribe("Q", "s")
    assert [number(one) for one in take(again, 1)] == [number(message)]
    assert server.queue("Q").by_subscription == {("w", "s"): 2}
