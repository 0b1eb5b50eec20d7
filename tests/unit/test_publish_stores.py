"""Publish stores alone: numbers, what survives the end of a process, files that are not sound."""

import os
import pathlib
import random
import resource
import signal
import struct
import subprocess
import sys
import time

import pytest

import AMPS

SECOND = 10**9
KILLS = 25  # the C test kills at every instruction; here it is a whole process at random moments

# A process that says each number after store() has returned; with a second argument a hybrid.
STORING = """
import os, sys, AMPS
store = AMPS.{make}
for each in range(10**9):
    message = AMPS.Message()
    message.set_command("publish").set_topic("t").set_data(str(each) + "." * (each * 37 % 900))
    os.write(1, b"%d %d .\\n" % (store.store(message), each))
    if each % 50 == 49:
        store.discard_up_to(store.get_lowest_unpersisted() + 25)
"""


def message(body="x", command="publish"):
    made = AMPS.Message()
    made.set_command(command).set_topic("t").set_data(body)
    return made


def filled(store, count, body="m{}"):
    return [store.store(message(body.format(each))) for each in range(count)]


def held(store):
    kept = []
    store.replay(lambda each: kept.append((int(each.get_sequence()), each.get_data())))
    return kept


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "store")


def makers(path):
    return {
        "memory": AMPS.MemoryPublishStore,
        "file": lambda: AMPS.PublishStore(path),
        "hybrid": lambda: AMPS.HybridPublishStore(path, 10_000),
    }


KINDS = pytest.mark.parametrize("kind", ["memory", "file", "hybrid"])


# ---- Numbers and messages ------------------------------------------------------------------------


@KINDS
def test_case_32_the_first_number_is_the_clock_s(path, kind):
    before = int(time.time())
    store = makers(path)[kind]()
    first = store.store(message())
    assert before * SECOND < first <= (before + 2) * SECOND
    assert [store.store(message()) for _ in range(3)] == [first + 1, first + 2, first + 3]


@pytest.mark.parametrize("kind", ["file", "hybrid"])
def test_case_32_after_reopening_numbers_are_above_every_earlier_one(path, kind):
    store = makers(path)[kind]()
    last = filled(store, 5)[-1]
    store.discard_up_to(last)
    store.close()
    again = makers(path)[kind]()
    assert again.get_unpersisted_count() == 0
    assert again.get_last_persisted() == last
    assert again.store(message()) > last
    again.close()


@KINDS
def test_the_numbers_a_store_tells(path, kind):
    store = makers(path)[kind]()
    told = (store.get_unpersisted_count, store.get_lowest_unpersisted, store.get_last_persisted)
    assert [each() for each in told] == [0, 0, 0]
    numbers = filled(store, 4)
    assert [each() for each in told] == [4, numbers[0], 0]
    store.discard_up_to(numbers[1])
    store.discard_up_to(0)
    assert [each() for each in told] == [2, numbers[2], numbers[1]]


@KINDS
def test_a_message_is_kept_whole(path, kind):
    store = makers(path)[kind]()
    sent = AMPS.Message()
    sent.set_command("delta_publish").set_topic("t/ä").set_data(b"\0\xff" * 5000)
    sent.set_correlation_id("c,1").set_sow_key("k").set_expiration(7).set_command_id("id")
    number = store.store(sent)
    found = []
    assert store.replay_single(found.append, number) is True
    kept = found[0]
    assert kept.get_data_raw() == b"\0\xff" * 5000
    assert (kept.get_command(), kept.get_topic()) == ("delta_publish", "t/ä")
    assert (kept.get_correlation_id(), kept.get_sow_key(), kept.get_command_id()) == (
        "c,1",
        "k",
        "id",
    )
    assert int(kept.get_sequence()) == number and int(kept.get_expiration()) == 7


@KINDS
def test_a_number_that_is_not_kept_is_not_replayed(path, kind):
    store = makers(path)[kind]()
    numbers = filled(store, 3)
    store.discard_up_to(numbers[0])
    for number in (0, numbers[0], numbers[-1] + 1, 2**64 - 1):
        assert store.replay_single(pytest.fail, number) is False


@KINDS
def test_what_a_replay_handler_raises_ends_it(path, kind):
    store = makers(path)[kind]()
    filled(store, 3)
    seen = []

    def fail(each):
        seen.append(each.get_data())
        raise KeyError("enough")

    with pytest.raises(KeyError, match="enough"):
        store.replay(fail)
    assert seen == ["m0"]


@KINDS
def test_a_handler_may_use_the_store_that_replays(path, kind):
    """No lock is held meanwhile; what it stores is replayed too, what it discards is not."""
    store = makers(path)[kind]()
    numbers = filled(store, 4)
    seen = []

    def handle(each):
        seen.append(each.get_data())
        if len(seen) == 1:
            store.discard_up_to(numbers[2])
            store.store(message("new"))

    store.replay(handle)
    assert seen == ["m0", "m3", "new"]


@KINDS
@pytest.mark.parametrize("number", [-1, 2**64, "5", None, 1.5, True], ids=repr)
def test_numbers_that_are_none_are_refused(path, kind, number):
    store = makers(path)[kind]()
    filled(store, 2)
    for call in (store.discard_up_to, lambda each: store.replay_single(pytest.fail, each)):
        with pytest.raises((TypeError, AMPS.UsageException), match="sequence"):
            call(number)
    assert store.get_unpersisted_count() == 2


@pytest.mark.parametrize("what", [None, "text", b"bytes", 7, AMPS.Command("publish")], ids=repr)
def test_only_messages_are_stored(what):
    with pytest.raises(TypeError, match="a Message is stored"):
        AMPS.MemoryPublishStore().store(what)


@KINDS
def test_case_39_discarding_below_what_is_gone_is_a_gap_only_if_so_set(path, kind):
    store = makers(path)[kind]()
    numbers = filled(store, 3)
    store.discard_up_to(numbers[1])
    store.discard_up_to(numbers[0])
    store.set_error_on_publish_gap(True)
    with pytest.raises(AMPS.PublishStoreGapException, match=str(numbers[1])):
        store.discard_up_to(numbers[0])
    store.discard_up_to(numbers[1])
    assert store.get_error_on_publish_gap() is True
    assert store.get_unpersisted_count() == 1


# ---- The end of a process ------------------------------------------------------------------------


def kill_while_storing(make, moment):
    """Runs a process that stores until it is killed; gives {number: body number} as it said."""
    process = subprocess.Popen(
        [sys.executable, "-c", STORING.format(make=make)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(each or "." for each in sys.path)},
    )
    said = process.stdout.readline()
    assert said, "it does not even begin"
    try:
        process.wait(moment)
    except subprocess.TimeoutExpired:
        process.kill()
    said += process.stdout.read()
    process.stdout.close()
    assert process.wait() == -signal.SIGKILL
    lines = [line.split() for line in said.decode().splitlines() if line.endswith(".")]
    return {int(number): int(each) for number, each, _ in lines}


def test_case_51_what_was_stored_survives_kill_9(path):
    """Every number that store() gave and nobody discarded is there, with its message."""
    chance = random.Random(51)
    for _ in range(KILLS):
        said = kill_while_storing(f"PublishStore({path!r}, False, 16, 256)", chance.random() * 0.02)
        store = AMPS.PublishStore(path)
        kept = dict(held(store))
        for number, each in said.items():
            if number > store.get_last_persisted():
                assert kept[number] == str(each) + "." * (each * 37 % 900)
        assert store.get_unpersisted_count() == len(kept)  # case 57
        if kept:
            store.discard_up_to(max(kept))
        store.close()


def test_case_60_a_hybrid_killed_while_it_moves_loses_nothing_of_its_file(path):
    """What is in memory goes with the process; what is in the file is whole, once, and lowest."""
    chance = random.Random(60)
    for _ in range(KILLS):
        said = kill_while_storing(f"HybridPublishStore({path!r}, 5000)", chance.random() * 0.02)
        store = AMPS.HybridPublishStore(path, 5000)
        kept = held(store)
        numbers = [number for number, _ in kept]
        assert numbers == sorted(set(numbers))
        expected = [number for number in said if number > store.get_last_persisted()]
        assert [number for number in numbers if number in said] == expected[: len(numbers)]
        assert len(expected) - len(numbers) < 40, "more than fit into memory are gone"
        for number, body in kept:
            if number in said:
                assert body.startswith(str(said[number]))
        if kept:
            store.discard_up_to(numbers[-1])
        store.close()


def test_case_55_a_file_belongs_to_one_process(path):
    store = AMPS.PublishStore(path)
    numbers = filled(store, 2)
    with pytest.raises(AMPS.StoreException, match="store"):
        AMPS.PublishStore(path)
    opening = f"import AMPS; AMPS.PublishStore({path!r})"
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(each or "." for each in sys.path)}
    second = subprocess.run(
        [sys.executable, "-c", opening], stderr=subprocess.PIPE, env=env, check=False
    )
    assert second.returncode == 1 and b"StoreException" in second.stderr
    assert path.encode() in second.stderr
    assert [number for number, _ in held(store)] == numbers
    store.close()
    subprocess.run([sys.executable, "-c", opening], env=env, check=True)
    kill_while_storing(f"PublishStore({path!r})", 0.01)
    assert AMPS.PublishStore(path).get_unpersisted_count() > 0


# ---- Files that are not sound --------------------------------------------------------------------


def stored_file(path, count=20):
    store = AMPS.PublishStore(path, False, 64, 256)
    numbers = filled(store, count, "body {} " + "." * 500)
    store.close()
    return numbers


def bytes_of(path):
    return pathlib.Path(path).read_bytes()


def write(path, data):
    pathlib.Path(path).write_bytes(data)


def size_of(path):
    return pathlib.Path(path).stat().st_size


def assert_refused(path):
    """Opening says what is wrong, names the file, and leaves it as it was."""
    before = bytes_of(path)
    with pytest.raises(AMPS.StoreException, match=pathlib.Path(path).name):
        AMPS.PublishStore(path)
    assert bytes_of(path) == before


@pytest.mark.parametrize("cut", [1, 100, 256, 5000])
def test_case_52_a_file_cut_off_is_refused_untouched(path, cut):
    stored_file(path)
    write(path, bytes_of(path)[:-cut])
    assert_refused(path)


def test_case_53_a_flipped_bit_in_any_message_is_refused_untouched(path):
    stored_file(path)
    whole = bytes_of(path)
    chance = random.Random(53)
    bodies = [at for at in range(len(whole)) if whole[at : at + 8] == b"." * 8]
    for at in chance.sample(bodies, 20):
        write(path, whole[:at] + bytes([whole[at] ^ 1 << chance.randrange(8)]) + whole[at + 1 :])
        assert_refused(path)
    write(path, whole)
    assert AMPS.PublishStore(path).get_unpersisted_count() == 20


def test_case_56_an_unknown_magic_version_or_byte_order_is_refused_untouched(path):
    stored_file(path)
    whole = bytes_of(path)
    for at, change in ((0, b"XXXXXXXX"), (8, struct.pack("<I", 99)), (12, whole[12:16][::-1])):
        write(path, whole[:at] + change + whole[at + len(change) :])
        assert_refused(path)


@pytest.mark.parametrize("content", [b"x", b"not a store", b"\0" * 4096, os.urandom(100_000)])
def test_a_file_that_is_no_store_is_refused_untouched(path, content):
    write(path, content)
    assert_refused(path)


def test_an_empty_file_is_a_new_store(path):
    write(path, b"")
    assert AMPS.PublishStore(path).get_unpersisted_count() == 0


@pytest.mark.parametrize("name", ["", "a\0b", "missing/folder/store", "."])
def test_a_name_that_no_file_can_have_is_refused(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(AMPS.StoreException):
        AMPS.PublishStore(name)
    with pytest.raises(AMPS.StoreException):
        AMPS.HAClient("c", publish_store=name)


def test_case_54_a_disk_without_room_is_an_exception_and_later_messages_work(path):
    """The limit of the process stands for the disk's: the file cannot grow."""
    store = AMPS.PublishStore(path, False, 16, 256)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    size = size_of(path)
    stored = []
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 1000, before[1]))
        with pytest.raises(AMPS.StoreException, match="store"):
            for each in range(1000):
                stored.append(store.store(message(f"m{each}")))
        with pytest.raises(AMPS.StoreException):
            store.store(message("x" * 10_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    assert store.store(message("after")) == stored[-1] + 1
    assert [number for number, _ in held(store)] == [*stored, stored[-1] + 1]
    store.close()
    assert AMPS.PublishStore(path).get_unpersisted_count() == len(stored) + 1


# ---- Sizes and the end ---------------------------------------------------------------------------


@pytest.mark.parametrize("is_empty", [True, False])
def test_case_58_an_empty_file_shrinks_on_close_if_so_set(path, is_empty):
    store = AMPS.PublishStore(path, False, 16, 256)
    first_size = size_of(path)
    store.truncate_on_close(True)
    numbers = filled(store, 500)
    store.discard_up_to(numbers[-1] if is_empty else numbers[-2])
    grown = size_of(path)
    store.close()
    assert size_of(path) == (first_size if is_empty else grown)
    again = AMPS.PublishStore(path)
    assert again.get_unpersisted_count() == (0 if is_empty else 1)
    assert again.store(message()) > numbers[-1]


def test_case_59_a_hybrid_replays_and_discards_across_its_border(path):
    store = AMPS.HybridPublishStore(path, 20_000)
    numbers = filled(store, 10_000)
    assert [number for number, _ in held(store)] == numbers
    for at in (10, 5000, 9990):
        store.discard_up_to(numbers[at])
        assert store.get_lowest_unpersisted() == numbers[at + 1]
        assert store.get_unpersisted_count() == len(numbers) - at - 1
    store.close()
    again = AMPS.HybridPublishStore(path, 20_000)
    assert [body for _, body in held(again)] == [f"m{each}" for each in range(9991, 10_000)]


@pytest.mark.parametrize(
    "arguments",
    [
        {"blockSize": 63},
        {"blockSize": 2**30 + 1},
        {"blocksPerRealloc": 0},
        {"blocksPerRealloc": 2**40, "blockSize": 2**30},
        {"blockSize": -1},
        {"blockSize": "2048"},
    ],
    ids=repr,
)
def test_sizes_out_of_their_limits_are_refused(path, arguments):
    with pytest.raises((AMPS.UsageException, TypeError), match="block"):
        AMPS.MemoryPublishStore(**arguments)
    with pytest.raises((AMPS.UsageException, TypeError), match="block"):
        AMPS.PublishStore(path, **arguments)
    assert not pathlib.Path(path).exists()


def test_after_close_everything_that_needs_the_file_raises(path):
    store = AMPS.PublishStore(path)
    number = filled(store, 1)[0]
    store.close()
    store.close()
    for call in (
        lambda: store.store(message()),
        lambda: store.discard_up_to(number),
        store.sync,
        lambda: store.replay(print),
    ):
        with pytest.raises(AMPS.StoreException, match="closed"):
            call()
