"""Does what commands say about bookmark subscriptions: begin, replace, pause and resume them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .acks import Acks, Refused
from .bookmarks import NOW, BadBookmark, Span, begin_of, end_of, not_before, parse
from .log import Log
from .options import parse_options
from .pacing import Rate, parse_rate
from .replays import Limits, Replay
from .requests import Request
from .subscriptions import Subscription
from .trace import text
from .wire import Header

if TYPE_CHECKING:
    from .peer import Peer

NOT_FOUND = ("now", "epoch", "fail")


def changes_state(peer: Peer, header: Header, acks: Acks) -> bool:
    """Pauses or resumes subscriptions, if the command says so about those that are there."""
    options = parse_options(text(header.get("opts", b"")))
    if peer.server.txlog is None or not ("pause" in options or "resume" in options):
        return False
    ids = [word.strip() for word in (header.get("sub_id") or b"").split(b",")]
    ids = list(dict.fromkeys(filter(None, ids)))
    known = [peer.subscriptions[each] for each in ids if each in peer.subscriptions]
    if "pause" in options and header.get("bm") and (not known or "replace" in options):
        if "resume" in options:
            raise Refused("invalid options", "pause and resume")
        return False  # it is to begin paused
    if "pause" in options and "resume" in options:
        raise Refused("invalid options", "pause and resume")
    if not ids or len(known) < len(ids):
        raise Refused("invalid sub id", "pause or resume of what is not there")
    replays = [subscription.replay for subscription in known]
    if None in replays or any(one.request.has("live") for one in known):
        raise Refused("invalid options", "pause or resume of what is live")
    acks.send("processed")
    chosen = [replay for replay in replays if replay is not None]
    if "pause" in options:
        for replay in chosen:
            replay.pause()
    else:
        peer.replays.resume([replay for replay in chosen if replay.is_paused])
    return True


def replay_of(subscription: Subscription, header: Header, acks: Acks) -> Replay | None:
    """The replay that a subscription asks for, or goes on with. Raises Refused."""
    peer, request = subscription.peer, subscription.request
    before = peer.subscriptions.get(subscription.sub_id)
    is_going_on = before is not None and before.replay is not None
    if request.is_query or not (header.get("bm") or (is_going_on and not request.is_delta)):
        return None
    log: Log = peer.server.txlog
    if request.topic in peer.topics.queues:
        request.matches_topic = peer.topics.queues[request.topic].covers
    elif request.matches_topic is None and not peer.topics.is_logged(request.topic):
        raise Refused("invalid topic", "it is not logged")
    span = _span(header)
    start = None
    if is_going_on:
        start = before.replay.position
    if start is None:
        start = _start(span, log, request)
    limits = _limits(peer, request, span, log)
    replay = Replay(subscription, header, acks, log, start, limits)
    replay.stays_paused = request.has("pause") or (is_going_on and before.replay.is_paused)
    return replay


def _span(header: Header) -> Span:
    try:
        return parse(header.get("bm") or b"0|1|")
    except BadBookmark as error:
        raise Refused("invalid bookmark", error) from error


def _start(span: Span, log: Log, request: Request) -> int:
    rule = request.options.get("bookmark_not_found", "now").lower()
    if rule not in NOT_FOUND:
        raise Refused("invalid options", f"bookmark_not_found={rule}")
    start = begin_of(span, log)
    if start is not None:
        return start
    if rule == "fail":
        raise Refused("bookmark not found")
    return 0 if rule == "epoch" else log.end


def _limits(peer: Peer, request: Request, span: Span, log: Log) -> Limits:
    if request.is_delta or request.conflation_s is not None:
        raise Refused("invalid options", "a bookmark with deltas or conflation")
    if request.top_n is not None and not span.end and NOW in span.begin:
        raise Refused("invalid options", "top_n without a replay")
    rate = _rate(request)
    if request.has("live") and (rate is not None or request.has("pause")):
        raise Refused("invalid options", "live with pause or rate")
    return Limits(
        end=end_of(span, log, peer.server.clock.time_ns() // 1000),
        not_before_us=not_before(span),
        top_n=request.top_n,
        rate=rate,
        is_durable=request.has("fully_durable"),
    )


def _rate(request: Request) -> Rate | None:
    said, gap = (request.options.get(name) for name in ("rate", "rate_max_gap"))
    if said is None and gap is None:
        return None
    rate = None if said is None else parse_rate(said, gap)
    if rate is None:
        raise Refused("invalid options", f"rate={said}, rate_max_gap={gap}")
    return rate
