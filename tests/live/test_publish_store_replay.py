"""What a publish store holds is sent again in order: while others publish, large or small, to a
server that does not read, and from inside handlers."""

import queue
import threading
import time

import pytest

import AMPS
from amps_sandbox import Fault, Sandbox

from .calls import Failing, assert_interrupted
from .scripted_peer import PATIENCE_S, ack, stay_silent, stop_reading, wait_until

MANY = 100_000
LARGE = 16 * 1024 * 1024  # bytes of a body
AT_ONCE_S = 1.0
FLUSH_MS = 50_000


@pytest.fixture
def logged():
    with Sandbox(txlog=[".*"], ack_conflation="10ms") as server:
        yield server


def numbers_of(server):
    return [entry.sequence for entry in server.journal("t")]


@pytest.mark.parametrize("kind", ["memory", "file", "hybrid"])
def test_case_37_a_server_killed_in_the_middle_has_each_message_once_in_order(
    logged, new_ha_client, tmp_path, kind
):
    store = {
        "memory": AMPS.MemoryPublishStore,
        "file": lambda: AMPS.PublishStore(tmp_path / "store"),
        "hybrid": lambda: AMPS.HybridPublishStore(tmp_path / "store", 50_000),
    }[kind]()
    client = new_ha_client(logged.uri(), store=store)
    client.connect_and_logon()
    numbers = []

    def publish():
        numbers.extend(client.publish("t", f"message {each}") for each in range(MANY))

    publishing = Failing(publish)
    for share in (0.2, 0.5):
        logged.wait_until(lambda share=share: len(logged.journal()) > MANY * share, PATIENCE_S)
        logged.kill()
        logged.restart(keep_data=True)
    publishing.join(PATIENCE_S * 3)
    client.publish_flush(FLUSH_MS)
    assert len(numbers) == MANY and numbers_of(logged) == numbers
    assert client.get_unpersisted_count() == 0


def test_case_46_threads_that_publish_during_a_replay_keep_the_order(logged, new_ha_client):
    """Sequences on the wire of one connection only rise: anything below is dropped in silence."""
    client = new_ha_client(logged.uri())
    for each in range(20_000):
        client.publish("t", f"before {each}")

    def publish():
        for each in range(2000):
            client.publish("t", f"during {each}")

    threads = [Failing(publish) for _ in range(4)]
    client.connect_and_logon()
    assert [each.result() for each in threads] == [None] * 4
    client.publish_flush(FLUSH_MS)
    numbers = numbers_of(logged)
    assert len(numbers) == 28_000 and numbers == sorted(set(numbers))


def test_replayed_frames_are_the_same_bytes(peer, new_ha_client):
    """PS-4: all that was said comes again, whoever said it."""
    server = peer(p=stay_silent, delta_publish=stay_silent)
    client = new_ha_client(server.uri())
    client.connect_and_logon()
    client.publish("t", "plain")
    client.publish("t", b"\xf0\x00", 60, "c,1", "key")
    client.delta_publish("t/\u00e4", '{"a":"\u00e4"}', 5)
    command = AMPS.Command("publish").set_topic("u").set_data("x").set_ack_type("processed")
    client.execute_async(command.set_correlation_id("mine"), None)
    first = list(server.wait_for("p", 3) + server.wait_for("delta_publish"))
    server.hang_up()
    server.wait_for("p", 6)
    server.wait_for("delta_publish", 2)
    again = server.seen("p")[3:] + server.seen("delta_publish")[1:]
    assert again == first


def test_large_messages_are_kept_and_sent_again(new_ha_client):
    with Sandbox(txlog=[".*"], ack_conflation="0") as server:
        client = new_ha_client(server.uri())
        client.connect_and_logon()
        sizes = [10, LARGE, 20, LARGE, 30]
        numbers = [client.publish("t", b"x" * size) for size in sizes[:2]]
        server.faults.add(Fault(on="bytes_in", action="reset", after=LARGE // 2))
        numbers += [client.publish("t", b"y" * size) for size in sizes[2:]]
        client.publish_flush(FLUSH_MS)
        entries = server.journal("t")
        assert [entry.sequence for entry in entries] == numbers
        assert [len(entry.data) for entry in entries] == sizes


def test_batches_do_not_change_the_order(logged, new_ha_client):
    """PB-2: what a batch held when the connection broke is in the store."""
    client = new_ha_client(logged.uri())
    client.set_publish_batching(5000, 10_000)
    client.connect_and_logon()
    numbers = [client.publish("t", str(each)) for each in range(500)]
    logged.disconnect()
    numbers += [client.publish("t", str(each)) for each in range(500)]
    client.publish_flush(FLUSH_MS)
    assert numbers_of(logged) == numbers


# ---- A server that does not read -----------------------------------------------------------------


@pytest.fixture
def stuck(peer, new_ha_client):
    """A client with a small send buffer whose server has stopped reading, and who publishes."""
    server = peer(logon=stop_reading, p=stay_silent)
    client = new_ha_client(server.uri(), send_buffer_size=100_000)
    client.connect_and_logon()
    numbers = []

    def publish():
        numbers.extend(client.publish("t", "x" * 1000) for _ in range(20_000))

    publishing = Failing(publish)
    last, pause = -1, threading.Event()
    while client.get_unpersisted_count() != last:  # no progress for a while: it waits
        last = client.get_unpersisted_count()
        pause.wait(0.2)
    assert publishing.is_alive()
    return server, client, publishing


def test_a_full_buffer_holds_publishers_up_and_loses_nothing(stuck):
    server, client, publishing = stuck
    server.go_on_reading()
    assert publishing.result() is None
    seen = [frame["s"] for frame in server.wait_for("p", 20_000)]
    assert seen == sorted(set(seen)) and len(seen) == 20_000


def test_closing_wakes_who_waits_for_a_full_buffer(stuck):
    _, client, publishing = stuck
    closing = Failing(client.close)
    assert isinstance(publishing.result(), AMPS.DisconnectedException)
    assert "the publish store has the message" in str(publishing.error)
    assert closing.result() is None


def test_ctrl_c_ends_the_wait_for_a_full_buffer_and_the_message_is_kept(stuck):
    _, client, _ = stuck
    before = client.get_unpersisted_count()
    assert_interrupted(
        lambda: client.publish("t", "kept"),
        lambda: wait_until(lambda: client.get_unpersisted_count() > before, "the wait"),
    )
    assert client.get_unpersisted_count() > before


# ---- Inside handlers -----------------------------------------------------------------------------


def test_a_handler_publishes_through_the_store(logged, new_ha_client):
    client, numbers = new_ha_client(logged.uri()), queue.Queue()
    client.connect_and_logon()
    client.subscribe(lambda message: numbers.put(client.publish("t", message.data)), "in")
    for each in range(100):
        logged.publish("in", str(each))
    given = [numbers.get(timeout=PATIENCE_S) for _ in range(100)]
    client.publish_flush(FLUSH_MS)
    assert numbers_of(logged) == given


def test_a_handler_never_waits_though_the_server_takes_nothing(stuck, peer):
    """TH-7: the thread that would wait is the one that acks come in on."""
    server, client, _ = stuck
    took = queue.Queue()

    def handle(message, reason):
        began = time.monotonic()
        client.publish("t", "x" * 100_000)
        took.put(time.monotonic() - began)

    client.set_failed_write_handler(handle)
    server.send(ack({"cid": None}, "failure", "persisted", s=1, reason="r"))
    assert took.get(timeout=PATIENCE_S) < AT_ONCE_S


# ---- Room ----------------------------------------------------------------------------------------


class Full:
    """A store that may not grow until `allows` is set, and counts who asked."""

    def __init__(self):
        self.store = AMPS.MemoryPublishStore(blocksPerRealloc=4, blockSize=256)
        self.allows, self.asked, self.calls = False, threading.Event(), []
        self.store.set_resize_handler(self.resize)

    def resize(self, store, size):
        self.calls.append((store, size))
        self.asked.set()
        return self.allows


def publish_many(client, count=20):
    return [client.publish("t", "x" * 200) for _ in range(count)]


def test_case_50_a_publish_waits_for_consent_and_then_succeeds(peer, new_ha_client):
    """DECISION of the specification: False means wait, asked again each second."""
    server, full = peer(p=stay_silent), Full()
    client = new_ha_client(server.uri(), store=full.store)
    client.connect_and_logon()
    publishing = Failing(publish_many, client)
    assert full.asked.wait(PATIENCE_S)
    before = full.store.get_unpersisted_count()
    publishing.join(0.1)
    assert publishing.is_alive()
    assert full.store.get_unpersisted_count() == before
    full.allows = True
    assert publishing.result() is None
    frames = [frame["s"] for frame in server.wait_for("p", 20)]
    assert frames == list(range(frames[0], frames[0] + 20)), "a number was used in vain"
    store, size = full.calls[0]
    assert store is full.store and size > 4 * 256


def test_case_50_acks_make_room_for_who_waits(peer, new_ha_client):
    def acknowledge(server, seen):
        server.send(ack({"cid": None}, kind="persisted", s=seen["s"]))

    server, full = peer(p=stay_silent), Full()
    client = new_ha_client(server.uri(), store=full.store)
    client.connect_and_logon()
    publishing = Failing(publish_many, client)
    assert full.asked.wait(PATIENCE_S)
    while publishing.is_alive():
        sent = server.seen("p")
        if sent:
            acknowledge(server, sent[-1])
        publishing.join(0.01)
    assert publishing.result() is None


def test_case_50_closing_ends_the_wait_for_room(peer, new_ha_client):
    full = Full()
    client = new_ha_client(peer(p=stay_silent).uri(), store=full.store)
    client.connect_and_logon()
    threads = [Failing(publish_many, client) for _ in range(3)]
    assert full.asked.wait(PATIENCE_S)
    client.close()
    assert {type(each.result()) for each in threads} == {AMPS.DisconnectedException}


def test_case_50_ctrl_c_ends_the_wait_for_room_and_nothing_is_stored(peer, new_ha_client):
    full = Full()
    client = new_ha_client(peer(p=stay_silent).uri(), store=full.store)
    client.connect_and_logon()
    assert_interrupted(lambda: publish_many(client), lambda: full.asked.wait(PATIENCE_S))
    count = full.store.get_unpersisted_count()
    assert 0 < count < 20
    full.allows = True
    publish_many(client, 1)
    assert full.store.get_unpersisted_count() == count + 1


def test_case_50_inside_a_handler_it_raises_at_once(peer, new_ha_client):
    full, problems = Full(), queue.Queue()
    server = peer(p=stay_silent)
    client = new_ha_client(server.uri(), store=full.store)
    client.set_exception_listener(problems.put)
    client.set_failed_write_handler(lambda message, reason: publish_many(client))
    client.connect_and_logon()
    server.send(ack({"cid": None}, "failure", "persisted", s=1, reason="r"))
    problem = problems.get(timeout=PATIENCE_S)
    assert isinstance(problem, AMPS.StoreException) and "handler" in str(problem)


def test_what_a_resize_handler_raises_comes_out_of_the_publish(peer, new_ha_client):
    client = new_ha_client(peer(p=stay_silent).uri(), store=AMPS.MemoryPublishStore(4, False, 256))
    client.connect_and_logon()

    def fail(store, size):
        raise KeyError(size)

    store = AMPS.MemoryPublishStore(4, False, 256)
    store.set_resize_handler(fail)
    client.set_publish_store(store)
    with pytest.raises(KeyError):
        publish_many(client)
    with pytest.raises(TypeError, match="handler"):
        store.set_resize_handler("no handler")
