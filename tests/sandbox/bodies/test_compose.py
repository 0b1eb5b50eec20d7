"""Bodies that are made from fields, as views and projections do."""

import pytest

from amps_sandbox.bodies import InvalidBody, body_type

from .helpers import FIX, GLOBAL, JSON, LOCAL, NVFIX, composite, latin, soh

NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("values", "body"),
    [
        ({}, "{}"),
        ({"/a/b": 1, "/c": "x"}, '{"a":{"b":1},"c":"x"}'),
        ({"/a/b": 1, "/c": 2, "/a/d": 3}, '{"a":{"b":1,"d":3},"c":2}'),
        ({"/i": 3, "/f": 3.0, "/n": -0.5, "/t": True}, '{"i":3,"f":3.0,"n":-0.5,"t":1}'),
        ({"/a": None, "/b": [], "/c": ""}, '{"a":null,"b":[],"c":""}'),
        ({"/a": NAN, "/b": INF, "/c": [1, -INF]}, '{"a":null,"b":null,"c":[1,null]}'),
        ({"/a": [1, "x", None, 2.5]}, '{"a":[1,"x",null,2.5]}'),
        ({"/u": 2**64 - 1, "/v": 2**64, "/w": 10**5000}, None),
        ({"/a": latin("é€😀"), latin("/é/€"): 1}, '{"a":"é€😀","é":{"€":1}}'),
        ({"/a": '"\\\n\0'}, r'{"a":"\"\\\n\u0000"}'),
        ({"/a": latin("é")[:1] + "x"}, '{"a":"\ufffdx"}'),
        ({"/a": 1, "/a/b": 2, "/a/b/c": 3}, '{"a":1,"a/b":2,"a/b/c":3}'),
        ({"/a/b": 1, "/a": 2}, '{"a/b":1,"a":2}'),
        ({"/x/a/b/c": 1, "/x/a": 2}, '{"x":{"a/b/c":1,"a":2}}'),
        ({"/a" * 100: 1}, '{"a":' * 100 + "1" + "}" * 100),
        ({"/": 1, "//": 2, "/a/": 3}, '{"":1,"/":2,"a":{"":3}}'),
    ],
)
def test_json(values, body):
    body = body or '{"u":18446744073709551615,"v":1.8446744073709552e+19,"w":null}'
    assert JSON.compose(values) == body.encode()


@pytest.mark.parametrize(
    ("values", "body"),
    [
        ({}, ""),
        ({"/35": "D", "/38": 100, "/44": 1.5}, "35=D|38=100|44=1.5|"),
        ({"/1": [1, "x", None], "/2": []}, "1=1|1=x|1=|2=|"),
        ({"/1": None, "/2": NAN, "/3": INF, "/4": ""}, "1=|2=|3=|4=|"),
        ({"/1": latin("é")}, "1=é|"),
        ({"/1": "a=b|c".replace("|", "\x01")}, "1=a=b?c|"),
        ({"/0": True}, "0=1|"),
    ],
)
def test_fix(values, body):
    assert FIX.compose(values) == soh(body)


def test_nvfix_tags_are_whole_paths():
    assert NVFIX.compose({"/a/b": 1, "/c": "x", latin("/é"): 2}) == soh("a/b=1|c=x|é=2|")


def test_composites():
    assert LOCAL.compose({"/0/a/b": 1, "/2/35": "D"}) == composite(
        b'{"a":{"b":1}}', b"", soh("35=D|")
    )
    assert LOCAL.compose({}) == composite(b"", b"", b"")
    assert GLOBAL.compose({"/a": 1}) == composite(b'{"a":1}', b"", b"")


def test_an_opaque_body_holds_no_fields():
    assert body_type("binary").compose({"/a": 1}) == b""


OPAQUE = body_type("blobs", {"blobs": ("composite-global", ["binary"])})


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        *[(JSON, path) for path in ("", "a", "a/b", "/a" * 101)],
        *[(FIX, path) for path in ("", "35", "/", "/x", "/-1", "/3.5", "/35/1", "/035", "/3=5")],
        *[(NVFIX, path) for path in ("", "a", "/", "/a=b", "/a\x01b")],
        *[(LOCAL, path) for path in ("", "/", "/a", "/0", "/1/a", "/3/a", "/00/a", "/-1/a", "0/a")],
        (LOCAL, "/2/x"),
        (OPAQUE, "/a"),
    ],
)
def test_a_path_that_a_type_cannot_have_is_refused_whatever_its_value(kind, path):
    for value in (1, None, "x", []):
        with pytest.raises(InvalidBody):
            kind.compose({path: value})


@pytest.mark.parametrize("kind", [JSON, FIX])
@pytest.mark.parametrize("values", [{"/1": "€"}, {"/€": 1}])
def test_text_that_is_not_one_character_per_byte_is_refused(kind, values):
    with pytest.raises(InvalidBody, match="€"):
        kind.compose(values)
