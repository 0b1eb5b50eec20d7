"""What a program does while things go wrong, and how to see that nothing was lost by it."""

import json
import queue

import AMPS

from .fault_matrix import CELL_MS, COUNT, PLACE, TOPIC
from .scripted_peer import wait_until

BATCH = 5  # records in a frame


def bodies(numbers):
    return [b'{"id":%d}' % one for one in numbers]


def number(message):
    return json.loads(message.get_data())["id"]


def publish(world):
    world.connect()
    world.strike("publish", acks_on="ack:persisted", after=5)
    world.publish(*range(COUNT))
    world.client.publish_flush(world.wait_ms)


def flush(world):
    """All is published and the server has it; its acks are what goes wrong."""
    world.connect()
    world.strike(world.flush_trigger)
    world.publish(*range(COUNT))
    world.client.publish_flush(world.wait_ms)


def refill(world):
    """What was stored before the logon is sent after it."""
    world.publish(*range(COUNT))
    world.strike("publish", acks_on="ack:persisted", after=5)
    world.connect()
    world.client.publish_flush(world.wait_ms)


def logon(world):
    world.strike("logon")
    world.connect()


def subscribe(world):
    world.connect()
    world.strike("subscribe")
    world.client.subscribe(lambda m: world.inbox.put(number(m)), TOPIC, timeout=world.wait_ms)
    await_message(world)


def await_message(world):
    """Publishes until one comes: some may fall into the time without a connection."""

    def has_come():
        world.publish_aside(b'{"id":77}')
        try:
            return world.inbox.get(timeout=0.02) == 77
        except queue.Empty:
            return False

    wait_until(has_come, "a message of the subscription")


def sow(world):
    """Either all records, once, or an error: never a part of them that looks like all."""
    world.publish_aside(*bodies(range(COUNT)))
    world.connect()
    world.strike("deliver", acks_on="sow", after=1)
    found = []
    stream = world.client.sow(TOPIC, batch_size=BATCH, timeout=world.wait_ms)
    for message in stream.timeout(world.wait_ms):
        if message is None:
            raise AMPS.TimedOutException("the stream gives nothing")
        if message.get_command() == "sow":
            found.append(message.get_data().encode())
    assert found == bodies(range(COUNT)), f"the query ended with {found}"


def replay(world):
    """Discards every other message; those never come again, the others at least once."""
    world.publish_aside(*bodies(range(COUNT)))
    got, discarded = [], set()

    def handle(message):
        one = number(message)
        got.append(one)
        if one % 2:
            discarded.add(one)
            world.client.discard(message)

    world.connect()
    world.strike("deliver", acks_on="subscribe", after=5)
    epoch = world.client.Bookmarks.EPOCH
    world.client.bookmark_subscribe(handle, TOPIC, epoch, sub_id=PLACE, timeout=world.wait_ms)
    wait_until(lambda: set(got) >= set(range(COUNT)), "all messages of the replay")
    world.publish_aside(b'{"id":21}')
    wait_until(lambda: 21 in got, "a message after those")
    assert all(got.count(one) == 1 for one in discarded), f"discarded, and yet again: {got}"
    assert list(dict.fromkeys(got)) == [*range(COUNT), 21], f"out of order: {got}"


def reconnect(world):
    """A lost connection comes back into trouble: a subscription and the store want it back."""
    begin_reconnect(world, "logon")


def replace(world):
    """The same, and the trouble is where the subscription is placed again."""
    begin_reconnect(world, "subscribe")


def begin_reconnect(world, on):
    world.connect()
    world.client.subscribe(lambda m: world.inbox.put(number(m)), TOPIC, timeout=CELL_MS)
    world.losses = 1
    world.strike(on)
    for server in world.servers:
        server.disconnect("tester")
    world.publish(*range(COUNT))
    world.client.publish_flush(world.wait_ms)
    world.wait_back(2)
    await_message(world)


ACTIVITIES = {
    each.__name__: each
    for each in (publish, flush, refill, logon, subscribe, sow, replay, reconnect, replace)
}
