"""Runs the examples in the sandbox's own documentation."""

import doctest
import importlib
import re
import sys
from pathlib import Path

import pytest

from amps_sandbox import BadConfig, Sandbox
from amps_sandbox.faults import ACTIONS, BAD_BATCHES, GARBAGE

from .driver import Driver

EXPRESSIONS = [
    *("", ".lexer", ".parser", ".values", ".patterns", ".pattern_cost", ".pattern_text"),
    *(".date_formats", ".orders", ".projections", ".ratings"),
]

ENGINE = [
    ".clock",
    ".declarations",
    ".faults",
    ".listener",
    ".options",
    ".patterns",
    ".queues.declaration",
    ".sow",
    ".wire",
]


@pytest.mark.parametrize("name", ["", *ENGINE, *(f".expressions{name}" for name in EXPRESSIONS)])
def test_examples_in_docstrings_hold(name):
    outcome = doctest.testmod(importlib.import_module("amps_sandbox" + name))
    assert outcome.attempted > 0 and outcome.failed == 0


def blocks(name, language):
    text = (Path(__file__).parents[2] / "docs" / name).read_text()
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def example_with(word):
    """The one example in which this word is."""
    (found,) = (text for text in blocks("sandbox.md", "python") if word in text)
    return found


def test_the_example_of_topics_does_what_it_says():
    example = example_with("View(")
    shown = {}
    exec(re.sub(r"^    (server\.sow)", r"    shown = \1", example, flags=re.MULTILINE), shown)
    (record,) = shown["shown"]
    assert record.body == b'{"id":1,"region":"US","qty":2,"px":10}'
    assert 'body=b\'{"region":"US","notional":20}\'' in example


def test_the_example_of_faults_runs():
    example = example_with("Fault(")
    shown = {}
    exec(example, shown)
    assert (shown["lost"].hits, shown["lost"].is_spent) == (0, False)


def test_the_docs_know_every_action_and_every_kind():
    text = (Path(__file__).parents[2] / "docs" / "sandbox.md").read_text()
    assert {name for name in [*ACTIONS, *GARBAGE, *BAD_BATCHES] if f"`{name}`" not in text} == set()


def test_the_example_of_a_file_is_understood(tmp_path):
    (example,) = blocks("sandbox.md", "toml")
    path = tmp_path / "sandbox.toml"
    path.write_text(example)
    if sys.version_info < (3, 11):
        with pytest.raises(BadConfig, match="needs Python 3"):
            Sandbox(config=path)
    else:
        with Sandbox("127.0.0.1:0", config=path) as sandbox:
            assert sandbox.sow("totals") == sandbox.sow("orders-C") == []


def test_the_example_of_a_queue_runs():
    example = example_with("Queue(")
    shown = {}
    exec(re.sub(r"^    (queue\.depth)", r"    shown = \1", example, flags=re.MULTILINE), shown)
    assert shown["shown"] == (1, 1, 0) and shown["queue"].deliveries == {}


def test_the_example_of_a_log_runs():
    example = example_with("replica_of")
    shown = {}
    exec(re.sub(r"^    (second\.journal)", r"    shown = \1", example, flags=re.MULTILINE), shown)
    (entry,) = shown["shown"]
    assert (entry.position, entry.client, entry.data) == (0, "sandbox", b'{"id":1}')
    with pytest.raises(RuntimeError, match="not running"):
        shown["first"].restart()


def test_the_example_of_users_runs():
    shown = {}
    exec(example_with("set_permissions"), shown)
    with shown["server"] as server:
        driver = Driver(server.host, server.port)
        ack = driver.log_on("a", user_id="jill", pw="secret")
        driver.close()
        assert ack["reason"] == "not entitled"  # the last that was said outlives a stop, too
