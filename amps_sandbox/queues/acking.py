"""Does what `sow_delete` and `ack` say about messages of a queue."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..acks import Acks, Refused
from ..log import Identity
from ..queries import in_time
from ..requests import Request
from ..wire import Frame
from .items import LEASED, SENT, Item
from .ledger import ACKNOWLEDGED, EXPIRED

if TYPE_CHECKING:
    from ..peer import Peer
    from ..subscriptions import Gate
    from .queue_topic import QueueTopic


def acknowledge(
    peer: Peer, frame: Frame, acks: Acks, queue: QueueTopic, identity: Identity
) -> None:
    """Messages are done, or given back (`cancel`), or of no use (`expire`): those of a list of
    bookmarks, or all that pass a filter. Whoever may read the queue may do so.

    Bookmarks of messages that are not there are passed over. Raises Refused.
    """
    header = frame.header
    request = Request(header, peer.note)
    option = _option(request)
    bookmarks = header.get("bm")
    if bool(bookmarks) == bool(request.filter) or request.sow_keys is not None or frame.body:
        raise Refused("invalid sow_delete", "want bookmarks or a filter, and one of them only")
    gate = peer.topics.gate(peer, request, queue.topic)
    if gate is None:
        raise Refused("not entitled")
    chosen, examined = _by_filter(peer, queue, gate)
    if bookmarks:
        chosen, examined = _by_bookmarks(peer, queue, gate, bookmarks)
    acks.send("processed")
    if option == "cancel" and not queue.declared.is_at_most_once:
        deleted = queue.cancel([item for item in chosen if item.state == LEASED])
    else:
        is_expiry = option == "expire" and not queue.declared.is_at_most_once
        queue.let_go(chosen, EXPIRED if is_expiry else ACKNOWLEDGED, identity, peer.user_bytes)
        deleted = len(chosen)
    acks.send("completed")
    acks.send("stats", topic_matches=examined, matches=len(chosen), records_deleted=deleted)
    peer.persist(acks, header, identity)


def _option(request: Request) -> str:
    """Of options that are not known, a name alone does no harm."""
    said = [name for name in ("cancel", "expire") if request.has(name)]
    strange = [name for name in request.unknown_options if request.options[name]]
    if len(said) > 1 or strange or any(request.options[name] for name in said):
        raise Refused("invalid options", ", ".join(said + strange))
    return said[0] if said else ""


def _by_bookmarks(
    peer: Peer, queue: QueueTopic, gate: Gate, bookmarks: bytes
) -> tuple[list[Item], int]:
    words = dict.fromkeys(word.strip() for word in bookmarks.split(b","))
    words.pop(b"", None)
    chosen = []
    for word in words:
        item = queue.items.get(word) or queue.items.get(word + b"|")
        if item is not None and _may_end(peer, queue, item) and queue.admits(gate, item):
            chosen.append(item)
        else:
            queue.ledger.late_acks += 1
    return list(dict.fromkeys(chosen)), len(words)


def _by_filter(peer: Peer, queue: QueueTopic, gate: Gate) -> tuple[list[Item], int]:
    if gate.wanted is None:
        return [], 0
    items = list(queue.items.values())
    chosen = [item for item in in_time(items) if _may_end(peer, queue, item)]
    return [item for item in in_time(chosen) if queue.admits(gate, item)], len(items)


def _may_end(peer: Peer, queue: QueueTopic, item: Item) -> bool:
    """Whether this client may: under strict leasing, nobody but the holder of a lease."""
    is_held = item.state in (LEASED, SENT) and item.holder is not None
    if not queue.declared.is_strict or not is_held:
        return True
    assert item.holder is not None
    return item.holder.subscription.peer is peer
