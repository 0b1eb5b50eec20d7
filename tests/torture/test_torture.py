"""The torture stories in short; the long ones are run by hand (python -m tests.torture.<story>)."""

import random

from . import publisher, queue, subscriber
from .common import SEED_MAX

SHORT_KILLS = 20
SHORT_MESSAGES = 10_000


def test_publisher_short(tmp_path):
    """Every message whose publish() had returned is in both logs, once, in order."""
    seed = random.randrange(SEED_MAX)
    print(f"seed {seed}")
    figures = publisher.run(SHORT_KILLS, seed, tmp_path)
    assert figures.promised > 0


def test_subscriber_short(tmp_path):
    """Every message is processed, and none again whose discard() had returned."""
    seed = random.randrange(SEED_MAX)
    print(f"seed {seed}")
    figures = subscriber.run(SHORT_KILLS, seed, tmp_path)
    assert figures.published > 0


def test_queue_short(tmp_path):
    """Every message is acknowledged once by a worker that has had it, and no worker starves."""
    seed = random.randrange(SEED_MAX)
    print(f"seed {seed}")
    figures = queue.run(SHORT_MESSAGES, seed, tmp_path)
    assert figures.kills + figures.freezes > 0
