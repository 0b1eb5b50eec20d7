"""What holds for every body: nothing but InvalidBody is raised, and merges add up."""

import contextlib
import json

from hypothesis import HealthCheck, given, settings, strategies as st

from amps_sandbox.bodies import InvalidBody, Select

from .helpers import ALL, FIX, JSON, LOCAL, NVFIX, latin

NAMES = st.sampled_from(["a", "b", "c", "é", '"', "\\", "a/b", "", "\n", "😀"])
TEXTS = st.text(st.characters(codec="utf-8"), max_size=5)
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-5, 5), st.integers(), st.floats(allow_nan=False), TEXTS
)
VALUES = st.recursive(
    SCALARS.filter(lambda value: value not in (float("inf"), float("-inf"))),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(NAMES, VALUES, max_size=4)

TOKENS = """{ } [ ] " : , \\ \\u00e9 \\ud800 \\" 1 -0 1.5e3 1e400 true null NaN é a b {"a":"""
JSON_LIKE = st.lists(st.sampled_from([*TOKENS.split(), " "]), max_size=30).map("".join)
FIX_LIKE = st.lists(st.sampled_from(["=", "=", "\x01", "\x01", "1", "35", "x", "-1"]), max_size=30)
COMPOSITE_LIKE = st.lists(
    st.sampled_from(
        [b"\0\0\0\0", b"\0\0\0\2{}", b'\0\0\0\7{"a":1}', b"\0\0\0\4" + b"1=2\1", b"\0"]
    ),
    max_size=5,
)
BYTES = st.one_of(
    st.binary(max_size=60),
    JSON_LIKE.map(str.encode),
    FIX_LIKE.map("".join).map(str.encode),
    COMPOSITE_LIKE.map(b"".join),
    OBJECTS.map(lambda value: json.dumps(value).encode()),
)


def for_all(*strategies):
    """Checks a property in however much time a busy machine takes."""
    patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
    return lambda test: patient(given(*strategies)(test))


def written(value, ascii_only=False):
    return json.dumps(value, ensure_ascii=ascii_only, indent=1).encode("utf-8", "replace")


def model_merge(stored, update):
    """5.1 of the specification, on dicts."""
    merged = dict(stored)
    for key, value in update.items():
        if value is None or (isinstance(value, (str, list, dict)) and not value):
            continue
        if isinstance(value, dict) and isinstance(merged.get(key), dict):
            value = model_merge(merged[key], value)
        merged[key] = value
    return merged


def model_fields(value, path="", is_in_array=False, found=None):
    """3.2 of the specification, on what json.loads gives."""
    found = {} if found is None else found
    if isinstance(value, dict):
        for key, inner in value.items():
            model_fields(inner, f"{path}/{key}", is_in_array, found)
    elif isinstance(value, list):
        for inner in value:
            model_fields(inner, path, True, found)
    else:
        found.setdefault(path, []).append(value)
    return found


def strict(value):
    """JSON of a value, so that 1, 1.0 and true are three things."""
    return json.dumps(value, sort_keys=True)


@for_all(st.sampled_from(ALL), BYTES, BYTES)
def test_nothing_but_invalid_body_is_raised(kind, one, other):
    select = Select.parse("-/,+/a,-/a/b,+/0/a,+/35")
    for attempt in (
        lambda: kind.fields(one),
        lambda: kind.merge(one, other),
        lambda: kind.changes(one, other, ["/a", "/0/a/b", "/35"], True),
        lambda: kind.select(one, select),
    ):
        with contextlib.suppress(InvalidBody):
            attempt()


@for_all(st.sampled_from([JSON, FIX, NVFIX, LOCAL]), BYTES, BYTES)
def test_what_comes_out_is_a_body_again(kind, one, other):
    try:
        kind.fields(one)
        kind.fields(other)
    except InvalidBody:
        return
    kind.fields(kind.merge(one, other))
    kind.fields(kind.changes(one, other, ["/a"], True)[0])
    kind.fields(kind.select(one, Select.parse("-/a")))


@for_all(JSON_LIKE)
def test_the_two_ways_to_parse_json_agree_on_what_is_json(text):
    def accepts(parse):
        try:
            parse(text.encode())
        except InvalidBody:
            return False
        return True

    assert accepts(JSON.fields) == accepts(lambda body: JSON.merge(body, b"{}"))


def has_two_ways(value):
    """Does a name hold a slash, so that one path may have two ways to it?"""
    if isinstance(value, dict):
        return any("/" in name or has_two_ways(inner) for name, inner in value.items())
    return isinstance(value, list) and any(map(has_two_ways, value))


@for_all(OBJECTS.filter(lambda value: not has_two_ways(value)), st.booleans())
def test_json_fields_are_those_of_the_model(value, ascii_only):
    found = JSON.fields(written(value, ascii_only))
    for path, expected in model_fields(value).items():
        values = found[latin(path)]
        values = values if isinstance(values, list) else [values]
        assert len(values) == len(expected)
        for actual, wanted in zip(values, expected):
            if isinstance(wanted, str):
                wanted = latin(wanted) or None
            assert actual == wanted or float(actual) == float(wanted)


@for_all(OBJECTS, OBJECTS, st.booleans())
def test_a_json_merge_is_that_of_the_model(stored, update, ascii_only):
    merged = JSON.merge(written(stored, ascii_only), written(update))
    assert strict(json.loads(merged)) == strict(model_merge(stored, update))


@for_all(OBJECTS, OBJECTS)
def test_json_changes_merged_into_the_old_body_give_the_new_one(stored, update):
    old = written(stored)
    new = JSON.merge(old, written(update))
    delta, changed = JSON.changes(old, new, (), False)
    assert changed == (delta != b"{}")
    assert json.loads(JSON.merge(old, delta)) == json.loads(new)


@for_all(OBJECTS)
def test_a_body_has_no_changes_to_itself(value):
    assert JSON.changes(written(value), written(value, True), (), False) == (b"{}", False)


@for_all(OBJECTS)
def test_a_selection_of_everything_is_the_body_without_blanks(value):
    selected = JSON.select(written(value), Select.parse("+/"))
    assert selected == json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


FIX_BODIES = st.lists(
    st.tuples(st.sampled_from([b"1", b"2", b"35"]), st.sampled_from([b"", b"x", b"1.10", b"=y"])),
    max_size=6,
).map(lambda pairs: b"".join(b"%b=%b\x01" % pair for pair in pairs))


@for_all(FIX_BODIES, FIX_BODIES)
def test_fix_changes_merged_into_the_old_body_give_the_new_one(old, update):
    new = FIX.merge(old, update)
    delta, changed = FIX.changes(old, new, (), False)
    assert changed == bool(delta)
    assert FIX.fields(FIX.merge(old, delta)) == FIX.fields(new)


PATHS = st.lists(st.sampled_from(["a", "b", latin("é"), "c/d"]), min_size=1, max_size=4)
COMPOSED_TEXTS = TEXTS.filter(bool).map(latin)
COMPOSED = st.one_of(
    st.none(), st.integers(-(2**63), 2**64 - 1), st.floats(allow_nan=False), COMPOSED_TEXTS
)


def without_infinity(value):
    return None if value in (float("inf"), float("-inf")) else value


@for_all(
    st.dictionaries(
        PATHS.map(lambda names: "/" + "/".join(names)),
        COMPOSED | st.lists(COMPOSED, min_size=1, max_size=3),
        max_size=6,
    )
)
def test_composed_json_has_the_fields_it_was_made_from(values):
    expected = {
        path: [without_infinity(one) for one in value]
        if isinstance(value, list)
        else without_infinity(value)
        for path, value in values.items()
    }
    assert JSON.fields(JSON.compose(values)) == expected


@for_all(st.dictionaries(st.integers(0, 999).map("/{}".format), st.integers(0, 2**64 - 1)))
def test_composed_fix_has_the_fields_it_was_made_from(values):
    assert FIX.fields(FIX.compose(values)) == values
