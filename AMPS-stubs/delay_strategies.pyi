"""Types of AMPS.delay_strategies."""

from collections.abc import Callable

SERIES_MAX: int
MS_MAX: int

class FixedDelayStrategy:
    def __init__(
        self,
        initial_delay: int = 200,
        maximum: int = 0,
        *,
        clock: Callable[[], int] = ...,
    ) -> None: ...
    def get_connect_wait_duration(self, uri: str | bytes) -> int: ...
    def reset(self) -> None: ...

class ExponentialDelayStrategy:
    def __init__(
        self,
        initial_delay: int = 200,
        maximum_delay: int = 20000,
        backoff_exponent: float = 2.0,
        maximum_retry_time: int = 0,
        jitter: float = 1.0,
        *,
        clock: Callable[[], int] = ...,
        chance: Callable[[], float] | None = None,
    ) -> None: ...
    def get_connect_wait_duration(self, uri: str | bytes) -> int: ...
    def reset(self) -> None: ...
