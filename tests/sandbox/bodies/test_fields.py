"""The fields of bodies, and bodies that have none because they are not of their type."""

import sys

import pytest

from amps_sandbox.bodies import InvalidBody, Select, body_type
from amps_sandbox.bodies.json_body import OBJECT_PATH_BYTES_MAX
from amps_sandbox.bodies.json_text import DEPTH_MAX, NUMBER_BYTES_MAX

from .helpers import ALL, FIX, GLOBAL, JSON, LOCAL, NVFIX, composite, latin, soh

INF = float("inf")


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ("{}", {}),
        (' \r\n\t{ "a" : 1 } \n', {"/a": 1}),
        (
            '{"a":1,"b":"x","c":1.5,"d":true,"e":false}',
            {"/a": 1, "/b": "x", "/c": 1.5, "/d": 1, "/e": 0},
        ),
        ('{"a":null,"b":"","c":[]}', {"/a": None, "/b": None, "/c": None}),
        ('{"a":{"b":{"c":1}},"d":{}}', {"/a/b/c": 1}),
        ('{"a":[1,"x",null,"",true]}', {"/a": [1, "x", None, None, 1]}),
        ('{"a":[[1,2],[3],[]]}', {"/a": [1, 2, 3]}),
        ('{"a":[{"b":1},{"b":2,"c":3},{"b":[4,5]}]}', {"/a/b": [1, 2, 4, 5], "/a/c": [3]}),
        ('{"a":[1,{"b":2}]}', {"/a": [1], "/a/b": [2]}),
        ('{"a":1,"a":2}', {"/a": 1}),
        ('{"a":{"b":1,"b":2},"a":{"c":3}}', {"/a/b": 1}),
        (r'{"\u0061":1,"a":2}', {"/a": 1}),
        ('{"a/b":1,"a":{"b":2}}', {"/a/b": [1, 2]}),
        ('{"":1}', {"/": 1}),
        ('{"@id":1,"a-b.c:d":2}', {"/@id": 1, "/a-b.c:d": 2}),
    ],
)
def test_json(body, fields):
    found = JSON.fields(body.encode())
    assert found == fields
    assert [type(value) for value in found.values()] == [type(value) for value in fields.values()]


@pytest.mark.parametrize(
    ("number", "value"),
    [
        ("-0", 0),
        ("9223372036854775807", 2**63 - 1),
        ("18446744073709551615", 2**64 - 1),
        ("18446744073709551616", 2.0**64),
        ("-9223372036854775808", -(2**63)),
        ("-9223372036854775809", -(2.0**63)),
        ("1.0", 1.0),
        ("1e2", 100.0),
        ("1e400", INF),
        ("-1e400", -INF),
        ("1e-400", 0.0),
        ("9" * NUMBER_BYTES_MAX, INF),
        ("-" + "9" * (NUMBER_BYTES_MAX - 1), -INF),
        ("0." + "3" * (NUMBER_BYTES_MAX - 2), 1 / 3),
    ],
)
@pytest.mark.parametrize(
    "around",
    ['{"a":%s}', '{"a":%s,"b":[{}]}', '{"a":%s,"b":"' + "long" * 500 + '"}'],
    ids=["alone", "beside an array", "in a long body"],
)
def test_json_numbers(number, value, around):
    found = JSON.fields((around % number).encode())["/a"]
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("é€😀", "é€😀"),
        (r"\u00e9\u20AC\ud83d\uDE00", "é€😀"),
        (r"é\u00e9\\u00e9\\\u00e9", "éé\\u00e9\\é"),
        (r"\u007f\u0080\u07ff\u0800\uffff", "\x7f\x80\u07ff\u0800\uffff"),
        (r"\"\\\/\b\f\n\r\t\u0041\u0000", '"\\/\b\f\n\r\tA\0'),
        (r"a\ud800b\udc00\ud83d\u0041", "a?b??A"),
    ],
)
def test_json_text_is_one_character_per_byte(written, text):
    assert JSON.fields(f'{{"{written}":"{written}"}}'.encode()) == {"/" + latin(text): latin(text)}


DEEP = 100_000


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        (b"", "no JSON at byte 0"),
        (b"  ", "no JSON at byte 2"),
        (b"1", "no object"),
        (b'"a"', "no object"),
        (b"null", "no object"),
        (b'[{"a":1}]', "no object"),
        (b'{"a":1', "no JSON at byte 6"),
        (b'{"a":1,}', "no JSON at byte"),
        (b"{'a':1}", "no JSON at byte 1"),
        (b"{a:1}", "no JSON at byte 1"),
        (b'{"a":1}x', "follows the JSON object at byte 7"),
        (b'{"a":1}{"b":2}', "follows"),
        (b'{"a":1}\0', "follows"),
        (b'\xef\xbb\xbf{"a":1}', "no JSON at byte 0"),
        (b'{"a":01}', "no JSON"),
        (b'{"a":+1}', "no JSON"),
        (b'{"a":.5}', "no JSON"),
        (b'{"a":1.}', "no JSON"),
        (b'{"a":NaN}', "NaN is no JSON value"),
        (b'{"a":Infinity}', "Infinity is no JSON value"),
        (b'{"a":-Infinity}', "-Infinity is no JSON value"),
        (b'{"a":"\n"}', "no JSON at byte 6"),
        (b'{"a":"\\x"}', "no JSON at byte 6"),
        (b'{"a":"\\u00e"}', "no JSON at byte"),
        (b'{"a":"\\u00e9\\u00e9","b":}', "no JSON at byte 24"),
        (b'{"a":"\xff"}', "no UTF-8 at byte 6"),
        (b'{"a":"\xc3', "no UTF-8 at byte 6"),
        (b'{"a":"\xed\xa0\x80"}', "no UTF-8 at byte 6"),
        (b'{"a":"\xc0\x80"}', "no UTF-8 at byte 6"),
        (b'{"a":%b}' % (b"9" * (NUMBER_BYTES_MAX + 1)), "a number over 640 bytes"),
        (b'{"a":1e%b}' % (b"9" * NUMBER_BYTES_MAX), "a number over 640 bytes"),
        (b"[" * DEEP, "nested deeper than 100 at byte 100"),
        (b'{"a":' * DEEP, "nested deeper than 100 at byte 500"),
        (b'{"a":' + b"[" * DEEP + b"]" * DEEP + b"}", "nested deeper than 100 at byte 104"),
        (b'{"a":"' + b"[" * DEEP, "a string without an end at byte 5"),
        (b'{"%b":{"b":1}}' % (b"k" * 2000), "an object's path over 1024 bytes: /kkk"),
    ],
)
def test_what_is_no_json_object_is_refused_with_a_reason(body, complaint):
    with pytest.raises(InvalidBody) as raised:
        JSON.fields(body)
    assert complaint in str(raised.value)
    assert len(str(raised.value)) < 200


def test_the_depth_limit_counts_nesting_not_brackets():
    most = DEPTH_MAX - 1
    deepest = b'{"a":' + b"[" * most + b'"[\\"["' + b"]" * most + b"}"
    assert JSON.fields(deepest) == {"/a": ['["[']}
    for kept in (
        JSON.merge(deepest, b'{"b":1}'),
        JSON.merge(b'{"b":1}', deepest),
        JSON.changes(deepest, deepest.replace(b'\\"', b"x"), ["/a"], True)[0],
        JSON.select(deepest, Select.parse("-/a/b")),
    ):
        assert JSON.fields(kept)["/a"] in (['["['], ["[x["])
    many = b'{"a":[' + b",".join([b'{"b":"}"}'] * 1000) + b"]}"
    assert JSON.fields(many) == {"/a/b": ["}"] * 1000}


def test_an_object_may_have_a_long_path():
    longest = "k" * (OBJECT_PATH_BYTES_MAX - 1)
    assert JSON.fields(f'{{"{longest}":{{"a":1}}}}'.encode()) == {f"/{longest}/a": 1}


def test_a_body_is_refused_near_the_recursion_limit_too():
    def from_far_below(steps):
        return from_far_below(steps - 1) if steps else JSON.fields(b"[" * DEEP)

    with pytest.raises(InvalidBody, match="nested deeper"):
        from_far_below(sys.getrecursionlimit() // 2)


@pytest.mark.parametrize(
    "body",
    [
        b'{"a":' + b"[" * 200 + b'"' + b'\\"' * 500_000,
        b"{" * 200 + b'"a' * 500_000,
        b'{"%b":{%b}}' % (b"k" * 500_000, b",".join(b'"%d":1' % n for n in range(50_000))),
        b'{"a":"' + b"\\" * 1_000_001,
        b'{"a":"' + b"\\ud800" * 200_000,
        b'{"a":' + b"9" * 5_000_000 + b"}",
    ],
    ids=["escaped quotes", "quotes", "long key", "backslashes", "surrogates", "digits"],
)
@pytest.mark.timeout(20)
def test_a_megabyte_of_malice_is_refused_in_good_time(body):
    with pytest.raises(InvalidBody):
        JSON.fields(body)


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ("", {}),
        ("35=D|", {"/35": "D"}),
        ("35=D|38=100", {"/35": "D", "/38": 100}),
        ("1=a|1=2|1=", {"/1": ["a", 2, None]}),
        ("1=|2==|3=a=b|", {"/1": None, "/2": "=", "/3": "a=b"}),
        ("|1=a||junk|=x|-1=b|x=c| 1=d|+1=e|1.0=f|2=g", {"/1": "a", "/2": "g"}),
        ("007=a|7=b|00=c", {"/7": ["a", "b"], "/0": "c"}),
        ("1=é", {"/1": latin("é")}),
    ],
)
def test_fix(body, fields):
    assert FIX.fields(soh(body)) == fields


def test_nvfix_tags_are_texts():
    body = soh("name=x|a/b=1|007=a|é=2|=no|junk|name=y|")
    fields = {"/name": ["x", "y"], "/a/b": 1, "/007": "a", "/" + latin("é"): 2}
    assert NVFIX.fields(body) == fields


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("7", 7),
        ("-7", -7),
        ("+7", 7),
        ("007", 7),
        ("-0", 0),
        ("18446744073709551615", 2**64 - 1),
        ("18446744073709551616", 2.0**64),
        ("9" * 1_000_000, INF),
        ("1.50", 1.5),
        (".5", 0.5),
        ("5.", 5.0),
        ("-1e3", -1000.0),
        ("1e999", INF),
        *[(text, text) for text in ("x", "1_0", " 1", "1 ", "1\n", "0x10", "1e", ".", "-", "--1")],
        *[(text, text) for text in ("inf", "nan", "Infinity", "1,5", "9" * 1_000_000 + "x")],
        ("٣", latin("٣")),
    ],
)
def test_the_type_of_a_fix_value_is_inferred(text, value):
    found = FIX.fields(b"1=" + text.encode())["/1"]
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize("body", [bytes(range(256)), b"\xff\xfe=\x01", b"\0" * 1000, b"=" * 1000])
def test_a_fix_body_is_never_refused(body):
    assert isinstance(FIX.fields(body), dict) and isinstance(NVFIX.fields(body), dict)


def test_case_89_fields_of_a_local_composite_have_the_part_as_first_step():
    body = composite(b'{"id":1,"a":{"b":2}}', b"\xff\0image", soh("35=D|"), payload=b"rest")
    assert LOCAL.fields(body) == {"/0/id": 1, "/0/a/b": 2, "/2/35": "D"}


def test_fields_of_a_global_composite_are_one_set():
    body = composite(b'{"35":"x","1":[1],"2":null,"3":3}', b"9=9", soh("35=D|35=E|1=2|2=4|3=|4="))
    fields = {"/35": ["x", "D", "E"], "/1": [1, 2], "/2": 4, "/3": 3, "/4": None}
    assert GLOBAL.fields(body) == fields


@pytest.mark.parametrize(
    "body", [b"", composite(b""), composite(b"", b"x"), composite(b"", b"", b"", payload=b"x")]
)
def test_composite_parts_may_be_empty_or_missing(body):
    assert LOCAL.fields(body) == GLOBAL.fields(body) == {}


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        (b"\0", "part 0: its length is cut short at byte 0"),
        (b"\0\0\0", "part 0: its length is cut short at byte 0"),
        (composite(b"{}") + b"\0", "part 1: its length is cut short at byte 6"),
        (b"\0\0\0\3{}", "part 0: 3 bytes, but 2 are left"),
        (b"\xff\xff\xff\xff{}", "part 0: 4294967295 bytes, but 2 are left"),
        (composite(b"{}", b"x") + b"\0\0\0\1", "part 2: 1 bytes, but 0 are left"),
        (composite(b"{", b"x"), "part 0: no JSON at byte 1"),
        (b'{"id":1}', "part 0: 2065852772 bytes, but 4 are left"),
    ],
)
def test_a_composite_that_cannot_be_taken_apart_is_refused(body, complaint):
    for kind in (LOCAL, GLOBAL):
        with pytest.raises(InvalidBody) as raised:
            kind.fields(body)
        assert complaint in str(raised.value)


@pytest.mark.parametrize("name", ["binary", "msgpack", "bson", "xml", "anything"])
def test_opaque_bodies_have_no_fields(name):
    kind = body_type(name)
    assert kind.fields(b'{"a":1}') == {}
    assert not kind.has_fields and not kind.merges


def test_what_a_type_can_do():
    assert [kind.has_fields for kind in ALL] == [True, True, True, True, True, False]
    assert [kind.merges for kind in ALL] == [True, True, True, True, False, False]
