"""Asks what an expression's value is, by the public way."""

import math

from amps_sandbox.expressions import Scope, parse_filter, parse_projection


def value(text, fields=None, **about):
    """The value of an expression about a message with these fields."""
    projection = parse_projection(f"{text} AS /out", "/group")
    return projection.project([Scope(fields or {}, **about)])["/out"]


def matches(text, fields=None, **about):
    return parse_filter(text).matches(Scope(fields or {}, **about))


def same(one, other):
    """Whether two values are alike in type too; NaN is like NaN."""
    if isinstance(one, float) and math.isnan(one):
        return isinstance(other, float) and math.isnan(other)
    return type(one) is type(other) and one == other
