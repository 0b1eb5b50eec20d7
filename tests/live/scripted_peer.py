"""A peer that says exactly the bytes a test wants, and does what no server should."""

import contextlib
import json
import pathlib
import socket
import struct
import threading
import time

PATIENCE_S = 10.0  # no wait of these tests is longer
READ_BYTES = 65536
SMALL_BUFFER_BYTES = 4096  # a peer that does not read is soon full
BACKLOG_FILL_MAX = 16


def frame(header, body=b""):
    """The bytes of one frame; a header given as bytes goes out as it is."""
    if isinstance(header, dict):
        header = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    return struct.pack(">I", len(header) + len(body)) + header + body


def delivery(body, sub_id="s", topic="t", **more):
    """The bytes of a publish that is delivered to one subscription."""
    return frame({"c": "p", "t": topic, "sids": sub_id, **more}, body)


def ack(seen, status="success", kind="processed", **more):
    """The bytes of the answer to a frame that was seen. Fields that are None are left out."""
    header = {"c": "ack", "cid": seen["cid"], "a": kind, "status": status, **more}
    return frame({key: value for key, value in header.items() if value is not None})


def say(**fields):
    """An answer: an ack with these fields."""
    return lambda peer, seen: peer.send(ack(seen, **{"version": "5.3.4.1", **fields}))


def say_all(**fields):
    """An answer: every ack that the command asks for."""

    def answer(peer, seen):
        kinds = seen.get("a", "").split(",")
        peer.send(b"".join(ack(seen, kind=kind, **fields) for kind in kinds if kind))

    return answer


def in_turn(*answers):
    """An answer for the first frame with a verb, one for the second, ...; the last one stays."""
    left = list(answers)
    return lambda peer, seen: (left.pop(0) if len(left) > 1 else left[0])(peer, seen)


def refuse(reason):
    return say(status="failure", reason=reason)


def stay_silent(peer, seen):
    """An answer: none."""


def hang_up(peer, seen):
    """An answer: the end of the connection."""
    peer.hang_up()


def reset(peer, seen):
    """An answer: a connection reset."""
    peer.reset()


def stop_reading(peer, seen):
    """An answer: an ack, and then nothing more is read until `peer.go_on_reading`."""
    say()(peer, seen)
    peer.reads.clear()


POLITE = {
    "logon": say(),
    "subscribe": say(),
    "delta_subscribe": say(),
    "flush": say_all(),
    "heartbeat": say(),
    "sow_delete": say_all(records_deleted=0),
    "p": say_all(),
}


class ScriptedPeer:
    """Serves one connection after the other, answers each verb as told, and remembers all frames.

    The test's own thread may `send` bytes, `hang_up` or `reset` the current connection at any time.
    """

    def __init__(self, **answers):
        self.answers = {**POLITE, **answers}
        self.frames = []
        self.connections = 0
        self.ended = 0
        self.reads = threading.Event()
        self.reads.set()
        self._changed = threading.Condition()
        self._stopping = self._resetting = False
        self._connection = None
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER_BYTES)
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen()
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def uri(self, message_type="json", user=""):
        return f"tcp://{user}127.0.0.1:{self.port}/amps/{message_type}"

    def send(self, data):
        """Plays bytes to the client. That it is gone meanwhile is for the test to notice."""
        with contextlib.suppress(ConnectionError):
            self._connection.sendall(data)

    def hang_up(self):
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)

    def reset(self):
        """Has the system answer whatever comes with a reset."""
        with contextlib.suppress(OSError):
            linger = struct.pack("ii", 1, 0)
            self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self._resetting = True
            self.reads.set()
            self._connection.shutdown(socket.SHUT_RD)  # the thread closes: only that resets

    def wait_taken(self):
        """Until the client has taken all that was sent out of its system's hands."""
        wait_until(lambda: unread_bytes(self.port) == 0, "the client to read")

    def go_on_reading(self):
        self.reads.set()

    def wait_for(self, verb, count=1):
        """The frames with this verb, once so many have come."""
        self.wait_until(lambda: len(self.seen(verb)) >= count, f"{count} {verb}")
        return self.seen(verb)

    def seen(self, verb):
        return [seen for seen in self.frames if seen["c"] == verb]

    def wait_until(self, condition, name="it"):
        with self._changed:
            verbs = [seen["c"] for seen in self.frames]
            if not self._changed.wait_for(condition, PATIENCE_S):
                raise TimeoutError(f"waited for {name}; the client sent {verbs[-20:]}")

    def wait_gone(self, count=1):
        """Until so many connections are over."""
        self.wait_until(lambda: self.ended >= count, f"the end of connection {count}")

    def stop(self):
        self._stopping = True
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        if self._connection is not None:
            self.hang_up()
        deadline = time.monotonic() + PATIENCE_S
        while self._thread.is_alive() and time.monotonic() < deadline:
            self.reads.set()  # again: the thread may just be about to stop reading
            self._thread.join(0.05)
        self._listener.close()
        assert not self._thread.is_alive(), "the peer's thread does not end"

    def _serve(self):
        while not self._stopping:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._connection, self._resetting = connection, False
            self._note(lambda: setattr(self, "connections", self.connections + 1))
            with connection, contextlib.suppress(ConnectionError):
                self._converse(connection)
            self._note(lambda: setattr(self, "ended", self.ended + 1))

    def _converse(self, connection):
        data = bytearray()
        while self.reads.wait() and not self._stopping and not self._resetting:
            chunk = connection.recv(READ_BYTES)
            if not chunk:
                return
            data += chunk
            while len(data) >= 4 and len(data) >= 4 + int.from_bytes(data[:4], "big"):
                end = 4 + int.from_bytes(data[:4], "big")
                self._take(bytes(data[4:end]))
                del data[:end]

    def _take(self, payload):
        header, end = json.JSONDecoder().raw_decode(payload.decode("latin-1"))
        seen = {**header, "body": payload[end:]}
        self._note(lambda: self.frames.append(seen))
        if seen["c"] in self.answers and "cid" in seen:
            self.answers[seen["c"]](self, seen)

    def _note(self, change):
        with self._changed:
            change()
            self._changed.notify_all()


@contextlib.contextmanager
def black_hole():
    """Gives an address that neither accepts nor refuses: a listener whose queue is full."""
    with contextlib.ExitStack() as kept, socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(BACKLOG_FILL_MAX):
            filler = kept.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield f"tcp://127.0.0.1:{listener.getsockname()[1]}/amps/json"


@contextlib.contextmanager
def refused_address():
    """Gives an address that nobody listens on, and keeps others from taking it."""
    with socket.socket() as owner:
        owner.bind(("127.0.0.1", 0))
        yield f"tcp://127.0.0.1:{owner.getsockname()[1]}/amps/json"


def unread_bytes(port):
    """How many bytes from this port wait in this machine's receive buffers."""
    rows = [line.split() for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(int(row[4][9:], 16) for row in rows if row[2].endswith(f":{port:04X}"))


def wait_until(condition, what="it"):
    """For what gives no notice. Asks often, waits long, and says what did not come."""
    deadline = time.monotonic() + PATIENCE_S
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < deadline, f"waited {PATIENCE_S} s for {what}"
        pause.wait(0.005)
