"""`python -m amps_sandbox`: what it prints, how it leaves."""

import hashlib
import hmac
import json
import re
import signal
import subprocess
import sys
import time

import pytest

from amps_sandbox import Sandbox

from .driver import Driver

COMMAND = [sys.executable, "-m", "amps_sandbox"]
ANYWHERE = ["--listen", "127.0.0.1:0"]
LEAVES_S_MAX = 0.5  # 100 ms, and patience with a busy machine


@pytest.fixture
def run():
    """Starts sandboxes with these arguments; each gives its process and the ports it printed."""
    started = []

    def running(*arguments, listeners=1):
        process = subprocess.Popen(
            [*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        started.append(process)
        lines = [process.stdout.readline() for _ in range(listeners)]
        uris = [re.search(r"tcp://127\.0\.0\.1:(\d+)/amps/json\n$", line) for line in lines]
        return process, [int(uri[1]) for uri in uris]

    yield running
    for process in started:
        process.kill()
        process.communicate()


def leave(process, number=signal.SIGTERM):
    process.send_signal(number)
    out, err = process.communicate(timeout=10)
    return process.returncode, out, err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_and_leaves_quietly_when_told(run, number):
    process, (port,) = run(*ANYWHERE)
    driver = Driver("127.0.0.1", port)
    driver.log_on("a")
    began = time.monotonic()
    status, out, err = leave(process, number)
    assert time.monotonic() - began < LEAVES_S_MAX
    assert (status, out) == (0, "")
    assert driver.is_ended()
    driver.close()
    events = [line.split(": ", 1)[1] for line in err.splitlines()]
    assert [event.split()[0] for event in events] == ["connected", "logged", "closed:"]
    assert events[-1] == "closed: shutdown"


def test_it_says_what_became_of_the_messages_of_its_queues(run, tmp_path):
    process, (port,) = run(
        *ANYWHERE, "--queue", "Q:Work", "--queue", "R", "--db", str(tmp_path / "d")
    )
    driver = Driver("127.0.0.1", port)
    driver.log_on("a")
    driver.subscribe("Q", "s")
    for body in (b"{}", b"[]"):
        driver.publish("Q", body)
    message = driver.read()
    driver.send({"c": "sow_delete", "t": "Q", "bm": message["bm"]})
    assert driver.read()["bm"] != message["bm"]
    process.send_signal(signal.SIGUSR1)
    first, second = json.loads(process.stdout.readline())
    assert (first["name"], first["waiting"], first["leased"]) == ("Q", 0, 1)
    assert first["acknowledged"] == {message["bm"]: 1} and len(first["deliveries"]) == 2
    assert (first["by_client"], first["by_subscription"]) == ({"a": 2}, [["a", "s", 2]])
    assert (second["name"], second["deliveries"], second["late_acks"]) == ("R", {}, 0)
    process.send_signal(signal.SIGUSR1)
    assert json.loads(process.stdout.readline())[0] == first
    driver.close()
    assert leave(process)[:2] == (0, "")


def test_being_told_many_times_is_as_good_as_once(run):
    process, _ = run(*ANYWHERE)
    for number in [signal.SIGINT, signal.SIGTERM] * 10:
        process.send_signal(number)
    assert leave(process, signal.SIGINT) == (0, "", "")


def test_it_prints_one_line_for_each_listener(run):
    process, ports = run(*ANYWHERE, *ANYWHERE, listeners=2)
    assert len(set(ports)) == 2
    assert leave(process) == (0, "", "")


def test_users_need_their_passwords(run):
    process, (port,) = run(*ANYWHERE, "--user", "jill:se:cret", "--user", "phil:x")
    for pw, status in (("wrong", "failure"), ("se:cret", "success")):
        driver = Driver("127.0.0.1", port)
        assert driver.log_on("a", user_id="jill", pw=pw)["status"] == status
        driver.close()
    assert "cret" not in leave(process)[2]


def test_users_may_be_challenged(run):
    process, (port,) = run(*ANYWHERE, "--user", "jill:secret", "--auth", "challenge", "--trace")
    driver = Driver("127.0.0.1", port)
    nonce = driver.log_on("a", user_id="jill")["pw"]
    answer = hmac.new(b"secret", nonce.encode(), hashlib.sha256).hexdigest()
    assert driver.log_on("a", user_id="jill", pw=answer)["status"] == "success"
    driver.close()
    said = leave(process)[2]
    assert nonce not in said and answer not in said and "secret" not in said


def test_trace_shows_each_frame(run):
    process, (port,) = run(*ANYWHERE, "--trace")
    driver = Driver("127.0.0.1", port)
    driver.log_on("a", pw="secret")
    driver.publish("t", b"some\nbody")
    driver.everything_before()
    driver.close()
    err = leave(process)[2]
    assert "connection 1 in  c='p' t='t' 'some\\nbody'\n" in err
    assert "connection 1 out c='ack' cid='0'" in err
    assert "pw='***'" in err and "secret" not in err


def test_faults_happen_as_they_are_said(run):
    faults = ["on=flush,action=drop,after_bytes=5,client=a", "on=logon,action=logon_retry,client=b"]
    process, (port,) = run(*ANYWHERE, *(part for fault in faults for part in ("--fault", fault)))
    a, b = Driver("127.0.0.1", port), Driver("127.0.0.1", port)
    a.log_on("a")
    a.send({"c": "flush", "cid": "1", "a": "processed"})
    assert len(a.file.read()) == 5
    assert [b.log_on("b")["status"] for _ in range(2)] == ["retry", "success"]
    a.close()
    b.close()
    assert "fault: drop on flush\n" in leave(process)[2]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--listen", "nonsense"], "invalid listen address 'nonsense'"),
        (["--listen", "h:99999"], "port over 65535"),
        (["--listen"], "--listen"),
        (["--auth", "magic"], "argument --auth: invalid choice: 'magic'"),
        (["--user", "nocolon"], "want NAME:PASSWORD"),
        (["--user", ":secret"], "want NAME:PASSWORD"),
        (["--fault", "on=publish"], "argument --fault: fault 'on=publish' says no action"),
        (["--fault", "on=sow,action=drop,count=x"], "count 'x': want a whole number"),
        (["--fault", "on=sow,action=explode"], "unknown action 'explode': want one of bad_batch"),
        (["--queue", ":Work"], "argument --queue: invalid queue ':Work': want NAME"),
        (["--queue", "Q:^W"], "default_publish_target: none, and no topic of ['^W'] is a name"),
        (["--queue", "Q", "--queue", "Q"], "queue 'Q': declared twice"),
        (["--queue", "Q", "--json-sow", "Q:/id"], "queue 'Q': declared twice"),
        (["--fault", "nonsense"], "invalid fault 'nonsense': want name=value,name=value"),
        (["--what"], "--what"),
        (["more"], "more"),
        (["--listen", "no.such.host.invalid:0"], "cannot listen on no.such.host.invalid:0"),
    ],
)
def test_bad_arguments_are_one_clear_line_and_status_2(arguments, said):
    done = subprocess.run(
        [*COMMAND, *arguments], capture_output=True, text=True, timeout=20, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr and done.stderr.startswith("amps-sandbox: ")
    assert done.stderr.count("\n") == 1 and "secret" not in done.stderr


def test_a_port_in_use_is_one_clear_line_and_status_2(amps_sandbox):
    address = f"127.0.0.1:{amps_sandbox.port}"
    done = subprocess.run(
        [*COMMAND, "--listen", address], capture_output=True, text=True, timeout=20, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"amps-sandbox: cannot listen on {address}: Address already in use\n"


def test_it_is_back_on_the_same_port_at_once(run):
    process, (port,) = run(*ANYWHERE)
    driver = Driver("127.0.0.1", port)
    driver.log_on("a")
    assert leave(process)[0] == 0
    with Sandbox(f"127.0.0.1:{port}"):
        driver.close()


def test_help_names_the_default_address():
    done = subprocess.run(
        [*COMMAND, "--help"], capture_output=True, text=True, timeout=20, check=False
    )
    assert done.returncode == 0 and "127.0.0.1:9007" in done.stdout
