"""Bookmark subscriptions paused and resumed, alone and in groups, and what becomes of that in a
failover."""

import pytest

import AMPS

from .custom_stores import PlainStore
from .readers import EPOCH, NOW, write
from .scripted_peer import wait_until


def told(server):
    """What each subscribe command said: [(sub id, options, bookmark)]."""
    names = ("sub_id", "opts", "bm")
    found = []
    for frame in server.received("subscribe"):
        sub_id, options, bookmark = (frame.header.get(name) for name in names)
        options = [each for each in (options or "").split(",") if each not in ("", "bookmark")]
        found.append((sub_id, ",".join(options), bookmark))
    return found


def say(reader, option, sub_id, **fields):
    command = AMPS.Command("subscribe").set_sub_id(sub_id).set_options(option)
    return reader.execute_async(command, None)


def lose(server, reader):
    """A loss, and the way back."""
    before = len(server.received("logon", "reader"))
    server.forget_frames()
    server.disconnect("reader")
    wait_until(lambda: server.received("logon", "reader"), f"the logon after {before}")
    reader.publish_flush(10_000)


@pytest.fixture
def paused_pair(logged, new_reader, inboxes):
    """A reader with two subscriptions, `a` and `b`, that began paused."""

    def make():
        reader = new_reader(logged)
        boxes = {name: inboxes() for name in "ab"}
        for name, box in boxes.items():
            reader.bookmark_subscribe(box, "quotes", EPOCH, sub_id=name, options="pause")
        write(logged, 4, topic="quotes")
        return reader, boxes

    return make


def test_what_is_paused_gets_nothing_until_it_is_resumed(logged, paused_pair):
    reader, boxes = paused_pair()
    assert say(reader, "resume", "a") == "a"
    assert boxes["a"].bodies(4) == ["1", "2", "3", "4"]
    assert boxes["b"].is_empty()
    say(reader, "pause", "a")
    write(logged, 1, first=5, topic="quotes")
    say(reader, "resume", "b")
    assert boxes["b"].bodies(5) == ["1", "2", "3", "4", "5"]
    assert boxes["a"].is_empty()
    say(reader, "resume", "a")
    assert boxes["a"].bodies(1) == ["5"]


def test_pausing_gives_an_ended_stream_if_one_is_wanted(paused_pair):
    reader, _ = paused_pair()
    command = AMPS.Command("subscribe").set_sub_id("a").set_options("resume")
    assert list(reader.execute(command)) == []
    assert reader.execute_async(command.set_options("pause"), None) == "a"


def test_pausing_what_is_not_there_is_refused(logged, new_reader, inbox):
    reader = new_reader(logged)
    with pytest.raises(AMPS.InvalidTopicException):
        say(reader, "pause", "nobody")
    reader.subscribe(inbox, "quotes", sub_id="live")
    with pytest.raises(AMPS.AMPSException):
        say(reader, "pause", "live")
    lose(logged, reader)
    assert told(logged) == [("live", "", None)]


def test_what_is_paused_is_placed_again_paused(logged, paused_pair):
    reader, boxes = paused_pair()
    lose(logged, reader)
    assert told(logged) == [("a", "pause", EPOCH), ("b", "pause", EPOCH)]
    write(logged, 1, first=5, topic="quotes")
    say(reader, "resume", "b")
    assert boxes["b"].bodies(5) == ["1", "2", "3", "4", "5"]
    assert boxes["a"].is_empty()


def test_case_81_a_group_is_placed_from_one_place_and_resumed_once(logged, paused_pair):
    """Whoever is further on gets what the other lacks a second time, as duplicates."""
    reader, boxes = paused_pair()
    say(reader, "resume", "a,b")
    came = {name: [box.get() for _ in range(4)] for name, box in boxes.items()}
    for message in (*came["a"][:3], came["b"][0]):
        reader.discard(message)
    lose(logged, reader)
    place = came["b"][0].get_bookmark()
    assert told(logged) == [("a", "pause", place), ("b", "pause", place), ("a,b", "resume", None)]
    assert boxes["a"].bodies(1) == ["4"]
    assert boxes["b"].bodies(3) == ["2", "3", "4"]
    assert reader.duplicates == ["2", "3"]


def test_case_81_a_group_with_a_store_of_the_programs_own(logged, new_reader, inboxes):
    """It is told of one subscription at a time: the server takes the earliest of all places."""
    stores = {}

    class Stores(PlainStore):
        """One PlainStore for each subscription."""

        def of(self, sub_id):
            return stores.setdefault(sub_id, PlainStore())

        def get_most_recent(self, sub_id):
            return self.of(sub_id).get_most_recent(sub_id)

        def is_discarded(self, message):
            return self.of(message.get_sub_id()).is_discarded(message)

        def log(self, message):
            return self.of(message.get_sub_id()).log(message)

        def discard_message(self, message):
            self.of(message.get_sub_id()).discard_message(message)

    reader = new_reader(logged, store=Stores())
    boxes = {name: inboxes() for name in "ab"}
    for name, box in boxes.items():
        reader.bookmark_subscribe(box, "quotes", EPOCH, sub_id=name)
    write(logged, 3, topic="quotes")
    came = {name: [box.get() for _ in range(3)] for name, box in boxes.items()}
    say(reader, "pause", "a,b")
    say(reader, "resume", "a,b")
    for message in (*came["a"][:2], came["b"][0]):
        reader.discard(message)
    lose(logged, reader)
    places = {came["a"][1].get_bookmark(), came["b"][0].get_bookmark()}
    assert set(told(logged)[0][2].split(",")) == places
    assert boxes["a"].bodies(1) == ["3"]
    assert boxes["b"].bodies(2) == ["2", "3"]


def test_a_member_that_is_paused_leaves_its_group(logged, paused_pair):
    reader, boxes = paused_pair()
    say(reader, "resume", "a,b")
    for box in boxes.values():
        box.bodies(4)
    say(reader, "pause", "a")
    lose(logged, reader)
    assert told(logged) == [("a", "pause", EPOCH), ("b", "", EPOCH)]
    assert boxes["b"].bodies(4) == ["1", "2", "3", "4"]
    assert boxes["a"].is_empty()


def test_a_member_that_is_unsubscribed_leaves_its_group(logged, paused_pair, inbox):
    reader, boxes = paused_pair()
    reader.bookmark_subscribe(inbox, "quotes", NOW, sub_id="c", options="pause")
    say(reader, "resume", "a,b,c")
    for box in boxes.values():
        box.bodies(4)
    reader.unsubscribe("a")
    lose(logged, reader)
    assert [each[:2] for each in told(logged)] == [
        ("b", "pause"),
        ("c", "pause"),
        ("b,c", "resume"),
    ]
    reader.unsubscribe("b")
    lose(logged, reader)
    assert [each[:2] for each in told(logged)] == [("c", "")]
    reader.unsubscribe("c")
    lose(logged, reader)
    assert told(logged) == []


def test_a_member_that_is_replaced_stays_in_its_group(logged, paused_pair, inbox):
    reader, boxes = paused_pair()
    say(reader, "resume", "a,b")
    for box in boxes.values():
        box.bodies(4)
    reader.bookmark_subscribe(inbox, "quotes", EPOCH, filter="1 = 1", sub_id="a", options="replace")
    lose(logged, reader)
    assert [each[:2] for each in told(logged)] == [
        ("a", "pause"),
        ("b", "pause"),
        ("a,b", "resume"),
    ]
    assert boxes["b"].bodies(4) == ["1", "2", "3", "4"]


def test_what_is_replaced_while_it_is_paused_stays_so(logged, paused_pair, inbox):
    reader, boxes = paused_pair()
    reader.bookmark_subscribe(inbox, "quotes", EPOCH, filter="1 = 1", sub_id="a", options="replace")
    lose(logged, reader)
    assert told(logged)[0][:2] == ("a", "pause")
    assert inbox.is_empty()
    say(reader, "resume", "a")
    assert inbox.bodies(4) == ["1", "2", "3", "4"]
    assert boxes["a"].is_empty()


def test_two_groups_are_resumed_each_by_itself(logged, new_reader, inbox):
    reader = new_reader(logged)
    for name in "abcde":
        reader.bookmark_subscribe(inbox, "quotes", EPOCH, sub_id=name, options="pause")
    say(reader, "resume", "a,c")
    say(reader, "resume", "b,d")
    lose(logged, reader)
    assert [each[:2] for each in told(logged)] == [
        *((name, "pause") for name in "abcde"),
        ("a,c", "resume"),
        ("b,d", "resume"),
    ]
