"""Projections: one record per group, with aggregates over its records."""

import math

import pytest

from amps_sandbox.expressions import Scope, parse_projection
from amps_sandbox.expressions.limits import DISTINCT_MAX, TEXT_BYTES_MAX

from .values import same

BIG = 2**64 - 1


def scopes(*rows):
    return [Scope(row) for row in rows]


def test_case_82_the_greatest_price_by_symbol():
    projection = parse_projection("MAX(/px) AS /max,/sym AS /s", "/sym")
    rows = scopes({"/sym": "IBM", "/px": 5}, {"/sym": "IBM", "/px": 7}, {"/sym": "HP", "/px": 1})
    groups = {}
    for scope in rows:
        groups.setdefault(projection.group_key(scope), []).append(scope)
    found = {key: projection.project(group) for key, group in groups.items()}
    assert found == {("IBM",): {"/max": 7, "/s": "IBM"}, ("HP",): {"/max": 1, "/s": "HP"}}
    assert projection.grouping == ("/sym",)
    groups[("IBM",)].append(Scope({"/sym": "IBM", "/px": 9}))
    assert projection.project(groups[("IBM",)])["/max"] == 9


def test_fields_come_in_declared_order_under_their_names():
    projection = parse_projection("/c, 1 + 1 AS /b, [/x y] AS [/q p], /a[1] AS /a", "/c")
    found = projection.project(scopes({"/c": 1, "/x y": "z", "/a": [1, 2]}))
    assert list(found.items()) == [("/c", 1), ("/b", 2), ("/q p", "z"), ("/a", 2)]


def test_what_is_not_aggregated_is_the_newest_record_s_and_stays_when_one_is_lost():
    projection = parse_projection(
        "/g, /px AS /last, SUM(/px) AS /sum, SUM(/px) + /px AS /both", "/g"
    )
    rows = scopes({"/g": 1, "/px": 5}, {"/g": 1, "/px": 7})
    before = projection.project(rows)
    assert before == {"/g": 1, "/last": 7, "/sum": 12, "/both": 19}
    after = projection.project(rows[:1], before)
    assert after == {"/g": 1, "/last": 7, "/sum": 5, "/both": 10}


def test_a_group_without_records_has_nothing_but_counts():
    projection = parse_projection("COUNT(/a) AS /n, SUM(/a) AS /s, /a", "/g")
    assert projection.project([]) == {"/n": 0, "/s": None, "/a": None}
    assert projection.project([], {"/a": 5}) == {"/n": 0, "/s": None, "/a": 5}


@pytest.mark.parametrize(
    ("text", "values", "expected"),
    [
        ("SUM(/v)", [1, 2, None, "3"], 6),
        ("SUM(/v)", [1, 2.5], 3.5),
        ("SUM(/v)", [1, "x", 2], math.nan),
        ("SUM(/v)", [None, ""], None),
        ("SUM(/v)", [BIG, 1], float(2**64)),
        ("SUM(/v)", [[4, 5], 1], 5),
        ("SUM(/v * 2)", [1, 2], 6),
        ("SUM(/v) / COUNT(/v)", [1, 2], 1),
        ("SUM(/v) / (COUNT(/v) * 1.0)", [1, 2], 1.5),
        ("AVG(/v)", [1, 2, None], 1.5),
        ("AVG(/v)", [2, 4], 3.0),
        ("AVG(/v)", [None], None),
        ("AVG(/v)", [1, "x"], math.nan),
        ("MIN(/v)", [3, 1, 2], 1),
        ("MIN(/v)", [3, "x", None], 3),
        ("MIN(/v)", ["10", "9"], "10"),
        ("MIN(/v)", [10, "9"], "9"),
        ("MIN(/v)", [1, math.nan, 0], math.nan),
        ("MIN(/v)", [], None),
        ("MAX(/v)", [3, "x", None], "x"),
        ("MAX(/v)", [1, 2.5], 2.5),
        ("MAX(/v)", [math.nan, 5], math.nan),
        ("COUNT(/v)", [1, None, "", "x", [], 0, math.nan], 4),
        ("COUNT_DISTINCT(/v)", [1, 1.0, "1", None, math.nan, math.nan], 3),
        ("ANY(/v)", [None, 1, 2, None], 2),
        ("UNIQUE(/v)", [5, None, 5], 5),
        ("UNIQUE(/v)", [5, 6, 5], None),
        ("UNIQUE(/v)", [], None),
        ("STDDEV_POP(/v)", [2, 4, 4, 4, 5, 5, 7, 9], 2.0),
        ("STDDEV_POP(/v)", [5], 0.0),
        ("STDDEV_POP(/v)", [], None),
        ("STDDEV_POP(/v)", [1, "x"], math.nan),
        ("GROUP_CONCAT(/v)", ["a", None, 1, "b"], "a,1,b"),
        ("GROUP_CONCAT(/v, ' / ')", ["a", "b"], "a / b"),
        ("GROUP_CONCAT(/v, '')", ["a", "b"], "ab"),
        ("GROUP_CONCAT(/v)", [None], None),
        ("UPPER(GROUP_CONCAT(/v))", ["a", "b"], "A,B"),
        ("IF(COUNT(/v) > 1, 'many', 'one')", [1, 2], "many"),
        ("COUNT(REGEXP_MATCH(/v, '[ab]'))", ["a", "c", "b"], 2),
    ],
)
def test_aggregates(text, values, expected):
    rows = [{} if value is None else {"/v": value} for value in values]
    found = parse_projection(f"{text} AS /out", "/g").project(scopes(*rows))["/out"]
    assert same(found, expected)


def test_aggregates_are_bounded():
    text = "a" * (TEXT_BYTES_MAX // 2)
    projection = parse_projection("GROUP_CONCAT(/v, '') AS /t", "/g")
    assert projection.project(scopes({"/v": text}, {"/v": text})) == {"/t": text * 2}
    assert projection.project(scopes({"/v": text}, {"/v": text}, {"/v": "a"})) == {"/t": None}
    projection = parse_projection("COUNT_DISTINCT(/v) AS /n", "/g")
    many = (Scope({"/v": number}) for number in range(DISTINCT_MAX + 5))
    assert projection.project(many) == {"/n": None}


@pytest.mark.parametrize(
    ("fields", "key"),
    [
        ({"/a": 1, "/b": "x"}, (1, "x")),
        ({"/a": ""}, (None, None)),
        ({"/a": [1, "x"], "/b": []}, ((1, "x"), None)),
        ({"/a": 1.0, "/b": "1"}, (1, "1")),
    ],
)
def test_a_group_is_made_by_values(fields, key):
    projection = parse_projection("/a, /b", "/a,/b")
    assert projection.group_key(Scope(fields)) == key
    hash(key)


def test_records_that_are_no_numbers_are_one_group():
    key = parse_projection("/a", "/a").group_key
    assert len({key(Scope({"/a": float("nan")})), key(Scope({"/a": -math.nan}))}) == 1


def test_a_projection_says_what_it_reads():
    projection = parse_projection("SUM(/qty * [t]./px) AS /sum, TODAY() AS /day", "/region")
    assert projection.paths == {"/qty", "/px", "/region"}
    assert projection.qualifiers == {(None, "t")}
    assert not projection.is_deterministic
    assert parse_projection("SUM(/a) AS /b", "/g").is_deterministic


def test_a_pattern_given_up_in_a_projection_is_told():
    told = []
    projection = parse_projection(r"COUNT(REGEXP_MATCH(/v, '(a+)\1*b')) AS /n", "/g")
    assert projection.project([Scope({"/v": "a" * 5000}, tell=told.append)]) == {"/n": 0}
    assert told
