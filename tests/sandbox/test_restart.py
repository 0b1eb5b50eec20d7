"""What is left after a crash: in memory, in a file, and of a process that was killed."""

import os
import signal
import sqlite3
import subprocess
import sys

import pytest

from amps_sandbox import Conflated, Fault, Sandbox, Topic, View
from amps_sandbox.logon import name_hash

from .driver import Driver
from .test_replay import replay, seen

A = name_hash(b"a")
TOPICS = {"topics": ["orders:/id"], "txlog": ["orders", "^t"], "ack_conflation": "0"}


@pytest.fixture(params=["memory", "file"])
def lasting(request, tmp_path):
    """A sandbox that keeps its data over a restart, in memory or in a file."""
    db = tmp_path / "sandbox.sqlite" if request.param == "file" else ""
    with Sandbox(**TOPICS, db=db) as sandbox:
        yield sandbox


def publish(driver, *numbers, topic="orders", **more):
    for number in numbers:
        driver.publish(topic, b'{"id":%d}' % number, s=number, a="persisted", **more)
        driver.read_ack(a="persisted", s=number, status="success")


def bodies(records):
    return [record.body for record in records]


def test_a_restart_ends_all_connections_and_keeps_ports_and_data(lasting, connect):
    port = lasting.port
    driver, other = connect(lasting, "a"), connect(lasting, "b")
    publish(driver, 1, 2, 3)
    before = lasting.journal(), lasting.sow("orders")
    lasting.restart()
    assert driver.is_ended() and other.is_ended()
    assert lasting.port == port and lasting.clients() == []
    assert (lasting.journal(), lasting.sow("orders")) == before
    ack = connect(lasting).log_on("a")
    assert (ack["s"], ack["bm"]) == (3, f"{A}|3|")


def test_without_its_data_a_restarted_sandbox_is_a_new_one(lasting, connect):
    publish(connect(lasting, "a"), 1, 2)
    lasting.restart(keep_data=False)
    assert (lasting.journal(), lasting.sow("orders")) == ([], [])
    driver = connect(lasting)
    assert driver.log_on("a")["s"] == 0
    publish(driver, 1)
    assert len(lasting.journal()) == 1
    lasting.restart()
    assert len(lasting.journal()) == len(lasting.sow("orders")) == 1


def test_a_kill_resets_everybody_until_the_restart(lasting, connect):
    driver = connect(lasting, "a")
    publish(driver, 1)
    lasting.kill()
    with pytest.raises(ConnectionResetError):
        driver.read()
    with pytest.raises(ConnectionRefusedError):
        Driver(lasting.host, lasting.port)
    lasting.kill()
    lasting.restart()
    assert connect(lasting).log_on("a")["s"] == 1


def test_a_replay_goes_on_after_a_restart(lasting, connect):
    publish(connect(lasting, "a"), 1, 2, 3)
    reader = connect(lasting, "r")
    replay(reader, f"{A}|1|", topic="orders")
    assert seen(reader) == [2, 3, "completed"]
    lasting.restart()
    publish(connect(lasting, "a"), 4)
    reader = connect(lasting, "r")
    replay(reader, f"{A}|3|", topic="orders")
    assert seen(reader) == [4, "completed"]


def test_acks_that_were_due_are_lost_but_the_messages_are_not(connect):
    with Sandbox(txlog=["t"], clock="manual") as sandbox:
        driver = connect(sandbox, "a")
        driver.publish("t", b"", s=1, a="persisted")
        driver.everything_before()
        sandbox.restart()
        again = connect(sandbox)
        assert again.log_on("a")["s"] == 1
        sandbox.clock.advance(60)
        again.publish("t", b"", s=1, a="persisted")
        again.read_ack(a="persisted", s=1, reason="duplicate")
        assert len(sandbox.journal()) == 1


def test_a_stopped_sandbox_starts_with_its_data(lasting, connect):
    publish(connect(lasting, "a"), 1)
    lasting.stop()
    lasting.start()
    assert len(lasting.journal()) == 1 and connect(lasting).log_on("a")["s"] == 1
    lasting.stop()
    with pytest.raises(RuntimeError, match="not running"):
        lasting.restart()


def test_the_file_has_everything_a_record_had(tmp_path, connect):
    topics = [Topic("orders", "/id", expiration="1h"), Topic("raw", message_type="binary")]
    views = [View("totals", "orders", ["/g", "COUNT(/id) AS /n"], ["/g"])]
    arguments = {
        **{"topics": topics, "views": views, "conflated": [Conflated("copy", "orders", "1s")]},
        **{"txlog": ["."], "db": tmp_path / "db", "clock": "manual"},
    }
    with Sandbox(**arguments) as sandbox:
        driver = connect(sandbox, "a", user_id="jill")
        for number in (3, 1, 2, 1):
            driver.publish("orders", b'{"id":%d,"g":"\xc3\xa9"}' % number, x="corr", e=60)
        driver.send({"c": "sow_delete", "t": "orders", "filter": "/id = 2"})
        driver.everything_before()
        raw = connect(sandbox, "raw", mt="binary")
        raw.publish("raw", b"\0\xff", k="key", s=2**64 - 1)
        raw.everything_before()
        records, journal = sandbox.sow("orders"), sandbox.journal()
    with Sandbox(**arguments) as sandbox:
        assert sandbox.sow("orders") == records and len(records) == 2
        assert sandbox.journal() == journal and len(journal) == 6
        assert bodies(sandbox.sow("raw", "binary")) == [b"\0\xff"]
        assert bodies(sandbox.sow("totals")) == [b'{"g":"\xc3\xa9","n":2}']
        sandbox.clock.advance(2)
        assert bodies(sandbox.sow("copy")) == bodies(records)
        assert connect(sandbox).log_on("raw", mt="binary")["s"] == 2**64 - 1
        sandbox.publish("orders", '{"id":9}')
        assert bodies(sandbox.sow("orders"))[-1] == b'{"id":9}'
        assert sandbox.journal()[-1].sequence > journal[0].sequence
        sandbox.clock.advance(100)
        assert bodies(sandbox.sow("orders")) == [b'{"id":9}']
    with Sandbox(**arguments) as sandbox:
        assert bodies(sandbox.sow("orders")) == [b'{"id":9}']


def test_records_need_no_log_to_be_kept(tmp_path):
    config = {"storage": {"path": str(tmp_path / "db")}, "topic": [{"name": "t", "key": ["/id"]}]}
    for count in range(3):
        with Sandbox(config=config) as sandbox:
            assert len(sandbox.sow("t")) == count
            sandbox.publish("t", f'{{"id":{count}}}')


def test_a_file_that_cannot_be_used_is_named_and_left_as_it_was(tmp_path):
    foreign = tmp_path / "foreign.sqlite"
    database = sqlite3.connect(foreign)
    database.execute("create table t (x)")
    database.commit()
    database.close()
    text = tmp_path / "text"
    text.write_bytes(b"no database at all " * 100)
    for path in (foreign, text):
        before = path.read_bytes()
        with pytest.raises(OSError, match="cannot be the sandbox's file") as caught:
            Sandbox(txlog=["t"], db=path).start()
        assert caught.value.filename == str(path) and path.read_bytes() == before
    for path in (tmp_path, tmp_path / "no" / "such"):
        with pytest.raises(OSError, match="cannot be the sandbox's file"):
            Sandbox(db=path).start()


def test_a_file_belongs_to_one_sandbox_at_a_time(tmp_path, monkeypatch):
    monkeypatch.setattr("amps_sandbox.storage.LOCKED_S_MAX", 0.05)
    with Sandbox(db=tmp_path / "db"), pytest.raises(OSError, match="locked"):
        Sandbox(db=tmp_path / "db").start()
    with Sandbox(db=tmp_path / "db"):
        pass


def test_what_cannot_be_stored_is_told_to_nobody(tmp_path, connect, monkeypatch):
    lines = []
    with Sandbox(txlog=["t"], ack_conflation="0", db=tmp_path / "db", log=lines.append) as sandbox:
        driver, reader = connect(sandbox, "a"), connect(sandbox, "r")
        replay(reader, "0", acks="processed")
        publish(driver, 1, topic="t")
        assert seen(reader) == [1]

        def full(*_arguments):
            raise sqlite3.OperationalError("database or disk is full")

        monkeypatch.setattr("amps_sandbox.storage.Storage._write_records", full)
        driver.publish("t", b"", s=2, a="processed,persisted")
        assert driver.is_ended() and reader.is_ended()
        assert any("disk is full" in line for line in lines)
        monkeypatch.undo()
        sandbox.restart()
        assert [entry.sequence for entry in sandbox.journal()] == [1]
        again = connect(sandbox)
        assert again.log_on("a")["s"] == 1
        publish(again, 2, topic="t")


@pytest.fixture
def launch(tmp_path):
    """Starts sandboxes of their own processes, and says where they listen."""
    running = []

    def launched(port=0):
        arguments = ["--listen", f"127.0.0.1:{port}", "--txlog", ".", "--json-sow", "orders:/id"]
        process = subprocess.Popen(
            [sys.executable, "-m", "amps_sandbox", *arguments, "--db", str(tmp_path / "db")],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        running.append(process)
        uri = process.stdout.readline().split()[-1]
        return process, int(uri.split(":")[2].split("/")[0])

    yield launched
    for process in running:
        process.kill()
        process.wait()
        process.stdout.close()


def logged_on(port):
    driver = Driver("127.0.0.1", port)
    return driver, driver.log_on("a", opts="ack_conflation=0")["s"]


def test_a_killed_process_loses_nothing_that_was_acked(launch):
    port, told, sent = 0, 0, 0
    for _ in range(4):
        process, port = launch(port)
        driver, mark = logged_on(port)
        assert told <= mark <= sent
        sent = mark
        for _ in range(500):
            sent += 1
            driver.publish("orders", b'{"id":%d}' % (sent % 7), s=sent, a="persisted")
        while told < mark + 250:
            told = driver.read_ack(a="persisted", status="success")["s"]
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        driver.close()
    process, port = launch(port)
    driver, mark = logged_on(port)
    assert mark >= told
    driver.send({"c": "subscribe", "cid": "1", "t": "orders", "bm": "0", "a": "completed"})
    found = []
    while True:
        message = driver.read()
        if message["c"] == "ack":
            break
        found.append(int(message["bm"].split("|")[1]))
    assert found == list(range(1, mark + 1))
    driver.send({"c": "sow", "cid": "2", "t": "orders", "a": "stats"})
    stats = [one for one in driver.everything_before() if one["c"] == "ack"]
    assert stats[0]["records_returned"] == 7
    driver.close()


def test_case_60_a_crash_before_the_ack_leaves_each_message_once(lasting, connect):
    driver = connect(lasting, "a")
    publish(driver, 1)
    lasting.faults.add(Fault(on="ack:persisted", action="kill_engine"))
    driver.publish("orders", b'{"id":2}', s=2, a="persisted")
    with pytest.raises((ConnectionResetError, AssertionError)):
        driver.read_ack()
    with pytest.raises(ConnectionRefusedError):
        Driver(lasting.host, lasting.port)
    lasting.restart()
    again = connect(lasting)
    mark = again.log_on("a")["s"]
    for number in range(mark, 4):
        again.publish("orders", b'{"id":%d}' % number, s=number, a="persisted")
    assert again.everything_before()[-1]["s"] == 3
    assert [entry.sequence for entry in lasting.journal()] == [1, 2, 3]


def test_a_pair_survives_faults_that_kill_its_first(connect):
    with Sandbox(**TOPICS) as first, Sandbox(**TOPICS, replica_of=first, lag=0) as second:
        first.faults.add(Fault(on="publish", action="kill_engine", after=2, seconds=0.05))
        driver = connect(first, "a")
        publish(driver, 1, 2)
        driver.publish("t", b"", s=3)
        assert driver.is_ended()
        second.wait_until(lambda: len(second.journal()) == 2)
        publish(connect(second, "a"), 3, 4)
        first.wait_until(lambda: len(first.journal()) == 4)
        assert [entry.sequence for entry in first.journal()] == [1, 2, 3, 4]
