"""What a handler discards counts at once for whoever asks, though a store hears of it later."""

import os
import shutil
import threading

import pytest

import AMPS

from .readers import EPOCH
from .scripted_peer import PATIENCE_S, delivery, say, wait_until


def deliveries(numbers, sub_id="s"):
    return b"".join(delivery(b"%d" % n, sub_id=sub_id, bm=f"1|{n}|") for n in numbers)


@pytest.fixture
def server(peer):
    return peer(subscribe=say(sub_id="s"))


@pytest.fixture
def handle(server, new_reader):
    """Subscribes a handler to what is noted in a store, and sends it messages in one piece."""

    def start(handler, store, count=5):
        reader = new_reader(server, store=store)
        done = threading.Event()
        problems = []

        def each(message):
            try:
                handler(reader, message)
            except BaseException as problem:
                problems.append(problem)
            if message.get_data() == str(count):
                done.set()

        reader.bookmark_subscribe(each, "t", EPOCH, sub_id="s")
        server.send(deliveries(range(1, count + 1)))
        assert done.wait(PATIENCE_S), "the messages did not come"
        assert not problems, problems
        return reader

    return start


QUESTIONS = {
    "where to go on": lambda store, message: store.get_most_recent("s"),
    "the oldest": lambda store, message: store.get_oldest_bookmark_seq("s"),
    "is it discarded": lambda store, message: store.is_discarded(message),
}


@pytest.mark.parametrize("question", QUESTIONS)
def test_who_discards_in_a_handler_sees_it_there(handle, question):
    store = AMPS.MemoryBookmarkStore()
    answers = []

    def discard(reader, message):
        reader.discard(message)
        if message.get_data() in "35":
            answers.append(QUESTIONS[question](store, message))

    handle(discard, store)
    assert (
        answers
        == {
            "where to go on": ["1|3|", "1|5|"],
            "the oldest": [4, 0],
            "is it discarded": [True, True],
        }[question]
    )


def test_another_thread_sees_it_while_the_handler_goes_on(handle):
    store = AMPS.MemoryBookmarkStore()
    seen = []

    def discard(reader, message):
        reader.discard(message)
        asker = threading.Thread(target=lambda: seen.append(reader.get_most_recent("s")))
        asker.start()
        asker.join(PATIENCE_S)

    handle(discard, store)
    assert seen == [f"1|{n}|" for n in range(1, 6)]


def test_the_order_is_free_and_twice_is_once(handle):
    store = AMPS.MemoryBookmarkStore()
    kept = []

    def discard(reader, message):
        kept.append(message)
        if message.get_data() in "24":
            for _ in range(600):  # more than wait at once
                reader.discard(message)

    reader = handle(discard, store)
    assert store.get_most_recent("s") == "0"
    assert store.get_oldest_bookmark_seq("s") == 1
    for number, recent in ((1, "1|2|"), (3, "1|4|"), (5, "1|5|")):
        reader.discard(kept[number - 1])
        assert store.get_most_recent("s") == recent


def test_a_handler_that_raises_has_discarded_all_the_same(server, new_reader):
    store = AMPS.MemoryBookmarkStore()
    reader = new_reader(server, store=store)

    def discard(message):
        reader.discard(message)
        raise ValueError(message.get_data())

    reader.bookmark_subscribe(discard, "t", EPOCH, sub_id="s")
    server.send(deliveries(range(1, 4)))
    wait_until(lambda: store.get_most_recent("s") == "1|3|", "the discards")


def test_what_is_forgotten_in_a_handler_stays_forgotten(handle):
    """The discards before the purge are of before; one after it finds nothing."""
    store = AMPS.MemoryBookmarkStore()

    def discard(reader, message):
        reader.discard(message)
        if message.get_data() == "3":
            store.purge()
            assert store.get_most_recent("s") == ""
            reader.discard(message)

    handle(discard, store)
    assert store.get_most_recent("s") == ""
    assert store.get_oldest_bookmark_seq("s") == 0


def test_a_store_closed_in_a_handler_says_so_to_the_next_discard(handle):
    store = AMPS.MemoryBookmarkStore()
    refused = []

    def discard(reader, message):
        try:
            reader.discard(message)
        except AMPS.StoreException:
            refused.append(message.get_data())
        if message.get_data() == "3":
            store.close()

    handle(discard, store)
    assert refused == ["4", "5"]


def test_a_changed_message_is_another(handle):
    """What the program set hides what came: then that is discarded."""
    store = AMPS.MemoryBookmarkStore()

    def discard(reader, message):
        if message.get_data() == "2":
            reader.discard(message.set_bookmark("1|1|"))

    handle(discard, store)
    assert store.get_most_recent("s") == "1|1|"
    assert store.get_oldest_bookmark_seq("s") == 2


def test_messages_of_one_store_mean_nothing_to_another(handle):
    """Both have an index 1: what the one noted is no message of the other."""
    first, second = AMPS.MemoryBookmarkStore(), AMPS.MemoryBookmarkStore()

    def discard(reader, message):
        if message.get_data() == "1":
            second.log(AMPS.Message().set_sub_id("s").set_bookmark("7|7|"))
            reader.discard(message)
        if message.get_data() == "2":
            reader.set_bookmark_store(second)
        reader.discard(message)

    handle(discard, first)
    assert first.get_most_recent("s") == "1|1|"
    assert second.get_most_recent("s") == ""
    assert second.get_oldest_bookmark_seq("s") == 1


def test_two_readers_discard_in_turns(peer, new_reader):
    stores = [AMPS.MemoryBookmarkStore() for _ in range(2)]
    servers = [peer(subscribe=say(sub_id="s")) for _ in range(2)]
    readers = [new_reader(server, store=store) for server, store in zip(servers, stores)]
    messages = []

    def keep_going(message):
        messages.append(message)
        for each in (0, 1):
            readers[each].discard(message)  # of one of them it is the other's, or nobody's

    for reader in readers:
        reader.bookmark_subscribe(keep_going, "t", EPOCH, sub_id="s")
    servers[0].send(deliveries(range(1, 400)))
    servers[1].send(deliveries(range(1, 300)))
    for store, last in zip(stores, (399, 299)):
        wait_until(lambda s=store, n=last: s.get_most_recent("s") == f"1|{n}|", "all discards")


class Points:
    """An adapter that keeps what it is told."""

    def __init__(self):
        self.told = []

    def next(self):
        return None

    def update(self, point):
        self.told.append(point.get_bookmark())

    def purge(self, sub_id=None):
        pass

    def close(self):
        pass


def test_an_adapter_is_told_of_each_discard_before_it_returns(handle):
    points = Points()
    last = []

    def discard(reader, message):
        reader.discard(message)
        last.append(points.told[-1])

    handle(discard, AMPS.MemoryBookmarkStore(points))
    assert last == [f"1|{n}|" for n in range(1, 6)]


def test_a_file_has_each_discard_before_it_returns(handle, tmp_path):
    """Whoever copies the file then has what a crash would leave."""
    path = tmp_path / "bookmarks"
    copies = []

    def discard(reader, message):
        reader.discard(message)
        copies.append(tmp_path / message.get_data())
        shutil.copy(path, copies[-1])

    store = AMPS.MMapBookmarkStore(str(path))
    handle(discard, store)
    store.close()
    recents = []
    for copy in copies:
        left = AMPS.MMapBookmarkStore(str(copy))
        recents.append(left.get_most_recent("s"))
        left.close()
    assert recents == [f"1|{n}|" for n in range(1, 6)]


def refusal(reader, message):
    """As the status of a process: 7 when the discard is refused as it should be."""
    try:
        reader.discard(message)
    except AMPS.UsageException:
        return 7
    except BaseException as problem:
        os.write(2, repr(problem).encode())
        return 2
    return 1


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_child_of_a_fork_in_a_handler_discards_nothing(handle):
    """What waited in the parent is the parent's; the child hears that the store is not its own."""
    store = AMPS.MemoryBookmarkStore()
    statuses = []

    def discard(reader, message):
        reader.discard(message)
        if message.get_data() == "3":
            child = os.fork()
            if child == 0:
                os._exit(refusal(reader, message))
            statuses.append(os.waitpid(child, 0)[1])

    handle(discard, store)
    assert [os.WEXITSTATUS(status) for status in statuses] == [7]
    assert store.get_most_recent("s") == "1|5|"
