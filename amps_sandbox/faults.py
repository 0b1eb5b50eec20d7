"""Says what the sandbox is to do wrong, when, and to whom; refuses what makes no sense."""

from __future__ import annotations

import math
import re
from typing import Any, NamedTuple

from .acks import ACK_TYPES
from .clock import ADVANCE_S_MAX
from .commands import VERBS
from .options import parse_seconds, split_list, unbracketed
from .trace import LONG_NAMES

COUNT_MAX = 2**63  # of hits, bytes and entries
TIME_S_MIN = 0.001  # between two strikes of time
GROUP_MAX = 10_000  # acks that wait to be sent in another order

QUERY_COMMANDS = {"sow", "sow_and_subscribe", "sow_and_delta_subscribe"}
COMMANDS = {"logon", *(verb.decode() for verb in VERBS)} - set(LONG_NAMES)
ACK_TRIGGERS = {f"ack:{kind}" for kind in ACK_TYPES}
TRIGGERS = {"connect", *COMMANDS, "deliver", *ACK_TRIGGERS, "bytes_out", "bytes_in", "time"}
BYTE_TRIGGERS = {"bytes_out", "bytes_in"}
MESSAGE_TRIGGERS = {*COMMANDS, "deliver", *ACK_TRIGGERS}  # those that know a topic and a sequence

GARBAGE = (
    *("zero_length", "huge_length", "no_json", "unterminated", "random", "unknown_command"),
    *("unknown_cid", "unknown_sub_id", "unknown_keys"),
)
BAD_BATCHES = ("wrong_length", "wrong_count", "missing_tail")


class Action(NamedTuple):
    """What one action is triggered by, and which fields it has."""

    triggers: set[str]
    needs: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()
    is_of_engine: bool = False  # it strikes everybody, not one client


_ACKED = COMMANDS | ACK_TRIGGERS
ACTIONS = {
    "drop": Action(TRIGGERS, takes=("after_bytes",)),
    "reset": Action(TRIGGERS, takes=("after_bytes",)),
    "half_open": Action(TRIGGERS, takes=("after_bytes",)),
    "stall": Action(TRIGGERS, ("seconds",), ("after_bytes",)),
    "slow_read": Action(TRIGGERS, ("bytes_per_s",)),
    "dribble": Action(TRIGGERS, ("bytes", "seconds")),
    "no_heartbeat": Action(TRIGGERS),
    "delay_ack": Action(_ACKED, ("seconds",), ("types",)),
    "drop_ack": Action(_ACKED, takes=("types",)),
    "dup_ack": Action(_ACKED, takes=("types",)),
    "reorder_acks": Action(_ACKED, ("n",), ("types",)),
    "refuse_connect": Action({"connect", "time"}, takes=("seconds",)),
    "refuse_logon": Action({"logon"}, takes=("reason",)),
    "logon_retry": Action({"logon"}, takes=("n",)),
    "reject": Action(COMMANDS, ("reason",), ("status",)),
    "garbage": Action(TRIGGERS - {"bytes_out"}, ("kind",)),
    "bad_batch": Action(QUERY_COMMANDS | {"deliver"}, ("kind",)),
    "kill_engine": Action(TRIGGERS, takes=("seconds",), is_of_engine=True),
    "lose_tail": Action(TRIGGERS, ("n",), ("seconds",), is_of_engine=True),
    "clock_jump": Action(TRIGGERS, ("seconds",), is_of_engine=True),
}
ACK_ACTIONS = {"delay_ack", "drop_ack", "dup_ack", "reorder_acks"}
_OF_ACTIONS = {name for action in ACTIONS.values() for name in (*action.needs, *action.takes)}


class Fault(NamedTuple):
    """Something that goes wrong: a trigger, whom it must concern, and an action.

    `on` is what triggers it: "connect", a command's name, "deliver" (a message to a subscriber or
    of a query), "ack:" and a type, "bytes_out" and "bytes_in" (so many bytes on one connection),
    or "time" (so many seconds). `client` and `topic` are regexes that match whole names,
    `sequences` is the first and last of a range; without them everybody is concerned.

    The first `after` hits do no harm; of `bytes_out` and `bytes_in` these are bytes, of `time`
    seconds. Then it strikes `count` times, 0 is for ever, each time with this `probability`; the
    same `seed` gives the same choices. `docs/sandbox.md` lists the actions and their fields.
    """

    on: str
    action: str
    reason: str | None = None
    status: str | None = None
    client: str | None = None
    listener: int | None = None
    topic: str | None = None
    sequences: tuple[int, int] | None = None
    after: float = 0
    count: int = 1
    probability: float = 1.0
    seed: int = 0
    seconds: float | None = None
    after_bytes: int | None = None
    bytes: int | None = None
    bytes_per_s: float | None = None
    types: tuple[str, ...] | None = None
    kind: str | None = None
    n: int | None = None


def check(fault: Fault) -> None:
    """Raises ValueError that says what cannot be."""
    trigger = LONG_NAMES.get(fault.on, fault.on)
    _one_of("trigger", trigger, TRIGGERS)
    _one_of("action", fault.action, ACTIONS)
    action = ACTIONS[fault.action]
    if trigger not in action.triggers:
        raise ValueError(
            f"{fault.action} cannot happen on {trigger}: want one of {_listed(action.triggers)}"
        )
    for name in action.needs:
        if getattr(fault, name) is None:
            raise ValueError(f"{fault.action} needs {name}")
    for name in sorted(_OF_ACTIONS - {*action.needs, *action.takes}):
        if getattr(fault, name) is not None:
            raise ValueError(f"{fault.action} has no {name}")
    _check_match(fault, trigger, action)
    _check_counting(fault, trigger)
    _check_parameters(fault, trigger)


def _check_match(fault: Fault, trigger: str, action: Action) -> None:
    for name in ("client", "topic"):
        value = getattr(fault, name)
        if value is not None:
            if not isinstance(value, str):
                raise ValueError(f"{name} {value!r} is no regex: want a str")
            try:
                re.compile(value)
            except (re.error, RecursionError, OverflowError) as error:
                raise ValueError(f"{name} {value!r} is no regex: {error}") from error
    if trigger not in MESSAGE_TRIGGERS:
        for name in ("topic", "sequences"):
            if getattr(fault, name) is not None:
                raise ValueError(f"{trigger} has no {name} to match")
    if fault.client is not None and trigger == "connect":
        raise ValueError("connect has no client to match: the name is known after logon")
    if fault.action == "refuse_connect" and trigger == "connect" and fault.seconds is not None:
        raise ValueError("refuse_connect on connect has no seconds: it is over at once")
    if trigger == "time" and action.is_of_engine:
        for name in ("client", "listener"):
            if getattr(fault, name) is not None:
                raise ValueError(f"{fault.action} on time concerns no single {name}")
    if trigger == "time" and fault.action == "refuse_connect" and fault.client is not None:
        raise ValueError("refuse_connect on time concerns no single client")
    if fault.listener is not None:
        _whole("listener", fault.listener, 0)
    if fault.sequences is not None:
        if not isinstance(fault.sequences, tuple) or len(fault.sequences) != 2:
            raise ValueError(f"sequences {fault.sequences!r}: want the first and the last")
        first, last = fault.sequences
        _whole("sequences: first", first, 0, 2**64)
        _whole("sequences: last", last, first, 2**64)


def _check_counting(fault: Fault, trigger: str) -> None:
    if trigger == "time":
        if not fault.after:
            raise ValueError("time needs after: the seconds to wait")
        _number("after", fault.after, TIME_S_MIN, ADVANCE_S_MAX)
    else:
        _whole("after", fault.after, 0)
    _whole("count", fault.count, 0)
    _number("probability", fault.probability, 0, 1)
    _whole("seed", fault.seed, -COUNT_MAX)


def _check_parameters(fault: Fault, trigger: str) -> None:
    if fault.seconds is not None:
        least = -ADVANCE_S_MAX if fault.action == "clock_jump" else 0
        _number("seconds", fault.seconds, least, ADVANCE_S_MAX)
        if not fault.seconds:
            raise ValueError("seconds 0: want more")
    if fault.bytes_per_s is not None:
        _number("bytes_per_s", fault.bytes_per_s, 1, COUNT_MAX)
    for name, least in (("after_bytes", 0), ("bytes", 1)):
        if getattr(fault, name) is not None:
            _whole(name, getattr(fault, name), least)
    if fault.n is not None:
        _whole("n", fault.n, 2 if fault.action == "reorder_acks" else 1, GROUP_MAX)
    for name in ("reason", "status"):
        value = getattr(fault, name)
        if value is not None and not (isinstance(value, str) and value):
            raise ValueError(f"{name} {value!r}: want a text")
    if fault.kind is not None:
        _one_of("kind", fault.kind, GARBAGE if fault.action == "garbage" else BAD_BATCHES)
    if fault.types is not None:
        if trigger in ACK_TRIGGERS:
            raise ValueError(f"{trigger} says the type already: want no types")
        if not isinstance(fault.types, tuple) or not fault.types:
            raise ValueError(f"types {fault.types!r}: want a tuple of ack types")
        for kind in fault.types:
            _one_of("ack type", kind, ACK_TYPES)


def _one_of(what: str, value: object, known: Any) -> None:
    if not isinstance(value, str) or value not in known:
        raise ValueError(f"unknown {what} {value!r}: want one of {_listed(known)}")


def _listed(names: Any) -> str:
    return ", ".join(sorted(names))


def _whole(name: str, value: object, least: int, most: int = COUNT_MAX) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise ValueError(f"{name} {value!r}: want a whole number from {least} to {most}")


def _number(name: str, value: object, least: float, most: float) -> None:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or not least <= value <= most:
        raise ValueError(f"{name} {value!r}: want a number from {least:g} to {most:g}")


# From the command line

_TEXTS = {"on", "action", "status", "client", "topic", "kind"}
_TIMES = {"seconds"}
_DECIMALS = {"probability", "bytes_per_s"}


def parse_fault(spec: str) -> Fault:
    """A fault as `name=value,name=value`. Raises ValueError that says what is wrong.

    Lists are joined by `|`, a range of sequences is `FIRST-LAST`, and a text in brackets may
    contain commas.

    >>> parse_fault("on=publish,action=reject,reason=[no, never],sequences=3-7").sequences
    (3, 7)
    """
    values: dict[str, Any] = {}
    known = Fault._fields
    for item in split_list(spec):
        name, sign, text = (part.strip() for part in item.partition("="))
        if not (name and sign and text):
            raise ValueError(f"invalid fault {item!r}: want name=value,name=value")
        if name not in known:
            raise ValueError(f"unknown name {name!r} in a fault: want one of {_listed(known)}")
        if name in values:
            raise ValueError(f"{name} is there twice in fault {spec!r}")
        values[name] = text
    for name in ("on", "action"):
        if name not in values:
            raise ValueError(f"fault {spec!r} says no {name}")
    is_time = values["on"] == "time"
    fault = Fault(**{name: _value(name, text, is_time) for name, text in values.items()})
    check(fault)
    return fault


def _value(name: str, text: str, is_time: bool) -> Any:
    if name in _TEXTS:
        return text
    if name == "reason":
        return unbracketed(text)
    if name == "types":
        return tuple(part.strip() for part in text.split("|"))
    if name == "sequences":
        first, dash, last = text.partition("-")
        return (_integer(name, first), _integer(name, last if dash else first))
    if name in _TIMES or (name == "after" and is_time):
        seconds = parse_seconds(text[1:] if text.startswith("-") else text)
        if seconds is None:
            raise ValueError(f"{name} {text!r}: want a time such as 2, 0.5 or 500ms")
        return -seconds if text.startswith("-") else seconds
    if name in _DECIMALS:
        try:
            return float(text)
        except ValueError as error:
            raise ValueError(f"{name} {text!r}: want a number") from error
    return _integer(name, text)


def _integer(name: str, text: str) -> int:
    digits = text.strip()
    if not re.fullmatch(r"-?[0-9]{1,20}", digits):
        raise ValueError(f"{name} {digits!r}: want a whole number")
    return int(digits)
