"""Topics that are regular expressions: which they are, and what they match."""

from __future__ import annotations

import re
from typing import Callable

from .expressions import Watch, compile_pattern

_REGEX_CHARACTERS = re.compile(rb"[.*+?^$|()\[\]{}\\]")


def is_regex(topic: bytes) -> bool:
    """Whether a subscription's topic is a regular expression.

    >>> is_regex(b"orders"), is_regex(b"orders.us")
    (False, True)
    """
    return _REGEX_CHARACTERS.search(topic) is not None


def topic_pattern(
    topic: bytes, tell: Callable[[str], None] | None = None
) -> Callable[[bytes], bool]:
    """Whether a topic matches, searched without anchors. Raises BadPattern.

    A search that takes too long finds nothing, and `tell` is given a line that says so.
    """
    pattern = compile_pattern(topic.decode("latin-1"))
    return lambda name: pattern.search(name.decode("latin-1"), Watch(tell))


def name_or_pattern(
    name: bytes, tell: Callable[[str], None] | None = None
) -> Callable[[bytes], bool]:
    """Whether a topic has just this name, or matches it as a regular expression.

    `tell` is as in `topic_pattern`. Raises BadPattern.
    """
    if not is_regex(name):
        return lambda topic: topic == name
    found = topic_pattern(name, tell)
    return lambda topic: topic == name or found(topic)
