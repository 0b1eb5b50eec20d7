"""What delta subscribers are sent: the changed fields, and the keys."""

import pytest

from amps_sandbox.bodies import InvalidBody, Select, body_type

from .helpers import FIX, GLOBAL, JSON, LOCAL, composite, soh


@pytest.mark.parametrize(
    ("old", "new", "sent"),
    [
        ('{"a":1,"b":2}', '{"a":1,"b":3}', '{"b":3}'),
        ('{"a":1}', '{"a":1,"b":2}', '{"b":2}'),
        ('{"a":1,"b":2}', '{"a":1}', "{}"),
        ('{"a":1}', '{ "a" : 1 }', "{}"),
        ('{"a":{"x":1,"y":2}}', '{"a":{"x":1,"y":3}}', '{"a":{"y":3}}'),
        ('{"a":{"x":{"y":1}}}', '{"a":{"x":{"y":1}}}', "{}"),
        ('{"a":{"x":1}}', '{"a":{}}', "{}"),
        ('{"a":1}', '{"a":{"x":1}}', '{"a":{"x":1}}'),
        ('{"a":{"x":1}}', '{"a":1}', '{"a":1}'),
        ("{}", '{"a":{}}', '{"a":{}}'),
        ('{"a":[1,2]}', '{"a":[1,3]}', '{"a":[1,3]}'),
        ('{"a":[1,2]}', '{"a":[1]}', '{"a":[1]}'),
        ('{"a":[{"x":1,"y":2}]}', '{"a":[{"y":2.0,"x":1}]}', "{}"),
        ('{"a":[{"x":1}]}', '{"a":[{"x":1,"y":2}]}', '{"a":[{"x":1,"y":2}]}'),
        ('{"a":true,"b":null}', '{"a":true,"b":null}', "{}"),
        ('{"a":true}', '{"a":false}', '{"a":false}'),
        ('{"a":true}', '{"a":1}', '{"a":1}'),
        ('{"a":1}', '{"a":"1"}', '{"a":"1"}'),
        ('{"a":1}', '{"a":null}', '{"a":null}'),
        ('{"p":1.1}', '{"p":2.10}', '{"p":2.10}'),
        ('{"a":"é","b":1}', '{"a":"\\u00e9","b":2}', '{"b":2}'),
        ('{"a":"é"}', '{"a":"\\u00e8"}', '{"a":"\\u00e8"}'),
        ('{"a":1}', '{"\\u0061":1}', "{}"),
        ('{"a":1,"a":2}', '{"a":1}', "{}"),
    ],
)
def test_json(old, new, sent):
    changed = sent != "{}"
    assert JSON.changes(old.encode(), new.encode(), (), False) == (sent.encode(), changed)


@pytest.mark.parametrize(
    ("old", "new", "are_equal"),
    [
        ("1.10", "1.1", True),
        ("1", "1.0", True),
        ("100", "1e2", True),
        ("1e2", "1E+2", True),
        ("0.01", "1e-2", True),
        ("0", "-0.0e5", True),
        ("1", "-1", False),
        ("10", "1", False),
        ("18446744073709551616", "18446744073709551617", False),
        ("1e400", "1e401", False),
        ("10e400", "1e401", True),
        ("0.1000000000000000055", "0.1", False),
        ("1e" + "9" * 600, "1e" + "9" * 599 + "8", False),
    ],
)
def test_json_numbers_compare_by_value_however_large(old, new, are_equal):
    _, changed = JSON.changes(b'{"a":%b}' % old.encode(), b'{"a":%b}' % new.encode(), (), True)
    assert changed is not are_equal


def test_case_65_an_update_is_sent_as_changed_fields_and_keys():
    old, new = b'{"id":1,"a":1,"b":2}', b'{"id":1,"a":1,"b":3}'
    assert JSON.changes(old, new, ["/id"], True) == (b'{"id":1,"b":3}', True)
    assert JSON.changes(old, old, ["/id"], True) == (b'{"id":1}', False)


def test_case_66_nothing_changed_once_a_select_list_hides_the_change():
    select = Select.parse("[-/b]")
    old, new = (JSON.select(body, select) for body in (b'{"id":1,"b":2}', b'{"id":1,"b":3}'))
    assert JSON.changes(old, new, ["/id"], False) == (b"{}", False)


@pytest.mark.parametrize(
    ("keys", "with_keys", "sent"),
    [
        (["/id"], True, '{"id":1,"a":{"x":5}}'),
        (["/id"], False, '{"a":{"x":5}}'),
        (["/a/k", "/id"], True, '{"id":1,"a":{"k":2,"x":5}}'),
        (["/a/k", "/id"], False, '{"a":{"x":5}}'),
        (["/missing", "/a/missing", "/id/below"], True, '{"a":{"x":5}}'),
        (["/list/k"], True, '{"a":{"x":5},"list":[{"k":1}]}'),
        (["/list/k"], False, '{"a":{"x":5}}'),
        (["/o"], True, '{"a":{"x":5}}'),
    ],
)
def test_json_keys(keys, with_keys, sent):
    old = b'{"id":1,"a":{"k":2,"x":3},"list":[{"k":1}],"o":{"x":1}}'
    new = old.replace(b'"x":3', b'"x":5')
    assert JSON.changes(old, new, keys, with_keys) == (sent.encode(), True)


def test_a_key_that_is_written_differently_is_no_change():
    assert JSON.changes(b'{"id":1}', b'{"id":1.0}', ["/id"], True) == (b'{"id":1.0}', False)


@pytest.mark.parametrize(
    ("old", "new", "keys", "with_keys", "sent", "changed"),
    [
        ("1=k|55=X|54=1", "54=1|1=k|55=Y", ["/1"], True, "1=k|55=Y|", True),
        ("1=k|55=X|54=1", "54=1|1=k|55=Y", ["/1"], False, "55=Y|", True),
        ("1=k|55=X", "1=k|55=X", ["/1"], True, "1=k|", False),
        ("1=k|55=X", "1=k|55=X", ["/1"], False, "", False),
        ("1=k|55=X", "1=k", ["/1"], False, "", False),
        ("1=a|1=b", "1=a|2=x|1=c", [], False, "1=a|2=x|1=c|", True),
        ("1=a|1=b", "1=b|1=a", [], False, "1=b|1=a|", True),
        ("1=1.10", "1=1.1", [], False, "1=1.1|", True),
        ("1=a", "1=", [], False, "1=|", True),
        ("035=a", "35=a|junk|", [], False, "", False),
    ],
)
def test_fix(old, new, keys, with_keys, sent, changed):
    assert FIX.changes(soh(old), soh(new), keys, with_keys) == (soh(sent), changed)


OLD = composite(b'{"id":1,"a":1}', b"image", soh("1=a|2=b|"), payload=b"rest")


@pytest.mark.parametrize(
    ("new", "keys", "sent", "changed"),
    [
        (OLD, ["/0/id"], composite(b'{"id":1}', b"", b""), False),
        (OLD, [], composite(b"", b"", b""), False),
        (
            composite(b'{"id":1,"a":2}', b"image", soh("1=a|2=c|"), payload=b"rest"),
            ["/0/id", "/2/1"],
            composite(b'{"id":1,"a":2}', b"", soh("1=a|2=c|")),
            True,
        ),
        (
            composite(b'{"id":1,"a":1}', b"other", soh("1=a|2=b|"), payload=b"rest"),
            ["/0/id"],
            composite(b'{"id":1}', b"other", b""),
            True,
        ),
        (
            composite(b'{"id":1,"a":1}', b"image", soh("1=a|2=b|"), payload=b"REST"),
            [],
            composite(b"", b"", b"", payload=b"REST"),
            True,
        ),
        (composite(b'{"id":1,"a":1}'), [], composite(b"", b"", b""), False),
    ],
    ids=["same", "same, no keys", "two parts", "opaque part", "payload", "parts removed"],
)
def test_local_composites_change_part_by_part(new, keys, sent, changed):
    assert LOCAL.changes(OLD, new, keys, True) == (sent, changed)


def test_a_part_that_was_empty_is_sent_whole():
    new = composite(b'{ "a": 1 }', b"", b"")
    assert LOCAL.changes(b"", new, ["/0/a"], False) == (new, True)


@pytest.mark.parametrize("kind", [body_type("binary"), GLOBAL])
def test_types_without_deltas_are_sent_whole(kind):
    assert kind.changes(b"same", b"same", ["/id"], False) == (b"same", True)


@pytest.mark.parametrize("bad", [b"", b"[]", b"\xff", b'{"a"}'])
def test_changes_of_what_is_no_json_object_are_refused(bad):
    with pytest.raises(InvalidBody):
        JSON.changes(b"{}", bad, (), True)
    with pytest.raises(InvalidBody):
        JSON.changes(bad, b"{}", (), True)
    with pytest.raises(InvalidBody):
        LOCAL.changes(composite(b"{}"), composite(bad) + b"x", (), True)
