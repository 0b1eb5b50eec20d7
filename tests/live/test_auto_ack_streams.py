"""Messages taken from streams are acknowledged when the next one is asked for."""

import queue
import threading

import pytest

import AMPS

from .queue_peer import acks_seen, everything, grant, item, items
from .scripted_peer import delivery


@pytest.fixture
def served(peer, log_on):
    """A peer with a queue, a client that acknowledges of itself, and its stream."""
    server = peer(subscribe=grant(100))
    client = log_on(server)
    client.set_auto_ack(True)
    return server, client, client.subscribe("Q", sub_id="q").timeout(5000)


def test_case_91_two_of_three_are_acknowledged_when_the_loop_is_left(served):
    server, client, stream = served
    server.send(items(5))
    for message in stream:
        if message.get_data() == "3":
            break
    assert everything(server, client) == [("Q", [1]), ("Q", [2])]


def test_asking_is_enough_even_when_nothing_comes(served):
    """Else a backlog of 1 would stop for ever. A None is nothing to acknowledge."""
    server, client, stream = served
    stream.timeout(1)
    server.send(items(1))
    while next(stream) is None:
        pass
    assert next(stream) is None and next(stream) is None
    assert everything(server, client) == [("Q", [1])]


def test_closing_leaves_the_last_one(served):
    server, client, stream = served
    server.send(items(3))
    for message in stream:
        if message.get_data() == "2":
            stream.close()
    assert everything(server, client) == [("Q", [1])]


def test_what_the_program_acknowledges_itself_is_left_alone(served):
    server, client, stream = served
    server.send(items(4))
    next(stream).ack()
    client.ack(next(stream), "cancel")
    next(stream)
    next(stream)
    assert everything(server, client) == [("Q", [1]), ("Q", [2], "cancel"), ("Q", [3])]


def test_lists_are_acknowledged_when_the_next_is_asked_for(served):
    server, client, stream = served
    client.set_ack_batch_size(50)
    server.send(items(6))
    got = []
    while len(got) < 6:
        got += stream.batch(2)
    got[4].ack()
    client.publish_flush(5000)
    assert acks_seen(server) == [("Q", [1, 2, 3, 4, 5])]
    assert stream.timeout(1).batch(2) == []
    client.publish_flush(5000)
    assert acks_seen(server)[1:] == [("Q", [6])]
    assert stream.batch(2) == []
    assert len(everything(server, client)) == 2


def test_each_thread_acknowledges_what_it_has_taken(served):
    """Four threads share a stream: one that asks for more says nothing of what the others hold."""
    server, client, stream = served
    orders, taken = [queue.Queue() for _ in range(4)], queue.Queue()

    def work(mine):
        while mine.get(timeout=10):
            taken.put(next(stream).get_data())

    workers = [threading.Thread(target=work, args=(mine,)) for mine in orders]
    for worker, mine in zip(workers, orders):
        worker.start()
        mine.put(True)
        server.send(item(1 + orders.index(mine)))
        taken.get(timeout=10)
    assert everything(server, client) == []
    server.send(items(1, first=10))
    orders[2].put(True)
    assert taken.get(timeout=10) == "10"
    assert everything(server, client) == [("Q", [3])]
    for worker, mine in zip(workers, orders):
        mine.put(False)
        worker.join()
    server.send(items(1, first=11))
    next(stream)
    assert everything(server, client) == [("Q", [3])]


def test_many_threads_acknowledge_all_once(served):
    server, client, stream = served
    client.set_ack_batch_size(10)
    stream.timeout(300)

    def work():
        while next(stream) is not None:
            pass

    workers = [threading.Thread(target=work) for _ in range(4)]
    server.send(items(1000))
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    client.publish_flush(5000)
    sent = [n for _, numbers in acks_seen(server) for n in numbers]
    assert sorted(sent) == list(range(1, 1001))


def test_turned_on_and_off_in_between(served):
    server, client, stream = served
    server.send(items(6))
    next(stream)
    client.set_auto_ack(False)
    next(stream)
    client.set_auto_ack(True)
    next(stream)
    next(stream)
    assert everything(server, client) == [("Q", [3])]


def test_what_is_not_from_a_queue(peer, log_on):
    server = peer()
    client = log_on(server)
    client.set_auto_ack(True)
    stream = client.subscribe("t", sub_id="s").timeout(5000)
    server.send(delivery(b"1") + delivery(b"2", bm="1|2|") + delivery(b"3"))
    assert [next(stream).get_data() for _ in range(3)] == ["1", "2", "3"]
    assert everything(server, client) == []


def test_a_connection_that_is_lost_takes_the_acknowledgements_along(served):
    """The server has taken its messages back; iteration says that it is lost, and nothing else."""
    server, client, stream = served
    problems = []
    client.set_exception_listener(problems.append)
    server.send(items(2))
    next(stream)
    server.hang_up()
    server.wait_gone()
    assert next(stream).get_data() == "2"
    with pytest.raises(AMPS.DisconnectedException):
        next(stream)
    with pytest.raises(StopIteration):
        next(stream)
    assert acks_seen(server) == [] or acks_seen(server) == [("Q", [1])]
    assert all("lost" in str(problem) for problem in problems)


def test_large_messages_and_kept_ones(served):
    server, client, stream = served
    server.send(b"".join(delivery(b"x" * 20_000, "q", "Q", bm=f"1|{n}|", lp="x") for n in range(5)))
    kept = [next(stream) for _ in range(5)]
    assert everything(server, client) == [("Q", [n]) for n in range(4)]
    assert {len(message.get_data()) for message in kept} == {20_000}
