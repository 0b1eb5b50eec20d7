"""Tells what a sandbox saw: clients, subscriptions and frames, and waits for more."""

from __future__ import annotations

import threading
import time
from typing import Any, Callable

from .peer import Client
from .server import Server
from .shown import SubscriptionInfo
from .trace import LONG_NAMES, SeenFrame, summary, text


class Witness:
    """What a sandbox saw. All methods may be called from any thread, and after its end."""

    _server: Server

    def clients(self) -> list[Client]:
        """The clients that are logged on, oldest connection first."""
        return self._server.run(
            lambda: [peer.client() for peer in self._server.peers.values() if peer.is_logged_on]
        )

    def subscriptions(self) -> list[SubscriptionInfo]:
        return self._server.run(
            lambda: [
                SubscriptionInfo(
                    text(peer.name),
                    peer.number,
                    text(each.sub_id),
                    text(each.topic),
                    peer.message_type,
                )
                for peer in self._server.peers.values()
                for each in peer.subscriptions.values()
            ]
        )

    def frames(
        self, client: str | None = None, command: str | None = None, direction: str | None = None
    ) -> list[SeenFrame]:
        """The newest frames in order, as far as they are of this client, command and direction."""
        wanted = None if command is None else LONG_NAMES.get(command, command)
        return [
            frame
            for frame in self._frames_since(0)
            if client in (None, frame.client)
            and wanted in (None, frame.command)
            and direction in (None, frame.direction)
        ]

    def received(self, command: str, client: str | None = None) -> list[SeenFrame]:
        """The frames of one command that came from clients; `p` and `publish` are the same."""
        return self.frames(client, command, "in")

    def forget_frames(self) -> None:
        """Empties the memory of frames."""
        self._server.run(self._server.trace.clear)

    def wait_for(
        self, wanted: str | Callable[[SeenFrame], bool], count: int = 1, timeout: float = 5.0
    ) -> list[SeenFrame]:
        """Waits until so many frames were seen, counting those before the call, and returns them.

        `wanted` is a command that clients send, or decides about each frame, in and out.
        Raises TimeoutError that says what was seen instead.
        """
        matches = _is_received(wanted) if isinstance(wanted, str) else wanted
        found: list[SeenFrame] = []
        looked_at = 0

        def has_come() -> bool:
            nonlocal looked_at
            frames, looked_at = self._server.run(
                lambda: (self._server.trace.since(looked_at), self._server.trace.total)
            )
            found.extend(frame for frame in frames if matches(frame))
            return len(found) >= count

        if not self._wait(has_come, timeout):
            name = repr(wanted) if isinstance(wanted, str) else "chosen"
            raise TimeoutError(
                f"waited {timeout:g} s for {count} {name} frame(s), saw {len(found)}; "
                f"all frames seen: {summary(self._frames_since(0))}"
            )
        return found

    def wait_until(self, condition: Callable[[], Any], timeout: float = 5.0) -> None:
        """Waits until `condition()` is true; asks again when frames or connections
        came or went, records changed, or a fault struck.

        Raises TimeoutError that says who is connected and what was seen.
        """
        if not self._wait(condition, timeout):
            names = ", ".join(repr(client.name) for client in self.clients()) or "nobody"
            raise TimeoutError(
                f"waited {timeout:g} s in vain; logged on: {names}; "
                f"all frames seen: {summary(self._frames_since(0))}"
            )

    def _frames_since(self, total: int) -> list[SeenFrame]:
        return self._server.run(lambda: self._server.trace.since(total))

    def _wait(self, condition: Callable[[], Any], timeout: float) -> bool:
        changed = threading.Event()
        deadline = time.monotonic() + timeout
        self._server.run(lambda: self._server.watchers.add(changed))
        try:
            while not condition():
                left = deadline - time.monotonic()
                if left <= 0 or not changed.wait(left):
                    return bool(condition())
                changed.clear()
            return True
        finally:
            self._server.run(lambda: self._server.watchers.discard(changed))


def _is_received(command: str) -> Callable[[SeenFrame], bool]:
    name = LONG_NAMES.get(command, command)
    return lambda frame: frame.direction == "in" and frame.command == name
