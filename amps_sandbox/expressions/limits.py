"""Names every limit of the expression language, with its unit."""

from __future__ import annotations

EXPRESSION_BYTES_MAX = 64 * 1024  # of a filter, an order, a projection or a grouping
NESTING_MAX = 32  # parentheses and function calls inside each other
LIST_ITEMS_MAX = 10_000  # of one IN, one function call, one projection
INDEX_MAX = 2**31 - 1  # of an array element
LONG_BYTES_LEAST = 200  # from here on an expression is long: its evaluation has a time limit
EVALUATION_SECONDS_MAX = 1.0  # of a long expression on one message; what is left then is NULL
FOLDED_BYTES_MAX = 4096  # of a text that is worked out when an expression is read, not later
PATTERN_BYTES_MAX = 4096  # of one regular expression
PATTERN_GROUPS_MAX = 50  # of one regular expression, inside each other
PATTERN_SIZE_MAX = 10_000  # items of one regular expression, its counts written out
PATTERN_SECONDS_MAX = 0.1  # for all searches of one evaluation, with the `regex` library
SEARCH_STEPS_MAX = 5_000_000  # of the worst search, without it; 0.2 s at 36 ns a step
QUICK_STEPS_MAX = 5_000  # of a search that no clock needs to watch; 0.2 ms at most
SUBJECT_BYTES_LEAST = 64  # a pattern that is not even safe on so short a text is refused
PATTERNS_CACHED_MAX = 256
FILTERS_CACHED_MAX = 256
CACHED_BYTES_MAX = 4096  # of a filter or an order; a longer one is read again each time
INTEGER_MIN = -(2**63)
INTEGER_MAX = 2**64 - 1
TEXT_BYTES_MAX = 16 * 1024 * 1024  # of a text that an expression makes; a longer one is NULL
PAIRS_MAX = 100_000  # of elements, when two arrays are compared; more give NULL
DISTINCT_MAX = 1_000_000  # values that one COUNT_DISTINCT tells apart
CRC64_BYTES_MAX = 256 * 1024  # of text; of a longer one it is NULL
DATE_BYTES_MAX = 128  # of what STRFTIME gives and of a date's format; a longer one gives NULL
