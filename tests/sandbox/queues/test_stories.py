"""Workers that come, work, fail and go at random: nothing is lost, nothing is done twice."""

import random

import pytest

from amps_sandbox import Queue, Sandbox

from ..driver import Driver, frame
from .work import publish

STEPS = 400
FUZZ_SEED = 20261124
FUZZ_FRAMES = 3_000


class Worker:
    """A connection, its subscriptions, and the bookmarks that it believes to have."""

    def __init__(self, server, name, has_filter):
        self.driver = Driver(server.host, server.port)
        assert self.driver.log_on(name)["status"] == "success"
        more = {"filter": "/id % 2 = 0"} if has_filter else {}
        self.driver.subscribe("Q", "s", opts="max_backlog=5", **more)
        self.held = []

    def look(self):
        self.held += [one["bm"] for one in self.driver.everything_before() if one["c"] == "p"]

    def ack(self, bookmarks, options=""):
        self.driver.send({"c": "sow_delete", "t": "Q", "bm": ",".join(bookmarks), "opts": options})
        self.held = [one for one in self.held if one not in bookmarks]


KINDS = {
    "plain": {},
    "strict": {"leasing": "strict", "fairness": "round-robin"},
    "priority": {"priority": "/id % 3", "max_backlog": 7},
    "barrier": {"barrier": "/id % 10 = 9"},
    "fast": {"fairness": "fast", "max_cancels": 10**6},
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("stored", [False, True])
def test_each_message_is_acknowledged_once_whatever_workers_do(kind, seed, stored, tmp_path):
    chance, count, workers = random.Random(seed), 0, []
    queue = Queue("Q", "Work", lease_period="5s", max_per_subscription_backlog=5, **KINDS[kind])
    db = tmp_path / "db" if stored else ""
    with Sandbox(queues=[queue], clock="manual", db=db) as server:
        for step in range(STEPS):
            what = chance.choices(
                ["publish", "come", "go", "ack", "cancel", "wait", "replace", "restart"],
                [30, 6, 5, 30, 8, 6, 3, 0.5],
            )[0]
            if what == "publish":
                fresh = range(count, count + chance.randrange(1, 6))
                publish(server, *fresh)
                count = fresh.stop
            elif what == "come" and len(workers) < 5:
                workers.append(Worker(server, f"w{step}", chance.random() < 0.3))
            elif what == "wait":
                server.clock.advance(chance.choice([1, 5]))
            elif what == "restart":
                server.restart()
                for worker in workers:
                    worker.driver.close()
                workers = []
            elif workers:
                worker = chance.choice(workers)
                worker.look()
                some = chance.sample(worker.held, chance.randrange(len(worker.held) + 1))
                if what == "go":
                    worker.driver.close()
                    workers.remove(worker)
                elif what == "replace":
                    worker.driver.subscribe("Q", "s", opts="replace,max_backlog=3")
                elif some:
                    worker.ack(some, "cancel" if what == "cancel" else "")
            check(server, count, is_barrier=kind == "barrier")
        finish(server, workers, count, is_barrier=kind == "barrier")


def check(server, count, is_barrier):
    """What holds at any moment: no message is lost, and none is done twice. Barriers just go."""
    queue = server.queue("Q")
    acknowledged = queue.acknowledged
    assert set(acknowledged.values()) <= {1}
    there = len(acknowledged) + queue.depth
    assert there == count or (is_barrier and count - count // 10 <= there <= count)


def finish(server, workers, count, is_barrier):
    """One worker does all that is left."""
    for worker in workers:
        worker.driver.close()
    last = Worker(server, "last", False)
    server.wait_until(lambda: [one.name for one in server.clients()] == ["last"])
    queue = server.queue("Q")
    while queue.depth:
        last.look()
        assert last.held, "somebody waits for what nobody has"
        last.ack(last.held)
    bookmarks = {entry.bookmark for entry in server.journal("Work")}
    assert len(bookmarks) == count
    barriers = count // 10 if is_barrier else 0
    assert len(bookmarks - set(queue.acknowledged)) <= barriers
    assert bookmarks == set(queue.deliveries)
    assert queue.expired == {} and queue.waiting == queue.leased == 0
    last.driver.close()


def test_whatever_is_said_of_a_queue_the_next_client_is_served(serve, connect):
    server = serve(max_per_subscription_backlog=3, max_cancels=2)
    chance = random.Random(FUZZ_SEED)
    bookmarks = ["1|1|", "", "|", "x", ",,,", "0", "1|2|,1|2|", "9" * 100]
    driver = connect(server, "fuzz")
    for at in range(FUZZ_FRAMES):
        header = {
            "c": chance.choice(["subscribe", "sow_delete", "ack", "p", "unsubscribe", "sow"]),
            "cid": f"c{at}",
            "t": chance.choice(["Q", "Q", "Q", "Work", "^Q"]),
            "a": chance.choice(["processed", "stats", "persisted,completed", ""]),
            "opts": chance.choice(
                ["", "cancel", "expire", "replace", "max_backlog=2", "max_backlog="]
            ),
        }
        for name, values in {
            "sub_id": ["s", "t", "all", ""],
            "bm": [*bookmarks, *(entry for entry in list(server.queue("Q").deliveries)[-3:])],
            "filter": ["/id = 1", "/id =", "1 = 1"],
            "sow_keys": ["1", ""],
        }.items():
            if chance.random() < 0.4:
                header[name] = chance.choice(values)
        driver.socket.sendall(frame(header, b'{"id":%d}' % at if chance.random() < 0.6 else b""))
        if at % 50 == 0:
            driver.everything_before(f"flush{at}")
            server.clock.advance(chance.choice([0, 1, 40]))
    driver.everything_before("end")
    driver.close()
    worker = connect(server, "worker")
    worker.send({"c": "sow_delete", "t": "Q", "filter": "1 = 1"})
    worker.subscribe("Q", "s")
    publish(server, 7)
    assert worker.read().body == b'{"id":7}' and server.queue("Q").depth == 1
