"""Sends what is in the log, from anywhere in it, and then what is added to it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Callable, NamedTuple

from .acks import Acks
from .bookmarks import End
from .clock import timestamp
from .log import Label, Log
from .loop import Timer
from .pacing import Pace, Rate
from .sow import Fields, Record
from .subscriptions import Gate, Subscription
from .wire import LENGTH, Header, encode, member

if TYPE_CHECKING:
    from .peer import Peer

READ_AHEAD_BYTES = 256 * 1024  # what of a replay may wait for its client
ENTRIES_AT_ONCE = 2_000  # of one pass, before others have their turn


class Limits(NamedTuple):
    """What a replay is restricted to."""

    end: End | None = None
    not_before_us: int = 0
    top_n: int | None = None
    rate: Rate | None = None
    is_durable: bool = False  # only what is persisted is sent


def logged_record(log: Log, position: int, read: Callable[[bytes], Fields]) -> Record:
    """What a filter is asked about an entry; `read` gives a body's fields."""
    record = Record(
        log.keys[position],
        log.bodies[position],
        read,
        x=log.more(position)[0],
        time_ns=log.times_us[position] * 1000,
    )
    record.bookmark = log.bookmark(position)
    return record


class Replay:
    """A bookmark subscription and how far it has got. It is paused, in a pass, or live."""

    def __init__(
        self,
        subscription: Subscription,
        header: Header,
        acks: Acks,
        log: Log,
        start: int,
        limits: Limits,
    ):
        self.subscription = subscription
        self.limits = limits
        self.is_over = False
        self.is_paused = True
        self.stays_paused = False  # until it is resumed
        self.cid = header.get("cid")
        self.wants_persisted = acks.wants("persisted")
        self.acked = start
        self.passing: Pass | None = None
        self.completed_at = log.end
        self.is_completed = False
        self._at = start  # while paused
        self._acks = acks
        self._log = log
        self._peer = subscription.peer
        self._left = limits.top_n
        self._stop: int | None = None
        self._open_end = limits.end
        self._gates: dict[Label, tuple[Gate, bytes] | None] = {}
        self._timer: Timer | None = None
        if limits.end is not None:
            self._expect(limits.end)

    @property
    def position(self) -> int:
        """All entries before it were sent, as far as they were wanted."""
        if self.is_paused:
            return self._at
        return self._log.end if self.passing is None else self.passing.position

    def _expect(self, end: End) -> None:
        if end.position is not None:
            self._stop, self._open_end = end.position, None
        elif end.time_us is not None:
            left_us = end.time_us - self._peer.server.clock.time_ns() // 1000
            self._timer = self._peer.server.clock.after(left_us / 1e6, self._time_is_up)

    def _time_is_up(self) -> None:
        end = self._open_end
        if end is not None and end.time_us is not None and not self.is_over:
            self._stop, self._open_end = self._log.first_at(end.time_us), None
            if not self.is_paused and self.position >= self._stop:
                self.finish()

    # For the log and for passes

    def follows(self, label: Label) -> bool:
        return self._open_end is not None or self._wanted(label) is not None

    def tell(self, position: int) -> None:
        """Sends a new entry."""
        self.offer(position, is_new=True)

    def offer(self, position: int, is_new: bool = False) -> None:
        """Sends an entry if it is wanted; ends what ends before it, or with it."""
        if self.is_over:
            return
        if self._open_end is not None:
            self._look_for_end(self._open_end, position)
        if self._stop is not None and position >= self._stop:
            self.finish()
            return
        if self.wants(position):
            frame = self._frame(position)
            (self._peer.send if is_new else self._peer.send_result)(frame)
            if self._left is not None:
                self._left -= 1
        if self._left == 0 or (self._stop is not None and position + 1 >= self._stop):
            self.finish(position + 1)

    def _look_for_end(self, end: End, position: int) -> None:
        if end.time_us is not None and self._log.times_us[position] >= end.time_us:
            self._stop, self._open_end = position, None
        elif self._log.identity(position) in end.awaited:
            self._stop, self._open_end = position + end.with_awaited, None

    def wants(self, position: int) -> bool:
        """Whether the entry passes topic, time, filter and permission."""
        log = self._log
        found = self._wanted(log.labels[position])
        if found is None or log.times_us[position] < self.limits.not_before_us:
            return False
        gate = found[0]
        if gate.is_open:
            return True
        topics = self._peer.topics
        record = logged_record(log, position, topics.fields)
        source = topics.source(log.labels[position].topic)
        return gate.admits(source.scope(record, topics.clock.time_ns()))

    def _wanted(self, label: Label) -> tuple[Gate, bytes] | None:
        """How entries with this label reach the client, None if not at all: what must be asked
        of each, and the beginning of its header."""
        try:
            return self._gates[label]
        except KeyError:
            found = self._gates[label] = self._find(label)
            return found

    def _find(self, label: Label) -> tuple[Gate, bytes] | None:
        peer, request = self._peer, self.subscription.request
        if label.is_delete or label.message_type != peer.message_type:
            return None
        gate = peer.topics.gate(peer, request, label.topic) if request.covers(label.topic) else None
        if gate is None:
            return None
        ids = member("t", label.topic) + b"," + member("sids", self.subscription.sub_id)
        return gate, b'{"c":"p",' + ids + b',"bm":"'

    def _frame(self, position: int) -> bytes:
        log, subscription = self._log, self.subscription
        label = log.labels[position]
        found = self._gates[label]
        assert found is not None
        publisher, sequence = log.identity(position)
        start = b'%b%d|%d|"' % (found[1], publisher, sequence)
        key, x = log.keys[position], log.more(position)[0]
        if key is not None and subscription.has_key:
            start += b"," + member("k", key)
        if x is not None:
            start += b"," + member("x", x)
        if subscription.has_stamp:
            start += b"," + member("ts", timestamp(log.times_us[position] * 1000))
        if label.user is not None and self._peer.server.settings.expose_user:
            start += b"," + member("user_id", label.user)
        body = log.bodies[position]
        select = subscription.request.select
        if select is not None or found[0].shown is not None:
            body = self._peer.topics.source_for(self._peer, label.topic).selected(body, select)
        tail = b',"l":%d}%b' % (len(body), body)
        return b"%b%b%b" % (LENGTH.pack(len(start) + len(tail)), start, tail)

    # Its states

    def reached(self, position: int) -> None:
        """Everything before this position has been offered."""
        if self._left == 0 or (self._stop is not None and position >= self._stop):
            self.finish(position)
        elif position >= self.completed_at and self.limits.end is None:
            if self.limits.top_n is not None:
                self.finish(position)
            else:
                self._complete(self.completed_at)

    def _complete(self, position: int) -> None:
        if not self.is_completed:
            self.is_completed = True
            fields = {"bm": self._log.bookmark(position - 1)} if position else {}
            self._acks.send("completed", sub_id=self.subscription.sub_id, **fields)

    def finish(self, position: int | None = None) -> None:
        """Nothing more will come: says so, and the subscription is gone."""
        if self.is_over:
            return
        self._complete(self.position if position is None else position)
        peer, sub_id = self._peer, self.subscription.sub_id
        if peer.subscriptions.get(sub_id) is self.subscription:
            del peer.subscriptions[sub_id]
            peer.topics.remove([self.subscription])
            peer.server.events.ended(self.subscription)

    def pause(self) -> None:
        if not self.is_paused:
            self._at = self.position
            self._leave()
            self.is_paused = True

    def go_live(self) -> None:
        self.passing = None
        self._log.follow(self)

    def stop(self) -> None:
        """The subscription has ended."""
        self.is_over = True
        if self._timer is not None:
            self._timer.cancel()
        self._leave()
        self._peer.replays.forget(self)

    def _leave(self) -> None:
        self._log.leave(self)
        if self.passing is not None:
            self.passing.remove(self)
            self.passing = None


class Pass:
    """Reads the log once, for one or several replays of a connection: at their pace, and as fast
    as the client takes it."""

    def __init__(self, replays: Replays, members: list[Replay], position: int):
        self.position = position
        self._replays = replays
        self._peer = replays.peer
        self._log = replays.log
        self._members = members
        self._timer: Timer | None = None
        self._is_durable = members[0].limits.is_durable
        rate = members[0].limits.rate
        self._pace = None if rate is None else Pace(rate)
        for each in members:
            each.passing = self
            each.is_paused = False
        if self._is_durable:
            self._log.watchers[self.run] = None

    def remove(self, member: Replay) -> None:
        self._members = [each for each in self._members if each is not member]
        if not self._members:
            self._log.watchers.pop(self.run, None)
            self._pause()

    def _pause(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def run(self) -> None:
        """Goes on until others have their turn, the client does not keep up, or all is sent."""
        try:
            self._run()
        except BaseException as error:  # whatever a callback raises ends this connection only
            self._peer.close("internal error", repr(error))

    def _run(self) -> None:
        self._pause()
        self._reach()
        for _ in range(ENTRIES_AT_ONCE):
            end = self._log.persisted if self._is_durable else self._log.end
            if not self._members or self.position >= end:
                break
            if self._peer.waiting_bytes >= READ_AHEAD_BYTES:
                self._peer.when_room(self.soon)
                break
            if self._pace is not None and self._is_early(self._pace):
                break
            for each in self._members:
                each.offer(self.position)
            self.position += 1
            self._reach()
        else:
            self.soon()
        self._replays.moved()
        if not self._is_durable and self.position >= self._log.end:
            for each in self._members:
                each.go_live()
            self._members = []

    def _reach(self) -> None:
        for each in self._members:
            each.reached(self.position)

    def _is_early(self, pace: Pace) -> bool:
        """Whether the next entry has to wait; sets the clock for it."""
        if not any(each.wants(self.position) for each in self._members):
            return False
        clock = self._peer.server.clock
        left_s = pace.left_s(self._log, self.position, clock.monotonic())
        if left_s <= 0:
            pace.sent(self._log, self.position, clock.monotonic())
            return False
        self._timer = clock.after(left_s, self.run)
        return True

    def soon(self) -> None:
        if self._members and self._timer is None:
            self._timer = self._peer.server.loop.after(0, self.run)


class Replays:
    """The bookmark subscriptions of one connection."""

    def __init__(self, peer: Peer, log: Log, interval_s: float):
        self.peer = peer
        self.log = log
        self._interval_s = interval_s
        self._acked: dict[Replay, None] = {}  # those that ask what is persisted
        self._timer: Timer | None = None

    def begin(self, replay: Replay) -> None:
        """Takes in a new one."""
        if replay.wants_persisted:
            self._acked[replay] = None
            self.log.watchers[self.moved] = None
        if not replay.stays_paused:
            self.resume([replay])

    def resume(self, replays: Iterable[Replay]) -> None:
        """Lets paused replays go on: those at the same place share a pass."""
        groups: dict[tuple[int, Rate | None, bool], list[Replay]] = {}
        for each in replays:
            limits = each.limits
            key = each.position, limits.rate, limits.is_durable
            groups.setdefault(key, []).append(each)
        for (position, *_), members in groups.items():
            Pass(self, members, position).run()

    def forget(self, replay: Replay) -> None:
        self._acked.pop(replay, None)
        if not self._acked:
            self.log.watchers.pop(self.moved, None)
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

    def moved(self) -> None:
        """Something was sent or logged: those who asked will be told what is persisted."""
        if self._acked and self._timer is None:
            if self._interval_s:
                clock = self.peer.server.clock
                self._timer = clock.after(self._interval_s, self._tell)
            else:
                self._tell()

    def _tell(self) -> None:
        """Tells how far the log is persisted, but never more than a client has been sent."""
        self._timer = None
        for replay in list(self._acked):
            position = min(replay.position, self.log.persisted)
            if position > replay.acked:
                replay.acked = position
                ack: Header = {"c": b"ack", "sub_id": replay.subscription.sub_id}
                ack.update(bm=self.log.bookmark(position - 1), a=b"persisted", status=b"success")
                if replay.cid is not None:
                    ack["cid"] = replay.cid
                self.peer.send_ack("persisted", encode(ack))
