"""Bookmark stores in files, through clients: what a restart, damage or a full disk costs."""

import pathlib
import resource
import signal
import subprocess
import sys

import pytest

import AMPS

from .readers import EPOCH, MOST_RECENT, starts, write
from .scripted_peer import PATIENCE_S


def read_and_discard(reader, inbox, count, discards):
    """Takes so many messages and discards those whose body is named."""
    messages = [inbox.get() for _ in range(count)]
    for message in messages:
        if message.get_data() in discards:
            reader.discard(message)
    return messages


@pytest.mark.parametrize("store", [AMPS.MMapBookmarkStore, AMPS.RingBookmarkStore])
def test_the_next_process_goes_on_where_this_one_was(logged, new_reader, inboxes, tmp_path, store):
    path = str(tmp_path / "bookmarks")
    first, second = inboxes(), inboxes()
    before = store(path)
    reader = new_reader(logged, store=before)
    reader.bookmark_subscribe(first, "quotes", EPOCH, sub_id="s")
    write(logged, 4, topic="quotes")
    read_and_discard(reader, first, 4, "12")
    reader.close()
    before.close()
    write(logged, 1, first=5, topic="quotes")
    other = new_reader(logged, store=store(path))
    other.bookmark_subscribe(second, "quotes", MOST_RECENT, sub_id="s")
    assert second.bodies(3) == ["3", "4", "5"]


def test_the_file_named_to_the_client_is_its_bookmark_store(logged, inboxes, tmp_path):
    path = str(tmp_path / "bookmarks")
    chooser = AMPS.DefaultServerChooser()
    chooser.add(logged.uri("json"))
    write(logged, 3, topic="quotes")
    for wanted in (["1", "2", "3"], ["2", "3"]):
        inbox = inboxes()
        with AMPS.HAClient("reader", bookmark_store=path) as client:
            client.set_server_chooser(chooser)
            client.connect_and_logon()
            client.bookmark_subscribe(inbox, "quotes", MOST_RECENT, sub_id="s")
            messages = [inbox.get() for _ in wanted]
            assert [message.get_data() for message in messages] == wanted
            client.discard(messages[0])
        del client, messages


def test_one_file_is_one_clients_at_a_time(tmp_path):
    path = str(tmp_path / "bookmarks")
    store = AMPS.MMapBookmarkStore(path)
    with pytest.raises(AMPS.StoreException, match="bookmarks"):
        AMPS.HAClient("another", bookmark_store=path)
    store.close()
    AMPS.HAClient("another", bookmark_store=path).close()


def damaged_in_the_middle(path):
    """A file with one record that is not what was written, and whole ones behind it."""
    store = AMPS.MMapBookmarkStore(str(path))
    message = AMPS.Message()
    message.set_sub_id("s")
    sizes = []
    for number in range(1, 21):
        message.set_bookmark(f"7|{number}|")
        store.log(message)
        store.discard_message(message)
        sizes.append(store.get_most_recent("s"))
    store.close()
    content = bytearray(path.read_bytes())
    middle = len(bytes(content).rstrip(b"\0")) // 2
    content[middle] ^= 0xFF
    path.write_bytes(content)
    return sizes


def test_case_71_damage_in_the_middle_is_copied_and_told(logged, new_reader, inbox, tmp_path):
    path = tmp_path / "bookmarks"
    points = damaged_in_the_middle(path)
    before = path.read_bytes()
    reader = new_reader(logged, store=AMPS.MMapBookmarkStore(str(path)))
    (copy,) = tmp_path.glob("bookmarks.corrupt-*")
    assert copy.read_bytes() == before
    (trouble,) = [each for each in reader.problems if isinstance(each, AMPS.StoreException)]
    assert "corrupt" in str(trouble)
    assert reader.get_most_recent("s") in points[1:-1], "what was before the damage is used"
    write(logged, 1, topic="quotes")
    reader.bookmark_subscribe(inbox, "quotes", EPOCH, sub_id="other")
    assert inbox.bodies(1) == ["1"]


def test_case_71_without_a_listener_it_is_told_all_the_same(tmp_path, monkeypatch):
    """INV-6."""
    told = []
    monkeypatch.setattr(sys, "unraisablehook", lambda event: told.append(event.exc_value))
    path = tmp_path / "bookmarks"
    damaged_in_the_middle(path)
    AMPS.HAClient("reader", bookmark_store=str(path)).close()
    assert [type(each) for each in told] == [AMPS.StoreException]


PRUNER = """
import sys, AMPS
path, seed = sys.argv[1], int(sys.argv[2])
store = AMPS.MMapBookmarkStore(path)
message = AMPS.Message()
message.set_sub_id("s")
for number in range(seed * 1000, seed * 1000 + 200):
    message.set_bookmark(f"{1 + number % 3}|{number + 1}|")
    store.log(message)
    if number % 100 != 7:
        store.discard_message(message)
print(store.get_most_recent("s"), store.get_oldest_bookmark_seq("s"), sep=";", flush=True)
while True:
    store.prune()
"""


def test_case_72_killed_while_it_prunes(tmp_path):
    """At whatever step: the file says the same as before. The steps one by one: tests/c."""
    path = str(tmp_path / "bookmarks")
    for kill in range(12):
        process = subprocess.Popen(
            [sys.executable, "-c", PRUNER, path, str(kill)], stdout=subprocess.PIPE, text=True
        )
        recent, oldest = process.stdout.readline().strip().split(";")
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.003 * kill)
        process.send_signal(signal.SIGKILL)
        process.wait(PATIENCE_S)
        process.stdout.close()
        store = AMPS.MMapBookmarkStore(path)
        assert store.get_most_recent("s") == recent
        assert (store.get_oldest_bookmark_seq("s") == 0) == (oldest == "0")
        store.close()
        assert len(list(tmp_path.iterdir())) <= 2, "the file, and what a prune had begun"


def test_pruning_makes_the_file_smaller_and_changes_nothing(logged, new_reader, inbox, tmp_path):
    path = tmp_path / "bookmarks"
    reader = new_reader(logged, store=AMPS.MMapBookmarkStore(str(path)))
    reader.bookmark_subscribe(inbox, "quotes", EPOCH, sub_id="s")
    write(logged, 500, topic="quotes")
    messages = [inbox.get() for _ in range(500)]
    for message in messages[:400]:
        reader.discard(message)
    before = reader.get_most_recent("s").split(",")[0]
    size = len(path.read_bytes().rstrip(b"\0"))
    reader.prune_store()
    assert reader.get_most_recent("s").split(",")[0] == before
    assert len(path.read_bytes().rstrip(b"\0")) < size / 2
    reader.prune_store(str(tmp_path / "other.tmp"))
    assert not (tmp_path / "other.tmp").exists()
    logged.disconnect("reader")
    assert inbox.bodies(100) == [str(number) for number in range(401, 501)]


@pytest.fixture
def small_disk():
    """Nobody may make a file larger than it says, until it is given back."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def shrink(size):
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))

    yield shrink
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_case_73_a_full_disk_costs_duplicates_only(
    logged, new_reader, inboxes, tmp_path, small_disk
):
    path = tmp_path / "bookmarks"
    reader = new_reader(logged, store=AMPS.MMapBookmarkStore(str(path)))
    inbox = inboxes()
    reader.bookmark_subscribe(inbox, "quotes", EPOCH, sub_id="s")
    small_disk(path.stat().st_size)
    count = 3000
    write(logged, count, topic="quotes")
    last = None
    for number in range(1, count + 1):
        last = inbox.get()
        assert last.get_data() == str(number)
        reader.discard(last)
    assert reader.get_most_recent("s").split(",")[0] == last.get_bookmark()
    troubles = [each for each in reader.problems if isinstance(each, AMPS.StoreException)]
    assert len(troubles) == 1, "once a minute is enough"
    logged.disconnect("reader")
    write(logged, 1, first=count + 1, topic="quotes")
    assert inbox.bodies(1) == [str(count + 1)]
    assert len(starts(logged)) == 2

    copy = tmp_path / "copy"
    content = pathlib.Path(path).read_bytes()
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
    copy.write_bytes(content)
    reader.close()
    other, again = new_reader(logged, store=AMPS.MMapBookmarkStore(str(copy))), inboxes()
    other.bookmark_subscribe(again, "quotes", MOST_RECENT, sub_id="s")
    seen = again.bodies(1)
    while seen[-1] != str(count + 1):
        seen += again.bodies(1)
    assert seen == [str(number) for number in range(int(seen[0]), count + 2)]


def test_case_74_a_ring_brings_back_what_was_discarded_out_of_order(
    logged, new_reader, inboxes, tmp_path
):
    path = str(tmp_path / "ring")
    first, second = inboxes(), inboxes()
    before = AMPS.RingBookmarkStore(path)
    reader = new_reader(logged, store=before)
    reader.bookmark_subscribe(first, "quotes", EPOCH, sub_id="s")
    write(logged, 6, topic="quotes")
    read_and_discard(reader, first, 6, "1245")
    logged.disconnect("reader")
    assert first.bodies(2) == ["3", "6"], "within the process nothing comes twice"
    reader.close()
    before.close()
    other = new_reader(logged, store=AMPS.RingBookmarkStore(path))
    other.bookmark_subscribe(second, "quotes", MOST_RECENT, sub_id="s")
    assert second.bodies(4) == ["3", "4", "5", "6"]
    assert other.duplicates == []
