"""Inside the handlers of a client: what would wait for the server is refused, the rest works."""

import queue

import pytest

import AMPS

from .calls import wait_handled
from .scripted_peer import ack, delivery, frame


def command(verb, **fields):
    made = AMPS.Command(verb)
    for name, value in fields.items():
        getattr(made, f"set_{name}")(value)
    return made


def message(verb, **fields):
    made = AMPS.Message().set_command(verb).set_topic("t")
    for name, value in fields.items():
        getattr(made, f"set_{name}")(value)
    return made


WAITING = {
    "connect": lambda client: client.connect(client.get_uri()),
    "logon": lambda client: client.logon(),
    "set_heartbeat": lambda client: client.set_heartbeat(5),
    "flush": lambda client: client.flush(),
    "publish_flush": lambda client: client.publish_flush(1, AMPS.Message.AckType.PersistedEnum),
    "execute": lambda client: client.execute(command("sow", topic="t")),
    "execute of a flush": lambda client: client.execute(command("flush")),
    "execute_async": lambda client: client.execute_async(command("subscribe", topic="t"), print),
    "execute_async to nobody": lambda client: client.execute_async(
        command("sow_delete", topic="t", filter="1=1"), None
    ),
    "send with a timeout": lambda client: client.send(
        message("subscribe", ack_type="processed"), print, 1000
    ),
    "send without end": lambda client: client.send(
        message("flush", ack_type="processed,stats"), None, 0
    ),
}
CALLS = (
    "subscribe",
    "delta_subscribe",
    "bookmark_subscribe",
    "sow",
    "sow_and_subscribe",
    "sow_and_delta_subscribe",
    "sow_delete",
    "sow_delete_by_data",
    "sow_delete_by_keys",
)
MORE = {
    "bookmark_subscribe": ("0",),
    "sow_delete_by_data": ("{}",),
    "sow_delete_by_keys": ("1",),
}
for name in CALLS:
    more = MORE.get(name, ())
    WAITING[name] = lambda client, name=name, more=more: getattr(client, name)("t", *more)
    WAITING[f"{name} with a handler"] = lambda client, name=name, more=more: getattr(client, name)(
        print, "t", *more
    )


def refused(client, told):
    """Calls all that waits; puts what was not refused at once, then the end."""
    for name, call in WAITING.items():
        try:
            call(client)
            told.put((name, "went through"))
        except AMPS.UsageException as error:
            if "handler" not in str(error):
                told.put((name, error))
        except Exception as error:
            told.put((name, error))
    told.put("the end")


def as_subscription(client, server, handler):
    client.subscribe(handler, "t", sub_id="x")
    server.send(delivery(b"x", sub_id="x"))


def as_last_chance(client, server, handler):
    client.set_last_chance_message_handler(handler)
    server.send(delivery(b"x", sub_id="nobody"))


def as_failed_write(client, server, handler):
    client.set_failed_write_handler(lambda message, reason: handler(message))
    server.send(frame({"c": "ack", "a": "persisted", "s": 1, "status": "failure"}))


def as_all_acks(client, server, handler):
    client.set_global_command_type_message_handler("ack", handler)
    server.send(ack({"cid": "unknown"}))


def as_all_heartbeats(client, server, handler):
    client.set_global_command_type_message_handler("heartbeat", handler)
    server.send(frame({"c": "heartbeat"}))


def as_exception_listener(client, server, handler):
    client.set_exception_listener(handler)
    client.subscribe(lambda message: 1 / 0, "t", sub_id="x")
    server.send(delivery(b"x", sub_id="x"))


def as_message_handler(client, server, handler):
    client.add_message_handler("x", handler, "stats", False)
    server.send(ack({"cid": "x"}, kind="stats"))


def as_state_listener(client, server, handler):
    """On the thread that connects, which is none of the client's own."""
    client.disconnect()
    told = []
    client.add_connection_state_listener(lambda state: told or (told.append(1), handler(state)))
    client.connect(server.uri())


PLACES = {
    function.__name__[3:].replace("_", " "): function
    for function in (
        as_subscription,
        as_last_chance,
        as_failed_write,
        as_all_acks,
        as_all_heartbeats,
        as_exception_listener,
        as_message_handler,
        as_state_listener,
    )
}


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_what_waits_is_refused_before_anything_is_sent(peer, log_on, place):
    server, told = peer(), queue.Queue()
    client = log_on(server)
    place(client, server, lambda *arguments: refused(client, told))
    assert told.get(timeout=5) == "the end"
    if place is as_state_listener:
        client.logon(5000)
    sent = [seen["c"] for seen in server.frames]
    wait_handled(client)
    assert set(sent) <= {"logon", "subscribe", "heartbeat"}
    assert sent.count("subscribe") == (place in (as_subscription, as_exception_listener))
    client.subscribe("t", sub_id="refused ones left nothing")


def not_waiting(client, stream):
    """What may be called inside a handler; the last of it closes the client."""
    client.publish("u", "1")
    client.delta_publish("u", "2")
    client.execute_async(command("publish", topic="u", data="3"), None)
    client.execute_async(command("publish", topic="u", data="4", ack_type="processed"), print)
    client.execute(command("delta_publish", topic="u", data="5"))
    client.send(message("publish", data="6"))
    client.send(message("publish", data="7", ack_type="processed"), print)
    client.send(message("publish", data="8", ack_type="persisted"), None, 1000)
    client.start_timer()
    client.stop_timer(print)
    client.add_message_handler("id", print, "", False)
    client.remove_message_handler("id")
    client.set_failed_write_handler(print)
    client.set_last_chance_message_handler(None)
    client.unsubscribe("other")
    client.execute_async(command("unsubscribe", sub_id="one more"), None)
    stream.close()
    client.close()


@pytest.mark.parametrize("place", list(PLACES.values())[:-1], ids=list(PLACES)[:-1])
def test_what_does_not_wait_works(peer, log_on, place):
    server, told = peer(), queue.Queue()
    client = log_on(server)
    stream = client.subscribe("s", sub_id="stream")
    client.subscribe(print, "o", sub_id="other")
    client.subscribe(print, "o", sub_id="one more")

    def handler(*arguments):
        try:
            told.put(not_waiting(client, stream))
        except BaseException as error:
            told.put(error)

    place(client, server, handler)
    assert told.get(timeout=5) is None
    server.wait_gone()
    assert [seen["body"] for seen in server.seen("p")] == [b"1", b"3", b"4", b"6", b"7", b"8"]
    assert [seen["body"] for seen in server.seen("delta_publish")] == [b"2", b"5"]
    ends = [seen["sub_id"] for seen in server.seen("unsubscribe")]
    assert sorted(ends) == ["one more", "other", "stream"]
    assert len(server.seen("start_timer")) == len(server.seen("stop_timer")) == 1
    assert list(stream) == []


def test_what_does_not_wait_works_in_a_state_listener(peer, new_client):
    server, client, told = peer(), new_client(), []

    def listener(state):
        told.append(state)
        if state == AMPS.Client.ConnectionStateListener.LoggedOn:
            client.publish("u", "from the listener")
            client.unsubscribe("x")
            client.close()

    client.add_connection_state_listener(listener)
    client.connect(server.uri())
    client.logon(5000)
    server.wait_gone()
    assert [seen["body"] for seen in server.seen("p")] == [b"from the listener"]
    assert told == [2, 4, 0, 1]


def test_handlers_of_two_clients_do_not_wait_for_each_other(peer, log_on, new_client):
    """In a handler of one, a listener of another would wait for the thread that it is on."""
    server, told = peer(), queue.Queue()
    client, other = log_on(server), new_client("other")
    second = peer()
    once = [told]
    other.add_connection_state_listener(lambda state: once and refused(client, once.pop()))
    client.subscribe(lambda message: other.connect(second.uri()), "t", sub_id="x")
    server.send(delivery(b"x", sub_id="x"))
    assert told.get(timeout=5) == "the end"
    wait_handled(client)
    other.logon(5000)


def test_another_client_may_wait_inside_a_handler(peer, log_on):
    server, second, done = peer(), peer(), queue.Queue()
    client, other = log_on(server), log_on(second, "other")

    def handler(message):
        other.subscribe("t")
        other.publish_flush(5000)
        done.put(client.publish("u", "x"))

    client.subscribe(handler, "t", sub_id="x")
    server.send(delivery(b"x", sub_id="x"))
    assert done.get(timeout=5) == 0


def test_in_the_disconnect_handler_waiting_is_allowed(peer, log_on, inbox):
    """Its thread serves no connection any more."""

    def count(server, seen):
        server.send(ack(seen, kind="stats", records_deleted="7"))

    server, done = peer(sow_delete=count), queue.Queue()
    client = log_on(server)

    def come_back(client):
        client.connect(client.get_uri())
        client.logon(5000)
        client.subscribe(inbox, "t", sub_id="x")
        client.publish_flush(5000)
        done.put(client.sow_delete("t", "1=1").get_sow_deleted())

    client.set_disconnect_handler(come_back)
    server.hang_up()
    assert done.get(timeout=5) == "7"
    server.send(delivery(b"hello", sub_id="x"))
    assert inbox.bodies(1) == ["hello"]
