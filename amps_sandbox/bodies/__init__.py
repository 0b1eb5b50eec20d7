"""The message types: what fields a body has, how a delta merges into it, what of it is sent.

>>> body_type("json").fields(b'{"id": 1, "a": {"b": ["x", "y"]}}')
{'/id': 1, '/a/b': ['x', 'y']}
>>> body_type("fix").merge(b"1=k\\x0154=1\\x01", b"54=2\\x01")
b'1=k\\x0154=2\\x01'
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .base import BodyType, Fields, InvalidBody, Value
from .fix_body import FixType, NvfixType
from .json_body import JsonType
from .selection import Select

__all__ = ["BodyType", "Fields", "InvalidBody", "Select", "Value", "body_type"]

_BUILT_IN = {"json": JsonType("json"), "fix": FixType("fix"), "nvfix": NvfixType("nvfix")}


def body_type(name: str, composites: Mapping[str, tuple[str, Sequence[str]]] = {}) -> BodyType:
    """The message type of a name; a name that is not known has opaque bodies."""
    return _BUILT_IN.get(name) or BodyType(name)
