"""The stream of each command ends when, and only when, nothing more is to come."""

import itertools

import pytest

import AMPS

from .calls import Failing
from .results import accepted, asked, give, group, last_acks, marker, only_accept, records
from .scripted_peer import ack, delivery, frame, hang_up, say, say_all, wait_until

WHOLE = ["group_begin", "sow", "sow", "group_end"]


def verbs(messages):
    return [message.get_command() for message in messages]


def kinds(messages):
    """The ack type of an ack, the verb of anything else."""
    return [message.get_ack_type() or message.get_command() for message in messages]


def send_in_turn(*parts):
    """An answer: these parts, each made from the command."""
    return lambda peer, seen: peer.send(b"".join(part(seen) for part in parts))


def completed(seen, **more):
    return ack(seen, kind="completed", query_id=seen["query_id"], **more)


def test_a_query_gives_markers_and_records_then_ends(peer, log_on):
    """MS-3; the library's own acks are seen by nobody."""
    client = log_on(peer(sow=give("a", "b")))
    stream = client.sow("t")
    got = list(stream)
    assert verbs(got) == WHOLE
    assert [message.get_data() for message in got] == ["", "a", "b", ""]
    assert {message.get_query_id() for message in got} == {"1"}
    assert stream.ended and list(stream) == [] and stream.get_depth() == 0


@pytest.mark.parametrize("counts", [{}, {"records_returned": 0}, {"records_returned": "0"}])
@pytest.mark.parametrize("has_markers", [True, False])
def test_point_5_an_empty_result_ends_with_and_without_markers(peer, log_on, has_markers, counts):
    """Point 5 of the protocol's list."""

    def answer(server, seen):
        markers = group(seen) if has_markers else b""
        server.send(accepted(seen) + markers + completed(seen, **counts))

    stream = log_on(peer(sow=answer)).sow("t").timeout(5000)
    assert verbs(stream) == (["group_begin", "group_end"] if has_markers else [])


@pytest.mark.parametrize("counts", [{}, {"records_returned": 2}])
def test_a_completed_ack_that_overtakes_group_end_does_not_end_the_query(peer, log_on, counts):
    def answer(server, seen):
        first, second = group(seen, "a", "b").split(frame({"c": "group_end", "query_id": "1"}))
        assert second == b""
        server.send(accepted(seen) + first + completed(seen, **counts))

    server = peer(sow=answer)
    stream = log_on(server).sow("t").timeout(5000)
    assert verbs(next(stream) for _ in range(3)) == WHOLE[:3]
    assert stream.timeout(50).next() is None and not stream.ended
    server.send(frame({"c": "group_end", "query_id": "1"}))
    assert verbs(stream.timeout(5000)) == ["group_end"]


def test_a_completed_ack_that_overtakes_a_whole_group_of_records_does_not_end_it(peer, log_on):
    answer = send_in_turn(accepted, lambda seen: completed(seen, records_returned=2))
    server = peer(sow=answer)
    stream = log_on(server).sow("t").timeout(50)
    assert next(stream) is None and not stream.ended
    server.send(group(server.seen("sow")[0], "a", "b"))
    assert verbs(stream.timeout(5000)) == WHOLE


def test_records_before_the_processed_ack_are_part_of_the_result(peer, log_on):
    answer = send_in_turn(lambda seen: group(seen, "a", "b"), accepted, last_acks)
    stream = log_on(peer(sow=answer)).sow("t").timeout(5000)
    assert verbs(stream) == WHOLE


def test_requested_acks_come_at_the_end_and_end_it(peer, log_on):
    """A `stats` ack is the last word of a query that asked for it, with and without records."""
    server = peer(sow=give("a", "b"))
    client = log_on(server)
    command = AMPS.Command("sow").set_topic("t").add_ack_type("stats")
    assert kinds(client.execute(command)) == [*WHOLE, "stats"]
    command.add_ack_type("completed,received,processed")
    assert kinds(client.execute(command)) == ["processed", *WHOLE, "completed", "stats"]
    assert server.seen("sow")[1]["a"] == "received,processed,completed,stats"
    server.answers["sow"] = give(has_markers=False)
    stats = AMPS.Command("sow").set_topic("t").set_top_n(0).set_ack_type("stats").set_timeout(5000)
    got = list(client.execute(stats).timeout(5000))
    assert kinds(got) == ["stats"] and got[0].get_matches() == "0"
    assert server.seen("sow")[2]["top_n"] in (0, "0")


def test_a_query_of_several_topics_gives_all_groups(peer, log_on):
    """Only the `completed` ack says that no further group follows."""

    def answer(server, seen):
        server.send(accepted(seen) + group(seen, "a") + group(seen, "b"))

    server = peer(sow=answer)
    client = log_on(server)
    stream = client.sow("^or", timeout=5000)
    seen = server.seen("sow")[0]
    wait_until(lambda: stream.get_depth() == 6)
    assert not stream.ended
    server.send(group(seen) + last_acks(seen, 2))
    assert verbs(stream) == ["group_begin", "sow", "group_end"] * 2 + ["group_begin", "group_end"]
    server.answers["sow"] = give("a")
    literal = client.sow("a.b", options="non_regex_topic").timeout(5000)
    assert verbs(literal) == ["group_begin", "sow", "group_end"]


def test_a_query_and_subscribe_goes_on_after_its_records(peer, log_on):
    server = peer(sow_and_subscribe=give("a", "b"), sow_and_delta_subscribe=give())
    client = log_on(server)
    stream = client.sow_and_subscribe("t")
    assert verbs(next(stream) for _ in range(4)) == WHOLE
    seen = server.seen("sow_and_subscribe")[0]
    server.send(delivery(b"c", sub_id=seen["sub_id"]))
    server.send(frame({"c": "oof", "t": "t", "sids": seen["sub_id"], "reason": "match"}, b"d"))
    assert verbs(next(stream) for _ in range(2)) == ["publish", "oof"]
    assert stream.timeout(20).next() is None and not stream.ended
    command = AMPS.Command("sow_and_delta_subscribe").set_topic("t").add_ack_type("completed")
    stream = client.execute(command)
    assert kinds(next(stream) for _ in range(3)) == ["group_begin", "group_end", "completed"]
    assert not stream.ended


def test_a_requested_completed_ack_of_a_replay_is_one_of_its_messages(peer, log_on):
    server = peer()
    client = log_on(server)
    command = AMPS.Command("subscribe").set_topic("t").set_bookmark("0").set_sub_id("s")
    stream = client.execute(command.add_ack_type("completed"))
    seen = server.seen("subscribe")[0]
    assert seen["a"] == "processed,persisted,completed"
    server.send(delivery(b"1") + ack(seen, kind="completed", bm="1|1|") + delivery(b"2"))
    server.send(ack({"cid": None}, kind="persisted", sub_id="s", bm="1|2|"))
    assert kinds(next(stream) for _ in range(3)) == ["publish", "completed", "publish"]
    assert stream.timeout(20).next() is None, "the persisted ack is the library's own"


@pytest.mark.parametrize(
    ("command", "wanted"),
    [
        (AMPS.Command("flush"), []),
        (AMPS.Command("flush").add_ack_type("persisted"), ["persisted"]),
        (AMPS.Command("flush").add_ack_type("processed,completed"), ["processed", "completed"]),
        (AMPS.Command("publish").set_topic("t").set_data("x"), []),
        (AMPS.Command("publish").set_topic("t").set_ack_type("persisted"), ["persisted"]),
        (AMPS.Command("publish").set_topic("t").set_ack_type("stats"), []),
        (AMPS.Command("sow_delete").set_topic("t").set_filter("1=1"), []),
        (
            AMPS.Command("sow_delete").set_topic("t").set_filter("1=1").add_ack_type("stats"),
            ["stats"],
        ),
        (
            AMPS.Command("sow_delete").set_topic("t").set_filter("1").add_ack_type("completed"),
            ["completed"],
        ),
        (AMPS.Command("unsubscribe").set_sub_id("nobody"), []),
        (AMPS.Command("heartbeat").set_options("beat"), []),
        (AMPS.Command("heartbeat").set_options("beat").add_ack_type("processed"), ["processed"]),
    ],
    ids=lambda value: repr(value).replace(" ", "_") if isinstance(value, AMPS.Command) else "",
)
def test_other_commands_end_after_the_last_ack_asked_for(peer, log_on, command, wanted):
    """At once, if none was."""
    client = log_on(peer(unsubscribe=say_all(), heartbeat=say_all()))
    stream = client.execute(command.set_timeout(5000)).timeout(5000)
    assert wanted or stream.ended
    assert kinds(stream) == wanted
    assert stream.ended


def test_a_failed_last_ack_is_seen_and_ends_the_stream(peer, log_on):
    def answer(server, seen):
        server.send(ack(seen) + ack(seen, "failure", "persisted", reason="tx store failure"))

    client = log_on(peer(flush=answer))
    (got,) = client.execute(AMPS.Command("flush").add_ack_type("persisted")).timeout(5000)
    assert (got.get_status(), got.get_reason()) == ("failure", "tx store failure")


@pytest.mark.parametrize("end", ["hang_up", "reset"])
def test_case_95_a_query_cut_off_raises_after_what_had_arrived(peer, log_on, end):
    """MS-6, case 95: partial results are never passed off as complete."""
    answer = send_in_turn(accepted, lambda s: marker(s, "group_begin"), lambda s: records(s, "a"))
    server = peer(sow=answer)
    client = log_on(server)
    stream = client.sow("t")
    wait_until(lambda: stream.get_depth() == 2)
    getattr(server, end)()
    assert verbs([next(stream), next(stream)]) == ["group_begin", "sow"]
    with pytest.raises(AMPS.DisconnectedException, match=str(server.port)):
        next(stream)
    assert stream.ended and list(stream) == []


def test_a_query_that_was_complete_when_the_connection_went_ends_as_usual(peer, log_on):
    """Also when the library's own last ack is still to come."""

    def answer(server, seen):
        server.send(accepted(seen) + group(seen, "a", "b"))

    server = peer(sow=answer)
    client = log_on(server)
    stream = client.sow("t")
    wait_until(lambda: stream.get_depth() == 4)
    server.hang_up()
    wait_until(lambda: "not connected" in repr(client))
    assert verbs(stream) == WHOLE


def test_closing_the_client_ends_a_query_after_what_had_arrived(peer, log_on):
    answer = send_in_turn(accepted, lambda s: marker(s, "group_begin"), lambda s: records(s, "a"))
    client = log_on(peer(sow=answer))
    stream = client.sow("t")
    wait_until(lambda: stream.get_depth() == 2)
    client.close()
    assert verbs(stream) == ["group_begin", "sow"]


def test_a_delete_cut_off_raises(peer, log_on):
    server = peer(sow_delete=hang_up)
    client = log_on(server)
    with pytest.raises(AMPS.DisconnectedException, match="sow_delete"):
        client.sow_delete("t", "1=1")
    server.answers["sow_delete"] = say()  # accepted, and the count never comes
    client.connect(server.uri())
    client.logon(5000)
    stream = client.execute(AMPS.Command("sow_delete").set_topic("t").add_ack_type("stats"))
    server.hang_up()
    with pytest.raises(AMPS.DisconnectedException):
        next(stream)


def test_depth_counts_acks_and_markers(peer, log_on):
    """MS-12."""
    client = log_on(peer(sow=give("a", "b")))
    stream = client.execute(AMPS.Command("sow").set_topic("t").add_ack_type("processed,stats"))
    wait_until(lambda: stream.get_depth() == 6)
    assert len(stream) == 6 and stream
    next(stream)
    assert len(stream) == stream.get_depth() == 5 and not stream.ended
    assert len(list(stream)) == 5
    assert len(stream) == 0 and stream and stream.ended


@pytest.mark.parametrize("count", [2, 3])
def test_the_last_chance_handler_sees_nothing_of_a_query_that_was_read(
    peer, log_on, inboxes, count
):
    """The library's own `completed` ack, come after the stream is gone, is nobody's either."""
    last_chance, server = inboxes(), peer(sow=lambda s, seen: s.send(accepted(seen) + group(seen)))
    client = log_on(server)
    client.set_last_chance_message_handler(last_chance)
    for number in range(3):
        stream = client.sow("t").timeout(5000)
        assert verbs(itertools.islice(stream, count)) == ["group_begin", "group_end"]
        del stream
        server.send(completed(server.seen("sow")[number]))
    client.publish_flush(5000)
    assert last_chance.is_empty()


def test_a_full_stream_does_not_keep_its_own_thread_from_querying(peer, log_on):
    """MS-8, case 97: the consumer of a full stream asks on the same client."""
    server = peer(sow=give("a", "b"), sow_delete=say_all(records_deleted=3))
    client = log_on(server)
    stream = client.subscribe("t", sub_id="s").max_depth(2)
    for _ in range(3):
        server.send(b"".join(delivery(b"%d" % number) for number in range(50)))
        wait_until(lambda: len(stream) == 2)
        assert verbs(client.sow("t", timeout=5000)) == WHOLE
        assert client.sow_delete("t", "1=1", 5000).get_sow_deleted() == "3"
        assert list(client.execute(AMPS.Command("flush").set_timeout(5000))) == []
        assert [next(stream).get_data() for _ in range(50)] == [str(n) for n in range(50)]


def test_two_threads_on_one_query_get_each_message_once_and_both_end(peer, log_on):
    """MS-11."""
    bodies = [str(number) for number in range(500)]
    stream = log_on(peer(sow=give(*bodies))).sow("t").timeout(5000)
    got = [[], []]
    readers = [Failing(mine.extend, stream) for mine in got]
    assert [reader.result() for reader in readers] == [None, None]
    both = [message.get_data() for message in got[0] + got[1] if message.get_command() == "sow"]
    assert sorted(both, key=int) == bodies
    assert len(got[0]) + len(got[1]) == 502


def test_only_what_was_asked_for_is_asked(peer, log_on):
    server = peer(sow=only_accept)
    log_on(server).execute_async(AMPS.Command("sow").set_topic("t"), None)
    assert not asked(server.seen("sow")[0], "completed"), "nobody minds when it is complete"


def break_off(server, seen):
    """Gives a record, then gives up."""
    begun = accepted(seen) + marker(seen, "group_begin") + records(seen, "a")
    server.send(begun + ack(seen, "failure", "completed", reason="timed out"))


def test_a_query_that_is_broken_off_does_not_look_whole(peer, log_on):
    stream = log_on(peer(sow=break_off)).sow("t")
    assert verbs(itertools.islice(stream, 2)) == ["group_begin", "sow"]
    with pytest.raises(AMPS.TimedOutException, match="refused by the server: timed out") as caught:
        next(stream)
    assert caught.value.message.get_ack_type() == "completed"
    assert list(stream) == [] and stream.batch(5) == [] and stream.ended


def test_the_handler_s_client_hears_of_a_query_that_is_broken_off(peer, log_on, inboxes):
    told, problems = inboxes(), inboxes()
    client = log_on(peer(sow=break_off))
    client.set_exception_listener(problems)
    client.sow(told, "t")
    assert type(problems.get()) is AMPS.TimedOutException
    assert [told.get().get_command() for _ in range(2)] == ["group_begin", "sow"]
    assert told.is_empty()
