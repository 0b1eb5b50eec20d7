"""Which server next: a list of connection strings, gone through in turn."""

import os
from _thread import RLock

from AMPS.authenticators import DefaultAuthenticator
from AMPS.exceptions import DisconnectedException, UsageException, shown
from AMPS.uri import mask

_INFO_URI = "client.uri"  # under this name a client says which server it means


def _renew_lock():
    """Makes the lock of this process: one inherited by a fork may be held by a thread that is not
    here."""
    global _lock
    _lock = RLock()  # taken again by a signal's handler or a finalizer on the same thread


_renew_lock()  # of all choosers: it is held for a few steps only, and never while others are called
os.register_at_fork(after_in_child=_renew_lock)


class DefaultServerChooser:
    """Goes through a list of servers: stays with one that works, moves on from one that fails.

    A chooser of your own is any object with `get_current_uri()`, `get_current_authenticator()`,
    `report_failure(exception, info)` and `report_success(info)`; `next()` and `get_error()` are
    optional. An `HAClient` calls them one at a time, during the first connect on the thread that
    connects, later on the thread that lost the connection.

    No call waits. Several clients may share one `DefaultServerChooser`, and any thread may call it;
    a failure that one client reports moves all of them on.

    >>> chooser = DefaultServerChooser().add("tcp://a:9007/amps/json").add("tcp://b:9007/amps/json")
    >>> chooser.get_current_uri()
    'tcp://a:9007/amps/json'
    >>> chooser.next()
    >>> chooser.get_current_uri()
    'tcp://b:9007/amps/json'
    """

    def __init__(self):
        self._servers = []  # (uri, authenticator), duplicates included
        self._index = 0
        self._error = ""

    def add(self, uri, authenticator=None):
        """Appends a server; the current one stays the current one. Returns the chooser.

        `uri` is a connection string (str, or bytes in UTF-8), read only when a client connects.
        `authenticator` supplies the credentials there: an object, a class, or None (the user and
        password of the string).
        """
        server = _uri(uri), authenticator
        with _lock:
            self._servers.append(server)
        return self

    def add_all(self, uris):
        """Appends every connection string of an iterable, or none if one of them is no text.
        Returns the chooser."""
        if isinstance(uris, (str, bytes, bytearray)):
            raise TypeError("uris must be a list of connection strings: add() takes a single one")
        servers = [(_uri(uri), None) for uri in uris]
        with _lock:
            self._servers.extend(servers)
        return self

    def remove(self, uri):
        """Removes a server however often it was added; one that is not there is no error.

        The current server stays the current one; if it is the one removed, the next takes its
        place. Returns the chooser.
        """
        uri = _uri(uri)
        with _lock:
            before = self._servers[: self._index]
            self._index -= sum(server[0] == uri for server in before)
            self._servers = [server for server in self._servers if server[0] != uri]
            if self._index >= len(self._servers):
                self._index = 0
        return self

    def get_current_uri(self):
        """Returns the connection string of the server to try, or None when there is none."""
        with _lock:
            return self._servers[self._index][0] if self._servers else None

    def get_current_authenticator(self):
        """Returns what supplies the credentials there: a `DefaultAuthenticator` unless one was
        added with the server."""
        with _lock:
            found = self._servers[self._index][1] if self._servers else None
        return DefaultAuthenticator() if found is None else found

    def next(self):
        """Moves on to the next server, from the last to the first."""
        with _lock:
            if self._servers:
                self._index = (self._index + 1) % len(self._servers)

    def report_failure(
        self,
        exception,
        connectionInfo=None,  # noqa: N803 (the published name)
        *,
        connection_info=None,
    ):
        """Notes why a server failed, and moves on to the next.

        `exception` says why; `connectionInfo` is a dict whose `client.uri` says which server it
        was, otherwise it was the current one. A `DisconnectedException`, exactly, is the loss of a
        connection that was up: the same server is tried first then, it has the freshest state.
        """
        info = connectionInfo if connection_info is None else connection_info
        text = _reason(exception)
        uri = mask(_uri_in(info) or self.get_current_uri() or "")
        with _lock:
            self._error = text if uri in text else f"{uri}: {text}"
        if type(exception) is not DisconnectedException:
            self.next()

    def report_success(
        self,
        connectionInfo=None,  # noqa: N803 (the published name)
        *,
        connection_info=None,
    ):
        """Notes that a client is logged on: the server stays, the error text is forgotten."""
        with _lock:
            self._error = ""

    def get_error(self):
        """Returns the last failure, server (its password masked) and reason, `''` without one."""
        with _lock:
            return self._error


def _uri(uri):
    """Returns a connection string as str."""
    if isinstance(uri, (bytes, bytearray)):
        raw, uri = uri, uri.decode("utf-8", "ignore")
        if uri.encode() != raw:
            raise UsageException("uri is given as bytes that are not valid UTF-8")
    if not isinstance(uri, str):
        raise TypeError(f"uri must be str or bytes, not {type(uri).__name__}")
    if not uri:
        raise UsageException("uri is empty: that would tell a client to stop trying")
    return uri


def _uri_in(info):
    uri = info.get(_INFO_URI) if isinstance(info, dict) else None
    return uri if isinstance(uri, str) else None


def _reason(exception):
    """Returns what an exception says, as one short line; its name when it says nothing."""
    return shown(str(exception)) or type(exception).__name__
