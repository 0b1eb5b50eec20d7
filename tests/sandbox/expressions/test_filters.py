"""Filters: which messages they let through, by the rules of NULL, NaN, coercion and arrays."""

import pytest

from amps_sandbox.expressions import BadExpression, parse_filter

from .values import matches as matches_fields, same, value

ORDER = {"/id": 7, "/px": 12.5, "/state": "open", "/data": [1, "zebra"], "/s": "I like C++"}


def matches(text, fields=ORDER):
    return matches_fields(text, fields)


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


T, F, N = "TRUE", "FALSE", "NULL"


@pytest.mark.parametrize(
    ("left", "right", "conjunction", "disjunction"),
    [
        (T, T, 1, 1),
        (T, F, 0, 1),
        (T, N, None, 1),
        (F, T, 0, 1),
        (F, F, 0, 0),
        (F, N, 0, None),
        (N, T, None, None),
        (N, F, None, None),
        (N, N, None, None),
    ],
)
def test_and_and_or_go_from_left_to_right(left, right, conjunction, disjunction):
    assert value(f"{left} AND {right}") is conjunction
    assert value(f"{left} OR {right}") is disjunction
    fields = {"/t": 5, "/f": 0}  # the same with fields, which nothing can work out beforehand
    names = {T: "/t", F: "/f", N: "/n"}
    assert value(f"{names[left]} AND {names[right]}", fields) is conjunction
    assert value(f"{names[left]} OR {names[right]}", fields) is disjunction


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("NOT NULL", None),
        ("NOT TRUE", 0),
        ("NOT FALSE", 1),
        ("NOT NOT 7", 1),
        ("NOT NOT NOT 7", 0),
        ("NOT /missing = 1", None),
        ("NOT 'x'", None),  # not a number, so as NULL
        ("NOT NAN_VALUE()", None),
        ("'1' AND '2'", 1),
        ("NULL IS NULL", 1),
        ("'' IS NULL", 1),
        ("0 IS NULL", 0),
        ("NULL IS NAN", 0),
        ("'x' IS NAN", 1),
        ("'7' IS NAN", 0),
        ("'x' + 1 IS NAN", 1),
        ("0 / 0 IS NAN", 0),
        ("0.0 / 0 IS NAN", 1),
        ("1 IS NOT NAN", 1),
    ],
)
def test_null_and_nan_are_asked_for(text, expected):
    assert value(text) is expected


@pytest.mark.parametrize("text", ["0", "NULL", "'x'", "NAN_VALUE()", "''", "/missing", "0.0"])
def test_only_a_number_that_is_not_zero_matches(text):
    assert not matches(text)
    assert matches("0.5") and matches("-1") and matches("'3'")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("'' = ''", None),
        ("10 < ''", None),
        ("NULL != NULL", None),
        ("2 = '2'", 1),
        ("'2' = 2.0", 1),
        ("'10' < '9'", 1),
        ("'10' < 9", 0),
        ("'x' > 99999999999999999999", 1),
        ("'x' = 1", 0),
        ("'x' != 1", 1),
        ("1 <> 'x'", 1),
        ("'2 ' = 2", 0),  # blanks make no number
        ("'0x10' = 16", 0),
        ("'1e2' = 100", 1),
        ("'abc' < 'abd'", 1),
        ("'a' < 'B'", 0),
        ("NAN_VALUE() = NAN_VALUE()", 0),
        ("NAN_VALUE() != 1", 1),
        ("'x' > NAN_VALUE()", 0),
        ("18446744073709551615 > 18446744073709551614", 1),
        ("9007199254740993 = 9007199254740992.0", 0),
    ],
)
def test_comparison_converts_the_text_of_a_pair(text, expected):
    assert value(text) is expected


@pytest.mark.parametrize("operator", ["=", "==", "!=", "<>", "<", "<=", ">", ">="])
@pytest.mark.parametrize("constant", ["3", "'3'", "2.5", "'b'"])
@pytest.mark.parametrize("field", [3, 2.5, "3", "b", "", None, [], [1, "b"], True])
def test_a_field_compares_the_same_on_either_side_of_a_constant(operator, constant, field):
    flipped = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}.get(operator, operator)
    expected = value(f"COALESCE(/a) {operator} {constant}", {"/a": field})  # no short way
    assert value(f"/a {operator} {constant}", {"/a": field}) is expected
    assert value(f"{constant} {flipped} /a", {"/a": field}) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/a IN (1, 2)", 1),
        ("/a IN ('2', 5)", 1),
        ("/a IN (1, 3)", 0),
        ("/a NOT IN (1, 3)", 1),
        ("/a IN (NULL)", None),
        ("/a IN (1, NULL, 2)", None),  # a chain of OR, and NULL OR TRUE is NULL
        ("/a IN (2, NULL)", 1),
        ("/n IN (1, NULL)", None),
        ("/n NOT IN (1)", None),
        ("/a IN (/b, /a)", 1),
        ("/s IN ('x', 'y')", 1),
        ("/s IN ('X')", 0),
        ("/a BETWEEN 2 AND 3", 1),
        ("/a BETWEEN 1 AND 2", 1),
        ("/a BETWEEN 3 AND 1", 0),
        ("/a NOT BETWEEN 3 AND 4", 1),
        ("/n BETWEEN 1 AND 2", None),
        ("/a BETWEEN 1 AND NULL", None),
        ("/a BETWEEN 5 AND NULL", 0),
        ("/s BEGINS WITH ('q', 'x')", 1),
        ("/s NOT BEGINS WITH ('q')", 1),
        ("/long ENDS WITH ('++')", 1),
        ("/long BEGINS WITH ('++')", 0),
        ("/n BEGINS WITH ('x')", None),
        ("/a ENDS WITH (2)", 1),
        ("/n LIKE 'x'", None),
        ("/a LIKE '2'", 1),
        ("/a NOT LIKE '3'", 1),
        ("/s LIKE ''", 1),
    ],
)
def test_sets_ranges_and_patterns(text, expected):
    assert value(text, {"/a": 2, "/b": 7, "/s": "x", "/long": "I like C++"}) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/data = 'zebra'", 1),
        ("/data = 2", 0),
        ("/data > 0", 1),
        ("/data = /other", 1),
        ("/data = /strange", 0),
        ("/strange = NULL", None),
        ("/data IN ('q', 'zebra')", 1),
        ("NOT /data IN ('zebra')", 0),
        ("/data NOT IN ('zebra')", 0),
        ("/data LIKE '^z'", 1),
        ("/data LIKE '^q'", 0),
        ("/nulls = 1", None),
        ("/nulls IS NULL", 1),
        ("/empty IS NULL", 1),
        ("/data IS NULL", 0),
        ("/data BETWEEN 'y' AND 'zz'", 1),
        ("/data BETWEEN 2 AND 3", 0),
        ("/data[1]", "zebra"),
        ("/data[0]", 1),
        ("/data[2]", None),
        ("/one[0]", 5),
        ("/one[1]", None),
        ("/data + 1", 2),
        ("UPPER(/data)", "1"),
        ("-/data", -1),
    ],
)
def test_arrays_compare_by_any_element_and_are_otherwise_their_first(text, expected):
    fields = {
        **{"/data": [1, "zebra"], "/other": ["q", "zebra"], "/strange": ["no", 3]},
        **{"/nulls": [None, None], "/empty": [], "/one": 5},
    }
    assert same(value(text, fields), expected)


def test_arrays_too_big_to_compare_are_as_null():
    fields = {"/a": [0] * 1000, "/b": [1] * 101}
    assert value("/a = /b", fields) is None
    fields["/b"].pop()
    assert value("/a != /b", fields) == 1


BIG = 2**64 - 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 / 5", 0),
        ("-7 / 2", -3),
        ("7 / -2", -3),
        ("7 / 2.0", 3.5),
        ("5 % -3", 2),
        ("-5 MOD 3", -2),
        ("-5.5 % 3", -2.5),
        ("1 / 0", None),
        ("1 % 0", None),
        ("1.0 / 0", float("inf")),
        ("-1.0 / 0", float("-inf")),
        ("1 / -0.0", float("-inf")),
        ("0.0 / 0", float("nan")),
        ("1.0 % 0", float("nan")),
        ("1 + NULL", None),
        ("'x' + NULL", None),
        ("'x' * 2", float("nan")),
        ("'2' * '3'", 6),
        ("'2.0' * 3", 6.0),
        ("1 + 2 * 3 - 4", 3),
        ("(1 + 2) * 3", 9),
        ("10 - 2 - 3", 5),
        ("-2 - -2", 0),
        ("+'5'", "5"),
        ("-'5'", -5),
        ("-0.0", -0.0),
        ("1.5e3", 1500.0),
        ("18446744073709551615", BIG),
        ("18446744073709551616", float(2**64)),
        ("18446744073709551615 + 1", float(2**64)),
        ("-9223372036854775808", -(2**63)),
        ("-9223372036854775808 - 1", float(-(2**63))),
        ("4294967296 * 4294967296", float(2**64)),
        ("1e308 * 10", float("inf")),
        ("(1 = 1) + 1", 2),
        ("/huge + 1", float("inf")),
        ("/huge > 1e308", 1),
    ],
)
def test_arithmetic_keeps_integers_within_64_bits(text, expected):
    assert same(value(text, {"/huge": 10**400}), expected)


def test_a_filter_says_what_it_reads():
    found = parse_filter("/a/b > 1 AND [/x y][2] IS NULL OR [json].[t]./c = [t]./d")
    assert found.paths == {"/a/b", "/x y", "/c", "/d"}
    assert found.qualifiers == {("json", "t"), (None, "t")}
    assert found.text.startswith("/a/b")
    assert found.is_deterministic
    assert not parse_filter("/a > UNIX_TIMESTAMP()").is_deterministic
    assert not parse_filter("TODAY() = 0").is_deterministic
    assert parse_filter("/a = 1") is parse_filter("/a = 1")


def test_a_view_qualifier_reads_the_plain_path():
    assert matches("[json].[orders]./a = [orders].[/b c]", {"/a": 1, "/b c": 1})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (r"'a\tb\n'", "a\tb\n"),
        (r"'\x41\101\\'", "AA\\"),
        (r"'\q\'\"'", "q'\""),
        (r"'\400\8\x4'", "4008x4"),
        ('"it\'s"', "it's"),
        ("'two\nlines'", "two\nlines"),
        (r"'\0'", "0"),
        (r"'\000'", "\0"),
    ],
)
def test_texts_have_escapes(text, expected):
    assert value(text) == expected


def test_a_pattern_keeps_its_backslashes():
    assert matches(r"/s LIKE '(.)\1'", {"/s": "hello"})
    assert not matches(r"/s LIKE '(.)\1'", {"/s": "helo"})
    assert matches(r"/s LIKE 'C\+\+'", {"/s": "C++"})
    assert matches(r"/s LIKE 'it\'s'", {"/s": "it's"})
    assert matches(r"/s LIKE r'a\d'", {"/s": "a\\d"})
