"""Works out how long a text may be so that the worst search in it stays short."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from .errors import BadPattern
from .limits import TEXT_BYTES_MAX

try:
    from re import _parser
except ImportError:  # before Python 3.11
    import sre_parse as _parser


class Cost(NamedTuple):
    """Steps at one place, at worst: e**log * length**degree; `varies`: in more ways than one."""

    log: float
    degree: int
    varies: bool

    def times(self, other: Cost) -> Cost:
        varies = self.varies or other.varies
        return Cost(self.log + other.log, self.degree + other.degree, varies)

    def plus(self, other: Cost) -> Cost:
        low, high = sorted((self.log, other.log))
        log = high + math.log1p(math.exp(low - high))
        return Cost(log, max(self.degree, other.degree), True)

    def subject_bytes_max(self, steps_max: int) -> int:
        """The longest text that a search takes no more than so many steps in."""
        left = math.log(steps_max) - self.log
        log = left / self.degree if self.degree else math.copysign(math.inf, left)
        return TEXT_BYTES_MAX if log > math.log(TEXT_BYTES_MAX) else int(math.exp(log) + 1e-9)


ONE = Cost(0.0, 0, False)
LENGTH = Cost(0.0, 1, True)
QUICK_LENGTH = Cost(-math.log(4), 1, True)  # `.*` and its like take a sixth of a step each
_ONE_CHARACTER = ("LITERAL", "NOT_LITERAL", "ANY", "IN")


def pattern_cost(text: str) -> Cost:
    """The worst search with a pattern, which must compile. Raises BadPattern for one without end.

    >>> [pattern_cost(text).subject_bytes_max(5_000_000) for text in ("a.*b.*c", "^a.*z$")]
    [430, 16777216]
    """
    tree = _parser.parse(text)
    cost = _sequence(tree, text)
    return cost if _is_anchored(tree) else cost.times(LENGTH)  # a search starts at every place


def _is_anchored(tree: Any) -> bool:
    if not len(tree) or str(tree[0][0]) != "AT":
        return False
    return str(tree[0][1]) == "AT_BEGINNING_STRING" or (
        str(tree[0][1]) == "AT_BEGINNING" and not tree.state.flags & _parser.SRE_FLAG_MULTILINE
    )


def _sequence(items: Any, text: str) -> Cost:
    cost = ONE
    for item in items:
        cost = cost.times(_item(item, text))
    return cost


def _item(item: Any, text: str) -> Cost:
    name, value = str(item[0]), item[1]
    if name in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
        return _repeat(*value, text)
    if name == "BRANCH":
        cost = _sequence(value[1][0], text)
        for branch in value[1][1:]:
            cost = cost.plus(_sequence(branch, text))
        return cost
    if name in ("ASSERT", "ASSERT_NOT", "SUBPATTERN"):
        return _sequence(value[-1], text)
    if name == "ATOMIC_GROUP":
        return _sequence(value, text)
    if name == "GROUPREF":
        return LENGTH  # to compare takes as long as what it repeats
    if name == "GROUPREF_EXISTS":
        cost = _sequence(value[1], text)
        return cost.plus(_sequence(value[2], text) if value[2] else ONE)
    return ONE


def _repeat(least: int, most: int, body: Any, text: str) -> Cost:
    cost = _sequence(body, text)
    if most == _parser.MAXREPEAT:
        if cost.varies:
            raise BadPattern(
                f"pattern {text[:80]!r}: {_what_varies(body)} inside a repetition without end "
                "could take forever"
            )
        is_plain = len(body) == 1 and str(body[0][0]) in _ONE_CHARACTER
        return cost.times(QUICK_LENGTH if is_plain else LENGTH)
    if cost.varies:
        cost = Cost(cost.log * int(most), cost.degree * int(most), True)
    else:
        cost = Cost(cost.log + math.log(max(int(most), 1)), cost.degree, False)
    return cost if least == most else cost.plus(ONE)


def _what_varies(body: Any) -> str:
    names = str(body)
    for name, said in (("GROUPREF", "a back-reference"), ("BRANCH", "an alternative")):
        if name in names:
            return said
    return "a repetition"
