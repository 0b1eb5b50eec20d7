"""Orders: NULL lowest, numbers before texts, ties as they were."""

from itertools import permutations

import pytest
from hypothesis import given, strategies as st

from amps_sandbox.expressions import parse_order

NAN = float("nan")


def ordered(text, *rows):
    return sorted(rows, key=parse_order(text).key)


RISING = [None, NAN, float("-inf"), -5, 2, 2.5, 10, float("inf"), "10", "9", "a"]


def test_values_of_all_kinds_have_one_order():
    for some in permutations(range(len(RISING)), 3):
        rows = [{"/a": RISING[place], "/n": place} for place in some]
        assert [row["/n"] for row in ordered("/a", *rows)] == sorted(some)
        falling = sorted(some, reverse=True)
        assert [row["/n"] for row in ordered("/a DESC", *rows)] == falling


def test_missing_and_empty_are_null_and_an_array_is_its_first():
    rows = [{"/a": [2, 1]}, {"/a": ""}, {}, {"/a": []}, {"/a": 1}]
    assert ordered("/a", *rows) == [{"/a": ""}, {}, {"/a": []}, {"/a": 1}, {"/a": [2, 1]}]


def test_the_next_path_decides_ties_and_then_the_order_that_was():
    rows = [{"/px": px, "/id": id, "/n": n} for n, (px, id) in enumerate([(1, 2), (2, 1), (1, 1)])]
    assert [row["/n"] for row in ordered("/px desc, [/id] ASC", *rows)] == [1, 2, 0]
    assert [row["/n"] for row in ordered("/missing DESC", *rows)] == [0, 1, 2]
    assert [row["/n"] for row in ordered("/px[1]", *rows)] == [0, 1, 2]


def test_2_and_2_0_tie():
    rows = [{"/a": 2.0, "/n": 0}, {"/a": 2, "/n": 1}]
    assert ordered("/a", *rows) == ordered("/a DESC", *rows) == rows


@pytest.mark.parametrize("text", ["/a", "/a,/b/c DESC", "[/x y] ASC , /z[2]"])
def test_an_order_knows_its_text_and_paths(text):
    order = parse_order(text)
    assert order.text == text
    assert order is parse_order(text)
    assert order.paths <= {"/a", "/b/c", "/x y", "/z"}


@given(st.lists(st.one_of(st.none(), st.integers(), st.floats(), st.text(max_size=3))))
def test_any_values_can_be_sorted_both_ways(values):
    rows = [{"/a": value} for value in values]
    up, down = ordered("/a", *rows), ordered("/a DESC", *rows)
    key = parse_order("/a").key
    assert [key(row) for row in down] == [key(row) for row in reversed(up)]
