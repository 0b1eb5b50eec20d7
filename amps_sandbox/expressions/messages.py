"""Functions that ask about the message and the client, and the two that choose."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import Any, Callable

from .scope import Scope
from .values import first, truth

Run = Callable[[Scope], Any]


def _attribute(name: str) -> Run:
    get = attrgetter(name)

    def run(scope: Scope) -> Any:
        value = get(scope)
        if value.__class__ is bytes:
            value = value.decode("latin-1")
        return None if value == "" else value

    return run


def _if(arguments: Sequence[Run]) -> Run:
    """Only the chosen one of both is evaluated; a condition that is NULL is not true."""
    condition, then, otherwise = arguments
    return lambda scope: then(scope) if truth(condition(scope)) else otherwise(scope)


def _coalesce(arguments: Sequence[Run]) -> Run:
    def run(scope: Scope) -> Any:
        for argument in arguments:
            value = argument(scope)
            if first(value) is not None:
                return value
        return None

    return run


ASKING = {
    "TOPIC_NAME": _attribute("topic"),
    "SOW_KEY": _attribute("sow_key"),
    "BOOKMARK": _attribute("bookmark"),
    "CORRELATION_ID": _attribute("correlation_id"),
    "MESSAGE_SIZE": _attribute("message_size"),
    "LAST_UPDATED": _attribute("last_updated"),
    "LEASE_COUNT": _attribute("lease_count"),
    "LAST_LEASED": _attribute("last_leased"),
    "CLIENT_NAME": _attribute("client_name"),
    "USER": _attribute("user"),
    "AMPS_INSTANCE_NAME": _attribute("instance_name"),
}
CHOOSING = {"IF": (3, 3, _if), "COALESCE": (1, 10_000, _coalesce)}
