"""Senseless commands to a sandbox with a log: each is answered, and the log stays whole."""

import random
import subprocess
import sys

import pytest

from amps_sandbox import Sandbox
from amps_sandbox.logon import name_hash

from .driver import frame
from .test_replay import replay, seen

SEED = 20261124
COMMANDS = 6_000
U = name_hash(b"fuzz")
MARKS = [f"{U}|{number}|" for number in (1, 2, 3, 50, 10**6)]
WORDS = {
    "c": ["subscribe"] * 4 + ["p", "delta_publish", "sow_delete", "unsubscribe", "flush", "sow"],
    "t": ["t", "orders", "^", "(", "", "view", "t|orders", "elsewhere", "/AMPS/x"],
    "bm": [
        *("0", "0|1|", "0|1", "recent", "|", "1|", f"{2**64}|1|", "[0:", "[0:0|1|]", "(0|1|:0)"),
        *("20990101T000000", "20200101T000000Z", "20201301T000000", "[20200101T000000:0|1|)"),
        *(f"[{MARKS[0]}:{MARKS[2]})", f"({MARKS[1]}:{MARKS[4]}]", ",".join(MARKS), "\x00", "é"),
        *("[0:20990101T000000]", f"[20990101T000000:{MARKS[4]}]", "0," * 9_999 + "0", *MARKS),
    ],
    "opts": [
        *("pause", "resume", "pause,resume", "replace", "replace,pause", "live", "fully_durable"),
        *(
            "rate=1",
            "rate=1X,rate_max_gap=1ms",
            "rate=0",
            "rate=.000001KB",
            "rate=1e3",
            "live,pause",
        ),
        *("top_n=0", "top_n=1", "top_n=-1", "bookmark_not_found=fail", "bookmark_not_found=epoch"),
        *(
            "bookmark",
            "bookmark,oof,replace",
            "conflation=1s",
            "select=[-/]",
            "timestamp,no_sowkey",
        ),
        *("rate=" + "9" * 5000, "rate=1,replace", "top_n=2,replace", "bookmark_not_found=x"),
    ],
    "sub_id": ["1", "2", "3", "1,2", "1,2,3", "unknown", ",", "", "all"],
    "s": [0, 1, 5, 10**6, 2**64 - 1, 2**64, -1, "x"],
    "filter": ["/id > 1", "BOOKMARK() != ''", "/id ="],
    "a": ["persisted", "completed,persisted", "processed", "stats,persisted,received"],
    "k": ["1"],
    "x": ["corr"],
    "e": ["5"],
}
REASONS = {
    *("invalid bookmark", "invalid options", "invalid sub id", "duplicate"),
    *("invalid topic", "subid in use", "bad filter", "no topic", "bad regex topic"),
}


def command(rng, number):
    names = rng.sample([name for name in WORDS if name not in "ct"], rng.randrange(1, 6))
    header = {name: rng.choice(WORDS[name]) for name in ["c", "t", *names]}
    body = rng.choice([b"", b"{", b'{"id":%d}' % (number % 9)])
    return frame({"a": "processed,completed,persisted", **header, "cid": "1"}, body)


@pytest.mark.parametrize("interval", ["0", "1s"])
def test_case_16_senseless_commands_leave_a_whole_log(connect, tmp_path, interval):
    rng, lines = random.Random(SEED), []
    arguments = {"topics": ["orders:/id"], "txlog": ["t", "orders"], "db": tmp_path / "db"}
    with Sandbox(**arguments, ack_conflation=interval, clock="manual", log=lines.append) as sandbox:
        driver = connect(sandbox, "fuzz")
        for start in range(0, COMMANDS, 20):
            if start % 1000 == 0:
                driver.close()
                driver = connect(sandbox, f"fuzz{start // 1000 or ''}")
            driver.socket.sendall(b"".join(command(rng, start + at) for at in range(20)))
            driver.everything_before()
            sandbox.clock.advance(0.2)
        journal, records = sandbox.journal(), sandbox.sow("orders")
        reader = connect(sandbox, "reader")
        replay(reader, "0", topic="^")
        told = [one["bm"] for one in reader.everything_before() if one["c"] == "p"]
        assert told == [entry.bookmark for entry in journal if entry.kind == "publish"]
        assert len({entry.bookmark for entry in journal if entry.kind == "publish"}) == len(told)
    assert len(journal) > 100
    with Sandbox(**arguments) as sandbox:
        assert (sandbox.journal(), sandbox.sow("orders")) == (journal, records)
    assert not any("internal error" in line or line.startswith("error") for line in lines)
    found = {reason for reason in REASONS if any(f" failed: {reason}" in line for line in lines)}
    assert found == REASONS


def test_many_replays_of_one_connection_are_each_complete(connect):
    rng = random.Random(SEED)
    with Sandbox(txlog=["."], ack_conflation="0") as sandbox:
        publisher, reader = connect(sandbox, "a"), connect(sandbox, "r")
        expected, sent, at_pause = {}, 0, {}
        for step in range(400):
            choice = rng.random()
            if choice < 0.6:
                for _ in range(rng.randrange(1, 20)):
                    sent += 1
                    publisher.publish(f"t{sent % 3}", b"", s=sent)
                publisher.everything_before()
            elif choice < 0.75:
                start = rng.randrange(sent + 1)
                begin = f"{name_hash(b'a')}|{start}|" if start else "0"
                expected[str(step)] = start
                topic = f"t{step % 3}" if step % 2 else "^t"
                command = {"c": "subscribe", "cid": str(step), "bm": begin, "t": topic}
                reader.send(command)
            elif expected:
                ids = rng.sample(sorted(expected), rng.randrange(1, len(expected) + 1))
                option = rng.choice(["pause", "resume"])
                reader.send({"c": "subscribe", "sub_id": ",".join(ids), "opts": option})
                at_pause.update(dict.fromkeys(ids, option))
        reader.send({"c": "subscribe", "sub_id": ",".join(expected), "opts": "resume"})
        wanted = {
            sub_id: [
                number
                for number in range(start + 1, sent + 1)
                if int(sub_id) % 2 == 0 or number % 3 == int(sub_id) % 3
            ]
            for sub_id, start in expected.items()
        }
        found = {sub_id: [] for sub_id in expected}
        for _ in range(sum(map(len, wanted.values()))):
            message = reader.read()
            found[message["sids"]].append(int(message["bm"].split("|")[1]))
        assert len(expected) > 20 and "pause" in at_pause.values()
        assert found == wanted, f"seed {SEED}"
        assert reader.everything_before() == []


def test_a_client_that_leaves_during_its_replay_costs_nobody(connect):
    with Sandbox(txlog=["t"]) as sandbox:
        publisher = connect(sandbox, "a")
        for number in range(1, 2_001):
            publisher.publish("t", bytes(10_000), s=number)
        publisher.everything_before()
        for _ in range(5):
            leaving = connect(sandbox, "r")
            replay(leaving, "0", acks="processed")
            leaving.read()
            leaving.socket.close()
            leaving.file.close()
        sandbox.wait_until(lambda: len(sandbox.clients()) == 1)
        publisher.publish("t", b"", s=2_001)
        assert seen(publisher) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--txlog", "("], "txlog: '('"),
        (["--txlog", ""], "txlog: ''"),
        (["--db", "/no/such/folder/file"], "/no/such/folder/file: cannot be the sandbox's file"),
    ],
)
def test_bad_arguments_for_the_log_are_one_clear_line(arguments, said):
    command = [sys.executable, "-m", "amps_sandbox", "--listen", "127.0.0.1:0", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert done.stderr.startswith("amps-sandbox: ") and said in done.stderr


def test_a_callback_that_fails_on_a_replay_costs_its_connection_only(connect):
    def on_frame(seen_frame):
        if seen_frame.client == "r" and seen_frame.header.get("bm", "").endswith("|3000|"):
            raise RuntimeError("not this one")

    lines = []
    with Sandbox(txlog=["t"], on_frame=on_frame, log=lines.append) as sandbox:
        publisher = connect(sandbox, "a")
        for number in range(1, 4_001):
            publisher.publish("t", b"", s=number)
        publisher.everything_before()
        reader = connect(sandbox, "r")
        reader.send({"c": "subscribe", "cid": "1", "t": "t", "bm": "0"})
        sandbox.wait_until(lambda: len(sandbox.clients()) == 1)
        assert publisher.everything_before() == []
    assert any("'r': closed: internal error" in line for line in lines)
