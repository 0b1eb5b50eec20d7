"""Below the commands: messages sent as they are, handlers by id, timers, versions."""

import queue

import pytest

import AMPS

from .calls import wait_handled
from .scripted_peer import ack, delivery, frame, refuse, say, stay_silent, wait_until


def message_of(command, **fields):
    message = AMPS.Message().set_command(command)
    for name, value in fields.items():
        getattr(message, f"set_{name}")(value)
    return message


def test_a_message_is_sent_as_it_is(sandbox, log_on):
    client = log_on(sandbox)
    message = client.allocate_message()
    assert type(message) is AMPS.Message and message.get_command() is None
    message.set_command("publish").set_topic('a "b"\n').set_correlation_id("c").set_data(b"\x00{}")
    assert client.send(message) is None
    client.publish_flush(5000)
    (sent,) = sandbox.received("publish")
    assert sent.header == {"c": "p", "t": 'a "b"\n', "x": "c"} and sent.body == b"\x00{}"
    assert message.get_command_id() is None, "the program's message stays as it is"


def test_a_received_message_can_be_sent_on(sandbox, log_on, inbox):
    client = log_on(sandbox)
    client.subscribe(lambda message: client.send(message.set_topic("copy")), "t")
    client.subscribe(inbox, "copy")
    client.publish("t", "x", correlation_id="7")
    copy = inbox.get()
    assert (copy.get_topic(), copy.get_data(), copy.get_correlation_id()) == ("copy", "x", "7")


def test_the_answers_go_to_the_handler(sandbox, log_on, inbox):
    """The server takes the command id for a sub_id when there is none."""
    client = log_on(sandbox)
    id = client.send(message_of("subscribe", topic="t", ack_type="processed"), inbox)
    answer = inbox.get()
    assert (answer.get_command(), answer.get_command_id()) == ("ack", id)
    client.publish("t", "hello")
    assert inbox.bodies(1) == ["hello"]
    client.remove_message_handler(id)
    client.publish("t", "unheard")
    wait_handled(client)
    assert inbox.is_empty()


def test_an_empty_id_in_the_message_is_none(peer, log_on, inbox):
    """Two messages with one would be in each other's way."""
    server = peer(subscribe=stay_silent)
    client = log_on(server)
    for count in range(1, 3):
        client.send(
            message_of("subscribe", topic="t", command_id="", sub_id="", query_id=""), inbox
        )
        seen = server.wait_for("subscribe", count)[-1]
        assert "query_id" not in seen and "sub_id" not in seen
        server.send(delivery(b"hello", seen["cid"]))
        assert inbox.bodies(1) == ["hello"]


@pytest.mark.parametrize("ids", [{"command_id": "c"}, {"sub_id": "s"}, {"query_id": "q"}])
def test_each_id_of_the_message_leads_to_the_handler(peer, log_on, inbox, ids):
    server = peer(subscribe=stay_silent, sow=stay_silent)
    client = log_on(server)
    verb = "sow" if "query_id" in ids else "subscribe"
    id = client.send(message_of(verb, topic="t", **ids), inbox, 1000)
    (seen,) = server.wait_for(verb)
    assert seen["cid"] == id and "a" not in seen
    server.send(
        frame({"c": "sow", "query_id": ids["query_id"]}, b'{"k":"1","l":1}x')
        if "query_id" in ids
        else delivery(b"x", sub_id=ids.get("sub_id", id))
    )
    assert inbox.bodies(1) == ["x"]


def test_acks_not_asked_for_do_not_go_to_the_handler(peer, log_on, inbox):
    server = peer(subscribe=stay_silent)
    client = log_on(server)
    client.send(message_of("subscribe", topic="t", ack_type="completed"), inbox)
    (seen,) = server.wait_for("subscribe")
    server.send(ack(seen) + ack(seen, kind="stats") + ack(seen, kind="completed"))
    assert inbox.get().get_ack_type() == "completed"
    wait_handled(client)
    assert inbox.is_empty()


def test_with_a_timeout_it_waits_for_the_processed_ack(peer, log_on):
    server = peer(subscribe=say())
    client = log_on(server)
    message = message_of("subscribe", topic="t", ack_type="processed", command_id="mine")
    assert client.send(message, None, 5000) == "mine"
    server.answers["subscribe"] = refuse("bad filter")
    with pytest.raises(AMPS.BadFilterException):
        client.send(message, print, 5000)
    server.answers["subscribe"] = stay_silent
    with pytest.raises(AMPS.TimedOutException):
        client.send(message, print, timeout=50)
    server.answers["subscribe"] = say()
    client.send(message, print, 5000)


def test_a_message_may_be_sent_before_the_logon(peer, new_client, inbox):
    server, client = peer(), new_client()
    client.connect(server.uri())
    message = message_of("logon", client_name="me", ack_type="processed", message_type="json")
    client.send(message, inbox)
    assert inbox.get().get_status() == "success"
    assert server.seen("logon")[0]["client_name"] == "me"


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("publish",), TypeError),
        ((None,), TypeError),
        ((AMPS.Command("publish"),), TypeError),
        ((AMPS.Message(),), AMPS.CommandException),
        ((message_of("", topic="t"),), AMPS.CommandException),
        ((message_of("publish", topic="t"), "no handler"), TypeError),
        ((message_of("publish", topic="t"), print, -1), AMPS.UsageException),
        ((message_of("publish", topic="t"), print, "1"), TypeError),
    ],
)
def test_what_cannot_be_sent_says_so(sandbox, log_on, arguments, error):
    client = log_on(sandbox)
    before = len(sandbox.frames(direction="in"))
    with pytest.raises(error):
        client.send(*arguments)
    client.publish_flush(5000)
    assert len(sandbox.frames(direction="in")) == before + 1


def test_an_id_in_use_is_refused_and_stays_with_its_owner(sandbox, log_on, inboxes):
    client, first, second = log_on(sandbox), inboxes(), inboxes()
    client.subscribe(first, "t", sub_id="x")
    with pytest.raises(AMPS.SubidInUseException):
        client.send(message_of("subscribe", topic="u", sub_id="x"), second)
    client.publish("t", "1")
    assert first.bodies(1) == ["1"]
    assert [each.topic for each in sandbox.subscriptions()] == ["t"]


# ---- Handlers by id -----------------------------------------------------------------------------


def test_a_handler_added_for_an_id_is_told_of_all_that_carries_it(peer, log_on, inbox):
    server = peer()
    client = log_on(server)
    client.add_message_handler("x", inbox, "processed,stats", False)
    server.send(delivery(b"1", sub_id="x"))
    server.send(frame({"c": "sow", "query_id": "x"}, b'{"k":"1","l":1}2'))
    server.send(ack({"cid": "x"}) + ack({"cid": "x"}, kind="completed"))
    server.send(ack({"cid": "x"}, kind="stats"))
    got = [inbox.get() for _ in range(4)]
    assert [each.get_data() for each in got[:2]] == ["1", "2"]
    assert [each.get_ack_type() for each in got[2:]] == ["processed", "stats"]
    client.remove_message_handler("x")
    client.remove_message_handler("x")
    server.send(delivery(b"3", sub_id="x"))
    wait_handled(client)
    assert inbox.is_empty()


def test_the_newest_handler_of_an_id_is_the_one(peer, log_on, inboxes):
    server, first, second, third = peer(), inboxes(), inboxes(), inboxes()
    client = log_on(server)
    client.subscribe(first, "t", sub_id="x")
    for handler in (second, third):
        client.add_message_handler("x", handler, "", True)
        server.send(delivery(b"x", sub_id="x"))
        assert handler.bodies(1) == ["x"]
    assert first.is_empty() and second.is_empty()
    client.unsubscribe("x")
    assert server.wait_for("unsubscribe")[0]["sub_id"] == "x"
    server.send(delivery(b"late", sub_id="x"))
    wait_handled(client)
    assert third.is_empty()


@pytest.mark.parametrize(
    "end",
    [
        lambda client: client.remove_message_handler("x"),
        lambda client: client.add_message_handler("x", print, "", True),
        lambda client: client.unsubscribe("x"),
    ],
)
def test_a_stream_whose_place_is_taken_ends(peer, log_on, end):
    """Else whoever iterates would wait for ever."""
    server = peer()
    client = log_on(server)
    stream = client.subscribe("t", sub_id="x").timeout(5000)
    server.send(delivery(b"before", sub_id="x"))
    wait_until(lambda: stream.get_depth() == 1)
    end(client)
    assert [each and each.get_data() for each in stream] == ["before"]


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("", print, "", True), ValueError),
        ((None, print, "", True), ValueError),
        ((7, print, "", True), TypeError),
        (("x", None, "", True), TypeError),
        (("x", "no handler", "", True), TypeError),
        (("x", print, "prozessed", True), AMPS.CommandException),
        (("x", print, object(), True), TypeError),
    ],
)
def test_what_cannot_be_a_handler_says_so_and_leaves_all_as_it_was(
    peer, log_on, inbox, arguments, error
):
    server = peer()
    client = log_on(server)
    client.subscribe(inbox, "t", sub_id="x")
    with pytest.raises(error):
        client.add_message_handler(*arguments)
    server.send(delivery(b"still here", sub_id="x"))
    assert inbox.bodies(1) == ["still here"]
    with pytest.raises(TypeError):
        client.remove_message_handler(7)
    client.remove_message_handler(None)
    client.remove_message_handler("unknown")


def test_handlers_come_and_go_inside_handlers(peer, log_on, inbox):
    server = peer()
    client = log_on(server)

    calls = queue.Queue()

    def handler(message):
        client.add_message_handler("y", inbox, "", False)
        client.remove_message_handler("x")
        calls.put(message.get_data())

    client.add_message_handler("x", handler, "", False)
    server.send(delivery(b"1", sub_id="x") + delivery(b"2", sub_id="x"))
    assert calls.get(timeout=5) == "1"
    server.send(delivery(b"3", sub_id="x,y"))
    assert inbox.bodies(1) == ["3"]
    assert calls.empty()


# ---- Timers and versions ------------------------------------------------------------------------


def test_a_timer_brackets_and_its_end_is_told(peer, log_on, inbox):
    server = peer(stop_timer=say(kind="completed"))
    client = log_on(server)
    client.start_timer()
    client.stop_timer(inbox)
    assert inbox.get().get_ack_type() == "completed"
    (started,), (stopped,) = server.seen("start_timer"), server.seen("stop_timer")
    assert started["t"] == stopped["t"] and stopped["a"] == "completed"
    client.stop_timer(None)
    assert "a" not in server.wait_for("stop_timer", 2)[1]


def test_timers_do_not_wait_and_refuse_what_is_no_handler(peer, new_client, log_on):
    server = peer(start_timer=stay_silent, stop_timer=stay_silent)
    client = log_on(server)
    client.start_timer()
    client.stop_timer(print)
    with pytest.raises(TypeError):
        client.stop_timer("no handler")
    for idle in (new_client("idle"), AMPS.Client.__new__(AMPS.Client)):
        for call in (idle.start_timer, lambda idle=idle: idle.stop_timer(print)):
            with pytest.raises((AMPS.DisconnectedException, AMPS.UsageException)):
                call()


def test_a_version_becomes_a_number_on_class_and_instance():
    assert AMPS.Client.convert_version_to_number("3.8.1.7") == 3080107
    assert AMPS.Client("any").convert_version_to_number("4.0.0.0") == 4000000
    assert AMPS.Client.convert_version_to_number(b"5.3.4.130") == 5030499
    for version in (None, 5):
        with pytest.raises(TypeError):
            AMPS.Client.convert_version_to_number(version)


@pytest.mark.parametrize(
    "call",
    [
        lambda client: client.add_message_handler("x", print, "", True),
        lambda client: client.remove_message_handler("x"),
        lambda client: client.send(message_of("publish", topic="t")),
        lambda client: client.start_timer(),
        lambda client: client.set_last_chance_message_handler(print),
        lambda client: client.set_failed_write_handler(print),
        lambda client: client.set_global_command_type_message_handler("ack", print),
    ],
)
def test_a_client_whose_init_was_not_called_says_so(call):
    with pytest.raises(AMPS.UsageException, match="__init__"):
        call(AMPS.Client.__new__(AMPS.Client))
