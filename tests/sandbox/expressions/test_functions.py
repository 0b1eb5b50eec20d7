"""Functions: what each gives for good, strange and missing values."""

import pytest

from amps_sandbox.expressions import Scope, limits, parse_filter

from .values import matches, same, value

NAN, INF = float("nan"), float("inf")

TEXTS = [
    ("INSTR('hello', 'l')", 3),
    ("INSTR('hello', 'L')", 0),
    ("INSTR('hello', '')", None),
    ("INSTR(NULL, 'l')", None),
    ("INSTR(12345, 34)", 3),
    ("INSTR_I('heLlo', 'L')", 3),
    ("STREQUAL_I('abc', 'ABC')", 1),
    ("STREQUAL_I('abc', 'abd')", 0),
    ("STREQUAL_I('\\xe9', '\\xc9')", 0),  # bytes, not letters
    ("STREQUAL_I('a', NULL)", None),
    ("SUBSTR('hello', 2)", "ello"),
    ("SUBSTR('hello', 2, 3)", "ell"),
    ("SUBSTR('hello', 0, 2)", "he"),
    ("SUBSTR('hello', -3)", "llo"),
    ("SUBSTR('hello', -3, 2)", "ll"),
    ("SUBSTR('hello', -99, 2)", "he"),
    ("SUBSTR('hello', 6)", None),
    ("SUBSTR('hello', 1, 0)", None),
    ("SUBSTR('hello', 1, -1)", None),
    ("SUBSTR('hello', 'x')", None),
    ("SUBSTR('hello', 2.9)", "ello"),
    ("SUBSTR('hello', 1, 1e300)", "hello"),
    ("SUBSTR('hello', NULL)", None),
    ("SUBSTR('hello', 1, NULL)", None),
    ("REVERSE('abc')", "cba"),
    ("REVERSE('')", None),
    ("UPPER('aBc\\xe9\\xb5')", "ABC\xe9\xb5"),
    ("LOWER('aBC\\xc9')", "abc\xc9"),
    ("UPPER(NULL)", None),
    ("CONCAT('a', 1, NULL, 2.5)", "a12.5"),
    ("CONCAT(NULL)", None),
    ("CONCAT(1 = 1)", "1"),
    ("REPLACE('banana', 'an', 'x')", "bxxa"),
    ("REPLACE('banana', 'a', '')", "bnn"),
    ("REPLACE('aaa', 'a', NULL)", None),
    ("REPLACE('aaa', '', 'x')", "aaa"),
    ("REPLACE(NULL, 'a', 'b')", None),
    ("REGEXP_REPLACE('a1b22', '\\d+', '#')", "a#b#"),
    (
        "REGEXP_REPLACE('john smith', '(\\w+) (\\w+)', '\\\\2 \\\\1 \\\\0 \\\\7')",
        "smith john john smith ",
    ),
    ("REGEXP_REPLACE('aaa', 'a', '')", None),
    ("REGEXP_REPLACE('abc', 'b', 'x\\\\0x')", "axbxc"),
    ("REGEXP_REPLACE(NULL, 'a', '')", None),
    ("REGEXP_MATCH('order 66 of 77', '\\d+')", "66"),
    ("REGEXP_MATCH('order', '\\d+')", None),
    ("REGEXP_MATCH('order', '\\d*')", None),
    ("REGEXP_MATCH(NULL, '.')", None),
    ("LENGTH('h\\xc3\\xa9')", 3),
    ("LENGTH('')", None),
    ("TRIM('  a b\\n')", "a b"),
    ("LTRIM('  a ')", "a "),
    ("RTRIM('  a ')", "  a"),
    ("TRIM('   ')", None),
    ("LEFT('hello', 2)", "he"),
    ("LEFT('hello', 99)", "hello"),
    ("LEFT('hello', -1)", None),
    ("RIGHT('hello', 2)", "lo"),
    ("RIGHT('hello', 99)", "hello"),
    ("RIGHT('hello', 0)", None),
    ("CHAR_VALUE(65)", "A"),
    ("CHAR_VALUE(255)", "\xff"),
    ("CHAR_VALUE(256)", None),
    ("CHAR_VALUE(-1)", None),
]

NUMBERS = [
    ("ABS(-5)", 5),
    ("ABS('-2.5')", 2.5),
    ("ABS('x')", NAN),
    ("ABS(NULL)", None),
    ("CEILING(1.2)", 2),
    ("CEILING(-1.2)", -1),
    ("CEILING(7)", 7),
    ("CEILING(1e300)", 1e300),
    ("FLOOR(1e400)", INF),
    ("FLOOR(-1.2)", -2),
    ("FLOOR('x')", NAN),
    ("ROUND(2.5)", 3),
    ("ROUND(-2.5)", -3),
    ("ROUND(2.345, 2)", 2.35),
    ("ROUND(1.005, 2)", 1.01),
    ("ROUND(1234, -2)", 1200),
    ("ROUND(1250, -2)", 1300),
    ("ROUND(1234.5, -2)", 1200.0),
    ("ROUND(1e300, 2)", 1e300),
    ("ROUND(1.5, 1e300)", 1.5),
    ("ROUND(1.5, -1e300)", 0.0),
    ("ROUND(5, 2)", 5),
    ("ROUND(1e400)", INF),
    ("ROUND('x', 2)", NAN),
    ("ROUND(1, 'x')", NAN),
    ("SIGN(-3)", -1),
    ("SIGN(0.0)", 0),
    ("SIGN('x')", NAN),
    ("SQRT(9)", 3.0),
    ("SQRT(-1)", NAN),
    ("POWER(2, 10)", 1024),
    ("POWER(2, 63)", 2**63),
    ("POWER(2, 64)", 2.0**64),
    ("POWER(2, -1)", 0.5),
    ("POWER(0, -1)", INF),
    ("POWER(-8, 0.5)", NAN),
    ("POWER(10, 400)", INF),
    ("POWER(1, 18446744073709551615)", 1),
    ("POWER(-1, 18446744073709551615)", -1),
    ("EXP(0)", 1.0),
    ("EXP(1000)", INF),
    ("LOG2(8)", 3.0),
    ("LN(1)", 0.0),
    ("LN(0)", -INF),
    ("LN(-1)", NAN),
    ("LOG10(1000)", 3.0),
    ("GREATEST(1, 3, 2)", 3),
    ("GREATEST(1, 'x')", "x"),
    ("GREATEST(1, NULL)", 1),
    ("GREATEST(NULL)", None),
    ("LEAST(2, '1')", "1"),
    ("LEAST(2, NAN_VALUE())", NAN),
    ("SIN(0)", 0.0),
    ("COS(0)", 1.0),
    ("TAN(0)", 0.0),
    ("SIN(1e400)", NAN),
    ("ASIN(2)", NAN),
    ("ACOS(1)", 0.0),
    ("ATAN(0)", 0.0),
    ("ATAN2(0, 1)", 0.0),
    ("DEGREES(0)", 0.0),
    ("RADIANS(180)", 3.141592653589793),
    ("WIDTH_BUCKET(5, 0, 10, 5)", 3),
    ("WIDTH_BUCKET(-1, 0, 10, 5)", 0),
    ("WIDTH_BUCKET(10, 0, 10, 5)", 6),
    ("WIDTH_BUCKET(8, 10, 0, 5)", 2),
    ("WIDTH_BUCKET(1, 1, 1, 5)", None),
    ("WIDTH_BUCKET(1, 0, 2, 0)", None),
    ("WIDTH_BUCKET('x', 0, 2, 1)", None),
    ("CRC32('123456789')", 0xCBF43926),
    ("CRC64('123456789')", 0x995DC9BBDF1939FA),
    ("CRC32(NULL)", None),
    ("CRC64('')", None),
    ("GEO_DISTANCE(0, 0, 0, 0)", 0.0),
    ("ROUND(GEO_DISTANCE(52.52, 13.405, 48.8566, 2.3522) / 1000)", 877),
    ("ROUND(GEO_DISTANCE(0, 0, 0, 180) / 1000)", 20015),
    ("GEO_DISTANCE(0, 0, 0, 'x')", NAN),
    ("GEO_DISTANCE(0, 0, 0, NULL)", None),
    ("NAN_VALUE()", NAN),
    ("TRUE_VALUE()", 1),
    ("FALSE_VALUE()", 0),
]

CHOICES = [
    ("IF(1 = 1, 'a', 'b')", "a"),
    ("IF(NULL, 'a', 'b')", "b"),
    ("IF(0, 1, 2)", 2),
    ("IF(/list, 1, /list)", 1),
    ("COALESCE(NULL, '', /missing, 7, 8)", 7),
    ("COALESCE(NULL)", None),
    ("COALESCE(/missing, /list)", [3, "1", 2.5]),
    ("ARRAY_COUNT(/list)", 3),
    ("ARRAY_COUNT(/one)", 1),
    ("ARRAY_COUNT(/missing)", 0),
    ("ARRAY_MIN(/list)", "1"),
    ("ARRAY_MAX(/list)", 3),
    ("ARRAY_MAX(/missing)", None),
    ("ARRAY_SUM(/list)", 6.5),
    ("ARRAY_SUM(/whole)", 6),
    ("ARRAY_SUM(/texts)", NAN),
    ("ARRAY_SUM(/missing)", None),
    ("ARRAY_TO_STRING(/list, '-')", "3-1-2.5"),
    ("ARRAY_TO_STRING(/texts, '')", "ab"),
    ("ARRAY_TO_STRING(/missing, ',')", None),
    ("ARRAY_TO_STRING(/one, ',')", "5"),
]
FIELDS = {
    **{"/list": [3, "1", 2.5], "/whole": [1, 2, 3], "/texts": ["a", None, "b"], "/one": 5},
}


@pytest.mark.parametrize(("text", "expected"), [*TEXTS, *NUMBERS, *CHOICES])
def test_a_function_of_constants_and_fields(text, expected):
    assert same(value(text, FIELDS), expected)


@pytest.mark.parametrize(("text", "expected"), [*TEXTS, *NUMBERS])
def test_a_function_of_fields_gives_the_same_as_of_constants(text, expected):
    """So that nothing is true only because it was worked out while it was read."""
    assert same(value(f"IF(/yes, {text}, /no)", {"/yes": 1}), expected)


def test_only_the_chosen_branch_is_evaluated():
    told = []
    text = r"IF(/a, 1, REGEXP_REPLACE(/s, '(a+)\1*b', 'x'))"
    assert value(text, {"/a": 1, "/s": "a" * 5000}, tell=told.append) == 1
    assert not told


def test_message_functions_ask_the_scope():
    about = {
        **{"topic": "orders", "sow_key": b"12", "bookmark": b"1|2|", "correlation_id": "c"},
        **{"message_size": 9, "last_updated": 5.5, "client_name": b"me", "user": "", "now": 7},
        **{"instance_name": "SANDBOX", "lease_count": 2, "last_leased": 3},
    }
    asked = {
        **{"TOPIC_NAME()": "orders", "SOW_KEY()": "12", "BOOKMARK()": "1|2|", "USER()": None},
        **{"CORRELATION_ID()": "c", "MESSAGE_SIZE()": 9, "LAST_UPDATED()": 5.5, "USER ( )": None},
        **{"CLIENT_NAME()": "me", "AMPS_INSTANCE_NAME()": "SANDBOX", "LEASE_COUNT()": 2},
        **{"LAST_LEASED()": 3, "UNIX_TIMESTAMP()": 7.0, "topic_name()": "orders"},
    }
    assert {text: value(text, **about) for text in asked} == asked
    for text in set(asked) - {"UNIX_TIMESTAMP()"}:
        assert value(text) is None
    assert parse_filter("TOPIC_NAME() = 'orders'").matches(Scope(topic=b"orders"))


def test_without_a_clock_the_time_is_the_system_s():
    assert matches("UNIX_TIMESTAMP() > 1700000000")


def test_texts_that_grow_without_end_are_null():
    most = limits.TEXT_BYTES_MAX
    fields = {"/s": "a" * 5000, "/half": "a" * (most // 2), "/l": ["a" * 2000] * 9000}
    assert value("LENGTH(REPLACE(/s, 'a', LEFT(/s, 3355)))", fields) == 5000 * 3355
    assert value("REPLACE(/s, 'a', LEFT(/s, 3356))", fields) is None
    assert value("REGEXP_REPLACE(/s, 'a', LEFT(/s, 3400))", fields) is None
    assert value("REGEXP_REPLACE(/s, '[a]', LEFT(/s, 3400))", fields) is None
    assert value("LENGTH(CONCAT(/half, /half))", fields) == most
    assert value("CONCAT(/half, /half, 'a')", fields) is None
    assert value("ARRAY_TO_STRING(/l, ',')", fields) is None
    assert value("CRC64(/half)", fields) is None
    assert value("CRC64(LEFT(/half, 1000)) > 0", fields) == 1
