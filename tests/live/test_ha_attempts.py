"""How an HAClient comes up: states in order, one server after the other, errors that say why."""

import threading

import pytest

import AMPS

from .calls import Failing
from .failover import Chooser, Watched, wait_back, wait_ready, watch
from .scripted_peer import (
    PATIENCE_S,
    ack,
    black_hole,
    delivery,
    hang_up,
    in_turn,
    refuse,
    refused_address,
    say,
    stay_silent,
    wait_until,
)


def test_case_13_the_states_of_one_cycle(sandbox, new_ha):
    """DECISION: heartbeats are told before the replay."""
    client = new_ha(sandbox)
    client.set_heartbeat(10)
    states = watch(client)
    client.connect_and_logon()
    client.subscribe(print, "t")
    assert states.items == [2, 4, 16, 8, 32]
    sandbox.disconnect()
    assert wait_ready(states, 2)[5:] == [0, 2, 4, 16, 8, 32]
    assert [seen.header["t"] for seen in sandbox.wait_for("subscribe", 2)] == ["t", "t"]


def test_case_14_the_states_without_stores_and_heartbeat(sandbox, new_ha):
    client = new_ha(sandbox, no_store=True)
    states = watch(client)
    client.connect_and_logon()
    assert states.items == [2, 4, 32]
    client.close()
    assert states.items == [2, 4, 32, 0, 1]


def test_case_15_an_empty_chooser_at_first(new_ha):
    client = new_ha()
    with pytest.raises(AMPS.ConnectionException, match="names no server"):
        client.connect_and_logon()
    with pytest.raises(AMPS.ConnectionException, match="no server chooser is set"):
        AMPS.HAClient("x").connect_and_logon()


def test_case_15_a_chooser_that_has_nothing_more_on_reconnect(peer, new_ha):
    server = peer(sow=stay_silent)
    chooser = Chooser(server.uri())
    client = new_ha(no_store=True)
    client.set_server_chooser(chooser)
    client.connect_and_logon()
    states = watch(client)
    waiting = [Failing(client.sow, print, "t"), Failing(client.sow, print, "u")]
    server.wait_for("sow", 2)
    chooser.uris.clear()
    server.hang_up()
    states.wait_for(lambda seen: 1 in seen, "Shutdown")
    assert [type(each.result()) for each in waiting] == [AMPS.DisconnectedException] * 2
    assert states.items == [0, 1]
    assert [type(problem) for problem in client.problems.items[-1:]] == [AMPS.ConnectionException]
    with pytest.raises(AMPS.DisconnectedException, match="names no server"):
        client.publish("t", "x")


def test_case_16_what_the_chooser_says_is_in_the_error(new_ha):
    class Chatty(Chooser):
        def get_error(self):
            return "xyz"

    client = new_ha()
    client.set_server_chooser(Chatty())
    with pytest.raises(AMPS.ConnectionException, match="xyz"):
        client.connect_and_logon()


def test_case_17_a_server_that_does_not_answer_the_logon(peer, new_ha):
    silent, other = peer(logon=stay_silent), peer()
    chooser = Chooser(silent.uri(), other.uri())
    client = new_ha()
    client.set_server_chooser(chooser)
    client.set_timeout(100)
    client.connect_and_logon()
    ((problem, info),) = chooser.failures.items
    assert type(problem) is AMPS.TimedOutException and "100 ms" in str(problem)
    assert info["client.uri"] == silent.uri()
    assert chooser.successes.items[0]["client.uri"] == other.uri()


def test_case_18_a_black_hole_does_not_hold_up_the_next(peer, new_ha):
    other = peer()
    with black_hole() as hole:
        chooser = Chooser(hole, other.uri())
        client = new_ha()
        client.set_server_chooser(chooser)
        client.set_timeout(150)
        connecting = Failing(client.connect_and_logon)
        assert connecting.result() is None
    ((problem, info),) = chooser.failures.items
    assert type(problem) is AMPS.TimedOutException and info["client.uri"] == hole


def test_case_19_a_server_that_dies_between_logon_and_resubscribe_five_times(peer, new_ha):
    server = peer(subscribe=in_turn(say(), *[hang_up] * 5, say()))
    chooser = Chooser(server.uri())
    client = new_ha()
    client.set_server_chooser(chooser)
    client.connect_and_logon()
    client.subscribe(print, "t", sub_id="s")
    states = watch(client)
    server.hang_up()
    wait_ready(states)
    problems = [problem for problem, _ in chooser.failures.items]
    assert type(problems[0]) is AMPS.DisconnectedException  # the loss itself
    assert [type(problem) for problem in problems[1:]] == [AMPS.ConnectionException] * 5
    assert states.items == [0] + [2, 4, 8, 0] * 5 + [2, 4, 8, 32]
    assert server.connections == 7
    assert [seen["sub_id"] for seen in server.seen("subscribe")] == ["s"] * 7
    server.send(delivery(b"once"))


def test_case_20_a_subscription_always_refused_makes_delays_grow(peer, new_ha):
    server = peer(subscribe=in_turn(say(), refuse("not entitled")))
    strategy = Recorded(AMPS.ExponentialDelayStrategy(10, 10_000, 2.0, 0, 0))
    client = new_ha(server)
    client.set_reconnect_delay_strategy(strategy)
    client.connect_and_logon()
    client.subscribe(print, "t")
    server.hang_up()
    strategy.waits.wait_for(lambda seen: len(seen) >= 7, "six attempts")
    client.close()
    assert strategy.waits.items[:7] == [0, 0, 10, 20, 40, 80, 160]
    assert strategy.resets == 1


class Recorded:
    """A delay strategy that writes down what another says."""

    def __init__(self, strategy):
        self._strategy = strategy
        self.waits = Watched()
        self.resets = 0

    def get_connect_wait_duration(self, uri):
        wait = self._strategy.get_connect_wait_duration(uri)
        self.waits(wait)
        return wait

    def reset(self):
        self.resets += 1
        self._strategy.reset()


def test_case_21_three_servers_that_refuse_are_tried_in_turn(new_ha):
    with refused_address() as a, refused_address() as b, refused_address() as c:
        chooser = Chooser(a, b, c)
        client = new_ha()
        client.set_server_chooser(chooser)
        connecting = Failing(client.connect_and_logon)
        chooser.asked.wait_for(lambda seen: len(seen) >= 7, "seven attempts")
        client.close()
        assert type(connecting.result()) is AMPS.DisconnectedException
        assert chooser.asked.items[:7] == [a, b, c, a, b, c, a]


def test_case_22_a_lost_server_is_tried_first_and_then_the_next(peer, new_ha):
    with refused_address() as first:
        second, third = peer(logon=in_turn(say(), say(), hang_up)), peer()
        client = new_ha(first, second, third)
        states = watch(client)
        client.connect_and_logon()
        assert client.get_uri() == second.uri()
        second.hang_up()
        wait_back(client, states, 2)
        assert client.get_uri() == second.uri() and third.connections == 0
        second.hang_up()  # and it drops the next logon
        wait_ready(states, 3)
        assert client.get_uri() == third.uri()
        assert second.connections == 3


def test_case_23_a_chooser_needs_no_get_error(peer, new_ha):
    server = peer()
    client = new_ha()
    client.set_server_chooser(Chooser(server.uri()))
    client.connect_and_logon()
    client.close()
    client.set_server_chooser(Chooser())
    with pytest.raises(AMPS.ConnectionException, match="names no server"):
        client.connect_and_logon()


def test_case_24_what_a_chooser_is_told_has_no_password(peer, new_ha):
    server = peer(logon=in_turn(refuse("not now"), say(client_name="c-7")))
    uri = server.uri(user="jill:secret@")
    chooser = Chooser(uri)
    client = new_ha(name="me")
    client.set_server_chooser(chooser)
    client.connect_and_logon()
    told = [chooser.failures.items[0][1], chooser.successes.items[0]]
    assert [info["client.name"] for info in told] == ["me", "me"]
    assert [info["client.username"] for info in told] == ["jill", "jill"]
    assert "client.connection_name" not in told[0]
    assert told[1]["client.connection_name"] == "c-7"
    for info in told:
        assert all(type(key) is str and type(value) is str for key, value in info.items())
        assert f":{server.port}/amps/json" in info["client.uri"] and "secret" not in repr(info)
    assert "secret" not in repr([str(problem) for problem, _ in chooser.failures.items])


def test_case_27_the_delay_strategy_ends_the_attempts(new_ha):
    with refused_address() as nobody:
        client = new_ha(nobody)
        strategy = Recorded(AMPS.ExponentialDelayStrategy(100, 200, 2.0, 1000, 0))
        client.set_reconnect_delay_strategy(strategy)
        with pytest.raises(AMPS.ConnectionException, match="maximum_retry_time is 1000 ms"):
            client.connect_and_logon()
    assert 1000 <= sum(strategy.waits.items) <= 1200


@pytest.mark.parametrize("wait", [-1, 1.5, None, "10", True])
def test_dl_1_a_wait_that_is_none_ends_the_attempts(peer, new_ha, wait):
    class Wrong(AMPS.FixedDelayStrategy):
        def get_connect_wait_duration(self, uri):
            return wait

    client = new_ha(peer())
    client.set_reconnect_delay_strategy(Wrong())
    with pytest.raises(AMPS.UsageException, match=f"get_connect_wait_duration.*{wait!r}"):
        client.connect_and_logon()


def test_dl_1_on_reconnect_the_listener_hears_of_it(peer, come_up):
    server = peer()
    client = come_up(server)
    states = watch(client)

    class Wrong(AMPS.FixedDelayStrategy):
        def get_connect_wait_duration(self, uri):
            return "soon"

    client.set_reconnect_delay_strategy(Wrong())
    server.hang_up()
    states.wait_for(lambda seen: 1 in seen, "Shutdown")
    wait_until(lambda: any(type(p) is AMPS.UsageException for p in client.problems.items))


def test_dl_1_a_wait_beyond_all_measure_waits_and_can_be_ended(peer, new_ha):
    class Endless(AMPS.FixedDelayStrategy):
        def get_connect_wait_duration(self, uri):
            asked.set()
            return 10**400

    asked = threading.Event()
    client = new_ha(peer())
    client.set_reconnect_delay_strategy(Endless())
    connecting = Failing(client.connect_and_logon)
    assert asked.wait(PATIENCE_S)
    client.close()
    assert type(connecting.result()) is AMPS.DisconnectedException


@pytest.mark.parametrize(
    "method", ["get_current_uri", "get_current_authenticator", "report_failure", "report_success"]
)
def test_dc_12_a_chooser_that_raises_ends_the_attempts(peer, new_ha, method):
    def fail(*arguments):
        raise LookupError("the chooser is broken")

    chooser = Chooser(peer(logon=in_turn(refuse("no"), say())).uri())
    setattr(chooser, method, fail)
    client = new_ha()
    client.set_server_chooser(chooser)
    if method == "report_success":
        chooser.report_failure = lambda *told: chooser.uris.clear()
        with pytest.raises(AMPS.ConnectionException):
            client.connect_and_logon()
    else:
        with pytest.raises(LookupError, match="broken"):
            client.connect_and_logon()


def test_dc_10_an_authenticator_is_asked_three_rounds_at_most(peer, new_ha):
    class Patient:
        rounds = 0

        def authenticate(self, user, password):
            return "a"

        def retry(self, user, password):
            self.rounds += 1
            return "b"

        def completed(self, *told):
            raise AssertionError("it never was")

    server, other = peer(logon=say(status="retry", pw="again")), peer()
    patient, chooser = Patient(), AMPS.DefaultServerChooser()
    chooser.add(server.uri(), patient)
    chooser.add(other.uri())
    client = new_ha()
    client.set_server_chooser(chooser)
    client.connect_and_logon()
    assert patient.rounds == 3 and len(server.seen("logon")) == 4
    assert client.get_uri() == other.uri()


def test_attempts_of_a_client_that_is_up_or_on_the_way_are_refused(peer, come_up, new_ha):
    client = come_up(peer())
    with pytest.raises(AMPS.AlreadyConnectedException):
        client.connect_and_logon()
    with pytest.raises(AMPS.UsageException, match=r"connect_and_logon\(\)"):
        client.logon()
    silent = peer(logon=stay_silent)
    another = new_ha(silent)
    connecting = Failing(another.connect_and_logon)
    silent.wait_for("logon")
    with pytest.raises(AMPS.AlreadyConnectedException):
        another.connect_and_logon()
    another.close()
    assert type(connecting.result()) is AMPS.DisconnectedException


WAITING = {
    "subscribe": lambda client: client.subscribe(print, "t"),
    "publish_flush": lambda client: client.publish_flush(1000),
    "connect_and_logon": lambda client: client.connect_and_logon(),
    "sow": lambda client: client.sow(print, "t"),
}


@pytest.mark.parametrize("call", WAITING)
@pytest.mark.parametrize("place", ["chooser", "strategy", "authenticator", "listener"])
def test_th_6_what_waits_is_refused_in_whoever_is_asked_on_the_way(peer, new_ha, place, call):
    client, problems = new_ha(), []

    def try_it(*told):
        with pytest.raises(AMPS.UsageException) as caught:
            WAITING[call](client)
        problems.append(caught.value)
        return "password"

    chooser, strategy = Chooser(peer().uri()), AMPS.FixedDelayStrategy()
    if place == "chooser":
        chooser.report_success = try_it
    elif place == "strategy":
        strategy.reset = try_it
    elif place == "authenticator":
        chooser.get_current_authenticator = lambda: Asking(try_it)
    else:
        client.add_connection_state_listener(try_it)
    client.set_server_chooser(chooser)
    client.set_reconnect_delay_strategy(strategy)
    client.connect_and_logon()
    assert problems
    assert not client.problems.items


class Asking:
    """An authenticator that does something else first."""

    def __init__(self, act):
        self.authenticate = self.completed = act


def test_case_12_closing_twice_and_publishing_after_it(sandbox, come_up):
    client = come_up(sandbox)
    client.close()
    client.close()
    with pytest.raises(AMPS.DisconnectedException):
        client.publish("t", "x")
    assert client.get_unpersisted_count() == 1  # stored first
    client.connect_and_logon()
    assert sandbox.wait_for("publish")[0].body == b"x"


def test_case_103_a_server_that_never_acks_the_start_of_heartbeats(peer, new_ha):
    mute, other = peer(heartbeat=stay_silent), peer()
    chooser = Chooser(mute.uri(), other.uri())
    client = new_ha()
    client.set_server_chooser(chooser)
    client.set_heartbeat(0.1)
    client.connect_and_logon()
    ((problem, info),) = chooser.failures.items
    assert type(problem) is AMPS.TimedOutException and "heartbeat" in str(problem)
    assert info["client.uri"] == mute.uri() and client.get_uri() == other.uri()


def test_case_101_silence_ends_the_connection_and_a_reconnect_begins(peer, new_ha):
    def fall_silent(server, seen):
        server.send(ack(seen))
        server.reads.clear()

    server, other = peer(heartbeat=fall_silent), peer(heartbeat=say())
    chooser = Chooser(server.uri(), other.uri())
    client = new_ha()
    client.set_server_chooser(chooser)
    client.set_heartbeat(0.1)
    states = watch(client)
    client.connect_and_logon()
    states.wait_for(lambda seen: 0 in seen, "the loss")
    server.stop()
    wait_ready(states, 2)
    problem = chooser.failures.items[0][0]
    assert type(problem) is AMPS.DisconnectedException and "heartbeat" in str(problem)
