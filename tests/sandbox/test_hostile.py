"""Bad input and bad clients: the one at fault is closed, everybody else is served."""

import random
import select
import socket
import struct

import pytest

from amps_sandbox import Accept, Conflated, Sandbox, Topic, View, connection

from .driver import frame

FUZZ_SEED = 20250909
FUZZ_FRAMES = 10_000
FUZZ_COMMANDS = 4_000
REASONS = {"bad filter", "bad regex topic", "invalid options", "invalid orderby", "invalid topic"}
REASONS |= {"invalid sow_delete", "invalid sub id", "missing sow key", "no topic", "subid in use"}


@pytest.mark.parametrize(
    "garbage",
    [
        frame(b"no header at all"),
        frame(b'{"c":"p","t":"unterminated'),
        frame(b'{"t":"no command"}'),
        frame(b'{"c":"abracadabra","t":"x"}'),
        frame(b'{"c":"group_begin"}'),
        frame(b'{"c":""}'),
        frame(b"\0"),
        struct.pack(">I", 2**32 - 1) + b"x",
        struct.pack(">I", 256 * 1024 * 1024 + 1),
        b"GET / HTTP/1.1\r\n\r\n",
    ],
)
def test_garbage_closes_its_connection_with_one_log_line_and_no_other(connect, garbage):
    lines = []
    with Sandbox(log=lines.append) as sandbox:
        bad, good = connect(sandbox, "bad"), connect(sandbox, "good")
        bad.socket.sendall(garbage)
        assert bad.is_ended()
        assert good.everything_before() == []
        closed = [line for line in lines if "closed" in line]
        assert len(closed) == 1
        assert "connection 1 'bad': closed: unknown command: " in closed[0]
        assert "offset" in closed[0] and "\n" not in closed[0]


def test_a_command_id_that_was_understood_is_answered_before_the_end(amps_sandbox, connect):
    for garbage in (b'{"c":"what","cid":"7"}', b'{"cid":"7","c":"p","t":"unterminated'):
        driver = connect(amps_sandbox, "a")
        driver.send(garbage)
        driver.read_ack(cid="7", a="processed", status="failure", reason="unknown command")
        assert driver.is_ended()


def test_a_log_line_says_where_the_fault_was_and_shows_little(connect):
    lines = []
    with Sandbox(log=lines.append) as sandbox:
        driver = connect(sandbox)
        good = frame({"c": "logon", "client_name": "a", "mt": "json"})
        driver.socket.sendall(good + frame(b'{"c":"' + b"x" * 5000))
        assert driver.is_ended()
    (closed,) = [line for line in lines if "closed" in line]
    assert f"unreadable header at offset {len(good) + 4}: {{" in closed
    assert len(closed) < 200


def test_the_last_word_arrives_though_more_input_was_on_its_way(amps_sandbox, connect):
    driver = connect(amps_sandbox, "a")
    more = frame(b'{"c":"p","t":"t"}', b"x" * 1000) * 10_000
    driver.socket.sendall(frame(b'{"c":"what","cid":"7"}') + more)
    driver.read_ack(cid="7", status="failure")
    assert driver.is_ended()
    assert amps_sandbox.received("publish") == []


def test_who_does_not_leave_after_the_last_word_is_cut_off(amps_sandbox, connect, monkeypatch):
    monkeypatch.setattr(connection, "LINGER_S", 0.05)
    driver = connect(amps_sandbox, "a")
    driver.send(b"garbage")
    assert driver.is_ended()
    cut_off = select.poll()
    cut_off.register(driver.socket, 0)  # tells of a reset, whatever else is asked for
    with pytest.raises(OSError, match="reset|Broken pipe"):
        for _ in range(1000):
            driver.send(b"more")  # what comes after the end is answered by a reset
            cut_off.poll(10)


def test_frames_without_content_are_ignored(amps_sandbox, connect):
    driver = connect(amps_sandbox)
    driver.socket.sendall(b"\0\0\0\0" * 3)
    driver.log_on("a")
    driver.socket.sendall(b"\0\0\0\0" * 3)
    assert driver.everything_before() == []


def test_case_17_the_limit_of_a_message_can_be_set_and_is_exact(connect):
    with Sandbox(max_message_bytes=200) as sandbox:
        driver = connect(sandbox, "a")
        header = b'{"c":"flush","cid":"1","a":"processed"}'
        driver.send(header, b"x" * (200 - len(header)))
        driver.read_ack(cid="1")
        driver.send(header, b"x" * (201 - len(header)))
        assert driver.is_ended()


def test_the_end_of_the_stream_inside_a_frame_is_noticed(connect):
    lines = []
    with Sandbox(log=lines.append) as sandbox:
        driver = connect(sandbox, "a")
        driver.socket.sendall(frame(b'{"c":"flush"}')[:-1])
        driver.socket.shutdown(socket.SHUT_WR)
        assert driver.is_ended()
    assert any("closed: connection closed: end of stream inside a frame" in line for line in lines)


def mutated(rng):
    """A good frame with something wrong in it; nothing but its length is sure to be right."""
    verbs = ["p", "subscribe", "unsubscribe", "flush", "heartbeat", "sow", "sow_delete", "logon"]
    fields = ["t", "a", "sub_id", "query_id", "filter", "opts", "bm", "s", "e", "k", "x", "bs"]
    values = ["", "1", "all", "^a.*", "(", "received,processed", "start,0.5", "-1", "a\x00b", "é\\"]
    header = {"c": rng.choice(verbs)}
    for name in rng.sample(fields, rng.randrange(6)):
        header[name] = rng.choice(values)
    payload = bytearray(frame(header, rng.randbytes(8) if rng.random() < 0.3 else b"")[4:])
    for _ in range(rng.randrange(4)):
        at = rng.randrange(len(payload))
        change = rng.randrange(3)
        if change == 0:
            payload[at] = rng.randrange(256)
        elif change == 1:
            del payload[at : at + rng.randrange(1, 5)]
        else:
            payload[at:at] = rng.choice([b'"', b"{", b"}", b"\\", b",", b"[", b"\xff"])
        payload = payload or bytearray(b"x")
    return struct.pack(">I", len(payload)) + payload


def test_case_16_ten_thousand_mutated_frames_leave_the_server_alive(connect):
    lines = []
    rng = random.Random(FUZZ_SEED)
    frames = [mutated(rng) for _ in range(FUZZ_FRAMES)]
    logon = frame({"c": "logon", "client_name": "fuzz", "mt": "json"})
    with Sandbox(log=lines.append) as sandbox:
        witness = connect(sandbox, "witness")
        for start in range(0, FUZZ_FRAMES, 5):
            with socket.create_connection((sandbox.host, sandbox.port), timeout=5) as bad:
                bad.sendall(logon + b"".join(frames[start : start + 5]))
                bad.shutdown(socket.SHUT_WR)
                while bad.recv(65536):
                    pass
        sandbox.wait_until(lambda: len(sandbox.clients()) == 1)
        assert witness.everything_before() == []
        connect(sandbox, "newcomer")
    assert sum("connected from" in line for line in lines) == FUZZ_FRAMES // 5 + 2
    assert sum(": closed: " in line for line in lines) == FUZZ_FRAMES // 5 + 2
    assert not any("internal error" in line or line.startswith("error") for line in lines)


READS = ["sow", "sow_and_subscribe", "subscribe", "delta_subscribe", "sow_and_delta_subscribe"]
WORDS = {
    "c": [*READS, "sow_delete", "delta_publish", "p", "unsubscribe"],
    "t": [
        *("orders", "orders", "^o", "named", "ad hoc", "(", "", "orders|named", "view", "copy"),
        *(".*", "orders\\"),
    ],
    "filter": [
        *("/id > 1", "/a/b = 'x' AND /id < 3", "/id IN (1,2)", "/s LIKE '^(a+)+$'", "1=1", "/id ="),
        *(
            "(" * 500,
            "NOT " * 200 + "/id",
            "/id" + " OR /id" * 3000,
            "/a[99999999999] = 1",
            "'",
            "é",
        ),
    ],
    "orderby": ["/id", "/id DESC,/a/b", "/", "/id,," * 50],
    "sow_keys": ["1", "1,2,,3", ",", "é", "k" * 2000],
    "opts": [
        *("oof", "replace,oof", "top_n=2", "top_n=2,skip_n=1", "skip_n=1", "no_empties,send_keys"),
        *("select=[-/,+/a]", "select=[", "top_n=99999999999999999999", "no_sowkey,timestamp"),
        *("conflation=auto", "conflation=1s,conflation_key=[/id]", "conflation=soon"),
        *("projection=[SUM(/id) AS /n],grouping=[/s]", "projection=[,grouping=[", "grouping=[/s]"),
        *("projection=[/s,ANY(/id) AS /n],grouping=[/s],oof,top_n=1,skip_n=1", "replace,top_n=1"),
        *("oof,conflation=1ms,top_n=1,skip_n=0", "[" * 3000, "'" * 3000),
    ],
    "bs": ["0", "1", "10000", "10001", "-1"],
    "top_n": ["0", "1", "4294967295", "4294967296"],
    "k": ["1", "é", "k" * 2000],
    "sub_id": ["1", "2", "a,b", ""],
    "e": ["0", "1", "4294967295"],
}
BODIES = [
    *(
        b"",
        b"{}",
        b'{"id":1,"s":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaab"}',
        b'{"id":2,"a":{"b":"x"}}',
        b"[",
    ),
    *(
        b'{"id":',
        b'{"id":1e999,"a":[1,[2,{"b":3}]]}',
        b'{"id":null}',
        b"[" * 5000,
        b'{"id":"\xff"}',
    ),
    *(
        b'{"a":' * 3000,
        b'{"id":' + b"9" * 5000 + b"}",
        b"id=1\x01s=x\x01",
        b"id=2\x01" * 3,
        b"\0\x01=\x01\xff",
    ),
]


def command(rng):
    """A command that reads, deletes or changes records, with fields that may make no sense."""
    names = rng.sample([name for name in WORDS if name != "c"], rng.randrange(1, 6))
    header = {name: rng.choice(WORDS[name]) for name in ["c", "t", *names]}
    return frame({**header, "cid": "1", "a": "processed,completed,stats"}, rng.choice(BODIES))


@pytest.mark.parametrize("message_type", ["json", "nvfix", "binary"])
def test_case_16_commands_with_senseless_fields_are_answered_and_cost_nobody(connect, message_type):
    lines = []
    rng = random.Random(FUZZ_SEED)
    keyed = () if message_type == "binary" else "/id"
    topics = [
        Topic("orders", keyed, message_type, expiration="1s"),
        Topic("named", message_type=message_type, expiration="enabled"),
    ]
    made = [Conflated("copy", "orders", "1s", message_type)]
    views = []
    if message_type != "binary":
        views = [View("view", "orders", ["/id", "COUNT(/s) AS /n"], ["/id"], message_type)]
    with Sandbox(
        topics=topics, views=views, conflated=made, log=lines.append, clock="manual"
    ) as sandbox:
        driver = connect(sandbox, "fuzz", mt=message_type)
        for _ in range(FUZZ_COMMANDS // 20):
            driver.socket.sendall(b"".join(command(rng) for _ in range(20)))
            driver.everything_before()
            sandbox.clock.advance(0.3)
        assert connect(sandbox, "newcomer", mt=message_type).everything_before() == []
    closed = [line for line in lines if ": closed: " in line]
    assert len(closed) == 2 and all("shutdown" in line for line in closed)
    assert not any("internal error" in line or line.startswith("error") for line in lines)
    assert {
        reason for reason in REASONS if any(f" failed: {reason}" in line for line in lines)
    } == (REASONS)


def test_case_61_a_slow_reader_is_closed_and_others_are_served(connect):
    lines = []
    with Sandbox(client_buffer_bytes=100_000, log=lines.append) as sandbox:
        slow, quick, publisher = (connect(sandbox, name) for name in ("slow", "quick", "p"))
        slow.subscribe("flood", "1")
        quick.subscribe("flood", "1")
        body, count = b"x" * 10_000, 0
        while not any("'slow': closed: slow client" in line for line in lines):
            publisher.publish("flood", body)
            assert quick.read().body == body
            count += 1
            assert count < 10_000, "the slow client is still there"
        assert [client.name for client in sandbox.clients()] == ["quick", "p"]


def test_who_asks_for_much_and_reads_nothing_waits_and_costs_nobody(connect):
    with Sandbox(topics=["orders:/id"], client_buffer_bytes=1_000_000) as sandbox:
        for number in range(50):
            sandbox.publish("orders", b'{"id":%d,"pad":"%b"}' % (number, b"x" * 100_000))
        driver, other = connect(sandbox, "a"), connect(sandbox, "b")
        query = {"c": "sow", "t": "orders", "bs": 50, "a": "completed"}
        driver.socket.sendall(b"".join(frame({**query, "cid": str(n)}) for n in range(30)))
        sandbox.wait_until(lambda: sandbox.frames(command="group_end"))
        for _ in range(3):
            assert other.everything_before() == []
        assert len(sandbox.frames(command="group_begin")) < 5
        for number in range(30):
            kinds = [driver.read()["c"] for _ in range(3)]
            assert kinds == ["group_begin", "sow", "group_end"]
            driver.read_ack(cid=str(number), records_returned=50)
        assert driver.everything_before() == []


def test_results_that_are_read_at_once_choke_nobody(connect, monkeypatch):
    monkeypatch.setattr(connection, "READ_BYTES", 1 << 20)
    with Sandbox(topics=["orders:/id"], client_buffer_bytes=1000) as sandbox:
        for number in range(50):
            sandbox.publish("orders", b'{"id":%d,"pad":"%b"}' % (number, b"x" * 100))
        driver = connect(sandbox, "a")
        query = {"c": "sow", "t": "orders", "a": "completed"}
        driver.socket.sendall(b"".join(frame({**query, "cid": str(n)}) for n in range(200)))
        got = [message["cid"] for message in driver.everything_before() if message["c"] == "ack"]
        assert got == [str(number) for number in range(200)]


def test_one_message_larger_than_the_buffer_still_gets_through(connect):
    with Sandbox(client_buffer_bytes=100_000) as sandbox:
        driver = connect(sandbox, "a")
        driver.subscribe("t", "1")
        driver.publish("t", b"x" * 20_000_000)
        assert len(driver.read().body) == 20_000_000


@pytest.mark.parametrize(
    "authenticate",
    [
        lambda *_: 1 / 0,
        lambda *_: "yes",
        lambda *_: pytest.fail("a test's own failure"),
    ],
)
def test_a_callback_that_fails_costs_one_connection_only(connect, authenticate):
    lines = []
    with Sandbox(authenticate=authenticate, log=lines.append) as sandbox:
        for _ in range(2):
            driver = connect(sandbox)
            assert driver.log_on("a")["reason"] == "internal error"
            assert driver.is_ended()
    assert sum("closed: internal error" in line for line in lines) == 2


def test_a_log_that_fails_does_no_harm(connect, capsys):
    def log(line):
        raise RuntimeError("disk full")

    with Sandbox(log=log) as sandbox:
        assert connect(sandbox, "a").everything_before() == []
    assert "log raised RuntimeError('disk full')" in capsys.readouterr().err


def test_a_callback_may_close_the_very_connection_it_decides_about(connect):
    def authenticate(client, user, pw):
        sandbox.disconnect(client.name)
        return Accept()

    with Sandbox(authenticate=authenticate) as sandbox:
        driver = connect(sandbox)
        driver.send({"c": "logon", "cid": "0", "client_name": "a", "mt": "json", "a": "processed"})
        assert driver.is_ended()
        assert sandbox.clients() == []
