"""Recovery points, gathered for a while so that another adapter gets fewer of them."""

import os
from _thread import RLock
from time import monotonic

from AMPS.exceptions import UsageException, shown
from AMPS.recovery_points import checked_listener, milliseconds, report


class ConflatingRecoveryPointAdapter:
    """Hands on to another adapter only the newest recovery point of each subscription, at times.

    `delegate` is that adapter. A subscription's point is handed on when it has been updated
    `update_threshold` times, or when its oldest update not yet handed on has waited for
    `timeout_millis` or for `update_interval_millis`, whichever is shorter (0: that one never is).
    A thread of its own does so; it begins with the first update and ends with `close()`.
    What a crash keeps from being handed on comes again as duplicates, nothing is lost.

    The delegate is never called by two threads at once. What its `update` raises goes to the
    exception listener of this adapter, else to that of the delegate, else to `sys.unraisablehook`;
    the point is tried again later, unless a newer one has come. All methods may be called from any
    thread. In the child of a fork it begins anew, with nothing gathered.

    >>> from AMPS import RecoveryPoint
    >>> class Printing:
    ...     def update(self, point):
    ...         print(point)
    ...     def close(self):
    ...         print("closed")
    >>> adapter = ConflatingRecoveryPointAdapter(Printing(), 100)
    >>> for number in range(3):
    ...     adapter.update(RecoveryPoint("orders", f"13|{number}|"))
    >>> adapter.close()
    RecoveryPoint('orders', '13|2|')
    closed
    """

    def __init__(
        self, delegate, update_threshold=10, timeout_millis=2000.0, update_interval_millis=2000
    ):
        if not isinstance(update_threshold, int):
            kind = type(update_threshold).__name__
            raise TypeError(f"update_threshold must be an int, not {kind}")
        if update_threshold < 1:
            raise UsageException("update_threshold must be at least 1: so many updates are one")
        limits = (
            milliseconds("timeout_millis", timeout_millis),
            milliseconds("update_interval_millis", update_interval_millis),
        )
        wait_s = min((limit for limit in limits if limit), default=0) / 1000
        self._gathering = _Gathering(delegate, update_threshold, wait_s)
        _remember(self._gathering)

    def next(self):
        """Returns the delegate's next recovery point."""
        return self._gathering.ask("next")

    def update(self, recovery_point):
        """Keeps a recovery point to be handed on. Does not wait for the delegate."""
        self._gathering.add(recovery_point)

    def purge(self, sub_id=None):
        """Forgets what was gathered of one subscription, or all of it, and has the delegate purge
        its own."""
        self._gathering.purge(sub_id)

    def prune(self):
        """Has the delegate prune."""
        self._gathering.ask("prune")

    def close(self, subid=None, bookmark=None):
        """Hands on all that was gathered, ends the thread and closes the delegate.

        The arguments are ignored. Waits for the delegate; raises what its `close` raises. A second
        call does nothing.
        """
        self._gathering.close()

    def set_exception_listener(self, exception_listener):
        """Sets `exception_listener(exception)`, told of updates that fail, on the thread that hands
        them on. None: the delegate's own is told."""
        self._gathering.listener = checked_listener(exception_listener)

    def get_exception_listener(self):
        """Returns the exception listener, or None."""
        return self._gathering.listener

    def __del__(self):
        gathering = getattr(self, "_gathering", None)
        if gathering is not None:
            gathering.end()


class _Pending:
    """What was gathered of one subscription."""

    __slots__ = ("count", "due", "point")

    def __init__(self, due):
        self.count = 0
        self.due = due
        self.point = None


class _Gathering:
    """What the adapter and its thread share. The thread holds this alone, so that it ends when a
    program forgets the adapter.

    `_calling` is held during each call of the delegate, `_changed` for a few steps only; who needs
    both takes them in this order.
    """

    def __init__(self, delegate, threshold, wait_s):
        self._delegate = delegate
        self._threshold = threshold
        self._wait_s = wait_s  # 0: only the count matters
        self.listener = None
        self._is_closed = False
        self.begin()

    def begin(self):
        """Starts with nothing, also in the child of a fork: its other threads are not there."""
        from threading import Condition  # here, as are threads: costly to import

        self._calling = RLock()  # again, if the delegate calls us
        self._changed = Condition()
        self._pending = {}  # {sub id: _Pending}, the oldest first
        self._thread = None
        self._is_ended = self._is_closed

    def add(self, point):
        sub_id = point.get_sub_id()
        with self._changed:
            if self._is_ended:
                raise UsageException(f"update of '{shown(sub_id)}' after close()")
            pending = self._pending.get(sub_id)
            if pending is None:
                pending = self._pending[sub_id] = _Pending(self._due())
            pending.point = point
            pending.count += 1
            if self._thread is None:
                self._start()
            # The others fall due later than the first, for whom it was woken.
            is_first = pending.count == 1 and len(self._pending) == 1
            if is_first or pending.count == self._threshold:
                self._changed.notify()

    def ask(self, method, *args):
        """Calls the delegate when nobody else does."""
        with self._calling:
            return getattr(self._delegate, method)(*args)

    def purge(self, sub_id):
        with self._calling:  # so that nothing gathered before is handed on after
            with self._changed:
                if sub_id is None:
                    self._pending.clear()
                else:
                    self._pending.pop(sub_id, None)
            self._delegate.purge(*(() if sub_id is None else (sub_id,)))

    def end(self):
        """Has the thread hand on what is left, and end."""
        with self._changed:
            self._is_ended = True
            self._changed.notify()

    def close(self):
        from threading import current_thread

        self.end()
        thread = self._thread
        if thread is not None and thread is not current_thread():
            thread.join()
        with self._calling:
            if not self._is_closed:
                self._is_closed = True
                self._hand_on()
                self._delegate.close()

    def _due(self):
        return monotonic() + self._wait_s if self._wait_s else None

    def _start(self):
        from threading import Thread

        thread = Thread(target=self._run, name="AMPS recovery points", daemon=True)
        thread.start()
        self._thread = thread

    def _run(self):
        goes_on = True
        while goes_on:
            goes_on = self._wait()
            try:
                self._hand_on()  # at the end all that is left
            except BaseException as problem:  # not even SystemExit ends this thread
                self._tell(problem)

    def _wait(self):
        """Waits until something is to be handed on. False: it is the end."""
        with self._changed:
            while not self._is_ended and not self._due_ids():
                dues = [pending.due for pending in self._pending.values() if pending.due]
                self._changed.wait(max(0, min(dues) - monotonic()) if dues else None)
            return not self._is_ended

    def _due_ids(self):
        now = monotonic()
        return [sub_id for sub_id, pending in self._pending.items() if self._is_due(pending, now)]

    def _is_due(self, pending, now):
        is_old = pending.due is not None and pending.due <= now
        return is_old or pending.count >= self._threshold or self._is_ended

    def _hand_on(self):
        with self._changed:
            sub_ids = self._due_ids()
        for sub_id in sub_ids:
            try:
                self._hand_on_one(sub_id)
            except Exception as problem:
                self._tell(problem)

    def _hand_on_one(self, sub_id):
        with self._calling:
            with self._changed:
                pending = self._pending.pop(sub_id, None)
            if pending is None:
                return  # purged meanwhile
            try:
                self._delegate.update(pending.point)
            except BaseException:
                self._put_back(sub_id, pending)
                raise

    def _put_back(self, sub_id, pending):
        with self._changed:
            if not self._is_ended and sub_id not in self._pending:
                pending.count, pending.due = 0, self._due()
                self._pending[sub_id] = pending

    def _tell(self, problem):
        listener = self.listener
        if listener is None:
            listener = getattr(self._delegate, "get_exception_listener", _nobody)()
        report(problem, listener)


def _nobody():
    return None


_gatherings = None  # a WeakSet of all in this process, once there is one


def _remember(gathering):
    global _gatherings
    if _gatherings is None:
        from weakref import WeakSet

        _gatherings = WeakSet()
        os.register_at_fork(after_in_child=_begin_anew)
    _gatherings.add(gathering)


def _begin_anew():
    for gathering in _gatherings:
        gathering.begin()
