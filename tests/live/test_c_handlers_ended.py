"""Handlers written in C are not called after they are gone, and are gone when nobody needs them."""

import ctypes
import gc
import os
import subprocess
import sys
import weakref

import pytest

import AMPS
from amps_sandbox import Sandbox

from .results import only_accept
from .scripted_peer import ack, delivery, wait_until

SIGNATURE = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_char_p)


def c_handler(note, name):
    """A handler whose function is made by ctypes; it notes its name when it is called."""
    return AMPS.CMessageHandler(SIGNATURE(lambda message, user_data: note(user_data)), name)


ENDED_WHILE_MESSAGES_COME = """
import ctypes, sys
import AMPS
signature, calls = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_char_p), set()
client = AMPS.Client("c")
client.connect(sys.argv[1])
client.logon(5000)
end = {
    "unsubscribe": lambda: client.unsubscribe("s"),
    "all": client.unsubscribe,
    "execute": lambda: client.execute(AMPS.Command("unsubscribe").set_sub_id("s")),
}[sys.argv[2]]
names = ["x" * number for number in range(300)]
for name in names:
    function = signature(lambda message, user_data: calls.add(user_data.decode("latin-1")))
    command = AMPS.Command("sow_and_subscribe").set_topic("t").set_sub_id("s").set_batch_size(100)
    client.execute_async(command, AMPS.CMessageHandler(function, name))
    end()
print(len(calls) > 0, calls <= set(names))
"""


@pytest.mark.parametrize("end", ["unsubscribe", "all", "execute"])
def test_a_c_handler_ended_while_messages_come_is_not_used_any_more(end):
    """Its memory goes with it, and the receive thread may be about to call it. Python's memory is
    overwritten here when it is freed."""
    environment = {**os.environ, "PYTHONMALLOC": "debug"}
    with Sandbox(topics=["t:/id"]) as server:
        for number in range(100):
            server.publish("t", f'{{"id":{number}}}')
        command = [sys.executable, "-c", ENDED_WHILE_MESSAGES_COME, server.uri(), end]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stdout, done.stderr) == (0, "True True\n", "")


@pytest.mark.parametrize("end", ["unsubscribe", "disconnect", "hang_up"])
def test_a_c_handler_ended_early_is_let_go(peer, log_on, end):
    server = peer(sow=only_accept)
    client, calls = log_on(server), []
    handler = c_handler(calls.append, "x")
    reference = weakref.ref(handler)
    client.execute_async(AMPS.Command("sow").set_topic("t").set_query_id("q"), handler)
    del handler
    gc.collect()
    assert reference() is not None
    if end == "hang_up":
        server.hang_up()
    else:
        client.unsubscribe("q") if end == "unsubscribe" else client.disconnect()
    wait_until(lambda: gc.collect() or reference() is None)
    assert calls == []


def test_a_c_handler_may_replace_and_be_replaced(peer, log_on):
    def answer(server, seen):
        server.send(delivery(b"x") + ack(seen) + delivery(b"x"))

    server, calls = peer(), []
    client = log_on(server)
    client.subscribe(c_handler(calls.append, "first"), "t", sub_id="s")
    server.answers["subscribe"] = answer
    for number in range(100):
        name = f"{number:03}"
        client.subscribe(c_handler(calls.append, name), "t", None, "replace", 5000, "s")
    wait_until(lambda: len(calls) == 200)
    expected = [b"%03d" % (number // 2) for number in range(199)]
    assert calls == [b"first", *expected]
