"""Subscriptions to a range of the transaction log: they end by themselves, also after a loss."""

import pytest

import AMPS

from .custom_stores import PlainStore
from .readers import EPOCH, MOST_RECENT, starts, wait_starts, write
from .scripted_peer import ack, delivery, say, wait_until


@pytest.fixture
def ten(logged):
    """The bookmarks of ten messages in the log."""
    write(logged, 10, topic="quotes")
    return bookmarks_of_log(logged)


def bookmarks_of_log(server):
    return [entry.bookmark for entry in server.journal()]


def bodies(stream):
    return [message.get_data() for message in stream]


@pytest.mark.parametrize(
    ("open_mark", "close_mark", "wanted"),
    [("[", "]", "3456"), ("(", ")", "45"), ("[", ")", "345"), ("(", "]", "456")],
)
def test_a_stream_of_a_range_ends_by_itself(logged, ten, new_reader, open_mark, close_mark, wanted):
    reader = new_reader(logged)
    place = f"{open_mark}{ten[2]}:{ten[5]}{close_mark}"
    stream = reader.bookmark_subscribe("quotes", place, sub_id="s")
    assert bodies(stream) == list(wanted)
    assert stream.ended
    logged.disconnect("reader")
    wait_until(lambda: len(logged.received("logon", "reader")) == 2, "the next logon")
    reader.publish_flush(5000)
    assert starts(logged) == [place], "it was placed again"


def test_a_handler_of_a_range_is_let_go_of_at_its_end(logged, ten, new_reader, inbox):
    reader = new_reader(logged)
    reader.bookmark_subscribe(inbox, "quotes", f"[{ten[0]}:{ten[1]}]", sub_id="s")
    assert inbox.bodies(2) == ["1", "2"]
    logged.wait_for(lambda frame: frame.header.get("a") == "completed")
    reader.publish_flush(5000)
    logged.disconnect("reader")
    wait_until(lambda: len(logged.received("logon", "reader")) == 2, "the next logon")
    reader.bookmark_subscribe(inbox, "quotes", f"[{ten[4]}:{ten[4]}]", sub_id="s")
    assert inbox.bodies(1) == ["5"]
    assert len(starts(logged)) == 2, "the first was placed again"
    assert inbox.is_empty()


def test_a_range_that_ended_before_a_disconnect_is_not_placed_again(logged, ten, new_reader, inbox):
    reader = new_reader(logged)
    reader.bookmark_subscribe(inbox, "quotes", f"[{ten[0]}:{ten[1]}]", sub_id="s")
    inbox.bodies(2)
    logged.wait_for(lambda frame: frame.header.get("a") == "completed")
    reader.publish_flush(5000)
    reader.disconnect()
    reader.connect_and_logon()
    assert len(starts(logged)) == 1
    assert inbox.is_empty()


def test_an_unread_stream_of_a_range_is_not_placed_again(logged, ten, new_reader):
    reader = new_reader(logged)
    stream = reader.bookmark_subscribe("quotes", f"[{ten[0]}:{ten[2]}]", sub_id="s")
    logged.wait_for(lambda frame: frame.header.get("a") == "completed")
    reader.publish_flush(5000)
    logged.disconnect("reader")
    wait_until(lambda: len(logged.received("logon", "reader")) == 2, "the next logon")
    reader.publish_flush(5000)
    assert len(starts(logged)) == 1
    assert bodies(stream) == ["1", "2", "3"]


@pytest.mark.parametrize("make_store", [AMPS.MemoryBookmarkStore, PlainStore])
def test_case_70_a_range_goes_on_to_its_own_end(peer, new_reader, inbox, make_store):
    server = peer(subscribe=say(sub_id="s"))
    reader = new_reader(server, store=make_store())
    reader.bookmark_subscribe(inbox, "t", "[1|1|:1|4|]", sub_id="s")
    server.hang_up()
    assert server.wait_for("subscribe", 2)[1]["bm"] == "[1|1|:1|4|]", "nothing was discarded yet"
    server.send(delivery(b"1", bm="1|1|") + delivery(b"2", bm="1|2|"))
    reader.discard(inbox.get())
    inbox.get()
    server.hang_up()
    again = server.wait_for("subscribe", 3)[2]
    assert again["bm"] == "(1|1|:1|4|]"
    done = ack(again, kind="completed", sub_id="s")
    server.send(delivery(b"2", bm="1|2|") + delivery(b"3", bm="1|3|") + done)
    assert inbox.bodies(2) == ["2", "3"]
    server.wait_taken()
    reader.publish_flush(5000)
    server.hang_up()
    server.wait_for("logon", 4)
    reader.publish_flush(5000)
    assert len(server.seen("subscribe")) == 3


def test_case_70_half_of_a_range_is_not_read_twice(logged, ten, new_reader, inbox):
    reader = new_reader(logged)
    end = "20990101T000000Z"
    reader.bookmark_subscribe(inbox, "quotes", f"[{ten[0]}:{end}]", sub_id="s")
    messages = [inbox.get() for _ in range(10)]
    for message in messages[:5]:
        reader.discard(message)
    logged.disconnect("reader")
    assert inbox.bodies(5) == ["6", "7", "8", "9", "10"]
    assert starts(logged)[1] == f"({ten[4]}:{end}]"
    assert inbox.is_empty()


def test_a_range_has_no_most_recent_in_it(logged, new_reader, inbox):
    reader = new_reader(logged)
    for place in (f"[{MOST_RECENT}:1|5|]", f"(1|1|,{MOST_RECENT}:1|5|)", f"[1|1|:{MOST_RECENT}]"):
        with pytest.raises(AMPS.UsageException, match="MOST_RECENT"):
            reader.bookmark_subscribe(inbox, "quotes", place)
    assert logged.received("subscribe") == []


def test_most_recent_in_a_list_never_reaches_the_server(logged, new_reader, inbox):
    """The server knows no such word."""
    reader = new_reader(logged)
    with pytest.raises(AMPS.UsageException, match="MOST_RECENT"):
        reader.bookmark_subscribe(inbox, "quotes", f"1|1|,{MOST_RECENT}")
    reader.set_bookmark_store(None)
    with pytest.raises(AMPS.UsageException, match="MOST_RECENT"):
        reader.bookmark_subscribe(inbox, "quotes", f"{MOST_RECENT},1|1|")
    assert logged.received("subscribe") == []


@pytest.mark.parametrize("place", ["[1|1|", "[:]", "[1|1|,1|2|]", "nonsense", "20261399T000000"])
def test_a_place_that_is_none_is_the_servers_to_refuse(logged, new_reader, inbox, place):
    reader = new_reader(logged)
    with pytest.raises(AMPS.InvalidBookmarkException):
        reader.bookmark_subscribe(inbox, "quotes", place, sub_id="s")
    assert reader.get_most_recent("s") == ""
    reader.bookmark_subscribe(inbox, "quotes", EPOCH, sub_id="s")
    write(logged, 1, topic="quotes")
    assert inbox.bodies(1) == ["1"]
    assert wait_starts(logged, 2) == [place, EPOCH]
