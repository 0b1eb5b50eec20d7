"""Servers that are not there, go away or take nothing: calls end clearly, losses are told."""

import errno
import queue
import threading
import time

import pytest

import AMPS

from .calls import Failing
from .scripted_peer import (
    PATIENCE_S,
    black_hole,
    delivery,
    hang_up,
    refused_address,
    reset,
    say,
    stay_silent,
    stop_reading,
    wait_until,
)

PROMPT_S = 1.0  # a wait ends within this once its reason is gone
CLOSE_S = 3.0  # closing waits a second for unsent bytes, and a little for the other side


def test_a_refused_address_is_named_with_the_reason(new_client):
    with refused_address() as uri, pytest.raises(AMPS.ConnectionRefusedException) as caught:
        new_client().connect(uri)
    assert str(caught.value) == f"cannot connect to {uri}: Connection refused"
    assert caught.value.__cause__.errno == errno.ECONNREFUSED
    assert isinstance(caught.value, (AMPS.ConnectionException, ConnectionError))


@pytest.mark.parametrize("host", ["255.255.255.255", "no-such-host.invalid"])
def test_an_address_that_cannot_be_reached_is_named_with_the_reason(new_client, host):
    with pytest.raises(AMPS.ConnectionRefusedException, match=f"tcp://{host}:9/amps/json: .+") as e:
        new_client().connect(f"tcp://{host}:9/amps/json")
    assert isinstance(e.value.__cause__, OSError)


def test_after_a_failed_connect_the_client_can_connect_elsewhere(sandbox, new_client):
    client = new_client()
    with refused_address() as uri:
        for _ in range(3):
            with pytest.raises(AMPS.ConnectionRefusedException):
                client.connect(uri)
    with pytest.raises(AMPS.DisconnectedException):
        client.publish_flush(1000)
    client.connect(sandbox.uri())
    client.logon(5000)


@pytest.mark.parametrize("end", ["close", "disconnect"])
def test_closing_ends_a_connect_into_a_black_hole(sandbox, new_client, end):
    client = new_client()
    with black_hole() as uri:
        connecting = Failing(client.connect, uri)
        wait_until(lambda: is_dialing(client, uri), "the connect to begin")
        began = time.monotonic()
        getattr(client, end)()
        error = connecting.result()
        assert connecting.ended - began < PROMPT_S
    assert isinstance(error, AMPS.DisconnectedException) and uri in str(error)
    client.connect(sandbox.uri())
    client.logon(5000)


def is_dialing(client, uri):
    """A second connect is refused at once while the first is under way."""
    try:
        client.connect("tcp://127.0.0.1:1/amps/json")
    except AMPS.AlreadyConnectedException:
        return True
    except AMPS.ConnectionRefusedException:
        return False
    return None


def test_a_second_connect_is_refused_by_name_while_one_is_under_way(new_client):
    client = new_client()
    with black_hole() as uri:
        connecting = Failing(client.connect, uri)
        wait_until(lambda: is_dialing(client, uri), "the connect to begin")
        with pytest.raises(AMPS.AlreadyConnectedException) as caught:
            client.connect("tcp://127.0.0.1:1/amps/json")
        assert "None" not in str(caught.value)
        client.close()
        connecting.result()


def test_connecting_twice_is_refused_and_changes_nothing(sandbox, log_on):
    client = log_on(sandbox)
    with pytest.raises(AMPS.AlreadyConnectedException, match=str(sandbox.port)):
        client.connect(sandbox.uri("fix"))
    assert client.get_uri() == sandbox.uri()
    client.publish_flush(5000)


@pytest.mark.parametrize("end", [hang_up, reset], ids=["hung up", "reset"])
@pytest.mark.parametrize(
    ("verb", "call"),
    [
        ("logon", lambda client: client.logon()),
        ("subscribe", lambda client: client.subscribe("t")),
        ("flush", lambda client: client.publish_flush()),
        ("heartbeat", lambda client: client.set_heartbeat(5)),
    ],
)
def test_a_server_gone_in_the_middle_of_a_call_ends_it(peer, new_client, verb, call, end):
    server = peer(**{verb: end})
    client = new_client()
    client.connect(server.uri())
    if verb != "logon":
        client.logon(5000)
    with pytest.raises(AMPS.DisconnectedException, match=f"{verb}.*127.0.0.1:{server.port}"):
        call(client)
    server.answers[verb] = say()
    wait_until(lambda: "not connected" in repr(client))
    client.connect(server.uri())
    client.logon(5000)
    call(client)


def test_several_waiting_threads_are_all_told(peer, log_on):
    server = peer(flush=stay_silent, subscribe=stay_silent)
    client = log_on(server)
    waiting = [Failing(client.publish_flush) for _ in range(4)]
    waiting += [Failing(client.subscribe, "t") for _ in range(4)]
    server.wait_for("flush", 4)
    server.wait_for("subscribe", 4)
    server.hang_up()
    assert {type(each.result()) for each in waiting} == {AMPS.DisconnectedException}


def test_closing_while_a_flush_waits_ends_it(peer, log_on):
    """Case 9 of the conformance list."""
    server = peer(flush=stay_silent)
    client = log_on(server)
    waiting = Failing(client.publish_flush, 0)
    server.wait_for("flush")
    began = time.monotonic()
    client.close()
    assert isinstance(waiting.result(), AMPS.DisconnectedException)
    assert waiting.ended - began < PROMPT_S


def test_a_failure_and_the_end_right_after_it_still_tell_the_reason(peer, new_client):
    def refuse_and_go(server, seen):
        say(status="failure", reason="auth failure")(server, seen)
        server.hang_up()

    server = peer(logon=refuse_and_go)
    for _ in range(20):
        client = new_client()
        client.connect(server.uri())
        with pytest.raises(AMPS.AuthenticationException, match="auth failure"):
            client.logon(5000)
        client.close()


def test_a_server_gone_between_publishes_is_noticed(peer, log_on):
    server = peer()
    client = log_on(server)
    client.set_exception_listener(print)
    server.reset()
    with pytest.raises(AMPS.DisconnectedException, match=str(server.port)):
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            client.publish("t", "x")


def fill(client, body="x" * 1000):
    """Publishes on a thread until it must wait; gives the thread and a count."""
    count = [0]

    def publish():
        while True:
            client.publish("t", body)
            count[0] += 1

    publishing = Failing(publish)
    last = -1
    pause = threading.Event()
    while count[0] != last:  # no progress for a while: it waits
        last = count[0]
        pause.wait(0.2)
    assert publishing.is_alive(), publishing.error
    return publishing, count


@pytest.fixture
def stuck(peer, log_on):
    """A client whose server has stopped reading after the logon, and what its listener is told."""
    server, told = peer(logon=stop_reading), queue.Queue()
    client = log_on(server, send_buffer_size=100_000)
    client.set_exception_listener(told.put)
    return server, client, told


def test_a_publisher_waits_for_a_server_that_does_not_read_and_loses_nothing(stuck):
    server, client, told = stuck
    publishing, count = fill(client)
    waited_at = count[0]
    server.go_on_reading()
    wait_until(lambda: count[0] > waited_at + 1000, "the publisher to go on")
    client.close()
    assert isinstance(publishing.result(), AMPS.DisconnectedException)
    server.wait_gone()
    assert len(server.seen("p")) == count[0]
    assert told.empty()


@pytest.mark.parametrize("end", ["close", "reset"])
def test_what_never_left_is_reported_with_its_count(stuck, end):
    server, client, told = stuck
    publishing, count = fill(client)
    began = time.monotonic()
    client.close() if end == "close" else server.reset()
    error = publishing.result()
    assert isinstance(error, AMPS.DisconnectedException)
    assert time.monotonic() - began < CLOSE_S
    report = told.get(timeout=PATIENCE_S)
    assert isinstance(report, AMPS.DisconnectedException)
    server.go_on_reading()
    server.wait_gone()
    assert f"{report.unsent} publishes were not sent" in str(report)
    assert 0 < report.unsent <= count[0]
    if end == "close":
        assert len(server.seen("p")) + report.unsent >= count[0]
    with pytest.raises(AMPS.DisconnectedException):
        client.publish("t", "x")
    assert told.empty()


def test_closing_is_prompt_for_all_who_wait_though_the_server_takes_nothing(peer, log_on):
    """Closing may go on trying to send for a second; those who wait are told long before."""
    server = peer(flush=lambda server, seen: server.reads.clear())
    client = log_on(server, send_buffer_size=100_000)
    client.set_exception_listener(print)
    stream = client.subscribe("t")
    waiting = [Failing(client.publish_flush), Failing(list, stream)]
    server.wait_for("flush")
    publishing, _ = fill(client)
    began = time.monotonic()
    client.close()
    for each in (*waiting, publishing):
        each.result()
    late = [each.error for each in (*waiting, publishing) if each.ended - began > PROMPT_S / 2]
    assert not late, "told only after closing had given up"


def test_closing_is_prompt_while_other_threads_send(sandbox, log_on):
    took = []
    for _ in range(20):
        client, busy = log_on(sandbox), threading.Barrier(3)

        def send(client=client, busy=busy):
            busy.wait(PATIENCE_S)
            while True:
                client.publish("t", "x")
                client.publish_flush(5000)

        senders = [Failing(send), Failing(send)]
        busy.wait(PATIENCE_S)
        client.publish_flush(5000)
        began = time.monotonic()
        client.close()
        took.append(time.monotonic() - began)
        assert {type(each.result()) for each in senders} == {AMPS.DisconnectedException}
    assert max(took) < PROMPT_S / 2


def test_a_body_larger_than_the_buffer_waits_too_and_is_reported(stuck):
    server, client, told = stuck
    publishing = Failing(client.publish, "t", b"x" * 50_000_000)
    small = Failing(lambda: [client.publish("t", "small") for _ in range(10)])
    publishing.join(0.3)
    assert publishing.is_alive()
    client.close()
    assert isinstance(publishing.result(), AMPS.DisconnectedException)
    assert small.result() is None or isinstance(small.error, AMPS.DisconnectedException)


def test_a_server_gone_in_an_iteration_is_told_there(peer, log_on):
    server = peer()
    stream = log_on(server).subscribe("t", sub_id="s")
    got = []
    iterating = Failing(lambda: got.extend(m.get_data() for m in stream))
    server.send(delivery(b"x"))
    server.hang_up()
    assert isinstance(iterating.result(), AMPS.DisconnectedException)


def test_a_stopped_sandbox_is_noticed_and_a_started_one_serves_again(sandbox, log_on):
    client = log_on(sandbox)
    stream = client.subscribe("t")
    sandbox.stop()
    with pytest.raises(AMPS.DisconnectedException):
        next(stream)
    sandbox.start()
    client.connect(sandbox.uri())
    client.logon(5000)
    stream = client.subscribe("t")
    client.publish("t", "x")
    assert next(stream).get_data() == "x"


def test_reconnecting_at_once_from_the_thread_that_noticed(peer, new_client):
    """The receive thread's own account of the loss must not spoil the new connection."""
    server = peer(flush=hang_up)
    client, states = new_client(), []
    client.add_connection_state_listener(states.append)
    rounds = 200
    for number in range(rounds):
        client.connect(server.uri())
        client.logon(5000)
        sub_id = f"s{number}"
        stream = client.subscribe("t", sub_id=sub_id).timeout(5000)
        server.send(delivery(b"%d" % number, sub_id=sub_id))
        assert next(stream).get_data() == str(number)
        client.publish("t", "x")
        with pytest.raises(AMPS.DisconnectedException):
            client.publish_flush(5000)
    client.connect(server.uri())
    client.close()
    assert states == [2, 4, 0] * rounds + [2, 0, 1]
