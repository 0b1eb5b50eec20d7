"""Whatever a peer sends, the worst that happens is a clear error and an end of the connection."""

import itertools
import queue
import random
import struct

import pytest

import AMPS

from .scripted_peer import ack, delivery, frame, say

CAP_BYTES = 256 << 20  # the largest frame that is believed
SEEDS = 150

# What ends the connection.
CORRUPT = {
    "the largest length": b"\xff\xff\xff\xff",
    "a length just over the cap": struct.pack(">I", CAP_BYTES + 1) + b'{"c":"p"}',
    "another protocol": b"HTTP/1.1 400 Bad Request\r\n\r\n",
    "no header": frame(b"hello"),
    "a header that is a list": frame(b'["c","p"]'),
    "an unterminated header": frame(b'{"c":"p","t":"t"'),
    "an unterminated text": frame(b'{"c":"p","t":"t}'),
    "an escape at the end": frame(b'{"c":"p","t":"t\\'),
    "only a brace": frame(b"{"),
    "a key without quotes": frame(b'{c:"p"}'),
    "a key without a value": frame(b'{"c"}'),
    "a colon without a value": frame(b'{"c":}'),
    "values without a comma": frame(b'{"c":"p""t":"t"}'),
    "a list that never closes": frame(b'{"c":"p","n":[[[1]}'),
    "endless nesting": frame(b'{"n":' + b"[" * 200_000 + b"]" * 200_000 + b',"c":"p"}'),
    "a length that is too short": struct.pack(">I", 12) + frame({"c": "p", "t": "t"})[4:],
    "a length that swallows the next frame's": struct.pack(">I", 20) + b'{"c":"x"}{}' * 8,
    "a record without a length": frame({"c": "sow", "query_id": "s"}, b'{"k":"1"}data'),
    "a record longer than the frame": frame({"c": "sow", "query_id": "s"}, b'{"k":"1","l":5}data'),
    "a record of a huge length": frame({"c": "sow", "query_id": "s"}, b'{"l":4294967295}data'),
    "a record of an impossible length": frame({"c": "sow", "query_id": "s"}, b'{"l":1e99}data'),
    "a record of a negative length": frame({"c": "sow", "query_id": "s"}, b'{"l":-1}data'),
    "bytes after the last record": frame({"c": "sow", "query_id": "s"}, b'{"l":4}datarest'),
    "a first record that lies": frame({"c": "sow", "query_id": "s", "l": 9}, b"data"),
}

# What is odd, and no reason to end anything.
ODD = {
    "nothing": frame(b""),
    "an empty header": frame(b"{}"),
    "a header without a verb": frame({"t": "t", "sids": "s2"}, b"x"),
    "an unknown verb": frame({"c": "redirect", "t": "t"}, b"x"),
    "a verb of the client": frame({"c": "subscribe", "cid": "1", "sub_id": "s"}),
    "an empty verb": frame({"c": ""}),
    "an ack for an unknown command": frame(
        {"c": "ack", "cid": "99999", "a": "processed", "status": "failure", "reason": "bad filter"}
    ),
    "an ack for no command": frame({"c": "ack", "a": "processed", "status": "success"}),
    "an ack of no type": frame({"c": "ack", "cid": "1", "status": "success"}),
    "an ack of an unknown type": frame({"c": "ack", "cid": "1", "a": "eaten", "status": "great"}),
    "an ack of a published sequence": frame({"c": "ack", "a": "persisted", "s": 7, "bm": "1|7|"}),
    "a second answer to the logon": frame(
        {"c": "ack", "cid": "0", "a": "processed", "status": "failure", "reason": "auth failure"}
    ),
    "a delivery for an unknown id": delivery(b"x", sub_id="nobody"),
    "a delivery for no id": frame({"c": "p", "t": "t"}, b"x"),
    "a delivery for empty ids": delivery(b"x", sub_id=" ,, ,"),
    "a delivery for very many ids": delivery(b"x", sub_id=",".join(map(str, range(50_000)))),
    "a delivery for a very long id": delivery(b"x", sub_id="x\\" * 100_000),
    "an unasked heartbeat": frame({"c": "heartbeat"}),
    "a thousand heartbeats": frame({"c": "heartbeat"}) * 1000,
    "a group of an unknown query": frame({"c": "group_begin", "query_id": "q"}),
    "records of an unknown query": frame({"c": "sow", "query_id": "q"}, b'{"k":"1","l":2}ok'),
    "no records": frame({"c": "sow", "query_id": "q"}),
    "a very long unknown key": frame({"k" * 1_000_000: "v" * 1_000_000, "c": "heartbeat"}),
    "bytes that are no UTF-8": frame(b'{"c":"p","t":"\xff\xfe","sids":"\xc3"}', b"\xff"),
}


@pytest.fixture
def watched(new_client):
    """Makes clients with an exception listener; gives both."""

    def make(server):
        client, told = new_client(), queue.Queue()
        client.set_exception_listener(told.put)
        client.connect(server.uri())
        return client, told

    return make


def assert_usable(client, server):
    """The client connects, subscribes and receives as if nothing had been."""
    client.connect(server.uri())
    client.logon(5000)
    stream = client.subscribe("t", sub_id="again").timeout(5000)
    server.send(delivery(b"fine", sub_id="again"))
    assert next(stream).get_data() == "fine"


@pytest.mark.parametrize("data", CORRUPT.values(), ids=CORRUPT)
def test_corrupt_bytes_end_the_connection_and_are_reported(peer, watched, data):
    server = peer()
    client, told = watched(server)
    client.logon(5000)
    stream = client.subscribe("t", sub_id="s")
    server.send(delivery(b"before") + data)
    error = told.get(timeout=5)
    assert isinstance(error, AMPS.StreamException), repr(error)
    assert f"127.0.0.1:{server.port}" in str(error) and len(str(error)) < 1000
    server.wait_gone()
    assert next(stream).get_data() == "before"
    with pytest.raises(AMPS.DisconnectedException):
        list(stream)
    with pytest.raises(AMPS.DisconnectedException):
        client.publish("t", "x")
    assert_usable(client, server)
    assert told.empty()


@pytest.mark.parametrize("verb", ["logon", "subscribe", "flush"])
@pytest.mark.parametrize("data", [b"\xff\xff\xff\xff", frame(b"hello")])
def test_who_waits_for_an_answer_is_told_when_garbage_comes_instead(peer, watched, verb, data):
    server = peer(**{verb: lambda server, seen: server.send(data)})
    client, told = watched(server)
    with pytest.raises(AMPS.DisconnectedException, match=f"{verb}.*127.0.0.1"):
        client.logon(5000)
        client.subscribe("t", timeout=5000)
        client.publish_flush(5000)
    assert isinstance(told.get(timeout=5), AMPS.StreamException)
    server.answers[verb] = say()
    assert_usable(client, server)


@pytest.mark.parametrize("data", ODD.values(), ids=ODD)
def test_odd_frames_disturb_nobody(peer, watched, data):
    server = peer()
    client, told = watched(server)
    client.logon(5000)
    stream = client.subscribe("t", sub_id="s").timeout(5000)
    client.set_last_chance_message_handler(lambda message: message.get_data_raw())
    server.send(delivery(b"1") + data + delivery(b"2"))
    assert [message.get_data() for message in itertools.islice(stream, 2)] == ["1", "2"]
    client.publish_flush(5000)
    assert told.empty()


def test_headers_that_are_no_utf8_are_shown_with_replacements(peer, log_on):
    server = peer()
    stream = log_on(server).subscribe("t", sub_id="s").timeout(5000)
    server.send(frame(b'{"c":"p","t":"a\xffb","sids":"s","x":"\\ud800"}', b"\xff\x00\xfe"))
    message = next(stream)
    assert message.get_topic() == "a�b"
    assert isinstance(message.get_correlation_id(), str)
    with pytest.raises(UnicodeDecodeError):
        message.get_data()
    assert message.get_data_raw() == b"\xff\x00\xfe"


def test_a_refusal_of_odd_bytes_is_readable(peer, watched):
    def answer(server, seen):
        header = b'{"c":"ack","cid":"%s","a":"processed","status":"failure","reason":"%s"}'
        server.send(
            frame(header % (seen["cid"].encode(), b"bad \xff\\u0007\\n filter" + b"x" * 999))
        )

    server = peer(subscribe=answer)
    client, _ = watched(server)
    client.logon(5000)
    with pytest.raises(AMPS.CommandException) as caught:
        client.subscribe("t")
    assert str(caught.value).isprintable() and len(str(caught.value)) < 600


def test_an_early_or_repeated_answer_confuses_nobody(peer, watched):
    """Acks of commands not yet sent, and each answer three times over."""

    def answer(server, seen):
        server.send(ack(seen, status="failure", kind="completed", cid="77") + 3 * ack(seen))

    server = peer(flush=answer)
    client, told = watched(server)
    client.logon(5000)
    server.send(b"".join(ack({"cid": str(n)}, "failure", reason="bad filter") for n in range(2, 9)))
    server.wait_taken()
    for _ in range(20):
        client.publish_flush(5000)
    assert told.empty()


def garbled(chance):
    """A plausible conversation with bytes changed, lost, doubled and invented."""
    good = b"".join([*ODD.values()][: chance.randrange(1, 14)]) + delivery(b"x") * 3
    data = bytearray(good[:4000])
    for _ in range(chance.randrange(1, 12)):
        at = chance.randrange(len(data))
        kind = chance.randrange(4)
        if kind == 0:
            data[at] = chance.randrange(256)
        elif kind == 1:
            del data[at : at + chance.randrange(1, 9)]
        elif kind == 2:
            data[at:at] = data[at : at + chance.randrange(1, 40)]
        else:
            data[at:at] = chance.randbytes(chance.randrange(1, 9))
    return bytes(data)


def test_no_bytes_at_all_bring_the_client_down(peer, watched):
    server = peer()
    client, told = watched(server)
    client.set_last_chance_message_handler(lambda message: message.get_data_raw())
    for seed in range(SEEDS):
        client.close()
        client.connect(server.uri())
        client.logon(5000)
        client.subscribe(lambda message: message.get_topic(), "t", sub_id="s")
        server.send(garbled(random.Random(seed)))
        server.hang_up()
        server.wait_gone(seed + 2)
    client.close()
    while not told.empty():
        error = told.get()
        expected = (AMPS.StreamException, AMPS.DisconnectedException, AMPS.ConnectionException)
        assert isinstance(error, expected), f"{error!r}"
    assert_usable(client, server)
