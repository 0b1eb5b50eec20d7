"""Lists all functions: how many arguments each takes, and what it is given."""

from __future__ import annotations

from typing import Any, Callable, NamedTuple

from .aggregates import AGGREGATES
from .dates import DATES, NOW
from .limits import LIST_ITEMS_MAX as MANY
from .lists import LISTS
from .messages import ASKING, CHOOSING
from .numbers import MANY_NUMBERS, NUMBERS
from .texts import MANY_TEXTS, PATTERNS, TEXTS

VALUES, ARRAYS, LAZY, PATTERN, MESSAGE, AGGREGATE = range(6)


class Function(NamedTuple):
    """`kind` says what `run` is given.

    VALUES: one value per argument, the first element of an array. ARRAYS: arrays as they are.
    LAZY: the arguments' own functions, and it returns one. PATTERN: a compiled pattern and a watch,
    then the other arguments. MESSAGE: the Scope. AGGREGATE: it makes what gathers values.
    """

    least: int
    most: int
    run: Callable[..., Any]
    kind: int = VALUES
    is_deterministic: bool = True


FUNCTIONS: dict[str, Function] = {
    **{name: Function(*entry) for name, entry in {**TEXTS, **NUMBERS, **DATES}.items()},
    **{name: Function(1, MANY, run) for name, run in {**MANY_TEXTS, **MANY_NUMBERS}.items()},
    **{name: Function(*entry, ARRAYS) for name, entry in LISTS.items()},
    **{name: Function(*entry, LAZY) for name, entry in CHOOSING.items()},
    **{name: Function(*entry, PATTERN) for name, entry in PATTERNS.items()},
    **{name: Function(0, 0, run, MESSAGE) for name, run in ASKING.items()},
    **{name: Function(0, 0, run, MESSAGE, False) for name, run in NOW.items()},
    **{name: Function(*entry, AGGREGATE) for name, entry in AGGREGATES.items()},
}
PATTERN_ARGUMENT = dict.fromkeys(PATTERNS, 1)  # which argument is a pattern
