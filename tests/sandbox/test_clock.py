"""Time: it passes by itself, or only when it is told to."""

import time

import pytest

from amps_sandbox import Sandbox
from amps_sandbox.clock import make_clock
from amps_sandbox.loop import Loop


@pytest.fixture
def clock():
    """A manual clock whose loop does not run: all happens on this thread."""
    failures = []
    made = make_clock("manual", Loop(lambda: None, failures.append))
    made.failures = failures
    return made


def test_what_falls_due_has_run_in_order_when_advance_returns(clock):
    seen = []
    for seconds in (3, 1, 2, 1):
        clock.after(seconds, lambda seconds=seconds: seen.append((seconds, clock.monotonic())))
    began = clock.monotonic()
    clock.after(1.5, lambda: seen.append("cancelled")).cancel()
    clock.advance(2)
    assert [(what, round(when - began)) for what, when in seen] == [(1, 1), (1, 1), (2, 2)]
    clock.advance(0.999)
    assert len(seen) == 3
    clock.advance(0.001)
    assert len(seen) == 4


def test_a_timer_that_starts_another_sees_it_run_in_the_same_advance(clock):
    ticks = []

    def tick():
        ticks.append(clock.time_ns())
        clock.after(1, tick)

    clock.after(1, tick)
    clock.advance(5)
    assert [ticks[at + 1] - ticks[at] for at in range(4)] == [10**9] * 4 and len(ticks) == 5


def test_a_timer_that_fails_stops_no_other(clock):
    seen = []
    clock.after(1, lambda: 1 / 0)
    clock.after(1, lambda: seen.append(1))
    clock.advance(1)
    assert seen == [1] and isinstance(clock.failures[0], ZeroDivisionError)


def test_a_manual_clock_stands_still_and_begins_now(clock):
    before = clock.time_ns()
    assert abs(before / 1e9 - time.time()) < 60
    assert clock.time_ns() == before and clock.monotonic() == clock.monotonic()
    clock.advance(1.5)
    assert clock.time_ns() - before == 1_500_000_000


@pytest.mark.parametrize("seconds", [-1, float("nan"), float("inf"), 1e18])
def test_time_goes_forward_only_and_not_for_ever(clock, seconds):
    with pytest.raises(ValueError, match="cannot advance by"):
        clock.advance(seconds)


def test_the_systems_clock_cannot_be_moved(amps_sandbox):
    with pytest.raises(RuntimeError, match="clock='manual'"):
        amps_sandbox.clock.advance(1)


def test_case_85_heartbeats_follow_the_clock(connect):
    with Sandbox(clock="manual") as sandbox:
        silent, beating = connect(sandbox, "silent"), connect(sandbox, "beating")
        for driver in (silent, beating):
            driver.ask({"c": "heartbeat", "cid": "1", "opts": "start,10"})
        sandbox.clock.advance(10)
        assert silent.read()["c"] == beating.read()["c"] == "heartbeat"
        beating.ask({"c": "heartbeat", "cid": "2", "opts": "beat"})
        sandbox.clock.advance(10)
        assert [client.name for client in sandbox.clients()] == ["beating"]
        assert silent.read() is None or silent.is_ended()


def test_case_86_timers_follow_the_clock(connect):
    lines = []
    with Sandbox(clock="manual", log=lines.append) as sandbox:
        driver = connect(sandbox, "a")
        driver.ask({"c": "start_timer", "cid": "1", "t": "mine"})
        sandbox.clock.advance(61.5)
        driver.ask({"c": "stop_timer", "cid": "2", "t": "mine"})
    assert any("timer 'mine': 61.500000 s" in line for line in lines)


def test_time_stamps_follow_the_clock(connect):
    with Sandbox(clock="manual") as sandbox:
        driver = connect(sandbox, "a")
        driver.subscribe("t", "1", opts="timestamp")
        stamps = []
        for _ in range(3):
            driver.publish("t", b"")
            stamps.append(driver.read()["ts"])
            sandbox.clock.advance(86400 if len(stamps) == 1 else 0)
        assert stamps[0][:8] < stamps[1][:8] and stamps[0][9:] == stamps[1][9:]
        assert stamps[1] == stamps[2]
