"""Publish stores that the program brings along: by duck typing, and by subclassing."""

import queue
import threading

import pytest

import AMPS
from amps_sandbox import Sandbox, Topic

from .calls import Failing
from .custom_stores import Listed
from .scripted_peer import PATIENCE_S, ack, say, stay_silent, wait_until


class Chained(AMPS.MemoryPublishStore):
    """One of the module's with a method of its own, so that Python is asked."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.stored = []

    def store(self, message):
        number = super().store(message)
        self.stored.append(message.get_data())
        return number


KINDS = pytest.mark.parametrize("make", [Listed, Chained])


@pytest.fixture
def logged():
    with Sandbox(topics=[Topic("orders", ["/id"])], txlog=[".*"], ack_conflation="0") as server:
        yield server


def bodies(server):
    return [entry.data.decode() for entry in server.journal("t")]


def persisted(number, status="success", **more):
    return ack({"cid": None}, status, "persisted", s=number, **more)


@KINDS
def test_publishes_are_stored_sent_and_discarded(logged, new_ha_client, make):
    store = make()
    client = new_ha_client(logged.uri(), store=store)
    before = client.publish("t", "before")
    client.connect_and_logon()
    assert client.publish("t", "after", 60, "c", "k") == before + 1
    assert client.delta_publish("t", "delta") == before + 2
    command = AMPS.Command("publish").set_topic("t").set_data("command")
    client.execute_async(command, None)
    assert command.get_sequence() == before + 3
    client.publish_flush(5000)
    assert bodies(logged) == ["before", "after", "delta", "command"]
    assert client.get_unpersisted_count() == 0


@KINDS
def test_a_lost_server_is_sent_all_that_is_held_in_order(logged, new_ha_client, make):
    client = new_ha_client(logged.uri(), store=make())
    client.connect_and_logon()
    numbers = [client.publish("t", "up")]
    client.publish_flush(5000)
    logged.kill()
    numbers += [client.publish("t", f"down {each}") for each in range(100)]
    logged.restart()
    numbers += [client.publish("t", f"back {each}") for each in range(100)]
    client.publish_flush(10_000)
    assert [entry.sequence for entry in logged.journal("t")] == numbers


@KINDS
def test_case_46_threads_publish_while_it_replays(logged, new_ha_client, make):
    client = new_ha_client(logged.uri(), store=make())
    client.connect_and_logon()

    def publish():
        for each in range(500):
            client.publish("t", str(each))

    threads = [Failing(publish) for _ in range(4)]
    for _ in range(3):
        logged.disconnect()
        logged.wait_until(logged.clients, PATIENCE_S)
    assert [each.result() for each in threads] == [None] * 4
    client.publish_flush(20_000)
    numbers = [entry.sequence for entry in logged.journal("t")]
    assert len(numbers) == 2000 and numbers == sorted(numbers)


@KINDS
def test_a_sow_delete_goes_through_it(logged, new_ha_client, make):
    client = new_ha_client(logged.uri(), store=make())
    client.connect_and_logon()
    number = client.publish("orders", '{"id":1}')
    assert int(client.sow_delete("orders", "1=1", 5000).get_sow_deleted()) == 1
    client.publish_flush(5000)
    assert [entry.sequence for entry in logged.journal()] == [number, number + 1]


@KINDS
def test_a_refused_message_is_shown_and_goes(peer, new_ha_client, make):
    """A store that can only discard up to a number does so when none below is left."""
    server = peer(p=stay_silent)
    client, failed = new_ha_client(server.uri(), store=make()), queue.Queue()
    client.set_failed_write_handler(lambda message, reason: failed.put((message.data, reason)))
    client.connect_and_logon()
    numbers = [client.publish("t", f"m{each}") for each in range(3)]
    server.wait_for("p", 3)
    server.send(persisted(numbers[2], "failure", reason="bad data"))
    server.send(persisted(numbers[1], "failure", reason="worse"))
    assert failed.get(timeout=PATIENCE_S) == ("m2", "bad data")
    assert failed.get(timeout=PATIENCE_S) == ("m1", "worse")
    server.send(persisted(numbers[0]))
    client.publish_flush(5000)


@KINDS
def test_a_refused_message_goes_though_nobody_minds(peer, new_ha_client, make, inbox):
    server = peer(p=stay_silent)
    client = new_ha_client(server.uri(), store=make())
    client.set_last_chance_message_handler(inbox)
    client.connect_and_logon()
    number = client.publish("t", "x")
    server.send(persisted(number, "failure", reason="bad data"))
    client.publish_flush(5000)
    assert inbox.get().get_reason() == "bad data"


@KINDS
def test_odd_acks_do_no_harm(peer, new_ha_client, make):
    server = peer(p=stay_silent)
    client, told = new_ha_client(server.uri(), store=make()), queue.Queue()
    client.set_exception_listener(told.put)
    client.connect_and_logon()
    numbers = [client.publish("t", "x") for _ in range(3)]
    for number in ("", "x", -1, 10**30, numbers[1], numbers[0], numbers[1]):
        server.send(persisted(number))
    wait_until(lambda: client.get_unpersisted_count() == 1, "two to go")
    assert client.get_unpersisted_count() == 1
    server.send(persisted(numbers[2]))
    client.publish_flush(5000)
    assert all(isinstance(each, AMPS.StoreException) for each in told.queue), list(told.queue)


def test_a_gap_is_noticed_where_the_store_can_tell(peer, new_ha_client):
    store = Chained(errorOnPublishGap=True)
    message = AMPS.Message()
    message.set_command("publish").set_topic("t").set_data("x")
    store.discard_up_to(store.store(message))
    server = peer(logon=say(s=5))
    client = new_ha_client(server.uri(), store=store)
    client.set_server_chooser(once(server.uri()))
    with pytest.raises(AMPS.ConnectionException, match="discarded them up to"):
        client.connect_and_logon()


def once(uri):
    """A chooser that names its server once."""

    class Once(AMPS.DefaultServerChooser):
        def report_failure(self, problem, info):
            super().report_failure(problem, info)
            self.get_current_uri = lambda: None

    chooser = Once()
    chooser.add(uri)
    return chooser


# ---- Stores that misbehave -----------------------------------------------------------------------

REENTRANT = {
    "publish": lambda client: client.publish("t", "x"),
    "delta_publish": lambda client: client.delta_publish("t", "x"),
    "subscribe": lambda client: client.subscribe(print, "t"),
    "sow_delete": lambda client: client.sow_delete("t", "1=1"),
    "publish_flush": lambda client: client.publish_flush(100),
    "execute": lambda client: client.execute(AMPS.Command("publish").set_topic("t")),
    "set_publish_store": lambda client: client.set_publish_store(None),
}


@pytest.mark.parametrize("call", REENTRANT.values(), ids=REENTRANT)
def test_a_store_that_calls_back_is_refused_and_nothing_is_sent(logged, new_ha_client, call):
    """TH-15."""

    class Calling(Listed):
        def store(self, message):
            call(client)
            return super().store(message)

    client = new_ha_client(logged.uri(), store=Calling())
    client.connect_and_logon()
    with pytest.raises(AMPS.UsageException, match="publish store"):
        client.publish("t", "x")
    assert client.get_unpersisted_count() == 0
    assert logged.received("publish") == []


class Wrong(Exception):
    """What a store raises here."""


@pytest.mark.parametrize("result", [Wrong("full"), 0, -1, 2**64, "7", None, 1.5, True], ids=repr)
def test_a_store_that_does_not_give_a_number_sends_nothing(logged, new_ha_client, result):
    class Bad(Listed):
        def store(self, message):
            if message.get_data() != "bad":
                return super().store(message)
            if isinstance(result, Exception):
                raise result
            return result

    client = new_ha_client(logged.uri(), store=Bad())
    client.connect_and_logon()
    with pytest.raises((Wrong, TypeError, AMPS.UsageException)):
        client.publish("t", "bad")
    client.publish("t", "good")
    client.publish_flush(5000)
    assert bodies(logged) == ["good"]


def test_what_a_store_raises_on_an_ack_is_reported_and_the_client_lives(logged, new_ha_client):
    class Bad(Listed):
        def discard_up_to(self, number):
            if len(told.queue) == 0:
                raise Wrong(number)
            super().discard_up_to(number)

    told = queue.Queue()
    client = new_ha_client(logged.uri(), store=Bad())
    client.set_exception_listener(told.put)
    client.connect_and_logon()
    number = client.publish("t", "x")
    assert told.get(timeout=PATIENCE_S).args == (number,)
    told.put("the next one works")
    client.publish("t", "y")
    client.publish_flush(5000)
    assert bodies(logged) == ["x", "y"]


def test_a_replay_that_raises_is_a_failed_attempt_and_the_next_one_works(logged, new_ha_client):
    class Bad(Listed):
        fails = 2

        def replay(self, handler):
            if self.fails > 0:
                self.fails -= 1
                raise Wrong("replay")
            super().replay(handler)

    client = new_ha_client(logged.uri(), store=Bad())
    client.publish("t", "x")
    client.connect_and_logon()
    client.publish_flush(5000)
    assert bodies(logged) == ["x"]


@pytest.mark.parametrize("junk", [None, 7, "x", AMPS.Message()], ids=repr)
def test_what_is_no_message_is_not_replayed_but_reported(logged, new_ha_client, junk):
    class Bad(Listed):
        def replay(self, handler):
            handler(junk)
            super().replay(handler)

    told = queue.Queue()
    client = new_ha_client(logged.uri(), store=Bad())
    client.set_exception_listener(told.put)
    client.publish("t", "x")
    client.connect_and_logon()
    client.publish_flush(5000)
    assert isinstance(told.get(timeout=PATIENCE_S), AMPS.StoreException)
    assert bodies(logged) == ["x"]


@pytest.mark.parametrize(
    "missing", ["store", "discard_up_to", "replay", "replay_single", "get_unpersisted_count"]
)
def test_what_lacks_a_method_is_no_store(new_client, missing):
    lacking = Listed()
    setattr(lacking, missing, None)
    client = new_client()
    with pytest.raises(TypeError, match=f"method {missing}, unlike Listed"):
        client.set_publish_store(lacking)
    with pytest.raises(TypeError, match="unlike str"):
        client.set_publish_store("a file's name")


# ---- Waiting for it ------------------------------------------------------------------------------


def test_a_flush_asks_the_store_if_it_can_wait(logged, new_ha_client):
    class Waiting(Listed):
        changed, calls = threading.Condition(), 0

        def flush(self, timeout):
            self.calls += 1
            with self.changed:
                if not self.changed.wait_for(lambda: not self.kept, timeout / 1000):
                    raise AMPS.TimedOutException("not yet")

        def discard_up_to(self, number):
            with self.changed:
                super().discard_up_to(number)
                self.changed.notify_all()

    store = Waiting()
    client = new_ha_client(logged.uri(), store=store)
    client.connect_and_logon()
    logged.withhold("persisted")
    client.publish("t", "x")
    with pytest.raises(AMPS.TimedOutException, match="150 ms"):
        client.publish_flush(150)
    assert store.calls > 0
    flushing = Failing(client.publish_flush)
    logged.release()
    assert flushing.result() is None


@KINDS
def test_a_flush_ends_when_the_client_is_closed(peer, new_ha_client, make):
    client = new_ha_client(peer(p=stay_silent).uri(), store=make())
    client.connect_and_logon()
    client.publish("t", "x")
    flushing = Failing(client.publish_flush)
    flushing.join(0.05)
    client.close()
    assert isinstance(flushing.result(), AMPS.DisconnectedException)


def test_case_48_a_flush_of_one_that_tells_its_lowest_ignores_what_comes_later(peer, new_ha_client):
    server = peer(p=stay_silent)
    client = new_ha_client(server.uri(), store=Chained())
    client.connect_and_logon()
    first = client.publish("t", "x")
    flushing = Failing(client.publish_flush, 5000)
    flushing.join(0.05)
    client.publish("t", "y")
    server.wait_for("p", 2)
    server.send(persisted(first))
    assert flushing.result() is None
    assert client.get_unpersisted_count() == 1


def test_closing_wakes_who_waits_for_room_in_a_subclass(peer, new_ha_client):
    store = Chained(blocksPerRealloc=4, blockSize=256)
    client = new_ha_client(peer(p=stay_silent).uri(), store=store)
    client.connect_and_logon()
    asked = threading.Event()
    store.set_resize_handler(lambda store, size: asked.set())
    publishing = Failing(lambda: [client.publish("t", "x" * 200) for _ in range(100)])
    assert asked.wait(PATIENCE_S)
    client.close()
    assert isinstance(publishing.result(), AMPS.DisconnectedException)
