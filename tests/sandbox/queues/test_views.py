"""A view of a queue has what is in the queue: waiting or leased, but not what is done."""

import pytest

from amps_sandbox import BadConfig, Conflated, Fault, Queue, Sandbox, View

from .work import ack, publish, take

VIEW = View("load", "Q", ["/kind", "COUNT(/id) AS /n"], ["/kind"])


def load(server):
    return [record.body for record in server.sow("load")]


@pytest.mark.parametrize("semantics", ["at-least-once", "at-most-once"])
def test_a_view_counts_what_is_not_done(connect, semantics):
    queue = Queue("Q", "Work", semantics=semantics, max_per_subscription_backlog=2)
    with Sandbox(queues=[queue], views=[VIEW]) as server:
        watcher, worker = connect(server, "watcher"), connect(server, "worker")
        watcher.subscribe("load", "v")
        publish(server, 1, 2, kind="a")
        publish(server, 3, kind="b")
        assert load(server) == [b'{"kind":"a","n":2}', b'{"kind":"b","n":1}']
        assert len(watcher.everything_before()) == 3
        worker.subscribe("Q", "s", opts="max_backlog=2")
        messages = take(worker, 2)
        if semantics == "at-least-once":
            assert load(server)[0] == b'{"kind":"a","n":2}'
            ack(worker, messages[0])
            worker.everything_before()
            assert load(server) == [b'{"kind":"a","n":1}', b'{"kind":"b","n":1}']
        else:
            assert load(server) == [b'{"kind":"b","n":1}']


@pytest.mark.parametrize("is_stored", [False, True])
def test_a_view_of_a_queue_comes_back_as_it_was(connect, tmp_path, is_stored):
    db = tmp_path / "db" if is_stored else ""
    with Sandbox(queues=["Q:Work"], views=[VIEW], db=db, ack_conflation="0") as server:
        publisher = connect(server, "p")
        publisher.publish("Q", b'{"id":1,"kind":"a"}', s=1, a="persisted")
        publisher.read_ack(a="persisted", s=1)
        publisher.publish("Q", b'{"id":2,"kind":"a"}', s=2)
        publisher.everything_before()
        server.restart()
        assert load(server) == [b'{"kind":"a","n":2}']
        publisher = connect(server, "p")
        server.faults.add(Fault(on="flush", action="lose_tail", n=9))
        publisher.publish("Q", b'{"id":3,"kind":"b"}', s=3)
        publisher.send({"c": "flush", "cid": "f", "a": "processed"})
        assert publisher.is_ended()
        server.restart()
        assert b'"kind":"b"' not in b"".join(load(server))


def test_nothing_else_is_made_of_a_queue():
    with pytest.raises(BadConfig, match="'copy': no topic 'Q' declared before it"):
        Sandbox(queues=["Q:Work"], conflated=[Conflated("copy", "Q")])
    with pytest.raises(BadConfig, match="'load': no topic 'R' declared before it"):
        Sandbox(queues=["Q:Work"], views=[View("load", "R", ["/a"], ["/a"])])
