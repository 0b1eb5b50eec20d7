"""Recovery point adapters behind a bookmark store: another server, or process, knows where a
subscription goes on."""

import json
import threading

import pytest

import AMPS
from amps_sandbox import Fault, Sandbox

from .readers import EPOCH, MOST_RECENT, write
from .scripted_peer import PATIENCE_S, wait_until

TOPIC = "/ADMIN/bookmark_store"


@pytest.fixture
def keeper():
    """A server whose only work is to keep recovery points."""
    with Sandbox(topics=[f"{TOPIC}:/clientName,/subId"]) as server:
        yield server


@pytest.fixture
def adapter(keeper, log_on):
    """Makes adapters on it, each with a client of its own that says when it is cut off."""
    made = []

    def make(cut_off=None):
        client = log_on(keeper, f"keeper-{len(made)}")
        client.set_disconnect_handler(cut_off)
        made.append(AMPS.SOWRecoveryPointAdapter(client, "reader"))
        return made[-1]

    return make


def points(keeper):
    """What is kept: {sub id: bookmarks}."""
    records = [json.loads(record.body) for record in keeper.sow(TOPIC)]
    return {record["subId"]: record["bookmark"].split(",") for record in records}


def read(reader, inbox, count, place=MOST_RECENT, sub_id="s"):
    reader.bookmark_subscribe(inbox, "quotes", place, sub_id=sub_id)
    return [inbox.get() for _ in range(count)]


@pytest.mark.parametrize("sub_id", ["s", "it's", '"quoted"', "back\\slash"])
def test_case_75_the_next_process_finds_its_place_at_the_server(
    logged, keeper, adapter, new_reader, inboxes, sub_id
):
    write(logged, 4, topic="quotes")
    store = AMPS.MemoryBookmarkStore(adapter())
    reader = new_reader(logged, store=store)
    first, second, third, _ = read(reader, inboxes(), 4, EPOCH, sub_id)
    for message in (second, first):
        reader.discard(message)
    reader.close()
    store.close()
    assert second.get_bookmark() in points(keeper)[sub_id]
    assert third.get_bookmark() not in points(keeper)[sub_id]

    other = new_reader(logged, store=AMPS.MemoryBookmarkStore(adapter()))
    again = read(other, inboxes(), 2, sub_id=sub_id)
    assert [message.get_data() for message in again] == ["3", "4"]


def test_case_75_an_update_that_fails_is_told_and_the_discard_succeeds(
    logged, keeper, adapter, new_reader, inbox
):
    write(logged, 2, topic="quotes")
    cut_off = threading.Event()
    kept, told = adapter(lambda client: cut_off.set()), []
    kept.set_exception_listener(told.append)
    reader = new_reader(logged, store=AMPS.MemoryBookmarkStore(kept))
    messages = read(reader, inbox, 2, EPOCH)
    keeper.disconnect("keeper-0")
    assert cut_off.wait(PATIENCE_S)
    for message in messages:
        reader.discard(message)
    wait_until(lambda: told, "the failure")
    assert {type(each) for each in told} == {AMPS.DisconnectedException}
    assert reader.get_most_recent("s").split(",")[0] == messages[1].get_bookmark()
    logged.disconnect("reader")
    write(logged, 1, first=3, topic="quotes")
    assert inbox.bodies(1) == ["3"]


class Adapter:
    """An adapter of a program's own."""

    def __init__(self, points=(), fails=()):
        self.points, self.fails = list(points), fails
        self.updates, self.calls = [], []

    def next(self):
        return self.points.pop(0) if self.points else AMPS.RecoveryPoint()

    def update(self, point):
        self.updates.append(point)
        self._fail("update")

    def purge(self, sub_id=None):
        self.calls.append(("purge", sub_id))
        self._fail("purge")

    def prune(self):
        self.calls.append(("prune", None))

    def close(self):
        self.calls.append(("close", None))

    def _fail(self, name):
        if name in self.fails:
            raise RuntimeError(f"{name} does not work")


def test_an_adapter_that_raises_is_told_to_the_listener_and_the_discard_succeeds(
    logged, new_reader, inbox
):
    adapter = Adapter(fails=("update",))
    reader = new_reader(logged, store=AMPS.MemoryBookmarkStore(adapter))
    write(logged, 2, topic="quotes")
    messages = read(reader, inbox, 2, EPOCH)
    for message in messages:
        reader.discard(message)
    assert reader.get_most_recent("s").split(",")[0] == messages[1].get_bookmark()
    wait_until(lambda: any(isinstance(e, RuntimeError) for e in reader.problems), "the failure")


def test_points_recovered_are_where_it_goes_on(logged, new_reader, inbox):
    write(logged, 4, topic="quotes")
    second = logged.journal()[1].bookmark
    adapter = Adapter([AMPS.RecoveryPoint("s", second), AMPS.RecoveryPoint("other", "7|7|")])
    reader = new_reader(logged, store=AMPS.MemoryBookmarkStore(adapter))
    assert (reader.get_most_recent("s"), reader.get_most_recent("other")) == (second, "7|7|")
    assert [message.get_data() for message in read(reader, inbox, 2)] == ["3", "4"]


def test_what_next_raises_keeps_the_store_from_being_made():
    class Broken(Adapter):
        def next(self):
            raise RuntimeError("the server is down")

    with pytest.raises(RuntimeError, match="down"):
        AMPS.MemoryBookmarkStore(Broken())


def test_purge_prune_and_close_are_passed_on(tmp_path):
    adapter = Adapter()
    store = AMPS.MMapBookmarkStore(str(tmp_path / "bookmarks"), False, adapter)
    store.purge_sub_id("s")
    store.purge()
    store.prune()
    store.close()
    assert adapter.calls == [("purge", "s"), ("purge", None), ("prune", None), ("close", None)]


def test_case_76_many_discards_are_few_updates(logged, new_reader, inbox):
    delegate = Adapter()
    adapter = AMPS.ConflatingRecoveryPointAdapter(delegate, 100, 60_000, 60_000)
    store = AMPS.MemoryBookmarkStore(adapter)
    reader = new_reader(logged, store=store)
    write(logged, 1000, topic="quotes")
    for message in read(reader, inbox, 1000, EPOCH):
        reader.discard(message)
    last = message.get_bookmark()
    reader.close()
    store.close()
    assert 1 <= len(delegate.updates) <= 30
    assert last in delegate.updates[-1].get_bookmark().split(",")
    assert delegate.calls[-1] == ("close", None)


def test_case_76_the_last_point_reaches_the_server_on_close(
    logged, keeper, adapter, new_reader, inboxes
):
    conflating = AMPS.ConflatingRecoveryPointAdapter(adapter(), 1000, 60_000, 60_000)
    store = AMPS.MemoryBookmarkStore(conflating)
    reader = new_reader(logged, store=store)
    write(logged, 500, topic="quotes")
    for message in read(reader, inboxes(), 500, EPOCH):
        reader.discard(message)
    reader.close()
    store.close()
    assert message.get_bookmark() in points(keeper)["s"]
    assert len(keeper.received("publish")) <= 5
    write(logged, 1, first=501, topic="quotes")
    other = new_reader(logged, store=AMPS.MemoryBookmarkStore(adapter()))
    assert [message.get_data() for message in read(other, inboxes(), 1)] == ["501"]


def test_a_slow_keeper_holds_up_no_message(logged, keeper, adapter, new_reader, inbox):
    keeper.faults.add(Fault(on="publish", action="stall", seconds=0.5))
    reader = new_reader(logged, store=AMPS.MemoryBookmarkStore(adapter()))
    write(logged, 50, topic="quotes")
    messages = read(reader, inbox, 50, EPOCH)
    for message in messages:
        reader.discard(message)
    assert reader.get_most_recent("s").split(",")[0] == messages[-1].get_bookmark()
