"""Runs every program in examples/ as a newcomer would, and the examples in docstrings."""

import doctest
import operator
import subprocess
import sys
from pathlib import Path

import pytest

import AMPS
from amps_sandbox import Sandbox

ROOT = Path(__file__).parent.parent
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
SAID = {
    "c_handler": "10001 numbers, sum 50004999; 1 was none",
    "first_program": """received on topic 'messages': { "hi" : "Hello, world!"}""",
    "handlers": "total quantity: 6",
    "publish": "refused: invalid topic\nthe server received 1001 publishes",
    "filter": 'matched: {"id": 3, "symbol": "IBM", "px": 120.25}\nrefused: subscribe refused',
    "sow": "records in all: 2\nrecords deleted: 1",
    "sow_and_subscribe": "left the result, reason: match",
    "delta": """change: {"symbol":"IBM","bid":91.3}
merged: {"symbol":"IBM","bid":91.3,"ask":91.4,"venue":"XNYS"}""",
    "regex_topics": "heard of: orders/EMEA and orders/APAC\nheard of: fx.eur",
    "replace_filter": 'received: {"px": 60}',
    "conflated": "conflated by itself: the last of 1000 quotes came among the first",
    "ha_publisher": "not persisted: 0\neach message once and in order: True",
    "ha_subscriber": "first run: [0, 1]\nsecond run: [2, 3, 4, 5]",
    "server_chooser": """connected to the near server
connected to the far server
heard: "all is well\"""",
    "authenticator": "logged on as jill\nlogged on as jill\nthe server knows: ['jill']",
    "queue_worker": "task 3: out of ink\ntask 6: out of ink\ndone: [1, 2, 3, 4, 5, 6] left: 0",
    "queue_worker_auto": "499500\nleft: 0\nacknowledged by few commands: True",
    "challenge": '''proved to be jill
proved to be jill
heard: "she may read that now"''',
    "failed_writes": 'refused: orders {"id": 1} not entitled\nin the log: 2 of 3',
    "formats": "nvfix: MSFT 300\ncomposite: 2 parts",
}


def run(example, *args):
    done = subprocess.run(
        [sys.executable, str(example), *args], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, ""), done
    return done.stdout


def test_every_example_is_in_the_list():
    assert sorted(SAID) == [example.stem for example in EXAMPLES]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_says_what_it_should(example):
    assert SAID[example.stem] in run(example)


def test_the_first_program_uses_a_server_that_is_there():
    with Sandbox() as server:
        said = run(ROOT / "examples" / "first_program.py", server.uri("json"))
        assert f"using the server at {server.uri('json')}" in said
        assert SAID["first_program"] in said
        assert [frame.body for frame in server.received("publish")] == [
            b'{ "hi" : "Hello, world!"}'
        ]


@pytest.mark.parametrize("compiler", ["/no/such/compiler", "false"])
def test_without_a_compiler_the_example_in_c_says_so(monkeypatch, compiler):
    monkeypatch.setenv("CC", compiler)
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / "c_handler.py")],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode != 0 and "needs a C compiler" in done.stderr


@pytest.mark.parametrize(
    "name",
    [
        *("Client", "CMessageHandler", "Command", "HAClient", "Message", "MessageStream"),
        *("MemoryBookmarkStore", "MemoryPublishStore", "Client.set_auto_ack"),
    ],
)
def test_the_examples_in_docstrings_hold(name):
    with Sandbox() as server:
        namespace = {"AMPS": AMPS, "sandbox": server}
        finder = doctest.DocTestFinder(recurse=False)
        asked = operator.attrgetter(name)(AMPS)
        found = finder.find(asked, name, module=False, globs=namespace)
        results = [doctest.DocTestRunner().run(test) for test in found]
    assert sum(result.attempted for result in results) > 0
    assert sum(result.failed for result in results) == 0


@pytest.mark.parametrize(
    "cls", [AMPS.Client, AMPS.CMessageHandler, AMPS.Command, AMPS.Message, AMPS.MessageStream]
)
def test_every_public_name_is_explained(cls):
    for name in dir(cls):
        if not name.startswith("_"):
            assert getattr(cls, name).__doc__, f"{cls.__name__}.{name} has no docstring"
