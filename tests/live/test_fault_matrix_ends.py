"""Faults that meet the end of a client, a gap between servers, and a server that does not read."""

import time

import pytest

import AMPS
from amps_sandbox import Fault, Sandbox

from .calls import Failing
from .fault_matrix import (
    CELL_MS,
    CLOSE_S_MAX,
    FAULTS,
    TOPIC,
    NothingIsLeft,
    World,
    close_quickly,
)
from .scripted_peer import wait_until

SAME = {"topics": [f"{TOPIC}:/id"], "txlog": [TOPIC, "raw"], "ack_conflation": "0"}
NOT_HERE = (
    *("refuse_", "logon_", "name in use", "odd refusal", "listener", "batch", "reject"),
    *("reorder command", "drop_ack completed", "kill_engine for", "lose_tail for"),
)
WHILE_PUBLISHING = [name for name in FAULTS if not name.startswith(NOT_HERE)]
DELAY_MS, ATTEMPTS = 20, 4
BLOCK_BYTES, BLOCKS = 100_000, 100  # more than the buffers of both systems hold


@pytest.mark.parametrize("how", ["close", "disconnect"])
@pytest.mark.parametrize("fault", WHILE_PUBLISHING)
def test_a_client_ends_quickly_in_any_trouble_and_its_store_keeps_the_rest(fault, how):
    with NothingIsLeft(), Sandbox(**SAME) as server:
        world = World([server], fault, "fine")
        world.connect()
        world.strike("publish", acks_on="ack:persisted", after=5)
        world.publish(*range(20))
        ending = Failing(getattr(world.client, how))
        ending.join(CLOSE_S_MAX)
        assert not ending.is_alive() and ending.error is None, ending.error
        close_quickly(world.client)
        world.heal()
        wait_until(lambda: server.listener(0).is_open, "the server to come back")
        world.client = world.new_client()
        try:
            world.connect()
            world.verify()
        finally:
            close_quickly(world.client)


NEVER_IN = {
    "refused": Fault("connect", "refuse_connect", count=0),
    "unknown": Fault("logon", "refuse_logon", count=0),
    "asked for ever": Fault("logon", "logon_retry", n=9, count=0),
    "dropped": Fault("logon", "drop", count=0),
    "reset": Fault("connect", "reset", count=0),
    "told nonsense": Fault("logon", "garbage", kind="random", count=0),
    "never answered": Fault("logon", "half_open", count=0),
}


@pytest.mark.parametrize("how", ["close", "disconnect"])
@pytest.mark.parametrize("trouble", NEVER_IN)
def test_a_client_that_never_gets_in_ends_quickly(trouble, how):
    """And it does not spin: between two attempts it waits as long as its strategy says."""
    with NothingIsLeft(), Sandbox(**SAME) as server:
        world = World([server], "drop_ack", "fine")
        world.client.set_reconnect_delay_strategy(AMPS.FixedDelayStrategy(DELAY_MS))
        server.faults.add(NEVER_IN[trouble])
        began = time.monotonic()
        trial = Failing(world.connect)
        try:
            wait_until(lambda: len(world.chooser.failures) >= ATTEMPTS, "some attempts")
            assert time.monotonic() - began >= (ATTEMPTS - 1) * DELAY_MS / 1000
            getattr(world.client, how)()
            assert isinstance(trial.result(), AMPS.DisconnectedException)
        finally:
            close_quickly(world.client)


@pytest.mark.parametrize("is_error", [True, False])
def test_a_lagging_server_is_refused_or_told_of(is_error):
    """It lacks what the store has discarded. Where that is an error, only the first will do."""
    first = Sandbox(**SAME)
    second = Sandbox(**SAME, replica_of=first, lag=3600)
    with NothingIsLeft(), first, second:
        world = World([first, second], "drop", "fine")
        world.client.set_error_on_publish_gap(is_error)
        try:
            world.connect()
            world.publish(1, 2, 3)
            world.client.publish_flush(CELL_MS)
            first.kill()
            world.publish(4)
            gaps = world.errors
            wait_until(lambda: any(type(e) is AMPS.PublishStoreGapException for e in gaps))
            if is_error:
                assert not second.journal(TOPIC) and world.client.get_unpersisted_count() == 1
                first.restart(keep_data=True)
            world.publish(5)
            world.client.publish_flush(CELL_MS)
            found = [one.data for one in (first if is_error else second).journal(TOPIC)]
            assert found == (world.sent if is_error else world.sent[3:])
        finally:
            close_quickly(world.client)


@pytest.mark.parametrize("end", ["reset by the server", "close"])
def test_a_server_that_does_not_read_stops_the_publisher_and_nothing_else(end):
    """publish() waits for the network; a reset, or the end of the client, frees it."""
    body = b"x" * BLOCK_BYTES
    with NothingIsLeft(), Sandbox(**SAME) as server:
        world = World([server], "slow_read", "fine")
        world.connect()
        world.strike("publish", bytes_per_s=1)
        flood = Failing(lambda: [world.client.publish("raw", body) for _ in range(BLOCKS)])
        seen = []

        def is_stuck():
            seen.append(world.client.get_unpersisted_count())
            return flood.is_alive() and len(seen) > 20 and seen[-20] == seen[-1]

        wait_until(is_stuck, "the publisher to be held up")
        world.heal()
        try:
            if end == "close":
                close_quickly(world.client)
                assert isinstance(flood.result(), AMPS.DisconnectedException)
                return
            server.disconnect("tester")
            assert flood.result() is None
            world.client.publish_flush(CELL_MS)
            assert [one.data for one in server.journal("raw")] == [body] * BLOCKS
        finally:
            close_quickly(world.client)
