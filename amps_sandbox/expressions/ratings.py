"""Gives messages numbers, by which those that matter more are told from others."""

from __future__ import annotations

import math

from .compiling import Compiler, is_long, watched
from .parser import parse
from .scope import Scope
from .values import number_of


class Rating:
    """An expression whose number counts; what has none is below all others.

    >>> urgency = Rating("/urgency * 2")
    >>> [urgency.number(Scope({"/urgency": value})) for value in (3, "4", "much")]
    [6, 8, -inf]
    """

    __slots__ = ("text", "_run")

    def __init__(self, text: str):
        compiler = Compiler(is_long=is_long(text))
        run = compiler.value(parse(text))
        self.text = text
        self._run = watched(run) if compiler.needs_watch else run

    def number(self, scope: Scope) -> float:
        """Never raises, takes bounded time."""
        found = number_of(self._run(scope))
        return -math.inf if found is None or found != found else found


def parse_rating(text: str) -> Rating:
    """The rating that an expression makes. Raises BadExpression."""
    return Rating(text)
