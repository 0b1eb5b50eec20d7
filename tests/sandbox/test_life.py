"""The life of a sandbox: start, stop, listeners, ports, forks, and nothing left behind."""

import os
import pathlib
import socket
import subprocess
import sys
import threading
import time

import pytest

from amps_sandbox import Sandbox

START_S_MAX = 0.020
ROUNDS = 20


def descriptors():
    return len(list(pathlib.Path("/proc/self/fd").iterdir()))


def test_a_sandbox_starts_quickly():
    took = []
    for _ in range(5):
        began = time.perf_counter()
        with Sandbox():
            took.append(time.perf_counter() - began)
    assert min(took) < START_S_MAX


def test_nothing_is_left_after_stop(connect):
    with Sandbox() as sandbox:  # whatever is imported or cached once, is so now
        connect(sandbox, "a").close()
    threads, files = threading.active_count(), descriptors()
    for _ in range(ROUNDS):
        with Sandbox(["127.0.0.1:0"] * 2) as sandbox:
            leaving, staying = connect(sandbox, "a"), connect(sandbox, "b", listener=1)
            leaving.send(b"garbage")
            assert leaving.is_ended()
            leaving.close()
        assert staying.is_ended()
        staying.close()
    assert (threading.active_count(), descriptors()) == (threads, files)


def test_start_and_stop_may_be_repeated(connect):
    sandbox = Sandbox()
    sandbox.stop()
    assert sandbox.start() is sandbox.start() is sandbox
    port = sandbox.port
    connect(sandbox, "a")
    sandbox.stop()
    sandbox.stop()
    with sandbox:
        assert sandbox.port == port != 0
        connect(sandbox, "a").subscribe("t", "1")


def test_many_sandboxes_live_side_by_side(connect):
    sandboxes = [Sandbox().start() for _ in range(10)]
    assert len({sandbox.port for sandbox in sandboxes}) == 10
    for number, sandbox in enumerate(sandboxes):
        connect(sandbox, str(number))
        assert [client.name for client in sandbox.clients()] == [str(number)]
        sandbox.stop()


def test_listeners_share_one_server(connect):
    with Sandbox(["127.0.0.1:0", "127.0.0.1:0"]) as sandbox:
        first, second = connect(sandbox, "a"), connect(sandbox, "b", listener=1)
        assert sandbox.uri("json") != sandbox.uri("json", listener=1)
        second.subscribe("t", "1")
        first.publish("t", b"across")
        assert second.read().body == b"across"
        assert [client.listener for client in sandbox.clients()] == [0, 1]


def test_a_stopped_listener_drops_its_clients_and_refuses_new_ones_until_it_starts(connect):
    with Sandbox(["127.0.0.1:0", "127.0.0.1:0"]) as sandbox:
        first, second = connect(sandbox, "a"), connect(sandbox, "b", listener=1)
        listener = sandbox.listener(0)
        listener.stop()
        assert first.is_ended() and not listener.is_open
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((listener.host, listener.port), timeout=5)
        assert second.everything_before() == []
        listener.start()
        listener.start()
        assert connect(sandbox, "a").everything_before() == []


def test_a_listener_cannot_start_in_a_sandbox_that_is_not_running():
    with pytest.raises(RuntimeError, match="not running"):
        Sandbox().listener(0).start()


def test_a_port_in_use_is_named_and_nothing_else_is_kept():
    with Sandbox() as sandbox:
        free = socket.create_server(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
        free.close()
        taken = f"127.0.0.1:{sandbox.port}"
        with pytest.raises(OSError, match=f"cannot listen on {taken}: Address already in use"):
            Sandbox([address, taken]).start()
        with Sandbox(address) as again:
            assert again.uri("fix") == f"tcp://{address}/amps/fix"


@pytest.mark.parametrize(
    "address", ["", "9007", "localhost", ":9007", "h:", "h:x", "h:65536", "::1:90", "h:-1", "h:٣"]
)
def test_a_bad_address_is_refused_at_once(address):
    with pytest.raises(ValueError, match="invalid listen address"):
        Sandbox(address)


def test_no_address_at_all_is_refused():
    with pytest.raises(ValueError, match="no listen address"):
        Sandbox([])


@pytest.mark.parametrize("host", ["no.such.host.invalid", "a..b", "x" * 70])
def test_a_host_that_does_not_exist_is_named(host):
    with pytest.raises(OSError, match=f"cannot listen on {host}:0: "):
        Sandbox(f"{host}:0").start()


def test_ipv6_addresses_are_written_in_brackets(connect):
    with Sandbox("[::1]:0") as sandbox:
        assert sandbox.uri() == f"tcp://[::1]:{sandbox.port}/amps/json"
        connect(sandbox, "a")


def test_a_forked_child_keeps_nothing_of_the_sandbox(connect):
    with Sandbox() as sandbox:
        driver = connect(sandbox, "a")
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            sandbox.stop()
            os.write(writing, b"%d" % len(sandbox.frames()))
            os._exit(0)
        assert os.read(reading, 10) == b"2"
        assert os.waitpid(child, 0)[1] == 0
        os.close(reading)
        os.close(writing)
        assert driver.everything_before() == []


def test_a_port_is_free_although_a_forked_child_lives_on():
    with Sandbox() as sandbox:
        reading, writing = os.pipe()
        told, tell = os.pipe()
        child = os.fork()
        if child == 0:
            os.write(tell, b"!")
            os.close(writing)
            os.read(reading, 1)
            os._exit(0)
        assert os.read(told, 1) == b"!"
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((sandbox.host, sandbox.port), timeout=5)
    for each in (reading, writing, told, tell):
        os.close(each)
    assert os.waitpid(child, 0)[1] == 0


def run_python(program):
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=20, check=False
    )


def test_a_sandbox_left_running_does_not_keep_the_interpreter():
    done = run_python("import amps_sandbox; amps_sandbox.Sandbox().start()")
    assert (done.returncode, done.stdout) == (0, "")
    assert "Traceback" not in done.stderr


def test_the_import_is_light():
    heavy = "asyncio ssl logging sqlite3 AMPS inspect dataclasses"
    done = run_python(
        "import sys; before = set(sys.modules); import amps_sandbox\n"
        f"print(set({heavy!r}.split()) & (set(sys.modules) - before))"
    )
    assert done.stdout == "set()\n"
