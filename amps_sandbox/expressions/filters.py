"""Decides which messages a filter lets through."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from .compiling import Compiler, is_long, watched
from .limits import CACHED_BYTES_MAX, FILTERS_CACHED_MAX
from .parser import parse
from .scope import Scope


class Filter:
    """One filter. `paths` are the fields it reads, `qualifiers` the topics it names (views only).

    `is_deterministic` is false if the same message may match now and not later.
    """

    __slots__ = ("text", "is_deterministic", "paths", "qualifiers", "_decide")

    def __init__(self, text: str):
        compiler = Compiler(is_long=is_long(text))
        decide = compiler.truth(parse(text))
        self.text = text
        self.is_deterministic = compiler.is_deterministic
        self.paths = frozenset(compiler.paths)
        self.qualifiers: frozenset[tuple[str | None, str]] = frozenset(compiler.qualifiers)
        self._decide: Any = watched(decide) if compiler.needs_watch else decide

    def matches(self, scope: Scope) -> bool:
        """Whether the filter is true, not false or NULL. Never raises, takes bounded time."""
        return self._decide(scope) == 1

    def __repr__(self) -> str:
        return f"<Filter {self.text!r}>"


def parse_filter(text: str) -> Filter:
    """The filter that a text says; short ones seen before are kept. Raises BadExpression."""
    return _kept_filter(text) if len(text) <= CACHED_BYTES_MAX else Filter(text)


_kept_filter = lru_cache(maxsize=FILTERS_CACHED_MAX)(Filter)
