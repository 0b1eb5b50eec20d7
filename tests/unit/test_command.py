"""A command as a program builds it: what goes over the wire, what is refused, what is kept."""

import array
import copy
import inspect
import json
import pickle

import pytest
from hypothesis import given, strategies as st

import AMPS
from AMPS import Command, Message
from AMPS.core import _as_sent

KEYS = {
    "topic": "t",
    "filter": "filter",
    "order_by": "orderby",
    "bookmark": "bm",
    "correlation_id": "x",
    "sow_key": "k",
    "sow_keys": "sow_keys",
    "options": "opts",
    "command_id": "cid",
    "sub_id": "sub_id",
    "query_id": "query_id",
}
NUMBER_KEYS = {"batch_size": "bs", "expiration": "e", "top_n": "top_n", "sequence": "s"}
SETTERS = [*KEYS, *NUMBER_KEYS, "data", "timeout", "ack_type", "ack_type_enum"]


def header(command):
    return json.loads(_as_sent(command)[0])


@pytest.mark.parametrize("name", SETTERS)
def test_every_setter_returns_the_command_and_takes_its_value_by_name(name):
    command = Command("sow")
    value = (
        "processed" if name == "ack_type" else 4 if name in ("timeout", "ack_type_enum") else "4"
    )
    assert getattr(command, f"set_{name}")(value=value) is command
    assert list(inspect.signature(getattr(Command, f"set_{name}")).parameters) == ["self", "value"]


@pytest.mark.parametrize("name", KEYS)
@pytest.mark.parametrize("value", ["Grüße", "Grüße".encode()])
def test_text_goes_out_as_it_was_set(name, value):
    command = getattr(Command("sow"), f"set_{name}")(value)
    assert header(command) == {"c": "sow", KEYS[name]: "Grüße"}
    assert getattr(command, name) == "Grüße"


@pytest.mark.parametrize("name", NUMBER_KEYS)
@pytest.mark.parametrize("value", [0, 7, "7", b"7", "007", True])
def test_numbers_may_come_as_digits_and_zero_is_one(name, value):
    command = getattr(Command("sow"), f"set_{name}")(value)
    assert header(command) == {"c": "sow", NUMBER_KEYS[name]: int(value)}


@pytest.mark.parametrize("name", [*KEYS, *NUMBER_KEYS])
@pytest.mark.parametrize("nothing", [None, "", b""])
def test_nothing_takes_a_value_back(name, nothing):
    command = getattr(Command("sow"), f"set_{name}")("5")
    assert getattr(command, f"set_{name}")(nothing) is command
    assert header(command) == {"c": "sow"}
    assert getattr(command, name, None) is None


@pytest.mark.parametrize("name", KEYS)
@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("a\0b", ValueError),
        (b"\0", ValueError),
        ("\ud800", ValueError),
        (5, TypeError),
        (True, TypeError),
        (1.5, TypeError),
        (["t"], TypeError),
        (object(), TypeError),
    ],
)
def test_bad_text_is_refused_by_name_and_changes_nothing(name, value, problem):
    command = getattr(Command("sow"), f"set_{name}")("before")
    with pytest.raises(problem, match=name):
        getattr(command, f"set_{name}")(value)
    assert getattr(command, name) == "before"


@pytest.mark.parametrize("name", NUMBER_KEYS)
@pytest.mark.parametrize("value", [-1, 2**64, "x", "-1", "1.5", " 5", "5" * 5000, "٣"])
def test_a_number_out_of_range_is_refused_by_name(name, value):
    with pytest.raises(ValueError, match=name):
        getattr(Command("sow"), f"set_{name}")(value)


@pytest.mark.parametrize("name", NUMBER_KEYS)
@pytest.mark.parametrize("value", [1.0, [1], object(), bytearray(b"5")])
def test_what_is_no_number_is_refused_by_name(name, value):
    with pytest.raises(TypeError, match=name):
        getattr(Command("sow"), f"set_{name}")(value)


def test_the_numbers_have_their_own_limits():
    assert header(Command("publish").set_sequence(2**64 - 1))["s"] == 2**64 - 1
    assert header(Command("sow").set_batch_size(2**32 - 1))["bs"] == 2**32 - 1
    with pytest.raises(ValueError, match="batch_size"):
        Command("sow").set_batch_size(2**32)


@pytest.mark.parametrize(
    ("options", "sent"),
    [
        ("conflation=2s, conflation_key = [/tickerId]",) * 2,
        (b"oof", "oof"),
        (Message.Options().set_OOF().set_top_n(3), "oof,top_n=3"),
    ],
)
def test_options_go_out_unchanged(options, sent):
    assert header(Command("subscribe").set_options(options))["opts"] == sent


@pytest.mark.parametrize("options", [None, "", 0, Message.Options()])
def test_no_options_are_no_header(options):
    command = Command("subscribe").set_options("oof").set_options(options)
    assert header(command) == {"c": "subscribe"}


@pytest.mark.parametrize(
    ("data", "sent"),
    [
        ("Grüße", "Grüße".encode()),
        (b"\x00\xff", b"\x00\xff"),
        (bytearray(b"ab"), b"ab"),
        (memoryview(b"abc")[1:], b"bc"),
        (array.array("B", [1, 2]), b"\x01\x02"),
        (Message().set_data("body"), b"body"),
        (None, b""),
        ("", b""),
    ],
)
def test_a_body_is_text_or_any_buffer(data, sent):
    assert _as_sent(Command("publish").set_data(data))[1] == sent


@pytest.mark.parametrize("data", [1, {"id": 1}, ["a"], object(), memoryview(b"abcd")[::2]])
def test_what_is_no_body_is_refused(data):
    command = Command("publish").set_data("before")
    with pytest.raises(TypeError, match="data must be"):
        command.set_data(data)
    assert _as_sent(command)[1] == b"before"


def test_a_body_is_copied_when_it_may_change():
    data = bytearray(b"before")
    command = Command("publish").set_data(data)
    data.clear()
    assert _as_sent(command)[1] == b"before"


@pytest.mark.parametrize("timeout", [0, 5, 2**31 - 1, None])
def test_a_timeout_is_not_sent(timeout):
    command = Command("sow").set_timeout(timeout)
    assert command.timeout == (timeout or 0) and header(command) == {"c": "sow"}


@pytest.mark.parametrize(
    ("timeout", "problem"),
    [(-1, AMPS.UsageException), (2**31, ValueError), ("5", TypeError), (1.5, TypeError)],
)
def test_a_bad_timeout_is_refused(timeout, problem):
    with pytest.raises(problem, match="timeout"):
        Command("sow").set_timeout(timeout)


@pytest.mark.parametrize(
    ("value", "names", "mask"),
    [
        ("processed", "processed", 4),
        (b"stats", "stats", 32),
        ("stats,received", "received,stats", 33),
        (" completed , processed ", "processed,completed", 20),
        ("persisted,persisted,", "persisted", 8),
        ("none", "", 0),
        ("", "", 0),
        (None, "", 0),
        (0, "", 0),
        (63, "received,parsed,processed,persisted,completed,stats", 63),
    ],
)
def test_ack_types_are_names_lists_and_masks(value, names, mask):
    command = Command("sow").set_ack_type("parsed").set_ack_type(value)
    assert (command.get_ack_type(), command.get_ack_type_enum()) == (names, mask)
    assert command.ack_type == names
    assert Command("sow").add_ack_type(value).get_ack_type() == names
    assert header(command) == {"c": "sow"}, "the sender decides what to ask for"


def test_adding_an_ack_type_keeps_those_before():
    command = Command("sow").add_ack_type("stats").add_ack_type("processed").add_ack_type(16)
    assert command.get_ack_type() == "processed,completed,stats"
    enum = Message.AckType.ProcessedEnum | Message.AckType.PersistedEnum
    assert command.set_ack_type_enum(enum).get_ack_type() == "processed,persisted"


@pytest.mark.parametrize("name", ["add_ack_type", "set_ack_type"])
@pytest.mark.parametrize(
    ("value", "problem", "words"),
    [
        ("procesed", AMPS.CommandException, "procesed.*processed"),
        ("processed;stats", AMPS.CommandException, "processed;stats"),
        ("Processed", AMPS.CommandException, "Processed"),
        (b"\xff", AMPS.CommandException, "ack type"),
        ("x" * 100_000, AMPS.CommandException, "ack type"),
        (64, ValueError, "63"),
        (-1, ValueError, "63"),
        (True, TypeError, "bool"),
        (1.0, TypeError, "float"),
        (["stats"], TypeError, "list"),
    ],
)
def test_an_unknown_ack_type_is_refused_and_changes_nothing(name, value, problem, words):
    command = Command("sow").set_ack_type("stats")
    with pytest.raises(problem, match=words) as caught:
        getattr(command, name)(value)
    assert command.get_ack_type() == "stats" and len(str(caught.value)) < 500


@pytest.mark.parametrize("value", ["processed", None, 1.0, True])
def test_a_mask_must_be_an_int(value):
    with pytest.raises(TypeError):
        Command("sow").set_ack_type_enum(value)


def full():
    command = Command("publish").set_data("x").set_timeout(5).add_ack_type("persisted")
    for name in [*KEYS, *NUMBER_KEYS]:
        getattr(command, f"set_{name}")("3")
    return command


def test_reset_makes_another_command_with_nothing_set():
    command = full()
    assert command.reset("flush") is command
    assert _as_sent(command) == (b'{"c":"flush"}', b"")
    assert (command.command, command.timeout, command.get_ack_type()) == ("flush", 0, "")
    assert command.reset(command="sow").command == "sow"


@pytest.mark.parametrize(
    ("verb", "name"),
    [("publish", "publish"), ("p", "publish"), (b"sow", "sow"), ("odd", "odd"), ("", "")],
)
def test_any_verb_will_do_until_it_is_executed(verb, name):
    assert Command(verb).command == Command(command_name=verb).command == name
    assert Command().command == Command(None).command == ""


@pytest.mark.parametrize(("verb", "problem"), [(5, TypeError), ("a\0", ValueError)])
def test_a_verb_is_text(verb, problem):
    for make in (Command, Command("sow").reset):
        with pytest.raises(problem, match="command"):
            make(verb)


def test_no_sequence_was_used_yet():
    assert Command("publish").set_sequence(7).get_sequence() == 0


@pytest.mark.parametrize(
    "again", [copy.copy, copy.deepcopy, lambda command: pickle.loads(pickle.dumps(command))]
)
def test_a_copy_says_the_same_and_is_independent(again):
    class_of_its_own = Mine("sow").set_topic("t")
    assert type(again(class_of_its_own)) is Mine
    command = full()
    made = again(command)
    assert _as_sent(made) == _as_sent(command) and repr(made) == repr(command)
    made.set_topic("other").set_ack_type(None)
    assert (command.topic, command.get_ack_type()) == ("3", "persisted")


class Mine(Command):
    """A command of the program's own."""


def test_a_command_shows_what_it_is():
    command = Command("sow").set_topic("orders").set_top_n(5).add_ack_type("stats").set_timeout(9)
    shown = "<Command sow topic='orders' top_n=5 ack_type='stats' timeout=9>"
    assert repr(command) == shown
    assert repr(Command("publish").set_data(b"abc")) == "<Command publish data of 3 bytes>"
    assert repr(Command()) == "<Command without a verb>"
    assert len(repr(Command("s" * 100_000).set_filter("x\n" * 100_000))) < 1000


@given(st.sampled_from(sorted(KEYS)), st.text(min_size=1, max_size=300))
def test_any_text_arrives_or_is_refused(name, text):
    command = Command("sow")
    try:
        getattr(command, f"set_{name}")(text)
    except ValueError:
        assert "\0" in text or any(0xD800 <= ord(letter) < 0xE000 for letter in text)
    else:
        assert header(command)[KEYS[name]] == text
