"""What scripted peers and tests say of queues: messages with leases in, acknowledgements out."""

import AMPS

from .scripted_peer import delivery, say

LEASE = "20990101T000000.000000Z"
QUICK_MS = 60  # a batch's timeout that a test can wait for
SLOW_MS = 60_000  # one that no test sees the end of


def grant(backlog, **more):
    """A peer's answer to a subscription to a queue."""
    return say(opts=f"max_backlog={backlog}", **more)


def item(number, sub_id="q", topic="Q", **more):
    """The bytes of a queue's message; its bookmark is `1|number|`."""
    fields = {"bm": f"1|{number}|", "lp": LEASE, **more}
    return delivery(
        str(number).encode(),
        sub_id,
        topic,
        **{name: value for name, value in fields.items() if value is not None},
    )


def items(count, first=1, **more):
    return b"".join(item(number, **more) for number in range(first, first + count))


def acked(frame):
    """An acknowledgement in short: its topic, the numbers of its bookmarks, its options."""
    listed = frame["bm"].split(",")
    numbers = [int(bookmark.split("|")[1]) for bookmark in listed]
    return (frame["t"], numbers, *([frame["opts"]] if "opts" in frame else []))


def acks_seen(peer):
    return [acked(frame) for frame in peer.seen("sow_delete")]


def wait_acks(peer, count):
    """The acknowledgements, in short, once so many commands have come."""
    return [acked(frame) for frame in peer.wait_for("sow_delete", count)][:]


def everything(peer, client):
    """All acknowledgements up to now: whatever was sent has come when a later command has."""
    before = len(peer.seen("heartbeat"))
    client.execute_async(AMPS.Command("heartbeat").set_options("beat"), None)
    peer.wait_for("heartbeat", before + 1)
    return acks_seen(peer)
