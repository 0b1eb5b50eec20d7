"""Conflated recovery points: how many reach the delegate, when, and what becomes of failures."""

import gc
import os
import queue
import signal
import sys
import threading

import pytest

import AMPS

PATIENCE_S = 10
NEVER_MS = 10**9
THREAD = "AMPS recovery points"


def own_threads():
    return [each for each in threading.enumerate() if each.name == THREAD]


class Delegate:
    """An adapter that writes down its calls, and fails or waits as the test says."""

    def __init__(self):
        self.calls = []
        self.problems = []  # raised by the next updates
        self.changed = threading.Condition()
        self.may_go_on = threading.Event()
        self.may_go_on.set()
        self.inside = 0
        self.most_inside = 0

    def _call(self, *call):
        with self.changed:
            self.inside += 1
            self.most_inside = max(self.most_inside, self.inside)
            self.calls.append(call)
            self.changed.notify_all()
        assert self.may_go_on.wait(PATIENCE_S)
        with self.changed:
            self.inside -= 1

    def next(self):
        self._call("next")
        return AMPS.RecoveryPoint("orders", "1|1|")

    def update(self, point):
        self._call("update", point.get_sub_id(), point.get_bookmark())
        if self.problems:
            raise self.problems.pop(0)

    def purge(self, *sub_id):
        self._call("purge", *sub_id)

    def prune(self):
        self._call("prune")

    def close(self):
        self._call("close")

    def wait(self, count):
        """Waits for so many calls; gives them."""
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.calls) >= count, PATIENCE_S)
            return list(self.calls)


@pytest.fixture
def delegate():
    return Delegate()


@pytest.fixture
def conflating(delegate):
    """Makes adapters that hand on by count alone, unless told otherwise."""
    made = []

    def make(threshold=10, timeout=NEVER_MS, interval=NEVER_MS):
        made.append(AMPS.ConflatingRecoveryPointAdapter(delegate, threshold, timeout, interval))
        return made[-1]

    yield make
    delegate.may_go_on.set()
    for each in made:
        each.close()
    assert not own_threads()


def put(adapter, *bookmarks, sub_id="orders"):
    for bookmark in bookmarks:
        adapter.update(AMPS.RecoveryPoint(sub_id, f"1|{bookmark}|"))


def test_case_76_a_thousand_updates_become_few_and_the_last_is_stored_on_close(
    delegate, conflating
):
    """Case 76 of ha.md."""
    adapter = conflating()
    put(adapter, *range(1000))
    adapter.close()
    assert len(delegate.calls) <= 1000 / 10 + 2
    assert delegate.calls[-2:] == [("update", "orders", "1|999|"), ("close",)]


def test_the_newest_point_is_handed_on_after_so_many_updates(delegate, conflating):
    adapter = conflating(3)
    put(adapter, 1, 2)
    put(adapter, 7, sub_id="trades")
    assert not delegate.calls
    put(adapter, 3)
    assert delegate.wait(1) == [("update", "orders", "1|3|")]


@pytest.mark.parametrize(("timeout", "interval"), [(20, NEVER_MS), (NEVER_MS, 20), (20.5, 0)])
def test_the_newest_point_is_handed_on_when_the_oldest_update_has_waited(
    delegate, conflating, timeout, interval
):
    adapter = conflating(10**9, timeout, interval)
    put(adapter, 1)
    put(adapter, 7, sub_id="trades")
    assert delegate.wait(2) == [("update", "orders", "1|1|"), ("update", "trades", "1|7|")]
    put(adapter, 2)
    assert delegate.wait(3)[2] == ("update", "orders", "1|2|")


def test_with_a_threshold_of_1_every_update_is_handed_on_in_time(delegate, conflating):
    adapter = conflating(1, 0, 0)
    for number in range(5):
        put(adapter, number)
        assert delegate.wait(number + 1)[-1] == ("update", "orders", f"1|{number}|")


def test_an_update_does_not_wait_for_the_delegate(delegate, conflating):
    adapter = conflating(1)
    delegate.may_go_on.clear()
    put(adapter, 1)
    delegate.wait(1)
    put(adapter, 2, 3, 4)
    assert len(delegate.calls) == 1
    delegate.may_go_on.set()
    assert delegate.wait(2)[1] == ("update", "orders", "1|4|")


def test_the_delegate_is_called_by_one_thread_at_a_time(delegate, conflating):
    adapter = conflating(2)
    start = threading.Barrier(4)

    def work(sub_id):
        start.wait(PATIENCE_S)
        for number in range(100):
            put(adapter, number, sub_id=sub_id)
            (adapter.prune, adapter.next, lambda: adapter.purge("other"))[number % 3]()

    threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
    for each in threads:
        each.start()
    for each in threads:
        each.join(PATIENCE_S)
    adapter.close()
    assert delegate.most_inside == 1
    last = {call[1]: call[2] for call in delegate.calls if call[0] == "update"}
    assert last == dict.fromkeys("abcd", "1|99|")


def test_what_is_asked_goes_through_to_the_delegate(delegate, conflating):
    adapter = conflating()
    assert adapter.next() == AMPS.RecoveryPoint("orders", "1|1|")
    adapter.prune()
    adapter.purge()
    adapter.purge(sub_id="orders")
    assert delegate.calls == [("next",), ("prune",), ("purge",), ("purge", "orders")]


def test_nothing_gathered_before_a_purge_is_handed_on_after_it(delegate, conflating):
    adapter = conflating(3)
    put(adapter, 1)
    put(adapter, 7, sub_id="trades")
    adapter.purge("orders")
    put(adapter, 2)
    adapter.close()
    updates = [call for call in delegate.calls if call[0] == "update"]
    assert sorted(updates) == [("update", "orders", "1|2|"), ("update", "trades", "1|7|")]


def test_a_purge_waits_for_the_update_under_way(delegate, conflating):
    adapter = conflating(1)
    delegate.may_go_on.clear()
    put(adapter, 1)
    delegate.wait(1)
    put(adapter, 2)
    purging = threading.Thread(target=adapter.purge)
    purging.start()
    purging.join(0.1)
    assert purging.is_alive() and len(delegate.calls) == 1
    delegate.may_go_on.set()
    purging.join(PATIENCE_S)
    calls = delegate.wait(2)
    assert ("update", "orders", "1|2|") not in calls[calls.index(("purge",)) :]


def test_a_failed_update_is_told_and_tried_again(delegate, conflating):
    told = []
    delegate.get_exception_listener = lambda: told.append
    delegate.problems = [AMPS.DisconnectedException("gone"), KeyError("again")]
    adapter = conflating(10**9, 10, 0)
    put(adapter, 1)
    assert delegate.wait(3) == [("update", "orders", "1|1|")] * 3
    assert [type(each) for each in told] == [AMPS.DisconnectedException, KeyError]


def test_a_newer_point_takes_the_place_of_one_that_failed(delegate, conflating):
    told = queue.Queue()
    adapter = conflating(2)
    adapter.set_exception_listener(told.put)
    assert adapter.get_exception_listener() == told.put
    delegate.problems = [ValueError("no")]
    delegate.may_go_on.clear()
    put(adapter, 1, 2)
    delegate.wait(1)
    put(adapter, 3)
    delegate.may_go_on.set()
    assert str(told.get(timeout=PATIENCE_S)) == "no"
    adapter.close()
    assert delegate.calls[-2:] == [("update", "orders", "1|3|"), ("close",)]


@pytest.mark.parametrize("problem", [ValueError("no"), SystemExit(3), KeyboardInterrupt()])
def test_whatever_the_delegate_raises_the_thread_goes_on(
    delegate, conflating, monkeypatch, problem
):
    told = []
    monkeypatch.setattr(sys, "unraisablehook", lambda each: told.append(each.exc_value))
    delegate.problems = [problem]
    adapter = conflating(1)
    put(adapter, 1)
    delegate.wait(1)
    put(adapter, 2)
    assert delegate.wait(2)[-1] == ("update", "orders", "1|2|")
    assert told == [problem]


def test_close_happens_once_and_ends_updates(delegate, conflating):
    adapter = conflating()
    put(adapter, 1)
    adapter.close("orders", "1|1|")
    adapter.close()
    assert delegate.calls == [("update", "orders", "1|1|"), ("close",)]
    with pytest.raises(AMPS.UsageException, match="'orders' after close"):
        put(adapter, 2)


def test_close_raises_what_the_delegate_s_close_raises(delegate, conflating):
    def close():
        raise AMPS.StoreException("full")

    delegate.close = close
    adapter = conflating()
    with pytest.raises(AMPS.StoreException):
        adapter.close()
    adapter.close()


def test_the_delegate_may_close_the_adapter_that_calls_it(delegate, conflating):
    adapter = conflating(1)
    update = delegate.update

    def closing(point):
        update(point)
        adapter.close()

    delegate.update = closing
    put(adapter, 1)
    assert delegate.wait(2) == [("update", "orders", "1|1|"), ("close",)]


def test_an_adapter_that_is_forgotten_hands_on_what_it_has_and_ends(delegate):
    adapter = AMPS.ConflatingRecoveryPointAdapter(delegate, 10, 0, 0)
    put(adapter, 1)
    del adapter
    gc.collect()
    assert delegate.wait(1) == [("update", "orders", "1|1|")]
    for each in own_threads():
        each.join(PATIENCE_S)
        assert not each.is_alive()


def test_nothing_runs_before_the_first_update_and_its_thread_holds_no_program_up(
    delegate, conflating
):
    before = threading.active_count()
    adapter = conflating()
    assert threading.active_count() == before
    put(adapter, 1)
    (thread,) = own_threads()
    assert thread.daemon


def test_the_child_of_a_fork_begins_anew(delegate, conflating):
    adapter = conflating(2)
    delegate.may_go_on.clear()
    put(adapter, 1, 2)
    delegate.wait(1)  # its thread is in the delegate, and holds the lock for that
    put(adapter, 3)
    child = os.fork()
    if child == 0:
        signal.alarm(PATIENCE_S)  # not even a child that hangs is left
        delegate.calls.clear()
        delegate.may_go_on.set()
        put(adapter, 4)
        adapter.close()
        os._exit(0 if delegate.calls == [("update", "orders", "1|4|"), ("close",)] else 1)
    assert os.waitpid(child, 0)[1] == 0
    delegate.may_go_on.set()
    adapter.close()
    assert delegate.calls[-2:] == [("update", "orders", "1|3|"), ("close",)]


def test_wrong_arguments_are_named(delegate):
    kind = AMPS.ConflatingRecoveryPointAdapter
    for wrong in (0, -1):
        with pytest.raises(AMPS.UsageException, match="update_threshold must be at least 1"):
            kind(delegate, update_threshold=wrong)
    for wrong in ("10", 1.5, None):
        with pytest.raises(TypeError, match="update_threshold must be an int"):
            kind(delegate, update_threshold=wrong)
    for name in ("timeout_millis", "update_interval_millis"):
        for wrong in (-1, float("nan"), 10**10, "1", None):
            with pytest.raises((TypeError, AMPS.UsageException), match=f"{name} must be"):
                kind(delegate, **{name: wrong})
    with pytest.raises(TypeError, match="must be callable or None"):
        kind(delegate).set_exception_listener("x")


@pytest.mark.parametrize("point", [None, 7, "orders"])
def test_what_is_no_recovery_point_is_refused_at_once(delegate, conflating, point):
    with pytest.raises(AttributeError):
        conflating().update(point)
