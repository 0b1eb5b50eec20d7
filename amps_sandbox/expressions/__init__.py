"""The expression language of filters, orders and projections.

>>> open_orders = parse_filter("/px > 10 AND /state = 'open'")
>>> open_orders.matches(Scope({"/px": 12.5, "/state": "open"}))
True
>>> open_orders.matches(Scope({"/px": 12.5}))
False
>>> parse_filter("/px > ")
Traceback (most recent call last):
...
amps_sandbox.expressions.errors.BadExpression: expected a value, found the end, at character 7
"""

from __future__ import annotations

from .errors import BadExpression, BadPattern
from .filters import Filter, parse_filter
from .orders import Order, parse_order
from .patterns import Pattern, Watch, compile_pattern
from .projections import Projection, parse_projection
from .ratings import Rating, parse_rating
from .scope import Scope

__all__ = [
    "BadExpression",
    "BadPattern",
    "Filter",
    "Order",
    "Pattern",
    "Projection",
    "Rating",
    "Scope",
    "Watch",
    "compile_pattern",
    "parse_filter",
    "parse_order",
    "parse_projection",
    "parse_rating",
]
