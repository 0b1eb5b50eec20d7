"""Clients that come back by themselves, and what tests watch of them."""

import pathlib
import threading

import AMPS

from .scripted_peer import PATIENCE_S

QUICK_MS = 20  # a delay between two attempts that tests can wait for


class Watched:
    """A list that others append to and the test waits on."""

    def __init__(self):
        self.items = []
        self._changed = threading.Condition()

    def __call__(self, item):
        with self._changed:
            self.items.append(item)
            self._changed.notify_all()

    def wait_for(self, condition, what="it"):
        """Until the condition holds of the list, which is returned."""
        with self._changed:
            found = self._changed.wait_for(lambda: condition(self.items), PATIENCE_S)
            assert found, f"waited for {what}; there is {self.items}"
            return list(self.items)


class Chooser:
    """A chooser that gives these URIs in turn, each failure the next, and writes all down. It is
    duck-typed, and has no get_error."""

    def __init__(self, *uris):
        self.uris = list(uris)
        self.asked = Watched()
        self.failures = Watched()
        self.successes = Watched()
        self._at = 0

    def get_current_uri(self):
        uri = self.uris[self._at % len(self.uris)] if self.uris else None
        self.asked(uri)
        return uri

    def get_current_authenticator(self):
        return None

    def report_failure(self, exception, info):
        self.failures((exception, info))
        if type(exception) is not AMPS.DisconnectedException:
            self._at += 1

    def report_success(self, info):
        self.successes(info)


def chooser_of(*servers):
    """A DefaultServerChooser for sandboxes, peers and connection strings."""
    chooser = AMPS.DefaultServerChooser()
    for server in servers:
        chooser.add(server if isinstance(server, str) else server.uri("json"))
    return chooser


def watch(client):
    """The states that the client is told from now on."""
    states = Watched()
    client.add_connection_state_listener(states)
    return states


def wait_ready(states, count=1):
    """Until the client has come up so many times."""
    return states.wait_for(lambda seen: seen.count(32) >= count, f"coming up {count} times")


def bodies(server, count):
    """What was published at a sandbox, once so many have come."""
    return [seen.body for seen in server.wait_for("publish", count)]


def bytes_not_read_by(server):
    """How many bytes a server has not taken from its system yet."""
    rows = [line.split() for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(int(row[4][9:], 16) for row in rows if row[1].endswith(f":{server.port:04X}"))


def wait_back(client, states, count):
    """Until it has come up so many times and may be used: 32 is told a moment before."""
    wait_ready(states, count)
    client.execute(AMPS.Command("flush").add_ack_type("processed"))
