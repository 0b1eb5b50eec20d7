"""Whatever the text or the message, there is an answer or BadExpression, and soon."""

import math

import pytest
from hypothesis import given, strategies as st

from amps_sandbox.expressions import (
    BadExpression,
    Scope,
    parse_filter,
    parse_order,
    parse_projection,
    tree as t,
)
from amps_sandbox.expressions.catalogue import AGGREGATE, FUNCTIONS, PATTERN
from amps_sandbox.expressions.compiling import Compiler
from amps_sandbox.expressions.parser import parse

from .trees import as_text
from .values import same

pytestmark = pytest.mark.timeout(60)

SCALARS = st.one_of(
    st.none(),
    st.integers(-(2**63), 2**64 - 1),
    st.integers(-3, 3),
    st.floats(),
    st.text(st.characters(max_codepoint=255), max_size=8),
    st.sampled_from(["", "2", "2.0", "-7", "1e999", "abc", "%Y-%m-%d"]),
)
VALUES = st.one_of(SCALARS, st.lists(SCALARS, max_size=3))
FIELDS = st.fixed_dictionaries({}, optional={path: VALUES for path in ("/a", "/b/c", "/q p")})
PATHS = st.builds(
    t.Path, st.sampled_from(["/a", "/b/c", "/q p"]), st.none() | st.integers(0, 2), st.none()
)
LITERALS = st.one_of(
    st.none(),
    st.integers(0, 2**64 - 1),
    st.integers(0, 3),
    st.floats(0, allow_nan=False, allow_infinity=False),
    st.text(st.characters(max_codepoint=255), min_size=1, max_size=8),
).map(t.Literal)
CALLS = sorted(
    name
    for name, function in FUNCTIONS.items()
    if function.kind not in (AGGREGATE, PATTERN) and function.is_deterministic
)


def calls(inner):
    return st.sampled_from(CALLS).flatmap(
        lambda name: st.lists(
            inner, min_size=FUNCTIONS[name].least, max_size=min(FUNCTIONS[name].most, 4)
        ).map(lambda arguments: t.Call(name, tuple(arguments), 0))
    )


def compounds(inner):
    several = st.lists(inner, min_size=2, max_size=3).map(tuple)
    step = st.tuples(st.sampled_from("+-*/%"), inner)
    return st.one_of(
        calls(inner),
        st.builds(t.Or, several),
        st.builds(t.And, several),
        st.builds(t.Not, inner),
        st.builds(t.Negative, inner),
        st.builds(t.Arithmetic, inner, st.lists(step, min_size=1, max_size=3).map(tuple)),
        st.builds(t.Compare, st.sampled_from(["=", "!=", "<", "<=", ">", ">="]), inner, inner),
        st.builds(t.In, inner, several),
        st.builds(t.Between, inner, inner, inner),
        st.builds(t.Affix, st.sampled_from(["BEGINS", "ENDS"]), inner, several),
        st.builds(t.Is, inner, st.sampled_from(["NULL", "NAN"])),
        st.builds(t.Like, inner, st.sampled_from(["a.c", "^2", ".*"]), st.booleans(), st.just(0)),
    )


TREES = st.recursive(st.one_of(PATHS, LITERALS), compounds, max_leaves=12)


@given(TREES, FIELDS)
def test_a_tree_written_and_read_again_gives_the_same(tree, fields):
    scope = Scope(fields, topic="t", now=1709211909.5)
    one = Compiler().value(tree)(scope)
    other = Compiler().value(parse(as_text(tree)))(scope)
    assert same(one, other) or repr(one) == repr(other)


@given(TREES, FIELDS)
def test_a_value_is_none_a_64_bit_number_or_a_text(tree, fields):
    found = Compiler().value(tree)(Scope(fields))
    if isinstance(tree, t.Path) or isinstance(found, list):
        return
    assert found is None or type(found) in (int, float, str)
    if type(found) is int:
        assert -(2**63) <= found < 2**64


@given(TREES, FIELDS)
def test_a_filter_is_its_value_used_as_a_condition(tree, fields):
    text, scope = as_text(tree), Scope(fields)
    decided = parse_filter(text).matches(scope)
    assert decided in (True, False)
    assert decided is (parse_filter(f"NOT NOT ({text})").matches(scope))
    assert not (decided and parse_filter(f"NOT ({text})").matches(scope))


@given(TREES, st.sampled_from([10**400, -(10**400), True, [10**400, True], math.inf]))
def test_values_beyond_64_bits_break_nothing(tree, odd):
    fields = {"/a": odd, "/b/c": odd, "/q p": 1}
    assert parse_filter(as_text(tree)).matches(Scope(fields)) in (True, False)


def answers(parse_text, text):
    try:
        return parse_text(text)
    except BadExpression as refused:
        assert " at character " in str(refused) or "pattern" in str(refused)
        return None


ANY_TEXT = st.one_of(
    st.text(),
    st.text(st.sampled_from("/ab[]().,'\"\\ 12e<>=!*+-%@rR\n")),
    st.lists(
        st.sampled_from(
            [
                "/a",
                "AND",
                "NOT",
                "(",
                ")",
                "IN",
                "LIKE",
                "'(a*)*'",
                "IF(",
                ",",
                "=",
                "1",
                "AS",
                "DESC",
            ]
        )
    ).map(" ".join),
)


@given(ANY_TEXT, FIELDS)
def test_any_text_is_a_filter_or_refused(text, fields):
    found = answers(parse_filter, text)
    assert found is None or found.matches(Scope(fields)) in (True, False)


@given(ANY_TEXT, FIELDS)
def test_any_text_is_an_order_or_refused(text, fields):
    found = answers(parse_order, text)
    assert found is None or found.key(fields) <= found.key(fields)


@given(ANY_TEXT, FIELDS)
def test_any_text_is_a_projection_or_refused(text, fields):
    found = answers(lambda text: parse_projection(text, "/a"), text)
    assert found is None or len(found.project([Scope(fields)] * 2)) >= 1
