"""What clients say about messages of a queue: done, given back, or of no use."""

import pytest

from .work import ack, deleted, number, numbers, publish, take


@pytest.fixture
def crowd(serve, connect):
    """A queue with three messages of which a worker has two, and somebody else."""

    def gathered(**more):
        server = serve(**{"max_per_subscription_backlog": 2, **more})
        publish(server, 1, 2, 3)
        worker, other = connect(server, "worker"), connect(server, "other")
        worker.subscribe("Q", "s", opts="max_backlog=2")
        return server, worker, take(worker, 2), other

    return gathered


def failure(driver, header, body=b""):
    ack = driver.ask({"c": "sow_delete", "cid": "d", "t": "Q", **header}, body)
    return ack["reason"] if ack["status"] == "failure" else None


def test_case_72_the_second_cancel_of_a_message_expires_it(serve, connect):
    server = serve(max_cancels=2)
    worker = connect(server, "w")
    worker.subscribe("Q", "s")
    publish(server, 1, 2)
    (message,) = take(worker, 1)
    ack(worker, message, opts="cancel")
    (again,) = take(worker, 1)
    assert again["bm"] == message["bm"]
    ack(worker, again, opts="cancel")
    assert numbers(worker) == [2]
    info = server.queue("Q")
    assert (info.expired, info.acknowledged) == ({message["bm"]: 1}, {})
    assert (info.deliveries[message["bm"]], info.late_acks) == (2, 0)


def test_without_a_limit_it_may_be_given_back_for_ever(crowd):
    server, worker, messages, _ = crowd()
    for _ in range(50):
        ack(worker, messages[0], opts="cancel")
        (again,) = take(worker, 1)
        assert again["bm"] == messages[0]["bm"]
    assert server.queue("Q").depth == 3


def test_case_73_strict_leasing_lets_nobody_else_acknowledge(crowd):
    server, worker, messages, other = crowd(leasing="strict")
    for options in ("", "cancel", "expire"):
        assert deleted(other, *messages, opts=options) == 0
    assert numbers(worker) == [] and server.queue("Q").leased == 2
    assert server.queue("Q").late_acks == 6
    assert deleted(worker, *messages) == 2


def test_case_73_sublet_leasing_lets_anybody(crowd):
    server, worker, messages, other = crowd(leasing="sublet")
    assert deleted(other, *messages) == 2
    assert numbers(worker) == [3] and server.queue("Q").depth == 1


def test_strict_leasing_lets_everybody_end_what_nobody_has(crowd):
    server, worker, _, other = crowd(leasing="strict")
    third = server.journal("Work")[2].bookmark
    other.send({"c": "sow_delete", "t": "Q", "bm": third, "a": "stats"})
    assert other.read()["records_deleted"] == 1
    assert numbers(worker) == []


def test_one_command_acknowledges_many_in_any_spelling(crowd):
    server, worker, messages, _ = crowd()
    one, two = (message["bm"] for message in messages)
    said = f" {one} ,, {two.rstrip('|')},{one},1|99|,x|y|,,"
    worker.send({"c": "sow_delete", "cid": "d", "t": "Q", "bm": said, "a": "completed,stats"})
    found = {
        each["a"] if each["c"] == "ack" else number(each): each
        for each in (worker.everything_before())
    }
    assert set(found) == {"completed", "stats", 3}
    stats = found["stats"]
    assert (stats["matches"], stats["records_deleted"], stats["cid"]) == (2, 2, "d")
    assert server.queue("Q").acknowledged == {one: 1, two: 1}


def test_bookmarks_that_are_not_there_are_passed_over(crowd):
    server, worker, messages, _ = crowd()
    for bookmark in ("1|1|", "nonsense", "|", "0", ",", "-1|-1|", "9" * 5000):
        worker.send({"c": "sow_delete", "t": "Q", "bm": bookmark, "a": "processed,stats"})
        worker.read_ack(a="processed", status="success")
        worker.read_ack(a="stats", records_deleted=0)
    assert deleted(worker, *messages) == 2
    assert deleted(worker, *messages) == 0
    assert server.queue("Q").acknowledged == {message["bm"]: 1 for message in messages}


def test_expire_ends_a_message_without_its_being_done(crowd):
    server, worker, messages, _ = crowd()
    assert deleted(worker, messages[0], opts="expire") == 1
    info = server.queue("Q")
    assert (info.expired, info.acknowledged) == ({messages[0]["bm"]: 1}, {})


def test_what_waits_cannot_be_given_back(crowd):
    server, worker, _, other = crowd(max_cancels=1)
    other.send({"c": "sow_delete", "t": "Q", "opts": "cancel", "filter": "/id = 3"})
    assert other.everything_before() == [] and server.queue("Q").depth == 3


def test_a_filter_acknowledges_all_that_match_leased_or_not(crowd):
    server, worker, _, other = crowd()
    other.send({"c": "sow_delete", "t": "Q", "filter": "/id >= 2", "a": "processed,stats"})
    other.read_ack(a="processed", status="success")
    other.read_ack(a="stats", topic_matches=3, matches=2, records_deleted=2)
    assert server.queue("Q").depth == 1
    publish(server, 4)
    assert numbers(worker) == [4]


def test_a_filter_under_strict_leasing_leaves_what_others_have(crowd):
    server, worker, messages, other = crowd(leasing="strict")
    other.send({"c": "sow_delete", "t": "Q", "filter": "1 = 1", "a": "stats"})
    other.read_ack(a="stats", records_deleted=1)
    worker.send({"c": "sow_delete", "t": "Q", "filter": "1 = 1", "opts": "cancel", "a": "stats"})
    assert len(take(worker, 2)) == 2
    worker.read_ack(a="stats", records_deleted=0, matches=2)
    assert server.queue("Q").depth == 2


def test_the_verb_ack_is_one_too(crowd):
    server, worker, messages, _ = crowd()
    worker.send({"c": "ack", "t": "Q", "bm": messages[0]["bm"], "sub_id": "s"})
    assert numbers(worker) == [3]
    worker.send({"c": "ack", "t": "Q", "bm": messages[1]["bm"], "opts": "expire"})
    worker.everything_before()
    assert (len(server.queue("Q").expired), len(server.queue("Q").acknowledged)) == (1, 1)


@pytest.mark.parametrize(
    ("header", "body", "reason"),
    [
        ({}, b"", "invalid sow_delete"),
        ({"bm": ""}, b"", "invalid sow_delete"),
        ({"sow_keys": "1"}, b"", "invalid sow_delete"),
        ({"bm": "1|1|", "sow_keys": "1"}, b"", "invalid sow_delete"),
        ({"bm": "1|1|", "filter": "1 = 1"}, b"", "invalid sow_delete"),
        ({"bm": "1|1|"}, b"{}", "invalid sow_delete"),
        ({"filter": "/id ="}, b"", "bad filter"),
        ({"bm": "1|1|", "opts": "cancel,expire"}, b"", "invalid options"),
        ({"bm": "1|1|", "opts": "cancel=2"}, b"", "invalid options"),
        ({"bm": "1|1|", "opts": "lease_extension=5s"}, b"", "invalid options"),
        ({"bm": "1|1|", "t": "Work"}, b"", "invalid sow_delete"),
        ({"c": "ack", "filter": "1 = 1", "bm": "1|1|"}, b"", "invalid sow_delete"),
    ],
)
def test_what_no_acknowledgement_can_be_is_refused(crowd, header, body, reason):
    server, worker, messages, _ = crowd()
    assert failure(worker, header, body) == reason
    assert server.queue("Q").depth == 3 and server.queue("Q").late_acks == 0
    assert failure(worker, {"bm": messages[0]["bm"], "opts": "harmless"}) is None


def test_an_ack_with_a_sequence_is_persisted_and_not_done_twice(crowd, connect):
    server, worker, messages, _ = crowd()
    worker.send({"c": "sow_delete", "t": "Q", "bm": messages[0]["bm"], "s": 1, "a": "persisted"})
    assert number(worker.read()) == 3
    worker.read_ack(a="persisted", s=1, status="success")
    worker.send({"c": "sow_delete", "t": "Q", "bm": messages[1]["bm"], "s": 1, "a": "persisted"})
    worker.read_ack(a="persisted", s=1, status="failure", reason="duplicate")
    assert server.queue("Q").leased == 2
    worker.send({"c": "sow_delete", "t": "Q", "bm": "1|1|", "s": 2, "a": "persisted"})
    worker.read_ack(a="persisted", s=2, status="success")
    worker.send({"c": "sow_delete", "t": "Q", "filter": "(", "s": 3, "a": "persisted"})
    worker.read_ack(a="persisted", s=3, status="failure", reason="bad filter")
    assert connect(server).log_on("worker")["s"] == 3
    (entry,) = server.journal("Q")
    assert (entry.kind, entry.client, entry.sequence) == ("sow_delete", "worker", 1)


def test_case_74_at_most_once_is_not_delivered_again(serve, connect):
    server = serve(semantics="at-most-once", lease_period="1s", max_per_subscription_backlog=2)
    publish(server, 1, 2, 3, 4)
    worker = connect(server, "w")
    worker.subscribe("Q", "s", opts="max_backlog=2")
    first, second = take(worker, 2)
    assert first["lp"].endswith("Z") and server.queue("Q").depth == 2
    server.clock.advance(100)
    assert numbers(worker) == []  # only an ack makes room
    ack(worker, first)
    assert numbers(worker) == [3]
    ack(worker, second, opts="cancel")
    assert numbers(worker) == [4]
    worker.close()
    other = connect(server, "o")
    other.subscribe("Q", "s", opts="max_backlog=2")
    assert numbers(other) == [] and server.queue("Q").depth == 0
    assert set(server.queue("Q").deliveries.values()) == {1}
    assert len(server.queue("Q").acknowledged) == 2


def test_at_most_once_goes_around(serve, connect):
    server = serve(semantics="at-most-once", max_per_subscription_backlog=2, lease_period="")
    workers = [connect(server, name) for name in "ab"]
    for worker in workers:
        worker.subscribe("Q", "s", opts="max_backlog=2")
    publish(server, 1, 2, 3, 4, 5)
    messages = [worker.everything_before() for worker in workers]
    assert [[number(one) for one in each] for each in messages] == [[1, 3], [2, 4]]
    assert messages[0][0]["lp"] == "99991231T235959.999999Z"
