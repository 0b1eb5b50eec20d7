"""bookmark_subscribe in both its forms, from all kinds of places, with all its options."""

import time

import pytest

import AMPS
from amps_sandbox import Sandbox

from .readers import EPOCH, MOST_RECENT, NOW, starts, write, write_as
from .scripted_peer import delivery, wait_until

BOTH = pytest.mark.parametrize("form", ["handler", "stream"])


@pytest.fixture
def read(logged, new_reader, inbox):
    """Subscribes in one of the two forms; gives a function that takes so many bodies."""

    def begin(form, place, reader=None, topic="quotes", **options):
        reader = reader or new_reader(logged)
        if form == "handler":
            begin.sub_id = reader.bookmark_subscribe(inbox, topic, place, **options)
            return inbox.bodies
        stream = reader.bookmark_subscribe(topic, place, **options).timeout(10_000)
        begin.stream = stream
        return lambda count: [next(stream).get_data() for _ in range(count)]

    return begin


@pytest.fixture
def five(logged):
    """Five messages in the log; gives their bookmarks."""
    write(logged, 5, topic="quotes")
    return [entry.bookmark for entry in logged.journal()]


@BOTH
def test_from_the_beginning(logged, five, read, form):
    take = read(form, EPOCH)
    assert take(5) == ["1", "2", "3", "4", "5"]
    write(logged, 1, first=6, topic="quotes")
    assert take(1) == ["6"]


@BOTH
def test_from_now_on(logged, five, read, form):
    take = read(form, NOW)
    write(logged, 1, first=6, topic="quotes")
    assert take(1) == ["6"]


@BOTH
def test_from_behind_a_bookmark(five, read, form):
    assert read(form, five[2])(2) == ["4", "5"]


@BOTH
def test_from_the_earliest_of_a_list(five, read, form):
    assert read(form, f"{five[3]},{five[1]},17|4|")(3) == ["3", "4", "5"]


@BOTH
def test_from_a_time(logged, five, read, form):
    stamp = logged.journal()[2].timestamp
    assert read(form, stamp)(3) == ["3", "4", "5"]


@BOTH
def test_from_where_this_subscription_was(logged, five, new_reader, read, form):
    reader = new_reader(logged)
    stream = reader.bookmark_subscribe("quotes", EPOCH, sub_id="mine")
    for _ in range(3):
        reader.discard(next(stream))
    stream.close()
    assert read(form, MOST_RECENT, reader, sub_id="mine")(2) == ["4", "5"]
    assert starts(logged)[1] == five[2]


def test_the_handler_form_returns_the_id_to_unsubscribe(logged, five, new_reader, inbox):
    reader = new_reader(logged)
    sub_id = reader.bookmark_subscribe(inbox, "quotes", EPOCH)
    assert [each.sub_id for each in logged.subscriptions()] == [sub_id]
    assert reader.bookmark_subscribe(inbox, "quotes", NOW, sub_id="mine") == "mine"
    reader.unsubscribe(sub_id)
    reader.unsubscribe("mine")
    logged.wait_until(lambda: logged.subscriptions() == [])


def test_all_arguments_by_name(logged, five, new_reader, inbox):
    reader = new_reader(logged)
    reader.bookmark_subscribe(
        on_message=inbox,
        topic="quotes",
        bookmark=EPOCH,
        filter="1 = 1",
        sub_id="mine",
        options="rate=1000",
        timeout=5000,
    )
    assert inbox.bodies(5) == ["1", "2", "3", "4", "5"]
    header = logged.received("subscribe")[0].header
    assert (header["filter"], header["sub_id"], header["bm"]) == ("1 = 1", "mine", EPOCH)


def test_a_command_with_a_bookmark_is_the_same(logged, five, new_reader, inbox):
    reader = new_reader(logged)
    command = AMPS.Command("subscribe").set_topic("quotes").set_bookmark(five[3])
    command.set_sub_id("mine").add_ack_type("completed")
    reader.execute_async(command, inbox)
    first, done = inbox.get(), inbox.get()
    assert (first.get_data(), done.get_ack_type()) == ("5", "completed")
    reader.discard(first)
    reader.discard(done)
    wait_until(lambda: reader.get_most_recent("mine").split(",")[0] == five[4], "the discard")


@pytest.mark.parametrize("bad", [None, 5, b"\xff\xfe", ["0"]])
def test_a_bookmark_of_a_wrong_type_is_refused_here(logged, new_reader, inbox, bad):
    reader = new_reader(logged)
    with pytest.raises((TypeError, ValueError, AMPS.AMPSException)):
        reader.bookmark_subscribe(inbox, "quotes", bad)
    assert logged.subscriptions() == []


@pytest.mark.parametrize("empty", ["", b""])
def test_an_empty_bookmark_is_none(logged, new_reader, inbox, empty):
    with pytest.raises(AMPS.InvalidBookmarkException, match="empty"):
        new_reader(logged).bookmark_subscribe(inbox, "quotes", empty)


def test_a_topic_without_a_log_is_refused(logged, new_reader, inbox):
    reader = new_reader(logged)
    with pytest.raises(AMPS.InvalidTopicException):
        reader.bookmark_subscribe(inbox, "unlogged", EPOCH, sub_id="s")
    reader.bookmark_subscribe(inbox, "quotes", EPOCH, sub_id="s")
    assert [each.topic for each in logged.subscriptions()] == ["quotes"]


def test_an_unknown_bookmark_is_now_unless_it_is_said_otherwise(logged, five, new_reader, inboxes):
    reader = new_reader(logged)
    now, epoch = inboxes(), inboxes()
    reader.bookmark_subscribe(now, "quotes", "17|4|")
    reader.bookmark_subscribe(epoch, "quotes", "17|4|", options="bookmark_not_found=epoch")
    with pytest.raises(AMPS.InvalidBookmarkException):
        reader.bookmark_subscribe([].append, "quotes", "17|4|", options="bookmark_not_found=fail")
    assert epoch.bodies(5) == ["1", "2", "3", "4", "5"]
    write(logged, 1, first=6, topic="quotes")
    assert epoch.bodies(1) == now.bodies(1) == ["6"]


def test_a_point_of_return_that_the_server_does_not_know(new_reader, log_on, inbox):
    """A server that lost its log: with bookmark_not_found=epoch nothing it has is skipped."""
    with Sandbox(txlog=["quotes"], ack_conflation="10ms") as server:
        reader = new_reader(server)
        options = "bookmark_not_found=epoch"
        reader.bookmark_subscribe(inbox, "quotes", EPOCH, options=options)
        for sequence in (1, 2):
            write_as(log_on(server, "A"), sequence, str(sequence), topic="quotes")
            reader.discard(inbox.get())
        server.kill()
        server.restart(keep_data=False)
        write_as(log_on(server, "A"), 3, "3", topic="quotes")
        assert inbox.bodies(1) == ["3"]


def test_live_messages_have_bookmarks_too(logged, five, new_reader, inbox):
    reader = new_reader(logged)
    reader.bookmark_subscribe(inbox, "quotes", five[3], sub_id="s", options="live")
    assert inbox.bodies(1) == ["5"]
    write(logged, 1, first=6, topic="quotes")
    message = inbox.get()
    assert message.get_bookmark() == logged.journal()[-1].bookmark
    reader.discard(message)
    logged.disconnect("reader")
    assert inbox.bodies(1) == ["5"]
    assert reader.duplicates == ["6"]


def test_fully_durable_waits_for_the_other_server(new_reader, inbox):
    options = {"txlog": ["quotes"], "ack_conflation": "10ms"}
    with Sandbox(**options) as one, Sandbox(**options, replica_of=one, sync=True) as two:
        reader = new_reader(one)
        reader.bookmark_subscribe(inbox, "quotes", EPOCH, options="fully_durable")
        write(one, 2, topic="quotes")
        assert inbox.bodies(2) == ["1", "2"]
        two.wait_until(lambda: len(two.journal()) == 2)


def test_a_rate_is_kept(logged, five, new_reader, inbox):
    reader = new_reader(logged)
    began = time.monotonic()
    reader.bookmark_subscribe(inbox, "quotes", EPOCH, options="rate=20")
    assert inbox.bodies(5) == ["1", "2", "3", "4", "5"]
    assert time.monotonic() - began > 3 / 20


@pytest.mark.parametrize(
    "options", ["live,rate=10", "live,pause", "rate=fast", "bookmark_not_found"]
)
def test_options_that_do_not_fit_are_refused(logged, new_reader, inbox, options):
    reader = new_reader(logged)
    with pytest.raises(AMPS.InvalidOptionsException):
        reader.bookmark_subscribe(inbox, "quotes", EPOCH, options=options, sub_id="s")
    reader.bookmark_subscribe(inbox, "quotes", EPOCH, sub_id="s")


@BOTH
def test_options_survive_a_loss(logged, five, read, new_reader, form):
    reader = new_reader(logged)
    take = read(form, EPOCH, reader, options="rate=1000", filter="1 = 1", sub_id="s")
    take(5)
    logged.disconnect("reader")
    assert take(5) == ["1", "2", "3", "4", "5"]
    first, again = (frame.header for frame in logged.received("subscribe"))
    for name in ("opts", "filter", "sub_id", "cid", "t", "bm"):
        assert first[name] == again[name]


def test_a_replacement_takes_over_the_handler_and_the_state(new_reader, inboxes):
    """Explicit places begin anew (BS-8): what was discarded before is forgotten with the rest."""
    with Sandbox(txlog=["quotes"], ack_conflation="1h") as silent:  # no persisted ack is a place
        write(silent, 5, topic="quotes")
        second = silent.journal("quotes")[1].bookmark
        reader = new_reader(silent)
        before, after = inboxes(), inboxes()
        reader.bookmark_subscribe(before, "quotes", EPOCH, sub_id="s")
        for _ in range(5):
            reader.discard(before.get())
        reader.bookmark_subscribe(after, "quotes", second, sub_id="s", options="replace")
        assert reader.get_most_recent("s") == second
        write(silent, 1, first=6, topic="quotes")
        message = after.get()
        assert (message.get_data(), message.get_bookmark_seq_no()) == ("6", 6)
        silent.disconnect("reader")
        while after.get().get_data() != "6":  # a server may go on where it was, or begin anew
            pass
        assert before.is_empty()


def test_a_replacement_with_most_recent_keeps_the_state(logged, five, new_reader, inboxes):
    reader = new_reader(logged)
    before, after = inboxes(), inboxes()
    reader.bookmark_subscribe(before, "quotes", EPOCH, sub_id="s")
    messages = [before.get() for _ in range(5)]
    for message in (messages[0], messages[1], messages[3]):
        reader.discard(message)
    reader.bookmark_subscribe(after, "quotes", MOST_RECENT, sub_id="s", options="replace")
    assert logged.received("subscribe")[1].header["bm"] == five[1]
    logged.disconnect("reader")
    assert after.bodies(2) == ["3", "5"]
    assert reader.duplicates == ["4"]


def test_late_messages_of_an_ended_subscription_are_not_noted(peer, new_reader, inbox):
    """DECISION of TH-12: they go to the last-chance handler, and come again some day."""
    server = peer()
    reader = new_reader(server)
    late = []
    reader.set_last_chance_message_handler(lambda m: late.append(m.get_data()))
    reader.bookmark_subscribe(inbox, "t", EPOCH, sub_id="s")
    server.send(delivery(b"1", bm="1|1|"))
    reader.discard(inbox.get())
    reader.unsubscribe("s")
    server.send(delivery(b"2", bm="1|2|"))
    wait_until(lambda: late == ["2"], "the late message")
    reader.bookmark_subscribe(inbox, "t", MOST_RECENT, sub_id="s")
    assert server.seen("subscribe")[1]["bm"] == "1|1|"
    server.send(delivery(b"2", bm="1|2|"))
    message = inbox.get()
    assert (message.get_data(), message.get_bookmark_seq_no()) == ("2", 2)


def test_messages_are_numbered_in_each_subscription(logged, five, new_reader, inboxes):
    reader = new_reader(logged)
    boxes = {name: inboxes() for name in "ab"}
    for name, box in boxes.items():
        reader.bookmark_subscribe(box, "quotes", EPOCH, sub_id=name)
    for box in boxes.values():
        assert [box.get().get_bookmark_seq_no() for _ in range(5)] == [1, 2, 3, 4, 5]
    reader.set_bookmark_store(None)
    third = inboxes()
    reader.bookmark_subscribe(third, "quotes", EPOCH, sub_id="c")
    assert third.get().get_bookmark_seq_no() == 0
    assert AMPS.Message().get_bookmark_seq_no() == 0


def test_discarding_by_the_number(logged, five, new_reader, inbox):
    store = AMPS.MemoryBookmarkStore()
    reader = new_reader(logged, store=store)
    reader.bookmark_subscribe(inbox, "quotes", EPOCH, sub_id="s")
    for message in [inbox.get() for _ in range(5)][:3]:
        store.discard("s", message.get_bookmark_seq_no())
    assert store.get_oldest_bookmark_seq("s") == 4
    assert reader.get_most_recent("s") == five[2]


def test_several_subscriptions_in_one_frame_are_each_noted(peer, new_reader, inboxes):
    server = peer()
    reader = new_reader(server)
    boxes = {name: inboxes() for name in "ab"}
    for name, box in boxes.items():
        reader.bookmark_subscribe(box, "t", EPOCH, sub_id=name)
    server.send(delivery(b"1", sub_id="a,b", bm="1|1|"))
    message = boxes["a"].get()
    assert (message.get_sub_id(), boxes["b"].get().get_sub_id()) == ("a", "b")
    reader.discard(message)
    server.send(delivery(b"1", sub_id="b,a", bm="1|1|"))
    assert boxes["b"].bodies(1) == ["1"]
    wait_until(lambda: reader.duplicates == ["1"], "the duplicate")
    assert boxes["a"].is_empty()


def test_discarding_what_has_no_place_is_no_error(logged, new_reader, inbox):
    reader = new_reader(logged)
    reader.discard(AMPS.Message())
    reader.subscribe(inbox, "quotes")
    write(logged, 1, topic="quotes")
    reader.discard(inbox.get())
    with pytest.raises(TypeError):
        reader.discard("a text")
    reader.set_bookmark_store(None)
    reader.discard(AMPS.Message())
    assert reader.get_most_recent("s") == ""


def test_a_client_that_does_not_come_back_notes_bookmarks_too(logged, five, log_on, inbox):
    client = log_on(logged)
    store = AMPS.MemoryBookmarkStore()
    client.set_bookmark_store(store)
    client.bookmark_subscribe(inbox, "quotes", MOST_RECENT, sub_id="s")
    for message in [inbox.get() for _ in range(5)][:2]:
        store.discard_message(message)
    client.unsubscribe("s")
    client.bookmark_subscribe(inbox, "quotes", MOST_RECENT, sub_id="s")
    assert inbox.bodies(3) == ["3", "4", "5"]
