"""Fixtures of the stories of queues."""

import pytest

from amps_sandbox import Queue, Sandbox


@pytest.fixture
def serve():
    """Starts sandboxes with a queue Q over Work; `more` is said of the queue."""
    running = []

    def served(topics="Work", sandbox=(), **more):
        server = Sandbox(
            queues=[Queue("Q", topics, **more)],
            **{"clock": "manual", "ack_conflation": "0", **dict(sandbox)},
        ).start()
        running.append(server)
        return server

    yield served
    for server in running:
        server.stop()
