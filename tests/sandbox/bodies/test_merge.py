"""Deltas that are merged into stored bodies."""

import pytest

from amps_sandbox.bodies import InvalidBody, body_type

SOH = b"\x01"


def soh(text):
    """A FIX body, written with | for the separator."""
    return text.encode().replace(b"|", SOH)


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
    assert body_type("json").merge(stored.encode(), update.encode()) == merged.encode()


def test_case_62_a_delta_adds_to_nested_objects_and_keeps_the_rest():
    merged = body_type("json").merge(b'{"id":1,"a":{"x":1},"b":[1]}', b'{"id":1,"a":{"y":2}}')
    assert merged == b'{"id":1,"a":{"x":1,"y":2},"b":[1]}'


def test_case_63_an_array_is_replaced_whole_and_null_changes_nothing():
    merge = body_type("json").merge
    assert merge(b'{"id":1,"b":[1,2]}', b'{"id":1,"b":[9]}') == b'{"id":1,"b":[9]}'
    assert merge(b'{"id":1,"b":[1,2]}', b'{"id":1,"b":null}') == b'{"id":1,"b":[1,2]}'


def test_case_64_a_fix_delta_replaces_a_tag_in_place():
    merged = body_type("fix").merge(soh("1=k|54=1|55=Y|"), soh("1=k|55=X|"))
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
    assert body_type("fix").merge(soh(stored), soh(update)) == soh(merged)


@pytest.mark.parametrize("bad", [b"", b"[]", b'{"a":}', b'{"a":1} x', b"\xff", b'{"a":"\\x"}'])
def test_a_merge_of_what_is_no_json_object_is_refused(bad):
    with pytest.raises(InvalidBody):
        body_type("json").merge(b"{}", bad)
    with pytest.raises(InvalidBody):
        body_type("json").merge(bad, b"{}")


def test_an_opaque_delta_is_a_publish():
    assert body_type("binary").merge(b"old", b"new") == b"new"
    assert not body_type("binary").merges
