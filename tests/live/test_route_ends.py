"""Handlers that are forgotten while something else comes in between."""

import gc

from .scripted_peer import delivery


class Adding:
    """Adds a message handler when it is found to be garbage."""

    def __init__(self, client, handler):
        self.itself, self.client, self.handler = self, client, handler

    def __del__(self):
        self.client.add_message_handler("x", self.handler, "", True)


def test_a_handler_added_by_a_destructor_while_all_are_forgotten(peer, log_on):
    """It is forgotten, too, or told: its route never points at what is gone."""
    server, told = peer(), []
    client = log_on(server)
    thresholds = gc.get_threshold()
    for _ in range(50):
        client.subscribe(lambda message: None, "t", sub_id="s")
        Adding(client, lambda message: told.append(message.get_sub_id()))
        gc.set_threshold(1)
        client.unsubscribe()
        gc.set_threshold(*thresholds)
        gc.collect()
        server.send(delivery(b"1", "x"))
        client.publish_flush(5000)
        client.unsubscribe()
    assert set(told) <= {"x"}
