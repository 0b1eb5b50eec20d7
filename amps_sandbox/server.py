"""Holds what all connections share: listeners, peers, topics, the trace and the log."""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Iterable
from typing import Callable, NamedTuple

from .acks import Refused
from .clock import make_clock
from .config import Plan
from .connection import Connection, Outbox
from .declarations import User
from .events import Events
from .fault_rules import Faults
from .listener import Listener
from .log import Entry, Log
from .logon import Authenticate, Verdict, checked
from .loop import Loop, Result
from .losing import lose_tail
from .message_age import limit_age
from .peer import Peer
from .publications import Publication
from .queues.all_queues import Queues
from .queues.queue_topic import target_of
from .replication import Link
from .sequences import Sequences
from .sow import Record
from .topics import Topics
from .trace import Trace, text
from .withholding import Withholding
from .world import make_entitlements, make_storage, make_topics

OPEN_S_MAX = 30.0  # how long a start waits for the other of a pair
REPLICA = "/replica"  # in the name of a pair's second, so that it numbers messages as another
SERVER_NAME = b"sandbox"  # the client name of what the server itself publishes


class Settings(NamedTuple):
    """What does not change while a server lives."""

    message_types: frozenset[str]
    authenticate: Authenticate
    needs_authentication: bool
    unique_names: bool
    ack_conflation_s: float
    duplicates_fail: bool
    expose_user: bool
    strict_heartbeats: bool
    message_bytes_max: int
    client_buffer_bytes: int
    client_message_age_s: float
    has_single_group: bool
    log: Callable[[str], None] | None


class Server:
    """One server. After `start`, everything but `start`, `stop` and `run` is the loop's."""

    def __init__(
        self,
        addresses: Iterable[str],
        settings: Settings,
        trace: Trace,
        plan: Plan,
        clock: str,
        is_replica: bool = False,
    ):
        self.loop = Loop(self._end_of_round, self._failed)
        self.clock = make_clock(clock, self.loop)
        self.listeners = [Listener(self.loop, address) for address in addresses]
        self.settings = settings
        self.trace = trace
        self.withholding = Withholding()
        self.faults = Faults(self)
        self.events = Events(self)
        self.peers: dict[int, Peer] = {}
        self.watchers: set[threading.Event] = set()
        self.link: Link | None = None  # to the other of a pair
        self.is_up = False
        self._opened = threading.Event()
        self._plan = plan
        self.entitlements = make_entitlements(plan)
        self._is_replica = is_replica
        self._make_engine()
        self._storage = make_storage(plan)
        self._is_broken = False  # nothing can be stored any more, so nobody is told anything
        self._outbox = Outbox(self._settle)
        self._connections = 0
        self._last_change: tuple[int, ...] = ()

    def start(self) -> None:
        """Takes all addresses and begins to serve; on failure none is kept."""
        self._is_broken = False
        try:
            for listener in self.listeners:
                listener.bind()
            if self._storage is not None:
                self._make_engine()
                self._storage.open(self._topics, self.txlog, self.sequences)
            self.loop.start()
        except BaseException:
            for listener in self.listeners:
                listener.close()
            if self._storage is not None:
                self._storage.close()
            raise
        self.loop.run(lambda: self._come_up(self._open_all))
        self.wait_until_open()

    def _make_engine(self) -> None:
        plan = self._plan
        name = plan.name + (REPLICA if self._is_replica else "")
        given = self.sequences.newest if hasattr(self, "sequences") else 0
        self.sequences = Sequences(name.encode("utf-8", "surrogateescape"), self.clock, given)
        self.txlog: Log | None = None
        if plan.txlog:
            self.txlog = Log([topic.encode("utf-8", "surrogateescape") for topic in plan.txlog])
        if self.link is not None:
            self.link.forget()
        types = self.settings.message_types
        self._topics = make_topics(plan, types, self.clock, self.entitlements, self.log, self.txlog)
        self.queues = Queues(self._topics, self.sequences, SERVER_NAME)

    def stop(self) -> None:
        self.loop.run(self._close_all)
        self.loop.stop()
        if self._storage is not None:
            self._storage.close()

    def _come_up(self, opens: Callable[[], None]) -> None:
        """Begins to work; of a pair, only when it has what the other has."""
        self._opened.clear()
        self.is_up = True
        for topics in self._topics.values():
            topics.wake()

        def open_now() -> None:
            try:
                opens()
            finally:
                self._opened.set()

        if self.link is None:
            open_now()
        else:
            self.link.come(open_now)

    def _go_down(self) -> None:
        if self.is_up and self.link is not None:
            self.link.go()
        self.is_up = False

    def wait_until_open(self) -> None:
        if not self.loop.is_current:
            self._opened.wait(OPEN_S_MAX)

    def start_listener(self, at: int) -> None:
        if not self.listeners[at].is_open:
            self.listeners[at].bind()
            self._open(at)

    def stop_listener(self, at: int) -> None:
        """Nobody answers on this address any more: its connections end too."""
        self.listeners[at].close()
        self.disconnect("shutdown", lambda peer: peer.listener == at)

    def deafen(self, at: int | None, seconds: float | None) -> None:
        """Nobody listens on one address, or any, for a while or for good; connections stay."""
        deaf = self.listeners if at is None else self.listeners[at : at + 1]
        for listener in deaf:
            listener.close()
        if seconds is not None:
            self.clock.after(seconds, self.revive)

    def jump(self, seconds: float) -> None:
        """The time of day changes by so much."""
        self.clock.jump(seconds)
        for topics in self._topics.values():
            topics.wake()

    def _open_all(self) -> None:
        for at in range(len(self.listeners)):
            self._open(at)
        self.faults.wake()

    def _open(self, at: int) -> None:
        def accepted(sock: socket.socket, address: str) -> None:
            self._connections += 1
            limit = self.settings.client_buffer_bytes
            connection = Connection(self.loop, sock, self._outbox, limit)
            peer = Peer(self, connection, self._connections, address, at)
            self.peers[peer.number] = peer
            limit_age(connection, peer, self.clock, self.settings.client_message_age_s)
            peer.note(f"connected from {address}")
            self.events.tell(peer, "connect")
            connection.open(peer)
            if self.faults.triggers:
                self.faults.connected(peer)

        self.listeners[at].open(accepted)

    def _close_all(self) -> None:
        self._end_of_round()
        for listener in self.listeners:
            listener.close()
        for peer in list(self.peers.values()):
            peer.close("shutdown", at_once=True)
        self._go_down()
        self._outbox.abort()
        self.clock.forget()

    def kill(self) -> None:
        """As if the process had died: nobody listens, all connections are reset."""
        for listener in self.listeners:
            listener.close()
        for peer in list(self.peers.values()):
            peer.close("fault", "the engine was killed", is_reset=True)
        self._outbox.abort()
        self._go_down()

    def lose_tail(self, most: int) -> None:
        """Forgets the newest entries of the log that no publisher was told of."""
        self.log(f"lost {lose_tail(self, most)} entries of the log")
        if self.link is not None:
            self.link.forget()
        self._settle()

    def revive(self) -> None:
        """Listens wherever nobody does. Raises OSError if an address is taken."""
        if self.is_up:
            self._listen()
        else:
            self._come_up(self._listen)

    def _listen(self) -> None:
        for at in range(len(self.listeners)):
            self.start_listener(at)

    def restart(self, keep_data: bool) -> None:
        self.kill()
        if self._storage is not None or not keep_data:
            for topics in self._topics.values():
                topics.retire()
            queues = self.queues
            self._make_engine()
            if keep_data:
                self.queues.go_on_from(queues)
        if self._storage is not None:
            self._storage.close()
            if not keep_data:
                self._storage.clear()
            self._storage.open(self._topics, self.txlog, self.sequences)
        self._is_broken = False
        self.revive()

    def _settle(self) -> bool:
        """Stores what was done; whether that is safe now, so that it may be told."""
        self.queues.log_gone()
        if self._storage is None or self._is_broken:
            return not self._is_broken
        try:
            self._storage.commit()
        except Exception as error:  # a full disk, for one; sqlite3 is there only if it is used
            self._is_broken = True
            self.log(f"storage failed, so all connections end: {error}")
            self.loop.after(0, self.kill)
        return not self._is_broken

    # For peers

    def left(self, peer: Peer) -> None:
        del self.peers[peer.number]
        self.faults.left(peer)

    def topics_of(self, message_type: str) -> Topics:
        return self._topics[message_type]

    def authenticate(self, peer: Peer, user: str, pw: str) -> Verdict:
        return checked(lambda: self.settings.authenticate(peer, user, pw), pw)

    @property
    def has_unique_names(self) -> bool:
        return self.settings.unique_names or self.txlog is not None

    def gives_name(self, peer: Peer, user: str) -> bool:
        """Whether this user may have the peer's name; whoever of theirs had it, is closed."""
        if self.has_unique_names:
            for other in list(self.peers.values()):
                if other is peer or other.name != peer.name or not other.is_logged_on:
                    continue
                if other.user != user:
                    return False
                other.close("name in use")
        return True

    def persisted_more(self) -> None:
        """The other of a pair has more of the log, or is not waited for any more."""
        for peer in list(self.peers.values()):
            if peer.persisting is not None:
                peer.persisting.proceed()
        if self.txlog is not None:
            for watcher in list(self.txlog.watchers):
                watcher()

    def log(self, line: str) -> None:
        if self.settings.log is None:
            return
        try:
            self.settings.log(line)
        except BaseException as error:  # the log is the user's code: it must not end the server
            self._complain(f"amps_sandbox: log raised {error!r} on {line!r}")

    def _complain(self, text: str) -> None:
        try:
            print(text, file=sys.stderr)
        except (OSError, ValueError):
            return  # stderr is closed as well: there is nobody left to tell

    # For the public face

    def publish(self, topic: bytes, message: Publication, message_type: str) -> None:
        """Raises ValueError that says why it cannot be published."""
        topics = self._known(message_type)
        topic = target_of(topics, topic)
        store = topics.stores.get(topic)
        if self.txlog is not None:
            publisher = self.sequences.know(SERVER_NAME)
            message = message._replace(identity=self.sequences.assign(publisher))
            self.sequences.tell(message.identity)
        if store is None:
            topics.deliver(topic, message)
            return
        try:
            topics.publish(store, message)
        except Refused as refusal:
            raise ValueError(f"{refusal.reason}: {refusal.detail}") from refusal

    def records(self, topic: bytes, message_type: str) -> list[Record]:
        store = self._known(message_type).stores.get(topic)
        if store is None:
            raise ValueError(f"topic {text(topic)!r} keeps no {message_type} records")
        return list(store.chosen())

    def journal(self, topic: bytes | None) -> list[Entry]:
        if self.txlog is None:
            raise ValueError("there is no transaction log: want Sandbox(txlog=...)")
        self.queues.log_gone()
        entries = self.txlog.entries()
        return [entry for entry in entries if topic in (None, entry.label.topic)]

    def _known(self, message_type: str) -> Topics:
        if message_type not in self._topics:
            raise ValueError(f"invalid message type {message_type!r}")
        return self._topics[message_type]

    def disconnect(self, reason: str, chosen: Callable[[Peer], bool]) -> int:
        peers = [peer for peer in self.peers.values() if chosen(peer)]
        for peer in peers:
            peer.close(reason)
        return len(peers)

    def permit(self, user: User) -> int:
        """Gives a user other permissions, and closes the connections that this concerns."""
        change = self.entitlements.change(user.name, user.permissions, user.logon)
        return self.disconnect(
            "entitlement reset", lambda peer: peer.is_logged_on and change(peer.user)
        )

    # For the loop

    def _end_of_round(self) -> None:
        self._settle()
        self._outbox.flush()
        records = sum(topics.changes for topics in self._topics.values()) + self.queues.changes
        logged = 0 if self.txlog is None else self.txlog.end
        counts = (self.trace.total, self._connections, len(self.peers))
        change = (*counts, records, logged, self.faults.hits)
        if change != self._last_change:
            self._last_change = change
            for event in self.watchers:
                event.set()

    def _failed(self, error: BaseException) -> None:
        self.log(f"error: {error!r}")

    def run(self, function: Callable[[], Result]) -> Result:
        return self.loop.run(function)
