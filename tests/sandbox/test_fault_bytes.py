"""Bytes that come slowly, in small pieces, or make no sense."""

import random
import socket
import struct
import time

import pytest

from amps_sandbox import Fault, Sandbox, Topic
from amps_sandbox.fault_garbage import spoiled
from amps_sandbox.faults import BAD_BATCHES, GARBAGE

from .driver import frame, records_of

FLUSH = {"c": "flush", "cid": "1", "a": "processed"}
ACK = frame(b'{"c":"ack","cid":"1","a":"processed","status":"success"}')


def pieces(driver, size):
    """So many bytes, as they came."""
    found = []
    while sum(map(len, found)) < size:
        found.append(driver.socket.recv(65536))
        assert found[-1], found
    return found


def test_a_frame_comes_a_few_bytes_at_a_time(connect):
    with Sandbox(clock="manual") as sandbox:
        sandbox.faults.add(Fault(on="flush", action="dribble", bytes=7, seconds=1))
        driver, other = connect(sandbox, "a"), connect(sandbox, "b")
        driver.send(FLUSH)
        driver.send(FLUSH)
        sandbox.wait_for("flush", 2)
        came = b"".join(pieces(driver, 7))
        while len(came) < 2 * len(ACK):
            sandbox.clock.advance(1)
            assert other.everything_before() == []
            more = driver.socket.recv(65536)
            came += more
            assert len(more) == 7 or len(came) == 2 * len(ACK)
        assert came == ACK * 2


@pytest.mark.parametrize("clock", ["system", "manual"])
def test_a_dribbling_connection_loses_nothing(connect, clock):
    with Sandbox(clock=clock) as sandbox:
        driver = connect(sandbox)
        sandbox.faults.add(Fault(on="logon", action="dribble", bytes=1, seconds=0.0001))
        driver.send({"c": "logon", "mt": "json", "client_name": "a", "cid": "0", "a": "processed"})
        driver.socket.sendall(frame(FLUSH) * 10)
        sandbox.wait_for("flush", 10)
        if clock == "manual":
            sandbox.clock.advance(1)
        assert driver.read()["status"] == "success"
        assert driver.file.read(10 * len(ACK)) == ACK * 10


def test_who_is_closed_while_dribbling_hears_all_of_a_short_goodbye(amps_sandbox, connect):
    amps_sandbox.faults.add(Fault(on="connect", action="dribble", bytes=3, seconds=0.001))
    driver = connect(amps_sandbox, "a")
    driver.send({"c": "nonsense", "cid": "7"})
    driver.read_ack(cid="7", reason="unknown command")
    assert driver.is_ended()


def test_the_server_reads_slowly_and_the_clients_buffer_fills(connect):
    with Sandbox(clock="manual") as sandbox:
        sandbox.faults.add(Fault(on="flush", action="slow_read", bytes_per_s=1000))
        driver, other = connect(sandbox, "a"), connect(sandbox, "b")
        driver.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        driver.ask(FLUSH)
        driver.socket.settimeout(0.2)
        sent = 0
        one = frame({"c": "p", "t": "t"}, b"x" * 979)
        assert len(one) == 1000
        with pytest.raises(OSError, match="timed out"):
            while sent < 50_000_000:
                sent += driver.socket.send(one)
        assert other.everything_before() == []
        assert len(sandbox.received("publish")) <= 1
        passed_s = 0
        while len(sandbox.received("publish")) < 5:
            sandbox.clock.advance(0.5)
            passed_s += 0.5
            assert len(sandbox.received("publish")) <= passed_s + 1
            assert passed_s < 1000


def test_slow_reading_goes_on_by_itself_with_the_systems_clock(amps_sandbox, connect):
    amps_sandbox.faults.add(Fault(on="connect", action="slow_read", bytes_per_s=1000))
    began = time.monotonic()
    driver = connect(amps_sandbox, "a")
    driver.socket.sendall(frame({"c": "p", "t": "t"}, b"x" * 300) + frame(FLUSH))
    assert driver.file.read(len(ACK)) == ACK
    assert time.monotonic() - began > 0.25
    driver.close()
    amps_sandbox.wait_until(lambda: not amps_sandbox.clients())


def test_heartbeats_are_accepted_but_none_is_sent(connect):
    with Sandbox(clock="manual") as sandbox:
        sandbox.faults.add(Fault(on="heartbeat", action="no_heartbeat", client="a"))
        driver, other = connect(sandbox, "a"), connect(sandbox, "b")
        for each in (driver, other):
            ack = each.ask({"c": "heartbeat", "cid": "1", "opts": "start,1"})
            assert ack["status"] == "success"
        for _ in range(3):
            for each in (driver, other):
                each.send({"c": "heartbeat", "opts": "beat"})
            assert driver.everything_before() == []
            assert len(other.everything_before()) == (_ > 0)
            sandbox.clock.advance(1)
        sandbox.clock.advance(2)
        assert driver.is_ended()


@pytest.mark.parametrize("seconds", [3600, -3600])
@pytest.mark.parametrize("clock", ["system", "manual"])
def test_the_clock_jumps_and_stamps_with_it(connect, clock, seconds):
    with Sandbox(clock=clock) as sandbox:
        driver = connect(sandbox, "a")
        driver.subscribe("t", "1", opts="timestamp")
        before = sandbox.clock.time_ns(), sandbox.clock.monotonic()
        sandbox.faults.add(Fault(on="publish", action="clock_jump", seconds=seconds, topic="t"))
        driver.publish("t", b"")
        stamp = driver.read()["ts"]
        moved = (sandbox.clock.time_ns() - before[0]) / 1e9 - seconds
        assert 0 <= moved < 60 and 0 <= sandbox.clock.monotonic() - before[1] < 60
        shown = time.strftime("%Y%m%dT%H%M", time.gmtime(before[0] // 10**9 + seconds))
        later = time.strftime("%Y%m%dT%H%M", time.gmtime(before[0] // 10**9 + seconds + 60))
        assert stamp[:13] in (shown, later)


def test_records_expire_when_the_clock_jumps_past_their_end(connect):
    with Sandbox(topics=[Topic("o", "/id", expiration="30m")], clock="manual") as sandbox:
        sandbox.publish("o", '{"id":1}')
        sandbox.faults.add(Fault(on="time", after=1, action="clock_jump", seconds=1799))
        sandbox.clock.advance(0.9)
        assert len(sandbox.sow("o")) == 1
        sandbox.clock.advance(0.1)
        assert sandbox.sow("o") == []


@pytest.mark.parametrize("kind", GARBAGE)
def test_garbage_comes_before_the_answer_and_all_goes_on(amps_sandbox, connect, kind):
    fault = Fault(on="flush", action="garbage", kind=kind, seed=5)
    amps_sandbox.faults.add(fault)
    driver = connect(amps_sandbox, "a")
    driver.send(FLUSH)
    driver.send({**FLUSH, "c": "heartbeat"})
    amps_sandbox.wait_for("heartbeat")
    driver.socket.shutdown(socket.SHUT_WR)
    data = driver.file.read()
    assert data.endswith(ACK * 2)
    sent = data[: -2 * len(ACK)]
    chance = random.Random(5)
    expected = {
        "zero_length": b"\0\0\0\0",
        "huge_length": b'\xff\xff\xff\xff{"c":"p"',
        "no_json": frame(b"this is no header"),
        "unterminated": frame(b'{"c":"p","t":"unterminated'),
        "random": bytes(chance.randrange(256) for _ in range(64)),
        "unknown_command": frame(b'{"c":"abracadabra","t":"t"}', b"x"),
        "unknown_cid": frame(
            {"c": "ack", "cid": "nobody's", "a": "processed", "status": "success"}
        ),
        "unknown_sub_id": frame(b'{"c":"p","t":"t","sids":"nobody\'s","l":1}', b"x"),
    }
    if kind == "unknown_keys":
        assert b'"zz":"?"' in sent and b'"deep":{"a":[1,"}"]}' in sent
        assert struct.unpack(">I", sent[:4]) == (len(sent) - 4,)
    else:
        assert sent == expected[kind]


@pytest.mark.parametrize(
    ("on", "match"),
    [("connect", {}), ("logon", {}), ("deliver", {"topic": "t"}), ("ack:processed", {})]
    + [("time", {"after": 1.0, "client": "a"}), ("bytes_in", {"after": 30})],
)
def test_garbage_comes_on_every_occasion(connect, on, match):
    with Sandbox(clock="manual") as sandbox:
        sandbox.faults.add(Fault(on=on, action="garbage", kind="no_json", **match))
        driver = connect(sandbox)
        driver.send({"c": "logon", "mt": "json", "client_name": "a"})
        driver.send({"c": "subscribe", "t": "t", "sub_id": "1", "a": "processed"})
        driver.publish("t", b"")
        sandbox.wait_for("publish")
        sandbox.clock.advance(1)
        driver.socket.shutdown(socket.SHUT_WR)
        assert frame(b"this is no header") in driver.file.read()


def ask_for_records(driver, verb="sow"):
    driver.send({"c": verb, "cid": "1", "t": "orders", "bs": 2})
    return [message for message in driver.everything_before() if message["c"] == "sow"]


@pytest.mark.parametrize("on", ["sow", "sow_and_subscribe", "deliver"])
@pytest.mark.parametrize("kind", BAD_BATCHES)
def test_one_batch_of_a_query_is_spoiled(connect, on, kind):
    with Sandbox(topics=["orders:/id"]) as sandbox:
        for number in range(4):
            sandbox.publish("orders", f'{{"id":{number},"text":"abcdef"}}')
        verb = "sow" if on == "deliver" else on
        driver = connect(sandbox, "a")
        good, second = ask_for_records(driver)
        fault = sandbox.faults.add(Fault(on=on, action="bad_batch", kind=kind))
        bad, untouched = ask_for_records(driver, verb)
        assert untouched.body == second.body and fault.hits == 1
        sizes = [header["l"] for header, _ in records_of(good)]
        if kind == "wrong_count":
            assert (bad["bs"], bad.body) == (3, good.body)
        elif kind == "wrong_length":
            shown = b'"l":%d' % sizes[0], b'"l":%d' % (sizes[0] + 1)
            assert (bad["bs"], bad.body) == (2, good.body.replace(*shown, 1))
        else:
            assert bad["bs"] == 2 and good.body.startswith(bad.body)
            first = len(good.body) // 2
            assert first < len(bad.body) < len(good.body)
        assert [record.body for record in ask_for_records(driver)] == [good.body, second.body]


def test_a_query_without_records_spoils_none_of_the_next(connect):
    with Sandbox(topics=["orders:/id"]) as sandbox:
        sandbox.faults.add(Fault(on="sow", action="bad_batch", kind="wrong_count"))
        driver = connect(sandbox, "a")
        assert ask_for_records(driver) == []
        sandbox.publish("orders", '{"id":1}')
        (batch,) = ask_for_records(driver)
        assert len(list(records_of(batch))) == 1


def test_a_batch_of_one_record_can_be_spoiled_in_each_way():
    body = b'{"k":"1","l":2}{}'
    good = frame(b'{"c":"sow","t":"t","query_id":"1","bs":1}', body)
    assert {kind: spoiled(good, kind)[4:].partition(b"}")[2] for kind in BAD_BATCHES} == {
        "wrong_count": body,
        "wrong_length": b'{"k":"1","l":3}{}',
        "missing_tail": body[: len(body) // 2],
    }
