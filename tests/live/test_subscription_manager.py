"""Subscriptions that outlive their connection: what is placed again, in which order, and how."""

import pytest

import AMPS

from .calls import Failing
from .readers import EPOCH, write
from .scripted_peer import ack, delivery, hang_up, in_turn, refuse, say, stay_silent, wait_until


def placements(server):
    """What each subscribe command said: [(topic, sub id, filter, options)]."""
    names = ("t", "sub_id", "filter", "opts")
    return [tuple(f.header.get(n) for n in names) for f in server.received("subscribe")]


def wait_back(server, client, logons=2):
    """Until the client has come back: a flush waits for that."""
    wait_until(lambda: len(server.received("logon", client.get_name())) >= logons, "the logon")
    client.publish_flush(10_000)


def test_case_78_a_replaced_filter_is_placed_again_without_replace(logged, new_reader, inbox):
    reader = new_reader(logged)
    reader.subscribe(inbox, "orders", "/id > 1", sub_id="s")
    reader.subscribe(inbox, "orders", "/id > 5", options="replace,oof", sub_id="s")
    logged.disconnect("reader")
    wait_back(logged, reader)
    assert placements(logged)[2:] == [("orders", "s", "/id > 5", "oof")]
    logged.publish("orders", '{"id":3}')
    logged.publish("orders", '{"id":6}')
    assert inbox.bodies(1) == ['{"id":6}']
    assert inbox.is_empty()


def test_case_78_a_replaced_bookmark_subscription_keeps_its_other_options(
    logged, new_reader, inbox
):
    reader = new_reader(logged)
    write(logged, 2, topic="quotes")
    reader.bookmark_subscribe(inbox, "quotes", EPOCH, sub_id="s")
    for _ in range(2):
        reader.discard(inbox.get())
    reader.bookmark_subscribe(
        inbox, "quotes", EPOCH, filter="1 = 1", options="replace,rate=1000", sub_id="s"
    )
    logged.disconnect("reader")
    wait_back(logged, reader)
    (again,) = placements(logged)[2:]
    assert again[:3] == ("quotes", "s", "1 = 1")
    assert again[3].split(",") == ["rate=1000", "bookmark"]


def test_case_79_a_refused_replacement_leaves_the_old_one(logged, new_reader, inbox):
    reader = new_reader(logged)
    reader.subscribe(inbox, "orders", "/id > 1", sub_id="s")
    with pytest.raises(AMPS.BadFilterException):
        reader.subscribe(inbox, "orders", "/id > (", options="replace", sub_id="s")
    logged.disconnect("reader")
    wait_back(logged, reader)
    assert placements(logged)[2:] == [("orders", "s", "/id > 1", None)]


def test_a_refused_subscription_is_not_placed_later(logged, new_reader, inbox):
    reader = new_reader(logged)
    with pytest.raises(AMPS.BadFilterException):
        reader.subscribe(inbox, "orders", "/id > (", sub_id="s")
    with pytest.raises(AMPS.BadFilterException):
        reader.subscribe("orders", "/id > (", sub_id="s")
    logged.disconnect("reader")
    wait_back(logged, reader)
    assert len(placements(logged)) == 2


def test_case_79_a_replacement_that_timed_out_leaves_the_old_one(peer, new_reader, inbox):
    server = peer(subscribe=in_turn(say(), stay_silent, say()))
    reader = new_reader(server)
    reader.subscribe(inbox, "old", sub_id="s")
    with pytest.raises(AMPS.TimedOutException):
        reader.subscribe(inbox, "new", options="replace", timeout=50, sub_id="s")
    server.hang_up()
    assert server.wait_for("subscribe", 3)[2]["t"] == "old"


def test_a_replacement_cut_off_is_what_is_placed(peer, new_reader, inbox, inboxes):
    """DECISION of SM-3: the caller's wait is over with that placement."""
    server = peer(subscribe=in_turn(say(), hang_up, say()))
    reader = new_reader(server)
    reader.subscribe(inboxes(), "old", sub_id="s")
    reader.subscribe(inbox, "new", options="replace", sub_id="s")
    assert [seen["t"] for seen in server.seen("subscribe")] == ["old", "new", "new"]
    assert "replace" not in server.seen("subscribe")[2].get("opts", "")
    server.send(delivery(b"1"))
    assert inbox.bodies(1) == ["1"]


def test_a_replacement_cut_off_and_then_refused_leaves_the_old_one(peer, new_reader, inbox):
    server = peer(subscribe=in_turn(say(), hang_up, refuse("bad filter"), say()))
    reader = new_reader(server)
    reader.subscribe(inbox, "old", sub_id="s")
    with pytest.raises(AMPS.BadFilterException):
        reader.subscribe([].append, "new", options="replace", sub_id="s")
    assert [seen["t"] for seen in server.wait_for("subscribe", 4)] == ["old", "new", "new", "old"]
    server.send(delivery(b"1"))
    assert inbox.bodies(1) == ["1"]


def test_case_80_five_subscriptions_are_placed_in_their_order(logged, new_reader, inbox):
    reader = new_reader(logged)
    for sub_id in ("c", "a", "e", "b", "d"):
        reader.subscribe(inbox, "orders", sub_id=sub_id)
    reader.subscribe(inbox, "orders", "/id > 1", options="replace", sub_id="a")
    logged.disconnect("reader")
    wait_back(logged, reader)
    frames = logged.received("subscribe")
    assert [frame.header["sub_id"] for frame in frames[6:]] == ["c", "a", "e", "b", "d"]
    first, again = frames[0].header, frames[6].header
    assert (first["cid"], first["sub_id"]) == (again["cid"], again["sub_id"])


def test_case_80_commands_of_all_kinds_are_placed_again(logged, new_reader, inbox):
    """SM-1, SM-2: with all that they said."""
    reader = new_reader(logged)
    command = AMPS.Command("sow_and_delta_subscribe").set_topic("orders").set_filter("/id > 0")
    command.set_order_by("/id").set_top_n(3).set_batch_size(7).set_options("oof")
    command.set_correlation_id("mine").add_ack_type("completed")
    reader.execute_async(command, inbox)
    streams = [
        reader.delta_subscribe("orders"),
        reader.sow_and_subscribe("orders"),
        reader.execute(AMPS.Command("subscribe").set_topic("orders")),
    ]
    verbs = ("sow_and_delta_subscribe", "delta_subscribe", "sow_and_subscribe", "subscribe")
    reader.sow("orders").close()
    logged.disconnect("reader")
    wait_back(logged, reader)
    for verb in verbs:
        first, again = (frame.header for frame in logged.received(verb))
        assert {**first, "a": set(first["a"].split(","))} == {
            **again,
            "a": set(again["a"].split(",")),
        }
    assert len(logged.received("sow")) == 1
    assert len(streams) == 3


class Refusals:
    """A failed resubscribe handler that keeps what it was told."""

    def __init__(self, *verdicts):
        self.verdicts, self.told = list(verdicts), []

    def __call__(self, message, ack_types, error):
        self.told.append((message.get_topic(), message.get_sub_id(), ack_types, error))
        verdict = self.verdicts.pop(0) if len(self.verdicts) > 1 else self.verdicts[0]
        if isinstance(verdict, Exception):
            raise verdict
        return verdict


def test_case_82_true_drops_the_one_and_goes_on_with_the_others(peer, new_reader, inbox):
    server = peer(subscribe=in_turn(say(), say(), refuse("not entitled"), say()))
    reader = new_reader(server)
    refusals = Refusals(True)
    reader.set_failed_resubscribe_handler(refusals)
    stream = reader.subscribe("secret", sub_id="a").timeout(10_000)
    reader.subscribe(inbox, "open", sub_id="b")
    server.send(delivery(b"1", sub_id="a"))
    wait_until(lambda: stream.get_depth() == 1, "the message")
    server.hang_up()
    server.wait_for("subscribe", 4)
    assert next(stream).get_data() == "1", "what had come is given first"
    with pytest.raises(AMPS.NotEntitledException):
        next(stream)
    assert list(stream) == []
    topic, sub_id, ack_types, error = refusals.told[0]
    assert (topic, sub_id, type(error)) == ("secret", "a", AMPS.NotEntitledException)
    assert any(isinstance(each, AMPS.NotEntitledException) for each in reader.problems)
    server.send(delivery(b"2", sub_id="b"))
    assert inbox.bodies(1) == ["2"]
    server.hang_up()
    server.wait_for("subscribe", 5)
    assert [seen["sub_id"] for seen in server.seen("subscribe")] == ["a", "b", "a", "b", "b"]


@pytest.mark.parametrize("verdict", [False, None, ValueError("in the handler"), "no handler"])
def test_case_82_else_another_attempt_is_made(peer, new_reader, inbox, verdict):
    server = peer(subscribe=in_turn(say(), refuse("not entitled"), say()))
    reader = new_reader(server)
    refusals = Refusals(verdict)
    if verdict != "no handler":
        reader.set_failed_resubscribe_handler(refusals)
    reader.subscribe(inbox, "open", sub_id="a")
    server.hang_up()
    server.wait_for("subscribe", 3)
    server.send(delivery(b"1", sub_id="a"))
    assert inbox.bodies(1) == ["1"]
    assert server.connections == 3
    assert len(refusals.told) == (verdict != "no handler")
    wait_until(
        lambda: any(isinstance(each, AMPS.NotEntitledException) for each in reader.problems), "it"
    )


def test_case_82_a_placement_that_takes_too_long_has_failed(peer, new_reader, inbox):
    server = peer(subscribe=in_turn(say(), stay_silent, say()))
    reader = new_reader(server)
    reader.set_resubscription_timeout(50)
    refusals = Refusals(False)
    reader.set_failed_resubscribe_handler(refusals)
    reader.subscribe(inbox, "open", sub_id="a")
    server.hang_up()
    server.wait_for("subscribe", 3)
    assert isinstance(refusals.told[0][3], AMPS.TimedOutException)


def test_case_82_a_broken_connection_is_no_question_for_the_handler(peer, new_reader, inbox):
    server = peer(subscribe=in_turn(say(), hang_up, say()))
    reader = new_reader(server)
    refusals = Refusals(True)
    reader.set_failed_resubscribe_handler(refusals)
    reader.subscribe(inbox, "open", sub_id="a")
    server.hang_up()
    server.wait_for("subscribe", 3)
    server.send(delivery(b"1", sub_id="a"))
    assert inbox.bodies(1) == ["1"]
    assert refusals.told == []


def answer_later(peer, seen):
    """No answer; the test gives it."""


def test_case_83_unsubscribed_while_it_comes_back(peer, new_reader, inbox):
    """The first is placed already, the second is being placed, the third is yet to come."""
    server = peer(subscribe=in_turn(say(), say(), say(), say(), answer_later, say()))
    reader = new_reader(server)
    late = []
    reader.set_last_chance_message_handler(lambda m: late.append(m.get_data()))
    for sub_id in ("a", "b", "c"):
        reader.subscribe(inbox, "t", sub_id=sub_id)
    server.hang_up()
    second = server.wait_for("subscribe", 5)[4]
    assert second["sub_id"] == "b"
    for sub_id in ("a", "c"):
        reader.unsubscribe(sub_id)
    server.send(delivery(b"late", sub_id="a"))
    assert server.seen("unsubscribe") == []
    server.send(ack(second))
    server.wait_for("unsubscribe", 2)
    assert {seen["sub_id"] for seen in server.seen("unsubscribe")} == {"a", "c"}
    server.send(delivery(b"1", sub_id="b"))
    assert inbox.bodies(1) == ["1"]
    assert len(server.seen("subscribe")) == 5, "the third was placed"
    assert late == ["late"]
    assert inbox.is_empty()


def test_case_83_all_unsubscribed_while_it_comes_back(peer, new_reader, inbox):
    server = peer(subscribe=in_turn(say(), say(), answer_later, say()))
    reader = new_reader(server)
    streams = [reader.subscribe("t", sub_id=sub_id) for sub_id in "ab"]
    server.hang_up()
    first = server.wait_for("subscribe", 3)[2]
    reader.unsubscribe("all")
    assert [list(stream) for stream in streams] == [[], []]
    server.send(ack(first))
    assert server.wait_for("unsubscribe")[0]["sub_id"] == "all"
    assert len(server.seen("subscribe")) == 3


def test_case_83_a_stream_closed_while_it_comes_back(peer, new_reader):
    server = peer(subscribe=in_turn(say(), say(), answer_later, say()))
    reader = new_reader(server)
    first, second = (reader.subscribe("t", sub_id=sub_id) for sub_id in "ab")
    server.hang_up()
    asked = server.wait_for("subscribe", 3)[2]
    second.close()
    first.close()
    server.send(ack(asked))
    server.wait_for("unsubscribe", 2)
    assert len(server.seen("subscribe")) == 3


def test_case_84_a_subscription_that_timed_out_is_not_placed_later(peer, new_reader, inbox):
    server = peer(subscribe=in_turn(stay_silent, say()))
    reader = new_reader(server)
    with pytest.raises(AMPS.TimedOutException):
        reader.subscribe(inbox, "t", timeout=100, sub_id="a")
    assert server.wait_for("unsubscribe")[0]["sub_id"] == "a"
    reader.subscribe(inbox, "t", sub_id="b")
    server.hang_up()
    server.wait_for("subscribe", 3)
    assert [seen["sub_id"] for seen in server.seen("subscribe")] == ["a", "b", "b"]


def test_case_84_a_subscription_that_times_out_in_an_outage(logged, new_reader, inbox):
    reader = new_reader(logged)
    logged.listener().stop()
    waiting = Failing(lambda: reader.subscribe(inbox, "orders", timeout=100))
    assert isinstance(waiting.result(), AMPS.TimedOutException)
    logged.listener().start()
    wait_back(logged, reader)
    assert placements(logged) == []


def test_case_85_a_query_and_subscription_is_run_again_whole(logged, new_reader, inbox):
    reader = new_reader(logged)
    logged.publish("orders", '{"id":1}')
    stream = reader.sow_and_subscribe("orders").timeout(10_000)
    reader.sow_and_subscribe(inbox, "orders")
    logged.disconnect("reader")
    wait_back(logged, reader)
    logged.publish("orders", '{"id":2}')
    wanted = ["group_begin", "sow", "group_end"] * 2 + ["publish"]
    assert [next(stream).get_command() for _ in wanted] == wanted
    assert [inbox.get().get_command() for _ in wanted] == wanted


def test_subscriptions_with_handlers_survive_a_disconnect(logged, new_reader, inbox):
    """DECISION of SM-12; streams end with it."""
    reader = new_reader(logged)
    reader.subscribe(inbox, "orders", sub_id="a")
    stream = reader.subscribe("orders", sub_id="b")
    reader.disconnect()
    assert list(stream) == []
    reader.connect_and_logon()
    assert [each.sub_id for each in logged.subscriptions()] == ["a"]
    logged.publish("orders", '{"id":1}')
    assert inbox.bodies(1) == ['{"id":1}']
    reader.unsubscribe("a")
    reader.disconnect()
    reader.connect_and_logon()
    assert logged.subscriptions() == []


def test_a_close_ends_all_subscriptions(logged, new_reader, inbox):
    reader = new_reader(logged)
    reader.subscribe(inbox, "orders", sub_id="a")
    reader.close()
    reader.connect_and_logon()
    assert logged.subscriptions() == []


def test_an_explicit_start_begins_anew_only_once(logged, new_reader, inbox):
    """BS-8: what the client places again by itself forgets nothing."""
    reader = new_reader(logged)
    write(logged, 3, topic="quotes")
    reader.bookmark_subscribe(inbox, "quotes", EPOCH, sub_id="s")
    messages = [inbox.get() for _ in range(3)]
    for message in messages[:2]:
        reader.discard(message)
    for _ in range(2):
        reader.disconnect()
        reader.connect_and_logon()
        assert inbox.bodies(1) == ["3"]
        assert reader.get_most_recent("s") == messages[1].get_bookmark()
    assert inbox.is_empty()


def test_a_subscription_that_was_never_accepted_starts_where_it_was_told(peer, new_reader, inbox):
    """And not where an older one with its id had been."""
    server = peer(subscribe=in_turn(say(), hang_up, say()))
    reader = new_reader(server)
    reader.bookmark_subscribe(inbox, "t", EPOCH, sub_id="s")
    server.send(delivery(b"1", bm="1|1|"))
    reader.discard(inbox.get())
    reader.unsubscribe("s")
    reader.bookmark_subscribe(inbox, "t", "1|0|", sub_id="s")
    assert [seen["bm"] for seen in server.seen("subscribe")] == [EPOCH, "1|0|", "1|0|"]
    server.send(delivery(b"1", bm="1|1|"))
    assert inbox.bodies(1) == ["1"]
