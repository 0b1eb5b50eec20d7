"""Keeps one connection's heartbeat: sends beats, and notices when the client falls silent."""

from __future__ import annotations

from typing import Callable

from .clock import Clock
from .loop import Timer
from .options import parse_seconds

GRACE_FACTOR = 2.0  # this many intervals of silence end the connection
INTERVAL_S_MIN = 0.001
INTERVAL_S_MAX = 24 * 3600.0


class Heartbeat:
    """Beats every interval whatever else flows; `is_dead` is called after too long a silence."""

    def __init__(self, clock: Clock, beat: Callable[[], None], is_dead: Callable[[], None]):
        self._clock = clock
        self._beat = beat
        self._is_dead = is_dead
        self._interval = 0.0
        self._timers: list[Timer] = []
        self._heard = 0.0

    def obey(self, options: str) -> bool:
        """Does what a heartbeat command's options say; False if they say nothing sensible."""
        word, _, value = options.replace("=", ",", 1).partition(",")
        word = word.strip().lower()
        if word == "start":
            interval = parse_seconds(value)
            if interval is None or not INTERVAL_S_MIN <= interval <= INTERVAL_S_MAX:
                return False
            self._start(interval)
        elif word == "stop":
            self.stop()
        elif word not in ("", "beat"):
            return False
        self.heard()
        return True

    def heard(self) -> None:
        """Something arrived from the client that counts as a sign of life."""
        self._heard = self._clock.monotonic()

    def stop(self) -> None:
        for timer in self._timers:
            timer.cancel()
        self._timers = []

    def _start(self, interval: float) -> None:
        self.stop()
        self.heard()
        self._interval = interval
        self._timers = [
            self._clock.after(interval, self._send),
            self._clock.after(interval * GRACE_FACTOR, self._check),
        ]

    def _send(self) -> None:
        self._timers[0] = self._clock.after(self._interval, self._send)
        self._beat()

    def _check(self) -> None:
        silent = self._clock.monotonic() - self._heard
        allowed = self._interval * GRACE_FACTOR
        if silent >= allowed:
            self.stop()
            self._is_dead()
        else:
            self._timers[1] = self._clock.after(allowed - silent, self._check)
