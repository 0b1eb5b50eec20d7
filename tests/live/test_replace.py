"""A subscription replaced while it runs: the older one has what came before, the newer the rest."""

import gc
import weakref

import pytest

import AMPS

from .calls import Failing
from .results import accepted, marker, records
from .scripted_peer import ack, delivery, refuse, stay_silent, wait_until


def replacing(**fields):
    """A command that takes the place of subscription `s`."""
    command = AMPS.Command("subscribe").set_topic("t").set_sub_id("s").set_options("replace")
    for name, value in fields.items():
        getattr(command, f"set_{name}")(value)
    return command


def before_and_after(server, seen):
    """An answer in one piece with what is delivered around it."""
    server.send(delivery(b"before") + ack(seen) + delivery(b"after"))


def test_what_comes_before_the_ack_is_the_older_handler_s(peer, log_on, inboxes):
    server, older, newer = peer(), inboxes(), inboxes()
    client = log_on(server)
    client.subscribe(older, "t", sub_id="s")
    server.answers["subscribe"] = before_and_after
    assert client.subscribe(newer, "t", "/x > 1", "replace", 5000, "s") == "s"
    server.send(delivery(b"later"))
    assert newer.bodies(2) == ["after", "later"] and older.bodies(1) == ["before"]
    first, second = server.seen("subscribe")
    assert second["sub_id"] == first["sub_id"] and second["cid"] != first["cid"]
    assert (second["opts"], second["filter"]) == ("replace", "/x > 1")
    assert not server.seen("unsubscribe")


def test_a_handler_may_replace_itself(peer, log_on, inbox):
    server = peer()
    client = log_on(server)
    client.subscribe(inbox, "t", sub_id="s")
    server.answers["subscribe"] = before_and_after
    for _ in range(50):
        client.execute_async(replacing(), inbox)
    assert inbox.bodies(100) == ["before", "after"] * 50
    client.unsubscribe("s")
    server.send(delivery(b"late"))
    client.publish_flush(5000)
    assert inbox.is_empty() and len(server.seen("unsubscribe")) == 1


def test_an_older_stream_ends_after_its_last_message(peer, log_on):
    server = peer()
    client = log_on(server)
    older = client.subscribe("t", sub_id="s").timeout(5000)
    server.send(delivery(b"first"))
    wait_until(lambda: len(older) == 1)
    server.answers["subscribe"] = before_and_after
    newer = client.execute(replacing()).timeout(5000)
    assert [message.get_data() for message in older] == ["first", "before"]
    assert older.ended and not newer.ended
    assert next(newer).get_data() == "after"
    older.close()
    server.send(delivery(b"later"))
    assert next(newer).get_data() == "later"
    assert not server.seen("unsubscribe")


def test_a_stream_that_waits_is_woken_when_it_is_replaced(peer, log_on):
    client = log_on(peer())
    older = client.subscribe("t", sub_id="s")
    reading = Failing(list, older)
    client.execute(replacing()).close()
    assert reading.result() is None and older.ended


@pytest.mark.parametrize("forms", [("handler", "stream"), ("stream", "handler")])
def test_a_stream_may_follow_a_handler_and_a_handler_a_stream(peer, log_on, inbox, forms):
    server = peer()
    client = log_on(server)

    def execute(form, command):
        if form == "stream":
            return client.execute(command).timeout(5000)
        client.execute_async(command, inbox)
        return None

    def take(form, stream):
        return next(stream).get_data() if form == "stream" else inbox.get().get_data()

    older = execute(forms[0], AMPS.Command("subscribe").set_topic("t").set_sub_id("s"))
    server.answers["subscribe"] = before_and_after
    newer = execute(forms[1], replacing())
    assert take(forms[0], older) == "before" and take(forms[1], newer) == "after"
    assert inbox.is_empty()


@pytest.mark.parametrize("form", ["handler", "stream"])
def test_a_refused_replace_leaves_the_older_one(peer, log_on, inboxes, form):
    server, older, newer = peer(), inboxes(), inboxes()
    client = log_on(server)
    client.subscribe(older, "t", sub_id="s")
    server.answers["subscribe"] = refuse("bad filter")
    for number in range(100):
        with pytest.raises(AMPS.BadFilterException, match="/nonsense"):
            if form == "handler":
                client.execute_async(replacing(filter="/nonsense"), lambda m: newer(m))
            else:
                client.execute(replacing(filter="/nonsense"))
        server.send(delivery(b"%d" % number))
    assert older.bodies(100) == [str(number) for number in range(100)] and newer.is_empty()
    client.unsubscribe("s")
    server.send(delivery(b"late"))
    client.publish_flush(5000)
    assert older.is_empty() and [seen["sub_id"] for seen in server.seen("unsubscribe")] == ["s"]


@pytest.mark.parametrize("form", ["handler", "stream"])
def test_a_replace_without_an_answer_leaves_the_older_one(peer, log_on, inboxes, form):
    """The server's word may come too late; then nobody is misled by it."""
    server, older, newer = peer(), inboxes(), inboxes()
    client = log_on(server)
    client.subscribe(older, "t", sub_id="s")
    server.answers["subscribe"] = stay_silent
    with pytest.raises(AMPS.TimedOutException):
        if form == "handler":
            client.execute_async(replacing(timeout=50), newer)
        else:
            client.execute(replacing(timeout=50))
    server.send(ack(server.seen("subscribe")[1]) + delivery(b"x"))
    assert older.bodies(1) == ["x"] and newer.is_empty()
    assert not server.seen("unsubscribe")


@pytest.mark.parametrize("form", ["handler", "stream"])
def test_a_replace_of_an_unknown_id_subscribes(peer, log_on, inbox, form):
    server = peer()
    client = log_on(server)
    stream = None
    if form == "handler":
        assert client.execute_async(replacing(), inbox) == "s"
    else:
        stream = client.execute(replacing()).timeout(5000)
    server.send(delivery(b"x"))
    assert (inbox.get() if form == "handler" else next(stream)).get_data() == "x"


def test_a_replace_of_an_unknown_id_without_an_answer_is_taken_back(peer, log_on, inbox):
    server = peer(subscribe=stay_silent)
    client = log_on(server)
    with pytest.raises(AMPS.TimedOutException):
        client.execute_async(replacing(timeout=50), inbox)
    assert server.wait_for("unsubscribe")[0]["sub_id"] == "s"


def test_the_older_handler_is_let_go_and_the_newer_kept(peer, log_on):
    def handler(message):
        """Takes no notice."""

    server = peer()
    client = log_on(server)
    older, newer = [lambda m, f=handler: f(m) for _ in range(2)]
    seen = [weakref.ref(older), weakref.ref(newer)]
    client.subscribe(older, "t", sub_id="s")
    client.execute_async(replacing(), newer)
    del older, newer
    gc.collect()
    assert seen[0]() is None and seen[1]() is not None
    server.answers["subscribe"] = refuse("bad filter")
    refused = [lambda m, f=handler: f(m)]
    seen.append(weakref.ref(refused[0]))
    with pytest.raises(AMPS.BadFilterException):
        client.execute_async(replacing(), refused.pop())
    wait_until(lambda: seen[2]() is None, "the end of a refused handler")
    assert seen[1]() is not None
    client.unsubscribe("s")
    gc.collect()
    assert seen[1]() is None


def test_a_query_and_subscribe_may_be_replaced_with_its_query(peer, log_on, inboxes):
    def answer(server, seen):
        begun = marker(seen, "group_begin") + records(seen, seen["filter"])
        server.send(accepted(seen) + begun + marker(seen, "group_end"))

    server, older, newer = peer(sow_and_subscribe=answer), inboxes(), inboxes()
    client = log_on(server)
    command = AMPS.Command("sow_and_subscribe").set_topic("t").set_sub_id("s").set_query_id("q")
    client.execute_async(command.set_filter("1"), older)
    client.execute_async(command.set_filter("2").set_options("oof,replace"), newer)
    server.send(delivery(b"x"))
    assert older.bodies(3) == ["", "1", ""] and newer.bodies(4) == ["", "2", "", "x"]
    assert older.is_empty()


def test_replace_is_an_option_of_its_own_not_a_part_of_another(sandbox, log_on, inbox):
    client = log_on(sandbox)
    client.subscribe(inbox, "t", sub_id="s")
    for options in ("conflation_key=[/a,replace,/b]", "replaced", "no_replace", "x=replace"):
        with pytest.raises(AMPS.SubidInUseException):
            client.subscribe(inbox, "t", None, options, 5000, "s")
    for options in ("replace", " replace ", "timestamp,replace", "replace,oof"):
        client.subscribe(inbox, "t", None, options, 5000, "s")
    assert len(sandbox.subscriptions()) == 1


def test_replacing_a_sandbox_s_subscription_loses_and_doubles_nothing(sandbox, log_on):
    client, publisher = log_on(sandbox), log_on(sandbox, "publisher")
    stream = client.subscribe("t", sub_id="s")
    publishing = Failing(lambda: [publisher.publish("t", str(number)) for number in range(3000)])
    got, streams = [], [stream]
    while publishing.is_alive():
        streams.append(client.execute(replacing()))
    publisher.publish_flush(5000)
    client.publish_flush(5000)
    for stream in streams[:-1]:
        got += [message.get_data() for message in stream]
    got += [next(streams[-1]).get_data() for _ in range(3000 - len(got))]
    assert got == [str(number) for number in range(3000)]
    assert all(stream.ended for stream in streams[:-1]) and not streams[-1].ended


def test_unsubscribing_right_after_a_replace_ends_the_newer_one(peer, log_on, inboxes):
    """The answer has made the id its own by the time the call returns."""
    server, last = peer(), inboxes()
    client = log_on(server)
    client.subscribe(last, "t", sub_id="last")
    server.answers["subscribe"] = lambda s, seen: s.send(ack(seen) + delivery(b"x") * 3)
    for number in range(300):
        told = []
        client.execute_async(replacing(options=None), lambda message: None)
        client.execute_async(replacing(), lambda m, told=told: told.append(m.get_data()))
        client.unsubscribe("s")
        server.send(delivery(b"late") + delivery(b"%d" % number, sub_id="last"))
        assert last.bodies(1) == [str(number)]
        assert "late" not in told, f"in turn {number}"
