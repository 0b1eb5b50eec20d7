"""Composite bodies: parts in, the same parts out, and garbage told apart from parts."""

import array
import struct

import pytest
from hypothesis import given, strategies as st

import AMPS
from AMPS import CompositeMessageBuilder, CompositeMessageParser, Message


def built(*parts):
    builder = CompositeMessageBuilder()
    for part in parts:
        builder.append(part)
    return builder.get_data()


def parts_of(parser):
    return [parser.get_part_raw(index) for index in range(parser.size())]


@given(st.lists(st.binary(max_size=300)))
def test_parts_come_back_as_they_were_put_in(parts):
    parser = CompositeMessageParser()
    data = built(*parts)
    for body in (data, bytearray(data), memoryview(data), Message().set_data(data)):
        assert parser.parse(body) == parser.size() == len(parts)
        assert parts_of(parser) == parts and parser.get_unparsed() == b""


@given(st.binary())
def test_any_bytes_are_parts_and_a_rest(data):
    parser = CompositeMessageParser()
    try:
        parser.parse(data)
    except AMPS.CommandException:
        assert parser.get_unparsed()
    assert built(*parts_of(parser)) + parser.get_unparsed() == data


@pytest.mark.parametrize(
    ("part", "raw"),
    [
        ("Grüße", "Grüße".encode()),
        (b"\xff\x00", b"\xff\x00"),
        ("", b""),
        (None, b""),
        (bytearray(b"ab"), b"ab"),
        (memoryview(b"abcd")[::2], b"ac"),
        (array.array("H", [1, 2]), array.array("H", [1, 2]).tobytes()),
        (Message().set_data("body"), b"body"),
    ],
)
def test_a_part_is_text_or_any_buffer(part, raw):
    assert built("before", part, "after") == (
        b"\0\0\0\x06before" + struct.pack(">I", len(raw)) + raw + b"\0\0\0\x05after"
    )


@pytest.mark.parametrize("part", [1, 1.5, ["x"], {"id": 1}, object()])
def test_what_is_no_part_is_refused(part):
    builder = CompositeMessageBuilder()
    builder.append("before")
    with pytest.raises(TypeError, match=f"not {type(part).__name__}"):
        builder.append(value=part)
    with pytest.raises(UnicodeEncodeError):
        builder.append("\ud800")
    assert builder.get_data() == built("before")


def test_clear_forgets_all_parts():
    builder = CompositeMessageBuilder()
    builder.append("x")
    assert builder.clear() is None and builder.get_data() == b""


def test_a_body_may_come_as_text():
    parser = CompositeMessageParser()
    assert parser.parse(str_or_Message=built("Grüße", "x").decode()) == 2
    assert parser.get_part(0) == "Grüße"


@pytest.mark.parametrize("index", [2, -1, 2**70])
def test_a_part_that_is_not_there_is_none(index):
    parser = CompositeMessageParser()
    assert parser.get_part(0) is parser.get_part_raw(index) is None
    parser.parse(built("a", "b"))
    assert parser.get_part(index) is parser.get_part_raw(index) is None


@pytest.mark.parametrize("index", ["0", None, 0.0, True])
def test_an_index_is_an_int(index):
    with pytest.raises(TypeError, match="index"):
        CompositeMessageParser().get_part(index)


def test_a_part_that_is_no_utf_8_can_be_had_raw():
    parser = CompositeMessageParser()
    parser.parse(built(b"\xff"))
    with pytest.raises(UnicodeDecodeError):
        parser.get_part(0)
    assert parser.get_part_raw(0) == b"\xff"


@pytest.mark.parametrize(
    ("rest", "words"),
    [
        (b"\0", "1 bytes left after 2 parts, at byte 10 of 11"),
        (b"\0\0\0", "3 bytes left"),
        (b"\0\0\0\x02x", "a part of 2 bytes does not fit after 2 parts"),
        (b"\xff\xff\xff\xff", "a part of 4294967295 bytes"),
        (b"{}", "2 bytes left"),
    ],
)
def test_the_parts_before_garbage_can_be_read(rest, words):
    parser = CompositeMessageParser()
    with pytest.raises(AMPS.CommandException, match=words):
        parser.parse(built("a", "b") + rest)
    assert parts_of(parser) == [b"a", b"b"]
    assert parser.get_unparsed() == rest
    assert parser.parse(built("c")) == 1 and parser.get_unparsed() == b""


@pytest.mark.parametrize("body", [None, 5, ["x"], object()])
def test_what_is_no_body_is_refused_and_the_one_before_stays(body):
    parser = CompositeMessageParser()
    parser.parse(built("a"))
    with pytest.raises(TypeError, match="composite"):
        parser.parse(body)
    assert parts_of(parser) == [b"a"]


def test_a_body_of_endless_empty_parts_has_a_limit():
    parser = CompositeMessageParser()
    with pytest.raises(AMPS.CommandException, match="more than 1000000 parts"):
        parser.parse(bytes(4 * 1_000_001))
    assert parser.size() == 1_000_000 and parser.get_unparsed() == bytes(4)


def test_parts_stay_when_the_message_changes():
    parser, data = CompositeMessageParser(), bytearray(built("a"))
    message = Message().set_data(data)
    parser.parse(data)
    data[:] = bytes(len(data))
    assert parser.get_part(0) == "a"
    parser.parse(message)
    message.reset()
    assert parser.get_part(0) == "a"
