"""A message built by a program: its body, its copies, its constants, and how it shows itself."""

import array
import copy
import io
import json
import pickle
import weakref

import pytest
from hypothesis import given, strategies as st

import AMPS
from AMPS import Message
from AMPS.core import _as_sent

from .headers import HEADERS

COMMANDS = {
    "Publish": "publish",
    "Subscribe": "subscribe",
    "Unsubscribe": "unsubscribe",
    "SOW": "sow",
    "Heartbeat": "heartbeat",
    "SOWDelete": "sow_delete",
    "DeltaPublish": "delta_publish",
    "Logon": "logon",
    "SOWAndSubscribe": "sow_and_subscribe",
    "DeltaSubscribe": "delta_subscribe",
    "SOWAndDeltaSubscribe": "sow_and_delta_subscribe",
    "StartTimer": "start_timer",
    "StopTimer": "stop_timer",
    "GroupBegin": "group_begin",
    "GroupEnd": "group_end",
    "OOF": "oof",
    "Ack": "ack",
    "Flush": "flush",
}


def filled():
    """A message that says everything."""
    message = Message().set_data("Grüße")
    for name in HEADERS:
        if name != "data":
            getattr(message, f"set_{name}")("17")
    return message.set_command("publish").set_topic("orders")


def told(message):
    return {name: getattr(message, f"get_{name}")() for name in HEADERS}


def test_a_message_is_empty_at_first():
    message = Message()
    assert (message.get_data(), message.get_data_raw(), bytes(memoryview(message))) == (
        "",
        b"",
        b"",
    )
    assert message.get_command_enum() == message.get_ack_type_enum() == 0
    assert message.get_bookmark_seq_no() == 0
    assert message.get_command() is None
    with pytest.raises(TypeError):
        Message("publish")


@pytest.mark.parametrize(
    ("data", "raw"),
    [
        ("Grüße", "Grüße".encode()),
        (b"\x00\xff", b"\x00\xff"),
        (bytearray(b"ab"), b"ab"),
        (memoryview(b"abc")[1:], b"bc"),
        (array.array("B", [1, 2]), b"\x01\x02"),
        (Message().set_data("of a message"), b"of a message"),
        (None, b""),
        ("", b""),
    ],
)
def test_a_body_is_text_or_any_buffer(data, raw):
    assert Message().set_data(data).get_data_raw() == raw


def test_a_body_is_copied_when_it_is_set():
    data = bytearray(b"before")
    message = Message().set_data(data)
    data[:] = b"after!"
    assert message.get_data() == "before"


@pytest.mark.parametrize("data", [1, 1.5, {"id": 1}, ["a"], object(), memoryview(b"abcd")[::2]])
def test_what_is_no_body_is_refused_and_changes_nothing(data):
    message = Message().set_data("before")
    with pytest.raises(TypeError, match="data must be"):
        message.set_data(data)
    assert message.get_data() == "before"


def test_half_a_surrogate_pair_is_no_body():
    with pytest.raises(UnicodeEncodeError, match="data of a message"):
        Message().set_data("\ud800")


def test_a_body_that_is_no_utf_8_can_be_had_raw():
    message = Message().set_data(b"\xff")
    for read in (message.get_data, lambda: message.data):
        with pytest.raises(UnicodeDecodeError):
            read()
    assert message.get_data_raw() == b"\xff"


def test_reset_makes_it_empty_and_gives_nothing():
    message = filled()
    assert message.reset() is None
    assert told(message) == told(Message())
    assert message.set_topic("again").get_topic() == "again"


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, Message.__deepcopy__])
def test_a_copy_says_the_same_and_is_independent(again):
    message = filled()
    made = again(message)
    assert made is not message and told(made) == told(message)
    message.set_topic("changed").set_data("changed").set_filter(None)
    assert (made.get_topic(), made.get_data(), made.get_filter()) == ("orders", "Grüße", "17")
    made.reset()
    assert message.get_topic() == "changed"


def test_a_copy_made_twice_in_one_deepcopy_is_one():
    message = filled()
    first, second = copy.deepcopy([message, message])
    assert first is second and first is not message


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("make", [Message, filled, lambda: Message().set_data(b"\xff\x00")])
def test_a_message_can_be_pickled(protocol, make):
    message = make()
    again = pickle.loads(pickle.dumps(message, protocol))
    assert again.get_data_raw() == message.get_data_raw()
    assert all(
        getattr(again, f"get_{name}")() == getattr(message, f"get_{name}")()
        for name in HEADERS
        if name != "data"
    )


class Mine(Message):
    """A message of the program's own."""


@pytest.mark.parametrize(
    "again", [copy.copy, copy.deepcopy, lambda message: pickle.loads(pickle.dumps(message))]
)
def test_a_subclass_keeps_its_class_and_attributes(again):
    message = Mine().set_topic("t")
    message.notes = ["seen"]
    made = again(message)
    assert type(made) is Mine and made.get_topic() == "t" and made.notes == ["seen"]
    assert (made.notes is message.notes) == (again is copy.copy)


def test_a_message_is_an_ordinary_object():
    message, other = Message(), Message()
    assert message and message != other and len({message, other, message}) == 2
    assert weakref.ref(message)() is message
    with pytest.raises(TypeError):
        len(message)


def test_a_view_of_the_body_outlives_every_change():
    message = Message().set_data("before")
    view = memoryview(message)
    assert view.readonly and view.format == "B" and view.nbytes == 6
    message.set_data("after")
    assert bytes(view) == b"before" and bytes(memoryview(message)) == b"after"
    message.reset()
    del message
    assert bytes(view) == b"before"


def test_nobody_may_write_into_a_message():
    with pytest.raises(TypeError):
        memoryview(Message().set_data("x"))[0] = 1
    with pytest.raises((BufferError, TypeError)):
        io.BytesIO(b"y").readinto(Message().set_data("x"))


def test_json_reads_the_body():
    message = Message().set_topic("orders").set_data('{"price": 1.50}')
    assert message.json() == {"price": 1.5}
    assert message.json(parse_float=str) == {"price": "1.50"}


@pytest.mark.parametrize("data", ["", "{", "nan?", b"\xff"])
def test_what_is_no_json_is_a_value_error_that_names_the_topic(data):
    with pytest.raises(ValueError, match="topic 'orders'") as caught:
        Message().set_topic("orders").set_data(data).json()
    kind = UnicodeDecodeError if data == b"\xff" else json.JSONDecodeError
    assert type(caught.value) is kind


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        (Message(), "<Message of no kind 0 bytes>"),
        (
            Message().set_command("publish").set_topic("orders").set_sub_id(1).set_data("x" * 16),
            "<Message publish topic='orders' sub_id='1' 16 bytes>",
        ),
        (
            Message().set_command("ack").set_status("failure").set_reason("bad\nfilter"),
            r"<Message ack status='failure' reason='bad\nfilter' 0 bytes>",
        ),
        (Mine().set_command("p"), "<Mine p 0 bytes>"),
    ],
)
def test_a_message_shows_what_it_is(message, shown):
    assert repr(message) == shown


def test_what_a_message_shows_is_short_and_holds_no_password():
    message = Message().set_topic("t" * 100_000).set_password("secret").set_data("secret")
    assert len(repr(message)) < 1000 and "secret" not in repr(message)


def test_the_commands_have_names_and_numbers():
    for bit, (name, verb) in enumerate(COMMANDS.items()):
        assert getattr(Message.Command, name) == verb
        assert getattr(Message.Command, f"{name}Enum") == 1 << bit
        assert Message().set_command(verb).get_command_enum() == 1 << bit
    assert Message.Command.UnknownEnum == 0 == Message().set_command("odd").get_command_enum()
    public = {name for name in vars(Message.Command) if not name.startswith("_")}
    assert len(public) == 2 * len(COMMANDS) + 1


def test_the_ack_types_have_names_and_bits():
    names = ["Received", "Parsed", "Processed", "Persisted", "Completed", "Stats"]
    for bit, name in enumerate(names):
        assert getattr(Message.AckType, name) == name.lower()
        assert getattr(Message.AckType, f"{name}Enum") == 1 << bit
        assert Message().set_ack_type(name.lower()).get_ack_type_enum() == 1 << bit
    assert Message().set_ack_type("processed, stats").get_ack_type_enum() == 4 | 32
    assert Message.AckType.NoneEnum == 0 == Message().set_ack_type("odd").get_ack_type_enum()
    assert repr(Message.AckType) == "<class 'AMPS.core.Message.AckType'>"


def test_the_constants_can_be_had_from_an_object_too():
    assert Message().Command is Message.Command and Message().AckType is Message.AckType
    assert Message().Options is Message.Options


def test_a_message_is_sent_with_all_it_says():
    message = Message().set_command("publish").set_topic('a "topic"').set_sequence(7).set_data("x")
    assert _as_sent(message) == (rb'{"c":"p","t":"a \"topic\"","s":7}', b"x")
    assert _as_sent(message.set_sequence(None).set_topic("")) == (b'{"c":"p"}', b"x")
    assert _as_sent(Message()) == (b"{}", b"")
    header, _ = _as_sent(filled())
    assert len(json.loads(header)) == len(HEADERS) - 1


@given(st.binary(max_size=2000))
def test_any_body_survives_all_that_is_done_to_it(data):
    message = Message().set_data(data)
    for again in (copy.copy(message), copy.deepcopy(message), pickle.loads(pickle.dumps(message))):
        assert bytes(memoryview(again)) == again.get_data_raw() == data
    assert _as_sent(message)[1] == data


def test_the_names_are_at_the_top_level():
    assert AMPS.Message is Message
