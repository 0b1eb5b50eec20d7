"""Programs that end or fork with live clients do so quietly, whatever they do (smoke point 12)."""

import subprocess
import sys
import textwrap
import time

import pytest

EXIT_S = 20.0

PRELUDE = """
import gc, os, queue, sys, threading, time
import AMPS
uri = sys.argv[1]

def logged_on(name="child"):
    client = AMPS.Client(name)
    client.connect(uri)
    client.logon(5000)
    return client
"""


def run(script, uri):
    """Runs a program to its end: it must leave with status 0 and not a word of complaint."""
    program = PRELUDE + textwrap.dedent(script)
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", program, uri]
    began = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, timeout=EXIT_S)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    return done.stdout, time.monotonic() - began


def test_the_exit_sends_what_was_published_and_closes(sandbox):
    run("client = logged_on()\nfor n in range(5000): client.publish('t', str(n))", sandbox.uri())
    assert [f.body for f in sandbox.wait_for("publish", 5000)][-1] == b"4999"
    sandbox.wait_until(lambda: not sandbox.clients())


EXITS = {
    "live clients": "clients = [logged_on(str(n)) for n in range(5)]",
    "a subscription nobody reads": "stream = logged_on().subscribe('t')",
    "a client in a circle": "c = logged_on()\nc.me = c\nc.subscribe(lambda m: c, 't')",
    "a handler in C": """
        import ctypes
        function = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)(lambda m, u: None)
        c = logged_on()
        c.subscribe(AMPS.CMessageHandler(function, "kept alive"), "t")
        for n in range(1000): c.publish("t", "x")
        """,
    "a handler in C in a circle": """
        import ctypes
        c = logged_on()
        function = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)(lambda m, u: c)
        c.subscribe(AMPS.CMessageHandler(function, b"kept alive"), "t")
        c.publish("t", "x")
        """,
    "a client held by a module": "sys.modules['AMPS'].mine = logged_on()",
    "a client never connected": "client = AMPS.Client('x')",
    "a failed connect": """
        client = AMPS.Client("x")
        try:
            client.connect("tcp://127.0.0.1:1/amps/json")
        except AMPS.ConnectionRefusedException:
            pass
        """,
    "sys.exit in the middle": "client = logged_on()\nsys.exit(0)",
    "a blocked iteration in a daemon thread": """
        stream = logged_on().subscribe("t")
        threading.Thread(target=lambda: list(stream), daemon=True).start()
        """,
    "a blocked flush in a daemon thread": """
        client = logged_on()
        def work():
            while True:
                try:
                    client.publish_flush(50)
                except AMPS.DisconnectedException:
                    return
        threading.Thread(target=work, daemon=True).start()
        """,
    "a handler busy in Python": """
        client, began = logged_on(), threading.Event()
        def busy(message):
            began.set()
            for number in range(300_000):
                str(number)
        client.subscribe(busy, "t")
        for _ in range(20):
            client.publish("t", "x")
        assert began.wait(5)
        """,
    "a handler that never returns": """
        client, began = logged_on(), threading.Event()
        def stuck(message):
            began.set()
            threading.Event().wait()
        client.subscribe(stuck, "t")
        client.publish("t", "x")
        assert began.wait(5)
        """,
    "a transport filter and publishes on their way": """
        client, seen = logged_on(), []
        client.set_transport_filter(lambda data, incoming: seen.append(len(data)))
        client.set_publish_batching(100_000, 3_600_000)
        for number in range(20_000):
            client.publish("t", str(number))
        """,
    "a transport filter that never returns": """
        client, began = logged_on(), threading.Event()
        def stuck(data, incoming):
            began.set()
            threading.Event().wait()
        client.set_transport_filter(stuck)
        threading.Thread(target=client.publish, args=("t", "x"), daemon=True).start()
        assert began.wait(5)
        """,
    "messages pouring in": """
        client, other = logged_on(), logged_on("other")
        got = queue.Queue()
        client.subscribe(got.put, "t")
        stream = client.subscribe("t")
        def pour():
            try:
                while True:
                    other.publish("t", "x" * 50)
            except AMPS.DisconnectedException:
                pass
        threading.Thread(target=pour, daemon=True).start()
        got.get(timeout=5)
        """,
    "a connect into a black hole in a daemon thread": """
        import socket
        hole = socket.socket()
        hole.bind(("127.0.0.1", 0))
        hole.listen(0)
        fill = [socket.socket() for _ in range(8)]
        for each in fill:
            each.setblocking(False)
            each.connect_ex(hole.getsockname())
        client = AMPS.Client("x")
        def connect():
            try:
                client.connect("tcp://127.0.0.1:%d/amps/json" % hole.getsockname()[1])
            except AMPS.DisconnectedException:
                pass
        threading.Thread(target=connect, daemon=True).start()
        """,
    "a client used by an atexit function": """
        import atexit
        client = logged_on()
        @atexit.register
        def last_words():
            client.publish("t", "bye")
            client.close()
        """,
}


@pytest.mark.parametrize("script", EXITS.values(), ids=EXITS)
def test_an_interpreter_exits_quietly_with(sandbox, script):
    _, took = run(script, sandbox.uri())
    assert took < 10


def test_a_forked_child_cannot_use_the_client_and_the_parent_can(sandbox):
    """Case 11 of the conformance list."""
    script = """
        def told(call):
            try:
                call()
                return "nothing"
            except Exception as problem:
                return type(problem).__name__

        got = queue.Queue()
        client = logged_on("parent")
        stream = client.subscribe("t")
        client.subscribe(got.put, "t")
        before = client.get_uri()
        pid = os.fork()
        if pid == 0:
            calls = [
                lambda: client.publish("t", "x"), lambda: client.publish_flush(100),
                lambda: client.subscribe("u"), lambda: client.unsubscribe("1"),
                lambda: client.logon(100), lambda: client.connect(uri),
                lambda: client.set_heartbeat(1), lambda: next(stream),
            ]
            print([told(call) for call in calls], "unusable" in repr(client))
            client.close(), client.disconnect(), stream.close()
            mine = logged_on("child's own")
            mine.publish("child", "x")
            mine.publish_flush(5000)
            del client, stream
            gc.collect()
            mine.close()
            sys.exit(0)
        _, status = os.waitpid(pid, 0)
        assert status == 0, status
        client.publish("t", "still here")
        client.publish_flush(5000)
        assert next(stream).get_data() == got.get(timeout=5).get_data() == "still here"
        """
    out, _ = run(script, sandbox.uri())
    assert out.strip() == f"{['UsageException'] * 8} True"
    assert len(sandbox.received("logon", "parent")) == 1
    assert len(sandbox.received("logon", "child's own")) == 1
    unexpected = [f for f in sandbox.received("unsubscribe") if f.client == "parent"]
    assert not unexpected


def test_forks_while_messages_flow(sandbox):
    script = """
        client = logged_on()
        stream = client.subscribe("t")
        client.subscribe(lambda message: message.get_data(), "t")
        running = True
        def pour():
            while running:
                client.publish("t", "x" * 100)
        pouring = threading.Thread(target=pour)
        pouring.start()
        for _ in range(20):
            next(stream)
            pid = os.fork()
            if pid == 0:
                del client, stream
                gc.collect()
                with AMPS.Client("own") as own:
                    own.connect(uri)
                    own.logon(5000)
                    own.publish_flush(5000)
                os._exit(0)
            assert os.waitpid(pid, 0)[1] == 0
        running = False
        pouring.join()
        client.publish_flush(5000)
        """
    run(script, sandbox.uri())


def test_multiprocessing_by_fork_after_a_closed_client(sandbox):
    script = """
        import multiprocessing
        def work(number):
            with logged_on(f"worker {number}") as client:
                client.publish("t", "x")
                client.publish_flush(5000)
        logged_on().close()
        context = multiprocessing.get_context("fork")
        workers = [context.Process(target=work, args=(n,)) for n in range(3)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
            assert worker.exitcode == 0
        """
    run(script, sandbox.uri())
    assert len(sandbox.received("publish")) == 3
