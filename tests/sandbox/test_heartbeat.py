"""Heartbeats: beats come, silence ends the connection."""

import time

import pytest

from amps_sandbox import Sandbox

START = {"c": "heartbeat", "opts": "start,0.2"}
BEAT = {"c": "heartbeat", "opts": "beat"}


def test_case_85_a_silent_client_sees_beats_and_is_closed_after_two_intervals(connect):
    lines = []
    with Sandbox(log=lines.append) as sandbox:
        driver = connect(sandbox, "a")
        began = time.monotonic()
        driver.send({"c": "heartbeat", "opts": "start,0.3"})
        assert driver.read().header == {"c": "heartbeat"}
        assert driver.is_ended()
        assert 0.55 < time.monotonic() - began < 2
    assert any("'a': closed: heartbeat" in line for line in lines)


@pytest.mark.parametrize("start", ["start,0.2", "start=0.2", " start , 200ms ", "START,.2s"])
def test_case_85_a_beating_client_stays(amps_sandbox, connect, start):
    driver = connect(amps_sandbox, "a")
    driver.send({"c": "heartbeat", "opts": start})
    for _ in range(3):
        assert driver.read().header == {"c": "heartbeat"}
        driver.send(BEAT)
    assert amps_sandbox.clients()


def test_any_command_is_a_sign_of_life(amps_sandbox, connect):
    driver = connect(amps_sandbox, "a")
    driver.send(START)
    for _ in range(3):
        assert driver.read()["c"] == "heartbeat"
        driver.publish("t", b"")
    assert amps_sandbox.clients()


def test_a_strict_sandbox_counts_only_beats(connect):
    with Sandbox(strict_heartbeats=True) as sandbox:
        driver = connect(sandbox, "a")
        driver.send(START)
        beats = 0
        while driver.read() is not None:
            beats += 1
            driver.socket.sendall(b"\0\0\0\0")
            assert beats < 10, "the connection is still there"


def test_beats_stop_when_asked(amps_sandbox, connect):
    driver = connect(amps_sandbox, "a")
    driver.send(START)
    driver.read()
    assert driver.ask({"c": "heartbeat", "cid": "1", "opts": "stop"})["cid"] == "1"
    before = len(amps_sandbox.frames(command="heartbeat", direction="out"))
    with pytest.raises(TimeoutError):
        amps_sandbox.wait_until(lambda: not amps_sandbox.clients(), timeout=0.6)
    assert len(amps_sandbox.frames(command="heartbeat", direction="out")) == before


def test_a_new_start_changes_the_interval(amps_sandbox, connect):
    driver = connect(amps_sandbox, "a")
    driver.send({"c": "heartbeat", "opts": "start,3600"})
    driver.send(START)
    assert driver.read()["c"] == "heartbeat"


def test_a_beat_before_any_start_is_ignored(amps_sandbox, connect):
    driver = connect(amps_sandbox, "a")
    driver.send(BEAT)
    driver.send({"c": "heartbeat"})
    assert driver.everything_before() == []


@pytest.mark.parametrize(
    "opts", ["start,0", "start", "start,soon", "start,-1", "start,1e-9", "start,99999999", "jump"]
)
def test_a_malformed_heartbeat_is_refused(amps_sandbox, connect, opts):
    driver = connect(amps_sandbox, "a")
    assert driver.ask({"c": "heartbeat", "cid": "1", "opts": opts})["reason"] == "invalid options"
    assert driver.everything_before() == []
