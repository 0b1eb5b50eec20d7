"""The transport filter sees every byte of the wire, may do much, and changes nothing."""

import gc
import struct
import threading
import weakref

import pytest

import AMPS

from .calls import publish_from_four_threads
from .scripted_peer import PATIENCE_S, delivery, wait_until


class Tape:
    """A filter that keeps what it is shown, and on which threads."""

    def __init__(self):
        self.sent, self.received = bytearray(), bytearray()
        self.threads = {False: set(), True: set()}

    def __call__(self, data, incoming):
        assert type(data) is bytes
        assert type(incoming) is bool
        (self.received if incoming else self.sent).extend(data)
        self.threads[incoming].add(threading.get_ident())

    def frames(self):
        """The payloads of what was sent; it must end with the end of a frame."""
        found, at = [], 0
        while at < len(self.sent):
            (size,) = struct.unpack_from(">I", self.sent, at)
            found.append(bytes(self.sent[at + 4 : at + 4 + size]))
            at += 4 + size
        assert at == len(self.sent)
        return found


@pytest.fixture
def tape():
    return Tape()


@pytest.fixture
def filtered(peer, new_client, tape):
    """A client whose filter was set between connect and logon, and its peer."""
    server = peer()
    client = new_client()
    client.connect(server.uri())
    client.set_transport_filter(tape)
    client.logon(5000)
    return client, server


def test_it_sees_what_goes_and_what_comes_from_the_logon_on(filtered, tape):
    client, server = filtered
    assert tape.frames()[0].startswith(b'{"c":"logon"')
    assert b'"a":"processed"' in tape.received
    stream = client.subscribe("t", sub_id="s", timeout=5000)
    client.publish("t", "body")
    server.wait_for("p")
    assert tape.frames()[2] == b'{"c":"p","t":"t"}body'
    server.send(delivery(b"1"))
    assert next(stream).get_data() == "1"
    assert bytes(tape.received).endswith(delivery(b"1"))


def test_sent_bytes_are_shown_on_the_sending_thread_received_ones_on_the_other(filtered, tape):
    client, server = filtered
    me = threading.get_ident()
    assert tape.threads[False] == {me}
    assert me not in tape.threads[True]
    assert len(tape.threads[True]) == 1


def test_large_small_and_gathered_messages_are_shown_once_and_in_order(filtered, tape):
    client, server = filtered
    client.set_publish_batching(1000, 1)
    sizes = [1, 2_000_000, 3, 900, 900, 3_000_000, 7, 1_100_000] * 3
    for number, size in enumerate(sizes):
        client.publish("t", bytes([65 + number]) * size)
    client.publish_flush(5000)
    shown = [payload for payload in tape.frames() if payload.startswith(b'{"c":"p"')]
    bodies = [payload.partition(b"}")[2] for payload in shown]
    assert [(body[:1], len(body)) for body in bodies] == [
        (bytes([65 + number]), size) for number, size in enumerate(sizes)
    ]
    assert [len(seen["body"]) for seen in server.seen("p")] == sizes


def test_bursts_of_many_threads_are_shown_as_they_arrive(filtered, tape):
    client, server = filtered

    publish_from_four_threads(client, 2000)
    client.publish_flush(5000)
    arrived = [(seen["t"], seen["body"]) for seen in server.wait_for("p", 8000)]
    shown = [payload for payload in tape.frames() if payload.startswith(b'{"c":"p"')]
    assert [b'{"c":"p","t":"%s"}%s' % (topic.encode(), body) for topic, body in arrived] == shown


def test_beats_are_shown(filtered, tape):
    client, server = filtered
    client.set_heartbeat(0.02, 5)
    wait_until(lambda: b'{"c":"heartbeat","opts":"beat"}' in tape.sent, "a beat")


def test_none_removes_it(filtered, tape):
    client, server = filtered
    client.set_transport_filter(None)
    before = len(tape.sent)
    client.publish_flush(5000)
    assert len(tape.sent) == before
    client.set_transport_filter(tape)
    client.publish_flush(5000)
    assert len(tape.sent) > before


def test_what_it_raises_is_reported_and_changes_nothing(filtered):
    client, server = filtered
    told = []
    client.set_exception_listener(told.append)

    def fail(data, incoming):
        raise ValueError(f"seen {incoming}")

    client.set_transport_filter(fail)
    client.publish("t", "1")
    client.publish_flush(5000)
    client.set_transport_filter(None)
    assert server.seen("p")[0]["body"] == b"1"
    assert {str(problem) for problem in told} == {"seen False", "seen True"}
    assert {type(problem) for problem in told} == {ValueError}


@pytest.mark.parametrize("wanted", [1, "f", b"f", object()])
def test_what_cannot_be_called_is_refused_and_the_one_before_stays(filtered, tape, wanted):
    client, server = filtered
    with pytest.raises(TypeError, match="transport_filter_callable must be callable or None"):
        client.set_transport_filter(wanted)
    before = len(tape.sent)
    client.publish_flush(5000)
    assert len(tape.sent) > before


# ---- It calls back ------------------------------------------------------------------------------


def test_it_may_publish_on_its_own_client_either_way(filtered):
    client, server = filtered

    def answer(data, incoming):
        for _ in range(data.count(b"?")):
            client.publish("t", f"seen {incoming}")

    client.set_transport_filter(answer)
    client.publish("t", "?")
    assert [seen["body"] for seen in server.wait_for("p", 2)] == [b"?", b"seen False"]
    server.send(delivery(b"?"))
    assert server.wait_for("p", 3)[2]["body"] == b"seen True"
    for _ in range(3000):  # the writer's thread sends most of these
        client.publish("t", "?")
    server.wait_for("p", 6003)
    client.publish("t", b"?" + b"." * 3_000_000)  # around the buffer
    assert [len(seen["body"]) for seen in server.wait_for("p", 6005)[-2:]] == [3_000_001, 10]


def test_what_would_wait_for_the_server_is_refused_inside_it(filtered):
    client, server = filtered
    problems = []

    def ask(data, incoming):
        for call in (client.publish_flush, lambda: client.subscribe("t"), client.logon):
            try:
                call()
            except AMPS.UsageException as problem:
                problems.append(problem)

    client.set_transport_filter(ask)
    client.publish("t", "1")
    client.set_transport_filter(None)
    assert len(problems) == 3
    client.publish_flush(5000)


def test_a_publish_inside_it_never_waits_for_room(peer, log_on):
    server = peer()
    client = log_on(server, send_buffer_size=4096)
    told = []
    client.set_exception_listener(told.append)

    def flood(data, incoming):
        client.set_transport_filter(None)
        while True:
            client.publish("t", "x" * 1000)

    client.set_transport_filter(flood)
    client.publish("t", "1")
    assert isinstance(told[0], AMPS.PublishException)
    client.publish_flush(5000)
    assert len(server.seen("p")) >= 4


@pytest.mark.parametrize("incoming", [False, True])
def test_it_may_close_its_client(filtered, incoming):
    client, server = filtered
    closed = threading.Event()

    def close(data, is_incoming):
        if is_incoming == incoming:
            client.close()
            closed.set()

    client.set_transport_filter(close)
    if incoming:
        server.send(delivery(b"1"))
    else:
        client.publish("t", "1")
    assert closed.wait(PATIENCE_S)
    server.wait_gone()
    with pytest.raises(AMPS.DisconnectedException):
        client.publish("t", "2")


def test_it_may_be_set_and_removed_while_others_publish(filtered, tape):
    client, server = filtered
    stop = threading.Event()

    def toggle():
        while not stop.is_set():
            client.set_transport_filter(None)
            client.set_transport_filter(tape)

    toggler = threading.Thread(target=toggle)
    toggler.start()
    for number in range(20_000):
        client.publish("t", str(number))
    stop.set()
    toggler.join(PATIENCE_S)
    client.publish_flush(5000)
    assert [int(seen["body"]) for seen in server.seen("p")] == list(range(20_000))


def test_a_client_is_let_go_although_its_filter_holds_it(peer, new_client):
    server = peer()
    client = AMPS.Client("forgotten")
    client.connect(server.uri())
    held = [client]
    client.set_transport_filter(lambda data, incoming, held=held: held)
    client.logon(5000)
    stream = client.subscribe("t", timeout=5000)
    gone = weakref.ref(client)
    del client, held, stream
    gc.collect()
    assert gone() is None
    server.wait_gone()


def test_a_stream_that_nobody_holds_unsubscribes_before_the_filters_eyes(filtered, tape):
    client, server = filtered
    client.subscribe("t", timeout=5000)  # dropped at once, with the GIL held
    server.wait_for("unsubscribe")
    assert tape.frames()[-1].startswith(b'{"c":"unsubscribe"')
