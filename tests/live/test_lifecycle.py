"""Clients that are forgotten, or opened a thousand times, leave nothing behind."""

import gc
import os
import pathlib
import queue
import resource
import threading
import time
import weakref

import pytest

import AMPS

from .conftest import core_threads
from .scripted_peer import delivery, stop_reading, wait_until

CYCLES = 1000
GROWTH_KB_MAX = 4096  # what a thousand cycles may add: allocators keep a little


def test_a_forgotten_client_closes_its_connection(sandbox):
    client = AMPS.Client("forgotten")
    client.connect(sandbox.uri())
    client.logon(5000)
    client.publish("t", "sent before")
    gone = weakref.ref(client)
    del client
    assert gone() is None
    sandbox.wait_until(lambda: not sandbox.clients())
    assert sandbox.received("publish")


@pytest.mark.parametrize(
    "tie",
    [
        lambda owner: owner.client.subscribe(owner.handle, "t"),
        lambda owner: owner.client.set_exception_listener(owner.handle),
        lambda owner: owner.client.set_disconnect_handler(owner.handle),
        lambda owner: owner.client.add_connection_state_listener(owner.handle),
        lambda owner: owner.client.set_last_chance_message_handler(owner.handle),
        lambda owner: owner.client.set_thread_created_callback(owner.handle),
        lambda owner: setattr(owner, "stream", owner.client.subscribe("t")),
        lambda owner: setattr(owner.client, "owner", owner),
    ],
)
def test_a_circle_through_a_client_is_collected(sandbox, log_on, tie):
    class Owner:
        def __init__(self):
            self.client = AMPS.Client("owned")
            self.client.connect(sandbox.uri())
            self.client.logon(5000)

        def handle(self, *args):
            self.last = args

    owner = Owner()
    tie(owner)
    gone = weakref.ref(owner.client)
    log_on(sandbox).publish("t", "x")
    del owner
    gc.collect()
    assert gone() is None
    sandbox.wait_until(lambda: len(sandbox.clients()) == 1)


def test_a_client_whose_last_holder_is_its_own_handler_goes_in_peace(sandbox, log_on):
    holder, done = [AMPS.Client("held")], threading.Event()
    gone = weakref.ref(holder[0])
    holder[0].connect(sandbox.uri())
    holder[0].logon(5000)

    def handler(message):
        holder.clear()
        done.set()

    holder[0].subscribe(handler, "t")
    log_on(sandbox).publish("t", "x")
    assert done.wait(5)
    wait_until(lambda: gone() is None)
    sandbox.wait_until(lambda: len(sandbox.clients()) == 1)


def test_a_client_made_new_over_the_old_one_takes_its_place(sandbox):
    for _ in range(20):
        client = AMPS.Client("same")
        client.connect(sandbox.uri())
        client.logon(5000)
        client.subscribe("t")
    client.publish_flush(5000)
    sandbox.wait_until(lambda: len(sandbox.clients()) == 1)
    client.close()


def test_collecting_does_not_wait_for_a_server_that_does_not_read(peer, log_on):
    client = AMPS.Client("forgotten")
    client.connect(peer(logon=stop_reading).uri())
    client.logon(5000)
    client.publish("t", b"x" * 900_000)
    began = time.monotonic()
    del client
    assert time.monotonic() - began < 0.5


def memory_kb():
    lines = pathlib.Path("/proc/self/status").read_text().splitlines()
    return int(dict(line.split(":", 1) for line in lines)["VmRSS"].split()[0])


def descriptors():
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208


def test_a_thousand_cycles_leave_no_thread_descriptor_or_memory(peer):
    server, client, got = peer(), AMPS.Client("cycler"), queue.Queue()

    def cycle(fresh):
        user = AMPS.Client("cycler") if fresh else client
        user.connect(server.uri())
        user.logon(5000)
        user.subscribe(got.put, "t", sub_id="s")
        stream = user.subscribe("t", sub_id="z")
        server.send(delivery(b"x", sub_id="s,z"))
        got.get(timeout=5)
        next(stream)
        user.publish("t", "x" * 100)
        user.close()
        server.frames.clear()

    for number in range(100):
        cycle(number % 2)
    gc.collect()
    wait_until(lambda: not core_threads())
    before = descriptors(), threading.active_count(), memory_kb()
    for number in range(CYCLES):
        cycle(number % 2)
    gc.collect()
    wait_until(lambda: not core_threads())
    wait_until(lambda: descriptors() <= before[0] + 1)  # the peer may not have hung up yet
    assert threading.active_count() <= before[1]
    assert memory_kb() - before[2] < GROWTH_KB_MAX
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] > descriptors()


def test_streams_give_their_memory_back(sandbox, log_on):
    client = log_on(sandbox)
    body = "x" * 1000

    def fill_and_forget():
        stream = client.subscribe("t")
        for _ in range(5000):
            client.publish("t", body)
        client.publish_flush(5000)
        wait_until(lambda: stream.get_depth() == 5000)

    for _ in range(2):
        fill_and_forget()
    sandbox.forget_frames()
    before = memory_kb()
    for _ in range(8):
        fill_and_forget()
        sandbox.forget_frames()
    assert memory_kb() - before < 15_000  # eight times 5 MB were there meanwhile
