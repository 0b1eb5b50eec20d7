"""What becomes of the acks that a publish asks for, and of the server's word on failed ones."""

import queue

import pytest

import AMPS

from .scripted_peer import ack, refuse, say_all, stay_silent


def publish(acks="persisted", **fields):
    command = AMPS.Command("publish").set_topic("t").set_data("x").set_ack_type(acks)
    for name, value in fields.items():
        getattr(command, f"set_{name}")(value)
    return command


def conflated(sequence, status="success", **more):
    """The bytes of a `persisted` ack that names no command."""
    return ack({"cid": None}, status, "persisted", s=sequence, **more)


@pytest.fixture
def watched(peer, log_on, inboxes):
    """A client whose last-chance and failed-write handlers are watched: those, it and its peer."""

    def make(**answers):
        server, last_chance, failed = peer(**answers), inboxes(), queue.Queue()
        client = log_on(server)
        client.set_last_chance_message_handler(last_chance)
        client.set_failed_write_handler(lambda message, reason: failed.put((message, reason)))
        return client, server, last_chance, failed

    return make


def test_point_7_a_persisted_ack_with_a_command_id_goes_to_its_handler(watched, inbox):
    """Point 7 of the protocol's list; s or no s."""
    client, server, last_chance, failed = watched(p=stay_silent)
    first = client.execute_async(publish(), inbox)
    second = client.execute_async(publish(sequence=7), inbox)
    server.wait_for("p", 2)
    server.send(ack(server.seen("p")[0], kind="persisted"))
    server.send(ack(server.seen("p")[1], kind="persisted", s=7))
    assert [inbox.get().get_command_id() for _ in range(2)] == [first, second]
    client.publish_flush(5000)
    assert last_chance.is_empty() and failed.empty()


def test_point_7_a_conflated_ack_goes_to_the_last_chance(watched, inbox):
    """Point 7 of the protocol's list: it names a sequence number, and no command."""
    client, server, last_chance, failed = watched(p=stay_silent)
    command = publish(sequence=7)
    client.execute_async(command, inbox)
    assert command.get_sequence() == 7
    server.wait_for("p")
    server.send(conflated(7) + ack({"cid": "999"}, kind="persisted", s=8))
    told = [last_chance.get() for _ in range(2)]
    assert [(each.get_sequence(), each.get_command_id()) for each in told] == [
        ("7", None),
        ("8", "999"),
    ]
    client.publish_flush(5000)
    assert inbox.is_empty() and failed.empty()


@pytest.mark.parametrize("has_cid", [True, False])
@pytest.mark.parametrize("form", ["handler", "none", "stream"])
def test_a_failed_publish_is_told_to_the_failed_write_handler(watched, inbox, form, has_cid):
    client, server, last_chance, failed = watched(p=stay_silent)
    stream = None
    if form == "stream":
        stream = client.execute(publish(sequence=3)).timeout(5000)
    else:
        client.execute_async(publish(sequence=3), inbox if form == "handler" else None)
    (seen,) = server.wait_for("p")
    word = {"status": "failure", "kind": "persisted", "s": 3, "reason": "not entitled"}
    server.send(ack(seen if has_cid else {"cid": None}, **word))
    assert failed.get(timeout=5) == (None, "not entitled")
    if has_cid and form == "handler":
        assert inbox.get().get_reason() == "not entitled"
    if has_cid and form == "stream":
        assert [each.get_reason() for each in stream] == ["not entitled"]
    client.publish_flush(5000)
    assert inbox.is_empty() and last_chance.is_empty() and failed.empty()


def test_without_a_failed_write_handler_it_is_for_the_last_chance(watched):
    client, server, last_chance, _ = watched(p=refuse("not entitled"))
    client.set_failed_write_handler(None)
    client.execute_async(publish("processed"), None)
    assert last_chance.get().get_reason() == "not entitled"


def test_acks_of_a_publish_that_nobody_listens_to_are_not_stray(watched):
    client, _, last_chance, failed = watched()
    for _ in range(100):
        client.execute_async(publish("processed,persisted"), None)
    client.publish_flush(5000)
    assert last_chance.is_empty() and failed.empty()


def test_a_publish_through_execute_says_all_it_was_told(watched):
    client, server, _, _ = watched(p=say_all())
    command = publish("", correlation_id="x", expiration=5, sow_key="k", command_id=None)
    assert list(client.execute(command)) == []
    assert len(list(client.execute(publish("processed,persisted")).timeout(5000))) == 2
    client.publish_flush(5000)
    plain, asking = server.seen("p")
    assert {key: plain.get(key) for key in ("t", "x", "k", "body", "cid", "a")} == {
        **{"t": "t", "x": "x", "k": "k", "body": b"x"},
        **{"cid": None, "a": None},
    }
    assert asking["a"] == "processed,persisted" and asking["cid"]


def test_a_publish_that_fails_to_be_sent_leaves_its_id_free(peer, log_on):
    client = log_on(peer())
    command = publish("persisted", command_id="mine", data=b"x")
    client.disconnect()
    for _ in range(2):
        with pytest.raises(AMPS.DisconnectedException):
            client.execute(command)
