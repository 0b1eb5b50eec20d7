"""Frames and headers: the liberal reader and the canonical writer."""

import pytest

from amps_sandbox.options import parse_options, parse_seconds
from amps_sandbox.wire import FrameReader, Malformed, encode, parse_header

from .driver import frame

SPELLINGS = """
c cmd|cid cmd_id|t topic|a ack_type|sub_id|sids|query_id|filter f|opts o options|bm bookmark
|k sow_key|sow_keys|orderby order_by|x correlation_id|ts timestamp|lp leaseperiod lease_period
|status|reason|user_id|pw password|client_name|mt message_type|version v|s seq|e expiration
|bs batch_size|top_n|l msg_len|matches|topic_matches|records_returned|records_inserted
|records_updated|records_deleted|gseq group_sequence_number|max_msgs maximum_messages|skip_n
|timeout_interval|heartbeat|grace_period|use_ns|src|send_matching_ids|data_only|send_empty
|send_keys|send_oof
"""
ALIASES = [
    (row.split()[0], spelling)
    for row in SPELLINGS.replace("\n", "").split("|")
    for spelling in row.split()
]


@pytest.mark.parametrize(("canonical", "spelling"), ALIASES)
def test_case_15_every_alias_is_the_same_field(canonical, spelling):
    header, _ = parse_header(b'{"%b":"12"}' % spelling.encode())
    assert list(header) == [canonical]
    assert header[canonical] in (b"12", 12)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"{}", {}),
        (b"{,}", {}),
        (b' \t\r\n{ "c" : "p" , "t" : "x" } ', {"c": b"p", "t": b"x"}),
        (b'{"c":"p",,"t":"x",}', {"c": b"p", "t": b"x"}),
        (b'{"t":"1","t":"2"}', {"t": b"2"}),
        (b'{"t":"1","topic":"2"}', {"t": b"2"}),
        (b'{"T":"1","C":"p"}', {}),
        (b'{"cid":5,"t":true,"x":1.5e3}', {"cid": b"5", "t": b"true", "x": b"1.5e3"}),
        (b'{"s":"12","bs":007}', {"s": 12, "bs": 7}),
        (b'{"s":18446744073709551615}', {"s": 2**64 - 1}),
        (b'{"s":18446744073709551616,"e":4294967296}', {}),
        (b'{"s":-1,"e":"x","bs":1.0,"l":""}', {}),
        (b'{"s":%b}' % (b"0" * 5000), {"s": 0}),
        (b'{"s":%b}' % (b"9" * 5000), {}),
        (b'{"s":1,"seq":"x"}', {}),
        (b'{"t":"","x":""}', {"t": b"", "x": b""}),
        (b'{"new":{"a":[1,{"b":"}]"}]},"t":"x","more":[[],"\\"]"]}', {"t": b"x"}),
        (b'{"new":"a\\"}","newer":false,"t":"x"}', {"t": b"x"}),
        (b'{"t":"a}b{c"}', {"t": b"a}b{c"}),
        (b'{"t":"\xff\x7f"}', {"t": b"\xff\x7f"}),
        (b'{"t":"\\"\\\\\\/\\b\\f\\n\\r\\t"}', {"t": b'"\\/\b\f\n\r\t'}),
        (b'{"t":"\\u0041\\u00e9\\ud83d\\ude00"}', {"t": "Aé😀".encode()}),
        (b'{"t":"\\q\\u12"}', {"t": b"\\q\\u12"}),
        (b'{"t":"\\ud83d"}', {"t": b"?"}),
    ],
)
def test_the_reader_is_liberal(text, expected):
    header, end = parse_header(text + b'body"}')
    assert header == expected
    assert text[:end].endswith(b"}")


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"   ",
        b"x",
        b"[]",
        b"{",
        b'{"c"',
        b'{"c":',
        b'{"c":"p"',
        b'{"c":"p',
        b'{"c":"p\\"}',
        b'{"c":"p" "t":"x"}',
        b"{c:p}",
        b'{"c":}',
        b'{"new":[1,2}',
        b'{"new":["]}',
        b'{"new":' + b"[" * 100_000,
        b'{"new":["' + b'\\"' * 100_000,
        b'{"t":"' + b"\\u0041" * 100_000,
        b'{"t":' + b" " * 100_000,
        b'{"c":"p"]',
    ],
)
def test_what_is_no_header_is_malformed_and_told_quickly(text):
    with pytest.raises(Malformed):
        parse_header(text)


def test_what_was_read_before_the_fault_is_told():
    with pytest.raises(Malformed) as raised:
        parse_header(b'{"c":"p","cid":"7","t":"unterminated')
    assert raised.value.header == {"c": b"p", "cid": b"7"}


def test_offsets_count_from_the_start_of_the_stream():
    reader, good = FrameReader(), frame({"c": "p"})
    list(reader.feed(good + good[:5]))
    offsets = [reader.frame_offset for _ in reader.feed(good[5:])]
    assert offsets == [len(good)]
    with pytest.raises(Malformed) as raised:
        list(reader.feed(frame(b"no header")))
    assert raised.value.offset == 2 * len(good) + 4


def test_a_header_never_reaches_into_the_next_frame():
    first, second = frame(b'{"c":"p"'), frame(b'"x":"y"}')
    with pytest.raises(Malformed):
        list(FrameReader().feed(first + second))


def test_the_writer_escapes_only_what_it_must_and_the_reader_undoes_it():
    value = bytes(range(256))
    written = encode({"t": value, "s": 5})
    assert b'"s":5}' in written and b"\\u0000" in written and b"\x7f\x80" in written
    assert parse_header(written, 4)[0] == {"t": value, "s": 5}


FRAMES = [
    ({"c": "p", "t": "a}b"}, b"first"),
    ({"c": "p", "t": "orders"}, b""),
    ({"c": "p", "t": "orders"}, b'{"again":"the same header"}'),
    ({"c": "flush", "cid": "1"}, b""),
]


def test_frames_split_at_every_byte_are_the_same_frames():
    stream = b"\0\0\0\0".join(frame(header, body) for header, body in FRAMES)
    expected = list(FrameReader().feed(stream))
    assert [(frame.header["c"].decode(), frame.body) for frame in expected] == [
        (header["c"], body) for header, body in FRAMES
    ]
    for cut in range(len(stream) + 1):
        reader = FrameReader()
        assert list(reader.feed(stream[:cut])) + list(reader.feed(stream[cut:])) == expected
    reader = FrameReader()
    assert [f for byte in stream for f in reader.feed(bytes([byte]))] == expected
    assert not reader.is_inside_frame


def test_frames_split_at_every_byte_on_the_socket_are_obeyed(amps_sandbox, connect):
    driver = connect(amps_sandbox, "a")
    driver.subscribe("t", "1")
    publish = frame({"c": "p", "t": "t"}, b"body")
    for cut in range(1, len(publish)):
        driver.socket.sendall(publish[:cut])
        driver.socket.sendall(publish[cut:])
        assert driver.read().body == b"body"


def test_a_large_message_in_many_pieces_arrives_whole(amps_sandbox, connect):
    subscriber, publisher = connect(amps_sandbox, "s"), connect(amps_sandbox, "p")
    subscriber.subscribe("t", "1")
    body = b"0123456789" * 2_000_000
    publisher.publish("t", body)
    assert subscriber.read().body == body


def test_aliases_work_in_a_whole_conversation(amps_sandbox, connect):
    driver = connect(amps_sandbox)
    logon = b'{"password":"x","message_type":"json","ack_type":"processed","v":9,"cmd_id":0'
    driver.send(logon + b',"new":[{"a":"}"}],"client_name":"a","cmd":"logon"}')
    driver.read_ack(cid="0", status="success")
    subscribe = (
        b' { "options" : "replace", "topic":"t" , "sub_id" : 1, "cmd_id":"1", "unknown":null,'
    )
    driver.send(subscribe + b'"ack_type":"processed","cmd":"subscribe" }')
    driver.read_ack(cid="1", status="success")
    driver.send(b'{"topic":"t","seq":"1","correlation_id":"c","cmd":"publish"}', b"{}")
    assert driver.read().header == {"c": "p", "t": "t", "sids": "1", "x": "c", "l": 2}


def test_options_are_taken_apart_with_brackets_respected():
    assert parse_options(" Replace,, conflation=1s ,select=[-/,+/a]") == {
        "replace": "",
        "conflation": "1s",
        "select": "[-/,+/a]",
    }
    assert parse_options("none") == parse_options("") == parse_options(",=,") == {}
    assert parse_options("a=[1,2") == {"a": "[1,2"}
    assert parse_options("a=[x(']',\"[\"),[json].[t,u]./p],it's,b") == {
        "a": "[x(']',\"[\"),[json].[t,u]./p]",
        "it's": "",
        "b": "",
    }


@pytest.mark.parametrize("text", ["[", "['", "\\'", "['\\'", "],", ",", "a=,"])
def test_options_are_taken_apart_quickly_whatever_they_are(text):
    assert len(parse_options(text * 200_000)) <= 1


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("5", 5),
        ("0.5s", 0.5),
        (".5", 0.5),
        ("250 ms", 0.25),
        ("2M", 120),
        ("1h", 3600),
        ("2d", 172800),
        ("4us", 4e-6),
    ],
)
def test_times_have_units(text, seconds):
    assert parse_seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "-1", "soon", "1y", "1e3", "inf", "nan", "9" * 400, "1 2"])
def test_what_is_no_time_is_none(text):
    assert parse_seconds(text) is None
