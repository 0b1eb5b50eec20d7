"""Finding message types, and the examples in their documentation."""

import doctest
import importlib

import pytest

from amps_sandbox.bodies import body_type

from .helpers import COMPOSITES


@pytest.mark.parametrize("name", ["", ".base", ".fix_body", ".json_text", ".selection"])
def test_examples_in_docstrings_hold(name):
    outcome = doctest.testmod(importlib.import_module("amps_sandbox.bodies" + name))
    assert outcome.attempted > 0 and outcome.failed == 0


@pytest.mark.parametrize("name", ["json", "fix", "nvfix", "binary", "xml", "?", "local", "global"])
def test_the_same_name_gives_the_same_type(name):
    kind = body_type(name, COMPOSITES)
    assert kind is body_type(name, dict(COMPOSITES)) and kind.name == name
    assert name in repr(kind)


def test_the_same_name_declared_differently_is_another_type():
    declared = {"local": ("composite-local", ["fix"])}
    assert body_type("local", declared) is not body_type("local", COMPOSITES)
    assert not body_type("local").has_fields


@pytest.mark.parametrize(
    ("kind", "parts", "has_fields"),
    [
        ("composite-local", ["binary", "xml"], False),
        ("composite-local", ["binary", "nvfix"], True),
        ("composite-global", ["binary"], False),
        ("composite-global", ["binary"] * 99 + ["fix"], True),
        ("composite-global", ("json",), True),
    ],
)
def test_a_composite_has_fields_if_a_part_has(kind, parts, has_fields):
    assert body_type("x", {"x": (kind, parts)}).has_fields is has_fields


@pytest.mark.parametrize(
    ("name", "declared", "complaint"),
    [
        ("x", ("composite-weird", ["json"]), "'composite-weird' is none of composite-local"),
        ("x", ("composite-local", []), "has 0 parts"),
        ("x", ("composite-local", ["json"] * 101), "has 101 parts"),
        ("x", ("composite-local", ["x"]), "its part 'x' is a composite itself"),
        ("x", ("composite-local", ["json", "y"]), "its part 'y' is a composite itself"),
        ("json", ("composite-local", ["fix"]), "'json' is built in"),
    ],
)
def test_a_wrong_declaration_is_refused_by_name(name, declared, complaint):
    with pytest.raises(ValueError, match=complaint):
        body_type(name, {"y": ("composite-local", ["json"]), name: declared})
