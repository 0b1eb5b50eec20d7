"""Recovery points in a topic of a server: stored, changed, read by the next process, purged."""

import json

import pytest

import AMPS
from amps_sandbox import Sandbox

from .scripted_peer import say, wait_until

TOPIC = "/ADMIN/bookmark_store"
SUB_IDS = [
    *("orders", "it's", '"quoted"', "'", "\\", "\\'", "back\\slash\\", "a' OR 1=1 OR 'b"),
    *("two\nlines", "tab\tand\rreturn", "ümläut ☃ 😀", " ", "\x01\x7f", "a,b", "{}[]:", "%s\\n"),
]


@pytest.fixture
def sandbox():
    declared = [f"{TOPIC}:/clientName,/subId", "points:/who,/what.id"]
    with Sandbox(topics=declared) as server:
        yield server


@pytest.fixture
def adapter(sandbox, log_on):
    """Makes adapters, each with a client of its own."""
    made = []

    def make(tracked="tracked", server=sandbox, **options):
        client = log_on(server, f"store-{len(made)}")
        made.append(AMPS.SOWRecoveryPointAdapter(client, tracked, **options))
        return made[-1]

    yield make
    for each in made:
        each.set_exception_listener([].append)
        each.close()


def read(adapter):
    """All recovery points, as a bookmark store reads them: {sub id: bookmark}."""
    found = []
    while len(found) < 1000:
        point = adapter.next()
        if not point.get_sub_id():
            break
        found.append(point)
    points = {point.get_sub_id(): point.get_bookmark() for point in found}
    assert len(points) == len(found)
    return points


def stored(sandbox):
    return sandbox.sow(TOPIC)


@pytest.mark.parametrize("tracked", ["tracked", 'it\'s\\ "ünsere"'])
def test_case_75_points_come_back_whatever_is_in_the_sub_id(sandbox, adapter, tracked):
    """Case 75 of ha.md, its first half."""
    first = adapter(tracked)
    for sub_id in SUB_IDS:
        first.update(AMPS.RecoveryPoint(sub_id, "1|1|"))
        first.update(AMPS.RecoveryPoint(sub_id, "1|2|,3|4|"))
    first.close()
    assert read(adapter(tracked)) == dict.fromkeys(SUB_IDS, "1|2|,3|4|")
    assert read(adapter("another")) == {}


@pytest.mark.parametrize("sub_id", SUB_IDS)
def test_a_purge_takes_one_subscription_and_no_other(sandbox, adapter, sub_id):
    mine, other = adapter(), adapter("other")
    for each in (mine, other):
        for name in SUB_IDS:
            each.update(AMPS.RecoveryPoint(name, "1|1|"))
        each.close()
    purging = adapter()
    purging.purge(sub_id)
    assert read(purging) == {name: "1|1|" for name in SUB_IDS if name != sub_id}
    purging.purge()
    assert read(purging) == {}
    assert set(read(adapter("other"))) == set(SUB_IDS)


def test_a_purged_point_can_be_stored_again(adapter):
    points = adapter()
    points.update(AMPS.RecoveryPoint("orders", "1|1|"))
    points.purge("orders")
    points.update(AMPS.RecoveryPoint("orders", "1|1|"))
    points.prune()
    points.close()
    assert read(adapter()) == {"orders": "1|1|"}


def test_an_unchanged_point_is_not_published_again_after_it_was_read(sandbox, adapter):
    first = adapter()
    first.update(AMPS.RecoveryPoint("orders", "1|1|"))
    first.close()
    second = adapter()
    assert read(second) == {"orders": "1|1|"}
    (before,) = stored(sandbox)
    second.update(AMPS.RecoveryPoint("orders", "1|1|"))
    second.close()
    assert stored(sandbox) == [before]


def test_a_topic_and_fields_of_the_program_s_own(sandbox, adapter):
    own = {
        "topic": "points",
        "client_name_field": "who",
        "sub_id_field": "name",
        "bookmark_field": "where",
    }
    first = adapter(**own)
    first.update(AMPS.RecoveryPoint("orders", "1|1|"))
    first.close()
    assert read(adapter(**own)) == {"orders": "1|1|"}
    assert stored(sandbox) == []


def test_the_time_of_the_server_may_be_among_the_bookmarks(adapter):
    first = adapter()
    first.update(AMPS.RecoveryPoint("orders", "1|1|"))
    first.close()
    bookmark, stamp = read(adapter(use_timestamp=True))["orders"].split(",")
    assert bookmark == "1|1|" and stamp[8] == "T" and stamp.endswith("Z")


def test_an_update_without_a_connection_reaches_the_listener(sandbox, adapter, log_on):
    told = []
    client = log_on(sandbox, "store")
    points = AMPS.SOWRecoveryPointAdapter(client, "tracked")
    points.set_exception_listener(told.append)
    client.disconnect()
    points.update(AMPS.RecoveryPoint("orders", "1|1|"))
    assert [type(each) for each in told] == [AMPS.DisconnectedException]
    points.close()
    assert len(told) == 2
    assert read(adapter()) == {}


def test_a_point_that_failed_is_stored_once_there_is_a_connection_again(sandbox, adapter, log_on):
    client = log_on(sandbox, "store")
    points = AMPS.SOWRecoveryPointAdapter(client, "tracked")
    points.set_exception_listener([].append)
    client.disconnect()
    points.update(AMPS.RecoveryPoint("orders", "1|1|"))
    client.connect(sandbox.uri("json"))
    client.logon(5000)
    points.update(AMPS.RecoveryPoint("orders", "1|1|"))
    points.close()
    assert read(adapter()) == {"orders": "1|1|"}


def test_a_query_that_fails_is_no_empty_result(sandbox, adapter, log_on):
    with pytest.raises(AMPS.InvalidTopicException):
        adapter(topic="no-such-topic").next()
    client = log_on(sandbox, "gone")
    points = AMPS.SOWRecoveryPointAdapter(client, "tracked")
    client.disconnect()
    for _ in range(2):  # nor is the second try
        with pytest.raises(AMPS.DisconnectedException):
            points.next()
    points.set_exception_listener([].append)
    points.close()


@pytest.mark.parametrize(
    "record",
    [
        {"bookmark": "1|1|", "subId": ""},
        {"bookmark": 7, "subId": "orders"},
        {"bookmark": None, "subId": "orders"},
        {"subId": "orders"},
        {"bookmark": "1|1|", "subId": ["orders"]},
        {"bookmark": {"a": 1}, "subId": 7},
    ],
)
def test_a_record_that_is_no_recovery_point_is_an_error(sandbox, adapter, record):
    sandbox.publish(TOPIC, json.dumps({"clientName": "tracked", **record}))
    with pytest.raises(AMPS.StoreException, match="no recovery point") as caught:
        adapter().next()
    assert caught.value.message.get_topic() == TOPIC and caught.value.__cause__ is not None


def test_results_that_never_end_are_given_up(peer, log_on):
    client = log_on(peer(sow=say(status="success")), "store")
    points = AMPS.SOWRecoveryPointAdapter(client, "tracked", timeout_millis=100, topic="points")
    with pytest.raises(AMPS.TimedOutException, match="'points' did not end within 100 ms"):
        points.next()
    points.set_exception_listener([].append)
    points.close()


def test_close_closes_the_client_unless_it_is_to_stay(sandbox, log_on):
    for close_client, left in ((True, set()), (False, {"kept"})):
        client = log_on(sandbox, "kept")
        points = AMPS.SOWRecoveryPointAdapter(client, "tracked", close_client=close_client)
        points.update(AMPS.RecoveryPoint("orders", "1|1|"))
        points.close()
        wait_until(lambda left=left: {each.name for each in sandbox.clients()} == left, "the end")


def test_conflated_points_arrive_by_the_end(sandbox, adapter):
    points = AMPS.ConflatingRecoveryPointAdapter(adapter(), 100)
    for number in range(1, 1001):
        points.update(AMPS.RecoveryPoint("orders", f"1|{number}|"))
    points.close()
    assert read(adapter()) == {"orders": "1|1000|"}
    assert len(sandbox.received("publish")) <= 11
