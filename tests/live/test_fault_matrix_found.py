"""What the fault matrix found, each again by itself and without chance."""

import AMPS

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
