"""Calls that must end although they wait: on a thread of their own, or interrupted by Ctrl-C."""

import signal
import threading
import time

import pytest

from .scripted_peer import PATIENCE_S

INTERRUPT_S_MAX = 1.0  # it takes a twentieth of this when the machine is not busy


class Failing(threading.Thread):
    """Runs a call on a thread of its own; `error` is what it raised, and `ended` when."""

    def __init__(self, call, *args):
        super().__init__(daemon=True)
        self._call, self._args = call, args
        self.error = self.ended = None
        self.start()

    def run(self):
        try:
            self._call(*self._args)
        except Exception as error:
            self.error = error
        self.ended = time.monotonic()

    def result(self):
        self.join(PATIENCE_S)
        assert not self.is_alive(), f"{self._call} does not return"
        return self.error


def wait_handled(client):
    """Until what the server sent before this has been handled. The first answer may overtake the
    handlers of what came together with it; the second cannot."""
    client.publish_flush(10_000)
    client.publish_flush(10_000)


def assert_interrupted(call, is_waiting):
    """Runs the call on this, the main thread; presses Ctrl-C once `is_waiting()` has returned."""
    pressed = []

    def press():
        is_waiting()
        pressed.append(time.monotonic())
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    presser = threading.Thread(target=press, daemon=True)
    presser.start()
    with pytest.raises(KeyboardInterrupt):
        call()
    ended = time.monotonic()
    presser.join(PATIENCE_S)
    assert pressed and ended - pressed[0] < INTERRUPT_S_MAX, "Ctrl-C came late"


def publish_from_four_threads(client, count):
    """So many messages, numbered, to each of the topics a, b, c and d."""

    def publish(topic):
        for number in range(count):
            client.publish(topic, str(number))

    threads = [threading.Thread(target=publish, args=(topic,)) for topic in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
