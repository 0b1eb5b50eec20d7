"""Servers that are not there, go away or take nothing: calls end clearly, losses are told."""

import errno
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
    wait_until,
)

PROMPT_S = 1.0  # a wait ends within this once its reason is gone


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
    """Point 8 of the protocol's list."""

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
