"""What a logon ack says about the publish store: what is discarded, sent, numbered, reported."""

import queue
import time

import pytest

import AMPS
from amps_sandbox import Sandbox

from .scripted_peer import PATIENCE_S, ack, refused_address, say, stay_silent, wait_until

LOG = {"txlog": [".*"], "ack_conflation": "0"}
QUICK_S = 0.05  # a stored publish takes a thousandth of this when the machine is not busy


@pytest.fixture
def logged():
    """A sandbox with a transaction log, whose acks come at once."""
    with Sandbox(**LOG) as server:
        yield server


def bodies(server, topic="t"):
    return [entry.data.decode() for entry in server.journal(topic)]


def sequences(frames):
    return [frame["s"] for frame in frames]


def filled(count, body="m{}"):
    """A store with so many messages, and their numbers."""
    store = AMPS.MemoryPublishStore()
    numbers = []
    for each in range(count):
        message = AMPS.Message()
        message.set_command("publish")
        message.set_topic("t")
        message.set_data(body.format(each))
        numbers.append(store.store(message))
    return store, numbers


# ---- Not connected -------------------------------------------------------------------------------


def test_case_28_a_publish_while_the_server_is_down_returns_at_once_and_comes_once(
    logged, new_ha_client
):
    client = new_ha_client(logged.uri())
    client.connect_and_logon()
    first = client.publish("t", "up")
    client.publish_flush(5000)
    logged.kill()
    wait_until(lambda: not logged.clients(), "the loss")
    took, numbers = [], []
    for each in range(20):
        began = time.monotonic()
        numbers.append(client.publish("t", f"down {each}"))
        took.append(time.monotonic() - began)
    assert numbers == list(range(first + 1, first + 21))
    assert sorted(took)[-2] < QUICK_S
    logged.restart(keep_data=True)
    client.publish_flush(10_000)
    assert bodies(logged) == ["up", *(f"down {each}" for each in range(20))]
    assert client.get_unpersisted_count() == 0


def test_before_the_first_connection_a_publish_is_kept_and_sent_by_it(logged, new_ha_client):
    client = new_ha_client(logged.uri())
    numbers = [client.publish("t", str(each)) for each in range(5)]
    assert numbers == list(range(numbers[0], numbers[0] + 5))
    client.connect_and_logon()
    client.publish_flush(5000)
    assert [entry.sequence for entry in logged.journal("t")] == numbers


def test_case_29_a_client_without_a_connection_stores_and_says_so(logged, new_client):
    client = new_client()
    client.set_publish_store(AMPS.MemoryPublishStore())
    with pytest.raises(AMPS.DisconnectedException, match="the publish store has the message"):
        client.publish("t", "kept")
    assert client.get_unpersisted_count() == 1
    client.connect(logged.uri())
    with pytest.raises(AMPS.LogonRequiredException, match="the publish store has the message"):
        client.publish("t", "kept, too")
    client.logon(5000)
    client.publish_flush(5000)
    assert bodies(logged) == ["kept", "kept, too"]


def test_after_the_end_a_publish_is_stored_and_then_raises(logged, new_ha_client):
    client = new_ha_client(logged.uri())
    client.connect_and_logon()
    client.close()
    with pytest.raises(AMPS.DisconnectedException, match="the publish store has the message"):
        client.publish("t", "late")
    with pytest.raises(AMPS.DisconnectedException):
        client.publish_flush(1000)
    assert client.get_unpersisted_count() == 1
    client.connect_and_logon()
    client.publish_flush(5000)
    assert bodies(logged) == ["late"]


# ---- The numbers ---------------------------------------------------------------------------------


def test_case_33_a_logon_ack_above_all_that_is_held_empties_the_store(peer, new_ha_client):
    store, numbers = filled(3)
    server = peer(logon=say(s=numbers[-1] + 1000))
    client = new_ha_client(server.uri(), store=store)
    failed = queue.Queue()
    client.set_failed_write_handler(lambda message, reason: failed.put((message, reason)))
    client.connect_and_logon()
    assert client.get_unpersisted_count() == 0
    assert client.publish("t", "next") == numbers[-1] + 1001
    assert server.wait_for("p")[0]["s"] == numbers[-1] + 1001
    assert store.get_last_persisted() == numbers[-1] + 1000


def test_case_45_what_was_stored_before_the_first_logon_and_is_below_it_is_reported(
    peer, new_ha_client
):
    """DECISION of the specification: such messages would vanish as duplicates; they never do so
    silently. Here the clock was behind when the store was made."""
    store, numbers = filled(3)
    server = peer(logon=say(s=numbers[1]))
    client = new_ha_client(server.uri(), store=store)
    failed = queue.Queue()
    client.set_failed_write_handler(
        lambda message, reason: failed.put(
            (int(message.get_sequence()), message.get_data(), reason)
        )
    )
    client.connect_and_logon()
    reason = "sequence already used"
    assert [failed.get(timeout=PATIENCE_S) for _ in range(2)] == [
        (numbers[0], "m0", reason),
        (numbers[1], "m1", reason),
    ]
    assert sequences(server.wait_for("p")) == numbers[2:]
    assert failed.empty()
    assert client.get_unpersisted_count() == 1


def test_case_45_without_a_handler_the_exception_listener_is_told(peer, new_ha_client):
    store, numbers = filled(2)
    told = []
    client = new_ha_client(peer(logon=say(s=numbers[-1])).uri(), store=store)
    client.set_exception_listener(told.append)
    client.connect_and_logon()
    assert [type(each) for each in told] == [AMPS.PublishException] * 2
    assert "sequence already used" in str(told[0])


def test_a_second_logon_reports_nothing_as_used(logged, new_ha_client):
    """What a connection has taken and the next logon covers is done, as by an ack."""
    client = new_ha_client(logged.uri())
    failed = []
    client.set_failed_write_handler(lambda *what: failed.append(what))
    client.connect_and_logon()
    logged.withhold("persisted")
    client.publish("t", "x")
    logged.wait_for("publish")
    assert client.get_unpersisted_count() == 1
    logged.disconnect()
    client.publish_flush(5000)
    assert failed == []
    assert bodies(logged) == ["x"]


@pytest.mark.parametrize("said", ["", "x", "-1", "99999999999999999999999", "1.5"])
def test_a_logon_ack_whose_sequence_is_no_number_discards_nothing(peer, new_ha_client, said):
    store, numbers = filled(2)
    server = peer(logon=say(s=said))
    client = new_ha_client(server.uri(), store=store)
    client.connect_and_logon()
    assert sequences(server.wait_for("p", 2)) == numbers
    assert client.get_unpersisted_count() == 2


# ---- Gaps ----------------------------------------------------------------------------------------


def with_gap(count=3):
    """A store that has discarded something, with so many messages left."""
    store, numbers = filled(count + 1)
    store.discard_up_to(numbers[0])
    return store, numbers


def test_case_34_a_server_that_lacks_what_was_discarded_is_skipped(peer, new_ha_client):
    store, numbers = with_gap()
    store.set_error_on_publish_gap(True)
    behind = peer(logon=say(s=numbers[0] - 50))
    good = peer(logon=say(s=numbers[0]))
    client = new_ha_client(behind.uri(), good.uri(), store=store)
    failures = []
    chooser = client.get_server_chooser()
    report = chooser.report_failure
    chooser.report_failure = lambda problem, info: (failures.append(problem), report(problem, info))
    client.connect_and_logon()
    assert sequences(good.wait_for("p", 3)) == numbers[1:]
    assert behind.seen("p") == []
    assert [type(each) for each in failures] == [AMPS.PublishStoreGapException]
    assert (store.get_last_persisted(), store.get_unpersisted_count()) == (numbers[0], 3)


def test_case_34_a_client_closes_the_connection(peer, new_client):
    store, numbers = with_gap()
    server = peer(logon=say(s=1))
    client = new_client()
    client.set_publish_store(store)
    client.set_error_on_publish_gap(True)
    client.connect(server.uri())
    with pytest.raises(AMPS.PublishStoreGapException, match=str(numbers[0])):
        client.logon(5000)
    server.wait_gone()
    assert server.seen("p") == []
    assert store.get_unpersisted_count() == 3


@pytest.mark.parametrize("known", ["some", 0])
def test_cases_35_and_36_with_the_flag_off_the_listener_is_told_and_all_is_sent(
    peer, new_ha_client, known
):
    """DECISION of the specification: nothing that is held is given up because of a gap."""
    store, numbers = with_gap()
    server = peer(logon=say(s=0 if known == 0 else numbers[0] - 50))
    client = new_ha_client(server.uri(), store=store)
    told = queue.Queue()
    client.set_exception_listener(told.put)
    client.connect_and_logon()
    assert sequences(server.wait_for("p", 3)) == numbers[1:]
    assert isinstance(told.get(timeout=PATIENCE_S), AMPS.PublishStoreGapException)
    assert store.get_last_persisted() == numbers[0]
    server.send(ack({"cid": None}, kind="persisted", s=numbers[-1]))
    client.publish_flush(5000)


def test_case_36_a_server_that_comes_back_empty_is_sent_all_that_is_held(logged, new_ha_client):
    client = new_ha_client(logged.uri())
    told = []
    client.set_exception_listener(told.append)
    client.connect_and_logon()
    client.publish("t", "persisted")
    client.publish_flush(5000)
    logged.withhold("persisted")
    held = [client.publish("t", str(each)) for each in range(100)]
    logged.wait_for("publish", 101)
    logged.kill()
    logged.release()
    logged.restart(keep_data=False)
    client.publish_flush(10_000)
    assert [entry.sequence for entry in logged.journal("t")] == held
    assert AMPS.PublishStoreGapException in [type(each) for each in told]


# ---- Another store -------------------------------------------------------------------------------


def test_a_store_is_not_exchanged_while_messages_wait_for_their_acks(peer, new_ha_client):
    server = peer(p=stay_silent)
    client = new_ha_client(server.uri())
    client.connect_and_logon()
    number = client.publish("t", "x")
    with pytest.raises(AMPS.UsageException, match="wait for their acks"):
        client.set_publish_store(AMPS.MemoryPublishStore())
    with pytest.raises(AMPS.UsageException, match="wait for their acks"):
        client.set_publish_store(None)
    server.send(ack({"cid": None}, kind="persisted", s=number))
    client.publish_flush(5000)
    client.set_publish_store(None)
    assert client.publish("t", "without") == 0


def test_a_store_set_on_a_connection_is_used_on_it(logged, log_on):
    client = log_on(logged)
    store, numbers = filled(2)
    client.set_publish_store(store)
    client.publish("t", "direct")
    client.publish_flush(5000)
    assert bodies(logged) == ["m0", "m1", "direct"]


def test_the_same_store_goes_on_with_a_new_client(logged, new_ha_client):
    """Stores outlive their clients."""
    store = AMPS.MemoryPublishStore()
    with refused_address() as nobody:
        first = new_ha_client(nobody, store=store)
        numbers = [first.publish("t", "a"), first.publish("t", "b")]
        first.close()
    second = new_ha_client(logged.uri(), store=store)
    second.connect_and_logon()
    numbers.append(second.publish("t", "c"))
    second.publish_flush(5000)
    assert [entry.sequence for entry in logged.journal("t")] == numbers


def test_case_31_without_retries_what_is_stored_recovers_all_the_same(logged, new_ha_client):
    client = new_ha_client(logged.uri())
    client.set_retry_on_disconnect(False)
    client.connect_and_logon()
    logged.withhold("persisted")
    client.publish("t", "a")
    logged.kill()
    logged.release()
    client.publish("t", "b")
    logged.restart(keep_data=False)
    client.publish_flush(10_000)
    assert bodies(logged) == ["a", "b"]
