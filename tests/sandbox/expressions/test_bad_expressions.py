"""Expressions that are refused: each says what is wrong and at which character."""

import pytest

from amps_sandbox.expressions import (
    BadExpression,
    BadPattern,
    Scope,
    limits,
    parse_filter,
    parse_order,
    parse_projection,
)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "expected a value, found the end, at character 1"),
        ("   ", "expected a value, found the end, at character 4"),
        ("/x = ", "expected a value, found the end, at character 6"),
        ("/x = = 1", "expected a value, found symbol '=', at character 6"),
        ("/x 1", "expected an operator or the end, found number '1', at character 4"),
        ("10/5", "found identifier '/5', at character 3"),
        ("/a-1 -", "expected a value, found the end, at character 7"),
        ("--1", "expected a value, found symbol '-', at character 2"),
        ("(1", "expected ')' to close a '(', found the end, at character 3"),
        ("1)", "expected an operator or the end, found symbol ')', at character 2"),
        ("()", "expected a value, found symbol ')', at character 2"),
        ("1 < 2 < 3", "expected an operator or the end, found symbol '<', at character 7"),
        ("/a IN 1", "expected '(' after IN, found number '1', at character 7"),
        ("/a IN ()", "expected a value, found symbol ')', at character 8"),
        ("/a IN (1", "expected ')' or ',', found the end, at character 9"),
        ("/a BETWEEN 1", "expected AND of BETWEEN, found the end, at character 13"),
        ("/a LIKE /b", "expected a text in quotes after LIKE, found identifier '/b'"),
        ("/a LIKE", "expected a text in quotes after LIKE, found the end, at character 8"),
        ("/a BEGINS ('x')", "expected WITH after BEGINS, found symbol '(', at character 11"),
        ("/a ENDS WITH 'x'", "expected '(' after ENDS WITH, found string 'x', at character 14"),
        ("/a IS 1", "expected NULL or NAN after IS, found number '1', at character 7"),
        ("/a NOT = 1", "expected an operator or the end, found word 'NOT', at character 4"),
        ("r'x' = 1", "expected a value, found raw 'x', at character 1"),
        ("/a = 'open", "a text that never ends at character 6"),
        ("/a = \"open'", "a text that never ends at character 6"),
        ("/a = '\\'", "a text that never ends at character 6"),
        ("/a ! 1", "unexpected '!' at character 4"),
        ("/", "a '/' that starts no path (to divide, put a blank after it) at character 1"),
        ("/a//b", "a '/' that starts no path (to divide, put a blank after it) at character 3"),
        ("[x] = 1", "a '[' that starts no identifier at character 1"),
        ("/a[-1]", "a '[' that starts no identifier at character 3"),
        ("/a[2147483648]", "an index over 2147483647 at character 1"),
        ("/a[99999999999999999999]", "an index over 2147483647 at character 1"),
        ("state = 1", "unknown word 'state' at character 1"),
        ("1 + NOSUCH(1)", "unknown function 'NOSUCH' at character 5"),
        ("UPPER()", "UPPER takes 1 argument(s), not 0, at character 1"),
        ("SUBSTR(/a)", "SUBSTR takes 2 to 3 argument(s), not 1, at character 1"),
        ("CONCAT()", "CONCAT takes 1 or more argument(s), not 0, at character 1"),
        ("UPPER(/a", "expected ')' to close UPPER(, found the end, at character 9"),
        ("1 = SUM(/a)", "SUM may not stand outside a projection, at character 5"),
        ("REGEXP_MATCH(/a, /b)", "REGEXP_MATCH needs a pattern in quotes at character 1"),
        ("REGEXP_MATCH(/a, '(')", "a group that never ends, at character 1"),
        ("/a LIKE '('", "pattern '(': a group that never ends, at character 9"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(text, problem):
    with pytest.raises(BadExpression) as refused:
        parse_filter(text)
    assert problem in str(refused.value)


def test_a_bad_pattern_is_a_bad_expression():
    with pytest.raises(BadPattern):
        parse_filter("/a LIKE '*'")
    assert issubclass(BadPattern, BadExpression)
    assert issubclass(BadExpression, ValueError)


@pytest.mark.parametrize("parse", [parse_filter, parse_order, lambda t: parse_projection(t, "/g")])
def test_a_text_over_the_limit_is_refused(parse):
    most = limits.EXPRESSION_BYTES_MAX
    with pytest.raises(BadExpression, match=f"more than {most} bytes"):
        parse("/" + "a" * most)
    parse("/" + "a" * (most - 1))


NEST = limits.NESTING_MAX


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("(", ")"),
        ("UPPER(", ")"),
        ("1 IN (", ")"),
        ("-(", ")"),
        ("NOT (", ")"),
        ("1 = -(", ")"),
        ("IF(1, ", ", 2)"),
        ("NOT NOT 1 + 2 * -IF(1 BETWEEN 2 AND 3 OR 1 AND ", ", 1, 2)"),
        ("1 OR 1 AND NOT NOT 1 BETWEEN 2 AND 3 + 4 * -UPPER(", ")"),
    ],
)
def test_nesting_has_a_limit_and_what_is_below_it_works(start, end):
    deepest = start * (NEST - 1) + "1" + end * (NEST - 1)
    parse_filter(deepest).matches(Scope())
    parse_projection(f"SUM(/a) + 1 AS /x, {deepest} AS /out", "/g").project([])
    with pytest.raises(BadExpression, match=f"nested more than {NEST} deep at character"):
        parse_filter(start * (NEST + 1) + "1" + end * (NEST + 1))


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    ("start", "repeated", "end"),
    [
        ("1", " + 1", ""),
        ("1", " OR 1", ""),
        ("", "NOT ", "1"),
        ("1 IN (1", ",1", ")"),
        ("CONCAT(1", ",1", ")"),
        ("", "(", ""),
        ("", "[", ""),
        ("", "[a].", ""),
        ("/", "a/", "b"),
        ("'", "\\'", "'"),
        ("", "'", ""),
        ("", "-", "1"),
        ("1", " IS NOT NULL", ""),
        ("", "/a LIKE '(a+)+b' OR ", "1"),
        ("/a LIKE '", "(a|b)*", "'"),
        ("", "1e", ""),
        ("", "1.", ""),
        ("", "9", ""),
    ],
)
def test_a_long_text_is_read_or_refused_soon(start, repeated, end):
    count = (limits.EXPRESSION_BYTES_MAX - len(start) - len(end)) // len(repeated)
    text = start + repeated * count + end
    try:
        parse_filter(text).matches(Scope())
    except BadExpression as refused:
        assert len(str(refused)) < 500


def test_a_list_has_a_limit():
    most = limits.LIST_ITEMS_MAX
    parse_filter(f"/a IN ({','.join(['1'] * most)})")
    for text in ("/a IN ({})", "CONCAT({})"):
        with pytest.raises(BadExpression, match=f"more than {most}"):
            parse_filter(text.format(",".join(["1"] * (most + 1))))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "expected a path, found the end, at character 1"),
        ("/a,", "expected a path, found the end, at character 4"),
        ("/a UP", "expected an operator or the end, found word 'UP', at character 4"),
        ("/a DESC ASC", "found word 'ASC', at character 9"),
        ("1", "expected a path, found number '1', at character 1"),
        ("/a /b", "found identifier '/b', at character 4"),
        ("-/a", "expected a path, found symbol '-', at character 1"),
    ],
)
def test_a_bad_order_is_refused(text, problem):
    with pytest.raises(BadExpression) as refused:
        parse_order(text)
    assert problem in str(refused.value)


@pytest.mark.parametrize(
    ("projection", "grouping", "problem"),
    [
        ("", "/g", "expected a value, found the end, at character 1"),
        ("/a", "", "grouping: expected a path, found the end, at character 1"),
        ("/a", "/g DESC", "grouping: it has no order"),
        ("/a", "/g[1]", "grouping: /g with an index"),
        ("/a", "/g,/g", "grouping has a path twice"),
        ("/a + 1", "/g", "expected AS and a path, found the end, at character 7"),
        ("/a AS 1", "/g", "expected a path, found number '1', at character 7"),
        ("/a AS /b[1]", "/g", "a plain path must follow AS at character 7"),
        ("/a AS [t]./b", "/g", "a plain path must follow AS at character 7"),
        ("/a, /b AS /a", "/g", "field '/a' clashes with another at character 11"),
        ("/a, 1 AS /a/b", "/g", "field '/a/b' clashes with another at character 10"),
        ("1 AS /a/b/c, /a", "/g", "field '/a' clashes with another at character 14"),
        ("SUM(MAX(/a)) AS /b", "/g", "MAX may not stand in another aggregate, at character 5"),
        ("SUM(UNIX_TIMESTAMP()) AS /b", "/g", "SUM of what changes with time at character 1"),
        ("GROUP_CONCAT(/a, /b) AS /b", "/g", "GROUP_CONCAT needs a constant separator"),
        ("SUM() AS /b", "/g", "SUM takes 1 argument(s), not 0, at character 1"),
        ("/a /b", "/g", "expected an operator or the end, found identifier '/b'"),
    ],
)
def test_a_bad_projection_is_refused(projection, grouping, problem):
    with pytest.raises(BadExpression) as refused:
        parse_projection(projection, grouping)
    assert problem in str(refused.value)
