"""Filters: which messages they let through, by the rules of NULL, NaN, coercion and arrays."""

import pytest

from amps_sandbox.expressions import BadExpression, Scope, parse_filter

ORDER = {"/id": 7, "/px": 12.5, "/state": "open", "/data": [1, "zebra"], "/s": "I like C++"}


def matches(text, fields=ORDER):
    return parse_filter(text).matches(Scope(fields))


def test_case_18_a_filter_that_breaks_off_is_refused():
    with pytest.raises(BadExpression, match="expected a value, found the end, at character 6"):
        parse_filter("/x = ")


def test_case_19_like_searches_with_a_regular_expression():
    text = "/n LIKE '^A.*z$'"
    assert matches(text, {"/n": "Abcz"})
    assert not matches(text, {"/n": "bAz"})


def test_case_20_a_raw_pattern_is_its_own_characters():
    assert matches("/s LIKE r'C++'")
    assert not matches("/s LIKE r'C+++'")


def test_case_21_an_array_differs_if_one_element_does():
    assert matches("/data != 'zebra'")


@pytest.mark.parametrize("fields", [{}, {"/a": None}, {"/a": ""}, {"/a": []}, {"/a": 0}])
def test_case_22_nothing_equals_null(fields):
    assert not matches("/a = NULL", fields)
    assert not matches("/a != NULL", fields)


@pytest.mark.parametrize("fields", [{}, {"/a": None}, {"/a": ""}])
def test_case_22_is_null_finds_what_is_missing(fields):
    assert matches("/a IS NULL", fields)
    assert not matches("/a IS NOT NULL", fields)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10 < '2'", False),
        ("2 = 2.0", True),
        ("'2.000' <> '2.0'", True),
        ("10 < 'x'", True),
        ("-5 % 3 = -2", True),
    ],
)
def test_case_23_texts_and_numbers_compare(text, expected):
    assert matches(text) is expected
