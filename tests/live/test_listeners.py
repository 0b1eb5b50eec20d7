"""Those who asked are told what happens to a connection: states, losses, threads, errors."""

import queue
import threading

import pytest

import AMPS

from .scripted_peer import delivery, hang_up, reset, say, wait_until

States = AMPS.Client.ConnectionStateListener


def test_states_come_in_order(sandbox, new_client):
    client, states = new_client(), []
    client.add_connection_state_listener(states.append)
    client.set_heartbeat(10)
    client.connect(sandbox.uri())
    client.logon(5000)
    expected = [States.Connected, States.LoggedOn, States.HeartbeatInitiated]
    assert states == expected == [2, 4, 16]
    states.clear()
    client.disconnect()
    assert states == [States.Disconnected] == [0]
    client.connect(sandbox.uri())
    client.logon(5000)
    assert states == [0, 2, 4, 16]
    states.clear()
    client.close()
    client.close()
    assert states == [States.Disconnected, States.Shutdown] == [0, 1]
    assert all(type(state) is int for state in states)


def test_closing_what_was_never_open_or_is_lost_tells_nothing_twice(peer, new_client):
    client, states, server = new_client(), queue.Queue(), peer()
    client.add_connection_state_listener(states.put)
    client.close()
    assert states.empty()
    client.connect(server.uri())
    server.wait_until(lambda: server.connections)
    server.hang_up()
    assert [states.get(timeout=5) for _ in range(2)] == [2, 0]
    client.close()
    assert 0 not in states.queue


def test_listeners_are_compared_by_equality_and_called_once_each(sandbox, new_client):
    class Program:
        def __init__(self):
            self.states = []

        def on_state(self, state):
            self.states.append(state)

    client, program, others = new_client(), Program(), []
    client.add_connection_state_listener(program.on_state)
    client.add_connection_state_listener(program.on_state)
    client.add_connection_state_listener(others.append)
    client.remove_connection_state_listener(print)
    client.connect(sandbox.uri())
    assert program.states == others == [2]
    client.remove_connection_state_listener(program.on_state)
    client.logon(5000)
    assert (program.states, others) == ([2], [2, 4])


def test_a_listener_that_raises_or_asks_stops_nobody(sandbox, new_client):
    client, told, states = new_client(), [], []

    def asks(state):
        client.publish_flush(100)

    def fails(state):
        raise LookupError(state)

    client.set_exception_listener(told.append)
    assert client.get_exception_listener() == told.append
    for listener in (asks, fails, states.append):
        client.add_connection_state_listener(listener)
    client.connect(sandbox.uri())
    client.logon(5000)
    assert states == [2, 4]
    kinds = [AMPS.UsageException, LookupError] * 2
    assert [type(error) for error in told] == kinds


@pytest.mark.parametrize("end", [hang_up, reset], ids=["hung up", "reset"])
def test_a_lost_connection_is_told_to_all_in_order(peer, log_on, end):
    server, told = peer(), queue.Queue()
    client = log_on(server)
    client.add_connection_state_listener(lambda state: told.put(("state", state)))
    client.set_exception_listener(lambda error: told.put(("error", type(error))))
    client.set_disconnect_handler(lambda lost: told.put(("handler", lost is client)))
    end(server, None)
    got = [told.get(timeout=5) for _ in range(3)]
    assert got[0] == ("state", 0) and got[2] == ("handler", True)
    assert got[1][0] == "error" and issubclass(got[1][1], AMPS.ConnectionException)
    assert told.empty()


def test_nobody_is_told_of_a_loss_that_was_our_own_wish(sandbox, log_on):
    client, told = log_on(sandbox), []
    client.set_exception_listener(told.append)
    client.set_disconnect_handler(told.append)
    client.close()
    assert told == []


def test_a_disconnect_handler_may_connect_log_on_and_subscribe_again(sandbox, log_on, inbox):
    """Case 1 of the conformance list, its second half."""
    client, states, problems = log_on(sandbox), [], []
    client.add_connection_state_listener(states.append)
    again = queue.Queue()

    def reconnect(lost):
        try:
            lost.connect(sandbox.uri())
            lost.logon(5000)
            lost.subscribe(inbox, "t", sub_id="mine")
            lost.publish_flush(5000)
        except AMPS.AMPSException as problem:
            problems.append(problem)
        again.put(threading.get_ident())

    client.set_disconnect_handler(reconnect)
    client.subscribe(inbox, "t", sub_id="mine")
    other = log_on(sandbox, "other")
    for number in range(5):
        other.publish("t", str(number))
        assert inbox.bodies(1) == [str(number)]
        sandbox.disconnect("tester")
        assert again.get(timeout=5) != threading.get_ident()
    assert problems == []
    client.publish("t", "end")
    assert inbox.bodies(1) == ["end"]
    assert states == [0, 2, 4] * 5
    client.close()


def test_a_disconnect_handler_object_is_invoked(peer, log_on):
    class Handler:
        def __init__(self):
            self.told = queue.Queue()

        def invoke(self, client):
            self.told.put(client)

    server, handler = peer(), Handler()
    client = log_on(server)
    client.set_disconnect_handler(handler)
    server.hang_up()
    assert handler.told.get(timeout=5) is client


def test_a_disconnect_handler_that_raises_is_reported(peer, log_on):
    server, told = peer(), queue.Queue()
    client = log_on(server)
    client.set_disconnect_handler(lambda lost: 1 / 0)
    client.set_exception_listener(told.put)
    server.hang_up()
    assert isinstance(told.get(timeout=5), AMPS.DisconnectedException)
    assert isinstance(told.get(timeout=5), ZeroDivisionError)


def test_a_disconnect_handler_may_close(peer, log_on):
    server, done, told = peer(), threading.Event(), []
    client = log_on(server)
    client.set_exception_listener(told.append)

    def close(lost):
        lost.close()
        lost.connect(server.uri())
        lost.close()
        done.set()

    client.set_disconnect_handler(close)
    server.hang_up()
    assert done.wait(4), "close() waits for the thread it is called on"
    assert [type(error) for error in told] == [AMPS.DisconnectedException]


def test_a_logon_cut_off_does_not_undo_what_the_disconnect_handler_did(peer, new_client):
    server, done = peer(logon=hang_up), queue.Queue()
    client = new_client()

    def reconnect(lost):
        server.answers["logon"] = say()
        lost.connect(server.uri())
        lost.logon(5000)
        done.put("logged on")

    client.set_disconnect_handler(reconnect)
    client.connect(server.uri())
    with pytest.raises(AMPS.DisconnectedException):
        client.logon(5000)
    assert done.get(timeout=5) == "logged on"
    client.publish_flush(5000)


def test_a_loss_that_nobody_listens_to_is_seen_by_the_next_call(peer, log_on):
    server = peer()
    client = log_on(server)
    server.hang_up()
    wait_until(lambda: "not connected" in repr(client))
    with pytest.raises(AMPS.DisconnectedException, match="the server closed the connection"):
        client.publish("t", "x")


def test_the_thread_created_callback_runs_first_on_each_receive_thread(peer, new_client, inbox):
    server, ran = peer(), queue.Queue()
    client = new_client()
    client.set_thread_created_callback(lambda: ran.put(threading.get_ident()))
    for _ in range(2):
        client.connect(server.uri())
        client.logon(5000)
        client.subscribe(lambda message: ran.put(threading.get_ident()), "t", sub_id="s")
        server.send(delivery(b"x"))
        assert ran.get(timeout=5) == ran.get(timeout=5) != threading.get_ident()
        client.close()


def test_an_exception_listener_may_be_taken_back(sandbox, log_on, inbox):
    client, told = log_on(sandbox), queue.Queue()
    client.set_exception_listener(told.put)
    client.subscribe(lambda message: 1 / 0, "t")
    client.publish("t", "x")
    assert isinstance(told.get(timeout=5), ZeroDivisionError)
    client.unsubscribe()
    client.set_exception_listener(None)
    assert client.get_exception_listener() is None


@pytest.mark.parametrize(
    "set_it",
    [
        lambda client: client.set_exception_listener(5),
        lambda client: client.set_disconnect_handler(5),
        lambda client: client.add_connection_state_listener(5),
        lambda client: client.set_thread_created_callback("x"),
        lambda client: client.set_last_chance_message_handler("x"),
    ],
)
def test_what_cannot_be_called_is_refused(new_client, set_it):
    with pytest.raises(TypeError):
        set_it(new_client())
