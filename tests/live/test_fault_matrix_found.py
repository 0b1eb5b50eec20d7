"""What the fault matrix found, each again by itself and without chance."""

import time

import AMPS
from amps_sandbox import Fault, Sandbox

from .scripted_peer import ack, frame, wait_until

CELL_MS = 8000


def persisted(seen, **more):
    return frame({"c": "ack", "a": "persisted", "s": seen["s"], **more})


def test_a_refused_publish_is_shown_though_the_ack_of_the_next_comes_along_with_it(peer):
    """Both acks come in one piece: the second, which is for all before it as well, must not take
    the message from the store before whoever minds failed writes has seen it."""
    server = peer(logon=lambda server, seen: server.send(ack(seen, s=0, version="5.3.4.1")))
    refused = []
    client = AMPS.HAClient("publisher")
    client.set_failed_write_handler(lambda message, why: refused.append((message, why)))
    client.set_server_chooser(AMPS.DefaultServerChooser().add(server.uri("json")))
    with client:
        client.connect_and_logon()
        client.publish("t", "first")
        client.publish("t", "second")
        first, second = server.wait_for("p", 2)
        failure = persisted(first, status="failure", reason="not entitled")
        server.send(failure + persisted(second, status="success"))
        client.publish_flush(CELL_MS)
        wait_until(lambda: refused, "the refused one")
        ((message, why),) = refused
        assert message is not None and why == "not entitled"


def test_a_server_that_drops_each_connection_it_took_is_not_tried_in_a_hot_loop():
    """Each attempt works out, subscription and all; then the first message ends the connection. The
    pauses are those of the strategy although no attempt fails."""

    class Chooser(AMPS.DefaultServerChooser):
        successes = 0

        def report_success(self, info):
            Chooser.successes += 1

    losses, delay_ms = 12, 50
    with Sandbox(txlog=["orders"]) as server, AMPS.HAClient("reader") as client:
        server.publish("orders", '{"id":1}')
        client.set_server_chooser(Chooser().add(server.uri("json")))
        client.set_reconnect_delay(delay_ms)
        client.connect_and_logon()
        # A moment before, so that the attempt has worked out when the connection ends.
        server.faults.add(Fault("deliver", "drop", after_bytes=7, count=0))
        server.faults.add(Fault("deliver", "stall", seconds=0.01, count=0))
        began = time.monotonic()
        client.bookmark_subscribe([].append, "orders", client.Bookmarks.EPOCH, timeout=CELL_MS)
        wait_until(lambda: Chooser.successes > losses, "many attempts")
        assert time.monotonic() - began > losses * delay_ms / 2000
        server.faults.clear()
