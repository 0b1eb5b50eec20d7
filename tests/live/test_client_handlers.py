"""The client's own handlers: for what nobody wants, what was refused, and all of one kind."""

import queue
import threading

import pytest

import AMPS

from .calls import wait_handled
from .scripted_peer import ack, delivery, frame, stay_silent


class Failures(queue.Queue):
    """A failed-write handler that keeps what it is told."""

    def __call__(self, message, reason):
        self.put((message, reason))

    def next(self):
        return self.get(timeout=5)


@pytest.fixture
def failures():
    return Failures()


@pytest.fixture
def lost():
    """A last-chance handler that keeps what it is told."""
    return queue.Queue()


def publish(**fields):
    command = AMPS.Command("publish").set_topic("t").set_data("x")
    return command.set_ack_type(fields.get("acks", "processed"))


def refuse_publishes(reason="not entitled", kind="processed", **more):
    return lambda peer, seen: peer.send(ack(seen, "failure", kind, reason=reason, **more))


# ---- Last chance --------------------------------------------------------------------------------


def test_the_last_chance_is_for_what_nobody_else_is_told(peer, log_on, inbox, lost):
    server = peer()
    client = log_on(server)
    client.subscribe(inbox, "t", sub_id="mine")
    client.set_last_chance_message_handler(lambda message: lost.put(message.get_data()))
    server.send(delivery(b"1", sub_id="nobody") + delivery(b"2", sub_id="mine"))
    server.send(frame({"c": "oof", "t": "t", "sids": "nobody"}, b"3"))
    server.send(frame({"c": "sow", "query_id": "old"}, b'{"k":"1","l":1}4{"k":"2","l":1}5'))
    server.send(frame({"c": "published_by_the_future"}, b"6"))
    server.send(delivery(b"7", sub_id="mine,nobody"))
    assert [lost.get(timeout=5) for _ in range(5)] == list("13456")
    assert inbox.bodies(2) == ["2", "7"]
    assert lost.empty()


def test_late_messages_of_an_ended_subscription_go_there(peer, log_on, inbox, lost):
    server = peer()
    client = log_on(server)
    client.set_last_chance_message_handler(lambda message: lost.put(message.get_data()))
    sub_id = client.subscribe(inbox, "t")
    client.unsubscribe(sub_id)
    server.send(delivery(b"late", sub_id=sub_id))
    assert lost.get(timeout=5) == "late"
    assert inbox.is_empty()


def test_acks_the_library_asked_for_go_nowhere(peer, log_on, lost):
    server = peer()
    client = log_on(server)
    client.set_last_chance_message_handler(lost.put)
    client.subscribe("t")
    client.subscribe(print, "t")
    client.set_heartbeat(5)
    wait_handled(client)
    server.send(ack({"cid": "unknown"}))
    assert lost.get(timeout=5).get_command_id() == "unknown"
    assert lost.empty()


def test_none_ends_it(peer, log_on, lost):
    server = peer()
    client = log_on(server)
    client.set_last_chance_message_handler(lost.put)
    client.set_last_chance_message_handler(None)
    server.send(delivery(b"1", sub_id="nobody"))
    wait_handled(client)
    assert lost.empty()


# ---- Failed writes ------------------------------------------------------------------------------


def test_a_refused_publish_is_told(peer, log_on, failures, lost):
    client = log_on(peer(p=refuse_publishes()))
    client.set_failed_write_handler(failures)
    client.set_last_chance_message_handler(lost.put)
    assert client.execute_async(publish(), None)
    assert failures.next() == (None, "not entitled")
    wait_handled(client)
    assert lost.empty()


def test_a_refused_publish_is_told_to_its_own_handler_too(peer, log_on, failures, inbox):
    client = log_on(peer(p=refuse_publishes()))
    client.set_failed_write_handler(failures)
    id = client.execute_async(publish(), inbox)
    answer = inbox.get()
    assert (answer.get_status(), answer.get_command_id()) == ("failure", id)
    assert failures.next() == (None, "not entitled")


def test_a_refused_publish_is_told_in_its_stream_too(peer, log_on, failures):
    client = log_on(peer(p=refuse_publishes()))
    client.set_failed_write_handler(failures)
    stream = client.execute(publish()).timeout(5000)
    assert [message.get_reason() for message in stream] == ["not entitled"]
    assert failures.next() == (None, "not entitled")


def test_one_of_several_acks_may_be_a_failure(peer, log_on, failures, inbox):
    def process_only(server, seen):
        server.send(ack(seen) + ack(seen, "failure", "persisted", reason="duplicate"))

    client = log_on(peer(p=process_only))
    client.set_failed_write_handler(failures)
    client.execute_async(publish(acks="processed,persisted"), inbox)
    assert [inbox.get().get_status() for _ in range(2)] == ["success", "failure"]
    assert failures.next() == (None, "duplicate")


def test_a_failure_with_a_sequence_is_a_publish_s(peer, log_on, failures, lost):
    """Of one published earlier, without a command id, or with one long forgotten."""
    server = peer()
    client = log_on(server)
    client.set_failed_write_handler(failures)
    client.set_last_chance_message_handler(lost.put)
    server.send(frame({"c": "ack", "a": "persisted", "s": 7, "status": "failure"}))
    failed = {"status": "failure", "kind": "persisted", "reason": "tx store failure"}
    server.send(ack({"cid": "unknown"}, s=8, **failed))
    assert [failures.next() for _ in range(2)] == [(None, ""), (None, "tx store failure")]
    server.send(frame({"c": "ack", "a": "persisted", "s": 9, "status": "success"}))
    server.send(ack({"cid": "unknown"}, **failed))
    assert [lost.get(timeout=5).get_sequence() for _ in range(2)] == ["9", None]
    assert failures.empty()


def test_without_a_handler_for_it_the_last_chance_is_told(peer, log_on, failures, lost):
    server = peer(p=refuse_publishes())
    client = log_on(server)
    client.set_last_chance_message_handler(lost.put)
    client.execute_async(publish(), None)
    assert lost.get(timeout=5).get_reason() == "not entitled"
    client.set_failed_write_handler(failures)
    client.execute_async(publish(), None)
    assert failures.next() == (None, "not entitled")
    client.set_failed_write_handler(None)
    client.execute_async(publish(), None)
    assert lost.get(timeout=5).get_reason() == "not entitled"
    assert failures.empty() and lost.empty()


def test_success_is_told_to_nobody_who_did_not_ask(peer, log_on, failures, lost):
    client = log_on(peer(p=lambda server, seen: server.send(ack(seen))))
    client.set_failed_write_handler(failures)
    client.set_last_chance_message_handler(lost.put)
    client.execute_async(publish(), None)
    wait_handled(client)
    assert failures.empty() and lost.empty()


def test_a_failure_that_was_raised_is_no_failed_write(peer, log_on, failures, lost):
    refused = refuse_publishes("bad filter")
    client = log_on(peer(subscribe=refused, sow_delete=refused))
    client.set_failed_write_handler(failures)
    client.set_last_chance_message_handler(lost.put)
    for call in (lambda: client.subscribe("t"), lambda: client.sow_delete("t", "/a >")):
        with pytest.raises(AMPS.BadFilterException):
            call()
    assert failures.empty() and lost.empty()


def test_both_spellings_of_the_argument(peer, log_on, failures):
    client = log_on(peer(p=refuse_publishes()))
    client.set_failed_write_handler(failedWriteHandler=failures)
    client.set_failed_write_handler(failed_write_handler=None)
    client.set_failed_write_handler(failed_write_handler=failures)
    client.execute_async(publish(), None)
    failures.next()
    for arguments, named in (
        (((), {}), "failedWriteHandler"),
        (((failures,), {"failed_write_handler": failures}), "failedWriteHandler"),
        (((failures,), {"failedWriteHandler": failures}), "failedWriteHandler"),
    ):
        with pytest.raises(TypeError, match=named):
            client.set_failed_write_handler(*arguments[0], **arguments[1])


def test_many_refused_publishes_are_each_told_once(peer, log_on, failures):
    client, count = log_on(peer(p=refuse_publishes())), 1000
    client.set_failed_write_handler(failures)
    for _ in range(count):
        client.execute_async(publish(), None)
    wait_handled(client)
    assert failures.qsize() == count


# ---- All of one kind ----------------------------------------------------------------------------


def test_all_acks_are_told_before_anybody_else_is(peer, log_on):
    def answer(server, seen):
        server.send(ack(seen) + ack(seen, kind="stats"))

    client, told = log_on(peer(sow_delete=answer)), queue.Queue()
    client.set_global_command_type_message_handler(
        "ack", lambda message: told.put(("all", message.get_ack_type()))
    )
    client.sow_delete(lambda message: told.put(("own", message.get_ack_type())), "t", "1=1")
    expected = [("all", "processed"), ("all", "stats"), ("own", "stats")]
    assert [told.get(timeout=5) for _ in range(3)] == expected
    client.set_global_command_type_message_handler("ack", None)
    wait_handled(client)
    assert told.empty()


def test_an_ack_told_to_all_is_none_for_the_last_chance(peer, log_on, lost):
    server, told = peer(), queue.Queue()
    client = log_on(server)
    client.set_last_chance_message_handler(lost.put)
    client.set_global_command_type_message_handler(b"ack", told.put)
    server.send(ack({"cid": "unknown"}))
    assert told.get(timeout=5).get_command_id() == "unknown"
    wait_handled(client)
    assert lost.empty()


def test_all_heartbeats_are_told_and_still_answered(peer, log_on, lost):
    server, told = peer(), queue.Queue()
    client = log_on(server)
    client.set_last_chance_message_handler(lost.put)
    client.set_global_command_type_message_handler("heartbeat", told.put)
    client.set_heartbeat(0.2, 60)
    server.send(frame({"c": "heartbeat"}))
    assert told.get(timeout=5).get_command() == "heartbeat"
    server.wait_for("heartbeat", 2)
    client.set_global_command_type_message_handler("heartbeat", None)
    server.send(frame({"c": "heartbeat"}))
    wait_handled(client)
    assert told.empty() and lost.empty()


@pytest.mark.parametrize("command", ["publish", "acks", "", None, 8, b"sow", ["ack"], {}])
def test_another_kind_is_refused(new_client, command):
    with pytest.raises(AMPS.CommandException, match="'ack' or 'heartbeat'"):
        new_client().set_global_command_type_message_handler(command, print)


# ---- All of them --------------------------------------------------------------------------------


SETTERS = {
    "last chance": lambda client, handler: client.set_last_chance_message_handler(handler),
    "failed write": lambda client, handler: client.set_failed_write_handler(handler),
    "acks": lambda client, handler: client.set_global_command_type_message_handler("ack", handler),
    "heartbeats": lambda client, handler: client.set_global_command_type_message_handler(
        "heartbeat", handler
    ),
}
CAUSES = {
    "last chance": delivery(b"x", sub_id="nobody"),
    "failed write": frame({"c": "ack", "a": "persisted", "s": 1, "status": "failure"}),
    "acks": ack({"cid": "unknown"}),
    "heartbeats": frame({"c": "heartbeat"}),
}
each_kind = pytest.mark.parametrize("kind", SETTERS)


@each_kind
@pytest.mark.parametrize("problem", [ValueError("mine"), SystemExit(3), KeyboardInterrupt()])
def test_what_it_raises_goes_to_the_listener_and_all_goes_on(peer, log_on, inbox, kind, problem):
    server, told = peer(), queue.Queue()
    client = log_on(server)
    client.set_exception_listener(told.put)
    client.subscribe(inbox, "t", sub_id="x")

    def handler(*arguments):
        raise problem

    SETTERS[kind](client, handler)
    server.send((CAUSES[kind] + delivery(b"x", sub_id="x")) * 3)
    assert all(told.get(timeout=5) is problem for _ in range(3))
    assert inbox.bodies(3) == ["x"] * 3
    SETTERS[kind](client, None)
    wait_handled(client)


@each_kind
def test_it_can_be_changed_inside_itself(peer, log_on, kind):
    server, told = peer(), queue.Queue()
    client = log_on(server)

    def first(*arguments):
        SETTERS[kind](client, second)
        told.put("first")

    def second(*arguments):
        SETTERS[kind](client, None)
        told.put("second")

    SETTERS[kind](client, first)
    server.send(CAUSES[kind] * 5)
    assert [told.get(timeout=5) for _ in range(2)] == ["first", "second"]
    wait_handled(client)
    assert told.empty()


@each_kind
def test_it_can_be_changed_while_messages_flow(peer, log_on, kind):
    server, rounds = peer(), 200
    client = log_on(server)
    told = [queue.Queue(), queue.Queue()]
    handlers = [lambda *arguments, each=each: each.put(1) for each in told]
    SETTERS[kind](client, handlers[0])
    sending = threading.Thread(target=lambda: server.send(CAUSES[kind] * 20_000))
    sending.start()
    for _ in range(rounds):
        for handler in (handlers[1], None, handlers[0]):
            SETTERS[kind](client, handler)
    sending.join()
    wait_handled(client)
    SETTERS[kind](client, handlers[1])
    server.send(CAUSES[kind])
    wait_handled(client)
    assert told[0].qsize() + told[1].qsize() <= 20_010  # with the acks of the flushes
    told[1].get(timeout=5)


@each_kind
def test_what_is_no_handler_is_refused_and_the_one_before_stays(peer, log_on, kind):
    server, told = peer(), queue.Queue()
    client = log_on(server)
    SETTERS[kind](client, lambda *arguments: told.put(arguments))
    with pytest.raises(TypeError, match="callable"):
        SETTERS[kind](client, "no handler")
    server.send(CAUSES[kind])
    told.get(timeout=5)


@each_kind
def test_it_is_for_every_connection_of_the_client(peer, log_on, kind):
    server, told = peer(), queue.Queue()
    client = log_on(server)
    SETTERS[kind](client, lambda *arguments: told.put(arguments))
    client.disconnect()
    client.connect(server.uri())
    client.logon(5000)
    server.send(CAUSES[kind])
    told.get(timeout=5)


def test_the_duplicate_handler_is_kept(new_client):
    client = new_client()
    assert client.get_duplicate_message_handler() is None
    client.set_duplicate_message_handler(print)
    assert client.get_duplicate_message_handler() is print
    with pytest.raises(TypeError):
        client.set_duplicate_message_handler(7)
    assert client.get_duplicate_message_handler() is print
    client.set_duplicate_message_handler(None)
    assert client.get_duplicate_message_handler() is None


def test_a_kept_message_outlives_its_handler(peer, log_on, lost):
    server = peer(subscribe=stay_silent)
    client = log_on(server)
    client.set_last_chance_message_handler(lost.put)
    for number in range(300):
        server.send(delivery(b"%d" % number * 50, sub_id="nobody"))
    kept = [lost.get(timeout=5) for _ in range(300)]
    assert [each.get_data() for each in kept] == [f"{number}" * 50 for number in range(300)]
