"""Holds the conversation with one connection: logon first, then commands, until it is closed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Callable, NamedTuple

from . import commands
from .acks import Acks, Refused
from .connection import Connection
from .fault_actions import Trouble
from .fault_bytes import Line
from .heartbeat import Heartbeat
from .log import Identity
from .logon import Accept, Retry, name_hash
from .options import parse_options, parse_seconds
from .persisting import Persisting
from .replays import Replays
from .subscriptions import Subscription
from .topics import Topics
from .trace import text
from .wire import LENGTH, Frame, FrameReader, Header, Malformed, encode

if TYPE_CHECKING:
    from .server import Server

SERVER_VERSION = b"5.3.5.0.0.sandbox"
SAMPLE_BYTES = 64  # how much of a malformed frame a log line shows
NAME_SHOWN_MAX = 100

_HEARTBEAT = encode({"c": b"heartbeat"})
_PASSWORD = re.compile(rb'("(?:pw|password)"[ \t\r\n]*:[ \t\r\n]*)"?(?:[^"\\]|\\.)*"?', re.DOTALL)


class Client(NamedTuple):
    """What is known of one connected client."""

    name: str
    user: str
    message_type: str
    address: str
    connection: int
    listener: int
    version: str
    correlation_id: str


class Peer:
    """One connected client, from its first byte to its last."""

    def __init__(self, server: Server, connection: Connection, number: int, address: str, at: int):
        self.server = server
        self.number = number
        self.address = address
        self.listener = at
        self.name = b""
        self.user = ""
        self.message_type = ""
        self.version = b""
        self.correlation_id = b""
        self.ack_conflation_s = 0.0
        self.topics: Topics | None = None  # those of its message type, once it is logged on
        self.subscriptions: dict[bytes, Subscription] = {}
        self.timers: dict[bytes, float] = {}
        self.replays: Replays | None = None
        self.persisting: Persisting | None = None  # with a transaction log, once it is logged on
        self.heartbeat = Heartbeat(server.clock, self._beat, self._fell_silent)
        self.is_open = True
        self.connection = connection
        self.trouble = Trouble()
        self._reader = FrameReader(server.settings.message_bytes_max)
        self._frames: Iterator[Frame] = iter(())

    @property
    def is_logged_on(self) -> bool:
        return self.topics is not None

    def client(self) -> Client:
        return Client(
            text(self.name),
            self.user,
            self.message_type,
            self.address,
            self.number,
            self.listener,
            text(self.version),
            text(self.correlation_id),
        )

    def note(self, event: str) -> None:
        """One line in the session log."""
        name = f" {text(self.name[:NAME_SHOWN_MAX])!a}" if self.name else ""
        self.server.log(f"connection {self.number}{name}: {event}")

    # Going out

    def send(self, frame: bytes) -> None:
        sent = self._passed(frame)
        if sent is not None and not self.connection.send(sent):
            self.close("slow client", at_once=True)

    def send_result(self, frame: bytes) -> None:
        """Sends what was asked for at once, however much it is: who asks a lot, is not slow."""
        sent = self._passed(frame)
        if sent is not None:
            self.connection.send(sent, is_asked_for=True)

    def _passed(self, frame: bytes) -> bytes | None:
        """What is sent instead of a frame: itself, as long as there are no faults."""
        if not self.is_open:
            return None
        sent: bytes | None = frame
        if self.server.faults.triggers:
            sent = self.server.faults.outgoing(self, frame)
        if sent is not None:
            self.server.trace.note_out(self, sent)
        return sent

    def send_ack(self, kind: str, frame: bytes, header: Header | None = None) -> None:
        """Sends an ack of the command with this header, or of no single one."""
        if self.server.withholding.keeps_back(self, kind, frame):
            return
        if self.server.faults.triggers:
            self.server.faults.send_ack(self, kind, frame, header)
        else:
            self.tell(frame)

    def tell(self, frame: bytes) -> None:
        """Sends an ack that nobody holds back any more."""
        if self.persisting is not None and self.is_open:
            self.persisting.told(frame)
        self.send(frame)

    def send_raw(self, data: bytes) -> None:
        """Sends bytes that need not be a frame; the trace does not see them."""
        if self.is_open:
            self.server.faults.count_out(self, len(data))
            self.connection.send(data)

    def line(self) -> Line:
        """What stands between it and its socket, from now on."""
        if self.connection.line is None:
            self.connection.line = Line(self.connection, self.server.clock)
        return self.connection.line

    @property
    def waiting_bytes(self) -> int:
        return self.connection.waiting_bytes

    def when_room(self, action: Callable[[], None]) -> None:
        self.connection.when_room(action)

    def send_persisted(self, frame: bytes, header: Header) -> None:
        if self.persisting is None:
            self.send_ack("persisted", frame, header)
        else:
            self.persisting.then(frame, header)

    def close(
        self, reason: str, detail: str = "", at_once: bool = False, is_reset: bool = False
    ) -> None:
        """Ends the conversation; frames that wait to be sent still go out, unless `at_once`."""
        if not self.is_open:
            return
        self.is_open = False
        self.heartbeat.stop()
        if self.persisting is not None:
            self.persisting.stop()
        ended, self.subscriptions = list(self.subscriptions.values()), {}
        if self.topics is not None:
            self.topics.remove(ended)
        self._frames = iter(())
        self._reader.forget()  # the trace may keep the peer for long
        self.server.left(self)
        if is_reset:
            self.connection.reset()
        elif at_once:
            self.connection.abort()
        else:
            self.connection.close()
        self.note(f"closed: {reason}{': ' + detail if detail else ''}")
        for subscription in ended:
            self.server.events.ended(subscription, reason)
        self.server.events.tell(self, "disconnect", reason=reason)

    def _beat(self) -> None:
        if not self.trouble.is_mute:
            self.send(_HEARTBEAT)

    def _fell_silent(self) -> None:
        self.close("heartbeat")

    # Coming in

    def received(self, chunk: bytes) -> None:
        if not self.server.settings.strict_heartbeats:
            self.heartbeat.heard()
        if "bytes_in" in self.server.faults.triggers:
            self._frames = self.server.faults.frames(self, self._reader, chunk)
        else:
            self._frames = self._reader.feed(chunk)
        self.resume()

    def resume(self) -> None:
        """Obeys what was received, until it causes more than may wait to be sent."""
        header: Header = {}
        try:
            for frame in self._frames:
                header = frame.header
                self._obey(frame)
                if self.connection.is_choked or not self.is_open:
                    return
        except Malformed as fault:
            self._refuse(fault.header, fault.category, fault.offset, fault.sample)
        except BaseException as error:  # whatever a callback raises ends this connection only
            try:
                Acks(self, header).fail("internal error")
            finally:
                self.close("internal error", repr(error))

    def ended(self, why: str) -> None:
        inside = "end of stream inside a frame" if self._reader.is_inside_frame else ""
        self.close("connection closed", why or inside)

    def _obey(self, frame: Frame) -> None:
        header = frame.header
        self.server.trace.note_in(self, header, frame.body)
        verb = header.get("c", b"")
        obey = Peer._log_on if verb == b"logon" else commands.VERBS.get(verb)
        acks = Acks(self, header)
        if obey is None:
            fault = f"unknown command {text(verb[:SAMPLE_BYTES])!a}" if verb else "no command"
            self._refuse(header, fault, self._reader.frame_offset, encode(header)[LENGTH.size :])
        elif self.topics is None and verb != b"logon":
            acks.fail("logon required")
            self.close("auth", "a command before logon")
        else:
            faults = self.server.faults
            try:
                if faults.triggers and faults.loses_command(self, header, acks):
                    return
                acks.send("received")
                obey(self, frame, acks)
            except Refused as refusal:
                acks.fail(refusal.reason, refusal.detail, refusal.status)

    def _refuse(self, header: Header, category: str, offset: int, sample: bytes) -> None:
        if "cid" in header:
            Acks(self, {"cid": header["cid"], "a": b"processed"}).send(
                "processed", b"failure", reason=b"unknown command"
            )
        shown = _PASSWORD.sub(rb'\1"***"', sample)[:SAMPLE_BYTES]
        self.close("unknown command", f"{category} at offset {offset}: {ascii(shown)[2:-1]}")

    # Publishing

    @property
    def user_bytes(self) -> bytes | None:
        return _bytes(self.user) if self.user else None

    def identify(self, header: Header) -> Identity | None:
        """What a message will be known by in the log, if there is one. Raises Refused."""
        return None if self.persisting is None else self.persisting.identify(header)

    def persist(self, acks: Acks, header: Header, identity: Identity | None) -> None:
        if identity is None or self.persisting is None:
            acks.send("persisted")
        else:
            self.persisting.done(acks, header, identity)

    # Logon

    def _log_on(self, frame: Frame, acks: Acks) -> None:
        header = frame.header
        if self.topics is not None:
            acks.fail("duplicate logon")
            return
        self.name = header.get("client_name", b"")
        self.version = header.get("version", b"")
        self.correlation_id = header.get("x", b"")
        message_type = text(header.get("mt", b""))
        user, pw = text(header.get("user_id", b"")), text(header.get("pw", b""))
        if message_type not in self.server.settings.message_types:
            self._reject(acks, "invalid message type", "unknown command")
            return
        if self.server.has_unique_names and not self.name:
            self._reject(acks, "no client name", "auth")
            return
        said = parse_options(text(header.get("opts", b""))).get("ack_conflation")
        self.ack_conflation_s = self.server.settings.ack_conflation_s
        if said is not None:
            interval_s = parse_seconds(said)
            if interval_s is None:
                self._reject(acks, "invalid options", "unknown command")
                return
            self.ack_conflation_s = interval_s
        verdict = self.trouble.verdict(user) or self.server.authenticate(self, user, pw)
        if not self.is_open:  # the callback may have closed it
            return
        if isinstance(verdict, Accept):
            if not self.server.entitlements.may_log_on(verdict.user):
                self._reject(acks, "not entitled", "entitlement")
                return
            self._accept(acks, verdict.user, message_type)
        elif isinstance(verdict, Retry):
            acks.send("processed", b"retry", user_id=_bytes(verdict.user), pw=_bytes(verdict.pw))
        else:
            self._reject(acks, verdict.reason, "auth")

    def _reject(self, acks: Acks, reason: str, closed_because: str) -> None:
        acks.fail(reason)
        self.server.events.tell(self, "failed logon", reason=reason)
        self.close(closed_because, reason)

    def _accept(self, acks: Acks, user: str, message_type: str) -> None:
        if not self.server.gives_name(self, user):
            self._reject(acks, "name in use", "name in use")
            return
        self.user = user
        self.message_type = message_type
        self.topics = self.server.topics_of(message_type)
        mark = 0
        if self.server.txlog is not None:
            self.persisting = Persisting(
                self,
                self.server.txlog,
                self.server.sequences,
                self.server.clock,
                self.ack_conflation_s,
            )
            self.replays = Replays(self, self.server.txlog, self.ack_conflation_s)
            mark = self.server.sequences.mark(self.persisting.publisher)
        bookmark = b"%d|%d|" % (name_hash(self.name), mark)
        fields = {"s": mark, "bm": bookmark, "client_name": self.name}
        if not self.server.settings.needs_authentication:
            fields["reason"] = b"authentication disabled"
        acks.send("processed", version=SERVER_VERSION, **fields)
        by = f", user {user!a}" if user else ""
        self.note(f"logged on, message type {message_type}{by}, version {text(self.version)!a}")
        self.server.events.tell(self, "logon")


def _bytes(value: str) -> bytes:
    return value.encode("utf-8", "surrogateescape")
