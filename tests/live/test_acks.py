"""Messages from queues are acknowledged by call: which of them, how, and by whom."""

import copy
import pickle
import queue
import threading

import pytest

import AMPS

from .queue_peer import acked, acks_seen, everything, grant, item, items, wait_acks
from .scripted_peer import delivery, frame, say


@pytest.fixture
def served(peer, log_on):
    """A peer with a queue of backlog 5, and a client that is subscribed to it by a stream."""
    server = peer(subscribe=grant(5))
    client = log_on(server)
    return server, client, client.subscribe("Q", sub_id="q").timeout(5000)


def taken(served, count=1, **more):
    server, _, stream = served
    server.send(items(count, **more))
    return [next(stream) for _ in range(count)]


def test_an_ack_is_one_sow_delete_with_nothing_else(served):
    server, _, _ = served
    taken(served)[0].ack()
    (sent,) = server.wait_for("sow_delete")
    cid = sent.pop("cid")
    assert cid.isdigit() and sent == {"c": "sow_delete", "t": "Q", "bm": "1|1|", "body": b""}


def test_the_four_ways_to_say_it(served):
    server, client, _ = served
    first, second, third, fourth = taken(served, 4)
    first.ack()
    client.ack(second)
    client.ack(third.get_topic(), third.get_bookmark())
    client.ack(topic=b"Q", bookmark=b"1|4|", options=None)
    assert wait_acks(server, 4) == [("Q", [number]) for number in (1, 2, 3, 4)]


@pytest.mark.parametrize("option", ["cancel", "expire", "lease_extension=10s", b"cancel"])
def test_options_go_to_the_server_as_they_are(served, option):
    server, client, _ = served
    first, second = taken(served, 2)
    first.ack(option)
    client.ack(second, options=option)
    client.ack("Q", "1|3|", option)
    text = option if isinstance(option, str) else option.decode()
    assert wait_acks(server, 3) == [("Q", [number], text) for number in (1, 2, 3)]


@pytest.mark.parametrize("options", [None, "", b"", 0, "none", AMPS.Message.Options()])
def test_no_options(served, options):
    taken(served)[0].ack(options)
    assert wait_acks(served[0], 1) == [("Q", [1])]


def test_copies_can_be_acknowledged(served):
    server, _, _ = served
    first, second = taken(served, 2)
    copy.deepcopy(first).ack()
    copied = copy.copy(second)
    del first, second
    copied.ack()
    assert wait_acks(server, 2) == [("Q", [1]), ("Q", [2])]


def test_a_copy_is_acknowledged_after_its_handler_has_returned(peer, log_on):
    server, kept = peer(subscribe=grant(5)), queue.Queue()
    client = log_on(server)
    client.subscribe(lambda message: kept.put(copy.deepcopy(message)), "Q", sub_id="q")
    server.send(items(3))
    for _ in range(3):
        kept.get(timeout=10).ack()
    assert wait_acks(server, 3) == [("Q", [1]), ("Q", [2]), ("Q", [3])]


def test_what_is_not_from_a_queue_is_left_alone(peer, log_on):
    server = peer()
    client = log_on(server)
    stream = client.subscribe("t", sub_id="s")
    server.send(delivery(b"1") + delivery(b"2", bm="1|2|") + delivery(b"3", bm="", lp="x"))
    for _ in range(3):
        message = next(stream)
        message.ack()
        client.ack(message, "cancel")
    assert everything(server, client) == []


def test_without_a_lease_the_granted_backlog_tells(served):
    """QU-2, a DECISION: queues that lease nothing count what is not acknowledged, too."""
    server, client, _ = served
    taken(served, lp=None)[0].ack()
    assert wait_acks(server, 1) == [("Q", [1])]


@pytest.mark.parametrize("options", ["max_backlog=", "max_backlog=x5", "backlog=5", "", "oof"])
def test_an_answer_that_grants_no_backlog(peer, log_on, options):
    server = peer(subscribe=say(opts=options))
    client = log_on(server)
    stream = client.subscribe("Q", sub_id="q")
    server.send(item(1, lp=None))
    next(stream).ack()
    assert everything(server, client) == []


@pytest.mark.parametrize("key", ["o", "opts", "options"])
def test_every_spelling_of_the_grant(peer, log_on, key):
    server = peer(subscribe=say(**{key: "oof, max_backlog=3"}))
    stream = log_on(server).subscribe("Q", sub_id="q")
    server.send(item(1, lp=None))
    next(stream).ack()
    assert wait_acks(server, 1) == [("Q", [1])]


def test_messages_of_no_client(served):
    server, client, _ = served
    (message,) = taken(served)
    made = AMPS.Message().set_topic("Q").set_bookmark("1|9|")
    made.ack()
    pickle.loads(pickle.dumps(message)).ack()
    assert everything(server, client) == []


def test_a_message_made_by_hand_counts_by_its_fields(served):
    server, client, _ = served
    (message,) = taken(served)
    message.set_bookmark("1|8|")
    client.ack(message)
    client.ack(AMPS.Message().set_topic("Q").set_bookmark("1|9|"))
    assert everything(server, client) == [("Q", [8])]


def test_a_message_is_acknowledged_by_another_client(served, log_on):
    server, client, _ = served
    (message,) = taken(served)
    server.hang_up()
    server.wait_gone()
    other = log_on(server, "other")
    other.ack(message)
    assert wait_acks(server, 1) == [("Q", [1])]


def test_a_message_outlives_its_client(peer):
    server = peer(subscribe=grant(5))
    client = AMPS.Client("gone")
    client.connect(server.uri())
    client.logon()
    stream = client.subscribe("Q", sub_id="q")
    server.send(item(1))
    message = next(stream)
    client.close()
    del client, stream
    message.ack()
    assert acks_seen(server) == []


def test_topics_and_bookmarks_with_escapes(peer, log_on):
    server = peer(subscribe=grant(5))
    stream = log_on(server).subscribe('Q"\\ü', sub_id="q")
    server.send(frame(b'{"c":"p","t":"Q\\"\\\\\\u00fc","sids":"q","bm":"1\\"|1|","lp":"x"}', b"1"))
    next(stream).ack()
    (sent,) = server.wait_for("sow_delete")
    assert (sent["t"].encode("latin-1").decode(), sent["bm"]) == ('Q"\\ü', '1"|1|')


def test_acks_in_handlers_and_on_other_threads(peer, log_on):
    server = peer(subscribe=grant(500))
    client = log_on(server)
    client.subscribe(lambda message: message.ack(), "Q", sub_id="q")
    server.send(items(200))

    def acknowledge(first):
        for number in range(first, first + 100):
            client.ack("Q", f"1|{number}|")

    threads = [threading.Thread(target=acknowledge, args=(first,)) for first in (1000, 2000, 3000)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    sent = [numbers for _, numbers in wait_acks(server, 500)]
    assert sorted(sent) == [
        [n] for first in (1, 101, 1000, 2000, 3000) for n in range(first, first + 100)
    ]
    for first in (1000, 2000, 3000):
        mine = [n for (n,) in sent if first <= n < first + 100]
        assert mine == sorted(mine)


def test_command_ids_are_nobodys(served):
    """An id that the program chose is never used for an acknowledgement."""
    server, client, stream = served
    for number in range(100, 130):
        client.subscribe("t", sub_id=str(number))
    taken(served)[0].ack()
    (sent,) = server.wait_for("sow_delete")
    used = {seen["cid"] for seen in server.frames if seen["c"] != "sow_delete" and "cid" in seen}
    assert sent["cid"] not in used | {str(number) for number in range(100, 130)}
    assert acked(sent) == ("Q", [1])
