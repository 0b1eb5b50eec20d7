"""Acknowledgements and losses: an HAClient keeps them, stores replay them, a Client drops them."""

import copy
import ctypes
import threading

import pytest

import AMPS

from .failover import wait_ready, watch
from .queue_peer import QUICK_MS, SLOW_MS, acked, acks_seen, everything, grant, items, wait_acks
from .scripted_peer import ack, hang_up, in_turn, say, stay_silent, wait_until
from .test_publish_store_custom import Chained, Listed


def ack_all(client, numbers, topic="Q"):
    for number in numbers:
        client.ack(topic, f"1|{number}|")


def verbs(server, connection_from):
    """What came since so many frames, in short."""
    return [seen["c"] for seen in server.frames[connection_from:]]


# ---- Without a store ----------------------------------------------------------------------------


def test_case_92_pending_acks_are_sent_before_the_subscriptions_are_placed_again(peer, come_up):
    server = peer(subscribe=grant(100))
    client = come_up(server, no_store=True)
    client.set_ack_batch_size(10)
    client.set_ack_timeout(SLOW_MS)
    states = watch(client)
    stream = client.subscribe("Q", sub_id="q").timeout(5000)
    server.send(items(4))
    for _ in range(4):
        next(stream).ack()
    before = len(server.frames)
    server.hang_up()
    wait_ready(states)
    assert verbs(server, before) == ["logon", "sow_delete", "subscribe"]
    assert acks_seen(server) == [("Q", [1, 2, 3, 4])]


@pytest.fixture
def cut_off(peer, come_up):
    """A peer, an HAClient that has lost it, its states, and what lets it come back."""
    server, let_in = peer(subscribe=grant(100)), threading.Event()
    client = come_up(server, no_store=True, send_buffer_size=4096)
    states = watch(client)
    stream = client.subscribe("Q", sub_id="q")

    def late(peer, seen):
        assert let_in.wait(10)
        say()(peer, seen)

    server.answers["logon"] = late
    server.hang_up()
    states.wait_for(lambda seen: 0 in seen)
    yield server, client, states, let_in
    let_in.set()
    stream.close()


def test_acks_during_an_outage_join_the_batch(cut_off):
    """QU-9: they are kept, in order, whatever the batch size; options, too."""
    server, client, states, let_in = cut_off
    ack_all(client, [1, 2])
    client.ack("Q", "1|3|", "cancel")
    client.set_ack_batch_size(10)
    ack_all(client, [4, 5])
    let_in.set()
    wait_ready(states)
    expected = [("Q", [1]), ("Q", [2]), ("Q", [3], "cancel"), ("Q", [4, 5])]
    assert everything(server, client) == expected


def test_more_than_a_send_buffer_holds_is_sent_before_the_subscriptions(cut_off):
    server, client, states, let_in = cut_off
    ack_all(client, range(1000))
    let_in.set()
    wait_ready(states)
    assert [seen["c"] for seen in server.frames[-1001:]] == ["sow_delete"] * 1000 + ["subscribe"]
    assert acks_seen(server) == [("Q", [number]) for number in range(1000)]


def test_acks_in_the_handler_of_the_connection_that_is_lost(peer, come_up):
    """The thread that would have to wait is the one that brings the client back: ack() returns,
    and what it was told follows."""
    server = peer(subscribe=grant(100))
    client = come_up(server, no_store=True)
    states = watch(client)

    def handler(message):
        server.hang_up()
        with pytest.raises(AMPS.DisconnectedException):
            while True:
                client.publish("t", "until it is noticed")
        message.ack()

    client.subscribe(handler, "Q", sub_id="q")
    server.send(items(1))
    wait_ready(states)
    assert everything(server, client) == [("Q", [1])]


def test_they_survive_several_attempts(peer, come_up):
    server = peer(logon=in_turn(say(), hang_up, hang_up, say()))
    client = come_up(server, no_store=True)
    client.set_ack_batch_size(10)
    states = watch(client)
    ack_all(client, [1, 2])
    server.hang_up()
    wait_ready(states)
    assert everything(server, client) == [("Q", [1, 2])]


def test_disconnect_sends_them_and_close_ends_them(peer, come_up):
    server = peer()
    client = come_up(server, no_store=True)
    client.set_ack_batch_size(10)
    ack_all(client, [1])
    client.disconnect()
    server.wait_gone()
    with pytest.raises(AMPS.DisconnectedException):
        client.ack("Q", "1|2|")
    client.connect_and_logon()
    ack_all(client, [3])
    client.close()
    server.wait_gone(2)
    with pytest.raises(AMPS.DisconnectedException):
        client.ack("Q", "1|4|")
    assert acks_seen(server) == [("Q", [1]), ("Q", [3])]


def test_an_ha_client_that_has_never_connected(new_ha, peer):
    client = new_ha(peer())
    with pytest.raises(AMPS.DisconnectedException, match="ack"):
        client.ack("Q", "1|1|")


def test_a_client_drops_what_was_gathered(peer, log_on):
    server = peer()
    client = log_on(server)
    client.set_exception_listener([].append)
    client.set_ack_batch_size(10)
    ack_all(client, [1, 2])
    server.hang_up()
    server.wait_gone()
    wait_until(lambda: not is_connected(client))
    with pytest.raises(AMPS.DisconnectedException, match="ack"):
        client.ack("Q", "1|3|")
    client.connect(server.uri())
    with pytest.raises(AMPS.LogonRequiredException):
        client.ack("Q", "1|4|")
    client.logon()
    ack_all(client, [5])
    client.publish_flush(5000)
    assert acks_seen(server) == [("Q", [5])]


def is_connected(client):
    return "not connected" not in repr(client)


def test_the_timer_goes_on_after_coming_back(peer, come_up):
    server = peer()
    client = come_up(server, no_store=True)
    client.set_ack_batch_size(10)
    client.set_ack_timeout(QUICK_MS)
    states = watch(client)
    server.hang_up()
    wait_ready(states)
    ack_all(client, [1, 2])
    assert wait_acks(server, 1) == [("Q", [1, 2])]


# ---- Through a publish store --------------------------------------------------------------------


def store_of(kind, folder):
    if kind == "memory":
        return AMPS.MemoryPublishStore()
    if kind == "file":
        return AMPS.PublishStore(str(folder / "store"))
    if kind == "hybrid":
        return AMPS.HybridPublishStore(str(folder / "store"), 2)
    return Listed() if kind == "listed" else Chained()


KINDS = pytest.mark.parametrize("kind", ["memory", "file", "hybrid", "listed", "chained"])


@pytest.fixture
def stored(peer, come_up, tmp_path):
    """A peer, and an HAClient with a store of this kind: stored(kind, **answers)."""

    def make(kind, **answers):
        server = peer(**{"sow_delete": stay_silent, "p": stay_silent, **answers})
        client = come_up(server, no_store=True)
        client.set_publish_store(store_of(kind, tmp_path))
        return server, client

    return make


@KINDS
def test_acks_and_publishes_are_numbered_in_one_order(stored, kind):
    server, client = stored(kind)
    first = client.publish("t", "1")
    client.ack("Q", "1|1|")
    client.publish("t", "3")
    (sent,) = server.wait_for("sow_delete")
    server.wait_for("p", 2)
    assert (sent["s"], sent["a"], acked(sent)) == (first + 1, "persisted", ("Q", [1]))
    assert [seen["s"] for seen in server.seen("p")] == [first, first + 2]
    assert client.get_unpersisted_count() == 3


@KINDS
def test_case_93_a_stored_ack_is_replayed_with_its_number(stored, kind):
    server, client = stored(kind)
    states = watch(client)
    client.set_ack_batch_size(3)
    ack_all(client, [1, 2, 3])
    client.ack("Q", "1|4|", "expire")
    before = server.wait_for("sow_delete", 2)
    server.hang_up()
    wait_ready(states)
    again = server.wait_for("sow_delete", 4)[2:]
    assert again == before
    assert [acked(frame) for frame in again] == [("Q", [1, 2, 3]), ("Q", [4], "expire")]
    server.send(ack({"cid": None}, kind="persisted", s=again[-1]["s"]))
    wait_until(lambda: client.get_unpersisted_count() == 0)


@KINDS
def test_a_timer_stores_and_sends(stored, kind):
    server, client = stored(kind)
    client.set_ack_batch_size(10)
    client.set_ack_timeout(QUICK_MS)
    for turn in range(3):
        ack_all(client, [turn, 100 + turn])
        wait_acks(server, turn + 1)
    assert acks_seen(server) == [("Q", [turn, 100 + turn]) for turn in range(3)]
    assert client.get_unpersisted_count() == 3


@KINDS
def test_a_flush_waits_until_the_acks_are_persisted(stored, kind):
    def persist(peer, seen):
        peer.send(ack({"cid": None}, kind="persisted", s=seen["s"]))

    server, client = stored(kind, sow_delete=persist)
    client.set_ack_batch_size(10)
    client.set_ack_timeout(SLOW_MS)
    ack_all(client, [1, 2])
    client.publish_flush(5000)
    assert (acks_seen(server), client.get_unpersisted_count()) == ([("Q", [1, 2])], 0)


@KINDS
def test_a_refused_ack_goes_to_the_failed_write_handler(stored, kind):
    def refuse(peer, seen):
        peer.send(ack({"cid": None}, "failure", "persisted", s=seen["s"], reason="not entitled"))

    server, client = stored(kind, sow_delete=refuse)
    failed = []
    client.set_failed_write_handler(lambda message, why: failed.append((copy.copy(message), why)))
    client.ack("Q", "1|1|", "cancel")
    wait_until(lambda: failed)
    ((message, why),) = failed
    assert why == "not entitled"
    assert (message.get_command(), message.get_topic()) == ("sow_delete", "Q")
    assert (message.get_bookmark(), message.get_options()) == ("1|1|", "cancel")
    wait_until(lambda: client.get_unpersisted_count() == 0)


@KINDS
def test_handlers_that_acknowledge_of_themselves_through_a_store(stored, kind):
    server, client = stored(kind, subscribe=grant(100))
    client.set_auto_ack(True)
    client.subscribe(lambda message: None, "Q", sub_id="q")
    server.send(items(20))
    assert wait_acks(server, 20) == [("Q", [n]) for n in range(1, 21)]
    numbers = [frame["s"] for frame in server.seen("sow_delete")]
    assert numbers == list(range(numbers[0], numbers[0] + 20))


@KINDS
def test_functions_in_c_that_acknowledge_of_themselves_through_a_store(stored, kind):
    function = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)(lambda message, data: None)
    server, client = stored(kind, subscribe=grant(100))
    client.set_auto_ack(True)
    client.subscribe(AMPS.CMessageHandler(function), "Q", sub_id="q")
    server.send(items(20))
    assert wait_acks(server, 20) == [("Q", [n]) for n in range(1, 21)]


@KINDS
def test_threads_acknowledge_and_publish_through_a_store(stored, kind):
    server, client = stored(kind)
    client.set_ack_batch_size(5)

    def work(first):
        for number in range(first, first + 50):
            client.ack("Q", f"1|{number}|")
            client.publish("t", str(number))

    workers = [threading.Thread(target=work, args=(first,)) for first in (1000, 2000, 3000)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    wait_acks(server, 30)
    server.wait_for("p", 150)
    numbers = [seen["s"] for seen in server.frames if "s" in seen]
    assert numbers == list(range(numbers[0], numbers[0] + 180))


# ---- Stores that fail ---------------------------------------------------------------------------


class Failing(Listed):
    def store(self, message):
        raise RuntimeError("the disk is on fire")


class Calling(Listed):
    """Calls the client that is calling it."""

    def store(self, message):
        self.client.ack("Q", "1|99|")


@pytest.mark.parametrize("kind", [Failing, Calling])
def test_a_store_that_fails_is_heard_of(stored, kind):
    server, client = stored("memory")
    store = kind()
    store.client = client
    client.set_publish_store(store)
    with pytest.raises((RuntimeError, AMPS.UsageException)):
        client.ack("Q", "1|1|")
    client.set_ack_batch_size(10)
    client.set_ack_timeout(QUICK_MS)
    client.ack("Q", "1|2|")
    client.problems.wait_for(len)
    assert acks_seen(server) == []


def test_a_store_that_is_closed_is_heard_of(stored, tmp_path):
    server, client = stored("memory")
    store = AMPS.PublishStore(str(tmp_path / "closed"))
    client.set_publish_store(store)
    store.close()
    with pytest.raises(AMPS.StoreException):
        client.ack("Q", "1|1|")
    client.set_ack_batch_size(10)
    client.set_ack_timeout(QUICK_MS)
    client.ack("Q", "1|2|")
    client.problems.wait_for(len)
    client.set_publish_store(None)
    client.ack("Q", "1|3|", "cancel")
    assert wait_acks(server, 1) == [("Q", [3], "cancel")]


def test_a_store_that_may_not_grow_holds_up_nobody(stored):
    """The ack waits for room; ack() does not."""
    server, client = stored("memory")
    store, asked = AMPS.MemoryPublishStore(1, 256), []
    store.set_resize_handler(lambda store, size: asked.append(size) and False)
    client.set_publish_store(store)
    for number in range(1, 30):
        client.ack("Q", f"1|{number}|")
    assert asked and len(acks_seen(server)) < 29
    store.set_resize_handler(lambda store, size: True)
    assert wait_acks(server, 29) == [("Q", [n]) for n in range(1, 30)]
