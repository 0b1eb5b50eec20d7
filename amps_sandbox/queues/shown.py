"""What a sandbox shows of its queues, for tests and for reports."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Callable, TypeVar

from ..trace import text

if TYPE_CHECKING:
    from ..server import Server
    from .queue_topic import QueueTopic

Result = TypeVar("Result")

TOLD = ("waiting", "leased", "late_acks", "acknowledged", "expired", "deliveries", "by_client")


class SandboxQueue:
    """A queue, and what became of its messages; each attribute says how it is right now.

    Bookmarks are those of the log. May be asked from any thread, and after the sandbox's end.
    What counts single messages is copied at each asking, so that `depth` is the one to wait for.
    """

    def __init__(self, server: Server, topic: bytes, message_type: str):
        self._server = server
        self._where = topic, message_type
        self.name = text(topic)
        self.message_type = message_type

    def _ask(self, function: Callable[[QueueTopic], Result]) -> Result:
        return self._server.run(lambda: function(self._server.queues.find(*self._where)))

    @property
    def waiting(self) -> int:
        """How many messages nobody has."""
        return self._ask(lambda queue: queue.waiting)

    @property
    def leased(self) -> int:
        """How many somebody has and may still acknowledge."""
        return self._ask(lambda queue: queue.leased)

    @property
    def depth(self) -> int:
        """How many messages are neither acknowledged nor gone otherwise."""
        return self._ask(lambda queue: queue.waiting + queue.leased)

    @property
    def acknowledged(self) -> dict[str, int]:
        """How often the log says of a bookmark that it was acknowledged."""
        return self._ask(lambda queue: _texts(queue.ledger.acknowledged))

    @property
    def expired(self) -> dict[str, int]:
        """How often the log says of a bookmark that it expired."""
        return self._ask(lambda queue: _texts(queue.ledger.expired))

    @property
    def deliveries(self) -> dict[str, int]:
        """How often each bookmark was sent to anybody, since the process began."""
        return self._ask(lambda queue: _texts(queue.ledger.deliveries))

    @property
    def by_subscription(self) -> dict[tuple[str, str], int]:
        """How many deliveries there were by client name and subscription id."""
        return self._ask(
            lambda queue: {
                (text(client), text(sub_id)): count
                for (client, sub_id), count in queue.ledger.receivers.items()
            }
        )

    @property
    def by_client(self) -> dict[str, int]:
        """How many deliveries there were by client name."""
        counts: Counter[str] = Counter()
        for (client, _), count in self.by_subscription.items():
            counts[client] += count
        return dict(counts)

    @property
    def late_acks(self) -> int:
        """How often a bookmark was acknowledged that was gone, another's, or never there."""
        return self._ask(lambda queue: queue.ledger.late_acks)

    def report(self) -> dict[str, Any]:
        """All of it as JSON has it, at one moment."""
        return self._server.run(
            lambda: {
                **{"name": self.name, "message_type": self.message_type},
                **{what: getattr(self, what) for what in TOLD},
                "by_subscription": [[*who, count] for who, count in self.by_subscription.items()],
            }
        )


def _texts(counts: Mapping[bytes, int]) -> dict[str, int]:
    return {text(bookmark): count for bookmark, count in counts.items()}
