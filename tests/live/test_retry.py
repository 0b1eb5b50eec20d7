"""A command that a lost connection cut off is sent once more when the handler brought it back."""

import gc
import queue
import signal
import threading
import time
import weakref

import pytest

import AMPS

from .calls import Failing, assert_interrupted, wait_handled
from .conftest import come_back
from .scripted_peer import (
    ack,
    delivery,
    frame,
    hang_up,
    in_turn,
    refuse,
    say,
    stay_silent,
    wait_until,
)


def count_deleted(peer, seen):
    peer.send(ack(seen, kind="stats", records_deleted="3"))


def one_record(peer, seen):
    say()(peer, seen)
    qid = seen["query_id"]
    peer.send(frame({"c": "group_begin", "query_id": qid}))
    peer.send(frame({"c": "sow", "t": "t", "query_id": qid}, b'{"k":"1","l":6}record'))
    peer.send(frame({"c": "group_end", "query_id": qid}) + ack(seen, kind="completed"))


WAITING = {
    "subscribe": ("subscribe", say(), lambda client: client.subscribe("t", timeout=5000)),
    "subscribe with a handler": ("subscribe", say(), lambda client: client.subscribe(print, "t")),
    "sow": ("sow", one_record, lambda client: client.sow("t", timeout=5000)),
    "sow_delete": ("sow_delete", count_deleted, lambda client: client.sow_delete("t", "1=1")),
    "execute": (
        "sow",
        one_record,
        lambda client: client.execute(AMPS.Command("sow").set_topic("t")),
    ),
}
each_waiting = pytest.mark.parametrize(("verb", "answer", "call"), WAITING.values(), ids=WAITING)


def wait_back(client, server, times=1):
    """Until the client has come back so often, and may be used."""
    server.wait_for("logon", times + 1)
    wait_until(lambda: is_usable(client))


def is_usable(client):
    try:
        client.publish("any", "")
    except (AMPS.DisconnectedException, AMPS.LogonRequiredException):
        return False
    return True


def without_body(seen):
    return {key: value for key, value in seen.items() if key != "body"}


@each_waiting
def test_a_command_cut_off_is_sent_once_more_with_its_id(peer, returning, verb, answer, call):
    server = peer(**{verb: in_turn(hang_up, answer)})
    client = returning(server)
    call(client)
    first, second = server.seen(verb)
    assert without_body(first) == without_body(second)
    assert (server.connections, len(server.seen("logon"))) == (2, 2)


@each_waiting
def test_a_second_cut_says_so(peer, returning, verb, answer, call):
    server = peer(**{verb: hang_up})
    client = returning(server)
    with pytest.raises(AMPS.RetryOperationException, match=f"{verb} was cut off twice") as caught:
        call(client)
    assert type(caught.value.__cause__) is AMPS.DisconnectedException
    assert len(server.seen(verb)) == 2


def raise_in_handler(client):
    raise LookupError("no server any more")


def come_back_and_raise(client):
    come_back(client)
    raise LookupError("afterwards")


@pytest.mark.parametrize(
    "handler",
    [
        None,
        lambda client: None,
        lambda client: client.connect(client.get_uri()),
        lambda client: client.close(),
        raise_in_handler,
        come_back_and_raise,
    ],
    ids=["none", "idle", "no logon", "closes", "raises", "raises when back"],
)
@each_waiting
def test_without_a_handler_that_brings_it_back_it_fails(peer, log_on, verb, answer, call, handler):
    server, told = peer(**{verb: in_turn(hang_up, answer)}), queue.Queue()
    client = log_on(server)
    client.set_exception_listener(told.put)
    client.set_disconnect_handler(handler)
    with pytest.raises(AMPS.DisconnectedException) as caught:
        call(client)
    assert type(caught.value) is AMPS.DisconnectedException
    assert len(server.seen(verb)) == 1
    assert type(told.get(timeout=5)) is AMPS.DisconnectedException
    if handler in (raise_in_handler, come_back_and_raise):
        assert type(told.get(timeout=5)) is LookupError


@each_waiting
def test_with_retry_off_it_fails_at_once(peer, log_on, verb, answer, call):
    server, go_on = peer(**{verb: hang_up}), threading.Event()
    client = log_on(server)
    assert client.get_retry_on_disconnect() is True
    client.set_retry_on_disconnect(False)
    assert client.get_retry_on_disconnect() is False
    client.set_disconnect_handler(lambda client: go_on.wait(10))
    with pytest.raises(AMPS.DisconnectedException):
        call(client)
    go_on.set()
    assert len(server.seen(verb)) == 1


def test_the_stream_of_a_repeated_command_has_what_came_for_the_second_only(peer, returning):
    def deliver_and_go(server, seen):
        server.send(delivery(b"too early", sub_id=seen["sub_id"]))
        server.hang_up()

    server = peer(subscribe=in_turn(deliver_and_go, say()))
    client = returning(server)
    stream = client.subscribe("t").timeout(5000)
    server.send(delivery(b"in time", sub_id=server.seen("subscribe")[1]["sub_id"]))
    assert next(stream).get_data() == "in time"
    stream.close()
    assert server.wait_for("unsubscribe")[0]["sub_id"] == server.seen("subscribe")[1]["sub_id"]
    assert list(stream) == []


def test_the_handler_of_a_repeated_command_is_told_by_both(peer, returning, inbox):
    def deliver_and_go(server, seen):
        server.send(delivery(b"early", sub_id=seen["sub_id"]))
        server.hang_up()

    server = peer(subscribe=in_turn(deliver_and_go, say()))
    client = returning(server)
    sub_id = client.subscribe(inbox, "t")
    server.send(delivery(b"late", sub_id=sub_id))
    assert inbox.bodies(2) == ["early", "late"]
    client.unsubscribe(sub_id)
    client.publish_flush(5000)
    server.send(delivery(b"never", sub_id=sub_id))
    wait_handled(client)
    assert inbox.is_empty()


def test_the_answer_of_a_repeated_query_is_whole(peer, returning):
    def half_a_record(server, seen):
        server.send(frame({"c": "group_begin", "query_id": seen["query_id"]}))
        server.hang_up()

    server = peer(sow=in_turn(half_a_record, one_record))
    stream = returning(server).sow("t").timeout(5000)
    assert [each.get_command() for each in stream] == ["group_begin", "sow", "group_end"]


def test_a_repeated_command_that_is_refused_raises_the_reason(peer, returning):
    server = peer(subscribe=in_turn(hang_up, refuse("bad filter")))
    client = returning(server)
    with pytest.raises(AMPS.BadFilterException):
        client.subscribe("t", "/a >", sub_id="x")
    server.answers["subscribe"] = say()
    client.subscribe("t", sub_id="x")


def test_a_handler_that_needs_two_logons_has_brought_it_back(peer, returning):
    """A refused logon closes the connection: that is no wish of the program's."""
    server = peer(
        subscribe=in_turn(hang_up, say()), logon=in_turn(say(), refuse("auth failure"), say())
    )

    def try_twice(client):
        with pytest.raises(AMPS.AuthenticationException):
            come_back(client)
        client.disconnect()  # to be sure
        come_back(client)

    client = returning(server, try_twice)
    client.subscribe("t", timeout=5000)
    assert len(server.seen("subscribe")) == 2


def test_closing_ends_the_wait_for_a_handler_that_blocks(peer, log_on):
    server, entered, go_on = peer(subscribe=hang_up), threading.Event(), threading.Event()
    client = log_on(server)
    client.set_disconnect_handler(lambda client: (entered.set(), go_on.wait(10)))
    waiting = Failing(client.subscribe, "t")
    assert entered.wait(5)
    closing = Failing(client.close)
    began = time.monotonic()
    assert type(waiting.result()) is AMPS.DisconnectedException
    assert waiting.ended - began < 1
    go_on.set()
    assert closing.result() is None


def test_a_disconnect_handler_cannot_undo_a_close(peer, log_on):
    server, entered, go_on = peer(subscribe=hang_up), threading.Event(), threading.Event()
    client, raised, told = log_on(server), [], queue.Queue()
    client.set_exception_listener(told.put)

    def come_back_late(client):
        entered.set()
        go_on.wait(10)
        for _ in range(3):
            with pytest.raises(AMPS.DisconnectedException) as caught:
                come_back(client)
            raised.append(str(caught.value))
        raise caught.value

    client.set_disconnect_handler(come_back_late)
    waiting = Failing(client.subscribe, "t")
    assert entered.wait(5)
    closing = Failing(client.close)
    assert type(waiting.result()) is AMPS.DisconnectedException  # so the close has begun
    began = time.monotonic()
    go_on.set()
    assert closing.result() is None and closing.ended - began < 2
    assert len(raised) == 3 and all("closed by this program" in each for each in raised)
    assert (server.connections, "not connected" in repr(client)) == (1, True)
    assert "lost" in str(told.get(timeout=5)) and told.empty(), "of the close nobody need be told"
    client.connect(server.uri())
    client.logon(5000)


def test_a_close_ends_the_logon_of_a_disconnect_handler_for_good(peer, log_on):
    """It does not come back by trying again."""
    server, raised = peer(logon=in_turn(say(), stay_silent)), []
    client = log_on(server)
    client.set_exception_listener([].append)

    def try_again(client):
        for _ in range(3):
            with pytest.raises(AMPS.DisconnectedException) as caught:
                come_back(client)
            raised.append(caught.value)

    client.set_disconnect_handler(try_again)
    server.hang_up()
    server.wait_for("logon", 2)
    client.close()
    wait_until(lambda: len(raised) == 3)
    assert server.connections == 2


def test_one_timeout_counts_for_both_attempts(peer, log_on):
    server, go_on = peer(subscribe=in_turn(hang_up, stay_silent)), threading.Event()
    client = log_on(server)

    def come_back_late(client):
        go_on.wait(0.2)
        come_back(client)

    client.set_disconnect_handler(come_back_late)
    began = time.monotonic()
    with pytest.raises(AMPS.TimedOutException, match="400 ms"):
        client.subscribe("t", timeout=400)
    assert 0.35 < time.monotonic() - began < 2
    assert len(server.seen("subscribe")) == 2


def test_the_timeout_ends_the_wait_for_the_handler(peer, log_on):
    server, go_on = peer(subscribe=hang_up), threading.Event()
    client = log_on(server)
    client.set_disconnect_handler(lambda client: go_on.wait(10))
    with pytest.raises(AMPS.TimedOutException, match="200 ms"):
        client.subscribe("t", timeout=200)
    go_on.set()


def test_ctrl_c_ends_the_wait_for_the_handler(peer, log_on):
    server, entered, go_on = peer(subscribe=hang_up), threading.Event(), threading.Event()
    client = log_on(server)
    client.set_disconnect_handler(lambda client: (entered.set(), go_on.wait(10), come_back(client)))
    assert_interrupted(lambda: client.subscribe(print, "t", sub_id="x"), entered.wait)
    server.answers["subscribe"] = say()
    go_on.set()
    wait_back(client, server)
    client.subscribe(print, "t", sub_id="x", timeout=5000)
    assert len(server.seen("subscribe")) == 2


def test_all_who_wait_are_repeated(peer, returning):
    server = peer(subscribe=stay_silent)
    client = returning(server)
    waiting = [Failing(client.subscribe, f"t{number}") for number in range(8)]
    server.wait_for("subscribe", 8)
    server.answers["subscribe"] = say()
    server.hang_up()
    assert [each.result() for each in waiting] == [None] * 8
    topics = [seen["t"] for seen in server.seen("subscribe")]
    assert sorted(topics) == sorted([f"t{number}" for number in range(8)] * 2)


def test_a_command_inside_the_disconnect_handler_is_repeated_too(peer, log_on, inbox):
    server = peer(subscribe=in_turn(hang_up, say()))
    client, seen = log_on(server), []

    def come_back_and_subscribe(client):
        come_back(client)
        if not seen:
            seen.append(client.get_uri())
            client.subscribe(inbox, "t", sub_id="x", timeout=5000)

    client.set_disconnect_handler(come_back_and_subscribe)
    server.hang_up()
    server.wait_for("subscribe", 2)
    assert server.connections == 3
    wait_back(client, server, 2)
    server.send(delivery(b"hello", sub_id="x"))
    assert inbox.bodies(1) == ["hello"]


def test_a_command_in_the_handler_before_it_is_back_fails_at_once(peer, log_on):
    server, told = peer(), queue.Queue()
    client = log_on(server)
    client.set_exception_listener(told.put)
    client.set_disconnect_handler(lambda client: client.subscribe("t"))
    server.hang_up()
    problems = [told.get(timeout=5) for _ in range(2)]
    assert [type(problem) for problem in problems] == [AMPS.DisconnectedException] * 2
    assert "subscribe" in str(problems[1])


def test_a_logon_is_not_repeated(peer, new_client):
    server, client = peer(logon=hang_up), new_client()
    client.set_exception_listener([].append)
    client.set_disconnect_handler(lambda client: client.connect(client.get_uri()))
    client.connect(server.uri())
    with pytest.raises(AMPS.DisconnectedException):
        client.logon(5000)
    assert len(server.seen("logon")) == 1


@pytest.mark.parametrize(
    "flush",
    [
        lambda client: client.publish_flush(5000),
        lambda client: client.execute(AMPS.Command("flush")),
    ],
    ids=["publish_flush", "execute"],
)
def test_a_flush_is_not_repeated_for_what_was_sent_before_is_perhaps_lost(peer, returning, flush):
    server = peer(flush=hang_up)
    client = returning(server)
    client.publish("t", "x")
    with pytest.raises(AMPS.DisconnectedException):
        flush(client)
    wait_back(client, server)
    assert len(server.seen("flush")) == 1


def test_a_heartbeat_is_not_repeated(peer, returning):
    server = peer(heartbeat=hang_up)
    client = returning(server, lambda client: client.connect(client.get_uri()))
    with pytest.raises(AMPS.DisconnectedException):
        client.set_heartbeat(10)
    assert len(server.seen("heartbeat")) == 1


def test_a_message_sent_as_it_is_is_not_repeated(peer, returning):
    server = peer(subscribe=hang_up)
    client = returning(server)
    message = AMPS.Message().set_command("subscribe").set_topic("t").set_ack_type("processed")
    with pytest.raises(AMPS.DisconnectedException) as caught:
        client.send(message, print, 5000)
    assert type(caught.value) is AMPS.DisconnectedException
    assert len(server.seen("subscribe")) == 1


def test_a_signal_handler_may_raise_what_looks_like_a_loss(peer, returning):
    """Of another client, say: this one's connection is fine, and nothing is to be waited for."""
    server = peer(subscribe=stay_silent)
    client, other = returning(server), AMPS.Client("never connected")
    before = signal.signal(signal.SIGUSR1, lambda number, frame: other.publish("t", "x"))

    def press():
        server.wait_for("subscribe")
        signal.pthread_kill(threading.main_thread().ident, signal.SIGUSR1)

    presser = threading.Thread(target=press)
    presser.start()
    try:
        with pytest.raises(AMPS.DisconnectedException, match=r"call connect\(\) first"):
            client.subscribe("t", timeout=20_000)
    finally:
        signal.signal(signal.SIGUSR1, before)
        presser.join()
    assert len(server.seen("subscribe")) == 1
    client.publish_flush(5000)


def test_nothing_is_left_of_what_was_cut_off(peer, returning):
    """Handlers go, ids are free again, and the next connection is as new."""
    server = peer(subscribe=hang_up)
    client, gone = returning(server), []

    class Handler:
        def __call__(self, message):
            """Takes no notice."""

    for time_before in range(5):
        handler = Handler()
        gone.append(weakref.ref(handler))
        with pytest.raises(AMPS.RetryOperationException):
            client.subscribe(handler, "t", sub_id="same")
        del handler
        wait_back(client, server, 2 * time_before + 2)
    gc.collect()
    wait_until(lambda: [each() for each in gone] == [None] * 5)
    server.answers["subscribe"] = say()
    client.subscribe(print, "t", sub_id="same")


def test_what_cannot_be_done_while_not_connected_says_so(peer, log_on):
    """The column of Client in the table of calls made while not connected."""
    server, go_on, entered = peer(), threading.Event(), threading.Event()
    client = log_on(server)
    stream = client.subscribe("t")
    sub_id = client.subscribe(print, "t")
    client.set_disconnect_handler(lambda client: (entered.set(), go_on.wait(10)))
    server.hang_up()
    assert entered.wait(5)
    for call in (
        lambda: client.publish("t", "x"),
        lambda: client.delta_publish("t", "x"),
        lambda: client.sow_delete("t", "1=1"),
        lambda: client.sow_delete(print, "t", "1=1"),
        lambda: client.subscribe("t"),
        lambda: client.sow("t"),
        lambda: client.sow_and_subscribe(print, "t"),
        lambda: client.flush(),
        lambda: client.publish_flush(),
        lambda: client.execute(AMPS.Command("sow").set_topic("t")),
        lambda: client.execute_async(AMPS.Command("publish").set_topic("t").set_data("x"), None),
        lambda: client.send(AMPS.Message().set_command("publish").set_topic("t")),
        client.start_timer,
    ):
        with pytest.raises(AMPS.DisconnectedException):
            call()
    client.unsubscribe(sub_id)
    client.unsubscribe()
    stream.close()
    assert list(stream) == []
    go_on.set()
