"""Discards from all sides while messages come, come again, and wait in streams."""

import random
import threading

import pytest

import AMPS

from .calls import wait_handled
from .custom_stores import PlainStore
from .readers import EPOCH, MOST_RECENT, write
from .scripted_peer import PATIENCE_S, delivery, say, wait_until

STORES = pytest.mark.parametrize("make_store", [AMPS.MemoryBookmarkStore, PlainStore])


def deliveries(*numbers):
    return b"".join(delivery(b"%d" % n, bm=f"1|{n}|") for n in numbers)


@STORES
def test_a_handler_that_discards_gets_no_second_copy_of_the_same_burst(
    peer, new_reader, make_store
):
    """INV-4: both copies had been received when the first was discarded."""
    server = peer(subscribe=say(sub_id="s"))
    reader = new_reader(server, store=make_store())
    came = []

    def discard_it(message):
        came.append(message.get_data())
        reader.discard(message)

    reader.bookmark_subscribe(discard_it, "t", EPOCH, sub_id="s")
    server.send(deliveries(1, 2, 1, 3, 2, 2, 4))
    wait_until(lambda: came == ["1", "2", "3", "4"], "the messages")
    wait_until(lambda: reader.duplicates == ["1", "2", "2"], "the duplicates")


@STORES
@pytest.mark.parametrize("take", ["next", "batch"])
def test_a_copy_that_waits_in_a_stream_is_dropped_when_the_first_is_discarded(
    peer, new_reader, make_store, take
):
    """INV-4: what waited in the stream at the loss was sent a second time."""
    server = peer(subscribe=say(sub_id="s"))
    reader = new_reader(server, store=make_store())
    stream = reader.bookmark_subscribe("t", EPOCH, sub_id="s").timeout(20)
    server.send(deliveries(1, 2, 3))
    wait_until(lambda: stream.get_depth() == 3, "the messages")
    server.hang_up()
    server.wait_for("subscribe", 2)
    wait_handled(reader)
    server.send(deliveries(1, 2, 3, 4))
    wait_until(lambda: stream.get_depth() == 7, "the copies")
    came = []
    while True:
        messages = stream.batch(1) if take == "batch" else [next(stream)]
        if not messages or messages[0] is None:
            break
        came.append(messages[0].get_data())
        if messages[0].get_data() != "2":
            reader.discard(messages[0])
    assert came == ["1", "2", "3", "2", "4"], "2 was not discarded"


def test_discards_of_many_threads_while_messages_come(logged, new_reader, inbox):
    reader = new_reader(logged)
    count, threads = 4000, []
    reader.bookmark_subscribe(inbox, "quotes", EPOCH, sub_id="s")
    write(logged, count, topic="quotes")
    left = [inbox.get() for _ in range(count // 2)]
    random.Random(1).shuffle(left)

    def discard(share):
        for message in share:
            reader.discard(message)

    for each in range(4):
        threads.append(threading.Thread(target=discard, args=(left[each::4],)))
        threads[-1].start()
    rest = [inbox.get() for _ in range(count // 2)]
    for thread in threads:
        thread.join(PATIENCE_S)
    numbers = [message.get_bookmark_seq_no() for message in rest]
    assert numbers == list(range(count // 2 + 1, count + 1))
    wait_until(
        lambda: (
            reader.get_most_recent("s").split(",")[0] == logged.journal()[count // 2 - 1].bookmark
        ),
        "all discards",
    )


def test_two_subscriptions_are_discarded_from_two_threads(logged, new_reader, inboxes):
    """Messages of both take turns; each discard reaches its own subscription."""
    reader = new_reader(logged)
    boxes = {name: inboxes() for name in "ab"}
    for name, box in boxes.items():
        reader.bookmark_subscribe(box, "quotes", EPOCH, sub_id=name)
    write(logged, 500, topic="quotes")
    came = {name: [box.get() for _ in range(500)] for name, box in boxes.items()}
    mixed = [message for pair in zip(came["a"], came["b"][:250]) for message in pair]
    threads = [
        threading.Thread(target=lambda part=part: [reader.discard(m) for m in part])
        for part in (mixed[::3], mixed[1::3], mixed[2::3], came["a"][250:])
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert reader.get_most_recent("a").split(",")[0] == came["a"][499].get_bookmark()
    assert reader.get_most_recent("b").split(",")[0] == came["b"][249].get_bookmark()


def test_discarding_while_the_store_is_closed_is_an_error_and_no_crash(
    logged, new_reader, inbox, tmp_path
):
    store = AMPS.MMapBookmarkStore(str(tmp_path / "bookmarks"))
    reader = new_reader(logged, store=store)
    reader.bookmark_subscribe(inbox, "quotes", EPOCH, sub_id="s")
    write(logged, 2, topic="quotes")
    message = inbox.get()
    store.close()
    store.close()
    with pytest.raises(AMPS.StoreException):
        reader.discard(message)
    write(logged, 1, first=3, topic="quotes")
    assert inbox.bodies(2) == ["2", "3"]


@pytest.mark.parametrize("seed", range(3))
def test_case_77_whatever_is_discarded_and_lost_nothing_is_missed(
    logged, new_reader, log_on, inbox, seed
):
    """INV-3, through client and server; 10,000 runs of the store alone are in tests/c."""
    chance = random.Random(seed)
    publishers = [log_on(logged, name) for name in "ABC"]
    reader = new_reader(logged)
    reader.bookmark_subscribe(inbox, "quotes", MOST_RECENT, sub_id="s")
    published, held, done = [], [], set()
    for step in range(60):
        for client in chance.sample(publishers, 2):
            for _ in range(chance.randrange(5)):
                published.append(f"{client.get_name()}{len(published)}")
                client.publish("quotes", published[-1])
        while not inbox.is_empty():
            held.append(inbox.get())
        chance.shuffle(held)
        for _ in range(chance.randrange(len(held) + 1)):
            message = held.pop()
            reader.discard(message)
            done.add(message.get_data())
        if step % 10 == 9:
            logged.disconnect("reader")
    for client in publishers:
        client.publish_flush(5000)
    held.clear()
    logged.forget_frames()
    logged.disconnect("reader")
    wait_until(lambda: logged.received("subscribe", "reader"), "the next placement")
    while len(done) < len(published):
        message = inbox.get()
        reader.discard(message)
        done.add(message.get_data())
    assert done == set(published)
