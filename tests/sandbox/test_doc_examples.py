"""Runs the examples in the sandbox's own documentation."""

import doctest
import importlib

import pytest


@pytest.mark.parametrize(
    "name", ["", ".clock", ".declarations", ".listener", ".options", ".patterns", ".sow", ".wire"]
)
def test_examples_in_docstrings_hold(name):
    outcome = doctest.testmod(importlib.import_module("amps_sandbox" + name))
    assert outcome.attempted > 0 and outcome.failed == 0
