"""Searches texts with regular expressions of strangers, and never for long.

The worst search is worked out beforehand (see pattern_cost.py). In a text so short that even that
is quick, the standard library searches. In a longer one, the `regex` library from PyPI does, with a
time limit. Without it the standard library goes on up to a longer length, texts over that do not
match, and patterns that could backtrack without end are refused.
"""

from __future__ import annotations

import math
import re
import time
from functools import lru_cache
from typing import Any, Callable, Optional

from .errors import BadPattern
from .limits import (
    PATTERN_BYTES_MAX,
    PATTERN_SECONDS_MAX,
    PATTERNS_CACHED_MAX,
    QUICK_STEPS_MAX,
    SEARCH_STEPS_MAX,
    SUBJECT_BYTES_LEAST,
    TEXT_BYTES_MAX,
)
from .pattern_cost import Cost, pattern_cost
from .pattern_text import portable

try:
    import regex
except ImportError:
    regex = None

Tell = Optional[Callable[[str], None]]

_SPECIAL = re.compile(r"[.*+?^$|()\[\]{}\\]")
_REFERENCE = re.compile(r"\\([0-9])")


class Watch:
    """How long searches may still take, and who is told the first time one was given up.

    At `deadline`, by time.perf_counter, the rest of a long expression is given up, too.
    """

    __slots__ = ("seconds", "tell", "deadline")

    def __init__(self, tell: Tell = None, seconds: float = PATTERN_SECONDS_MAX):
        self.seconds = seconds
        self.tell = tell
        self.deadline = math.inf

    def give_up(self, pattern: str, why: str) -> None:
        self.say(f"pattern {pattern[:80]!r} counts as no match: {why}")

    def say(self, line: str) -> None:
        tell, self.tell = self.tell, None
        if tell is not None:
            tell(line)


class Pattern:
    """One regular expression or literal text. Searches are unanchored and never raise.

    `watch` shares one time limit among several searches and is told what was given up.
    """

    text: str

    def search(self, subject: str, watch: Watch | None = None) -> bool:
        """Whether it occurs in the subject."""
        return self.find(subject, watch) is not None

    def find(self, subject: str, watch: Watch | None = None) -> str | None:
        """The first match, which may be empty, or None."""
        raise AssertionError("each kind of pattern has its own")

    def sub(self, subject: str, new: str, watch: Watch | None = None) -> str | None:
        r"""The subject with all matches replaced; in `new`, `\1` is a group and `\0` the match.

        None when the result would be longer than TEXT_BYTES_MAX or the search was given up.
        """
        raise AssertionError("each kind of pattern has its own")


class _Literal(Pattern):
    """Matches its own characters."""

    def __init__(self, text: str):
        self.text = text

    def search(self, subject: str, watch: Watch | None = None) -> bool:
        return self.text in subject

    def find(self, subject: str, watch: Watch | None = None) -> str | None:
        return self.text if self.text in subject else None

    def sub(self, subject: str, new: str, watch: Watch | None = None) -> str | None:
        if not self.text:
            return subject
        new = _REFERENCE.sub(lambda match: self.text if match[1] == "0" else "", new)
        size = len(subject) + subject.count(self.text) * (len(new) - len(self.text))
        return subject.replace(self.text, new) if size <= TEXT_BYTES_MAX else None


class _Compiled(Pattern):
    """A compiled pattern; how its longer searches are bounded is the subclass's."""

    def __init__(self, text: str, compiled: Any, cost: Cost | None):
        self.text = text
        self._compiled = compiled
        self._quick_bytes_max = -1 if cost is None else cost.subject_bytes_max(QUICK_STEPS_MAX)
        self._quick_search = compiled.search if cost is None else re.compile(text, re.ASCII).search

    def _matches(self, subject: str, watch: Watch, *, find_all: bool) -> Any:
        """The first match or None, or an iterator of all. Raises TimeoutError."""
        raise AssertionError("each library has its own")

    def _attempt(
        self, subject: str, watch: Watch, find_all: bool, use: Callable[[Any], Any]
    ) -> Any:
        if watch.seconds <= 0:
            watch.give_up(self.text, "the time of this evaluation is used up")
            return None
        started = time.perf_counter()
        try:
            return use(self._matches(subject, watch, find_all=find_all))
        except TimeoutError as error:
            watch.give_up(self.text, str(error))
            return None
        finally:
            watch.seconds -= time.perf_counter() - started

    def search(self, subject: str, watch: Watch | None = None) -> bool:
        if len(subject) <= self._quick_bytes_max:
            return self._quick_search(subject) is not None
        found = self._attempt(subject, watch or Watch(), False, lambda match: match is not None)
        return bool(found)

    def find(self, subject: str, watch: Watch | None = None) -> str | None:
        match = self._attempt(subject, watch or Watch(), False, lambda match: match)
        return None if match is None else match.group()

    def sub(self, subject: str, new: str, watch: Watch | None = None) -> str | None:
        watch = watch or Watch()
        deadline = time.perf_counter() + watch.seconds
        return self._attempt(
            subject, watch, True, lambda matches: _replace(subject, matches, new, deadline)
        )


class _Timed(_Compiled):
    """A pattern of the `regex` library, which can be told when to stop."""

    def _matches(self, subject: str, watch: Watch, *, find_all: bool) -> Any:
        search = self._compiled.finditer if find_all else self._compiled.search
        return search(subject, timeout=watch.seconds)


class _Measured(_Compiled):
    """A pattern of the standard library, for subjects up to a length it is safe on."""

    def __init__(self, text: str, compiled: Any, cost: Cost):
        super().__init__(text, compiled, cost)
        self._subject_bytes_max = cost.subject_bytes_max(SEARCH_STEPS_MAX)
        if self._subject_bytes_max < SUBJECT_BYTES_LEAST:
            raise BadPattern(
                f"pattern {text[:80]!r}: too many ways to match, "
                f"safe up to {self._subject_bytes_max} bytes of text only"
            )

    def _matches(self, subject: str, watch: Watch, *, find_all: bool) -> Any:
        if len(subject) > self._subject_bytes_max:
            raise TimeoutError(
                f"a text of {len(subject)} bytes, it is safe up to {self._subject_bytes_max}"
            )
        return (self._compiled.finditer if find_all else self._compiled.search)(subject)


def _replace(subject: str, matches: Any, new: str, deadline: float) -> str | None:
    parts: list[str] = []
    size = end = 0
    for match in matches:
        replacement = _REFERENCE.sub(lambda each, match=match: _group(match, int(each[1])), new)
        parts += [subject[end : match.start()], replacement]
        size += len(parts[-1]) + len(parts[-2])
        end = match.end()
        if size > TEXT_BYTES_MAX:
            return None
        if time.perf_counter() > deadline:
            raise TimeoutError("too many matches for its time")
    return "".join([*parts, subject[end:]])


def _group(match: Any, number: int) -> str:
    return (match.group(number) or "") if number <= (match.re.groups or 0) else ""


def compile_pattern(text: str, *, library: Any = regex) -> Pattern:
    """The pattern for a regular expression's text. Raises BadPattern.

    `library` is the `regex` module, or None for the standard library's `re`.

    >>> compile_pattern("^or.*s$").search("orders"), compile_pattern("s.d").search("orders")
    (True, False)
    """
    if len(text) > PATTERN_BYTES_MAX:
        raise BadPattern(f"pattern over {PATTERN_BYTES_MAX} bytes")
    return _compile(text, library)


def literal_pattern(text: str) -> Pattern:
    """A pattern that matches exactly these characters, as a raw LIKE operand does."""
    return _Literal(text)


@lru_cache(maxsize=PATTERNS_CACHED_MAX)
def _compile(text: str, library: Any) -> Pattern:
    if not _SPECIAL.search(text):
        return _Literal(text)
    text = portable(text)
    errors = re.error if library is None else library.error
    try:
        if library is None:
            return _Measured(text, re.compile(text, re.ASCII), pattern_cost(text))
        compiled = library.compile(text, library.ASCII | library.VERSION0)
        return _Timed(text, compiled, _cost_if_known(text))
    except BadPattern:
        raise
    except (ValueError, OverflowError, RecursionError, errors) as error:
        raise BadPattern(f"pattern {text[:80]!r}: {error}") from error


def _cost_if_known(text: str) -> Cost | None:
    """None if there is no end to it, or if only the `regex` library knows such patterns."""
    try:
        re.compile(text, re.ASCII)
        return pattern_cost(text)
    except (ValueError, OverflowError, RecursionError, re.error):
        return None
