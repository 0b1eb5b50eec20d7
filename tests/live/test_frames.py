"""Frames may come in any pieces, in any spelling and of any size; messages come out the same."""

import itertools
import struct

import pytest

from amps_sandbox import Sandbox

from .scripted_peer import ack, delivery, frame

BIG_BYTES = 64 << 20

# Every key of the header with all its spellings, and the getter that shows it.
KEYS = [
    (("c", "cmd"), "get_command"),
    (("cid", "cmd_id"), "get_command_id"),
    (("t", "topic"), "get_topic"),
    (("a", "ack_type"), "get_ack_type"),
    (("query_id",), "get_query_id"),
    (("filter", "f"), "get_filter"),
    (("opts", "o", "options"), "get_options"),
    (("bm", "bookmark"), "get_bookmark"),
    (("k", "sow_key"), "get_sow_key"),
    (("sow_keys",), "get_sow_keys"),
    (("orderby", "order_by"), "get_order_by"),
    (("x", "correlation_id"), "get_correlation_id"),
    (("ts", "timestamp"), "get_timestamp"),
    (("lp", "leaseperiod", "lease_period"), "get_lease_period"),
    (("status",), "get_status"),
    (("reason",), "get_reason"),
    (("user_id",), "get_user_id"),
    (("pw", "password"), "get_password"),
    (("client_name",), "get_client_name"),
    (("mt", "message_type"), "get_message_type"),
    (("version", "v"), "get_version"),
]
NUMBER_KEYS = [
    (("s", "seq"), "get_sequence"),
    (("e", "expiration"), "get_expiration"),
    (("bs", "batch_size"), "get_batch_size"),
    (("top_n",), "get_top_n"),
    (("l", "msg_len"), "get_message_size"),
    (("matches",), "get_matches"),
    (("topic_matches",), "get_topic_matches"),
    (("records_returned",), "get_records_returned"),
    (("records_inserted",), "get_records_inserted"),
    (("records_updated",), "get_records_updated"),
    (("records_deleted",), "get_sow_deleted"),
    (("gseq", "group_sequence_number"), "get_group_seq_no"),
    (("timeout_interval",), "get_timeout_interval"),
]
SPELLINGS = [(key, getter) for keys, getter in KEYS for key in keys]
NUMBER_SPELLINGS = [(key, getter) for keys, getter in NUMBER_KEYS for key in keys]
GETTERS = {getter for _, getter in KEYS + NUMBER_KEYS} | {"get_sub_id", "get_sub_ids"}


@pytest.fixture
def stream(peer, log_on):
    """Makes the stream of subscription `s` at a scripted peer: gives both."""
    server = peer()
    return server, log_on(server).subscribe("t", sub_id="s").timeout(5000)


def given_for(server, stream, header, body=b""):
    server.send(frame(header, body))
    message = next(stream)
    assert message is not None, f"nothing came of {header!r}"
    return message


@pytest.mark.parametrize(("key", "getter"), SPELLINGS)
def test_every_spelling_of_a_text_key_is_understood(stream, key, getter):
    value = "p" if getter == "get_command" else 'v"1\\ü\t'
    message = given_for(*stream, {"c": "p", "sids": "s", key: value})
    assert getattr(message, getter)() == ("publish" if getter == "get_command" else value)
    absent = GETTERS - {getter, "get_command", "get_sub_id", "get_sub_ids"}
    assert {getattr(message, other)() for other in absent} == {None}


@pytest.mark.parametrize(("key", "getter"), NUMBER_SPELLINGS)
def test_every_spelling_of_a_number_key_is_understood(stream, key, getter):
    for number, shown in ((7, "7"), ("12", "12"), (0, "0"), ("x", None), (-1, None)):
        message = given_for(*stream, {"c": "p", "sids": "s", key: number})
        assert getattr(message, getter)() == shown, number


def test_a_number_that_does_not_fit_its_field_is_absent(stream):
    message = given_for(*stream, {"c": "p", "sids": "s", "s": (1 << 64) - 1, "e": 1 << 32})
    assert (message.get_sequence(), message.get_expiration()) == (str((1 << 64) - 1), None)


@pytest.mark.parametrize(
    "header",
    [
        b'{"t":"t","sids":"s","x":"1","c":"p"}',
        b' \t\r\n{ "c" : "p" , "t" : "t" , "sids" : "s" , "x" : "1" }',
        b'{"c":"p","t":"t","sids":"s","x":"0","x":"1"}',
        b'{"c":"p",,"t":"t","sids":"s","x":"1",}',
        b'{"c":"p","t":"t","sids":"s","x":1}',
        b'{"c":p,"t":t,"sids":s,"x":1}',
        b'{"c":"p","t":"t","sids":"s","x":"\\u0031"}',
        b'{"new":"}{","n":[{"x":"2"}],"o2":{"x":"3"},"z":null,"c":"p","t":"t","sids":"s","x":"1"}',
    ],
)
def test_a_header_may_be_written_in_many_ways(stream, header):
    """Point 2 of the protocol's list."""
    message = given_for(*stream, header, b'{"x":"body"}')
    told = [message.get_command(), message.get_topic(), message.get_correlation_id()]
    assert [*told, message.get_data()] == ["publish", "t", "1", '{"x":"body"}']


def test_an_empty_value_is_there_and_an_absent_one_is_none(stream):
    message = given_for(*stream, {"c": "p", "t": "t", "sids": "s", "x": ""})
    assert (message.get_correlation_id(), message.get_bookmark()) == ("", None)
    assert (message.get_data(), message.get_data_raw()) == ("", b"")


def conversation():
    """Bytes with all kinds of frames, and the bodies that a subscriber must be given for them."""
    records = frame(
        {"c": "sow", "t": "t", "query_id": "s", "bs": 2},
        b'{"k":"1","l":2}r1{"k":"2","l":4}{"}"',
    )
    data = (
        delivery(b"one")
        + frame(b"")
        + delivery(b"")
        + frame({"c": "heartbeat"})
        + records
        + delivery(b'{"c":"p"}', x='q"\\')
        + frame({"c": "oof", "t": "t", "sids": "s", "reason": "match"}, b"gone")
    )
    return data, ["one", "", "r1", '{"}"', '{"c":"p"}', "gone"]


def test_frames_may_be_split_at_every_byte(stream):
    """Point 1 of the protocol's list."""
    server, messages = stream
    data, bodies = conversation()
    for cut in range(len(data) + 1):
        server.send(data[:cut])
        server.wait_taken()
        server.send(data[cut:])
        got = [message.get_data() for message in itertools.islice(messages, len(bodies))]
        assert got == bodies, f"split at byte {cut}"


def test_frames_may_come_byte_by_byte_or_all_at_once(stream):
    server, messages = stream
    data, bodies = conversation()
    for at in range(len(data)):
        server.send(data[at : at + 1])
        server.wait_taken()
    server.send(data * 200)
    got = [message.get_data() for message in itertools.islice(messages, 201 * len(bodies))]
    assert got == 201 * bodies


def test_an_answer_split_at_every_byte_is_still_the_answer(peer, log_on):
    cuts = iter(range(1, 70))

    def answer(server, seen):
        data, cut = ack(seen), next(cuts)
        server.send(data[:cut])
        server.wait_taken()
        server.send(data[cut:])

    client = log_on(peer(flush=answer))
    for _ in range(1, 70):
        client.publish_flush(5000)


def test_zero_length_frames_mean_nothing(stream):
    server, messages = stream
    server.send(frame(b"") * 100_000 + delivery(b"x"))
    assert next(messages).get_data() == "x"


def test_records_of_one_frame_do_not_leak_into_each_other(stream):
    """Point 4 of the protocol's list."""
    server, messages = stream
    first = b'{"k":"1","l":1,"x":"a","bm":"b","ts":"c","e":9}1'
    second = b'{"k":"2","l":1}2'
    third = b'{"l":0,"t":"other"}'
    header = {"c": "sow", "t": "t", "query_id": "s", "bs": 3, "x": "outer", "k": "outer"}
    server.send(frame(header, first + second + third))
    told = [
        (m.get_data(), m.get_sow_key(), m.get_correlation_id(), m.get_bookmark(), m.get_topic())
        for m in itertools.islice(messages, 3)
    ]
    assert told == [
        ("1", "1", "a", "b", "t"),
        ("2", "2", None, None, "t"),
        ("", None, None, None, "other"),
    ]


def test_big_bodies_go_both_ways(log_on):
    with Sandbox(client_buffer_bytes=4 * BIG_BYTES) as sandbox:
        client = log_on(sandbox)
        stream = client.subscribe("t").timeout(30_000)
        bodies = [b"\x00\xff", bytes(range(256)) * (BIG_BYTES // 256), b"after"]
        for body in bodies:
            client.publish("t", body)
        for body in bodies:
            assert next(stream).get_data_raw() == body


@pytest.mark.parametrize("size", [255, 256, 257, 16_383, 16_384, 65_536, 262_143, 262_144, 1 << 20])
def test_bodies_of_any_size_reach_handler_and_stream_whole(peer, log_on, inbox, size):
    server = peer()
    client = log_on(server)
    stream = client.subscribe("t", sub_id="stream").timeout(5000)
    client.subscribe(inbox, "t", sub_id="handler")
    sizes = (size, 0, size - 1, size + 1)
    for number, each in enumerate(sizes):
        server.send(delivery(bytes([number]) * each, sub_id="stream,handler"))
    for number, each in enumerate(sizes):
        kept, taken = inbox.get(), next(stream)
        assert kept.get_data_raw() == taken.get_data_raw() == bytes([number]) * each
        assert (kept.get_sub_id(), taken.get_sub_id()) == ("handler", "stream")


def test_the_length_in_front_is_big_endian_and_counts_what_follows(stream):
    server, messages = stream
    payload = b'{"c":"p","t":"t","sids":"s"}' + b"x" * 1000
    server.send(struct.pack(">I", len(payload)) + payload)
    assert len(next(messages).get_data()) == 1000
