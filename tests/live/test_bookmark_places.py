"""Where a subscription goes on: the worked examples of the plan, through client and server."""

import pytest

import AMPS
from amps_sandbox import Sandbox

from .readers import EPOCH, MOST_RECENT, NOW, bookmarks_of, starts, wait_starts, write, write_as
from .scripted_peer import ack, delivery, say, wait_until


def take(inbox, count):
    return [inbox.get() for _ in range(count)]


@pytest.fixture
def silent():
    """A sandbox with a log whose persisted acks no test lives to see: they would join the lists."""
    with Sandbox(txlog=["quotes"], ack_conflation="1h") as server:
        yield server


def test_case_61_discards_out_of_order_leave_no_hole(silent, new_reader, inbox):
    reader = new_reader(silent)
    reader.bookmark_subscribe(inbox, "quotes", EPOCH, sub_id="s")
    write(silent, 4, topic="quotes")
    first, second, third, fourth = take(inbox, 4)
    assert reader.get_most_recent("s") == EPOCH
    reader.discard(second)
    assert reader.get_most_recent("s") == EPOCH
    reader.discard(first)
    assert reader.get_most_recent("s") == second.get_bookmark()
    reader.discard(fourth)
    assert reader.get_most_recent("s") == second.get_bookmark()
    silent.disconnect("reader")
    again = inbox.get()
    assert (again.get_data(), again.get_bookmark_seq_no()) == ("3", third.get_bookmark_seq_no())
    wait_until(lambda: reader.duplicates == ["4"], "the duplicate")
    assert starts(silent) == [EPOCH, second.get_bookmark()]
    reader.discard(again)
    assert reader.get_most_recent("s") == fourth.get_bookmark()
    assert inbox.is_empty()


def test_case_62_another_server_has_another_order(new_reader, log_on, inbox):
    log = {"txlog": ["orders"], "ack_conflation": "1h"}
    with Sandbox(**log) as one, Sandbox(**log) as two:
        for server, order in ((one, "A1 B1 A2 B2"), (two, "B1 B2 A1 A2")):
            publishers = {name: log_on(server, name) for name in "AB"}
            for body in order.split():
                write_as(publishers[body[0]], int(body[1]), body)
        reader = new_reader(one, two)
        reader.bookmark_subscribe(inbox, "orders", EPOCH, sub_id="s")
        came = {message.get_data(): message for message in take(inbox, 4)}
        for name in ("A1", "B1", "B2"):
            reader.discard(came[name])
        here = [came["A1"].get_bookmark(), came["B1"].get_bookmark()]
        assert reader.get_most_recent("s").split(",") == here
        one.kill()
        assert wait_starts(two, 1) == [",".join(here)]
        again = inbox.get()
        assert again.get_data() == "A2"
        assert reader.duplicates == ["B2", "A1"]
        reader.discard(again)
        assert reader.get_most_recent("s").split(",")[:2] == bookmarks_of([again, came["B2"]])
        assert inbox.is_empty()


def torn(before, after):
    """A file in which the newest record was only half written when the program was killed."""
    end = max(at for at in range(len(after)) if after[at : at + 1] != before[at : at + 1])
    begin = next(at for at in range(len(after)) if after[at : at + 1] != before[at : at + 1])
    middle = (begin + end) // 2
    return after[:middle] + before[middle:]


def test_case_63_a_torn_end_of_the_file_costs_one_duplicate(logged, new_reader, inbox, tmp_path):
    path = tmp_path / "first.log"
    reader = new_reader(logged, store=AMPS.MMapBookmarkStore(str(path)))
    reader.bookmark_subscribe(inbox, "quotes", EPOCH, sub_id="s")
    write(logged, 3, topic="quotes")
    first, second, third = take(inbox, 3)
    reader.disconnect()  # no persisted ack is noted from here on
    reader.discard(first)
    reader.discard(third)
    before = path.read_bytes()
    reader.discard(second)
    (tmp_path / "torn.log").write_bytes(torn(before, path.read_bytes()))
    reader.close()
    write(logged, 1, first=4, topic="quotes")

    store = AMPS.MMapBookmarkStore(str(tmp_path / "torn.log"))
    other = new_reader(logged, store=store)
    assert other.get_most_recent("s").split(",")[0] == first.get_bookmark()
    other.bookmark_subscribe(inbox, "quotes", MOST_RECENT, sub_id="s")
    assert [message.get_data() for message in take(inbox, 2)] == ["2", "4"]
    assert other.duplicates == ["3"]


def test_case_64_a_quiet_topic_goes_on_from_foreign_bookmarks(peer, new_reader, inbox):
    server = peer(subscribe=replayed_to("9|9|"))
    reader = new_reader(server)
    reader.bookmark_subscribe(inbox, "t", NOW, sub_id="s")
    wait_recent(reader, "9|9|")
    server.send(delivery(b"1", bm="1|1|") + persisted("50|50|") + delivery(b"end", sub_id="x"))
    message = inbox.get()
    assert reader.get_most_recent("s") == "9|9|"
    reader.discard(message)
    wait_recent(reader, "1|1|,50|50|")
    server.send(persisted("900|900|"))
    wait_recent(reader, "1|1|,900|900|")


def persisted(bookmark, sub_id="s"):
    return ack({"cid": None}, kind="persisted", sub_id=sub_id, bm=bookmark)


def completed(seen, bookmark=None):
    return ack(seen, kind="completed", sub_id=seen["sub_id"], bm=bookmark)


def replayed_to(bookmark):
    """An answer: accepted, and the replay is over at once."""

    def answer(peer, seen):
        peer.send(ack(seen, sub_id=seen["sub_id"]) + completed(seen, bookmark))

    return answer


def wait_recent(reader, wanted):
    wait_until(
        lambda: reader.get_most_recent("s") == wanted,
        f"{wanted}, not {reader.get_most_recent('s')}",
    )


def test_case_65_a_discarded_message_goes_to_the_duplicate_handler(logged, new_reader, inbox):
    reader = new_reader(logged)
    reader.bookmark_subscribe(inbox, "quotes", EPOCH, sub_id="s")
    write(logged, 3, topic="quotes")
    for message in take(inbox, 3):
        if message.get_data() == "2":
            reader.discard(message)
    logged.disconnect("reader")
    assert [message.get_data() for message in take(inbox, 2)] == ["1", "3"]
    assert reader.duplicates == ["2"]
    assert inbox.is_empty()


def test_without_a_duplicate_handler_a_duplicate_is_dropped(logged, new_reader, inbox):
    reader = new_reader(logged)
    late = []
    reader.set_last_chance_message_handler(lambda m: late.append(m.get_data()))
    reader.set_duplicate_message_handler(None)
    reader.bookmark_subscribe(inbox, "quotes", EPOCH, sub_id="s")
    write(logged, 2, topic="quotes")
    reader.discard(take(inbox, 2)[1])
    logged.disconnect("reader")
    assert inbox.get().get_data() == "1"
    write(logged, 1, first=3, topic="quotes")
    assert inbox.get().get_data() == "3"
    assert late == []


def test_case_66_a_persisted_ack_within_a_replay_counts_for_nothing(peer, new_reader, inbox):
    """It may name the end of the log, which this subscription has not reached."""
    server = peer(subscribe=say(sub_id="s"))
    reader = new_reader(server)
    reader.bookmark_subscribe(inbox, "t", EPOCH, sub_id="s")
    server.send(persisted("1|9|") + delivery(b"1", bm="1|1|") + persisted("1|9|"))
    reader.discard(inbox.get())
    server.send(delivery(b"2", bm="1|2|"))
    inbox.get()
    assert reader.get_most_recent("s") == "1|1|"
    server.hang_up()
    assert server.wait_for("subscribe", 2)[1]["bm"] == "1|1|"
    # The acks of the placement before count for nothing now, either.
    server.send(persisted("1|9|") + delivery(b"2", bm="1|2|"))
    reader.discard(inbox.get())
    assert reader.get_most_recent("s") == "1|2|"


def test_case_67_most_recent_of_nothing_is_the_beginning(logged, new_reader, inbox):
    reader = new_reader(logged)
    write(logged, 1, topic="quotes")
    reader.bookmark_subscribe(inbox, "quotes", MOST_RECENT, sub_id="s")
    assert inbox.get().get_data() == "1"
    logged.disconnect("reader")
    assert wait_starts(logged, 2) == [EPOCH, EPOCH]
    assert inbox.get().get_data() == "1"
    assert "recent" not in str(logged.frames("reader", direction="in"))


def test_case_67_most_recent_without_a_store_is_the_beginning(logged, new_reader, inbox):
    reader = new_reader(logged)
    reader.set_bookmark_store(None)
    reader.bookmark_subscribe(inbox, "quotes", MOST_RECENT, sub_id="s")
    logged.disconnect("reader")
    assert wait_starts(logged, 2) == [EPOCH, EPOCH]


def test_case_68_an_explicit_start_begins_anew(logged, new_reader, inbox):
    reader = new_reader(logged)
    write(logged, 3, topic="quotes")
    reader.bookmark_subscribe(inbox, "quotes", EPOCH, sub_id="s")
    for message in take(inbox, 3):
        reader.discard(message)
    reader.unsubscribe("s")
    assert reader.get_most_recent("s") != EPOCH
    reader.bookmark_subscribe(inbox, "quotes", EPOCH, sub_id="s")
    assert [message.get_data() for message in take(inbox, 3)] == ["1", "2", "3"]
    assert reader.duplicates == []
    assert reader.get_most_recent("s") == EPOCH


def test_case_68_a_refused_subscription_leaves_the_state(logged, new_reader, inbox):
    reader = new_reader(logged)
    write(logged, 2, topic="quotes")
    reader.bookmark_subscribe(inbox, "quotes", EPOCH, sub_id="s")
    reader.discard(take(inbox, 2)[0])
    reader.unsubscribe("s")
    before = reader.get_most_recent("s")
    try:
        reader.bookmark_subscribe(inbox, "quotes", EPOCH, filter="/id = (", sub_id="s")
    except AMPS.BadFilterException:
        assert reader.get_most_recent("s") == before
    else:
        raise AssertionError("the server took a filter that is none")
    reader.bookmark_subscribe(inbox, "quotes", MOST_RECENT, sub_id="s")
    assert inbox.get().get_data() == "2"


def test_case_69_an_outage_after_now_is_made_up_for(logged, new_reader, inbox):
    write(logged, 1, topic="quotes")
    reader = new_reader(logged)
    reader.bookmark_subscribe(inbox, "quotes", NOW, sub_id="s")
    write(logged, 1, first=2, topic="quotes")
    assert inbox.get().get_data() == "2"
    logged.listener().stop()
    write(logged, 10, first=3, topic="quotes")
    logged.listener().start()
    assert [message.get_data() for message in take(inbox, 11)] == [str(n) for n in range(2, 13)]
    assert starts(logged)[0] == NOW
    assert NOW not in starts(logged)[1:]
