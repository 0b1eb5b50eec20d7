"""Keeps a replay at the pace that its subscriber asked for."""

from __future__ import annotations

import re
from typing import NamedTuple

from .log import Log
from .options import parse_seconds

RATE_MAX = 1e12
EARLY_S_MAX = 1e-6  # what is so little early is on time
LAG_S_MAX = 1.0  # what was held up longer than this is not caught up with

_RATE = re.compile(r"([0-9]{1,15}(?:\.[0-9]{0,9})?|\.[0-9]{1,9})\s*(x|kb|mb|gb|b)?", re.IGNORECASE)
_BYTES = {"b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9}


class Rate(NamedTuple):
    """So many messages or bytes a second, or times as fast as they were published."""

    number: float
    unit: str
    gap_s_max: float | None

    def wait_s(self, log: Log, before: int, position: int) -> float:
        """How long after one message the next one is due."""
        if self.unit == "":
            wait_s = 1 / self.number
        elif self.unit == "x":
            wait_s = (log.times_us[position] - log.times_us[before]) / 1e6 / self.number
        else:
            wait_s = len(log.bodies[before]) / (self.number * _BYTES[self.unit])
        return wait_s if self.gap_s_max is None else min(wait_s, self.gap_s_max)


def parse_rate(said: str, gap: str | None) -> Rate | None:
    """The rate that the options say, None if they say none.

    >>> parse_rate("500KB", None), parse_rate(".5X", "3s"), parse_rate("soon", None)
    (Rate(number=500.0, unit='kb', gap_s_max=None), Rate(number=0.5, unit='x', gap_s_max=3.0), None)
    """
    found = _RATE.fullmatch(said.strip())
    gap_s_max = None if gap is None else parse_seconds(gap)
    if found is None or (gap is not None and gap_s_max is None):
        return None
    number = float(found[1])
    if not 0 < number <= RATE_MAX:
        return None
    return Rate(number, (found[2] or "").lower(), gap_s_max)


class Pace:
    """When the next message of one pass is due."""

    def __init__(self, rate: Rate):
        self._rate = rate
        self._before: int | None = None
        self._before_s = 0.0

    def left_s(self, log: Log, position: int, now_s: float) -> float:
        """How long the message at this position has to wait."""
        if self._before is None:
            return 0.0
        left_s = self._before_s + self._rate.wait_s(log, self._before, position) - now_s
        return left_s if left_s > EARLY_S_MAX else 0.0

    def sent(self, log: Log, position: int, now_s: float) -> None:
        due_s = now_s
        if self._before is not None:
            due_s = self._before_s + self._rate.wait_s(log, self._before, position)
        self._before = position
        self._before_s = max(due_s, now_s - LAG_S_MAX)
