"""What never losing a message costs: publishes that a store keeps, messages that are discarded."""

import gc
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path

from memory import WAIT_SECONDS_MAX, resident_bytes
from peer import BODY
from publishing import rate
from receiving import SUB_ID, connected, handle, handler_rate
from table import AT_LEAST, AT_MOST, BYTES, MILLISECONDS, RATE, interleave, plain_row, ratio_row

import AMPS
from amps_sandbox import Sandbox

OF_PLAIN_IN_MEMORY = (AT_LEAST, 0.7)
OF_PLAIN_IN_FILE = (AT_LEAST, 0.5)
OF_PLAIN_RECEIVING = (AT_LEAST, 0.6)
WEIGHT_MAX = (AT_MOST, 100)
TAKEOVER_MS_MAX = (AT_MOST, 50)
TAKEOVER_SECONDS_MAX = 10
TAKEOVERS = 5  # a round
SMALL = b"x" * 16  # where what is kept beside a message counts most
FRAME_SIZE = 4 + len('{"c":"p","t":"sink","a":"persisted","s":1234567890123456789}') + len(SMALL)
LOGS_FOLDER = "/dev/shm" if Path("/dev/shm").is_dir() else None  # no disk of others in the rows


@contextmanager
def returning(uri, publish_store=None, bookmark_store=None):
    """An HAClient with these stores that is logged on."""
    with AMPS.HAClient("benchmark", no_store=True) as client:
        chooser = AMPS.DefaultServerChooser()
        chooser.add(uri)
        client.set_server_chooser(chooser)
        client.set_publish_store(publish_store)
        client.set_bookmark_store(bookmark_store)
        client.connect_and_logon()
        yield client


def with_publish_store(peer, rounds, count):
    """Yields the rows of publishing: the floor is the plain client's rate of the same round."""
    with tempfile.TemporaryDirectory(dir=LOGS_FOLDER) as folder:
        file_store = AMPS.PublishStore(str(Path(folder) / "publishes"))
        with (
            connected(peer.uri) as plain,
            returning(peer.uri, AMPS.MemoryPublishStore()) as in_memory,
            returning(peer.uri, file_store) as in_file,
        ):
            floors, of_memory, of_file = interleave(
                rounds,
                lambda: rate(plain, BODY, count),
                lambda: rate(in_memory, BODY, count),
                lambda: rate(in_file, BODY, count),
            )
        file_store.close()
    yield ratio_row("publish, memory store / plain", RATE, of_memory, floors, OF_PLAIN_IN_MEMORY)
    yield ratio_row("publish, file store / plain", RATE, of_file, floors, OF_PLAIN_IN_FILE)


def with_bookmark_store(peer, rounds, count):
    """Yields the rows of receiving: the floor is the plain client's rate of the same round."""
    with tempfile.TemporaryDirectory(dir=LOGS_FOLDER) as folder:
        log = AMPS.MMapBookmarkStore(str(Path(folder) / "bookmarks"))
        with (
            connected(peer.uri) as plain,
            returning(peer.uri, None, AMPS.MemoryBookmarkStore()) as in_memory,
            returning(peer.uri, None, log) as in_file,
        ):
            plain.subscribe(handle, "any", sub_id=SUB_ID)
            for client in (in_memory, in_file):
                client.bookmark_subscribe(discarding(client), "any", bookmark="0", sub_id=SUB_ID)
            floors, of_memory, of_file = interleave(
                rounds,
                lambda: handler_rate(plain, count),
                lambda: handler_rate(in_memory, count),
                lambda: handler_rate(in_file, count),
            )
        log.close()
    yield ratio_row("discard, memory store / plain", RATE, of_memory, floors, OF_PLAIN_RECEIVING)
    yield ratio_row("discard, mapped log / plain", RATE, of_file, floors, None)


def discarding(client):
    """A handler that is done with each message at once."""
    discard = client.discard

    def handle_and_discard(message):
        message.get_data()
        discard(message)

    return handle_and_discard


# ---- From one server to the next ---------------------------------------------------------------


def takeover_ms():
    """From the end of one server of a pair to a message that the other delivers."""
    arrived = threading.Event()
    with (
        Sandbox(txlog=["any"]) as first,
        Sandbox(txlog=["any"], replica_of=first) as second,
        AMPS.Client("other") as publisher,
        AMPS.HAClient("benchmark") as client,
    ):
        publisher.connect(second.uri())
        publisher.logon()
        chooser = AMPS.DefaultServerChooser()
        chooser.add(first.uri()).add(second.uri())
        client.set_server_chooser(chooser)
        client.set_reconnect_delay(0)
        client.connect_and_logon()
        client.bookmark_subscribe(lambda message: arrived.set(), "any", bookmark="0|1|")
        began = time.perf_counter()
        first.kill()
        publisher.publish("any", BODY)
        if not arrived.wait(TAKEOVER_SECONDS_MAX):
            raise SystemExit("no message came from the second server")
        return (time.perf_counter() - began) * 1000


def taken_over(peer, rounds, count):
    """Yields the row of losing a server: more rounds than of others, for each is short."""
    (took,) = interleave(rounds * TAKEOVERS, takeover_ms)
    yield plain_row("server lost to message, p50", MILLISECONDS, took, TAKEOVER_MS_MAX)


# ---- What a kept message weighs ----------------------------------------------------------------


def print_growth(count):
    """In a fresh process: keeps small publishes in a store, prints how many bytes that took."""
    with AMPS.HAClient("benchmark", no_store=True) as client:
        client.set_publish_store(AMPS.MemoryPublishStore())
        keep(client, count // 100)  # what is needed once is not counted
        gc.collect()
        before = resident_bytes()
        keep(client, count)
        print(resident_bytes() - before)


def keep(client, count):
    """Publishes that wait for a connection."""
    for _ in range(count):
        try:
            client.publish("sink", SMALL)
        except AMPS.DisconnectedException:
            continue


def weight(count):
    """Bytes per kept message beyond those of its frame."""
    command = [sys.executable, __file__, str(count)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, timeout=2 * WAIT_SECONDS_MAX)
    return int(done.stdout) / count - FRAME_SIZE


def kept(peer, rounds, count):
    """Yields the row of memory."""
    (weights,) = interleave(rounds, lambda: weight(count // 2))
    yield plain_row("memory per kept publish", BYTES, weights, WEIGHT_MAX)


BENCHMARKS = {
    "keep": with_publish_store,
    "discard": with_bookmark_store,
    "takeover": taken_over,
    "kept": kept,
}

if __name__ == "__main__":
    print_growth(int(sys.argv[1]))
