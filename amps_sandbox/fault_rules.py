"""Keeps the faults that are to happen, and decides which of them strikes when."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from .acks import Acks
from .fault_actions import ACTS, Event
from .fault_garbage import spoiled
from .faults import ACK_ACTIONS, ACTIONS, Fault, check
from .loop import Timer
from .trace import LONG_NAMES, text
from .wire import LENGTH, Frame, FrameReader, Header, parse_header

if TYPE_CHECKING:
    from .peer import Peer
    from .server import Server

_DELIVERIES = {b"p", b"publish", b"oof", b"sow"}


class ActiveFault:
    """A fault that was added. `hits` says how often it struck so far."""

    def __init__(self, fault: Fault):
        self.fault = fault
        self.trigger = LONG_NAMES.get(fault.on, fault.on)
        self.hits = 0
        self.random = random.Random(fault.seed)
        self.timer: Timer | None = None
        self._client = None if fault.client is None else re.compile(fault.client)
        self._topic = None if fault.topic is None else re.compile(fault.topic)
        self._seen = 0
        self._bytes: dict[Peer, int | None] = {}  # that passed on a connection; None: it struck
        self._gathered: dict[Peer, list[bytes]] = {}

    def __repr__(self) -> str:
        return f"<{self.fault.action} on {self.fault.on}, {self.hits} hits>"

    @property
    def is_spent(self) -> bool:
        """Whether it has struck as often as it should."""
        return 0 < self.fault.count <= self.hits

    def concerns(self, peer: Peer, header: Header | None = None) -> bool:
        """Whether it is meant for this client, and for a message with such a header."""
        fault = self.fault
        if fault.listener is not None and fault.listener != peer.listener:
            return False
        header = {} if header is None else header
        if self._client is not None:
            name = text(peer.name or header.get("client_name", b""))
            if not self._client.fullmatch(name):
                return False
        if self._topic is not None and not self._topic.fullmatch(text(header.get("t", b""))):
            return False
        if fault.sequences is not None:
            sequence = header.get("s")
            return sequence is not None and fault.sequences[0] <= sequence <= fault.sequences[1]
        return True

    def strikes(self) -> bool:
        """Counts what has happened, and says whether this time it goes wrong."""
        self._seen += 1
        return self._seen > self.fault.after and self._has_luck()

    def _has_luck(self) -> bool:
        chance = self.fault.probability
        if self.is_spent or (chance < 1 and self.random.random() >= chance):
            return False
        self.hits += 1
        return True

    # Bytes, counted on each connection by itself

    def bytes_left(self, peer: Peer) -> int | None:
        """How many bytes may pass before it strikes; None if it has struck this connection."""
        passed = self._bytes.get(peer, 0)
        return None if passed is None else max(int(self.fault.after) - passed, 0)

    def count_bytes(self, peer: Peer, size: int) -> None:
        passed = self._bytes.get(peer, 0)
        if passed is not None:
            self._bytes[peer] = passed + size

    def strikes_bytes(self, peer: Peer) -> bool:
        self._bytes[peer] = None
        return self._has_luck()

    # Time

    def strikes_time(self) -> bool:
        return self._has_luck()

    # Acks that are sent in another order

    def is_gathering(self, peer: Peer) -> bool:
        return peer in self._gathered

    def gather(self, peer: Peer, frame: bytes) -> None:
        """Keeps an ack until there are enough of them, then sends all, shuffled."""
        frames = self._gathered.setdefault(peer, [])
        frames.append(frame)
        if len(frames) == self.fault.n:
            del self._gathered[peer]
            shuffled = self.random.sample(frames, len(frames))
            if shuffled == frames:
                shuffled = [*frames[1:], frames[0]]
            for one in shuffled:
                peer.tell(one)

    def let_go(self) -> None:
        """It is no longer wanted: what it keeps goes out."""
        if self.timer is not None:
            self.timer.cancel()
        gathered, self._gathered = self._gathered, {}
        for peer, frames in gathered.items():
            for frame in frames:
                peer.tell(frame)

    def forget(self, peer: Peer) -> None:
        self._bytes.pop(peer, None)
        self._gathered.pop(peer, None)


class Faults:
    """The faults of one sandbox: `add`, `remove` and `clear` them from any thread.

    The rest belongs to the loop's thread. `triggers` is empty as long as all goes well, `hits`
    counts those of all faults.
    """

    def __init__(self, server: Server):
        self._server = server
        self._active: list[ActiveFault] = []
        self.triggers: dict[str, list[ActiveFault]] = {}
        self.hits = 0

    def add(self, fault: Fault) -> ActiveFault:
        """Makes a fault happen from now on. Raises ValueError if it cannot be."""
        if not isinstance(fault, Fault):
            raise ValueError(f"cannot add {fault!r}: want a Fault")
        check(fault)
        if fault.action == "lose_tail" and self._server.txlog is None:
            raise ValueError("lose_tail needs a transaction log: want Sandbox(txlog=...)")
        active = ActiveFault(fault)
        self._server.run(lambda: self._add(active))
        return active

    def remove(self, active: ActiveFault) -> None:
        """Lets it strike no more. What it did is not undone, but acks it keeps are sent."""
        self._server.run(lambda: self._remove(active))

    def clear(self) -> None:
        """Removes all."""
        self._server.run(self._clear)

    def _clear(self) -> None:
        for active in list(self._active):
            self._remove(active)

    def _add(self, active: ActiveFault) -> None:
        self._active.append(active)
        self.triggers.setdefault(active.trigger, []).append(active)
        if self._server.loop.is_running:
            self._arm(active)

    def _remove(self, active: ActiveFault) -> None:
        if active in self._active:
            self._active.remove(active)
            left = [one for one in self.triggers[active.trigger] if one is not active]
            if left:
                self.triggers[active.trigger] = left
            else:
                del self.triggers[active.trigger]
            active.let_go()

    def _strike(self, active: ActiveFault, event: Event) -> bool:
        self.hits += 1
        if event.peer is not None:
            event.peer.note(f"fault: {active.fault.action} on {active.trigger}")
        else:
            self._server.log(f"fault: {active.fault.action} on {active.trigger}")
        return ACTS[active.fault.action](active, event)

    def _struck(
        self, trigger: str, peer: Peer, header: Header | None = None
    ) -> Iterator[ActiveFault]:
        """The faults that strike this client now, one by one, as long as it is there."""
        for active in tuple(self.triggers.get(trigger, ())):
            if peer.is_open and active.concerns(peer, header) and active.strikes():
                yield active

    # Time

    def wake(self) -> None:
        """The sandbox starts: seconds are counted from here."""
        for active in self._active:
            self._arm(active)

    def _arm(self, active: ActiveFault) -> None:
        if active.trigger == "time" and not active.is_spent:
            active.timer = self._server.clock.after(
                active.fault.after, lambda: self._time_has_come(active)
            )

    def _time_has_come(self, active: ActiveFault) -> None:
        if active.strikes_time():
            fault = active.fault
            if ACTIONS[fault.action].is_of_engine:
                self._strike(active, Event(self._server, None))
            elif fault.action == "refuse_connect":
                self.hits += 1
                self._server.log("fault: refuse_connect on time")
                self._server.deafen(fault.listener, fault.seconds)
            else:
                for peer in list(self._server.peers.values()):
                    if peer.is_open and active.concerns(peer):
                        self._strike(active, Event(self._server, peer))
        self._arm(active)

    # For peers

    def connected(self, peer: Peer) -> None:
        for active in self._struck("connect", peer):
            self._strike(active, Event(self._server, peer))

    def left(self, peer: Peer) -> None:
        for active in self._active:
            active.forget(peer)

    def loses_command(self, peer: Peer, header: Header, acks: Acks) -> bool:
        """Whether a command is not to be obeyed. Raises Refused if it is to be rejected."""
        verb = header["c"].decode("latin-1")
        trigger = LONG_NAMES.get(verb, verb)
        is_lost = False
        peer.trouble.bad_batch = None  # what the command before did not need
        for active in tuple(self.triggers.get(trigger, ())):
            if active.fault.action in ACK_ACTIONS or active in peer.trouble.retried:
                continue
            if peer.is_open and active.concerns(peer, header) and active.strikes():
                if active.fault.action == "logon_retry":
                    peer.trouble.retried.add(active)
                event = Event(self._server, peer, header, acks=acks)
                is_lost = self._strike(active, event) or is_lost
        return is_lost or not peer.is_open

    def send_ack(self, peer: Peer, kind: str, frame: bytes, header: Header | None) -> None:
        """Sends an ack, unless a fault has something else in mind.

        One of no single command says how far a client's publishes are persisted, or what a
        subscription replays.
        """
        if header is None:
            header = parse_header(frame, LENGTH.size)[0]
            header["c"] = b"subscribe" if "sub_id" in header else b"publish"
        verb = header.get("c", b"").decode("latin-1")
        ours = [
            *self.triggers.get(f"ack:{kind}", ()),
            *(
                active
                for active in self.triggers.get(LONG_NAMES.get(verb, verb), ())
                if active.fault.action in ACK_ACTIONS and kind in _types(active.fault)
            ),
        ]
        is_lost = False
        for active in ours:
            if not peer.is_open or not active.concerns(peer, header):
                continue
            if active.is_gathering(peer):
                active.gather(peer, frame)
                is_lost = True
            elif active.strikes():
                event = Event(self._server, peer, header, frame=frame)
                is_lost = self._strike(active, event) or is_lost
        if not is_lost:
            peer.tell(frame)

    def outgoing(self, peer: Peer, frame: bytes) -> bytes | None:
        """What is sent instead of a frame; None if nothing."""
        spoiler = peer.trouble.bad_batch
        if spoiler is not None or "deliver" in self.triggers:
            header, _ = parse_header(frame, LENGTH.size)
            if header.get("c") in _DELIVERIES:
                if spoiler is not None and header["c"] == b"sow":
                    peer.trouble.bad_batch = None
                    frame = spoiled(frame, spoiler)
                delivered = self._delivered(peer, header, frame)
                if delivered is None:
                    return None
                frame = delivered
        if "bytes_out" in self.triggers:
            self.count_out(peer, len(frame))
        return frame if peer.is_open else None

    def _delivered(self, peer: Peer, header: Header, frame: bytes) -> bytes | None:
        about = {**header, "s": _sequence(header)}
        event = Event(self._server, peer, about, frame=frame)
        is_lost = False
        for active in tuple(self.triggers.get("deliver", ())):
            if active.fault.action == "bad_batch" and header["c"] != b"sow":
                continue
            if peer.is_open and active.concerns(peer, about) and active.strikes():
                is_lost = self._strike(active, event) or is_lost
        return None if is_lost else event.frame

    def count_out(self, peer: Peer, size: int) -> None:
        """So many bytes are about to be sent: whatever is due among them, happens there."""
        for active in tuple(self.triggers.get("bytes_out", ())):
            left = active.bytes_left(peer) if active.concerns(peer) else None
            if left is None:
                continue
            active.count_bytes(peer, size)
            if left <= size and active.strikes_bytes(peer):
                event = Event(self._server, peer, is_midstream=True)
                peer.line().after(left, partial(self._strike, active, event))

    def frames(self, peer: Peer, reader: FrameReader, chunk: bytes) -> Iterator[Frame]:
        """The frames in a chunk; whatever is due after so many bytes, happens between them."""
        while chunk and peer.is_open and not peer.connection.is_frozen:
            due: dict[ActiveFault, int] = {}
            for active in self.triggers.get("bytes_in", ()):
                left = active.bytes_left(peer) if active.concerns(peer) else None
                if left is not None:
                    due[active] = left
            size = min([len(chunk), *due.values()])
            yield from reader.feed(chunk[:size])
            chunk = chunk[size:]
            for active, left in due.items():
                active.count_bytes(peer, size)
                if left == size and active.strikes_bytes(peer):
                    self._strike(active, Event(self._server, peer))


def _types(fault: Fault) -> Any:
    if fault.types is not None:
        return fault.types
    return ("persisted",) if fault.action == "reorder_acks" else _ALL_TYPES


class _All:
    def __contains__(self, _kind: object) -> bool:
        return True


_ALL_TYPES = _All()


def _sequence(header: Header) -> int | None:
    """The publisher's sequence of a delivered message, as its bookmark says it."""
    parts = header.get("bm", b"").split(b"|")
    return int(parts[1]) if len(parts) > 1 and parts[1].isdigit() else None
