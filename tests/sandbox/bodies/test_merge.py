"""Deltas that are merged into stored bodies."""

import pytest

from amps_sandbox.bodies import InvalidBody, body_type

from .helpers import FIX, GLOBAL, JSON, LOCAL, composite, soh


@pytest.mark.parametrize(
    ("stored", "update", "merged"),
    [
        ('{"a":1}', '{"a":2}', '{"a":2}'),
        ('{"a":1}', '{"b":2}', '{"a":1,"b":2}'),
        ('{"a":1,"b":2}', '{"a":[],"b":{}}', '{"a":1,"b":2}'),
        ('{"a":1}', '{"a":false}', '{"a":false}'),
        ('{"a":1}', '{"a":0}', '{"a":0}'),
        ('{"a":1}', '{"a":""}', '{"a":1}'),
        ('{"a":1}', '{"b":null}', '{"a":1}'),
        ('{"a":{"x":{"y":1}}}', '{"a":{"x":{"z":2}}}', '{"a":{"x":{"y":1,"z":2}}}'),
        ('{"a":1}', '{"a":{"x":null}}', '{"a":{"x":null}}'),
        ('{"a":{"x":1}}', '{"a":3}', '{"a":3}'),
        ('{"a":[{"x":1}]}', '{"a":[{"y":2}]}', '{"a":[{"y":2}]}'),
        ('{ "p" : 1.10 , "e" : 1E+2 }', '{"x":1}', '{"p":1.10,"e":1E+2,"x":1}'),
        (r'{"s":"\u00e9\/\n\"\\"}', '{"x":1}', r'{"s":"\u00e9\/\n\"\\","x":1}'),
        ('{"s":"é"}', '{"x":"€"}', '{"s":"é","x":"€"}'),
        (r'{"\u0061":1}', '{"a":2}', r'{"\u0061":2}'),
        ('{"a":1,"a":2}', '{"b":3}', '{"a":1,"b":3}'),
        ("{}", "{}", "{}"),
    ],
)
def test_json(stored, update, merged):
    assert JSON.merge(stored.encode(), update.encode()) == merged.encode()


def test_case_62_a_delta_adds_to_nested_objects_and_keeps_the_rest():
    merged = JSON.merge(b'{"id":1,"a":{"x":1},"b":[1]}', b'{"id":1,"a":{"y":2}}')
    assert merged == b'{"id":1,"a":{"x":1,"y":2},"b":[1]}'


def test_case_63_an_array_is_replaced_whole_and_null_changes_nothing():
    merge = JSON.merge
    assert merge(b'{"id":1,"b":[1,2]}', b'{"id":1,"b":[9]}') == b'{"id":1,"b":[9]}'
    assert merge(b'{"id":1,"b":[1,2]}', b'{"id":1,"b":null}') == b'{"id":1,"b":[1,2]}'


def test_case_64_a_fix_delta_replaces_a_tag_in_place():
    merged = FIX.merge(soh("1=k|54=1|55=Y|"), soh("1=k|55=X|"))
    assert merged == soh("1=k|54=1|55=X|")


@pytest.mark.parametrize(
    ("stored", "update", "merged"),
    [
        ("1=a", "2=b", "1=a|2=b|"),
        ("1=a|2=b|1=c|", "1=x|", "1=x|2=b|"),
        ("1=a|2=b|", "1=x|1=y|", "1=x|1=y|2=b|"),
        ("1=a|", "1=|", "1=a|"),
        ("1=a|", "2=|", "1=a|"),
        ("1=a|", "1=x=|", "1=x=|"),
        ("1=1.10|", "2=2.20|", "1=1.10|2=2.20|"),
        ("035=a|", "35=b|", "35=b|"),
        ("junk|1=a||", "1=b|more junk|-1=x|", "junk|1=b|"),
        ("", "1=a", "1=a|"),
        ("", "", ""),
    ],
)
def test_fix(stored, update, merged):
    assert FIX.merge(soh(stored), soh(update)) == soh(merged)


@pytest.mark.parametrize("bad", [b"", b"[]", b'{"a":}', b'{"a":1} x', b"\xff", b'{"a":"\\x"}'])
def test_a_merge_of_what_is_no_json_object_is_refused(bad):
    with pytest.raises(InvalidBody):
        JSON.merge(b"{}", bad)
    with pytest.raises(InvalidBody):
        JSON.merge(bad, b"{}")


def test_an_opaque_delta_is_a_publish():
    assert body_type("binary").merge(b"old", b"new") == b"new"
    assert not body_type("binary").merges
    assert not GLOBAL.merges and GLOBAL.merge(b"old", b"new") == b"new"


STORED = composite(b'{"id":1,"a":1}', b"image", soh("1=a|2=b|"), payload=b"rest")


@pytest.mark.parametrize(
    ("update", "merged"),
    [
        (b"", STORED),
        (composite(b"", b"", b""), STORED),
        (
            composite(b'{"a":2}'),
            composite(b'{"id":1,"a":2}', b"image", soh("1=a|2=b|"), payload=b"rest"),
        ),
        (
            composite(b"", b"new", soh("2=c")),
            composite(b'{"id":1,"a":1}', b"new", soh("1=a|2=c|"), payload=b"rest"),
        ),
        (
            composite(b"", b"", b"", payload=b"other"),
            composite(b'{"id":1,"a":1}', b"image", soh("1=a|2=b|"), payload=b"other"),
        ),
    ],
    ids=["nothing", "empty parts", "one part", "two parts", "payload"],
)
def test_local_composites_merge_part_by_part(update, merged):
    assert LOCAL.merge(STORED, update) == merged


def test_an_empty_stored_part_takes_the_update_as_it_is():
    assert LOCAL.merge(b"", composite(b'{ "a": 1 }')) == composite(b'{ "a": 1 }', b"", b"")


@pytest.mark.parametrize("bad", [b"\0", composite(b"[]"), b"\1" * 9])
def test_a_bad_part_is_named(bad):
    with pytest.raises(InvalidBody, match="part 0"):
        LOCAL.merge(STORED, bad)
    with pytest.raises(InvalidBody, match="part 0"):
        LOCAL.merge(b"", bad)
