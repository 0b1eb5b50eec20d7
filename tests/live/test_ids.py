"""Ids: made where the program sets none, never made twice, and kept apart by what they are of."""

import threading

import pytest

import AMPS

from .calls import Failing
from .results import give, only_accept
from .scripted_peer import PATIENCE_S, ack, delivery, refuse, say, stay_silent

EVERY_CALL = [
    lambda client: client.subscribe("t"),
    lambda client: client.subscribe(print, "t"),
    lambda client: client.sow("t"),
    lambda client: client.sow_and_subscribe(print, "t"),
    lambda client: client.sow_delete("t", "1=1"),
    lambda client: client.publish_flush(5000),
    lambda client: client.execute(AMPS.Command("flush")),
    lambda client: client.execute(AMPS.Command("publish").set_topic("t").set_ack_type("processed")),
    lambda client: client.execute_async(AMPS.Command("heartbeat").set_options("beat"), None),
    lambda client: client.unsubscribe("1"),
    lambda client: client.set_heartbeat(30),
    lambda client: client.start_timer(),
    lambda client: client.send(AMPS.Message().set_command("flush").set_ack_type("processed")),
]


def test_point_11_no_command_id_is_ever_used_twice(sandbox, log_on):
    """Point 11 of the protocol's list: over all calls, several threads and a reconnect."""
    client = log_on(sandbox)

    def all_calls():
        for _ in range(5):
            for call in EVERY_CALL:
                try:
                    call(client)
                except AMPS.InvalidTopicException:
                    continue  # this sandbox keeps no records

    assert [each.result() for each in [Failing(all_calls) for _ in range(3)]] == [None] * 3
    client.disconnect()
    client.connect(sandbox.uri())
    client.logon(5000)
    all_calls()
    ids = [frame.header["cid"] for frame in sandbox.frames(direction="in") if "cid" in frame.header]
    assert len(ids) > 200 and len(set(ids)) == len(ids)


def test_the_ids_that_a_program_sets_go_over_the_wire(peer, log_on):
    server = peer(sow_and_subscribe=give())
    client = log_on(server)
    command = AMPS.Command("sow_and_subscribe").set_topic("t")
    command.set_command_id("c").set_sub_id("s").set_query_id("q")
    assert client.execute_async(command, print) == "s"
    (seen,) = server.seen("sow_and_subscribe")
    assert (seen["cid"], seen["sub_id"], seen["query_id"]) == ("c", "s", "q")


def test_ids_that_are_not_set_are_derived(peer, log_on):
    server = peer(sow=give(), sow_and_subscribe=give())
    client = log_on(server)
    own = AMPS.Command("sow_and_subscribe").set_topic("t")
    ids = [
        client.execute_async(AMPS.Command("subscribe").set_topic("t"), print),
        client.execute_async(AMPS.Command("sow").set_topic("t"), print),
        client.execute_async(own, print),
        client.execute_async(own.set_sub_id("s"), print),
        client.execute_async(AMPS.Command("sow").set_topic("t").set_sub_id("r"), print),
        client.execute_async(AMPS.Command("flush"), print),
        client.execute_async(AMPS.Command("publish").set_topic("t"), print),
        client.execute_async(AMPS.Command("publish").set_topic("t").add_ack_type("stats"), print),
    ]
    client.publish_flush(5000)
    seen = [each for each in server.frames if each["c"] != "logon"]
    cids = [each.get("cid") for each in seen]
    assert ids == [cids[0], cids[1], cids[2], "s", "r", cids[5], "", cids[7]]
    assert [each.get("sub_id") for each in seen[:5]] == [cids[0], None, cids[2], "s", "r"]
    assert [each.get("query_id") for each in seen[:5]] == [None, cids[1], cids[2], "s", "r"]
    assert "cid" not in seen[6] and None not in (cids[5], cids[7])
    assert own.command_id is own.query_id is None, "a command is as the program left it"


def test_numeric_sub_ids_of_a_program_are_not_in_the_way_of_later_commands(sandbox, log_on, inbox):
    """The ids that the client makes up are numbers, too."""
    client = log_on(sandbox)
    mine = [str(number) for number in range(30, 60)]
    assert [client.subscribe(inbox, "mine", sub_id=number) for number in mine] == mine
    others = [client.subscribe(inbox, "others") for _ in range(40)]
    assert len(set(others)) == 40 and not set(others) & set(mine)
    client.publish_flush(5000)
    client.publish("others", "x")
    assert inbox.bodies(40) == ["x"] * 40
    client.publish("mine", "y")
    assert inbox.bodies(30) == ["y"] * 30 and inbox.is_empty()


def test_a_command_id_of_a_program_is_not_made_again_while_it_is_in_use(peer, log_on, inboxes):
    server = peer(p=stay_silent)
    client = log_on(server)
    waiting, others = inboxes(), inboxes()
    command = AMPS.Command("publish").set_topic("t").set_ack_type("processed")
    client.execute_async(command.set_command_id("5"), waiting)
    for _ in range(10):
        client.subscribe(others, "t")
        client.publish_flush(5000)
    cids = [seen["cid"] for seen in server.frames]
    assert cids.count("5") == 1 and len(set(cids)) == len(cids)
    server.send(ack({"cid": "5"}))
    assert waiting.get().get_command_id() == "5" and others.is_empty()


def test_a_sub_id_may_equal_the_id_of_another_command(peer, log_on, inboxes):
    """The command's id is one thing, the subscription's another."""
    server = peer(p=stay_silent)
    client = log_on(server)
    waiting, told = inboxes(), inboxes()
    command = AMPS.Command("publish").set_topic("t").set_ack_type("processed")
    cid = client.execute_async(command, waiting)
    assert client.subscribe(told, "t", sub_id=cid) == cid
    server.send(delivery(b"x", sub_id=cid) + ack({"cid": cid}))
    assert told.bodies(1) == ["x"] and waiting.get().get_ack_type() == "processed"
    client.publish_flush(5000)
    assert told.is_empty() and waiting.is_empty()
    client.unsubscribe(cid)
    server.send(delivery(b"late", sub_id=cid))
    client.publish_flush(5000)
    assert told.is_empty()


@pytest.mark.parametrize("form", ["handler", "stream"])
@pytest.mark.parametrize("taken", ["sub_id", "query_id", "command_id"])
def test_an_id_in_use_is_refused_before_anything_is_sent(peer, log_on, inbox, taken, form):
    server = peer(sow=only_accept, sow_and_subscribe=only_accept)
    client = log_on(server)
    setter = f"set_{taken}"
    first = getattr(AMPS.Command("sow_and_subscribe").set_topic("t"), setter)("mine")
    second = getattr(AMPS.Command("sow_and_subscribe").set_topic("t"), setter)("mine")
    client.execute_async(first, inbox)
    with pytest.raises(AMPS.SubidInUseException, match="mine"):
        if form == "stream":
            client.execute(second)
        else:
            client.execute_async(second, print)
    assert len(server.seen("sow_and_subscribe")) == 1
    seen = server.seen("sow_and_subscribe")[0]
    server.send(delivery(b"still", sub_id=seen["sub_id"]))
    assert inbox.bodies(1) == ["still"]
    client.publish_flush(5000)
    assert not server.seen("unsubscribe")


def test_a_command_may_be_executed_many_times_by_many_threads(sandbox, log_on, inbox):
    client, command = log_on(sandbox), AMPS.Command("subscribe").set_topic("t")
    ids, together = [], threading.Barrier(4)

    def execute():
        together.wait(PATIENCE_S)
        for _ in range(25):
            ids.append(client.execute_async(command, inbox))

    assert [each.result() for each in [Failing(execute) for _ in range(4)]] == [None] * 4
    assert len(set(ids)) == 100
    client.publish("t", "x")
    assert inbox.bodies(100) == ["x"] * 100
    assert repr(command) == "<Command subscribe topic='t'>"
    for sub_id in ids:
        client.unsubscribe(sub_id)
    sandbox.wait_until(lambda: not sandbox.subscriptions())


def test_a_command_may_be_changed_between_and_during_executions(peer, log_on):
    server = peer(sow=give())
    client, command = log_on(server), AMPS.Command("sow").set_topic("0")
    executing = Failing(lambda: [list(client.execute(command)) for _ in range(200)])
    while executing.is_alive():
        for number in range(50):
            command.set_topic(f"t{number}").set_filter(f"/f{number}")
            command.set_filter(None).add_ack_type("stats").set_ack_type(None)
    assert executing.result() is None
    topics = {seen["t"] for seen in server.seen("sow")}
    assert topics <= {"0", *(f"t{number}" for number in range(50))}


@pytest.mark.parametrize("form", ["handler", "stream"])
def test_a_refused_command_leaves_its_ids_free(peer, log_on, inbox, form):
    server = peer(subscribe=refuse("not entitled"))
    client = log_on(server)
    command = AMPS.Command("subscribe").set_topic("t").set_sub_id("s").set_command_id("c")
    for _ in range(3):
        with pytest.raises(AMPS.NotEntitledException):
            if form == "handler":
                client.execute_async(command, print)
            else:
                client.execute(command)
    server.answers["subscribe"] = say()
    client.execute_async(command, inbox)
    server.send(delivery(b"x"))
    assert inbox.bodies(1) == ["x"]
