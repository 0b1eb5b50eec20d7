"""`stream.batch`: as many messages at once as are there, and at least one if any comes in time."""

import threading
import time

import pytest

import AMPS

from .calls import Failing, assert_interrupted
from .results import give, only_accept
from .scripted_peer import delivery, wait_until

LARGE = "x" * 5000


@pytest.fixture
def stream(peer, log_on):
    """A stream and the server that feeds it: send(count) sends so many messages."""
    server = peer()
    made = log_on(server).subscribe("t", sub_id="s").timeout(5000)

    def send(*bodies):
        server.send(b"".join(delivery(str(body).encode()) for body in bodies))
        wait_until(lambda: len(made) == len(bodies))

    made.server, made.send = server, send
    return made


def data(messages):
    return [message.get_data() for message in messages]


def test_a_batch_takes_what_is_there_in_order_and_no_more_than_asked(stream):
    stream.send(*range(10))
    assert data(stream.batch(4)) == list("0123")
    assert data(stream.batch(count=100)) == list("456789")
    assert len(stream) == 0 and not stream.ended


def test_a_batch_waits_for_its_first_message_only(stream):
    threading.Timer(0.05, stream.server.send, (delivery(b"late"),)).start()
    began = time.monotonic()
    assert data(stream.batch(1000)) == ["late"]
    assert time.monotonic() - began < 4


def test_a_timeout_gives_an_empty_list_and_the_stream_goes_on(stream):
    for timeout in ({"timeout": 50}, {}):
        stream.timeout(50)
        began = time.monotonic()
        assert stream.batch(5, **timeout) == []
        assert 0.05 <= time.monotonic() - began < 2
    stream.send("x")
    assert data(stream.batch(5, 50)) == ["x"] and not stream.ended


def test_zero_waits_as_long_as_it_takes_whatever_the_stream_s_timeout(stream):
    stream.timeout(1)
    threading.Timer(0.1, stream.server.send, (delivery(b"late"),)).start()
    assert data(stream.batch(5, 0)) == ["late"]


@pytest.mark.parametrize("body", ["small", LARGE])
def test_messages_of_a_batch_are_independent_and_stay(stream, body):
    stream.send(*[f"{number}{body}" for number in range(100)])
    first, rest = stream.batch(50), stream.batch(50)
    stream.send(*[body] * 50)
    stream.batch(50)
    assert len({id(message) for message in first + rest}) == 100
    assert data(first) == [f"{number}{body}" for number in range(50)]
    assert {message.get_topic() for message in first} == {"t"}


def test_batches_and_iteration_may_be_mixed(stream):
    stream.send(*range(6))
    assert next(stream).get_data() == "0"
    assert data(stream.batch(2)) == ["1", "2"]
    assert next(stream).get_data() == "3"
    assert data(stream.batch(9)) == ["4", "5"]


def test_a_query_is_read_in_batches_until_it_has_ended(peer, log_on):
    client = log_on(peer(sow=give(*map(str, range(95)))))
    stream, sizes, got = client.sow("t").timeout(5000), [], []
    while batch := stream.batch(10):
        sizes.append(len(batch))
        got += batch
    assert stream.ended and max(sizes) <= 10 and len(got) == 97
    assert stream.batch(1) == [] and list(stream) == []


def test_a_lost_connection_is_raised_once_after_what_had_arrived(stream):
    stream.send("a", "b", "c")
    stream.server.hang_up()
    assert data(stream.batch(2)) == ["a", "b"]
    assert data(stream.batch(2)) == ["c"]
    with pytest.raises(AMPS.DisconnectedException, match=str(stream.server.port)):
        stream.batch(2)
    assert stream.batch(2) == [] and stream.ended


def test_a_query_cut_off_is_raised_by_a_batch_that_waits(peer, log_on):
    server = peer(sow=only_accept)
    waiting = Failing(log_on(server).sow("t").batch, 10)
    server.wait_for("sow")
    server.hang_up()
    assert isinstance(waiting.result(), AMPS.DisconnectedException)


def test_a_closed_stream_gives_nothing(stream):
    stream.send("a")
    stream.close()
    assert stream.batch(5) == [] and stream.ended and len(stream) == 0


@pytest.mark.parametrize("timeout", [None, 0, 30_000])
def test_ctrl_c_ends_a_batch_and_loses_nothing(stream, timeout):
    stream.timeout(0)
    for turn in range(3):
        waiting = threading.Event()

        def take(waiting=waiting):
            waiting.set()
            stream.batch(10, timeout)

        assert_interrupted(take, waiting.wait)
        stream.send(turn)
        assert data(stream.batch(10)) == [str(turn)]


@pytest.mark.parametrize(
    ("args", "problem"),
    [
        ((), TypeError),
        ((0,), ValueError),
        ((-1,), ValueError),
        (("1",), TypeError),
        ((1.0,), TypeError),
        ((True,), TypeError),
        ((None,), TypeError),
        ((1, -1), AMPS.UsageException),
        ((1, "1"), TypeError),
        ((1, 1 << 31), ValueError),
    ],
)
def test_what_makes_no_sense_is_refused_and_nothing_is_lost(stream, args, problem):
    stream.send("kept")
    with pytest.raises(problem):
        stream.batch(*args)
    assert data(stream.batch(1 << 80, 5000)) == ["kept"]


def test_a_batch_inside_a_handler_takes_what_is_there_and_does_not_wait(peer, log_on, inbox):
    server = peer()
    client = log_on(server)
    stream, problems = client.subscribe("t", sub_id="s"), []
    client.set_exception_listener(problems.append)

    def handler(message):
        inbox([each.get_data() for each in stream.batch(5)])

    client.subscribe(handler, "t", sub_id="h")
    server.send(delivery(b"a") + delivery(b"b") + delivery(b"x", sub_id="h"))
    assert inbox.get() == ["a", "b"]
    server.send(delivery(b"x", sub_id="h"))
    wait_until(lambda: problems)
    assert type(problems[0]) is AMPS.UsageException and "handler" in str(problems[0])


def test_threads_may_take_batches_of_one_stream_and_each_message_goes_to_one(sandbox, log_on):
    client, publisher = log_on(sandbox), log_on(sandbox, "publisher")
    stream, got = client.subscribe("t"), [[], [], []]

    def read(mine):
        while batch := stream.batch(7):
            mine.append([int(message.get_data()) for message in batch])

    readers = [Failing(read, mine) for mine in got]
    for number in range(5000):
        publisher.publish("t", str(number))
    wait_until(lambda: sum(len(batch) for mine in got for batch in mine) == 5000)
    client.close()
    assert [reader.result() for reader in readers] == [None] * 3
    batches = [batch for mine in got for batch in mine]
    assert sorted(number for batch in batches for number in batch) == list(range(5000))
    assert all(batch == list(range(batch[0], batch[0] + len(batch))) for batch in batches), (
        "messages of a batch are neighbours"
    )


def test_a_full_stream_goes_on_as_batches_are_taken(sandbox, log_on):
    client, publisher = log_on(sandbox), log_on(sandbox, "publisher")
    stream = client.subscribe("t").max_depth(10)
    for number in range(2000):
        publisher.publish("t", str(number))
    publisher.publish_flush(5000)
    got = []
    while len(got) < 2000:
        batch = stream.batch(100, 5000)
        assert 0 < len(batch) <= 100
        got += data(batch)
    assert got == [str(number) for number in range(2000)]


def test_a_batch_of_many_costs_no_memory_before_they_come(stream):
    stream.send("x")
    assert data(stream.batch(1 << 62)) == ["x"]


def test_a_stream_made_by_hand_has_no_batches():
    stream = AMPS.MessageStream.__new__(AMPS.MessageStream)
    for call in (lambda: stream.batch(1), lambda: stream.ended, lambda: len(stream)):
        with pytest.raises(AMPS.UsageException):
            call()
