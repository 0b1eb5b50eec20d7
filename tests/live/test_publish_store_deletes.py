"""SOW deletes through a publish store: numbered, kept and sent again like publishes."""

import queue

import pytest

import AMPS
from amps_sandbox import Fault, Sandbox, Topic

from .calls import Failing
from .scripted_peer import PATIENCE_S, ack, in_turn, say, stay_silent, wait_until

LOG = {
    "topics": [Topic("orders", ["/id"])],
    "txlog": ["orders"],
    "ack_conflation": "0",
}


@pytest.fixture
def logged():
    """A sandbox whose topic `orders` keeps records, and has a log."""
    with Sandbox(**LOG) as server:
        yield server


@pytest.fixture
def client(logged, new_ha_client):
    client = new_ha_client(logged.uri())
    client.connect_and_logon()
    for each in range(4):
        client.publish("orders", f'{{"id":{each}}}')
    client.publish_flush(5000)
    return client


def ids(server):
    return [int(record.body[6:-1]) for record in server.sow("orders")]


def kinds(server):
    return [(entry.kind, entry.sequence) for entry in server.journal("orders")]


def deletes(server):
    return {
        "filter": lambda client: client.sow_delete("orders", "/id = 1", 5000),
        "data": lambda client: client.sow_delete_by_data("orders", '{"id":1}', 5000),
        "keys": lambda client: client.sow_delete_by_keys(
            "orders", server.sow("orders")[1].key, 5000
        ),
    }


@pytest.mark.parametrize("form", ["filter", "data", "keys"])
def test_each_form_is_numbered_and_answered(logged, client, form):
    answer = deletes(logged)[form](client)
    assert answer.get_ack_type() == "stats" and int(answer.get_sow_deleted()) == 1
    following = client.publish("orders", '{"id":9}')
    client.publish_flush(5000)
    assert kinds(logged)[-2:] == [("sow_delete", following - 1), ("publish", following)]
    assert ids(logged) == [0, 2, 3, 9]


@pytest.mark.parametrize("form", ["filter", "data", "keys"])
def test_case_47_a_delete_is_sent_again_at_its_place(logged, client, form):
    """Between the publishes that it was between."""
    delete = deletes(logged)[form]
    logged.kill()
    before = client.publish("orders", '{"id":1,"new":1}')
    deleting = Failing(delete_and_check, delete, client)
    wait_until(lambda: client.get_unpersisted_count() == 2, "the delete to be stored")
    after = client.publish("orders", '{"id":5}')
    assert after == before + 2
    logged.restart(keep_data=True)
    assert deleting.result() is None
    client.publish_flush(5000)
    assert ids(logged) == [0, 2, 3, 5]
    assert kinds(logged)[-3:] == [
        ("publish", before),
        ("sow_delete", before + 1),
        ("publish", after),
    ]


def delete_and_check(delete, client):
    assert int(delete(client).get_sow_deleted()) == 1


def test_with_a_handler_the_count_goes_there(logged, client, inbox):
    client.sow_delete(inbox, "orders", "/id < 2", 5000)
    assert int(inbox.get().get_sow_deleted()) == 2
    client.publish_flush(5000)


def test_a_command_learns_its_number(logged, client):
    last = client.publish("orders", '{"id":7}')
    command = AMPS.Command("sow_delete").set_topic("orders").set_filter("/id = 7")
    command.set_timeout(5000)
    client.execute_async(command, None)
    assert command.get_sequence() == last + 1


def test_a_refused_delete_raises_and_is_not_kept(logged, client):
    failed = queue.Queue()
    client.set_failed_write_handler(lambda message, reason: failed.put(reason))
    with pytest.raises(AMPS.BadFilterException):
        client.sow_delete("orders", "/id = = 1", 5000)
    client.publish_flush(5000)
    assert client.get_unpersisted_count() == 0
    assert failed.get(timeout=PATIENCE_S)


def test_a_delete_that_times_out_stays_and_is_done_later(logged, client):
    logged.kill()
    with pytest.raises(AMPS.TimedOutException, match="sow_delete within 100 ms"):
        client.sow_delete("orders", "1=1", 100)
    assert client.get_unpersisted_count() == 1
    logged.restart()
    client.publish_flush(10_000)
    assert ids(logged) == []


def test_a_delete_that_was_done_but_not_answered_is_answered_by_the_next_connection(logged, client):
    """Its own ack never comes: the next logon says that the server has it. There is no count."""
    logged.faults.add(Fault(on="sow_delete", action="drop_ack", types=("stats", "persisted")))
    deleting = queue.Queue()
    waiting = Failing(lambda: deleting.put(client.sow_delete("orders", "/id = 1", 10_000)))
    logged.wait_until(lambda: len(logged.sow("orders")) == 3)
    logged.disconnect()
    assert waiting.result() is None
    answer = deleting.get(timeout=PATIENCE_S)
    assert (answer.get_ack_type(), answer.get_status()) == ("persisted", "success")
    assert int(answer.get_sequence()) == kinds(logged)[-1][1]
    assert client.get_unpersisted_count() == 0
    assert len(kinds(logged)) == 5


def test_without_a_timeout_such_a_delete_does_not_wait_for_ever(peer, new_ha_client):
    """The same where nothing but the logon says so, and from a handler's form of it, too."""
    server = peer(
        sow_delete=stay_silent,
        logon=in_turn(
            say(), lambda peer, seen: say(s=peer.seen("sow_delete")[-1]["s"])(peer, seen)
        ),
    )
    client = new_ha_client(server.uri())
    client.connect_and_logon()
    waiting = [
        Failing(client.sow_delete, "t", "1=1"),
        Failing(client.sow_delete, lambda message: None, "t", "1=1"),
    ]
    server.wait_for("sow_delete", 2)
    server.hang_up()
    assert [each.result() for each in waiting] == [None, None]
    assert len(server.seen("sow_delete")) == 2


def test_a_delete_is_sent_once_per_connection_with_the_same_id_and_number(peer, new_ha_client):
    def answer(server, seen):
        if server.connections == 2:
            server.send(ack(seen, kind="processed") + ack(seen, kind="stats", records_deleted=4))

    server = peer(sow_delete=answer)
    client = new_ha_client(server.uri())
    client.connect_and_logon()
    answers = queue.Queue()
    waiting = Failing(lambda: answers.put(client.sow_delete("t", "1=1")))
    server.wait_for("sow_delete")
    server.hang_up()
    assert waiting.result() is None
    assert int(answers.get(timeout=PATIENCE_S).get_sow_deleted()) == 4
    first, second = server.seen("sow_delete")
    assert first == second


def test_a_client_stores_a_delete_and_raises(logged, new_client):
    """DC-17 for a Client: after a loss the handler's logon sends it, once."""
    client = new_client()
    client.set_publish_store(AMPS.MemoryPublishStore())
    client.connect(logged.uri())
    client.logon(5000)
    client.publish("orders", '{"id":1}')
    client.publish_flush(5000)
    logged.disconnect()
    wait_until(lambda: not logged.clients(), "the loss")
    with pytest.raises(AMPS.DisconnectedException):
        client.sow_delete("orders", "1=1", 5000)
    assert client.get_unpersisted_count() == 1
    client.connect(logged.uri())
    client.logon(5000)
    client.publish_flush(5000)
    assert ids(logged) == []


def test_a_client_whose_handler_comes_back_does_not_store_it_twice(peer, new_client):
    server = peer(sow_delete=stay_silent)
    client = new_client()
    client.set_publish_store(AMPS.MemoryPublishStore())

    def come_back(lost):
        lost.connect(server.uri())
        lost.logon(5000)

    client.set_disconnect_handler(come_back)
    client.set_exception_listener([].append)
    come_back(client)
    waiting = Failing(client.sow_delete, "t", "1=1", 5000)
    server.wait_for("sow_delete")
    server.hang_up()
    assert isinstance(waiting.result(), AMPS.DisconnectedException)
    server.wait_for("sow_delete", 2)
    client.unsubscribe()
    first, second = server.seen("sow_delete")
    assert first == second and client.get_unpersisted_count() == 1


def test_deletes_of_several_threads_learn_their_own_numbers(logged, client):
    numbers = queue.Queue()

    def delete():
        for _ in range(50):
            command = AMPS.Command("sow_delete").set_topic("orders").set_filter("/id = 77")
            client.execute_async(command.set_timeout(5000), None)
            numbers.put(command.get_sequence())

    threads = [Failing(delete) for _ in range(4)]
    assert [each.result() for each in threads] == [None] * 4
    assert len({numbers.get() for _ in range(200)}) == 200


def test_a_handler_hears_of_a_delete_that_only_the_next_connection_does(peer, new_ha_client, inbox):
    def answer(server, seen):
        say()(server, seen)
        if server.connections == 2:
            server.send(ack(seen, kind="stats", records_deleted=4))

    server = peer(sow_delete=answer)
    client = new_ha_client(server.uri())
    client.connect_and_logon()
    client.sow_delete(inbox, "t", "1=1", 5000)
    server.hang_up()
    assert int(inbox.get().get_sow_deleted()) == 4


def test_the_listener_hears_that_the_count_for_a_handler_was_lost(peer, new_ha_client, inbox):
    def has_it(server, seen):
        say(s=server.seen("sow_delete")[-1]["s"])(server, seen)

    server, told = peer(sow_delete=say(), logon=in_turn(say(), has_it)), []
    client = new_ha_client(server.uri())
    client.set_exception_listener(told.append)
    client.connect_and_logon()
    id = client.sow_delete(inbox, "t", "1=1", 5000)
    server.hang_up()
    wait_until(lambda: [each for each in told if f"sow_delete {id!r}" in str(each)], "the word")
    assert inbox.is_empty()
