"""Reads a regular expression's text before a library does: what it may hold, and how big it is.

What comes out means the same to both libraries; anything that only one of them knows, or that
could hide something from this reader, is refused by name.
"""

from __future__ import annotations

import re

from .errors import BadPattern
from .limits import PATTERN_GROUPS_MAX, PATTERN_SIZE_MAX

_LEADING_FLAGS = re.compile(r"(?:\(\?[imsx]+\))*")
_ITEM = re.compile(
    r"(?P<escape>\\(?:[pPNgkx]\{[^}]*\}|.))"
    r"|(?P<set>\[\^?\]?(?:\[:\^?\w+:\]|\\.|[^\]\\])*\])"
    r"|(?P<count>\{(?:[0-9]+(?:,[0-9]*)?|,[0-9]+)\})"
    r"|(?P<comment>\(\?#[^)]*\))"
    r"|(?P<reference>\(\?P=\w+\))"
    r"|(?P<open>\(\?(?:[:=!>]|<[=!]|P?<\w+>|\(\w+\)|[ims]*(?:-[ims]+)?:)|\((?![?*]))"
    r"|(?P<other>\((?:\?[^:=!()]*[:=!)]?|\*\w*\)?))"
    r"|(?P<close>\))"
    r"|(?P<repeat>[*+?])"
    r"|(?P<brace>\{)"
    r"|(?P<atom>.)",
    re.DOTALL | re.ASCII,
)
_VERBOSE_ITEM = re.compile(rf"(?P<blank>\s+|#[^\n]*)|{_ITEM.pattern}", re.DOTALL | re.ASCII)
_IN_SET = re.compile(r"\[:(\^?\w+):\]|\\.|\[|--|&&|~~|\|\|", re.DOTALL | re.ASCII)
_POSIX = {
    **{"alpha": "a-zA-Z", "digit": "0-9", "alnum": "a-zA-Z0-9", "upper": "A-Z", "lower": "a-z"},
    **{"space": r"\t-\r ", "blank": r"\t ", "punct": r"!-/:-@\[-`{-~", "xdigit": "0-9A-Fa-f"},
    **{"word": "a-zA-Z0-9_", "cntrl": r"\x00-\x1f\x7f", "print": " -~", "graph": "!-~"},
}


def portable(text: str) -> str:
    r"""The pattern as both libraries read it. Raises BadPattern.

    >>> portable("(?A)[[:digit:]]{2}{x}(?<n>a)")
    '\\A[0-9]{2}\\{x}(?P<n>a)'
    """
    text = text.replace("(?A)", r"\A")
    start = _LEADING_FLAGS.match(text).end()
    item = _VERBOSE_ITEM if "x" in text[:start] else _ITEM
    sizes = _Sizes(text)
    parts = [text[:start]]
    for found in item.finditer(text, start):
        kind, piece = str(found.lastgroup), found.group()
        if kind == "other":
            raise BadPattern(f"pattern {text[:80]!r}: {piece[:20]} is not supported there")
        if piece == "[":
            raise BadPattern(f"pattern {text[:80]!r}: a set that never ends")
        sizes.take(kind, piece)
        parts.append(_translated(kind, piece, text))
    sizes.end()
    return "".join(parts)


def _translated(kind: str, piece: str, text: str) -> str:
    if kind == "brace":
        return r"\{"
    if kind == "open" and piece.startswith("(?<") and piece[3] not in "=!":
        return "(?P" + piece[2:]
    if kind != "set":
        return piece

    def plain(found: re.Match[str]) -> str:
        if not found[1]:  # libraries warn of what they might one day take for a set operation
            return found[0] if found[0][0] == "\\" else found[0][:-1] + "\\" + found[0][-1]
        if found[1] not in _POSIX:
            raise BadPattern(f"pattern {text[:80]!r}: {found[0]} is not supported")
        return _POSIX[found[1]]

    return piece[0] + _IN_SET.sub(plain, piece[1:])


class _Sizes:
    """Adds up how many items a pattern has when its counts are written out."""

    def __init__(self, text: str):
        self._text = text
        self._outer: list[int] = []
        self._size = self._last = 0

    def take(self, kind: str, piece: str) -> None:
        if kind == "open":
            self._outer.append(self._size)
            self._size = self._last = 0
            if len(self._outer) > PATTERN_GROUPS_MAX:
                self._refuse(f"groups over {PATTERN_GROUPS_MAX} deep")
        elif kind == "close" and self._outer:
            self._last = self._size
            self._size += self._outer.pop()
        elif kind == "count":
            counts = [int(count[:9]) for count in re.findall("[0-9]+", piece)]
            self._size += self._last * max(max(counts) - 1, 0)
            self._last *= max(*counts, 1)
        elif kind not in ("blank", "comment", "repeat"):
            self._last = 1
            self._size += 1
        if self._size > PATTERN_SIZE_MAX:
            self._refuse(f"over {PATTERN_SIZE_MAX} items with its counts written out")

    def end(self) -> None:
        if self._outer:
            self._refuse("a group that never ends")

    def _refuse(self, why: str) -> None:
        raise BadPattern(f"pattern {self._text[:80]!r}: {why}")
