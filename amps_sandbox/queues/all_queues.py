"""All queues of a server: what it asks of each of them at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ..sequences import Sequences
from ..trace import text

if TYPE_CHECKING:
    from ..topics import Topics
    from .queue_topic import QueueTopic


class Queues:
    """The queues of all message types; what they log of their own has this `publisher`."""

    def __init__(self, topics: Mapping[str, Topics], sequences: Sequences, publisher: bytes):
        self._by_type = {message_type: each.queues for message_type, each in topics.items()}
        self._all = [queue for queues in self._by_type.values() for queue in queues.values()]
        self._sequences = sequences
        self._publisher = publisher

    @property
    def changes(self) -> int:
        return sum(queue.changes for queue in self._all)

    def log_gone(self) -> None:
        """Logs what left a queue by itself."""
        for queue in self._all:
            if queue.has_unsaid:
                queue.log_gone(self._sequences, self._sequences.know(self._publisher))

    def clear(self) -> None:
        """Forgets all messages: the log will lose some."""
        for queue in self._all:
            queue.clear()

    def rebuild(self) -> None:
        """Takes what is in the log."""
        for queue in self._all:
            queue.rebuild()

    def go_on_from(self, before: Queues) -> None:
        """Takes over what was remembered of these queues and is not in the log."""
        for queue, former in zip(self._all, before._all):
            queue.ledger.go_on_from(former.ledger)

    def names(self) -> list[tuple[bytes, str]]:
        """The queues by name and message type."""
        return [(topic, kind) for kind, queues in self._by_type.items() for topic in queues]

    def find(self, topic: bytes, message_type: str) -> QueueTopic:
        """A queue, of which all is logged. Raises ValueError if it is none."""
        queue = self._by_type.get(message_type, {}).get(topic)
        if queue is None:
            raise ValueError(f"there is no {message_type} queue {text(topic)!r}")
        self.log_gone()
        return queue
