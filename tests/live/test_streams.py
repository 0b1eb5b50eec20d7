"""A stream gives each message once, in order, and ends when and how it should."""

import gc
import itertools
import threading
import time

import pytest

import AMPS

from .scripted_peer import delivery, wait_until

PROMPT_S = 1.0  # within this a wait must end when its reason is gone


def data(messages):
    return [message.get_data() for message in messages]


def test_a_loop_gets_every_message_in_order(sandbox, log_on):
    client = log_on(sandbox)
    stream = client.subscribe(topic="t", timeout=5000)
    for number in range(5000):
        client.publish("t", str(number))
    got = list(itertools.islice(stream, 5000))
    assert data(got) == [str(number) for number in range(5000)]
    assert len({id(message) for message in got}) == 5000


def test_case_94_a_timeout_gives_none_and_the_stream_goes_on(sandbox, log_on):
    """Case 94 of the conformance list. Point 7 of the smoke checklist."""
    client = log_on(sandbox)
    stream = client.subscribe("t")
    assert stream.timeout(100) is stream
    for _ in range(2):
        began = time.monotonic()
        assert next(stream) is None
        assert 0.1 <= time.monotonic() - began < 1
    client.publish("t", "late")
    assert stream.timeout(5000).next().get_data() == "late"
    stream.timeout(0)
    threading.Timer(0.1, client.publish, ("t", "later")).start()
    assert next(stream).get_data() == "later"


@pytest.mark.parametrize("end", ["close", "disconnect"])
def test_closing_the_client_ends_the_stream_after_what_had_arrived(sandbox, log_on, end):
    client = log_on(sandbox)
    stream = client.subscribe("t")
    for number in range(3):
        client.publish("t", str(number))
    wait_until(lambda: stream.get_depth() == 3)
    getattr(client, end)()
    assert data(stream) == ["0", "1", "2"]
    assert list(stream) == []


@pytest.mark.parametrize("how", ["hang_up", "reset"])
def test_case_96_a_lost_connection_ends_the_stream_after_what_had_arrived(peer, log_on, how):
    """Case 96 of the conformance list, for a plain client: the loss is raised once."""
    server = peer()
    stream = log_on(server).subscribe("t", sub_id="s")
    server.send(delivery(b"1") + delivery(b"2"))
    wait_until(lambda: stream.get_depth() == 2)
    getattr(server, how)()
    assert data([next(stream), next(stream)]) == ["1", "2"]
    with pytest.raises(AMPS.DisconnectedException, match=str(server.port)) as caught:
        next(stream)
    assert isinstance(caught.value, ConnectionError)
    assert list(stream) == list(stream) == []


def test_closing_a_stream_unsubscribes_and_drops_what_waits(sandbox, log_on):
    client = log_on(sandbox)
    with client.subscribe("t") as stream:
        client.publish("t", "x")
        wait_until(lambda: stream.get_depth() == 1)
    stream.close()
    assert list(stream) == []
    sandbox.wait_until(lambda: not sandbox.subscriptions())
    assert len(sandbox.received("unsubscribe")) == 1


@pytest.mark.parametrize("close", ["stream", "client"])
def test_case_99_closing_from_another_thread_wakes_who_waits(sandbox, log_on, close):
    client = log_on(sandbox)
    stream = client.subscribe("t")
    ended = []
    waiting = threading.Thread(target=lambda: ended.append((list(stream), time.monotonic())))
    waiting.start()
    began = time.monotonic()
    (stream if close == "stream" else client).close()
    waiting.join(10)
    assert ended[0][0] == []
    assert ended[0][1] - began < PROMPT_S


def test_leaving_a_loop_and_forgetting_the_stream_unsubscribes(sandbox, log_on):
    """Point 5 of the smoke checklist."""
    client = log_on(sandbox)
    client.publish("t", "nobody listens yet")

    def first_of_all():
        for message in client.subscribe("t"):
            return message
        return None

    threading.Timer(0.05, client.publish, ("t", "x")).start()
    assert first_of_all().get_data() == "x"
    gc.collect()
    sandbox.wait_until(lambda: not sandbox.subscriptions())


@pytest.mark.parametrize("end", ["unsubscribe", "connection lost", "disconnect"])
def test_an_old_stream_does_not_end_the_new_subscription_of_its_id(sandbox, log_on, end):
    client = log_on(sandbox)
    old = client.subscribe("t", sub_id="mine")
    if end == "unsubscribe":
        client.unsubscribe("mine")
    else:
        client.disconnect() if end == "disconnect" else sandbox.disconnect("tester")
        wait_until(lambda: "not connected" in repr(client))
        client.connect(sandbox.uri())
        client.logon(5000)
    new = client.subscribe("t", sub_id="mine").timeout(5000)
    old.close()
    del old
    client.publish("t", "x")
    assert next(new).get_data() == "x"


def test_a_stream_keeps_its_client_alive(sandbox, log_on):
    def only_the_stream():
        client = AMPS.Client("forgotten")
        client.connect(sandbox.uri())
        client.logon()
        return client.subscribe("t")

    stream = only_the_stream()
    gc.collect()
    log_on(sandbox).publish("t", "x")
    assert next(stream).get_data() == "x"
    del stream
    gc.collect()
    sandbox.wait_until(lambda: [each.name for each in sandbox.clients()] == ["tester"])


def test_case_97_no_more_than_the_depth_waits_and_nothing_is_lost(sandbox, log_on):
    """Point 7 of the smoke checklist."""
    client, publisher = log_on(sandbox), log_on(sandbox, "publisher")
    stream = client.subscribe("t").max_depth(10)
    for number in range(2000):
        publisher.publish("t", str(number))
    publisher.publish_flush(5000)
    deepest, got = 0, []
    for message in stream:
        deepest = max(deepest, stream.get_depth())
        got.append(message.get_data())
        if len(got) == 2000:
            break
    assert got == [str(number) for number in range(2000)]
    assert deepest <= 10


def test_case_97_a_full_stream_does_not_keep_its_own_thread_from_asking(sandbox, log_on):
    client = log_on(sandbox)
    stream = client.subscribe("t").max_depth(2)
    for _ in range(3):
        for number in range(500):
            client.publish("t", str(number))
        client.publish_flush(5000)
        client.unsubscribe(client.subscribe(print, "other", timeout=5000))
    assert data(itertools.islice(stream, 1500)) == [str(n) for n in range(500)] * 3


def test_a_greater_depth_lets_more_in_at_once(sandbox, log_on):
    client, publisher = log_on(sandbox), log_on(sandbox, "publisher")
    client.set_default_max_depth(3)
    stream = client.subscribe("t")
    assert stream.get_max_depth() == client.get_default_max_depth() == 3
    for number in range(10):
        publisher.publish("t", str(number))
    wait_until(lambda: stream.get_depth() == 3)
    assert stream.max_depth(maxDepth=3).max_depth(max_depth=0) is stream
    wait_until(lambda: stream.get_depth() == 10)
    assert data(itertools.islice(stream, 10)) == [str(number) for number in range(10)]


@pytest.mark.parametrize("end", ["stream", "client", "server"])
def test_a_full_stream_holds_up_no_end(sandbox, log_on, end):
    client, publisher = log_on(sandbox), log_on(sandbox, "publisher")
    stream = client.subscribe("t").max_depth(1)
    for _ in range(100):
        publisher.publish("t", "x")
    wait_until(lambda: stream.get_depth() == 1)
    began = time.monotonic()
    {"stream": stream.close, "client": client.close, "server": sandbox.stop}[end]()
    if end == "server":
        with pytest.raises(AMPS.DisconnectedException):
            list(stream)
    else:
        list(stream)
    assert time.monotonic() - began < 2 * PROMPT_S


@pytest.mark.parametrize(
    ("call", "problem"),
    [
        (lambda stream: stream.max_depth(-1), (AMPS.UsageException, ValueError)),
        (lambda stream: stream.max_depth("1"), TypeError),
        (lambda stream: stream.timeout(-1), (AMPS.UsageException, ValueError)),
        (lambda stream: stream.timeout("1"), TypeError),
        (lambda stream: stream.client.set_default_max_depth(-1), (AttributeError, ValueError)),
        (lambda stream: AMPS.MessageStream(), TypeError),
    ],
)
def test_settings_that_make_no_sense_are_refused(sandbox, log_on, call, problem):
    with pytest.raises(problem):
        call(log_on(sandbox).subscribe("t"))


def test_threads_may_share_a_stream_and_each_message_goes_to_one(sandbox, log_on):
    client = log_on(sandbox)
    stream = client.subscribe("t")
    got = [[], []]

    def read(mine):
        for message in stream:
            mine.append(int(message.get_data()))

    readers = [threading.Thread(target=read, args=(mine,)) for mine in got]
    for reader in readers:
        reader.start()
    for number in range(5000):
        client.publish("t", str(number))
    wait_until(lambda: len(got[0]) + len(got[1]) == 5000)
    client.close()
    for reader in readers:
        reader.join(10)
    assert sorted(got[0] + got[1]) == list(range(5000))
    assert all(mine == sorted(mine) for mine in got)


def test_a_hundred_thousand_messages_wait_for_a_slow_reader(sandbox, log_on):
    client, publisher = log_on(sandbox), log_on(sandbox, "publisher")
    stream = client.subscribe("t")
    for number in range(100_000):
        publisher.publish("t", str(number))
    wait_until(lambda: stream.get_depth() == 100_000)
    assert data(itertools.islice(stream, 100_000)) == [str(n) for n in range(100_000)]
