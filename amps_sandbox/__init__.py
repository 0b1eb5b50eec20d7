"""A small AMPS-compatible server for tests, demos and first steps; standard library only.

>>> with Sandbox() as s:
...     print(s.uri("json").replace(str(s.port), "PORT"))
tcp://127.0.0.1:PORT/amps/json
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any, Callable

from .clock import Clock
from .commands import RESERVED
from .config import BadConfig, Source, Users, plan
from .declarations import Conflated, Permission, Topic, User, View
from .fault_rules import ActiveFault, Faults
from .faults import Fault
from .logon import Accept, Reject, Retry, Verdict, choose
from .options import parse_seconds
from .peer import Client
from .publications import Publication
from .queues.declaration import Queue
from .queues.shown import SandboxQueue
from .replication import connect
from .server import Server, Settings
from .shown import (
    JournalEntry,
    SandboxListener,
    SowRecord,
    SubscriptionInfo,
    shown_entry,
    shown_record,
)
from .trace import SeenFrame, Trace, text
from .wire import MESSAGE_BYTES_MAX
from .witness import Witness

__all__ = [
    "Accept",
    "ActiveFault",
    "BadConfig",
    "Client",
    "Conflated",
    "Fault",
    "Faults",
    "JournalEntry",
    "Permission",
    "Queue",
    "Reject",
    "Retry",
    "Sandbox",
    "SandboxListener",
    "SandboxQueue",
    "SeenFrame",
    "SowRecord",
    "SubscriptionInfo",
    "Topic",
    "User",
    "View",
]

CLIENT_BUFFER_BYTES = 64 * 1024 * 1024  # what may wait for one client before it is a slow one
ANY_PORT = "127.0.0.1:0"
MESSAGE_TYPES = (
    *("json", "fix", "nvfix", "xml", "binary"),
    *("msgpack", "bson", "bflat", "protobuf", "struct"),
)


class Sandbox(Witness):
    """A server on its own thread, with a view of all that it saw.

    `listen` is one address or several, `HOST:PORT` each; port 0 takes a free one and keeps it.
    Without any, those of the configuration are taken, and without these `default_listen`.

    `topics` keep records: `Topic`s, or short forms such as "orders:/id,/region"; `views` and
    `conflated` topics are made of them. `queues` are `Queue`s, or short forms such as
    "ToDo:Work"; there is a transaction log of their topics then. `config` is a dict or the path of
    a TOML file that says the same, and more is added to it by the other arguments; what is wrong
    there is a `BadConfig`. With `clock="manual"` time moves by `sandbox.clock.advance(seconds)`
    only.

    `txlog` are the topics, or regular expressions, whose messages a transaction log keeps; with
    one, publishers are told once in `ack_conflation` ("1s") what is persisted, and `duplicate_acks`
    ("failure" or "success") is what they hear of a sequence that was there before. `db` is a file
    in which records, log and sequences outlive the sandbox, also when its process is killed.

    With `replica_of` another sandbox of the same configuration, the two are a failover pair: what
    is logged at one comes to the other after `lag` seconds. With `sync`, publishers hear that a
    message is persisted when both have it, unless the other is down.

    `users` are names with passwords, or `User`s that also say who may read what; `auth` is "none",
    "password" or "challenge", and without it users mean "password". `authenticate(client, user,
    pw)` decides instead, by giving back `Accept(user)`, `Reject(reason)` or `Retry(user, pw)`.
    With `unique_names` a name belongs to one connection at a time: the same user's older
    connection is closed, another user is refused. `expose_user` tells subscribers who published.
    With `strict_heartbeats` only beats count as signs of life.

    A client is closed as a slow one if more than `client_buffer_bytes` wait for it, or one message
    for more than `client_message_age` seconds; 0 lets it wait. What a query finds does not count.

    `log` is given one line per event, `on_frame` each frame. Callbacks run on the server's thread
    and must not block; what they raise ends one connection, never the server.

    All methods may be called from any thread, and the views also after `stop`.
    """

    def __init__(
        self,
        listen: str | Iterable[str] | None = None,
        *,
        config: Source = None,
        topics: Iterable[Topic | str] = (),
        views: Iterable[View] = (),
        conflated: Iterable[Conflated] = (),
        queues: Iterable[Queue | str] = (),
        users: Users = (),
        txlog: Iterable[str] = (),
        ack_conflation: str | float | None = None,
        duplicate_acks: str | None = None,
        db: str | os.PathLike[str] = "",
        replica_of: Sandbox | None = None,
        lag: str | float = 0.05,
        sync: bool = False,
        clock: str = "system",
        default_listen: str = ANY_PORT,
        auth: str | None = None,
        authenticate: Callable[[Client, str, str], Verdict] | None = None,
        unique_names: bool = False,
        expose_user: bool = False,
        strict_heartbeats: bool = False,
        message_types: Iterable[str] = MESSAGE_TYPES,
        max_message_bytes: int = MESSAGE_BYTES_MAX,
        client_buffer_bytes: int = CLIENT_BUFFER_BYTES,
        client_message_age: float | str = 0,
        log: Callable[[str], None] | None = None,
        on_frame: Callable[[SeenFrame], None] | None = None,
    ):
        planned = plan(
            config,
            message_types=message_types,
            topics=topics,
            views=views,
            conflated=conflated,
            queues=queues,
            users=users,
            txlog=txlog,
            ack_conflation=ack_conflation,
            duplicate_acks=duplicate_acks,
            db=db,
        )
        passwords = [(user.name, user.password) for user in planned.users]
        decide, needs_authentication = choose(auth or planned.auth, passwords, authenticate)
        settings = Settings(
            message_types=planned.message_types,
            authenticate=decide,
            needs_authentication=needs_authentication,
            unique_names=unique_names,
            ack_conflation_s=planned.ack_conflation_s,
            duplicates_fail=planned.duplicates_fail,
            expose_user=expose_user or planned.expose_user,
            strict_heartbeats=strict_heartbeats,
            message_bytes_max=max_message_bytes,
            client_buffer_bytes=client_buffer_bytes,
            client_message_age_s=_seconds("client_message_age", client_message_age),
            has_single_group=planned.has_single_group,
            log=log,
        )
        if listen is None:
            listen = planned.listen or [default_listen]
        addresses = [listen] if isinstance(listen, str) else list(listen)
        if not addresses:
            raise ValueError("no listen address")
        is_replica = replica_of is not None
        self._server = Server(addresses, settings, Trace(on_frame), planned, clock, is_replica)
        if replica_of is not None:
            connect(replica_of._server, self._server, lag, sync)

    def start(self) -> Sandbox:
        """Begins to serve. Raises OSError that names the address when it cannot be taken."""
        if not self._server.loop.is_running:
            self._server.start()
        return self

    def stop(self) -> None:
        """Ends all connections and gives the addresses back; `start` takes the same ones again."""
        if self._server.loop.is_running:
            self._server.stop()

    def kill(self) -> None:
        """Ends as a crash would, until `restart`: connections are reset, nothing more is sent."""
        self._server.run(self._server.kill)

    def restart(self, keep_data: bool = True) -> None:
        """Crashes and comes back on the same ports, with records, log and sequences or without.

        Raises OSError when an address, or the file of `db`, cannot be had again.
        """
        if not self._server.loop.is_running:
            raise RuntimeError("the sandbox is not running: start it")
        self._server.run(lambda: self._server.restart(keep_data))
        self._server.wait_until_open()

    def __enter__(self) -> Sandbox:
        return self.start()

    def __exit__(self, *_exception: object) -> None:
        self.stop()

    # Where it is

    @property
    def host(self) -> str:
        return self.listener(0).host

    @property
    def port(self) -> int:
        return self.listener(0).port

    def uri(self, message_type: str = "json", listener: int = 0) -> str:
        return self.listener(listener).uri(message_type)

    def listener(self, index: int = 0) -> SandboxListener:
        return SandboxListener(self._server, index)

    @property
    def listeners(self) -> list[SandboxListener]:
        return [self.listener(index) for index in range(len(self._server.listeners))]

    # What it does

    def publish(
        self,
        topic: str,
        data: str | bytes,
        message_type: str = "json",
        *,
        key: str | None = None,
        delta: bool = False,
    ) -> None:
        """Publishes a message of the server's own; `key` is for topics whose publishers say it.

        Raises ValueError that says why a topic does not take it.
        """
        name = _bytes(topic)
        if not name or name.startswith(RESERVED):
            raise ValueError(f"invalid topic {topic!r}")
        body = data.encode() if isinstance(data, str) else bytes(data)
        message = Publication(body, None if key is None else _bytes(key), is_delta=delta)
        self._server.run(lambda: self._server.publish(name, message, message_type))

    def sow(self, topic: str, message_type: str = "json") -> list[SowRecord]:
        """The records of a topic, oldest key first. Raises ValueError if it keeps none."""
        records = self._server.run(lambda: self._server.records(_bytes(topic), message_type))
        return [shown_record(record) for record in records]

    def journal(self, topic: str | None = None) -> list[JournalEntry]:
        """The transaction log, or one topic's part of it. Raises ValueError if there is none."""
        wanted = None if topic is None else _bytes(topic)
        entries = self._server.run(lambda: self._server.journal(wanted))
        return [shown_entry(entry, self._server.sequences.names) for entry in entries]

    def queue(self, topic: str, message_type: str = "json") -> SandboxQueue:
        """A queue and what became of its messages. Raises ValueError if it is none."""
        where = _bytes(topic), message_type
        self._server.run(lambda: self._server.queues.find(*where))
        return SandboxQueue(self._server, *where)

    def queues(self) -> list[SandboxQueue]:
        """All queues."""
        return [SandboxQueue(self._server, *where) for where in self._server.queues.names()]

    @property
    def clock(self) -> Clock:
        return self._server.clock

    def disconnect(self, client: str | None = None, reason: str = "entitlement reset") -> int:
        """Closes the connections of this client name, or all; says how many it were."""
        return self._server.run(
            lambda: self._server.disconnect(
                reason, lambda peer: client is None or text(peer.name) == client
            )
        )

    def set_permissions(
        self,
        user: str,
        topics: Iterable[Permission | Mapping[str, Any]] | None,
        logon: bool = True,
    ) -> int:
        """What this user may do from now on; says how many connections that closed.

        As the `topics` and `logon` of a `User`, None being everything. Also for users that only
        `authenticate` knows. It outlives `restart`. The first permissions of all take everything
        from those who are no users of the sandbox, so their connections are closed too.
        """
        permitted = User(user, topics=topics, logon=logon)
        return self._server.run(lambda: self._server.permit(permitted))

    @property
    def faults(self) -> Faults:
        """What it does wrong: `add`, `remove` and `clear` `Fault`s there, from any thread."""
        return self._server.faults

    def withhold(self, *ack_types: str, client: str | None = None) -> None:
        """Keeps acks of these types back, for one client name or for all, until `release`."""
        name = None if client is None else _bytes(client)
        self._server.run(lambda: self._server.withholding.begin(ack_types, name))

    def release(self) -> None:
        """Sends the acks that were withheld, and withholds no more."""
        self._server.run(self._server.withholding.release)


def _bytes(value: str) -> bytes:
    return value.encode("utf-8", "surrogateescape")


def _seconds(name: str, value: float | str) -> float:
    seconds = None if isinstance(value, bool) else parse_seconds(str(value))
    if seconds is None:
        raise ValueError(f"{name} {value!r}: want a time such as 2, 0.5 or '500ms'; 0 for no limit")
    return seconds
