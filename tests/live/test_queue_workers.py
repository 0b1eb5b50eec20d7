"""Workers on the sandbox's queues: what they acknowledge is gone, what they do not comes again."""

import threading

import pytest

import AMPS
from amps_sandbox import Queue, Sandbox

from .failover import wait_ready, watch
from .queue_peer import SLOW_MS
from .scripted_peer import wait_until


@pytest.fixture
def office(request):
    """A sandbox with a queue "tasks" of backlog 20 at most."""
    with Sandbox(queues=[Queue("tasks", max_per_subscription_backlog=20)]) as server:
        yield server


def fill(client, count, first=1):
    for number in range(first, first + count):
        client.publish("tasks", str(number))
    client.publish_flush(10_000)


def wait_empty(server):
    wait_until(lambda: server.queue("tasks").depth == 0, "the queue to be empty")
    return server.queue("tasks")


def assert_each_once(queue, count):
    """Delivered once, acknowledged once."""
    assert (len(queue.acknowledged), set(queue.acknowledged.values())) == (count, {1})
    assert (len(queue.deliveries), set(queue.deliveries.values())) == (count, {1})
    assert queue.late_acks == 0


@pytest.mark.parametrize("batch", [1, 7, 100])
@pytest.mark.parametrize("backlog", [None, 1, 20])
def test_a_stream_takes_all_by_itself(office, log_on, batch, backlog):
    client = log_on(office)
    fill(client, 100)
    client.set_auto_ack(True)
    client.set_ack_batch_size(batch)
    client.set_ack_timeout(SLOW_MS)  # no batch ends by time: that of a full backlog has to
    options = None if backlog is None else f"max_backlog={backlog}"
    stream = client.subscribe("tasks", options=options).timeout(300)
    assert [int(next(stream).get_data()) for _ in range(100)] == list(range(1, 101))
    assert next(stream) is None  # says that the last one is done
    stream.close()
    assert_each_once(wait_empty(office), 100)


@pytest.mark.parametrize("batch", [1, 7, 100])
def test_a_handler_takes_all_by_itself(office, log_on, batch):
    client, done = log_on(office), []
    fill(client, 100)
    client.set_auto_ack(True)
    client.set_ack_batch_size(batch)
    client.set_ack_timeout(200)
    client.subscribe(lambda m: done.append(int(m.get_data())), "tasks", options="max_backlog=20")
    assert_each_once(wait_empty(office), 100)
    assert done == list(range(1, 101))


def test_workers_share_a_queue(office, log_on):
    boss = log_on(office, "boss")
    fill(boss, 300)
    workers = [log_on(office, f"worker-{number}") for number in range(3)]
    for worker in workers:
        worker.set_auto_ack(True)
        worker.set_ack_batch_size(10)
        worker.set_ack_timeout(100)
        worker.subscribe(lambda message: None, "tasks", options="max_backlog=20")
    assert_each_once(wait_empty(office), 300)


def test_threads_share_a_stream(office, log_on):
    client, done = log_on(office), []
    fill(client, 200)
    client.set_auto_ack(True)
    stream = client.subscribe("tasks", options="max_backlog=20").timeout(500)

    def work():
        for message in iter(lambda: next(stream), None):
            done.append(int(message.get_data()))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done) == list(range(1, 201))
    assert_each_once(wait_empty(office), 200)


def test_what_a_handler_fails_at_comes_again(office, log_on):
    client, seen = log_on(office), []
    client.set_exception_listener(lambda problem: None)

    def handler(message):
        seen.append(int(message.get_data()))
        assert seen.count(2) != 1 or message.get_data() != "2"

    client.set_auto_ack(True)
    client.subscribe(handler, "tasks", options="max_backlog=5")
    fill(client, 3)
    queue = wait_empty(office)
    assert sorted(seen) == [1, 2, 2, 3]
    assert sorted(queue.deliveries.values()) == [1, 1, 2]


def test_cancel_gives_a_message_to_another(office, log_on):
    first, second = log_on(office, "first"), log_on(office, "second")
    fill(first, 1)
    given_up = next(first.subscribe("tasks", options="max_backlog=1").timeout(5000))
    stream = second.subscribe("tasks", options="max_backlog=1").timeout(5000)
    first.unsubscribe()
    again = next(stream)
    assert again.get_bookmark() == given_up.get_bookmark()
    again.ack("expire")
    queue = wait_empty(office)
    assert (len(queue.expired), len(queue.acknowledged)) == (1, 0)


def test_case_92_acks_that_were_pending_keep_their_messages_from_coming_again(office, come_up):
    client, held = come_up(office, no_store=True), threading.Semaphore(0)
    states, seen = watch(client), []
    fill(client, 4)
    client.set_ack_batch_size(20)
    client.set_ack_timeout(SLOW_MS)

    def handler(message):
        seen.append(message.get_data())
        message.ack()
        held.release()

    client.subscribe(handler, "tasks", options="max_backlog=20")
    for _ in range(4):
        assert held.acquire(timeout=10)
    assert office.queue("tasks").leased == 4
    office.disconnect()
    wait_ready(states)
    wait_empty(office)
    assert (seen, office.queue("tasks").late_acks) == (["1", "2", "3", "4"], 0)


def test_a_client_that_is_lost_gets_its_messages_again(office, log_on):
    first = log_on(office, "first")
    first.set_exception_listener(lambda problem: None)
    fill(first, 3)
    stream = first.subscribe("tasks", options="max_backlog=20").timeout(5000)
    taken = [next(stream) for _ in range(3)]
    taken[0].ack()
    first.publish_flush(5000)
    office.disconnect()
    again = log_on(office, "second").subscribe("tasks", options="max_backlog=20").timeout(5000)
    assert [next(again).get_data() for _ in range(2)] == ["2", "3"]


@pytest.mark.parametrize("semantics", ["at-least-once", "at-most-once"])
def test_both_kinds_of_queues_are_acknowledged(log_on, semantics):
    tasks = Queue("tasks", semantics=semantics, max_per_subscription_backlog=3)
    with Sandbox(queues=[tasks]) as server, AMPS.Client("worker") as client:
        client.connect(server.uri("json"))
        client.logon()
        fill(client, 30)
        client.set_auto_ack(True)
        stream = client.subscribe("tasks", options="max_backlog=3").timeout(5000)
        assert [int(next(stream).get_data()) for _ in range(30)] == list(range(1, 31))


def test_acks_through_a_store_are_persisted(come_up):
    with Sandbox(queues=["tasks"], ack_conflation="10ms") as server:
        client = come_up(server)
        states = watch(client)
        client.set_ack_batch_size(5)
        client.set_auto_ack(True)
        client.subscribe(lambda message: None, "tasks", options="max_backlog=5")
        for number in range(10):
            client.publish("tasks", str(number))
        server.disconnect()
        wait_ready(states)
        wait_until(lambda: server.queue("tasks").depth == 0)
        client.publish_flush(10_000)
        assert client.get_unpersisted_count() == 0
        client.close()
