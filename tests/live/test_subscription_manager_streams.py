"""Streams of a client that comes back: what they give, wait for and end with."""

import threading

import pytest

import AMPS
from amps_sandbox import Sandbox

from .calls import wait_handled
from .readers import EPOCH, MOST_RECENT, write
from .results import accepted, group, marker, records
from .scripted_peer import (
    PATIENCE_S,
    delivery,
    in_turn,
    refuse,
    say,
    stay_silent,
    wait_until,
)


def test_case_94_silence_gives_none_also_while_it_comes_back(logged, new_reader):
    reader = new_reader(logged)
    stream = reader.subscribe("quotes").timeout(50)
    assert [next(stream), next(stream)] == [None, None]
    logged.listener().stop()
    assert [next(stream), next(stream)] == [None, None]
    logged.listener().start()
    logged.wait_until(logged.subscriptions)
    write(logged, 1, topic="quotes")
    assert stream.timeout(10_000) is stream
    assert next(stream).get_data() == "1"


def test_case_95_a_query_cut_off_is_never_presented_as_whole(peer, new_reader):
    """DC-19: the client comes back, and yet the query is not asked again."""

    def half(peer, seen):
        peer.send(accepted(seen) + marker(seen, "group_begin") + records(seen, "1", "2"))

    server = peer(sow=half)
    reader = new_reader(server)
    stream = reader.sow("t")
    wait_until(lambda: stream.get_depth() == 3, "what comes before the loss")
    server.hang_up()
    assert [next(stream).get_command() for _ in range(3)] == ["group_begin", "sow", "sow"]
    with pytest.raises(AMPS.DisconnectedException):
        next(stream)
    assert list(stream) == []
    server.wait_for("logon", 2)
    wait_handled(reader)
    assert len(server.seen("sow")) == 1


def test_case_95_a_query_that_was_whole_ends_as_usual(peer, new_reader):
    server = peer(sow=lambda peer, seen: peer.send(accepted(seen) + group(seen, "1")))
    reader = new_reader(server)
    stream = reader.sow("t")
    wait_until(lambda: stream.get_depth() == 3, "the results")
    server.hang_up()
    assert [message.get_command() for message in stream] == ["group_begin", "sow", "group_end"]


def test_case_96_a_stream_goes_on_with_what_waited_in_it(logged, new_reader):
    reader = new_reader(logged)
    stream = reader.subscribe("quotes").timeout(10_000)
    write(logged, 2, topic="quotes")
    wait_until(lambda: stream.get_depth() == 2, "the messages")
    logged.disconnect("reader")
    logged.wait_until(logged.subscriptions)
    write(logged, 2, first=3, topic="quotes")
    assert [next(stream).get_data() for _ in range(4)] == ["1", "2", "3", "4"]
    assert not stream.ended


@pytest.mark.parametrize("end", ["close", "disconnect"])
def test_case_96_closing_the_client_ends_it_behind_what_waited(logged, new_reader, end):
    reader = new_reader(logged)
    stream = reader.bookmark_subscribe("quotes", EPOCH)
    write(logged, 2, topic="quotes")
    wait_until(lambda: stream.get_depth() == 2, "the messages")
    getattr(reader, end)()
    assert [message.get_data() for message in stream] == ["1", "2"]


def test_case_96_giving_up_ends_it_behind_what_waited(new_reader):
    with Sandbox(txlog=["quotes"]) as server:
        reader = new_reader(server)

        class Once(AMPS.DefaultServerChooser):
            """Knows no server once the connection is lost."""

            def report_failure(self, exception, info):
                self.get_current_uri = lambda: None

        chooser = Once()
        chooser.add(server.uri("json"))
        reader.disconnect()
        reader.set_server_chooser(chooser)
        reader.connect_and_logon()
        stream = reader.subscribe("quotes")
        write(server, 1, topic="quotes")
        wait_until(lambda: stream.get_depth() == 1, "the message")
        server.disconnect("reader")
        assert [message.get_data() for message in stream] == ["1"]


def test_case_97_a_slow_reader_of_a_log_loses_nothing(logged, new_reader):
    """While a placement waits for its ack the limit is off (MS-8): nobody could take meanwhile."""
    reader = new_reader(logged)
    reader.set_default_max_depth(10)
    stream = reader.bookmark_subscribe("quotes", EPOCH, sub_id="s")
    write(logged, 3000, topic="quotes")
    got = []
    while len(got) < 3000:
        assert stream.get_depth() <= 10 or len(got) >= 500
        message = next(stream)
        reader.discard(message)
        got.append(message.get_data())
        if len(got) in (500, 1500):
            logged.disconnect("reader")
    assert got == [str(number) for number in range(1, 3001)]


def test_case_97_its_reader_may_ask_while_it_is_full(logged, new_reader):
    reader = new_reader(logged)
    logged.publish("orders", '{"id":1}')
    reader.set_default_max_depth(10)
    stream = reader.bookmark_subscribe("quotes", EPOCH)
    write(logged, 300, topic="quotes")
    wait_until(lambda: stream.get_depth() == 10, "the stream to be full")
    assert [m.get_command() for m in reader.sow("orders")] == ["group_begin", "sow", "group_end"]
    assert [next(stream).get_data() for _ in range(300)] == [str(n) for n in range(1, 301)]


def conflated(server, reader):
    stream = reader.bookmark_subscribe("t", EPOCH, sub_id="s").timeout(10_000)
    return stream.conflate()


def bodies(stream):
    return [next(stream).get_data() for _ in range(stream.get_depth())]


def put(server, reader, *messages):
    """Sends (body, key) pairs as messages 1, 2, ... of one publisher; waits until they came."""
    for number, (body, key) in enumerate(messages, 1):
        server.send(delivery(body.encode(), bm=f"1|{number}|", k=key))
    wait_handled(reader)


def test_case_98_what_a_newer_message_replaced_counts_as_discarded(peer, new_reader):
    """BS-21: nobody could discard it any more, and everything behind it would come again."""
    server = peer(subscribe=say(sub_id="s"))
    reader = new_reader(server)
    stream = conflated(server, reader)
    put(server, reader, ("1", "k1"), ("2", "k2"), ("3", "k1"), ("4", "k1"))
    assert stream.get_depth() == 2
    first, second = next(stream), next(stream)
    assert (first.get_data(), second.get_data()) == ("4", "2")
    assert (first.get_bookmark_seq_no(), second.get_bookmark_seq_no()) == (4, 2)
    assert reader.get_most_recent("s") == "1|1|"
    reader.discard(second)
    assert reader.get_most_recent("s") == "1|3|"
    reader.discard(first)
    assert reader.get_most_recent("s") == "1|4|"


def test_what_waits_when_it_comes_again_is_not_discarded(peer, new_reader):
    server = peer(subscribe=say(sub_id="s"))
    reader = new_reader(server)
    stream = conflated(server, reader)
    put(server, reader, ("1", "k1"), ("2", "k1"))
    server.hang_up()
    server.wait_for("subscribe", 2)
    wait_handled(reader)
    put(server, reader, ("1", "k1"), ("2", "k1"))
    assert reader.duplicates == ["1"]
    assert bodies(stream) == ["2"]
    assert reader.get_most_recent("s") == "1|1|"


def test_an_older_message_that_comes_again_discards_no_newer_one(peer, new_reader):
    """The application has the first, undiscarded, and the second waits, when both come again."""
    server = peer(subscribe=say(sub_id="s"))
    reader = new_reader(server)
    stream = conflated(server, reader)
    put(server, reader, ("1", "k1"))
    next(stream)
    server.send(delivery(b"2", bm="1|2|", k="k1"))
    wait_handled(reader)
    server.hang_up()
    server.wait_for("subscribe", 2)
    wait_handled(reader)
    put(server, reader, ("1", "k1"))
    server.send(delivery(b"2", bm="1|2|", k="k1"))
    wait_handled(reader)
    assert reader.duplicates == []
    assert bodies(stream)[-1] == "2"


def test_replacing_in_a_log_of_a_thousand_messages(logged, new_reader):
    """All but the newest of each key are done without having been seen."""
    reader = new_reader(logged)
    stream = reader.bookmark_subscribe("orders", EPOCH, sub_id="s").conflate()
    for number in range(1000):
        logged.publish("orders", f'{{"id":{number % 3},"n":{number}}}')
    logged.wait_until(
        lambda: sum(frame.command == "publish" for frame in logged.frames("reader")) == 1000
    )
    wait_handled(reader)
    for _ in range(stream.get_depth()):
        reader.discard(next(stream))
    assert reader.get_most_recent("s").split(",")[0] == logged.journal()[-1].bookmark


def test_case_99_closing_from_another_thread_ends_the_iteration(logged, new_reader):
    reader = new_reader(logged)
    stream = reader.bookmark_subscribe("quotes", EPOCH)
    ended = threading.Event()
    threading.Thread(target=lambda: (list(stream), ended.set()), daemon=True).start()
    stream.close()
    assert ended.wait(1)
    stream.close()
    wait_handled(reader)
    assert len(logged.received("unsubscribe")) == 1
    logged.disconnect("reader")
    wait_until(lambda: len(logged.received("logon", "reader")) == 2, "the next logon")
    wait_handled(reader)
    assert logged.subscriptions() == []


def test_case_100_what_waited_in_a_closed_stream_comes_again(logged, new_reader):
    reader = new_reader(logged)
    write(logged, 5, topic="quotes")
    stream = reader.bookmark_subscribe("quotes", MOST_RECENT, sub_id="s")
    reader.discard(next(stream))
    wait_until(lambda: stream.get_depth() == 4, "the rest")
    stream.close()
    again = reader.bookmark_subscribe("quotes", MOST_RECENT, sub_id="s").timeout(10_000)
    assert [next(again).get_data() for _ in range(4)] == ["2", "3", "4", "5"]


def test_a_stream_that_is_forgotten_is_not_placed_again(logged, new_reader):
    reader = new_reader(logged)
    stream = reader.bookmark_subscribe("quotes", EPOCH)
    del stream
    logged.wait_until(lambda: logged.received("unsubscribe"), PATIENCE_S)
    logged.disconnect("reader")
    wait_until(lambda: len(logged.received("logon", "reader")) == 2, "the next logon")
    wait_handled(reader)
    assert len(logged.received("subscribe")) == 1


def test_a_closed_stream_of_a_failed_replacement_stays_closed(peer, new_reader):
    """It was to be replaced; it was closed before the server had said no."""
    server = peer(subscribe=in_turn(say(), stay_silent, refuse("bad filter")))
    reader = new_reader(server)
    stream = reader.subscribe("t", sub_id="s")
    problems = []

    def replace():
        try:
            reader.subscribe("t", "/x", options="replace", sub_id="s", timeout=200)
        except AMPS.TimedOutException as problem:
            problems.append(problem)

    thread = threading.Thread(target=replace, daemon=True)
    thread.start()
    server.wait_for("subscribe", 2)
    stream.close()
    thread.join(PATIENCE_S)
    assert len(problems) == 1
    server.hang_up()
    server.wait_for("logon", 2)
    wait_handled(reader)
    assert len(server.seen("subscribe")) == 2
