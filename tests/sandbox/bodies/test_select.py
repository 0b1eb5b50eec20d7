"""Select lists: reading them, and what is left of a body."""

import pytest

from amps_sandbox.bodies import InvalidBody, Select, body_type
from amps_sandbox.bodies.selection import DIRECTIVES_MAX, PATH_BYTES_MAX, SELECT_BYTES_MAX

from .helpers import FIX, GLOBAL, JSON, LOCAL, NVFIX, composite, latin, soh


@pytest.mark.parametrize(
    ("text", "kept", "dropped"),
    [
        ("-/", [], ["/a", "/a/b", "/"]),
        ("+/", ["/a", "/a/b"], []),
        ("-/a", ["/b", "/ab", "/b/a"], ["/a", "/a/b", "/a/b/c"]),
        ("[-/,+/id,+/a/b]", ["/id", "/id/x", "/a/b"], ["/a", "/a/c", "/idx", "/a/bc"]),
        ("+/a/b,-/a,-/a/b/c", ["/a/b", "/a/b/d", "/x"], ["/a", "/a/c", "/a/b/c"]),
        ("-/a,+/a", [], ["/a"]),
        ("+/a,-/a", ["/a"], []),
        ("+/,-/", ["/a"], []),
        ("  [ - /a , + /a/b ]  ", ["/a/b"], ["/a"]),
        ("-/35,-/@id,-/x-y.z:w", ["/3"], ["/35", "/@id", "/x-y.z:w"]),
        (latin("-/é"), ["/e"], [latin("/é")]),
    ],
)
def test_the_most_specific_directive_decides(text, kept, dropped):
    select = Select.parse(text)
    assert [path for path in kept + dropped if select.keeps(path)] == kept


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "''"),
        ("[]", "''"),
        ("[-/a,]", "''"),
        ("[-/a,,+/b]", "''"),
        ("/a", "'/a'"),
        ("*/a", "'*/a'"),
        ("-", "'-'"),
        ("-a", "'-a'"),
        ("--/a", "'--/a'"),
        ("-/a/", "'-/a/'"),
        ("-//a", "'-//a'"),
        ("-//", "'-//'"),
        ("[-/a", "'[-/a'"),
        ("-/a]", "'-/a]'"),
        ("[[-/a]]", "'[-/a]'"),
        ("[-/" + "a" * 5000, "with one bracket: '[-/aaa"),
        ("x" * 500, "'" + "x" * 40 + "'"),
        ("-/" + "a" * PATH_BYTES_MAX, "over 512 bytes: '-/aaa"),
        ("," * (DIRECTIVES_MAX + 1), "over 1000 directives"),
        ("x" * (SELECT_BYTES_MAX + 1), "over 65536 bytes"),
    ],
)
def test_a_bad_list_is_refused_by_name(text, complaint):
    with pytest.raises(ValueError) as raised:
        Select.parse(text)
    assert complaint in str(raised.value)
    assert len(str(raised.value)) < 200


def test_a_list_at_its_limits_is_accepted():
    most = ["-/" + "a" * (PATH_BYTES_MAX - 1), *[f"-/{n}" for n in range(DIRECTIVES_MAX - 1)]]
    assert not Select.parse(",".join(most)).keeps("/998/x")
    assert Select.parse("-/a".ljust(SELECT_BYTES_MAX)).keeps("/b")


@pytest.mark.timeout(10)
def test_long_paths_and_long_lists_take_no_time():
    longest = "/a" * (PATH_BYTES_MAX // 2)
    select = Select.parse(",".join(f"-{longest[: -len(str(n))]}{n}" for n in range(120)))
    assert select.keeps("/a" * 1_000_000)
    assert select.keeps("/" * 1_000_000)
    assert JSON.select(b'{"%b":1}' % (b"/" * 1_000_000), select)


def test_case_83_only_what_is_selected_is_left():
    select = Select.parse("[-/,+/a/b]")
    assert JSON.select(b'{"a":{"b":1,"c":2},"d":3}', select) == b'{"a":{"b":1}}'


@pytest.mark.parametrize(
    ("text", "body", "left"),
    [
        ("-/", '{"a":1,"b":{}}', "{}"),
        ("+/", '{ "a" : 1.10 , "b" : [ ] }', '{"a":1.10,"b":[]}'),
        ("-/b", '{"a":{"b":1},"b":2}', '{"a":{"b":1}}'),
        ("-/,+/a/b", '{"a":1}', "{}"),
        ("-/,+/a/b", '{"a":{"c":1}}', "{}"),
        ("-/,+/a/b", '{"a":{}}', "{}"),
        ("-/a/b", '{"a":{"b":1}}', '{"a":{}}'),
        ("-/a,+/a/b", '{"a":{"b":{"c":1},"d":2}}', '{"a":{"b":{"c":1}}}'),
        ("-/,+/a,-/a/b", '{"a":{"b":1,"c":2},"d":3}', '{"a":{"c":2}}'),
        ("-/,+/a/b", '{"a":[{"b":1,"c":2},3,{"c":4},[{"b":5}]]}', '{"a":[{"b":1},[{"b":5}]]}'),
        ("-/,+/a/b", '{"a":[1,2]}', "{}"),
        ("-/a/b", '{"a":[{"b":1},2]}', '{"a":[{},2]}'),
        ("-/a/b", '{"a/b":1,"a":{"b":2,"c":3}}', '{"a":{"c":3}}'),
        ("-/,+/e", r'{"\u0065":"\u00e9","f":1}', r'{"\u0065":"\u00e9"}'),
        ("-/,+/x", '{"a":1}', "{}"),
        ("-/b", '{"a":1,"a":2,"b":3}', '{"a":1}'),
    ],
)
def test_json(text, body, left):
    assert JSON.select(body.encode(), Select.parse(text)) == left.encode()


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("-/,+/35", "35=D|35=E|"),
        ("-/35", "1=a|junk|"),
        ("-/", ""),
        ("+/", "35=D|1=a|junk|35=E|"),
        ("-/,+/35/x", ""),
        ("-/,+/2", ""),
    ],
)
def test_fix(text, left):
    assert FIX.select(soh("35=D|1=a||junk|35=E"), Select.parse(text)) == soh(left)


def test_nvfix_tags_may_have_steps():
    assert NVFIX.select(soh("a/b=1|a/c=2|d=3"), Select.parse("-/a,+/a/c")) == soh("a/c=2|d=3|")


PARTS = b'{"id":1,"a":2}', b"image", soh("35=D|1=a|")


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("-/", composite(b"", b"", b"")),
        ("-/,+/0/id,+/2/35", composite(b'{"id":1}', b"", soh("35=D|"))),
        ("-/,+/1", composite(b"", b"image", b"")),
        ("-/1", composite(PARTS[0], b"", PARTS[2], payload=b"rest")),
        ("-/0/id,-/1/x,-/9", composite(b'{"a":2}', b"image", PARTS[2], payload=b"rest")),
    ],
)
def test_local_composites(text, left):
    assert LOCAL.select(composite(*PARTS, payload=b"rest"), Select.parse(text)) == left


def test_global_composites():
    selected = GLOBAL.select(composite(*PARTS, payload=b"rest"), Select.parse("-/,+/id,+/35"))
    assert selected == composite(b'{"id":1}', b"image", soh("35=D|"), payload=b"rest")


def test_opaque_bodies_stay_whole():
    assert body_type("binary").select(b"\xff", Select.parse("-/")) == b"\xff"


@pytest.mark.parametrize("bad", [b"", b"[1]", b'{"a":1}}', b"\xff"])
def test_a_selection_of_what_is_no_json_object_is_refused(bad):
    with pytest.raises(InvalidBody):
        JSON.select(bad, Select.parse("+/"))
