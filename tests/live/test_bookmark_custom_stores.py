"""Bookmark stores of the program's own: what they are asked, and what becomes of it when they
fail."""

import threading

import pytest

import AMPS

from .calls import wait_handled
from .custom_stores import PlainStore, RaisingStore
from .readers import EPOCH, MOST_RECENT, NOW, starts, wait_starts, write
from .scripted_peer import ack, delivery, in_turn, say, wait_until

BOTH = pytest.mark.parametrize("form", ["handler", "stream"])


@pytest.fixture
def read(inbox):
    """Subscribes in one of the two forms; gives a function that takes so many messages."""

    def begin(reader, form, place=EPOCH, topic="quotes", **options):
        options = {"sub_id": "s", **options}
        if form == "handler":
            reader.bookmark_subscribe(inbox, topic, place, **options)
            return lambda count: [inbox.get() for _ in range(count)]
        begin.stream = reader.bookmark_subscribe(topic, place, **options).timeout(10_000)
        return lambda count: [next(begin.stream) for _ in range(count)]

    return begin


def bodies(messages):
    return [message.get_data() for message in messages]


@BOTH
def test_what_it_knows_as_discarded_goes_no_further(logged, new_reader, read, form):
    store = PlainStore()
    reader = new_reader(logged, store=store)
    take = read(reader, form)
    write(logged, 3, topic="quotes")
    first, second, third = take(3)
    assert [each.get_bookmark_seq_no() for each in (first, second, third)] == [1, 1, 1]
    reader.discard(first)
    reader.discard(third)
    assert reader.get_most_recent("s") == first.get_bookmark()
    logged.disconnect("reader")
    write(logged, 1, first=4, topic="quotes")
    assert bodies(take(2)) == ["2", "4"]
    assert reader.duplicates == ["3"]
    assert starts(logged) == ["0", first.get_bookmark()]
    assert store.versions == [reader.get_server_version()] * 2
    assert reader.problems == [] or all(
        isinstance(each, AMPS.DisconnectedException) for each in reader.problems
    )


@BOTH
def test_it_is_told_of_persisted_bookmarks_behind_the_replay_only(peer, new_reader, read, form):
    server = peer(subscribe=say(sub_id="s"))
    store = PlainStore()
    reader = new_reader(server, store=store)
    take = read(reader, form, topic="t")

    def persisted(bookmark):
        return ack({"cid": None}, kind="persisted", sub_id="s", bm=bookmark)

    def completed():
        return ack(server.seen("subscribe")[-1], kind="completed", sub_id="s", bm="1|1|")

    server.send(persisted("1|9|") + delivery(b"1", bm="1|1|") + completed() + persisted("1|1|"))
    take(1)
    wait_until(lambda: store.persisted_at == [("s", "1|1|")], "the persisted bookmark")
    server.hang_up()
    server.wait_for("subscribe", 2)
    server.send(persisted("1|8|") + delivery(b"2", bm="1|2|"))
    assert bodies(take(1)) == ["2"]
    server.send(completed() + persisted("1|2|") + delivery(b"3", bm="1|3|"))
    take(1)
    assert store.persisted_at == [("s", "1|1|"), ("s", "1|2|")]


@BOTH
def test_acks_that_nobody_asked_for_are_not_shown(logged, new_reader, read, form):
    reader = new_reader(logged, store=PlainStore())
    take = read(reader, form)
    write(logged, 1, topic="quotes")
    logged.wait_for(lambda frame: frame.header.get("a") == "persisted")
    write(logged, 1, first=2, topic="quotes")
    assert [message.get_command() for message in take(2)] == ["publish", "publish"]


def test_acks_that_were_asked_for_are_shown(logged, new_reader, inbox):
    reader = new_reader(logged, store=PlainStore())
    command = AMPS.Command("subscribe").set_topic("quotes").set_bookmark(EPOCH)
    reader.execute_async(command.add_ack_type("completed"), inbox)
    assert inbox.get().get_ack_type() == "completed"
    write(logged, 1, topic="quotes")
    assert inbox.get().get_data() == "1"


@BOTH
@pytest.mark.parametrize("methods", [("log",), ("is_discarded",), ("log", "is_discarded")])
def test_a_store_that_fails_costs_no_message(logged, new_reader, read, form, methods):
    """BS-6: it is told to the listener, and the message is delivered."""
    reader = new_reader(logged, store=RaisingStore(*methods))
    take = read(reader, form)
    write(logged, 2, topic="quotes")
    assert bodies(take(2)) == ["1", "2"]
    wait_until(lambda: len(reader.problems) == 2 * len(methods), "the errors")
    assert {type(each) for each in reader.problems} == {RuntimeError}


def test_a_store_that_gives_no_number_costs_no_message(logged, new_reader, inbox):
    store = PlainStore()
    store.log = lambda message: "the first"
    reader = new_reader(logged, store=store)
    reader.bookmark_subscribe(inbox, "quotes", EPOCH)
    write(logged, 1, topic="quotes")
    message = inbox.get()
    assert (message.get_data(), message.get_bookmark_seq_no()) == ("1", 0)
    assert [type(each) for each in reader.problems] == [ValueError]


@pytest.mark.parametrize("number", [-1, 2**64, None, 1.5])
def test_numbers_out_of_range_cost_no_message(logged, new_reader, inbox, number):
    store = PlainStore()
    store.log = lambda message: number
    reader = new_reader(logged, store=store)
    reader.bookmark_subscribe(inbox, "quotes", EPOCH)
    write(logged, 1, topic="quotes")
    message = inbox.get()
    assert message.get_data() == "1"
    assert message.get_bookmark_seq_no() == (1 if number == 1.5 else 0)


def test_what_discard_raises_its_caller_gets(logged, new_reader, inbox):
    reader = new_reader(logged, store=RaisingStore("discard_message"))
    reader.bookmark_subscribe(inbox, "quotes", EPOCH)
    write(logged, 1, topic="quotes")
    with pytest.raises(RuntimeError, match="full"):
        reader.discard(inbox.get())


def test_what_get_most_recent_raises_its_caller_gets(logged, new_reader, inbox):
    reader = new_reader(logged, store=RaisingStore("get_most_recent"))
    with pytest.raises(RuntimeError, match="full"):
        reader.bookmark_subscribe(inbox, "quotes", MOST_RECENT)
    assert logged.subscriptions() == []
    with pytest.raises(RuntimeError, match="full"):
        reader.get_most_recent("s")


def test_a_store_that_cannot_tell_the_place_makes_the_attempt_fail(peer, new_reader, inbox):
    """Starting anywhere else would skip or repeat without a word."""
    server = peer(subscribe=in_turn(say(), say()))
    store = PlainStore()
    reader = new_reader(server, store=store)
    reader.bookmark_subscribe(inbox, "t", EPOCH, sub_id="s")
    good, store.get_most_recent = store.get_most_recent, RaisingStore._fail
    server.hang_up()
    wait_until(lambda: any(isinstance(e, RuntimeError) for e in reader.problems), "the failure")
    store.get_most_recent = good
    assert len(server.wait_for("subscribe", 2)) == 2


def test_persisted_that_raises_is_told_to_the_listener(logged, new_reader, inbox):
    reader = new_reader(logged, store=RaisingStore("persisted"))
    reader.bookmark_subscribe(inbox, "quotes", EPOCH)
    write(logged, 1, topic="quotes")
    assert inbox.get().get_data() == "1"
    wait_until(lambda: any(isinstance(e, RuntimeError) for e in reader.problems), "the failure")


def test_an_explicit_start_purges_if_the_store_can(logged, new_reader, inbox):
    purged = []
    store = PlainStore()
    store.purge_sub_id = purged.append
    reader = new_reader(logged, store=store)
    reader.bookmark_subscribe(inbox, "quotes", MOST_RECENT, sub_id="s")
    reader.unsubscribe("s")
    assert purged == []
    with pytest.raises(AMPS.BadFilterException):
        reader.bookmark_subscribe(inbox, "quotes", EPOCH, filter="(", sub_id="s")
    assert purged == []
    reader.bookmark_subscribe(inbox, "quotes", EPOCH, sub_id="s")
    wait_until(lambda: purged == ["s"], "the purge")
    logged.disconnect("reader")
    wait_starts(logged, 4)
    reader.disconnect()
    reader.connect_and_logon()
    wait_handled(reader)
    assert purged == ["s"]


def test_now_is_never_sent_twice(logged, new_reader, inbox):
    """BS-17, with a store that says '0' when it knows nothing: not the whole log, nothing less."""
    write(logged, 1, topic="quotes")
    reader = new_reader(logged, store=PlainStore())
    reader.bookmark_subscribe(inbox, "quotes", NOW, sub_id="s")
    logged.listener().stop()
    write(logged, 2, first=2, topic="quotes")
    logged.listener().start()
    came = [inbox.get().get_data()]
    while came[-1] != "3":
        came.append(inbox.get().get_data())
    assert came[-2:] == ["2", "3"]
    first, again = starts(logged)
    assert (first, again[8], again[-1]) == (NOW, "T", "Z")


@BOTH
def test_a_range_ends_here_too(logged, new_reader, read, form, inbox):
    write(logged, 3, topic="quotes")
    entries = logged.journal()
    reader = new_reader(logged, store=PlainStore())
    take = read(reader, form, f"[{entries[0].bookmark}:{entries[1].bookmark}]")
    assert bodies(take(2)) == ["1", "2"]
    if form == "stream":
        assert list(read.stream) == []
    logged.wait_for(lambda frame: frame.header.get("a") == "completed")
    wait_handled(reader)
    logged.disconnect("reader")
    wait_until(lambda: len(logged.received("logon", "reader")) == 2, "the next logon")
    wait_handled(reader)
    assert len(starts(logged)) == 1


def test_a_closed_stream_unsubscribes_once(logged, new_reader, read):
    reader = new_reader(logged, store=PlainStore())
    take = read(reader, "stream")
    write(logged, 1, topic="quotes")
    take(1)
    read.stream.close()
    read.stream.close()
    assert list(read.stream) == []
    logged.wait_until(lambda: logged.subscriptions() == [])
    assert len(logged.received("unsubscribe")) == 1
    logged.disconnect("reader")
    wait_until(lambda: len(logged.received("logon", "reader")) == 2, "the next logon")
    wait_handled(reader)
    assert len(starts(logged)) == 1


@pytest.mark.parametrize("how", ["unsubscribe", "close", "disconnect"])
def test_a_stream_ends_whoever_ends_it(logged, new_reader, read, how):
    reader = new_reader(logged, store=PlainStore())
    read(reader, "stream")
    ended = threading.Event()

    def wait():
        list(read.stream)
        ended.set()

    threading.Thread(target=wait, daemon=True).start()
    getattr(reader, how)(*(["s"] if how == "unsubscribe" else []))
    assert ended.wait(5)


def test_a_stream_goes_on_after_a_loss(logged, new_reader, read):
    reader = new_reader(logged, store=PlainStore())
    take = read(reader, "stream")
    write(logged, 1, topic="quotes")
    reader.discard(take(1)[0])
    logged.disconnect("reader")
    write(logged, 1, first=2, topic="quotes")
    assert bodies(take(1)) == ["2"]


def test_a_full_stream_holds_up_the_reading(logged, new_reader, read):
    """MS-8, as with a store of the library."""
    reader = new_reader(logged, store=PlainStore())
    reader.set_default_max_depth(10)
    take = read(reader, "stream")
    write(logged, 50, topic="quotes")
    wait_until(lambda: read.stream.get_depth() == 10, "the stream to be full")
    got = take(20)
    assert read.stream.get_depth() <= 10
    reader.publish_flush(10_000)  # would wait for ever, were the limit kept meanwhile
    assert bodies(got + take(30)) == [str(number) for number in range(1, 51)]


def test_conflation_discards_what_it_replaces(peer, new_reader, read):
    """BS-21."""
    server = peer(subscribe=say(sub_id="s"))
    store = PlainStore()
    reader = new_reader(server, store=store)
    read(reader, "stream", topic="t")
    read.stream.conflate()
    for number, key in enumerate(("a", "b", "a", "b", "a"), 1):
        server.send(delivery(b"%d" % number, bm=f"1|{number}|", k=key))
    wait_handled(reader)
    assert bodies([next(read.stream), next(read.stream)]) == ["5", "4"]
    assert store.done == {"1|1|", "1|2|", "1|3|"}


def test_a_replacement_that_may_be_older_discards_nothing(peer, new_reader, read):
    """What comes a second time, or is another publisher's: a duplicate costs less than a loss."""
    server = peer(subscribe=say(sub_id="s"))
    store = PlainStore()
    reader = new_reader(server, store=store)
    read(reader, "stream", topic="t")
    read.stream.conflate()
    for bookmark in ("1|2|", "1|1|", "1|1|", "2|7|", "what|ever", "ever|what", "1|3|"):
        server.send(delivery(b"x", bm=bookmark, k="a"))
    wait_handled(reader)
    assert read.stream.get_depth() == 1
    assert store.done == set()


def test_a_store_needs_its_first_three_methods(new_reader, logged):
    reader = new_reader(logged)
    for name in ("log", "is_discarded", "get_most_recent"):
        store = PlainStore()
        setattr(store, name, None)
        with pytest.raises(TypeError, match=name):
            reader.set_bookmark_store(store)


def test_a_store_without_the_rest_will_do(logged, new_reader, inbox):
    class Bare:
        log = PlainStore.log
        is_discarded = PlainStore.is_discarded
        get_most_recent = PlainStore.get_most_recent
        discard_message = PlainStore.discard_message

        def __init__(self):
            self.logged, self.done = [], set()

    reader = new_reader(logged, store=Bare())
    reader.bookmark_subscribe(inbox, "quotes", EPOCH, sub_id="s")
    write(logged, 2, topic="quotes")
    reader.discard(inbox.get())
    inbox.get()
    logged.disconnect("reader")
    assert inbox.get().get_data() == "2"
    reader.prune_store()
    unknown = [e for e in reader.problems if not isinstance(e, AMPS.DisconnectedException)]
    assert unknown == []
