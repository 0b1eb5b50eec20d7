"""What persisted acks do to the publish store, and who is told of failures."""

import queue

import pytest

import AMPS
from amps_sandbox import Fault, Sandbox

from .calls import Failing
from .scripted_peer import PATIENCE_S, ack, stay_silent, wait_until


@pytest.fixture
def logged():
    with Sandbox(txlog=[".*"], ack_conflation="0") as server:
        yield server


def persisted(number, status="success", **more):
    return ack({"cid": None}, status, "persisted", s=number, **more)


class Watched:
    """A client with a store at a peer that says only what it is told to, and all who are told."""

    def __init__(self, peer, new_ha_client, inbox, count=3):
        self.server = peer(p=stay_silent)
        self.client = new_ha_client(self.server.uri(), no_store=True)
        self.store = AMPS.MemoryPublishStore()
        self.client.set_publish_store(self.store)
        self.told, self.failed, self.others = queue.Queue(), queue.Queue(), inbox
        self.client.set_exception_listener(self.told.put)
        self.client.set_last_chance_message_handler(inbox)
        self.client.connect_and_logon()
        self.numbers = [self.client.publish("t", f"m{each}") for each in range(count)]
        self.server.wait_for("p", count)

    def minds(self, then=lambda: None):
        def failed(message, reason):
            body = None if message is None else message.get_data()
            self.failed.put((body, reason))
            then()

        self.client.set_failed_write_handler(failed)

    def says(self, data):
        """The peer says this; returns when it has been handled."""
        self.server.send(data + ack({"cid": "nobody's"}, kind="processed"))
        while self.others.get().get_command_id() != "nobody's":
            continue

    def held(self):
        kept = []
        self.store.replay(lambda message: kept.append(message.get_data()))
        return kept


@pytest.fixture
def watched(peer, new_ha_client, inbox):
    return Watched(peer, new_ha_client, inbox)


# ---- Success -------------------------------------------------------------------------------------


@pytest.mark.parametrize("gap_is_error", [False, True])
def test_case_39_an_ack_that_comes_twice_changes_nothing(watched, gap_is_error):
    watched.store.set_error_on_publish_gap(gap_is_error)
    second = watched.numbers[1]
    for _ in range(2):
        watched.says(persisted(second))
        assert watched.held() == ["m2"]
    assert watched.told.empty()


def test_case_41_an_older_ack_changes_nothing(watched):
    watched.says(persisted(watched.numbers[1]))
    watched.says(persisted(watched.numbers[0]))
    assert watched.store.get_last_persisted() == watched.numbers[1]
    assert watched.held() == ["m2"]
    assert watched.told.empty()


def test_case_40_an_ack_for_a_number_never_given_is_reported(watched):
    beyond = watched.numbers[-1] + 1000
    watched.says(persisted(beyond))
    problem = watched.told.get(timeout=PATIENCE_S)
    assert isinstance(problem, AMPS.StoreException) and str(beyond) in str(problem)
    assert watched.held() == []
    assert watched.client.publish("t", "next") == beyond + 1
    watched.says(persisted(beyond + 1))
    assert watched.held() == []


def test_case_40_what_was_not_sent_yet_stays_and_is_acked_later(peer, new_ha_client, inbox):
    """The server's word cannot be about it; nor does it hide the acks that are."""
    watched = Watched(peer, new_ha_client, inbox)
    watched.server.hang_up()
    wait_until(lambda: watched.server.connections == 2, "the next connection")
    watched.server.wait_for("p", 6)
    watched.server.reads.clear()  # what comes now cannot leave
    filling = Failing(lambda: [watched.client.publish("t", "x" * 8_000_000) for _ in range(8)])
    wait_until(lambda: watched.store.get_unpersisted_count() >= 5, "messages that wait")
    last = watched.numbers[-1]
    watched.says(persisted(last + 1_000_000))
    assert watched.store.get_unpersisted_count() >= 1
    watched.server.go_on_reading()
    assert filling.result() is None
    highest = max(seen["s"] for seen in watched.server.wait_for("p", 14))
    watched.says(persisted(highest))
    assert watched.held() == []


@pytest.mark.parametrize("number", ["", "x", -1, 0, 10**30, 1.5])
def test_an_ack_whose_sequence_is_no_number_of_ours_discards_nothing(watched, number):
    watched.says(persisted(number))
    assert watched.held() == ["m0", "m1", "m2"]


def test_case_38_what_the_server_has_already_drains_after_a_reconnect(new_ha_client):
    """The server persists, and dies before it says so: nothing is doubled, nothing stays."""
    with Sandbox(txlog=[".*"], ack_conflation="0") as server:
        client = new_ha_client(server.uri())
        client.connect_and_logon()
        server.faults.add(Fault(on="ack:persisted", action="kill_engine", seconds=0.1))
        numbers = [client.publish("t", str(each)) for each in range(100)]
        client.publish_flush(10_000)
        assert [entry.sequence for entry in server.journal("t")] == numbers
        assert client.get_unpersisted_count() == 0


# ---- Failure -------------------------------------------------------------------------------------


def test_case_42_a_refused_message_is_shown_and_those_below_stay(watched):
    """DECISION of the specification: a failure concerns its own number alone."""
    watched.minds()
    watched.says(persisted(watched.numbers[2], "failure", reason="not entitled"))
    assert watched.failed.get(timeout=PATIENCE_S) == ("m2", "not entitled")
    assert watched.held() == ["m0", "m1"]
    watched.says(persisted(watched.numbers[1]))
    watched.client.publish_flush(1000)


def test_case_42_of_a_number_that_is_not_held_there_is_no_message(watched):
    watched.minds()
    watched.says(persisted(watched.numbers[2] + 7, "failure", reason="bad data"))
    watched.says(persisted(watched.numbers[2], "failure", reason="bad data"))
    watched.says(persisted(watched.numbers[2], "failure", reason="bad data"))
    told = [watched.failed.get(timeout=PATIENCE_S) for _ in range(3)]
    assert told == [(None, "bad data"), ("m2", "bad data"), (None, "bad data")]


def test_case_43_a_duplicate_takes_the_same_way(logged, new_ha_client):
    """Two programs of one name and clock: the second one's messages are not silently dropped."""
    client = new_ha_client(logged.uri())
    failed = queue.Queue()
    client.set_failed_write_handler(lambda message, reason: failed.put((message.data, reason)))
    client.connect_and_logon()
    number = client.publish("t", "first")
    client.publish_flush(5000)
    logged.faults.add(Fault(on="publish", action="reject", reason="duplicate"))
    assert client.publish("t", "again") == number + 1
    assert failed.get(timeout=PATIENCE_S) == ("again", "duplicate")
    client.publish_flush(5000)
    assert client.get_unpersisted_count() == 0


def test_case_44_without_a_handler_the_last_chance_gets_the_ack(watched):
    watched.server.send(persisted(watched.numbers[0], "failure", reason="not entitled"))
    told = watched.others.get()
    assert (told.get_status(), told.get_reason()) == ("failure", "not entitled")
    assert watched.held() == ["m1", "m2"]


def test_a_handler_that_raises_is_reported_and_the_message_goes(watched):
    def fail():
        raise ValueError("no")

    watched.minds(fail)
    watched.says(persisted(watched.numbers[0], "failure", reason="r"))
    assert isinstance(watched.told.get(timeout=PATIENCE_S), ValueError)
    assert watched.held() == ["m1", "m2"]


def test_a_handler_may_publish_the_message_again(watched):
    watched.minds(lambda: watched.client.publish("t", "better"))
    watched.says(persisted(watched.numbers[1], "failure", reason="bad data"))
    assert watched.held() == ["m0", "m2", "better"]
    assert watched.server.wait_for("p", 4)[3]["s"] == watched.numbers[2] + 1


def test_a_refused_message_is_not_sent_again(watched):
    watched.minds()
    watched.says(persisted(watched.numbers[1], "failure", reason="r"))
    watched.server.hang_up()
    again = watched.server.wait_for("p", 5)[3:]
    assert [seen["body"] for seen in again] == [b"m0", b"m2"]


# ---- Waiting for it ------------------------------------------------------------------------------


def test_case_48_a_flush_waits_for_what_was_there_when_it_was_called(watched):
    flushing = Failing(watched.client.publish_flush, 10_000)
    flushing.join(0.1)
    assert flushing.is_alive()
    for each in range(1000):
        watched.client.publish("t", str(each))
    watched.says(persisted(watched.numbers[1]))
    assert flushing.is_alive()
    watched.says(persisted(watched.numbers[2]))
    assert flushing.result() is None
    assert watched.client.get_unpersisted_count() == 1000


def test_case_49_a_flush_that_times_out_removes_nothing(watched):
    with pytest.raises(AMPS.TimedOutException, match="publish_flush within 100 ms"):
        watched.client.publish_flush(100)
    with pytest.raises(AMPS.TimedOutException):
        watched.client.flush(timeout=1)
    assert watched.client.get_unpersisted_count() == 3


def test_case_49_a_flush_with_nothing_to_wait_for_returns_whatever_the_server_does(watched):
    watched.says(persisted(watched.numbers[-1]))
    watched.server.reads.clear()
    watched.client.publish_flush(1)


def test_case_9_a_flush_ends_when_the_client_is_closed(watched):
    flushing = Failing(watched.client.publish_flush)
    flushing.join(0.05)
    watched.client.close()
    assert isinstance(flushing.result(), AMPS.DisconnectedException)


def test_a_flush_waits_across_connections(logged, new_ha_client):
    client = new_ha_client(logged.uri())
    client.connect_and_logon()
    logged.kill()
    client.publish("t", "x")
    flushing = Failing(client.publish_flush, 10_000)
    flushing.join(0.1)
    assert flushing.is_alive()
    logged.restart()
    assert flushing.result() is None


def test_a_flush_in_a_handler_is_refused(logged, new_ha_client):
    client, problems = new_ha_client(logged.uri()), queue.Queue()
    client.set_exception_listener(problems.put)
    client.connect_and_logon()
    client.subscribe(lambda message: client.publish_flush(), "t")
    logged.publish("t", "x")
    assert isinstance(problems.get(timeout=PATIENCE_S), AMPS.UsageException)
