"""Answers one command with the acks it asked for, one message each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .wire import Header, Value, encode

if TYPE_CHECKING:
    from .peer import Peer

ACK_TYPES = ("received", "parsed", "processed", "persisted", "completed", "stats")
PUBLISHES = {b"p", b"publish", b"delta_publish"}
QUERIES = {b"sow", b"sow_and_subscribe", b"sow_and_delta_subscribe"}
DETAIL_SHOWN_MAX = 300


class Refused(Exception):
    """A command that is understood but cannot be done: the reason, and more for the log."""

    def __init__(self, reason: str, detail: object = "", status: bytes = b"failure"):
        super().__init__(reason)
        self.reason = reason
        self.detail = str(detail)
        self.status = status


class Acks:
    """The acks of one command, and its failure if it comes to that."""

    __slots__ = ("_peer", "_header", "_wanted")

    def __init__(self, peer: Peer, header: Header):
        self._peer = peer
        self._header = header
        wanted = header.get("a")
        self._wanted = (
            {word.strip().decode("latin-1") for word in wanted.split(b",")} if wanted else ()
        )

    def wants(self, kind: str) -> bool:
        return kind in self._wanted

    def send(self, kind: str, status: bytes = b"success", **fields: Value) -> None:
        """Sends the ack of this type, if it was asked for."""
        if kind not in self._wanted:
            return
        ack: Header = {"c": b"ack"}
        if "cid" in self._header:
            ack["cid"] = self._header["cid"]
        if self._header.get("c") in QUERIES:
            query_id = query_id_of(self._header)
            if query_id is not None:
                ack["query_id"] = query_id
        elif self._header.get("c") == b"sow_delete" and "query_id" in self._header:
            ack["query_id"] = self._header["query_id"]
        if kind == "persisted" and "s" in self._header:
            ack["s"] = self._header["s"]
        reason = fields.pop("reason", None)
        version = fields.pop("version", None)
        ack.update(fields, a=kind.encode(), status=status)
        if reason is not None:
            ack["reason"] = reason
        if version is not None:
            ack["version"] = version
        if kind == "persisted":
            self._peer.send_persisted(encode(ack), self._header)
        else:
            self._peer.send_ack(kind, encode(ack), self._header)

    def fail(self, reason: str, detail: str = "", status: bytes = b"failure") -> None:
        """Says that the command failed and why, and notes it in the log, there with the detail.

        The word is the processed ack, for a publish the persisted one too. Who asked for neither
        hears it by the first type they did ask for.
        """
        verb = self._header.get("c", b"")
        kinds = ["processed"]
        if verb in PUBLISHES or (verb == b"sow_delete" and "s" in self._header):
            kinds.append("persisted")
        if self._wanted and self._wanted.isdisjoint(kinds):
            kinds = [kind for kind in ACK_TYPES[1:] if kind in self._wanted][:1]
        for kind in kinds:
            self.send(kind, status, reason=reason.encode("utf-8", "surrogateescape"))
        more = f": {detail[:DETAIL_SHOWN_MAX]!a}" if detail else ""
        self._peer.note(f"{verb.decode('latin-1')} failed: {reason}{more}")


def query_id_of(header: Header) -> bytes | None:
    """The id of a query's results: its own, else the command's."""
    found: bytes | None = header.get("query_id", header.get("cid"))
    return found
