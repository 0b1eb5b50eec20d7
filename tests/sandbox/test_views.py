"""What a test can ask the sandbox: frames, clients, subscriptions, and waiting for them."""

import threading
import time

import pytest

from amps_sandbox import Sandbox, trace


def test_frames_are_seen_in_both_directions_in_order(amps_sandbox, connect):
    driver = connect(amps_sandbox, "a")
    driver.subscribe("t", "1")
    driver.publish("t", b"body", s=5)
    driver.read()
    seen = [(frame.direction, frame.command) for frame in amps_sandbox.frames()]
    assert seen == [
        ("in", "logon"),
        ("out", "ack"),
        ("in", "subscribe"),
        ("out", "ack"),
        ("in", "publish"),
        ("out", "publish"),
    ]
    publish = amps_sandbox.frames()[4]
    assert (publish.header, publish.body) == ({"c": "p", "t": "t", "s": 5}, b"body")
    assert (publish.client, publish.connection) == ("a", 1)
    assert abs(time.time() - publish.time) < 60


def test_frames_can_be_chosen(amps_sandbox, connect):
    for name in "ab":
        connect(amps_sandbox, name).ask({"c": "publish", "cid": "1", "t": name})
    assert len(amps_sandbox.frames(client="a")) == 4
    assert len(amps_sandbox.frames(command="p")) == len(amps_sandbox.received("publish")) == 2
    assert [f.header["t"] for f in amps_sandbox.received("p", client="b")] == ["b"]
    amps_sandbox.forget_frames()
    assert amps_sandbox.frames() == []


def test_only_the_newest_frames_are_kept(amps_sandbox, connect, monkeypatch):
    monkeypatch.setattr(trace, "TRACE_FRAMES_MAX", 10)
    driver = connect(amps_sandbox, "a")
    for number in range(50):
        driver.publish("t", b"%d" % number)
    driver.everything_before()
    assert len(amps_sandbox.frames()) == 10
    assert amps_sandbox.received("publish")[-1].body == b"49"


def test_large_frames_push_out_older_ones(amps_sandbox, connect, monkeypatch):
    monkeypatch.setattr(trace, "TRACE_BYTES_MAX", 10_000)
    driver = connect(amps_sandbox, "a")
    driver.publish("t", b"x" * 20_000)
    amps_sandbox.wait_until(lambda: len(amps_sandbox.frames()) == 1)
    assert len(amps_sandbox.frames()[0].body) == 20_000


def test_wait_for_counts_frames_before_and_after_the_call(amps_sandbox, connect):
    driver = connect(amps_sandbox, "a")
    driver.publish("t", b"0")
    amps_sandbox.wait_for("publish")
    later = threading.Timer(0.05, lambda: [driver.publish("t", b"%d" % n) for n in (1, 2)])
    later.start()
    frames = amps_sandbox.wait_for("p", count=3)
    assert [frame.body for frame in frames] == [b"0", b"1", b"2"]
    later.join()


def test_wait_for_takes_a_predicate_over_frames(amps_sandbox, connect):
    driver = connect(amps_sandbox, "a")
    driver.subscribe("t", "1")
    driver.publish("t", b"")
    (frame,) = amps_sandbox.wait_for(
        lambda frame: frame.direction == "out" and frame.command == "publish"
    )
    assert frame.header["sids"] == "1"


def test_waiting_in_vain_says_what_was_seen(amps_sandbox, connect):
    connect(amps_sandbox, "someone")
    with pytest.raises(TimeoutError, match=r"2 'publish' frame.*saw 0.*1 x logon in, 1 x ack out"):
        amps_sandbox.wait_for("publish", count=2, timeout=0.05)
    with pytest.raises(TimeoutError, match="logged on: 'someone'"):
        amps_sandbox.wait_until(lambda: False, timeout=0.05)


def test_waiting_does_not_spin(amps_sandbox):
    asked = []
    with pytest.raises(TimeoutError):
        amps_sandbox.wait_until(lambda: asked.append(amps_sandbox.clients()), timeout=0.2)
    assert len(asked) < 10


def test_clients_and_subscriptions_come_and_go(amps_sandbox, connect):
    driver = connect(amps_sandbox, "a", mt="fix")
    driver.subscribe("^t", "1")
    (subscription,) = amps_sandbox.subscriptions()
    assert subscription == ("a", 1, "1", "^t", "fix")
    driver.close()
    amps_sandbox.wait_until(lambda: not amps_sandbox.clients())
    assert amps_sandbox.subscriptions() == []
    amps_sandbox.publish("t", b"", message_type="fix")


def test_disconnect_ends_one_client_or_all(connect):
    lines = []
    with Sandbox(log=lines.append) as sandbox:
        first, second, third = (connect(sandbox, name) for name in "abc")
        assert sandbox.disconnect("b") == 1
        assert second.is_ended()
        assert first.everything_before() == []
        assert sandbox.disconnect(reason="fault") == 2
        assert first.is_ended() and third.is_ended()
    assert sum("closed: entitlement reset" in line for line in lines) == 1
    assert sum("closed: fault" in line for line in lines) == 2


def test_what_was_seen_can_be_asked_after_the_end(connect):
    with Sandbox() as sandbox:
        connect(sandbox, "a")
    assert [frame.command for frame in sandbox.frames(direction="in")] == ["logon"]
    assert sandbox.clients() == []


def test_each_frame_can_be_watched_as_it_flows(connect):
    seen = []
    with Sandbox(on_frame=seen.append) as sandbox:
        connect(sandbox, "a")
    assert [frame.command for frame in seen] == ["logon", "ack"]


def test_a_watcher_that_fails_costs_one_connection_only(connect):
    lines = []

    def watch(frame):
        if frame.body == b"bad":
            raise RuntimeError("no")

    with Sandbox(on_frame=watch, log=lines.append) as sandbox:
        bad, good = connect(sandbox, "bad"), connect(sandbox, "good")
        bad.publish("t", b"bad", cid="1", a="processed")
        bad.read_ack(status="failure", reason="internal error")
        assert bad.is_ended()
        assert good.everything_before() == []


def test_the_sandbox_may_be_used_from_many_threads(amps_sandbox, connect):
    driver = connect(amps_sandbox, "a")
    driver.subscribe("t", "1")
    threads = [
        threading.Thread(target=lambda: [amps_sandbox.publish("t", b"x") for _ in range(100)])
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    assert [driver.read().body for _ in range(400)] == [b"x"] * 400
    for thread in threads:
        thread.join()
