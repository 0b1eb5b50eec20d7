"""Says what was wrong with an expression, and where."""

from __future__ import annotations


class BadExpression(ValueError):
    """An expression that cannot be used. The text says what is wrong and at which character."""


class BadPattern(BadExpression):
    """A regular expression that cannot be used, or not without a risk."""


def bad(problem: str, position: int) -> BadExpression:
    """The error for a problem at a position, which the text counts from 1."""
    return BadExpression(f"{problem} at character {position + 1}")
