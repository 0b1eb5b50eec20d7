"""Every header of a message: read and written in all its spellings, and guarded."""

import inspect

import pytest
from hypothesis import given, strategies as st

from AMPS import Message

from .headers import HEADERS, NUMBERS, TEXTS

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


def test_there_are_38():
    assert len(HEADERS) == 38 == len(TEXTS) + len(NUMBERS) + 1


def test_a_spelling_in_camel_case_is_the_same_function():
    for snake, camel in HEADERS.items():
        assert getattr(Message, f"get{camel}") is getattr(Message, f"get_{snake}")
        assert getattr(Message, f"set{camel}") is getattr(Message, f"set_{snake}")


def test_there_are_no_other_accessors():
    expected = {f"{verb}_{snake}" for snake in HEADERS for verb in ("get", "set")}
    expected |= {f"{verb}{camel}" for camel in HEADERS.values() for verb in ("get", "set")}
    expected |= {"get_data_raw", "get_bookmark_seq_no", "get_command_enum", "get_ack_type_enum"}
    assert {name for name in dir(Message) if name[:3] in ("get", "set")} == expected


def test_every_setter_has_its_documented_parameter():
    for snake in HEADERS:
        setter = inspect.signature(getattr(Message, f"set_{snake}"))
        assert list(setter.parameters) == ["self", "value"]
        assert list(inspect.signature(getattr(Message, f"get_{snake}")).parameters) == ["self"]


@pytest.mark.parametrize("name", HEADERS)
def test_a_header_is_absent_then_set_then_taken_away(name):
    message = Message()
    absent = "" if name == "data" else None
    assert getattr(message, f"get_{name}")() == getattr(message, name) == absent
    assert getattr(message, f"set_{name}")(b"12") is message
    assert getattr(message, f"get_{name}")() == getattr(message, name) == "12"
    others = [each for each in HEADERS if each not in (name, "data")]
    assert all(getattr(message, f"get_{each}")() is None for each in others)
    assert getattr(message, f"set{HEADERS[name]}")(value=None) is message
    assert getattr(message, f"get_{name}")() == absent


@pytest.mark.parametrize("name", HEADERS)
def test_a_property_is_for_reading_only_and_is_explained(name):
    with pytest.raises(AttributeError):
        setattr(Message(), name, "x")
    assert getattr(Message, name).__doc__ == getattr(Message, f"get_{name}").__doc__


@given(st.sampled_from(TEXTS), TEXT)
def test_any_text_comes_back_as_it_was_set(name, text):
    message = Message()
    for value in (text, text.encode()):
        getattr(message, f"set_{name}")(value)
        assert getattr(message, f"get_{name}")() == text


@given(st.sampled_from(NUMBERS), st.integers(0, 2**32 - 1))
def test_a_number_comes_back_as_its_digits(name, number):
    message = Message()
    for value in (number, str(number), b"%d" % number, f"00{number}"):
        getattr(message, f"set_{name}")(value)
        assert getattr(message, f"get_{name}")() == str(number)


@given(st.sampled_from(TEXTS), st.integers(-(2**64) + 1, 2**64 - 1))
def test_an_int_may_stand_for_text(name, number):
    message = getattr(Message(), f"set_{name}")(number)
    assert getattr(message, f"get_{name}")() == str(number)


def test_a_sequence_has_64_bits_and_other_numbers_32():
    assert Message().set_sequence(2**64 - 1).get_sequence() == str(2**64 - 1)
    with pytest.raises(ValueError, match="sequence must be from 0 to 18446744073709551615"):
        Message().set_sequence(2**64)
    with pytest.raises(ValueError, match="top_n must be from 0 to 4294967295"):
        Message().set_top_n(2**32)


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("value", [-1, 2**64, "x", "1.0", " 1", "-1", "٣", b"\xff", "1" * 5000])
def test_a_number_that_is_none_is_refused_by_name(name, value):
    message = getattr(Message(), f"set_{name}")(7)
    with pytest.raises(ValueError, match=name):
        getattr(message, f"set_{name}")(value)
    assert getattr(message, f"get_{name}")() == "7"


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("value", ["a\0b", b"\0", "\ud800", 2**64, -(2**64)])
def test_text_that_cannot_be_sent_is_refused_by_name(name, value):
    message = getattr(Message(), f"set_{name}")("before")
    with pytest.raises(ValueError, match=name) as caught:
        getattr(message, f"set_{name}")(value)
    assert caught.value.__context__ is None, "a password must not travel along in an exception"
    assert getattr(message, f"get_{name}")() == "before"


@pytest.mark.parametrize("name", [*TEXTS, *NUMBERS])
@pytest.mark.parametrize("value", [1.5, ["x"], object(), bytearray(b"x"), {}])
def test_what_is_no_text_is_refused_by_name(name, value):
    with pytest.raises(TypeError, match=f"{name} must be .*, not {type(value).__name__}"):
        getattr(Message(), f"set_{name}")(value)


@pytest.mark.parametrize("name", TEXTS)
def test_a_bool_is_no_text(name):
    with pytest.raises(TypeError, match="bool"):
        getattr(Message(), f"set_{name}")(True)


def test_bytes_that_are_no_utf_8_are_read_with_replacement():
    assert Message().set_topic(b"a\xffb").get_topic() == "a\N{REPLACEMENT CHARACTER}b"


def test_empty_text_stays_empty_text():
    assert Message().set_topic("").get_topic() == ""


def test_options_may_be_a_builder():
    assert Message().set_options(Message.Options().set_OOF()).get_options() == "oof"


def test_subclasses_of_text_are_text():
    class Name(str):
        pass

    assert type(Message().set_topic(Name("t")).get_topic()) is str
