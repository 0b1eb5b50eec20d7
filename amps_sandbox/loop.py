"""One thread that waits on sockets and timers, and runs whatever is due."""

from __future__ import annotations

import heapq
import itertools
import os
import selectors
import socket
import threading
import time
import weakref
from collections import deque
from typing import Any, Callable, TypeVar, cast

Result = TypeVar("Result")

WAIT_S_MAX = 60.0  # the longest a select sleeps; far timers are looked at again
READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE

_running: weakref.WeakSet[Loop] = weakref.WeakSet()


class Timer:
    """A call that is due at some time, unless it is cancelled before."""

    __slots__ = ("due", "action")

    def __init__(self, due: float, action: Callable[[], None] | None):
        self.due = due
        self.action = action

    def cancel(self) -> None:
        self.action = None


class Loop:
    """The event loop. Sockets are watched with a `ready(events)` callable each.

    Everything but `start`, `stop` and `run` belongs to the loop's own thread. `flush` is called
    after each round of events; `failed` is told what escaped from a callable, and life goes on.
    """

    def __init__(self, flush: Callable[[], None], failed: Callable[[BaseException], None]):
        self._flush = flush
        self._failed = failed
        self._thread: threading.Thread | None = None
        self._calls: deque[Callable[[], None]] = deque()
        self._timers: list[tuple[float, int, Timer]] = []
        self._order = itertools.count()
        self._calls_lock = threading.Lock()
        self._accepts_calls = False
        self._is_stopping = False

    @property
    def is_running(self) -> bool:
        return self._accepts_calls and not self._is_stopping

    def start(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._wake_in, self._wake_out = socket.socketpair()
        self._wake_in.setblocking(False)
        self._wake_out.setblocking(False)
        self._selector.register(self._wake_in, READ, self._woken)
        self._is_stopping = False
        self._accepts_calls = True
        self._thread = threading.Thread(target=self._work, name="amps-sandbox", daemon=True)
        _running.add(self)
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread after the calls that are already waiting; timers are forgotten."""
        thread = self._thread
        self.run(self._leave)
        if thread is not threading.current_thread():
            thread.join()

    def _leave(self) -> None:
        self._is_stopping = True

    def _close(self) -> None:
        self._selector.close()
        self._wake_in.close()
        self._wake_out.close()

    def run(self, function: Callable[[], Result]) -> Result:
        """Calls `function` on the loop's thread and gives back its result.

        Without a running thread nobody else is at work, and it is called right here.
        """
        if self.is_current:
            return function()
        call = _Call(function)
        with self._calls_lock:
            waits = self._accepts_calls
            if waits:
                self._calls.append(call)
                self._wake()
        return cast(Result, call.result()) if waits else function()

    def post(self, function: Callable[[], None]) -> bool:
        """Has it called on the loop's thread and waits for nothing; False if there is no thread."""
        with self._calls_lock:
            if not self._accepts_calls:
                return False
            self._calls.append(lambda: self.guard(function))
            self._wake()
        return True

    @property
    def is_current(self) -> bool:
        """Whether the caller is on the loop's thread."""
        return threading.current_thread() is self._thread

    def watch(self, sock: socket.socket, events: int, ready: Callable[[int], None]) -> None:
        """Calls `ready` when the socket can be read or written; watching again changes it."""
        try:
            self._selector.modify(sock, events, ready)
        except KeyError:
            self._selector.register(sock, events, ready)

    def forget(self, sock: socket.socket) -> None:
        if self.is_running and sock.fileno() in self._selector.get_map():
            self._selector.unregister(sock)

    def after(self, seconds: float, action: Callable[[], None]) -> Timer:
        timer = Timer(time.monotonic() + seconds, action)
        heapq.heappush(self._timers, (timer.due, next(self._order), timer))
        return timer

    def _wake(self) -> None:
        try:
            self._wake_out.send(b"\0")
        except BlockingIOError:
            return  # the pipe is full of wake-ups: one more would change nothing

    def _woken(self, _events: int) -> None:
        self._wake_in.recv(4096)

    def _work(self) -> None:
        while not self._is_stopping:
            ready = self._selector.select(self._wait_s())
            for key, events in ready:
                # An earlier callable of this round may have closed the socket.
                if self._selector.get_map().get(key.fd) == key:
                    self.guard(key.data, events)
            self._run_timers()
            self._run_calls()
            self.guard(self._flush)
        with self._calls_lock:
            self._accepts_calls = False
            self._close()
        self._run_calls()
        self._timers.clear()
        _running.discard(self)

    def _wait_s(self) -> float:
        while self._timers and self._timers[0][2].action is None:
            heapq.heappop(self._timers)
        if not self._timers:
            return WAIT_S_MAX
        return min(max(self._timers[0][0] - time.monotonic(), 0), WAIT_S_MAX)

    def _run_timers(self) -> None:
        now = time.monotonic()
        while self._timers and self._timers[0][0] <= now:
            timer = heapq.heappop(self._timers)[2]
            if timer.action is not None:
                self.guard(timer.action)

    def _run_calls(self) -> None:
        while self._calls:
            self._calls.popleft()()

    def guard(self, function: Callable[..., None], *arguments: Any) -> None:
        """Calls it; what it raises is told to `failed`."""
        try:
            function(*arguments)
        except BaseException as error:  # pytest.fail() in a callback is no Exception, for one
            self._failed(error)


class _Call:
    """A function on its way to the loop's thread, and its result on the way back."""

    def __init__(self, function: Callable[[], Any]):
        self._function = function
        self._done = threading.Event()
        self._value: Any = None
        self._error: BaseException | None = None

    def __call__(self) -> None:
        try:
            self._value = self._function()
        except BaseException as error:  # raised again where the result is awaited
            self._error = error
        self._done.set()

    def result(self) -> Any:
        self._done.wait()
        if self._error is not None:
            raise self._error
        return self._value


def _leave_in_child() -> None:
    """A forked child has no loop thread, only copies of its descriptors: gives those back."""
    for loop in list(_running):
        for key in list(loop._selector.get_map().values()):
            if key.fileobj is not loop._wake_in:
                key.fileobj.close()
        loop._close()
        loop._thread = None
        loop._accepts_calls = False
    _running.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_in_child)
