"""The options of a command: each setter's word, in order, and the last value."""

import copy
import inspect
import pickle

import pytest
from hypothesis import given, strategies as st

from AMPS import Message

Options = Message.Options
FLAGS = {
    "OOF": "oof",
    "cancel": "cancel",
    "fully_durable": "fully_durable",
    "live": "live",
    "no_empties": "no_empties",
    "no_sowkey": "no_sowkey",
    "pause": "pause",
    "resume": "resume",
    "replace": "replace",
    "send_keys": "send_keys",
    "timestamp": "timestamp",
    "bookmark_not_found_now": "bookmark_not_found=now",
    "bookmark_not_found_epoch": "bookmark_not_found=epoch",
    "bookmark_not_found_fail": "bookmark_not_found=fail",
}
TEXTS = ["conflation", "conflation_key", "projection", "grouping", "rate", "rate_max_gap"]
COUNTS = ["max_backlog", "skip_n", "top_n"]


def test_these_are_all():
    names = {name[4:] for name in dir(Options) if name.startswith("set_")}
    assert names == {*FLAGS, *TEXTS, *COUNTS, "bookmark_not_found", "none"}


@pytest.mark.parametrize("name", FLAGS)
def test_a_flag_is_a_word(name):
    options = Options()
    assert getattr(options, f"set_{name}")() is options
    assert str(options) == FLAGS[name]


@pytest.mark.parametrize("name", TEXTS)
def test_a_value_goes_in_as_it_is(name):
    setter = getattr(Options(), f"set_{name}")
    assert list(inspect.signature(setter).parameters) == ["value"]
    assert str(setter(value="[/a, /b]")) == f"{name}=[/a, /b]"
    assert str(setter(b"2s")) == f"{name}=2s"
    assert str(setter(10)) == f"{name}=10"


@pytest.mark.parametrize("name", COUNTS)
def test_a_count_is_a_number(name):
    setter = getattr(Options(), f"set_{name}")
    assert str(setter(value=0)) == f"{name}=0"
    assert str(setter("12")) == str(setter(b"12")) == f"{name}=12"
    for bad in (-1, "x", "", "1.5", b"\xff"):
        with pytest.raises(ValueError, match=name):
            setter(bad)


@pytest.mark.parametrize("name", [*TEXTS, *COUNTS, "bookmark_not_found"])
@pytest.mark.parametrize("value", [None, 1.5, True, ["2s"], object()])
def test_what_is_no_value_is_refused_by_name(name, value):
    options = Options().set_OOF()
    with pytest.raises(TypeError, match=name):
        getattr(options, f"set_{name}")(value)
    assert str(options) == "oof"


def test_the_last_value_wins_in_its_first_place():
    options = Options().set_conflation("1s").set_OOF().set_conflation("2s").set_OOF()
    assert str(options) == "conflation=2s,oof"
    assert str(options.set_bookmark_not_found_now().set_bookmark_not_found(action="fail")) == (
        "conflation=2s,oof,bookmark_not_found=fail"
    )


def test_none_takes_all_back():
    options = Options().set_OOF().set_top_n(5)
    assert options.set_none() is options and str(options) == ""
    assert str(options.set_live()) == "live"


def test_options_are_ordinary_objects():
    options = Options().set_OOF()
    again = [copy.deepcopy(options), pickle.loads(pickle.dumps(options))]
    options.set_live()
    assert [str(each) for each in again] == ["oof", "oof"]
    assert repr(options) == "<Message.Options 'oof,live'>" and options


@given(st.lists(st.sampled_from(sorted(FLAGS))))
def test_any_order_of_flags_says_each_once(names):
    options = Options()
    for name in names:
        getattr(options, f"set_{name}")()
    words = str(options).split(",") if names else []
    assert len(words) == len({word.partition("=")[0] for word in words})
