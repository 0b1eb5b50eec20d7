"""FIX and NVFIX: what a builder puts together a shredder takes apart, whatever else arrives."""

import copy
import inspect
import pickle

import pytest
from hypothesis import given, strategies as st

from AMPS import FIXBuilder, FIXShredder, Message, NVFIXBuilder, NVFIXShredder

VALUE = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x01"))
NAME = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x01="), min_size=1)


@given(st.lists(st.tuples(st.integers(0, 10**19 - 1), VALUE)))
def test_fix_comes_back_as_it_was_built(fields):
    builder = FIXBuilder()
    for tag, value in fields:
        builder.append(tag, value)
    for body in (
        builder.get_string(),
        builder.get_bytes(),
        Message().set_data(builder.get_bytes()),
    ):
        assert FIXShredder().to_map(body) == dict(fields)


@given(st.lists(st.tuples(NAME, VALUE)))
def test_nvfix_comes_back_as_it_was_built(fields):
    builder = NVFIXBuilder()
    for tag, value in fields:
        builder.append(tag, value.encode())
    for body in (builder.get_string(), bytearray(builder.get_bytes())):
        assert NVFIXShredder().to_map(body) == dict(fields)


@given(st.binary())
def test_any_bytes_are_shredded_or_refused(data):
    for shredder in (FIXShredder, NVFIXShredder):
        try:
            shredder().to_map(data)
        except UnicodeDecodeError:
            assert data.decode("latin-1").isascii() is False
        assert isinstance(shredder(errors="replace").to_map(data), dict)


def test_every_field_ends_with_the_delimiter():
    assert FIXBuilder().append(35, "D").append(0, "").get_string() == "35=D\x010=\x01"
    assert NVFIXBuilder(b"|").append("a", "1").append(b"b", b"2").get_string() == "a=1|b=2|"
    assert FIXBuilder(delimiter=";").get_string() == NVFIXBuilder().get_string() == ""


def test_the_parameters_have_their_documented_names():
    for builder in (FIXBuilder, NVFIXBuilder):
        names = list(inspect.signature(builder.append).parameters)
        assert names == ["self", "tag", "value", "offset", "length"]
        assert str(inspect.signature(builder)) == "(delimiter='\\x01')"
    assert FIXShredder(separator="|").to_map(message="1=a|") == {1: "a"}
    assert NVFIXShredder(separator="|").to_map(message="x=a|") == {"x": "a"}


@pytest.mark.parametrize(
    ("offset", "length", "kept"),
    [(0, None, "abcdé"), (1, None, "bcdé"), (1, 2, "bc"), (5, None, ""), (5, 0, ""), (4, 1, "é")],
)
def test_a_part_of_a_value_can_be_appended(offset, length, kept):
    built = FIXBuilder("|").append(tag=1, value="abcdé", offset=offset, length=length)
    assert built.get_string() == f"1={kept}|"


@pytest.mark.parametrize(
    ("offset", "length", "problem"),
    [
        (6, None, ValueError),
        (-1, None, ValueError),
        (0, 6, ValueError),
        (3, -1, ValueError),
        (2**70, 1, ValueError),
        (None, 1, ValueError),
        ("0", None, TypeError),
        (0, 1.0, TypeError),
        (True, None, TypeError),
    ],
)
def test_a_part_that_is_not_there_is_refused(offset, length, problem):
    builder = FIXBuilder("|")
    with pytest.raises(problem, match=r"offset|length"):
        builder.append(1, "abcde", offset, length)
    assert builder.get_string() == ""


@pytest.mark.parametrize("builder", [FIXBuilder, NVFIXBuilder])
@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("a|b", ValueError),
        (b"|", ValueError),
        ("\ud800", ValueError),
        (5, TypeError),
        (1.5, TypeError),
        (None, TypeError),
        (bytearray(b"x"), TypeError),
        (["x"], TypeError),
    ],
)
def test_a_value_that_cannot_be_told_again_is_refused(builder, value, problem):
    built = builder("|")
    with pytest.raises(problem):
        built.append(1 if builder is FIXBuilder else "a", value)
    assert built.get_string() == ""


@pytest.mark.parametrize(
    ("tag", "problem"),
    [
        (-1, ValueError),
        (10**19, ValueError),
        ("35", TypeError),
        (True, TypeError),
        (1.0, TypeError),
    ],
)
def test_a_fix_tag_is_a_number(tag, problem):
    with pytest.raises(problem, match="FIX tag"):
        FIXBuilder().append(tag, "x")


@pytest.mark.parametrize(
    ("tag", "problem"),
    [
        ("", ValueError),
        ("a=b", ValueError),
        ("a|b", ValueError),
        (b"\xff", ValueError),
        (5, TypeError),
        (None, TypeError),
    ],
)
def test_an_nvfix_tag_is_text(tag, problem):
    with pytest.raises(problem):
        NVFIXBuilder("|").append(tag, "x")


@pytest.mark.parametrize("make", [FIXBuilder, NVFIXBuilder, FIXShredder, NVFIXShredder])
@pytest.mark.parametrize(
    ("character", "problem"),
    [
        ("", ValueError),
        ("||", ValueError),
        ("=", ValueError),
        (b"=", ValueError),
        ("§", ValueError),
        (b"\xff", ValueError),
        (1, TypeError),
        (None, TypeError),
    ],
)
def test_a_delimiter_is_one_character(make, character, problem):
    with pytest.raises(problem, match=r"delimiter|separator"):
        make(character)


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ("", {}),
        ("||||", {}),
        ("35=D", {35: "D"}),
        ("35=D|35=8|", {35: "8"}),
        ("58=a=b=c|", {58: "a=b=c"}),
        ("58=|", {58: ""}),
        ("no field|=x|x=y|-5=x|+5=x| 5=x|5 =x|1.5=x|٣=x|5=kept|", {5: "kept"}),
        ("007=bond|", {7: "bond"}),
        ("9" * 20 + "=x|" + "9" * 1_000_000 + "=x|", {}),
        ("1=a\x012=b|", {1: "a\x012=b"}),
    ],
)
def test_what_is_no_field_is_left_out(body, fields):
    for given_body in (body, body.encode(), memoryview(body.encode())):
        assert FIXShredder("|").to_map(given_body) == fields


def test_an_nvfix_name_is_anything_but_nothing():
    fields = NVFIXShredder("|").to_map("=x|nothing|a=1|a=2| b =3|35=D|é=ü")
    assert fields == {"a": "2", " b ": "3", "35": "D", "é": "ü"}
    assert type(fields) is dict


@pytest.mark.parametrize("shredder", [FIXShredder(), NVFIXShredder()])
@pytest.mark.parametrize("message", [None, 5, ["35=D"], {35: "D"}, object()])
def test_what_is_no_body_is_refused(shredder, message):
    with pytest.raises(TypeError, match="message must be str"):
        shredder.to_map(message)


def test_values_that_are_no_utf_8_are_the_callers_choice():
    body = b"58=caf\xe9|59=ok|"
    with pytest.raises(UnicodeDecodeError):
        FIXShredder("|").to_map(body)
    assert FIXShredder("|", errors="replace").to_map(body)[58] == "caf\N{REPLACEMENT CHARACTER}"
    kept = FIXShredder("|", errors="surrogateescape").to_map(body)
    assert kept[58].encode("utf-8", "surrogateescape") == b"caf\xe9" and kept[59] == "ok"
    with pytest.raises(LookupError):
        FIXShredder(errors="no such way")
    with pytest.raises(TypeError):
        FIXShredder(errors=None)


def test_bytes_that_are_no_text_can_be_built():
    builder = FIXBuilder("|").append(58, b"caf\xe9")
    assert builder.get_bytes() == b"58=caf\xe9|"
    with pytest.raises(UnicodeDecodeError):
        builder.get_string()


def test_reset_forgets_all_fields():
    builder = FIXBuilder("|").append(1, "x")
    assert builder.reset() is None
    assert builder.append(2, "y").get_string() == "2=y|"


def test_a_tag_may_be_asked_for_as_number_or_digits():
    fields = FIXShredder("|").to_map("35=D|55=IBM|")
    for key in (35, "35", b"35", "035"):
        assert fields[key] == fields.get(key) == "D" and key in fields
    for key in (36, "36", "x", "-35", None, "", "9" * 5000, 35.5, b"\xff"):
        assert key not in fields and fields.get(key) is None and fields.get(key, "none") == "none"
        with pytest.raises(KeyError) as caught:
            fields[key]
        assert caught.value.args == (key,)
    assert list(fields) == [35, 55] and dict(fields) == {35: "D", 55: "IBM"}


def test_a_tag_is_never_there_twice():
    fields = FIXShredder("|").to_map("35=D|55=IBM|")
    fields["35"] = "8"
    assert fields.setdefault("55", "x") == "IBM" and fields.setdefault("1", "one") == "one"
    assert fields == {35: "8", 55: "IBM", 1: "one"}
    assert fields.pop("55") == "IBM" and fields.pop("55", None) is None
    with pytest.raises(KeyError):
        fields.pop("55")
    del fields["35"]
    assert fields == {1: "one"}


@pytest.mark.parametrize(
    "again", [copy.copy, copy.deepcopy, lambda f: pickle.loads(pickle.dumps(f))]
)
def test_the_fields_can_be_copied(again):
    made = again(FIXShredder("|").to_map("35=D|"))
    assert made == {35: "D"} and made["35"] == "D"
