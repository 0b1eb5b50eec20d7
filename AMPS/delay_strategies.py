"""How long to wait before a server is tried again."""

import os
from time import monotonic_ns

from AMPS.exceptions import ConnectionException, UsageException

SERIES_MAX = 10000  # servers whose attempts are counted at a time; the oldest are forgotten
MS_MAX = 2**53  # milliseconds: as far as doubles count exactly; what is more is taken for this

_CHANCE_BITS = 53  # of a number from 0 to 1, as many as a double keeps
_CHANCE_BYTES = 8


class FixedDelayStrategy:
    """Waits `initial_delay` milliseconds before a server is tried again.

    The first try of each server since `reset()` does not wait. After `maximum` milliseconds of
    trying, over all servers, it gives up; 0 never does.

    A strategy of your own is any object with `get_connect_wait_duration(uri)` and `reset()`. It
    belongs to one client, which calls it on the thread that connects. `clock` is for tests: it
    gives nanoseconds that never go back.

    >>> strategy = FixedDelayStrategy(500)
    >>> [strategy.get_connect_wait_duration("tcp://a:9007/amps") for _ in range(3)]
    [0, 500, 500]
    """

    def __init__(self, initial_delay=200, maximum=0, *, clock=monotonic_ns):
        self._delay = _milliseconds("initial_delay", initial_delay)
        self._attempts = _Attempts("maximum", maximum, clock)

    def get_connect_wait_duration(self, uri):
        """Returns how many milliseconds to wait before `uri` is tried; does not wait itself.

        Raises `ConnectionException` when all tries since the last `reset()` have taken `maximum`
        milliseconds.
        """
        return self._delay if self._attempts.begin(uri) else 0

    def reset(self):
        """Begins anew: a client is connected, and the next failure is the first again."""
        self._attempts.clear()


class ExponentialDelayStrategy:
    """Waits longer each time the same server is tried again.

    The first try of each server since `reset()` does not wait. The second waits `initial_delay`
    milliseconds, each further one `backoff_exponent` times as long as the one before. To that comes
    a random part, below `jitter` times `initial_delay`, so that clients which lost their server
    together do not come back together; in all it is never more than `maximum_delay`. After
    `maximum_retry_time` milliseconds of trying, over all servers, it gives up; 0 never does.

    It belongs to one client. `clock` (nanoseconds that never go back) and `chance` (a number from 0
    up to, not including, 1) are for tests; the latter comes from the operating system, so that no
    two processes share it, not even after a fork.

    >>> strategy = ExponentialDelayStrategy(100, maximum_delay=1000, jitter=0)
    >>> [strategy.get_connect_wait_duration("tcp://a:9007/amps") for _ in range(7)]
    [0, 100, 200, 400, 800, 1000, 1000]
    """

    def __init__(
        self,
        initial_delay=200,
        maximum_delay=20000,
        backoff_exponent=2.0,
        maximum_retry_time=0,
        jitter=1.0,
        *,
        clock=monotonic_ns,
        chance=None,
    ):
        self._initial = _milliseconds("initial_delay", initial_delay)
        self._most = _milliseconds("maximum_delay", maximum_delay)
        self._factor = _number("backoff_exponent", backoff_exponent, 1)
        self._jitter = _number("jitter", jitter, 0)
        self._attempts = _Attempts("maximum_retry_time", maximum_retry_time, clock)
        self._chance = _chance if chance is None else chance

    def get_connect_wait_duration(self, uri):
        """Returns how many milliseconds to wait before `uri` is tried; does not wait itself.

        Raises `ConnectionException` when all tries since the last `reset()` have taken
        `maximum_retry_time` milliseconds.
        """
        before = self._attempts.begin(uri)
        if before == 0:
            return 0
        base = min(float(self._most), self._grown(before - 1))
        span = self._jitter * self._initial
        if span == 0:
            return int(base)
        wait = base + self._chance() * self._jitter * self._initial
        if wait >= self._most:
            return self._most
        # The sum of two doubles may be rounded up to the next whole number, which is too many.
        return min(int(wait), max(int(base), _below(base + span)))

    def reset(self):
        """Begins anew: a client is connected, and the next failure is the first again."""
        self._attempts.clear()

    def _grown(self, times):
        """The first delay, `times` times longer; infinite when that is more than a double holds."""
        if self._initial == 0:
            return 0.0
        try:
            return self._initial * self._factor**times
        except OverflowError:
            return float("inf")


class _Attempts:
    """Counts tries per server, and how long all of them have taken."""

    def __init__(self, name, limit, clock):
        self._name = name
        self._limit = _milliseconds(name, limit)  # of all tries together; 0: none
        self._clock = clock
        self.clear()

    def clear(self):
        self._counts = {}
        self._began = None

    def begin(self, uri):
        """Returns how many tries of this server came before this one."""
        if not isinstance(uri, (str, bytes)):
            raise TypeError(f"uri must be str or bytes, not {type(uri).__name__}")
        self._check_time()
        before = self._counts.get(uri, 0)
        if before == 0 and len(self._counts) >= SERIES_MAX:
            del self._counts[next(iter(self._counts))]
        self._counts[uri] = before + 1
        return before

    def _check_time(self):
        now = self._clock()
        if self._began is None:
            self._began = now
        elapsed_ms = (now - self._began) // 1_000_000
        if self._limit and elapsed_ms >= self._limit:
            raise ConnectionException(
                f"no server could be reached for {elapsed_ms} ms: {self._name} is {self._limit} ms"
            )


def _milliseconds(name, value):
    if not isinstance(value, int):
        raise TypeError(f"{name} must be an int (milliseconds), not {type(value).__name__}")
    if value < 0:
        raise UsageException(f"{name} must not be negative, not {max(value, -MS_MAX)} ms")
    return min(int(value), MS_MAX)


def _number(name, value, least):
    if not isinstance(value, (int, float)):
        raise TypeError(f"{name} must be a number, not {type(value).__name__}")
    if not least <= value < float("inf"):  # nor is NaN
        raise UsageException(f"{name} must be a finite number from {least} on, not {value}")
    return float(min(value, MS_MAX))


def _below(number):
    """The largest whole number below this one; MS_MAX when that is smaller."""
    return -int(-min(number, MS_MAX) // 1) - 1


def _chance():
    bits = int.from_bytes(os.urandom(_CHANCE_BYTES), "big") >> (8 * _CHANCE_BYTES - _CHANCE_BITS)
    return bits / (1 << _CHANCE_BITS)
