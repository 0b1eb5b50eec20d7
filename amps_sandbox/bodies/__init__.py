"""The message types: what fields a body has, how a delta merges into it, what of it is sent.

>>> body_type("json").fields(b'{"id": 1, "a": {"b": ["x", "y"]}}')
{'/id': 1, '/a/b': ['x', 'y']}
>>> body_type("fix").merge(b"1=k\\x0154=1\\x01", b"54=2\\x01")
b'1=k\\x0154=2\\x01'
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType

from .base import BodyType, Fields, InvalidBody, Value
from .composite_body import CompositeGlobalType, CompositeLocalType
from .fix_body import FixType, NvfixType
from .json_body import JsonType
from .selection import Select

__all__ = ["BodyType", "Composites", "Fields", "InvalidBody", "Select", "Value", "body_type"]

NAMES_MAX = 1000  # types remembered, so that asking again gives the same object
PARTS_MAX = 100  # of one composite type

Composites = Mapping[str, tuple[str, Sequence[str]]]  # name -> (kind, its parts' types)

_BUILT_IN = {"json": JsonType("json"), "fix": FixType("fix"), "nvfix": NvfixType("nvfix")}
_KINDS = {"composite-local": CompositeLocalType, "composite-global": CompositeGlobalType}


def body_type(name: str, composites: Composites = MappingProxyType({})) -> BodyType:
    """The message type of a name. A name that is neither built in nor declared is opaque.

    `composites` declares types of several parts. Raises ValueError for a declaration that is wrong.

    >>> images = {"images": ("composite-local", ["json", "binary"])}
    >>> body_type("images", images).compose({"/0/id": 7})
    b'\\x00\\x00\\x00\\x08{"id":7}\\x00\\x00\\x00\\x00'
    """
    declared = composites.get(name)
    if declared is None:
        return _BUILT_IN.get(name) or _opaque(name)
    if name in _BUILT_IN:
        raise ValueError(f"message type {name!r} is built in: call the composite something else")
    kind, parts = declared
    nested = [part for part in parts if part in composites]
    if nested:
        raise ValueError(f"message type {name!r}: its part {nested[0]!r} is a composite itself")
    return _composite(name, kind, tuple(parts))


@lru_cache(maxsize=NAMES_MAX)
def _opaque(name: str) -> BodyType:
    return BodyType(name)


@lru_cache(maxsize=NAMES_MAX)
def _composite(name: str, kind: str, parts: tuple[str, ...]) -> BodyType:
    if kind not in _KINDS:
        raise ValueError(f"message type {name!r}: {kind!r} is none of {', '.join(_KINDS)}")
    if not 1 <= len(parts) <= PARTS_MAX:
        raise ValueError(f"message type {name!r} has {len(parts)} parts, not 1 to {PARTS_MAX}")
    return _KINDS[kind](name, [body_type(part) for part in parts])
