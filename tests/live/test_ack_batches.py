"""Acknowledgements are gathered by topic, and leave by number, by time, and before an end."""

import threading
import time

import pytest

import AMPS

from .queue_peer import QUICK_MS, SLOW_MS, acks_seen, everything, grant, item, items, wait_acks
from .scripted_peer import in_turn, say, stop_reading


@pytest.fixture
def gathering(peer, log_on):
    """A peer and a client that gathers: gathering(size, timeout)."""

    def make(size, timeout=SLOW_MS, backlog=1000, **answers):
        server = peer(subscribe=grant(backlog), **answers)
        client = log_on(server)
        client.set_ack_batch_size(size)
        client.set_ack_timeout(timeout)
        return server, client

    return make


def ack_all(client, numbers, topic="Q"):
    for number in numbers:
        client.ack(topic, f"1|{number}|")


# ---- By number and by time ----------------------------------------------------------------------


def test_case_86_a_batch_leaves_when_its_first_is_old_enough(gathering):
    server, client = gathering(10, 500)
    began = time.monotonic()
    ack_all(client, [1, 2, 3])
    assert everything(server, client) == []
    assert wait_acks(server, 1) == [("Q", [1, 2, 3])]
    assert 0.45 <= time.monotonic() - began < 5


def test_time_counts_from_the_first_of_each_batch(gathering):
    server, client = gathering(10, QUICK_MS)
    for number in range(5):
        began = time.monotonic()
        ack_all(client, [number])
        wait_acks(server, number + 1)
        assert time.monotonic() - began >= QUICK_MS / 1000 - 0.005


def test_a_full_batch_waits_for_no_time(gathering):
    server, client = gathering(3)
    ack_all(client, range(1, 8))
    assert everything(server, client) == [("Q", [1, 2, 3]), ("Q", [4, 5, 6])]


def test_case_87_the_granted_backlog_is_the_limit(gathering):
    server, client = gathering(100, backlog=5)
    stream = client.subscribe("Q", sub_id="q")
    server.send(items(5))
    for _ in range(5):
        next(stream).ack()
    assert wait_acks(server, 1) == [("Q", [1, 2, 3, 4, 5])]


def test_the_smallest_backlog_of_the_topic_counts(peer, log_on):
    server = peer(subscribe=in_turn(*(say(opts=f"max_backlog={n}") for n in (10, 3, 2))))
    client = log_on(server)
    client.set_ack_batch_size(100)
    wide = client.subscribe("Q", sub_id="wide")
    narrow = client.subscribe("Q", sub_id="narrow")
    other = client.subscribe("other", sub_id="other")
    ack_all(client, range(3))
    assert everything(server, client) == [("Q", [0, 1, 2])]
    narrow.close()
    ack_all(client, range(10, 20))
    assert everything(server, client)[1:] == [("Q", list(range(10, 20)))]
    del wide, other  # only now


def test_a_subscription_to_many_topics_limits_those_it_brings(peer, log_on):
    server = peer(subscribe=in_turn(grant(2), grant(4)))
    client = log_on(server)
    client.set_ack_batch_size(100)
    stream = client.subscribe("Q.*", sub_id="q")
    other = client.subscribe("other", sub_id="o")
    server.send(item(1, topic="Q1") + item(2, topic="Q2") + item(3, topic="Q1"))
    for _ in range(3):
        next(stream).ack()
    assert everything(server, client) == [("Q1", [1, 3])]
    ack_all(client, range(4), "other")
    assert everything(server, client)[1:] == [("other", [0, 1, 2, 3])]
    del other  # only now


@pytest.mark.parametrize("backlog", ["0", "1", "99999999999999999999"])
def test_backlogs_that_make_no_batch_or_no_difference(peer, log_on, backlog):
    server = peer(subscribe=grant(backlog))
    client = log_on(server)
    client.set_ack_batch_size(2)
    stream = client.subscribe("Q", sub_id="q")
    ack_all(client, [1, 2])
    expected = [("Q", [1, 2])] if len(backlog) > 1 else [("Q", [1]), ("Q", [2])]
    assert everything(server, client) == expected
    stream.close()


# ---- What is in a batch -------------------------------------------------------------------------


def test_topics_are_not_mixed_and_order_is_kept(gathering):
    server, client = gathering(3)
    for number, topic in enumerate("abcabcabc"):
        ack_all(client, [9 - number], topic)
    assert everything(server, client) == [("a", [9, 6, 3]), ("b", [8, 5, 2]), ("c", [7, 4, 1])]


def test_a_bookmark_is_in_a_batch_once(gathering):
    server, client = gathering(3)
    ack_all(client, [5, 5, 4, 5, 4, 3])
    ack_all(client, [5])
    client.publish_flush(5000)
    assert acks_seen(server) == [("Q", [5, 4, 3]), ("Q", [5])]


def test_a_list_of_bookmarks_counts_one_by_one(gathering):
    server, client = gathering(3)
    client.ack("Q", "1|1|, 1|2|,,1|1|,1|3|,1|4| ,")
    client.publish_flush(5000)
    assert acks_seen(server) == [("Q", [1, 2, 3]), ("Q", [4])]


def test_case_89_options_send_the_batch_of_the_topic_and_then_themselves(gathering):
    server, client = gathering(10)
    ack_all(client, [1, 2])
    ack_all(client, [3], "other")
    client.ack("Q", "1|9|", "cancel")
    assert everything(server, client) == [("Q", [1, 2]), ("Q", [9], "cancel")]


def test_more_than_a_command_can_hold(gathering):
    """64 KiB of bookmarks are a command's worth, whatever the batch size."""
    server, client = gathering(1_000_000)
    ack_all(client, range(100_000, 120_000))
    client.publish_flush(20_000)
    sent = acks_seen(server)
    assert [n for _, numbers in sent for n in numbers] == list(range(100_000, 120_000))
    assert all(len(frame["bm"]) <= 64 << 10 for frame in server.seen("sow_delete"))
    assert len(sent) == 4


def test_a_small_send_buffer_makes_small_batches(peer, log_on):
    server = peer()
    client = log_on(server, send_buffer_size=4096)
    client.set_ack_batch_size(1000)
    ack_all(client, range(1000, 1500))
    client.publish_flush(20_000)
    sent = acks_seen(server)
    assert [n for _, numbers in sent for n in numbers] == list(range(1000, 1500))
    assert len(sent) > 5


def test_thousands_of_topics(gathering):
    """So many batches are open at once; then the oldest leaves."""
    server, client = gathering(10)
    for number in range(1000):
        ack_all(client, [number], f"Q{number}")
    assert 700 <= len(everything(server, client)) < 1000
    client.publish_flush(5000)
    assert sorted(acks_seen(server)) == sorted((f"Q{n}", [n]) for n in range(1000))


def test_threads_that_gather_at_once(gathering):
    server, client = gathering(7)
    threads = [
        threading.Thread(target=ack_all, args=(client, range(first, first + 700)))
        for first in (1000, 2000, 3000, 4000)
    ]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    sent = [numbers for _, numbers in wait_acks(server, 400)]
    assert all(len(numbers) == 7 for numbers in sent)
    assert len({n for numbers in sent for n in numbers}) == 2800


# ---- Before an end ------------------------------------------------------------------------------


def order_of(server):
    return [seen["c"] for seen in server.frames if seen["c"] not in ("logon", "subscribe")]


@pytest.mark.parametrize("end", ["unsubscribe", "stream", "all", "command", "collected"])
def test_batches_leave_before_an_unsubscribe(gathering, end):
    server, client = gathering(10)
    stream = client.subscribe("Q", sub_id="q")
    ack_all(client, [1, 2])
    if end == "stream":
        stream.close()
    elif end == "command":
        client.execute_async(AMPS.Command("unsubscribe").set_sub_id("q"), None)
    elif end == "collected":
        del stream
    else:
        client.unsubscribe("q" if end == "unsubscribe" else None)
    server.wait_for("unsubscribe")
    assert order_of(server) == ["sow_delete", "unsubscribe"]
    assert acks_seen(server) == [("Q", [1, 2])]


@pytest.mark.parametrize("end", ["disconnect", "close", "with"])
def test_batches_leave_before_a_close(gathering, end):
    server, client = gathering(10)
    ack_all(client, [1, 2, 3])
    if end == "with":
        with client:
            pass
    else:
        getattr(client, end)()
    server.wait_gone()
    assert acks_seen(server) == [("Q", [1, 2, 3])]


def test_batches_leave_when_the_client_is_collected(peer):
    server = peer()
    client = AMPS.Client("gone")
    client.connect(server.uri())
    client.logon()
    client.set_ack_batch_size(10)
    ack_all(client, [1, 2, 3])
    del client
    server.wait_gone()
    assert acks_seen(server) == [("Q", [1, 2, 3])]


def test_batches_leave_before_a_flush(gathering):
    server, client = gathering(10)
    ack_all(client, [1])
    client.publish_flush(5000)
    assert order_of(server) == ["sow_delete", "flush"]


def test_a_close_in_a_handler_sends_what_is_gathered(gathering):
    server, client = gathering(10)

    def handler(message):
        message.ack()
        client.close()

    client.subscribe(handler, "Q", sub_id="q")
    server.send(items(3))
    server.wait_gone()
    assert acks_seen(server) == [("Q", [1])]


@pytest.mark.parametrize(
    "change",
    [
        lambda client: client.set_ack_batch_size(20),
        lambda client: client.set_ack_batch_size(1),
        lambda client: client.set_ack_timeout(10_000),
        lambda client: client.set_auto_ack(False),
    ],
)
def test_a_change_of_the_rules_sends_what_is_gathered(gathering, change):
    server, client = gathering(10)
    ack_all(client, [1, 2])
    change(client)
    assert everything(server, client) == [("Q", [1, 2])]


def test_a_server_that_does_not_read_holds_up_no_ack(gathering):
    """ack() never waits, inside handlers or outside; all of it follows in order."""
    server, client = gathering(1, flush=stop_reading)
    client.publish_flush(5000)
    began = time.monotonic()
    for number in range(10_000):
        client.ack("a topic of some length, so that buffers fill" * 10, f"1|{number}|")
    assert time.monotonic() - began < 5
    server.go_on_reading()
    server.answers["flush"] = say()
    sent = [n for _, (n,) in wait_acks(server, 10_000)]
    assert sent == list(range(10_000))


def test_gathered_publishes_leave_with_an_ack(gathering):
    """Anything but a publish sends a batch of publishes."""
    server, client = gathering(1)
    client.set_publish_batching(100_000, 60_000)
    client.publish("t", "1")
    client.ack("Q", "1|1|")
    server.wait_for("sow_delete")
    assert order_of(server) == ["p", "sow_delete"]


# ---- Settings -----------------------------------------------------------------------------------


def test_what_is_set_at_first(new_client):
    client = new_client()
    assert (client.get_ack_batch_size(), client.get_ack_timeout()) == (1, 0)
    assert client.get_auto_ack() is False


def test_case_88_a_batch_needs_a_timeout(new_client):
    client = new_client()
    client.set_ack_batch_size(10)
    assert client.get_ack_timeout() == 1000
    with pytest.raises(AMPS.UsageException, match="timeout"):
        client.set_ack_timeout(0)
    assert client.get_ack_timeout() == 1000
    client.set_ack_batch_size(1)
    client.set_ack_timeout(0)
    with pytest.raises(AMPS.UsageException, match="timeout"):
        client.set_ack_batch_size(2)
    assert client.get_ack_batch_size() == 1
    client.set_ack_timeout(50)
    client.set_ack_batch_size(2)
    assert (client.get_ack_batch_size(), client.get_ack_timeout()) == (2, 50)


@pytest.mark.parametrize(
    ("setter", "value", "error"),
    [
        ("set_ack_batch_size", -1, AMPS.UsageException),
        ("set_ack_batch_size", 1 << 40, ValueError),
        ("set_ack_batch_size", "10", TypeError),
        ("set_ack_batch_size", 2.0, TypeError),
        ("set_ack_batch_size", None, TypeError),
        ("set_ack_batch_size", True, TypeError),
        ("set_ack_timeout", -1, AMPS.UsageException),
        ("set_ack_timeout", 1 << 40, ValueError),
        ("set_ack_timeout", "10", TypeError),
        ("set_ack_timeout", None, TypeError),
    ],
)
def test_settings_that_are_none(new_client, setter, value, error):
    client = new_client()
    with pytest.raises(error):
        getattr(client, setter)(value)
    assert (client.get_ack_batch_size(), client.get_ack_timeout()) == (1, 0)
