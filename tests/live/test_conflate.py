"""A stream that conflates gives only the newest of the messages with the same key that wait."""

import threading

import pytest

import AMPS

from .scripted_peer import delivery, frame, wait_until


def data(stream):
    return [next(stream).get_data() for _ in range(stream.get_depth())]


@pytest.fixture
def subscribed(peer, log_on):
    """A stream of the subscription s on a scripted peer, and that peer."""
    server = peer()
    stream = log_on(server).subscribe("t", sub_id="s").timeout(5000)
    return stream, server


def test_case_98_the_newest_of_a_key_takes_the_place_of_the_older(subscribed):
    stream, server = subscribed
    assert stream.conflate() is stream
    server.send(delivery(b"1", k="k1") + delivery(b"2", k="k2") + delivery(b"3", k="k1"))
    server.send(delivery(b"end"))
    wait_until(lambda: stream.get_depth() == 3)
    first = next(stream)
    assert (first.get_data(), first.get_sow_key(), first.get_sub_id()) == ("3", "k1", "s")
    assert data(stream) == ["2", "end"]


def test_what_waits_is_not_merged_but_its_newest_is_replaced(subscribed):
    stream, server = subscribed
    server.send(delivery(b"1", k="k") + delivery(b"2", k="k"))
    wait_until(lambda: stream.get_depth() == 2)
    stream.conflate().conflate()
    server.send(delivery(b"3", k="k") + delivery(b"end"))
    wait_until(lambda: stream.get_depth() == 3)
    assert data(stream) == ["1", "3", "end"]


def test_leased_messages_and_those_without_a_key_wait_each(subscribed):
    stream, server = subscribed
    stream.conflate()
    leased = {"k": "k", "lp": "20261124T120000.000000Z"}
    server.send(delivery(b"1") + delivery(b"2") + delivery(b"3", **leased))
    server.send(delivery(b"4", **leased) + delivery(b"5", topic="u", k="k"))
    wait_until(lambda: stream.get_depth() == 5)
    assert data(stream) == ["1", "2", "3", "4", "5"]


def test_an_out_of_focus_message_replaces_the_record_it_is_about(subscribed):
    stream, server = subscribed
    stream.conflate()
    server.send(delivery(b"in", k="k"))
    server.send(frame({"c": "oof", "t": "t", "sids": "s", "k": "k", "reason": "deleted"}, b"out"))
    server.send(delivery(b"end"))
    wait_until(lambda: stream.get_depth() == 2)
    out = next(stream)
    assert (out.get_command(), out.get_data(), out.get_reason()) == ("oof", "out", "deleted")


def test_a_full_stream_goes_on_replacing(subscribed):
    stream, server = subscribed
    stream.max_depth(2).conflate()
    server.send(delivery(b"1", k="a") + delivery(b"2", k="b"))
    wait_until(lambda: stream.get_depth() == 2)
    server.send(b"".join(delivery(b"%d" % n, k="ab"[n % 2]) for n in range(10000)))
    server.send(delivery(b"no room", k="c"))
    server.wait_taken()
    assert stream.get_depth() == 2
    assert data(stream) == ["9998", "9999"]
    assert next(stream).get_data() == "no room"


def test_large_messages_are_replaced_and_kept_ones_stay_whole(subscribed):
    stream, server = subscribed
    stream.conflate()
    large = b"L" * 1_000_000
    server.send(delivery(large, k="k") + delivery(b"small", k="k") + delivery(b"1"))
    wait_until(lambda: stream.get_depth() == 2)
    kept = next(stream)
    server.send(delivery(b"newer", k="k") + delivery(large, k="k") + delivery(b"2"))
    wait_until(lambda: stream.get_depth() == 3)
    assert kept.get_data() == "small"
    assert next(stream).get_data() == "1"
    assert next(stream).get_data() == large.decode()
    assert kept.get_data() == "small"


def test_two_threads_and_a_busy_key_see_every_last_word(subscribed):
    stream, server = subscribed
    got = []
    stream.conflate()

    def read():
        for message in stream:
            got.append(int(message.get_data()))
            if got[-1] == 99_999:
                return

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    for start in range(0, 100_000, 1000):
        server.send(b"".join(delivery(b"%d" % n, k="k") for n in range(start, start + 1000)))
    reader.join(30)
    assert not reader.is_alive()
    assert got == sorted(set(got))
    assert got[-1] == 99_999


def test_a_stream_made_by_hand_cannot_conflate():
    with pytest.raises(AMPS.UsageException, match="made by Client.subscribe"):
        AMPS.MessageStream.__new__(AMPS.MessageStream).conflate()
