"""Keeps records, log and sequences in one SQLite file, so that they outlive the process."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterable, Iterator, Mapping

from .log import Label, Log
from .sequences import Sequences
from .sow import Record, Store
from .topics import Topics

APPLICATION_ID = 0x53424F58  # tells the files of sandboxes from others
VERSION = 1
LOCKED_S_MAX = 1.0  # how long a file may be somebody else's before that is an error
_U64 = 2**64
_I64_MAX = 2**63 - 1

_TABLES = """
create table entries (
    position integer primary key, publisher integer not null, sequence integer not null,
    time_us integer not null, message_type text not null, topic blob not null, user blob,
    is_delete integer not null, key blob, body blob not null, x blob, lifetime_s integer
);
create table publishers (
    publisher integer primary key, name blob not null, mark integer not null
);
create table records (
    message_type text, topic blob, key blob, body blob not null, x blob, bookmark blob,
    time_ns integer not null, lifetime_s real, number integer not null,
    primary key (message_type, topic, key)
) without rowid;
"""


class Storage:
    """One file, which no other process may use meanwhile.

    `commit` writes what has changed in one transaction. Whoever is told of a message only after
    that, is told nothing that the end of the process could undo.
    """

    def __init__(self, path: str):
        self._path = path
        self._database: sqlite3.Connection | None = None
        self._touched: set[tuple[str, Store, bytes]] = set()
        self._log: Log | None = None
        self._sequences: Sequences | None = None
        self._end = 0  # of the log, as far as it is stored

    def open(self, topics: Mapping[str, Topics], log: Log | None, sequences: Sequences) -> None:
        """Opens the file, or makes it, and takes over what is there. Raises OSError naming it."""
        self._touched.clear()
        self._end = 0
        try:
            if self._database is None:
                self._database = self._connected()
            self._restore(topics, log, sequences)
        except (sqlite3.Error, ValueError) as error:
            self.close()
            reason = f"cannot be the sandbox's file: {error}"
            raise OSError(errno.EINVAL, reason, self._path) from error

    def _connected(self) -> sqlite3.Connection:
        database = sqlite3.connect(
            self._path, timeout=LOCKED_S_MAX, isolation_level=None, check_same_thread=False
        )
        try:
            (tables,) = database.execute("select count(*) from sqlite_master").fetchone()
            (application,) = database.execute("pragma application_id").fetchone()
            (version,) = database.execute("pragma user_version").fetchone()
            if tables and (application, version) != (APPLICATION_ID, VERSION):
                raise ValueError("it is another program's, or another version's")
            database.execute("pragma locking_mode = exclusive")
            database.execute("pragma journal_mode = wal")
            database.execute("pragma synchronous = normal")
            database.execute("begin exclusive")
            if not tables:
                for statement in _TABLES.strip().split(";")[:-1]:
                    database.execute(statement)
                database.execute(f"pragma application_id = {APPLICATION_ID}")
                database.execute(f"pragma user_version = {VERSION}")
            database.execute("commit")
        except BaseException:
            database.close()
            raise
        return database

    def close(self) -> None:
        if self._database is not None:
            self._database.close()
            self._database = None

    def clear(self) -> None:
        """Empties the file, which is not open, and leaves it open. Raises sqlite3.Error."""
        database = self._database = self._connected()
        with _Transaction(database):
            for table in ("entries", "publishers", "records"):
                database.execute(f"delete from {table}")

    # Reading

    def _restore(self, topics: Mapping[str, Topics], log: Log | None, sequences: Sequences) -> None:
        assert self._database is not None
        self._log, self._sequences = log, sequences
        for publisher, name, mark in self._database.execute("select * from publishers"):
            sequences.restore(publisher % _U64, name, mark % _U64)
        sequences.changed.clear()
        if log is not None:
            for row in self._database.execute("select * from entries order by position"):
                _append(log, *row)
            self._end = log.end
        for message_type, each in topics.items():
            for store in each.stores.values():
                if not store.is_derived:
                    each.restore(store, self._records(message_type, store.topic, each))
                    store.touched = self._touching(message_type, store)

    def _records(self, message_type: str, topic: bytes, topics: Topics) -> Iterator[Record]:
        assert self._database is not None
        rows = self._database.execute(
            "select key, body, x, bookmark, time_ns, lifetime_s, number from records"
            " where message_type = ? and topic = ? order by number",
            (message_type, topic),
        )
        for key, body, x, bookmark, time_ns, lifetime_s, number in rows:
            record = Record(
                key, body, topics.fields, x=x, time_ns=time_ns, lifetime_s=lifetime_s, number=number
            )
            record.bookmark = bookmark
            yield record

    # Writing

    def _touching(self, message_type: str, store: Store):
        return lambda key: self._touched.add((message_type, store, key))

    @property
    def _is_behind(self) -> bool:
        if self._touched or (self._sequences is not None and self._sequences.changed):
            return True
        return self._log is not None and self._log.end != self._end

    def commit(self) -> None:
        """Writes what has changed. Raises sqlite3.Error, and then nothing is written."""
        if self._database is None or not self._is_behind:
            return
        log, sequences = self._log, self._sequences
        end = 0 if log is None else log.end
        with _Transaction(self._database) as database:
            if log is not None:
                if end < self._end:  # a fault made it lose some
                    database.execute("delete from entries where position >= ?", (end,))
                database.executemany(
                    "insert into entries values (?,?,?,?,?,?,?,?,?,?,?,?)",
                    _entry_rows(log, min(self._end, end)),
                )
            if sequences is not None:
                database.executemany(
                    "insert or replace into publishers values (?,?,?)", _mark_rows(sequences)
                )
            self._write_records(database)
        self._end = end
        self._touched.clear()
        if sequences is not None:
            sequences.changed.clear()

    def _write_records(self, database: sqlite3.Connection) -> None:
        gone, there = [], []
        for message_type, store, key in self._touched:
            record = store.records.get(key)
            where = message_type, store.topic, key
            if record is None:
                gone.append(where)
            else:
                more = record.body, record.x, record.bookmark
                there.append((*where, *more, record.time_ns, record.lifetime_s, record.number))
        database.executemany(
            "delete from records where message_type = ? and topic = ? and key = ?", gone
        )
        database.executemany("insert or replace into records values (?,?,?,?,?,?,?,?,?)", there)


class _Transaction:
    """All or nothing."""

    def __init__(self, database: sqlite3.Connection):
        self._database = database

    def __enter__(self) -> sqlite3.Connection:
        self._database.execute("begin")
        return self._database

    def __exit__(self, kind: object, *_error: object) -> None:
        self._database.execute("commit" if kind is None else "rollback")


def _signed(number: int) -> int:
    """A number of 64 bits as SQLite has them."""
    return number if number <= _I64_MAX else number - _U64


def _append(
    log: Log,
    _position: int,
    publisher: int,
    sequence: int,
    time_us: int,
    message_type: str,
    topic: bytes,
    user: bytes | None,
    is_delete: int,
    key: bytes | None,
    body: bytes,
    x: bytes | None,
    lifetime_s: int | None,
) -> None:
    label = log.known(Label(message_type, topic, user, bool(is_delete)))
    identity = publisher % _U64, sequence % _U64
    log.append(label, identity, time_us * 1000, body, key, x, lifetime_s)


def _entry_rows(log: Log, start: int) -> Iterator[tuple[object, ...]]:
    for position in range(start, log.end):
        publisher, sequence = log.identity(position)
        label = log.labels[position]
        yield (
            *(position, _signed(publisher), _signed(sequence), log.times_us[position], *label),
            *(log.keys[position], log.bodies[position], *log.more(position)),
        )


def _mark_rows(sequences: Sequences) -> Iterable[tuple[int, bytes, int]]:
    for publisher in sequences.changed:
        mark = sequences.mark(publisher)
        yield _signed(publisher), sequences.names[publisher], _signed(mark)
