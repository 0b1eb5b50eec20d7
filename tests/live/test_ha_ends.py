"""An HAClient ends: closed in each phase, by Ctrl-C, forgotten, at exit, forked."""

import gc
import threading
import time
import weakref

import pytest

import AMPS
from amps_sandbox import Fault, Sandbox

from .calls import Failing, assert_interrupted
from .failover import Chooser, wait_back, watch
from .scripted_peer import (
    PATIENCE_S,
    black_hole,
    hang_up,
    in_turn,
    say,
    stay_silent,
    stop_reading,
    wait_until,
)
from .test_exit_and_fork import run

END_S_MAX = 1.0  # a close takes no longer, whatever the client is doing


class Slow(AMPS.FixedDelayStrategy):
    """Waits a minute before each attempt but the first."""

    def __init__(self):
        super().__init__(60_000)


def dial(new_ha, peer):
    """Into a black hole."""
    hole, client = black_hole(), new_ha()
    chooser = Chooser(hole.__enter__())
    client.hole = hole  # as long as the client lives
    client.set_server_chooser(chooser)
    return client, lambda: chooser.asked.wait_for(bool)


def delay(new_ha, peer):
    asked = threading.Event()

    class Told(Slow):
        def get_connect_wait_duration(self, uri):
            asked.set()
            return 60_000

    client = new_ha(peer())
    client.set_reconnect_delay_strategy(Told())
    return client, lambda: asked.wait(PATIENCE_S)


def logon(new_ha, peer):
    server = peer(logon=stay_silent)
    return new_ha(server), lambda: server.wait_for("logon")


def heartbeat(new_ha, peer):
    server = peer(heartbeat=stay_silent)
    client = new_ha(server)
    client.set_heartbeat(60)
    return client, lambda: server.wait_for("heartbeat")


def replay(new_ha, peer):
    """The server stops reading after the logon, and more is to be sent than the network takes."""
    server = peer(logon=stop_reading)
    client = new_ha(server)
    for _ in range(12):
        client.publish("t", "x" * 1_000_000)
    states = watch(client)
    return client, lambda: states.wait_for(lambda seen: 4 in seen)


def resubscribe(new_ha, peer):
    server = peer(subscribe=in_turn(say(), stay_silent))
    client = new_ha(server)
    client.connect_and_logon()
    client.subscribe(print, "t")
    client.disconnect()  # the subscription stays
    return client, lambda: server.wait_for("subscribe", 2)


PHASES = [dial, delay, logon, heartbeat, replay, resubscribe]


@pytest.mark.parametrize("end", ["close", "disconnect"])
@pytest.mark.parametrize("phase", PHASES)
def test_another_thread_ends_the_first_connect(new_ha, peer, phase, end):
    client, is_there = phase(new_ha, peer)
    connecting = Failing(client.connect_and_logon)
    is_there()
    began = time.monotonic()
    getattr(client, end)()
    assert type(connecting.result()) is AMPS.DisconnectedException
    assert connecting.ended - began < END_S_MAX + 1.0 * (phase is replay)  # it may flush for 1 s


@pytest.mark.parametrize("phase", PHASES)
def test_case_10_ctrl_c_ends_the_first_connect(new_ha, peer, phase):
    client, is_there = phase(new_ha, peer)
    assert_interrupted(client.connect_and_logon, is_there)
    client.close()


@pytest.mark.parametrize("phase", PHASES)
def test_the_client_is_as_new_after_ctrl_c(new_ha, peer, phase):
    client, is_there = phase(new_ha, peer)
    assert_interrupted(client.connect_and_logon, is_there)
    client.set_server_chooser(AMPS.DefaultServerChooser().add(peer().uri()))
    client.set_reconnect_delay_strategy(AMPS.FixedDelayStrategy(10))
    client.set_heartbeat(0)
    client.connect_and_logon()
    client.publish("t", "x")
    client.close()


WAYS_BACK = {
    "logon": lambda peer: peer(logon=in_turn(say(), stay_silent)),
    "heartbeat": lambda peer: peer(heartbeat=in_turn(say(), stay_silent)),
    "resubscribe": lambda peer: peer(subscribe=in_turn(say(), stay_silent)),
    "replay": lambda peer: peer(logon=in_turn(say(), stop_reading), p=stay_silent),
    "delay": lambda peer: peer(logon=in_turn(say(), hang_up)),
}


@pytest.mark.parametrize("end", ["close", "disconnect"])
@pytest.mark.parametrize("phase", WAYS_BACK)
def test_another_thread_ends_the_way_back(new_ha, peer, phase, end):
    server = WAYS_BACK[phase](peer)
    client = new_ha(server)
    client.set_heartbeat(60)
    client.connect_and_logon()
    client.subscribe(print, "t")
    if phase == "replay":
        for _ in range(12):
            client.publish("t", "x" * 1_000_000)
    if phase == "delay":
        client.set_reconnect_delay_strategy(Slow())
    waiting = Failing(client.sow, print, "t")
    server.wait_for("sow")
    server.hang_up()
    verbs = {"heartbeat": "heartbeat", "resubscribe": "subscribe"}
    server.wait_for(verbs.get(phase, "logon"), 2)
    began = time.monotonic()
    getattr(client, end)()
    took = time.monotonic() - began
    assert took < END_S_MAX + 1.0 * (phase == "replay")
    assert type(waiting.result()) is AMPS.DisconnectedException


def test_case_5_a_handler_closes_its_client(sandbox, come_up):
    client = come_up(sandbox)
    states, done = watch(client), threading.Event()

    def close(message):
        client.close()
        done.set()

    client.subscribe(close, "t")
    sandbox.publish("t", "x")
    assert done.wait(PATIENCE_S)
    states.wait_for(lambda seen: seen[-1:] == [1])
    assert states.items == [0, 1]
    sandbox.wait_until(lambda: not sandbox.clients())


def test_case_9_close_ends_a_flush_without_a_limit(peer, come_up):
    client = come_up(peer(p=stay_silent))
    client.publish("t", "x")
    flush = Failing(client.publish_flush, 0)
    began = time.monotonic()
    client.close()
    assert type(flush.result()) is AMPS.DisconnectedException
    assert flush.ended - began < END_S_MAX


# ---- Forgotten -----------------------------------------------------------------------------------


def test_a_forgotten_client_that_is_connected_is_collected(sandbox):
    client = AMPS.HAClient("forgotten")
    client.set_server_chooser(AMPS.DefaultServerChooser().add(sandbox.uri()))
    client.connect_and_logon()
    client.subscribe(lambda message: None, "t")
    stream = client.subscribe("u")
    gone = weakref.ref(client)
    del client, stream
    gc.collect()
    assert gone() is None
    sandbox.wait_until(lambda: not sandbox.clients())


@pytest.mark.parametrize("ties", ["none", "a handler that holds it", "a stream nobody reads"])
def test_a_forgotten_client_that_is_recovering_is_collected(peer, ties):
    """Between two attempts no thread holds it; the test's end looks for threads left behind."""
    server = peer(logon=in_turn(say(), hang_up))
    client = AMPS.HAClient("forgotten")
    chooser = Chooser(server.uri())
    client.set_server_chooser(chooser)
    client.set_reconnect_delay(50)
    client.set_exception_listener(lambda problem: None)
    client.connect_and_logon()
    if ties.startswith("a handler"):
        client.subscribe(lambda message, held=client: None, "t")
    elif ties.startswith("a stream"):
        client.stream = client.subscribe("t")
    server.hang_up()
    chooser.failures.wait_for(lambda seen: len(seen) >= 2)
    gone = weakref.ref(client)
    del client

    def is_gone():
        gc.collect()
        return gone() is None

    wait_until(is_gone, "the client's end")


def test_a_forgotten_stream_unsubscribes_and_is_not_placed_again(sandbox, come_up):
    client = come_up(sandbox)
    states = watch(client)
    stream = client.subscribe("t")
    del stream
    gc.collect()
    sandbox.wait_for("unsubscribe")
    sandbox.disconnect()
    wait_back(client, states, 1)
    assert len(sandbox.received("subscribe")) == 1


def test_a_stream_goes_on_after_a_loss(sandbox, come_up):
    client = come_up(sandbox)
    states = watch(client)
    stream = client.subscribe("t").timeout(5000)
    sandbox.disconnect()
    wait_back(client, states, 1)
    sandbox.publish("t", "x")
    assert next(stream).get_data() == "x"


# ---- Exit and fork -------------------------------------------------------------------------------

HA = """
def ha(uri, *more, **options):
    chooser = AMPS.DefaultServerChooser()
    chooser.add_all([uri, *more])
    client = AMPS.HAClient("child", **options)
    client.set_server_chooser(chooser)
    client.set_exception_listener(lambda problem: None)
    return client
"""

EXITS = {
    "connected": "client = ha(uri)\nclient.connect_and_logon()\nclient.subscribe(print, 't')",
    "on its way back, in a delay": """
client = ha(uri)
client.connect_and_logon()
lost = threading.Event()
client.add_connection_state_listener(lambda state: lost.set() if state == 0 else None)
client.set_reconnect_delay_strategy(type("S", (), {
    "get_connect_wait_duration": lambda self, uri: 60_000, "reset": lambda self: None})())
other = AMPS.Client("child")
other.connect(uri); other.logon(5000)  # one name, one connection: the first is closed
assert lost.wait(10)
""",
    "in its first connect, on a thread": """
client = ha("tcp://127.0.0.1:1/amps/json")
threading.Thread(target=client.connect_and_logon, daemon=True).start()
""",
    "trying again and again": """
client = ha("tcp://127.0.0.1:1/amps/json", uri)
client.set_reconnect_delay(1)
client.connect_and_logon()
client.publish("t", "x")
client.publish_flush(5000)
""",
}


@pytest.mark.parametrize("program", EXITS)
def test_an_interpreter_exits_quietly_with_a_client(unique_names, program):
    _, took = run(HA + EXITS[program], unique_names.uri())
    assert took < 10


@pytest.fixture
def unique_names():
    with Sandbox(unique_names=True) as server:
        yield server


@pytest.mark.parametrize("place", ["connected", "recovering"])
def test_case_11_a_forked_child_cannot_use_the_client(sandbox, tmp_path, place):
    path = tmp_path / "store"
    program = (
        HA
        + f"""
path, place = {str(path)!r}, {place!r}
client = ha(uri, publish_store=path)
client.connect_and_logon()
client.publish("t", "one")
client.publish_flush(5000)
if place == "recovering":
    client.set_reconnect_delay(60_000)
    lost = threading.Event()
    client.add_connection_state_listener(lambda state: lost.set() if state == 0 else None)
    client.set_server_chooser(AMPS.DefaultServerChooser().add("tcp://127.0.0.1:1/amps/json"))
    print("ready", flush=True)
    client.publish("lose", "me")
    assert lost.wait(10)
before = open(path, "rb").read()
child = os.fork()
if child == 0:
    for call in (lambda: client.publish("t", "x"), lambda: client.subscribe(print, "t"),
                 lambda: client.connect_and_logon(), lambda: client.publish_flush(10)):
        try:
            call()
        except AMPS.UsageException:
            continue
        os._exit(1)
    client.close()
    del client
    gc.collect()
    os._exit(0 if open(path, "rb").read() == before else 2)
_, status = os.waitpid(child, 0)
assert status == 0, status
if place == "connected":
    client.publish("t", "two")
    client.publish_flush(5000)
client.close()
"""
    )
    if place == "recovering":
        sandbox.faults.add(Fault(on="publish", action="drop", topic="lose", count=0))
    run(program, sandbox.uri())
    if place == "connected":
        assert [frame.body for frame in sandbox.wait_for("publish", 2)] == [b"one", b"two"]
