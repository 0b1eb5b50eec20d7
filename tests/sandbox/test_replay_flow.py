"""How a replay flows: its pace, its pauses, what replaces it, and what is told of it meanwhile."""

import socket
import struct
import threading

import pytest

from amps_sandbox import Sandbox
from amps_sandbox.replays import READ_AHEAD_BYTES

from .driver import frame
from .test_replay import TEN, feed, logged, mark, replay, seen

__all__ = ["logged"]
MANY = 100_000
LIVE = 20_000


def change(driver, opts, sub_id="1", **more):
    return driver.ask({"c": "subscribe", "cid": "x", "sub_id": sub_id, "opts": opts, **more})


def numbers(driver, last):
    """The numbers of the messages that come, up to and with the last; acks are left out."""
    read, found = driver.file.read, []
    while not found or found[-1] != last:
        payload = read(struct.unpack(">I", read(4))[0])
        if not payload.startswith(b'{"c":"ack"'):
            found.append(int(payload.split(b'"bm":"', 1)[1].split(b"|")[1]))
    return found


def test_case_52_the_cut_over_loses_and_repeats_nothing(connect):
    with Sandbox(txlog=["t"]) as sandbox:
        publisher = connect(sandbox, "a")
        frames = [frame({"c": "p", "t": "t", "s": s}, b"x" * 20) for s in range(1, MANY + LIVE + 1)]
        publisher.socket.sendall(b"".join(frames[:MANY]))
        publisher.everything_before()
        readers = [connect(sandbox, f"r{number}") for number in range(3)]
        for reader in readers:
            reader.socket.settimeout(30)
            replay(reader, "0")
        rest = b"".join(frames[MANY:])
        live = threading.Thread(target=publisher.socket.sendall, args=(rest,))
        live.start()
        for reader in readers:
            assert numbers(reader, MANY + LIVE) == list(range(1, MANY + LIVE + 1))
        live.join()


def test_a_replay_waits_for_its_client_and_is_no_slow_one(connect):
    with Sandbox(txlog=["t"], client_buffer_bytes=1_000_000) as sandbox:
        publisher = connect(sandbox, "a")
        for number in range(1, 101):
            publisher.publish("t", bytes(100_000), s=number)
        publisher.everything_before()
        reader = connect(sandbox)
        reader.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 200_000)
        reader.log_on("r")
        replay(reader, "0")
        publisher.publish("t", b"", s=101)
        assert publisher.everything_before() == []
        sent = sandbox.frames("r", "publish", "out")
        assert len(sent) < 100 and READ_AHEAD_BYTES < 1_000_000
        assert numbers(reader, 101) == list(range(1, 102))
        assert len(sandbox.clients()) == 2


def test_once_live_a_slow_client_is_closed(connect):
    with Sandbox(txlog=["t"], client_buffer_bytes=100_000) as sandbox:
        reader = connect(sandbox, "r")
        replay(reader, "0")
        publisher = connect(sandbox, "a")
        for number in range(1, 101):
            publisher.publish("t", bytes(100_000), s=number)
        publisher.everything_before()
        sandbox.wait_until(lambda: len(sandbox.clients()) == 1)


def test_others_are_served_during_a_long_replay(connect):
    with Sandbox(txlog=["t", "u"]) as sandbox:
        publisher = connect(sandbox, "a")
        frames = [frame({"c": "p", "t": "t", "s": s}, b"") for s in range(1, MANY + 1)]
        publisher.socket.sendall(b"".join(frames))
        publisher.everything_before()
        reader = connect(sandbox, "r")
        command = {"c": "subscribe", "cid": "1", "t": "u", "bm": "0", "a": "completed"}
        flush = {"c": "flush", "cid": "f", "a": "processed"}
        reader.socket.sendall(frame(command) + frame(flush))
        assert [reader.read_ack()["a"] for _ in range(2)] == ["processed", "completed"]


def test_case_53_replays_resumed_together_are_in_the_order_of_the_log(logged, connect):
    feed(logged, 11, topic="log1")
    feed(logged, 12, topic="t")
    feed(logged, 13, topic="log1")
    driver = connect(logged, "r")
    replay(driver, mark(9), sub_id="t", opts="pause")
    replay(driver, mark(9), sub_id="l", topic="log1", opts="pause")
    replay(driver, mark(11), sub_id="late", topic="log1", opts="pause")
    feed(logged, 14, topic="log1")
    assert driver.everything_before() == []
    assert change(driver, "resume", "t, l")["status"] == "success"
    assert seen(driver) == [10, 11, 12, 13, "completed", "completed", 14]
    feed(logged, 15, topic="log1")
    feed(logged, 16)
    assert seen(driver) == [15, 16]
    change(driver, "resume", "late")
    assert seen(driver) == [13, "completed", 14, 15]


def test_a_pause_stops_what_is_live_and_nothing_is_lost(logged, connect):
    driver = connect(logged, "r")
    for sub_id in ("1", "2"):
        replay(driver, mark(9), sub_id=sub_id)
        assert seen(driver) == [10, "completed"]
    for _ in range(2):
        assert change(driver, "pause", "1,2", t="t")["status"] == "success"
    feed(logged, 11)
    assert driver.everything_before() == []
    change(driver, "resume", "2")
    assert seen(driver) == [11]
    change(driver, "resume", "2")
    feed(logged, 12)
    assert seen(driver) == [12]
    change(driver, "resume", bm="0", t="t")
    assert seen(driver) == [11, 12]


def test_a_pause_ends_with_its_connection(logged, connect):
    driver = connect(logged, "r")
    replay(driver, mark(9), opts="pause")
    driver.close()
    logged.wait_until(lambda: len(logged.clients()) == 1)
    again = connect(logged, "r")
    assert change(again, "resume")["reason"] == "invalid sub id"


@pytest.mark.parametrize("option", ["pause", "resume"])
@pytest.mark.parametrize(
    ("sub_id", "reason"),
    [
        ("unknown", "invalid sub id"),
        ("replay,unknown", "invalid sub id"),
        ("", "invalid sub id"),
        (",", "invalid sub id"),
        ("plain", "invalid options"),
        ("live", "invalid options"),
        ("replay,plain", "invalid options"),
    ],
)
def test_only_replays_can_be_paused_or_resumed(logged, connect, option, sub_id, reason):
    driver = connect(logged, "r")
    driver.subscribe("t", "plain")
    for sub_id_there, opts in (("live", "live"), ("replay", "")):
        replay(driver, mark(10), sub_id=sub_id_there, acks="processed", opts=opts)
    ack = change(driver, option, sub_id)
    assert (ack["status"], ack["reason"]) == ("failure", reason)
    feed(logged, 11)
    told = [message["sids"] for message in driver.everything_before()]
    assert sorted(",".join(told).split(",")) == ["live", "plain", "replay"]


def test_case_54_who_asks_is_told_how_far_the_log_is_persisted(logged, connect):
    driver = connect(logged, "r")
    replay(driver, mark(10), acks="processed,persisted")
    logged.clock.advance(60)
    assert driver.everything_before() == []
    for number in (11, 12):
        feed(logged, number, topic="log1")
    assert driver.everything_before() == []
    logged.clock.advance(1)
    ack = driver.read_ack(a="persisted", bm=mark(12), sub_id="1", cid="1", status="success")
    assert "s" not in ack
    feed(logged, 13)
    logged.clock.advance(1)
    assert seen(driver) == [13, "persisted"]
    logged.clock.advance(60)
    assert driver.everything_before() == []


def test_what_was_not_sent_yet_is_not_told_as_persisted(logged, connect):
    driver = connect(logged, "r", opts="ack_conflation=0")
    replay(driver, mark(2), acks="processed,persisted", opts="rate=1")
    logged.clock.advance(2)
    acks = [one for one in driver.everything_before() if one["c"] == "ack"]
    assert acks[-1]["bm"] == mark(5)
    change(driver, "pause")
    feed(logged, 11)
    assert driver.everything_before() == []


def test_case_55_a_rate_is_kept(logged, connect):
    feed(logged, *range(11, 501))
    driver = connect(logged, "r")
    replay(driver, "0", opts="rate=100")
    assert seen(driver) == [1]
    logged.clock.advance(1)
    assert len(seen(driver)) == 100
    logged.clock.advance(10)
    assert seen(driver) == [*range(102, 501), "completed"]
    feed(logged, *range(501, 510))
    assert len(seen(driver)) == 9


@pytest.mark.parametrize(
    ("opts", "counts"),
    [
        ("rate=0.5", [1, 0, 1, 0, 1]),
        ("rate=.5", [1, 0, 1, 0, 1]),
        ("rate=16B", [1, 2, 2, 2, 2]),
        ("rate=.008KB", [1, 1, 1, 1, 1]),
        ("rate=1X", [1, 1, 1, 1, 1]),
        ("rate=2x", [1, 2, 2, 2, 2]),
        ("rate=.5X", [1, 0, 1, 0, 1]),
        ("rate=.01X,rate_max_gap=1s", [1, 1, 1, 1, 1]),
    ],
)
def test_a_rate_counts_messages_bytes_or_the_original_pace(logged, connect, opts, counts):
    driver = connect(logged, "r")
    replay(driver, "0", opts=opts)
    found = [len(seen(driver))]
    for _ in counts[1:]:
        logged.clock.advance(1)
        found.append(len([number for number in seen(driver) if number != "completed"]))
    assert found == counts


def test_a_filter_decides_before_the_rate_does(logged, connect):
    driver = connect(logged, "r")
    replay(driver, "0", opts="rate=1", filter="/id = 5 OR /id = 9")
    assert seen(driver) == [5]
    logged.clock.advance(1)
    assert seen(driver) == [9, "completed"]


def test_unsubscribing_or_leaving_ends_a_slow_replay(logged, connect):
    for end in ("unsubscribe", "close"):
        driver = connect(logged, "r")
        replay(driver, "0", opts="rate=1")
        assert seen(driver) == [1]
        if end == "close":
            driver.close()
            logged.wait_until(lambda: len(logged.clients()) == 1)
        else:
            driver.ask({"c": "unsubscribe", "cid": "u", "sub_id": "1"})
        logged.clock.advance(60)
        if end != "close":
            assert driver.everything_before() == []


def test_a_replacement_goes_on_where_it_is(logged, connect):
    driver = connect(logged, "r")
    replay(driver, "0", opts="rate=1")
    logged.clock.advance(2)
    assert seen(driver) == [1, 2, 3]
    replay(driver, "0", opts="replace", filter="/id > 7", topic="^")
    assert seen(driver) == [8, 9, 10, "completed"]
    feed(logged, 11, topic="log")
    assert seen(driver) == [11]
    assert change(driver, "replace", t="t")["status"] == "success"
    feed(logged, 12, topic="log")
    feed(logged, 13)
    assert seen(driver) == [13]


def test_a_replacement_stays_paused_until_it_is_resumed(logged, connect):
    driver = connect(logged, "r")
    replay(driver, mark(7), opts="pause")
    replay(driver, "0", opts="replace", filter="/id != 9")
    assert driver.everything_before() == []
    change(driver, "resume")
    assert seen(driver) == [8, 10, "completed"]


def test_a_replay_and_a_live_subscription_replace_each_other(logged, connect):
    driver = connect(logged, "r")
    driver.subscribe("t", "1")
    replay(driver, mark(9), opts="replace")
    feed(logged, 11)
    assert seen(driver) == [10, "completed", 11]
    driver.send({"c": "delta_subscribe", "cid": "1", "sub_id": "1", "t": "t", "opts": "replace"})
    feed(logged, 12)
    (message,) = driver.everything_before()
    assert (message.body, "bm" in message) == (b'{"id":12}', False)


def test_a_replacement_that_fails_changes_nothing(logged, connect):
    driver = connect(logged, "r")
    replay(driver, mark(10), acks="processed")
    for more in ({"t": "elsewhere"}, {"t": "t", "bm": "x"}, {"t": "t", "filter": "/x ="}):
        assert change(driver, "replace", **more)["status"] == "failure"
    feed(logged, 11)
    assert seen(driver) == [11]


def test_a_client_that_publishes_and_replays_sees_its_own(logged, connect):
    driver = connect(logged, "both")
    replay(driver, mark(10), acks="processed")
    driver.publish("t", b"{}", s=1, a="processed")
    assert [one["c"] for one in driver.everything_before()] == ["p", "ack"]


def test_a_finished_range_in_the_past_of_a_pause_ends_after_it(logged, connect):
    driver = connect(logged, "r")
    replay(driver, f"[{mark(3)}:{mark(5)}]", opts="pause")
    assert driver.everything_before() == []
    change(driver, "resume")
    assert seen(driver) == [3, 4, 5, "completed"] and len(TEN) == 10
