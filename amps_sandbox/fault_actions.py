"""Does what each fault says, once it strikes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable

from .acks import Acks, Refused
from .fault_garbage import garbage, spoiled
from .logon import Reject, Retry, Verdict

if TYPE_CHECKING:
    from .fault_rules import ActiveFault
    from .server import Server
    from .wire import Header

RETRIES = 1  # how often a logon is asked for again, if a fault does not say


class Event:
    """What a fault was triggered by. `frame` is what is about to be sent, if that was it."""

    __slots__ = ("server", "peer", "header", "acks", "frame", "is_midstream")

    def __init__(
        self,
        server: Server,
        peer: Any,  # a Peer; None only for what strikes the engine at some time
        header: Header | None = None,
        *,
        acks: Acks | None = None,
        frame: bytes = b"",
        is_midstream: bool = False,
    ):
        self.server = server
        self.peer = peer
        self.header = {} if header is None else header
        self.acks = acks
        self.frame = frame
        self.is_midstream = is_midstream


class Trouble:
    """What is wrong with one client for longer than a moment."""

    def __init__(self) -> None:
        self.is_mute = False
        self.refusal: str | None = None
        self.retries_left = 0
        self.retried: set[ActiveFault] = set()
        self.bad_batch: str | None = None

    def verdict(self, user: str) -> Verdict | None:
        """What its logon is answered, if not what it deserves."""
        if self.refusal is not None:
            return Reject(self.refusal)
        if self.retries_left > 0:
            self.retries_left -= 1
            return Retry(user, f"try again, {self.retries_left} more")
        return None


# Each says whether what triggered it is lost: a command is not obeyed, a frame not sent.


def drop(active: ActiveFault, event: Event) -> bool:
    peer = event.peer

    def finish() -> None:
        if active.fault.after_bytes is not None or event.is_midstream:
            peer.connection.discard()
        peer.close("fault", "drop")

    return _cut(active, event, finish)


def reset(active: ActiveFault, event: Event) -> bool:
    def finish() -> None:
        event.peer.close("fault", "reset", is_reset=True)

    return _cut(active, event, finish)


def half_open(active: ActiveFault, event: Event) -> bool:
    def finish() -> None:
        event.peer.heartbeat.stop()
        event.peer.connection.freeze()

    return _cut(active, event, finish)


def stall(active: ActiveFault, event: Event) -> bool:
    seconds = active.fault.seconds
    assert seconds is not None
    line = event.peer.line()
    further = active.fault.after_bytes or 0
    line.after(further, lambda: line.stall(seconds), event.is_midstream)
    return False


def _cut(active: ActiveFault, event: Event, finish: Callable[[], None]) -> bool:
    """Ends it now, or when so many bytes more were sent. What waited before goes out first."""
    further = active.fault.after_bytes
    if further is not None or event.is_midstream:
        event.peer.line().after(further or 0, finish, event.is_midstream)
    else:
        event.peer.connection.push()
        finish()
    return not further


def slow_read(active: ActiveFault, event: Event) -> bool:
    assert active.fault.bytes_per_s is not None
    event.peer.line().slow_read(active.fault.bytes_per_s)
    return False


def dribble(active: ActiveFault, event: Event) -> bool:
    assert active.fault.bytes is not None and active.fault.seconds is not None
    event.peer.line().dribble(active.fault.bytes, active.fault.seconds)
    return False


def no_heartbeat(_active: ActiveFault, event: Event) -> bool:
    event.peer.trouble.is_mute = True
    return False


# Acks


def delay_ack(active: ActiveFault, event: Event) -> bool:
    peer, frame = event.peer, event.frame
    assert active.fault.seconds is not None
    event.server.clock.after(active.fault.seconds, lambda: peer.tell(frame))
    return True


def drop_ack(_active: ActiveFault, _event: Event) -> bool:
    return True


def dup_ack(_active: ActiveFault, event: Event) -> bool:
    event.peer.tell(event.frame)
    return False


def reorder_acks(active: ActiveFault, event: Event) -> bool:
    active.gather(event.peer, event.frame)
    return True


# Logons and commands


def refuse_connect(active: ActiveFault, event: Event) -> bool:
    event.peer.close("fault", "refused", at_once=True)
    return True


def refuse_logon(active: ActiveFault, event: Event) -> bool:
    event.peer.trouble.refusal = active.fault.reason or "auth failure"
    return False


def logon_retry(active: ActiveFault, event: Event) -> bool:
    event.peer.trouble.retries_left = active.fault.n or RETRIES
    return False


def reject(active: ActiveFault, event: Event) -> bool:
    assert event.acks is not None and active.fault.reason is not None
    event.acks.send("received")
    raise Refused(active.fault.reason, "a fault", (active.fault.status or "failure").encode())


# Bytes that are no good


def send_garbage(active: ActiveFault, event: Event) -> bool:
    assert active.fault.kind is not None
    event.peer.send_raw(garbage(active.fault.kind, active.random))
    return False


def bad_batch(active: ActiveFault, event: Event) -> bool:
    assert active.fault.kind is not None
    if event.frame:
        event.frame = spoiled(event.frame, active.fault.kind)
    else:
        event.peer.trouble.bad_batch = active.fault.kind
    return False


# The engine


def kill_engine(active: ActiveFault, event: Event) -> bool:
    server = event.server
    if event.is_midstream:
        event.peer.connection.discard()
    elif event.peer is not None:
        event.peer.connection.push()
    server.kill()
    if active.fault.seconds is not None:
        server.clock.after(active.fault.seconds, server.revive)
    return True


def lose_tail(active: ActiveFault, event: Event) -> bool:
    assert active.fault.n is not None
    is_lost = kill_engine(active, event)
    event.server.lose_tail(active.fault.n)
    return is_lost


def clock_jump(active: ActiveFault, event: Event) -> bool:
    assert active.fault.seconds is not None
    event.server.jump(active.fault.seconds)
    return False


ACTS: dict[str, Callable[[ActiveFault, Event], bool]] = {
    "drop": drop,
    "reset": reset,
    "half_open": half_open,
    "stall": stall,
    "slow_read": slow_read,
    "dribble": dribble,
    "no_heartbeat": no_heartbeat,
    "delay_ack": delay_ack,
    "drop_ack": drop_ack,
    "dup_ack": dup_ack,
    "reorder_acks": reorder_acks,
    "refuse_connect": refuse_connect,
    "refuse_logon": refuse_logon,
    "logon_retry": logon_retry,
    "reject": reject,
    "garbage": send_garbage,
    "bad_batch": bad_batch,
    "kill_engine": kill_engine,
    "lose_tail": lose_tail,
    "clock_jump": clock_jump,
}
