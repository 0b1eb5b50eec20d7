"""Messages of a queue go to one subscriber each, as many as it has room for."""

import pytest

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


def test_an_ack_by_the_verb_of_that_name_is_one_too(serve, connect):
    server = serve()
    publish(server, 1, 2)
    worker = connect(server, "w")
    worker.subscribe("Q", "s")
    (first,) = take(worker, 1)
    worker.send({"c": "ack", "t": "Q", "bm": first["bm"]})
    assert numbers(worker) == [2]


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


@pytest.mark.parametrize("how", ["disconnects", "unsubscribes"])
def test_case_71_what_a_worker_leaves_behind_goes_on_in_order(serve, connect, how):
    server = serve(max_per_subscription_backlog=2)
    publish(server, 1, 2, 3)
    leaver = connect(server, "leaver")
    leaver.subscribe("Q", "s", opts="max_backlog=2")
    before = take(leaver, 2)
    stayer = connect(server, "stayer")
    stayer.subscribe("Q", "s", opts="max_backlog=2")
    ack(stayer, *take(stayer, 1))
    if how == "disconnects":
        leaver.close()
    else:
        assert leaver.ask({"c": "unsubscribe", "cid": "u", "sub_id": "s"})["status"] == "success"
        assert leaver.everything_before() == []
    after = take(stayer, 2)
    assert [each["bm"] for each in after] == [each["bm"] for each in before]
