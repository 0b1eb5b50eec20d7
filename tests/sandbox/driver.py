"""Speaks AMPS to the sandbox over a plain socket, with as little code as possible."""

import json
import socket
import struct

TIMEOUT_S = 5.0


def frame(header, body=b""):
    """The bytes of one frame; a header given as bytes goes out as it is."""
    if isinstance(header, dict):
        header = json.dumps(header, separators=(",", ":")).encode()
    return struct.pack(">I", len(header) + len(body)) + header + body


class Message:
    """One frame from the server: its header as a dict, its body as bytes."""

    def __init__(self, payload):
        text = payload.decode("latin-1")
        self.header, end = json.JSONDecoder().raw_decode(text)
        self.header_bytes, self.body = payload[:end], payload[end:]

    def __getitem__(self, key):
        return self.header[key]

    def __contains__(self, key):
        return key in self.header

    def __repr__(self):
        return f"{self.header_bytes!r}{self.body!r}"


def records_of(message):
    """Yields header and body of each record in a `sow` message; nothing of any other."""
    data = message.body if message["c"] == "sow" else b""
    count = 0
    while data:
        header, end = json.JSONDecoder().raw_decode(data.decode("latin-1"))
        stop = end + header["l"]
        yield header, data[end:stop]
        data, count = data[stop:], count + 1
    assert count == message.header.get("bs", 0), message


class Driver:
    """One connection to the sandbox. Everything read has the same timeout."""

    def __init__(self, host, port):
        self.socket = socket.create_connection((host, port), timeout=TIMEOUT_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.socket.makefile("rb")

    def close(self):
        self.file.close()
        self.socket.close()

    def send(self, header, body=b""):
        self.socket.sendall(frame(header, body))

    def read(self):
        """The next message, or None at the end of the stream."""
        start = self.file.read(4)
        if not start:
            return None
        (length,) = struct.unpack(">I", start)
        return Message(self.file.read(length))

    def read_ack(self, **expected):
        """The next message, which must be an ack with these fields at least."""
        ack = self.read()
        assert ack is not None, f"the connection ended, wanted an ack with {expected}"
        shown = {key: ack.header.get(key) for key in expected}
        assert (ack["c"], shown) == ("ack", expected), ack
        return ack

    def ask(self, header, body=b""):
        """Sends a command that asks for one ack, and returns that."""
        self.send({"a": "processed", **header}, body)
        ack = self.read()
        assert ack is not None and ack["c"] == "ack", f"{header} was answered by {ack!r}"
        return ack

    def log_on(self, name="driver", **more):
        header = {"c": "logon", "cid": "0", "client_name": name, "mt": "json"}
        return self.ask({**header, "version": "1.2.3.4:raw", **more})

    def subscribe(self, topic, sub_id, **more):
        command = {"c": "subscribe", "cid": f"c-{sub_id}", "t": topic, "sub_id": sub_id, **more}
        ack = self.ask(command)
        assert ack["status"] == "success", ack
        return ack

    def publish(self, topic, body, **more):
        self.send({"c": "p", "t": topic, **more}, body)

    def everything_before(self, cid="flush"):
        """What came before the answer to a flush: all that earlier commands caused."""
        self.send({"c": "flush", "cid": cid, "a": "processed"})
        messages = []
        while True:
            message = self.read()
            assert message is not None, f"the connection ended after {messages}"
            if message.header.get("cid") == cid:
                return messages
            messages.append(message)

    def is_ended(self):
        """Waits for the end of the stream: True if nothing more came before it."""
        try:
            return self.read() is None
        except ConnectionResetError:
            return True
