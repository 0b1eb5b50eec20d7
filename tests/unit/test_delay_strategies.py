"""Delay strategies: exact figures, limits of time, and arguments that make no sense."""

import os

import pytest

import AMPS
from AMPS.delay_strategies import MS_MAX, SERIES_MAX

A, B = "tcp://a:9007/amps/json", "tcp://b:9007/amps/json"
JUST_BELOW_1 = 1 - 2**-53


class Clock:
    """Milliseconds that pass when the test says so, told as nanoseconds."""

    now = 12345

    def __call__(self):
        return self.now * 1_000_000


def waits(strategy, count, uri=A):
    return [strategy.get_connect_wait_duration(uri) for _ in range(count)]


def exponential(*args, **kwargs):
    return AMPS.ExponentialDelayStrategy(*args, **{"jitter": 0, **kwargs})


def test_a_fixed_delay_is_waited_but_for_the_first_try():
    strategy = AMPS.FixedDelayStrategy()
    assert waits(strategy, 4) == [0, 200, 200, 200]
    assert waits(strategy, 2, B) == [0, 200]
    strategy.reset()
    assert waits(strategy, 2) == [0, 200]
    assert waits(AMPS.FixedDelayStrategy(initial_delay=7, maximum=0), 3) == [0, 7, 7]
    assert waits(AMPS.FixedDelayStrategy(0), 3) == [0, 0, 0]


def test_case_25_the_delay_doubles_up_to_its_maximum():
    """Case 25 of ha.md."""
    strategy = exponential()
    series = [0, 200, 400, 800, 1600, 3200, 6400, 12800, 20000, 20000]
    assert waits(strategy, 10) == series
    strategy.reset()
    assert waits(strategy, 10) == series


def test_each_server_has_a_series_of_its_own():
    strategy = exponential()
    found = [(strategy.get_connect_wait_duration(A), strategy.get_connect_wait_duration(B))]
    found += [(strategy.get_connect_wait_duration(A), strategy.get_connect_wait_duration(B))]
    assert found == [(0, 0), (200, 200)]
    assert waits(strategy, 2) == [400, 800] and waits(strategy, 1, B) == [400]


def test_case_25_jitter_is_between_nothing_and_the_first_delay():
    """Case 25 of ha.md."""
    found = [waits(AMPS.ExponentialDelayStrategy(), 2)[1] for _ in range(1000)]
    assert 200 <= min(found) < 220 and 380 < max(found) < 400
    assert len(set(found)) > 100


@pytest.mark.parametrize(
    ("chance", "jitter", "wait"),
    [
        *((0.0, 1.0, 200), (0.5, 1.0, 300), (JUST_BELOW_1, 1.0, 399), (JUST_BELOW_1, 0.5, 299)),
        *((JUST_BELOW_1, 0.001, 200), (JUST_BELOW_1, 3.0, 799), (0.999, 1e308, 20000)),
    ],
)
def test_the_random_part_is_below_its_limit_however_doubles_are_rounded(chance, jitter, wait):
    strategy = AMPS.ExponentialDelayStrategy(jitter=jitter, chance=lambda: chance)
    assert waits(strategy, 2) == [0, wait]


def test_the_maximum_holds_for_delay_and_random_part_together():
    strategy = AMPS.ExponentialDelayStrategy(200, 500, chance=lambda: 0.75)
    assert waits(strategy, 5) == [0, 350, 500, 500, 500]


@pytest.mark.parametrize("factor", [2.0, 1.5, 1e300, 10**400])
def test_case_26_however_often_it_is_asked_nothing_overflows(factor):
    """Case 26 of ha.md."""
    strategy = AMPS.ExponentialDelayStrategy(backoff_exponent=factor)
    assert waits(strategy, 5001)[-1] == 20000
    assert waits(exponential(0, backoff_exponent=factor), 5001)[-1] == 0
    strategy = exponential(10**400, 10**400, factor, 10**400)
    assert waits(strategy, 3) == [0, MS_MAX, MS_MAX]


def test_parts_of_a_millisecond_are_dropped_at_the_end_only():
    assert waits(exponential(1, 1000, 1.5), 6) == [0, 1, 1, 2, 3, 5]
    assert waits(exponential(100, backoff_exponent=1), 4) == [0, 100, 100, 100]
    assert waits(exponential(900, maximum_delay=500), 3) == [0, 500, 500]


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda **more: AMPS.FixedDelayStrategy(200, 1000, **more), "maximum"),
        (lambda **more: exponential(maximum_retry_time=1000, **more), "maximum_retry_time"),
    ],
    ids=["fixed", "exponential"],
)
def test_case_27_after_the_time_allowed_it_gives_up(make, name):
    """Case 27 of ha.md, as far as it goes without a client."""
    clock = Clock()
    strategy = make(clock=clock)
    clock.now += 5_000_000  # the time counts from the first try
    assert waits(strategy, 1) == [0]
    clock.now += 999
    assert waits(strategy, 1) == [200]
    clock.now += 250
    for uri in (A, B):  # over all servers
        with pytest.raises(AMPS.ConnectionException, match=rf"1249 ms: {name} is 1000 ms"):
            strategy.get_connect_wait_duration(uri)
    strategy.reset()
    assert waits(strategy, 2) == [0, 200]
    clock.now += 1000
    with pytest.raises(AMPS.ConnectionException, match="1000 ms"):
        strategy.get_connect_wait_duration(A)


def test_without_a_limit_it_never_gives_up():
    clock = Clock()
    for strategy in (AMPS.FixedDelayStrategy(clock=clock), exponential(clock=clock)):
        waits(strategy, 1)
        clock.now += 10**12
        assert waits(strategy, 1) == [200]


def test_endless_names_of_servers_do_not_fill_the_memory():
    strategy = AMPS.FixedDelayStrategy()
    for number in range(SERIES_MAX + 1):
        assert strategy.get_connect_wait_duration(f"tcp://{number}:1/amps") == 0
    assert strategy.get_connect_wait_duration(f"tcp://{SERIES_MAX}:1/amps") == 200
    assert strategy.get_connect_wait_duration("tcp://0:1/amps") == 0  # the oldest was forgotten


TIMES = [
    (AMPS.FixedDelayStrategy, "initial_delay"),
    (AMPS.FixedDelayStrategy, "maximum"),
    (AMPS.ExponentialDelayStrategy, "initial_delay"),
    (AMPS.ExponentialDelayStrategy, "maximum_delay"),
    (AMPS.ExponentialDelayStrategy, "maximum_retry_time"),
]


@pytest.mark.parametrize(("kind", "name"), TIMES)
def test_a_time_is_a_number_of_milliseconds_from_0_on(kind, name):
    for wrong in (-1, -(10**5000)):
        with pytest.raises(AMPS.UsageException, match=f"{name} must not be negative"):
            kind(**{name: wrong})
    for wrong in ("200", 200.5, None, [200]):
        with pytest.raises(TypeError, match=f"{name} must be an int .*{type(wrong).__name__}"):
            kind(**{name: wrong})


@pytest.mark.parametrize(("name", "least"), [("backoff_exponent", 1), ("jitter", 0)])
def test_a_factor_is_a_finite_number(name, least):
    for wrong in (least - 0.01, float("nan"), float("inf"), -float("inf")):
        with pytest.raises(AMPS.UsageException, match=f"{name} must be a finite number"):
            AMPS.ExponentialDelayStrategy(**{name: wrong})
    for wrong in ("2", None, 2j):
        with pytest.raises(TypeError, match=f"{name} must be a number, not"):
            AMPS.ExponentialDelayStrategy(**{name: wrong})


@pytest.mark.parametrize("uri", [None, 7, [A], {}])
def test_a_server_is_named_by_text(uri):
    for strategy in (AMPS.FixedDelayStrategy(), AMPS.ExponentialDelayStrategy()):
        with pytest.raises(TypeError, match="uri must be str or bytes"):
            strategy.get_connect_wait_duration(uri)


def test_parent_and_child_of_a_fork_do_not_wait_alike():
    strategy = AMPS.ExponentialDelayStrategy(10**6, 10**9)
    waits(strategy, 1)
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(write, repr(waits(strategy, 5)).encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(read, 1000).decode() != repr(waits(strategy, 5))
    os.close(read)
    os.close(write)
