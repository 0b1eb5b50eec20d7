"""What a program publishes reaches the server: whole, in order, and unchanged."""

import array
import time

import pytest

import AMPS

BURST = 20_000
PROMPT_S = 0.5  # far above what it takes, far below what a forgotten message would


def bodies(sandbox, count):
    return [seen.body for seen in sandbox.wait_for("publish", count)]


def test_a_publish_is_one_short_frame(sandbox, log_on):
    client = log_on(sandbox)
    assert client.publish("orders", '{"id":1}') == 0
    (seen,) = sandbox.wait_for("publish")
    assert (seen.header, seen.body) == ({"c": "p", "t": "orders"}, b'{"id":1}')


@pytest.mark.parametrize(
    ("data", "sent"),
    [
        ("plain", b"plain"),
        ("Grüße, 世界 🌍", "Grüße, 世界 🌍".encode()),
        ("nul\0inside", b"nul\0inside"),
        (b"\x00\xff{}\x01", b"\x00\xff{}\x01"),
        (bytearray(b"array"), b"array"),
        (memoryview(b"a view")[2:], b"view"),
        (array.array("B", [1, 2, 3]), b"\x01\x02\x03"),
        ("", b""),
        (None, b""),
        ('{"looks":"like a header"}', b'{"looks":"like a header"}'),
    ],
)
def test_any_kind_of_text_or_bytes_can_be_published(sandbox, log_on, data, sent):
    log_on(sandbox).publish("t", data)
    assert bodies(sandbox, 1) == [sent]


@pytest.mark.parametrize("data", [1, 1.5, {"id": 1}, ["a"], object(), memoryview(b"abcd")[::2]])
def test_what_is_neither_text_nor_bytes_is_refused_and_not_sent(sandbox, log_on, data):
    client = log_on(sandbox)
    with pytest.raises(TypeError, match="data must be"):
        client.publish("t", data)
    client.publish("t", "next")
    client.publish_flush(5000)
    assert bodies(sandbox, 1) == [b"next"]


def test_text_that_cannot_be_encoded_is_refused_and_not_sent(sandbox, log_on):
    client = log_on(sandbox)
    with pytest.raises(UnicodeEncodeError):
        client.publish("t", "\ud800")
    with pytest.raises(ValueError, match="topic holds half of a surrogate pair"):
        client.publish("\ud800", "data")
    client.publish("t", "next")
    assert bodies(sandbox, 1) == [b"next"]


def test_what_was_published_does_not_change_with_its_buffer(sandbox, log_on):
    client, data = log_on(sandbox), bytearray(b"old")
    for _ in range(100):
        client.publish("t", data)
    data[:] = b"new"
    assert set(bodies(sandbox, 100)) == {b"old"}


def test_expiration_correlation_id_and_key_travel_along(sandbox, log_on):
    log_on(sandbox).publish("t", "x", expiration=30, correlation_id="abc=", sow_key="k-1")
    (seen,) = sandbox.wait_for("publish")
    assert seen.header == {"c": "p", "t": "t", "e": 30, "x": "abc=", "k": "k-1"}


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ({"expiration": -1}, (ValueError, OverflowError)),
        ({"expiration": 1 << 32}, (ValueError, OverflowError)),
        ({"expiration": "30"}, TypeError),
        ({"correlation_id": 7}, TypeError),
        ({"correlation_id": "a\0b"}, ValueError),
        ({"sow_key": ["k"]}, TypeError),
        ({"unknown": 1}, TypeError),
    ],
)
def test_bad_arguments_are_refused_before_anything_is_sent(sandbox, log_on, more, problem):
    client = log_on(sandbox)
    with pytest.raises(problem):
        client.publish("t", "x", **more)
    client.publish_flush(5000)
    assert not sandbox.received("publish")


@pytest.mark.parametrize(
    ("topic", "problem"),
    [
        ("", AMPS.InvalidTopicException),
        (b"", AMPS.InvalidTopicException),
        (None, AMPS.InvalidTopicException),
        ("a\0b", ValueError),
        (5, TypeError),
    ],
)
def test_a_bad_topic_is_refused(sandbox, log_on, topic, problem):
    with pytest.raises(problem):
        log_on(sandbox).publish(topic, "x")


@pytest.mark.parametrize(
    "topic", ['say "hi"', "back\\slash", "tab\tnew\nline\x01", "Grüße 🌍", "{},:"]
)
def test_a_topic_of_any_characters_arrives_as_it_was(sandbox, log_on, topic):
    log_on(sandbox).publish(topic, "x")
    assert sandbox.wait_for("publish")[0].header["t"] == topic


def test_a_delta_publish_says_so(sandbox, log_on):
    assert log_on(sandbox).delta_publish("t", '{"id":1}', expiration=5) == 0
    assert sandbox.wait_for("delta_publish")[0].header == {"c": "delta_publish", "t": "t", "e": 5}


def test_a_burst_arrives_in_order_and_its_tail_needs_no_further_call(sandbox, log_on):
    client = log_on(sandbox)
    for number in range(BURST):
        client.publish("t", str(number))
    assert bodies(sandbox, BURST) == [b"%d" % number for number in range(BURST)]


def test_a_lone_publish_leaves_at_once(sandbox, log_on):
    client = log_on(sandbox)
    for count in range(1, 20):
        client.publish("t", "x")
        sandbox.wait_for("publish", count, timeout=PROMPT_S)


def test_bodies_larger_than_the_send_buffer_keep_their_place(sandbox, log_on):
    client = log_on(sandbox, send_buffer_size=4096)
    sizes = [10, 5_000, 20, 4_096, 4_000, 1_000_000, 30, 100_000, 100_001, 1]
    for number, size in enumerate(sizes):
        client.publish("t", bytes([number]) * size)
    assert bodies(sandbox, len(sizes)) == [bytes([n]) * size for n, size in enumerate(sizes)]


def test_a_flush_returns_when_the_server_has_seen_everything(sandbox, log_on):
    client = log_on(sandbox)
    for _ in range(1000):
        client.publish("t", "x" * 100)
    assert client.publish_flush(5000) is None
    assert len(sandbox.received("publish")) == 1000


@pytest.mark.parametrize(
    ("ack_type", "asked"), [(4, "processed"), (8, "persisted"), (16, "completed")]
)
def test_a_flush_waits_for_the_kind_of_ack_it_was_told(sandbox, log_on, ack_type, asked):
    log_on(sandbox).publish_flush(5000, ack_type)
    assert sandbox.wait_for("flush")[0].header["a"] == asked


@pytest.mark.parametrize("ack_type", [0, 1, 3, "processed", None])
def test_a_flush_for_no_such_ack_is_refused(sandbox, log_on, ack_type):
    with pytest.raises((AMPS.UsageException, TypeError)):
        log_on(sandbox).publish_flush(5000, ack_type)


def test_a_flush_that_takes_too_long_is_a_timeout_and_the_client_goes_on(sandbox, log_on):
    client = log_on(sandbox)
    sandbox.withhold("processed")
    began = time.monotonic()
    with pytest.raises(AMPS.TimedOutException, match="flush.*150 ms.*127.0.0.1") as caught:
        client.publish_flush(150)
    assert 0.15 <= time.monotonic() - began < 2
    assert isinstance(caught.value, TimeoutError)
    sandbox.release()
    client.publish_flush(5000)
    with pytest.raises(AMPS.UsageException):
        client.publish_flush(-1)


def test_close_sends_what_was_published_before(sandbox, log_on):
    client = log_on(sandbox)
    for number in range(BURST):
        client.publish("t", str(number))
    client.close()
    assert bodies(sandbox, BURST)[-1] == b"%d" % (BURST - 1)


def test_publishing_needs_a_connection_and_a_logon(sandbox, new_client):
    client = new_client()
    for call in (lambda: client.publish("t", "x"), client.publish_flush, client.flush):
        with pytest.raises(AMPS.DisconnectedException, match="connect"):
            call()
    client.connect(sandbox.uri())
    with pytest.raises(AMPS.LogonRequiredException, match=r"logon\(\)"):
        client.publish("t", "x")
    client.logon()
    client.publish("t", "x")
    assert bodies(sandbox, 1) == [b"x"]


def test_closing_twice_is_silent_and_publishing_after_it_is_not(sandbox, log_on):
    """Case 12 of the conformance list."""
    client = log_on(sandbox)
    client.close()
    client.close()
    client.disconnect()
    with pytest.raises(AMPS.DisconnectedException, match="closed by this program"):
        client.publish("t", "x")
