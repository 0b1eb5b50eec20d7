"""Runs the examples in the sandbox's own documentation."""

import doctest
import importlib

import pytest

EXPRESSIONS = [
    *("", ".lexer", ".parser", ".values", ".patterns", ".pattern_cost", ".pattern_text"),
    *(".date_formats", ".orders", ".projections"),
]

ENGINE = [".clock", ".declarations", ".listener", ".options", ".patterns", ".sow", ".wire"]


@pytest.mark.parametrize("name", ["", *ENGINE, *(f".expressions{name}" for name in EXPRESSIONS)])
def test_examples_in_docstrings_hold(name):
    outcome = doctest.testmod(importlib.import_module("amps_sandbox" + name))
    assert outcome.attempted > 0 and outcome.failed == 0
