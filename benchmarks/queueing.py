"""What taking messages from a queue costs, and acknowledging them."""

from receiving import FLUSH_MS_MAX, SUB_ID, connected, handle, handler_rate
from table import AT_MOST, RATE, interleave, plain_row, ratio_row

import AMPS

BATCH = 100
BATCH_MS = 1000
ACK_BYTES = "{:.1f} bytes"
ACK_BYTES_MAX = (AT_MOST, 45)  # a bookmark has 40


def leased_rate(client, count):
    """As `handler_rate`, of messages that are leased."""
    return handler_rate(client, count, "lease")


def taken(client):
    """How many bookmarks the peer has been told are done, and in how many bytes."""
    for _ in range(2):  # an answer may overtake the last handlers, the second cannot
        client.publish_flush(FLUSH_MS_MAX)
    command = AMPS.Command("flush").add_ack_type("processed")
    ack = next(client.execute(command))
    return int(ack.get_matches()), int(ack.get_topic_matches())


def consume(peer, rounds, count):
    """Yields the rows of a queue's consumer: the floor is the plain handler of the same round."""
    with (
        connected(peer.uri) as plain,
        connected(peer.uri) as leased,
        connected(peer.uri) as acking,
    ):
        for client in (plain, leased, acking):
            client.subscribe(handle, "any", sub_id=SUB_ID)
        acking.set_auto_ack(True)
        acking.set_ack_batch_size(BATCH)
        acking.set_ack_timeout(BATCH_MS)
        floors, of_leased, of_acking = interleave(
            rounds,
            lambda: handler_rate(plain, count),
            lambda: leased_rate(leased, count),
            lambda: leased_rate(acking, count),
        )
        acks, size = taken(acking)
    if acks != rounds * count:
        raise SystemExit(f"{rounds * count} messages, and {acks} were acknowledged")
    yield ratio_row("queue, no ack / plain handler", RATE, of_leased, floors, None)
    yield ratio_row("queue, auto ack by 100 / plain", RATE, of_acking, floors, None)
    yield plain_row("acks' traffic per message", ACK_BYTES, [size / acks], ACK_BYTES_MAX)


BENCHMARKS = {"queue": consume}
