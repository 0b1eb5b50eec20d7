"""A command cut off is sent once more when the disconnect handler has brought the client back."""

import threading

import pytest

import AMPS

from .calls import Failing, assert_interrupted
from .results import accepted, give, marker
from .scripted_peer import delivery, hang_up, say, say_all, wait_until

QUERY = ["group_begin", "sow", "group_end"]


def hang_up_once(then):
    """An answer: the end of the connection, and another answer from the next command on."""

    def answer(server, seen):
        server.answers[seen["c"]] = then
        server.hang_up()

    return answer


@pytest.fixture
def returning(log_on):
    """Makes clients that come back by themselves."""

    def make(server, comes_back=True):
        client = log_on(server)

        def reconnect(client):
            if comes_back:
                client.connect(server.uri())
                client.logon(5000)

        client.set_disconnect_handler(reconnect)
        client.set_exception_listener(lambda error: None)
        return client

    return make


def sow():
    return AMPS.Command("sow").set_topic("t").set_query_id("q").set_timeout(10_000)


def test_a_query_cut_off_before_its_answer_is_asked_again_and_whole(peer, returning, inbox):
    server = peer(sow=hang_up_once(give("a")))
    client = returning(server)
    stream = client.execute(sow()).timeout(5000)
    assert [message.get_command() for message in stream] == QUERY
    first, second = server.seen("sow")
    assert first == second, "the very same command, its id included"
    server.answers["sow"] = hang_up_once(give("b"))
    assert client.execute_async(sow(), inbox) == "q"
    assert inbox.bodies(3) == ["", "b", ""]
    assert server.connections == 3


def test_what_had_come_of_the_first_is_not_mixed_into_the_second(peer, returning):
    """Records that come before the answer belong to a result that never became whole."""

    def begin_and_hang_up(server, seen):
        server.answers["sow"] = give("b")
        server.send(marker(seen, "group_begin"))
        server.hang_up()

    stream = returning(peer(sow=begin_and_hang_up)).execute(sow()).timeout(5000)
    assert [message.get_command() for message in stream] == QUERY


@pytest.mark.parametrize("form", ["handler", "stream"])
def test_a_subscription_cut_off_is_placed_again(peer, returning, inbox, form):
    server = peer(subscribe=hang_up_once(say()))
    client = returning(server)
    stream = None
    if form == "handler":
        client.subscribe(inbox, "t", sub_id="s", timeout=10_000)
    else:
        stream = client.subscribe("t", sub_id="s", timeout=10_000).timeout(5000)
    server.send(delivery(b"x"))
    assert (next(stream) if stream else inbox.get()).get_data() == "x"
    if stream:
        stream.close()
    else:
        client.unsubscribe("s")
    assert server.wait_for("unsubscribe")[0]["sub_id"] == "s"
    client.publish_flush(5000)
    assert len(server.seen("unsubscribe")) == 1


def test_a_delete_is_counted_by_the_one_that_was_answered(peer, returning):
    client = returning(peer(sow_delete=hang_up_once(say_all(records_deleted=3))))
    assert client.sow_delete("t", "1=1", 10_000).get_sow_deleted() == "3"


@pytest.mark.parametrize(
    "call", [lambda c: c.execute(sow()), lambda c: c.sow(print, "t"), lambda c: c.sow_delete("t")]
)
def test_a_second_cut_is_told(peer, returning, call):
    client = returning(peer(sow=hang_up, sow_delete=hang_up))
    with pytest.raises(AMPS.RetryOperationException, match="sow.*twice"):
        call(client)


@pytest.mark.parametrize("why", ["switched off", "not back", "no handler"])
def test_otherwise_the_loss_is_raised_and_nothing_is_left(peer, returning, inbox, why):
    server = peer(sow=hang_up)
    client = returning(server, comes_back=why != "not back")
    assert client.get_retry_on_disconnect() is True
    if why == "switched off":
        client.set_retry_on_disconnect(False)
    elif why == "no handler":
        client.set_disconnect_handler(None)
    with pytest.raises(AMPS.DisconnectedException):
        client.execute_async(sow(), inbox)
    assert len(server.seen("sow")) == 1 and inbox.is_empty()


def test_closing_while_the_handler_brings_it_back_ends_the_wait(peer, log_on):
    server = peer(sow=hang_up)
    client, began, may_go = log_on(server), threading.Event(), threading.Event()

    def reconnect(client):
        began.set()
        may_go.wait(10)

    client.set_disconnect_handler(reconnect)
    waiting = Failing(client.execute, sow().set_timeout(0))
    assert began.wait(10)
    closing = Failing(client.close)
    assert isinstance(waiting.result(), AMPS.DisconnectedException)
    may_go.set()
    assert closing.result() is None


def test_ctrl_c_and_a_timeout_end_the_wait_for_the_handler(peer, log_on):
    server = peer(sow=hang_up)
    client, began, may_go = log_on(server), threading.Event(), threading.Event()

    def reconnect(client):
        began.set()
        may_go.wait(20)

    client.set_disconnect_handler(reconnect)
    assert_interrupted(lambda: client.execute(sow().set_timeout(0)), began.wait)
    may_go.set()
    client.close()
    server.answers["sow"] = hang_up
    client.connect(server.uri())
    client.logon(5000)
    may_go.clear()
    with pytest.raises(AMPS.TimedOutException, match="300 ms"):
        client.execute(sow().set_timeout(300))
    may_go.set()


def test_a_query_whose_answer_had_come_is_not_asked_again(peer, returning):
    server = peer(sow=lambda s, seen: s.send(accepted(seen) + marker(seen, "group_begin")))
    client = returning(server)
    stream = client.execute(sow()).timeout(5000)
    assert next(stream).get_command() == "group_begin"
    server.hang_up()
    with pytest.raises(AMPS.DisconnectedException):
        next(stream)
    wait_until(lambda: len(server.seen("logon")) == 2)
    assert len(server.seen("sow")) == 1


def test_a_replace_cut_off_is_made_on_the_new_connection(peer, returning, inboxes):
    server, older, newer = peer(), inboxes(), inboxes()
    client = returning(server)
    client.subscribe(older, "t", sub_id="s")
    server.answers["subscribe"] = hang_up_once(say())
    client.subscribe(newer, "t", None, "replace", 10_000, "s")
    server.send(delivery(b"x"))
    assert newer.bodies(1) == ["x"] and older.is_empty()
    client.unsubscribe("s")
    server.wait_for("unsubscribe")
