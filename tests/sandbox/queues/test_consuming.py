"""Subscriptions to a queue and queries of it: replaced, repeated, with a bookmark, entitled."""

from amps_sandbox import Permission, Sandbox, User

from ..driver import records_of
from .work import ack, number, numbers, publish, take


def found(driver, **header):
    """The records of a query as (header, body)."""
    driver.send({"c": "sow", "cid": "q", "t": "Q", "bs": 2, **header})
    return [record for message in driver.everything_before() for record in records_of(message)]


def test_case_77_a_query_sees_what_nobody_has_and_takes_nothing(serve, connect):
    server = serve()
    publish(server, 1, 2, 3)
    worker, reader = connect(server, "w"), connect(server, "r")
    worker.subscribe("Q", "s")
    (message,) = take(worker, 1)
    for _ in range(2):
        records = found(reader)
        assert [body for _, body in records] == [b'{"id":2}', b'{"id":3}']
    bookmarks = [entry.bookmark for entry in server.journal("Work")]
    assert [header["bm"] for header, _ in records] == bookmarks[1:]
    assert len({header["k"] for header, _ in records}) == 2
    ack(worker, message)
    assert numbers(worker) == [2]


def test_a_query_of_a_queue_has_all_that_queries_have(serve, connect):
    server = serve(filter="/id > 1")
    publish(server, 1, 2, 3, 4)
    reader = connect(server, "r")
    assert [body for _, body in found(reader, filter="/id != 3")] == [b'{"id":2}', b'{"id":4}']
    ordered = found(reader, orderby="/id DESC", top_n=2)
    assert [body for _, body in ordered] == [b'{"id":4}', b'{"id":3}']
    (one,) = found(reader, sow_keys=ordered[0][0]["k"])
    assert one == ordered[0]
    reader.send({"c": "sow", "cid": "q", "t": "Q", "filter": "/id = 3", "a": "stats"})
    (stats,) = [each for each in reader.everything_before() if each["c"] == "ack"]
    assert (stats["topic_matches"], stats["matches"]) == (3, 1)


def test_a_query_and_a_subscription_at_once(serve, connect):
    server = serve()
    publish(server, 1, 2)
    worker = connect(server, "w")
    header = {"c": "sow_and_subscribe", "cid": "q", "t": "Q", "sub_id": "s", "a": "processed"}
    worker.send(header)
    messages = worker.everything_before()
    assert [each["c"] for each in messages] == [
        *("ack", "group_begin", "sow", "sow", "group_end", "p")
    ]
    assert messages[0]["opts"] == "max_backlog=1" and number(messages[-1]) == 1
    refused = worker.ask({**header, "sub_id": "t", "opts": "projection=[/id],grouping=[/id]"})
    assert refused["reason"] == "invalid options"


def test_a_replaced_subscription_keeps_its_leases_and_may_shrink(serve, connect):
    server = serve(max_per_subscription_backlog=3)
    publish(server, *range(6))
    worker = connect(server, "w")
    worker.subscribe("Q", "s", opts="max_backlog=3")
    messages = take(worker, 3)
    assert worker.subscribe("Q", "s", opts="replace,max_backlog=1")["opts"] == "max_backlog=1"
    ack(worker, *messages[:2])
    assert numbers(worker) == [] and server.queue("Q").leased == 1
    ack(worker, messages[2])
    (fourth,) = take(worker, 1)
    assert number(fourth) == 3
    worker.subscribe("Q", "s", opts="replace,max_backlog=3", filter="/id = 5")
    assert numbers(worker) == [5]
    ack(worker, fourth)
    assert numbers(worker) == [] and server.queue("Q").waiting == 1
    worker.subscribe("Q", "s", opts="replace")
    assert server.queue("Q").leased == 1


def test_a_subscription_replaced_by_another_topic_gives_everything_back(serve, connect):
    server = serve()
    publish(server, 1)
    worker, other = connect(server, "w"), connect(server, "o")
    worker.subscribe("Q", "s")
    take(worker, 1)
    assert "opts" not in worker.subscribe("Work", "s", opts="replace")
    other.subscribe("Q", "s")
    (message,) = take(other, 1)
    publish(server, 2)
    assert worker.read()["t"] == "Work"
    worker.subscribe("Q", "s", opts="replace")
    ack(other, message)
    assert numbers(worker) == [2] and numbers(other) == []


def test_an_id_in_use_is_refused_and_nothing_is_lost(serve, connect):
    server = serve()
    publish(server, 1)
    worker = connect(server, "w")
    worker.subscribe("Q", "s")
    take(worker, 1)
    assert worker.ask({"c": "subscribe", "t": "Q", "sub_id": "s"})["reason"] == "subid in use"
    assert server.queue("Q").leased == 1


def test_with_a_bookmark_it_is_a_replay_of_the_topics_below(serve, connect):
    server = serve(topics=["Work", "^Jobs"], sandbox={"txlog": ["other"]})
    publish(server, 1)
    publish(server, 2, topic="Jobs")
    publish(server, 3, topic="other")
    reader = connect(server, "r")
    reader.subscribe("Q", "s", bm="0")
    publish(server, 4, topic="Q")
    messages = reader.everything_before()
    assert [(each["t"], each.body) for each in messages] == [
        ("Work", b'{"id":1}'),
        ("Jobs", b'{"id":2}'),
        ("Work", b'{"id":4}'),
    ]
    assert not any("lp" in each for each in messages) and server.queue("Q").waiting == 3
    worker = connect(server, "w")
    worker.subscribe("Q", "s")
    ack(worker, *take(worker, 1))
    worker.everything_before()
    reader.subscribe("Q", "t", bm="0")
    assert len(reader.everything_before()) == 3  # what is done, is still in the log


def test_a_delta_subscription_gets_whole_messages(serve, connect):
    server = serve(sandbox={"topics": ["Work:/id"]}, max_per_subscription_backlog=9)
    worker = connect(server, "w")
    worker.send({"c": "delta_subscribe", "t": "Q", "sub_id": "s", "opts": "max_backlog=9"})
    worker.everything_before()
    publisher = connect(server, "p")
    publisher.publish("Q", b'{"id":1,"a":1}')
    publisher.send({"c": "delta_publish", "t": "Q"}, b'{"id":1,"b":2}')
    publisher.everything_before()
    bodies = [message.body for message in worker.everything_before()]
    assert bodies == [b'{"id":1,"a":1}', b'{"id":1,"a":1,"b":2}']


def test_reading_a_queue_includes_acknowledging_and_writing_it_is_enough_to_publish(connect):
    users = [
        User("worker", topics=[Permission("Q", read="/id < 5", write=False)]),
        User("source", topics=[Permission("Q", read=False, write="/id > 0")]),
    ]
    with Sandbox(queues=["Q:Work"], users=users) as server:
        source = connect(server, "source", user_id="source")
        for count, status in ((0, "failure"), (1, "success"), (9, "success")):
            body = b'{"id":%d}' % count
            assert source.ask({"c": "p", "cid": "p", "t": "Q"}, body)["status"] == status
        refused = source.ask({"c": "p", "cid": "p", "t": "Work"}, b'{"id":1}')
        assert refused["reason"] == "not entitled"
        refused = source.ask({"c": "subscribe", "t": "Q", "sub_id": "s"})
        assert refused["reason"] == "not entitled"
        ninth = server.journal("Work")[1].bookmark
        for header in ({"bm": ninth}, {"filter": "1 = 1"}):
            refused = source.ask({"c": "sow_delete", "cid": "d", "t": "Q", **header})
            assert refused["reason"] == "not entitled"
        worker = connect(server, "worker", user_id="worker")
        assert worker.ask({"c": "p", "cid": "p", "t": "Q"}, b"{}")["reason"] == "not entitled"
        worker.subscribe("Q", "s")
        (message,) = take(worker, 1)
        worker.send({"c": "sow_delete", "t": "Q", "bm": f"{message['bm']},{ninth}", "a": "stats"})
        worker.read_ack(a="stats", records_deleted=1)
        assert numbers(worker) == [] and len(found(worker)) == 0
        assert server.queue("Q").waiting == 1


def test_a_select_list_of_the_user_hides_fields_of_a_queue_too(connect):
    hidden = Permission("Q", read=True, select="-/,+/id")
    with Sandbox(queues=["Q:Work"], users=[User("worker", topics=[hidden])]) as server:
        publish(server, 1, 2, secret="s")
        worker = connect(server, "worker", user_id="worker")
        assert [body for _, body in found(worker)] == [b'{"id":1}', b'{"id":2}']
        worker.subscribe("Q", "s")
        (message,) = take(worker, 1)
        assert message.body == b'{"id":1}'
        worker.subscribe("Q", "r", bm="0")
        assert worker.everything_before() == []  # a replay is of the topics below


def test_an_acknowledgement_is_an_event(serve, connect):
    server = serve()
    publish(server, 1)
    watcher, worker = connect(server, "watcher"), connect(server, "worker")
    watcher.subscribe("/AMPS/ClientStatus", "e", filter="/ClientStatus/event = 'sow_delete'")
    worker.subscribe("Q", "s")
    ack(worker, *take(worker, 1))
    event = watcher.read()
    assert b'"topic":"Q"' in event.body and b'"client_name":"worker"' in event.body


def test_a_failed_subscription_takes_nothing(serve, connect):
    server = serve()
    publish(server, 1)
    worker = connect(server, "w")
    for more in ({"filter": "/id ="}, {"sub_id": "a,b"}, {"sub_id": ""}, {"opts": "pause"}):
        header = {"c": "subscribe", "t": "Q", "sub_id": "s", **more}
        assert worker.ask(header)["status"] == "failure"
    assert server.queue("Q").waiting == 1 and server.subscriptions() == []
