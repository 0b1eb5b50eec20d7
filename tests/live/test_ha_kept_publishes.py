"""Publishes of an HAClient without a store: what was not sent when the connection was lost."""

import threading

import pytest

import AMPS

from .calls import Failing
from .failover import bodies, bytes_not_read_by, wait_ready, watch
from .scripted_peer import (
    PATIENCE_S,
    hang_up,
    in_turn,
    refuse,
    say,
    stop_reading,
    wait_until,
)

LARGE_BYTES = 8 << 20  # more than both systems' buffers hold


def test_case_105_a_batch_not_sent_at_a_loss_is_sent_after_it(sandbox, come_up):
    client = come_up(sandbox, no_store=True)
    states = watch(client)
    client.set_publish_batching(10_000, 0)
    for number in range(5):
        client.publish("t", str(number))
    sandbox.disconnect()
    wait_ready(states)
    client.publish("t", "5")
    client.publish_flush(5000)
    assert bodies(sandbox, 6) == [b"0", b"1", b"2", b"3", b"4", b"5"]
    assert not [p for p in client.problems.items if getattr(p, "unsent", 0)]


def test_case_105_with_retry_off_the_listener_is_told_how_many_are_lost(sandbox, come_up):
    client = come_up(sandbox, no_store=True)
    client.set_retry_on_disconnect(False)
    states = watch(client)
    client.set_publish_batching(10_000, 0)
    for number in range(5):
        client.publish("t", str(number))
    sandbox.disconnect()
    wait_ready(states)
    problems = client.problems.wait_for(lambda seen: seen)
    assert type(problems[0]) is AMPS.DisconnectedException
    assert "5 publishes were not sent" in str(problems[0])
    wait_until(lambda: succeeds(client.publish, "t", "5"))
    client.publish_flush(5000)
    assert bodies(sandbox, 1) == [b"5"]


def succeeds(call, *arguments):
    try:
        call(*arguments)
    except AMPS.DisconnectedException:
        return False
    return True


def padded(numbers):
    return [f"{number} {'x' * 10_000}" for number in numbers]


def publish_until_stuck(client, texts):
    """Publishes on a thread of its own to a server that does not read, until one has to wait."""
    taken = []

    def publish():
        for text in texts:
            client.publish("t", text)
            taken.append(text)

    publisher = Failing(publish)
    pause, seen = threading.Event(), -1
    while len(taken) != seen and publisher.is_alive():  # it still goes on
        seen = len(taken)
        pause.wait(0.2)
    assert publisher.is_alive(), "the network took everything"
    return publisher, taken


def test_what_waited_in_the_send_buffer_is_sent_after_a_loss_whole_and_in_order(peer, come_up):
    """Case 105, by the network: it is full when the connection is reset. What the system had
    taken may be lost; of what waited here nothing is, and the publish that waited goes on."""
    server = peer(logon=in_turn(stop_reading, say()))
    client = come_up(server, no_store=True)
    states = watch(client)
    publisher, _ = publish_until_stuck(client, padded(range(2000)))
    server.reset()
    wait_ready(states)
    assert publisher.result() is None
    server.wait_until(lambda: any(f["body"].startswith(b"1999 ") for f in server.seen("p")))
    numbers = [int(f["body"].split()[0]) for f in server.seen("p")]
    assert numbers == list(range(numbers[0], 2000)), "a hole, or a wrong order"
    assert set(padded(numbers)) == {f["body"].decode() for f in server.seen("p")}, "not whole"
    assert not [p for p in client.problems.items if getattr(p, "unsent", 0)]


def test_case_30_a_publish_cut_off_twice_says_so(peer, come_up):
    server = peer(logon=in_turn(stop_reading, stop_reading, say()))
    client = come_up(server, no_store=True)
    states = watch(client)
    publisher = Failing(client.publish, "t", "x" * LARGE_BYTES)
    for count in (1, 2):
        wait_until(lambda: bytes_not_read_by(server) > 0, "bytes of the publish")
        server.reset()
        wait_ready(states, count)
    assert type(publisher.result()) is AMPS.RetryOperationException
    assert "publish was cut off twice" in str(publisher.error)


def test_a_publish_cut_off_once_is_sent_again(peer, come_up):
    server = peer(logon=in_turn(stop_reading, say()))
    client = come_up(server, no_store=True)
    publisher = Failing(client.publish, "t", "x" * LARGE_BYTES)
    wait_until(lambda: bytes_not_read_by(server) > 0, "bytes of the publish")
    server.reset()
    assert publisher.result() is None
    assert [len(f["body"]) for f in server.wait_for("p")] == [LARGE_BYTES]


def test_case_31_with_retry_off_a_publish_cut_off_fails_at_once(peer, come_up):
    server = peer(logon=in_turn(stop_reading, say()))
    client = come_up(server, no_store=True)
    client.set_retry_on_disconnect(False)
    publisher = Failing(client.publish, "t", "x" * LARGE_BYTES)
    wait_until(lambda: bytes_not_read_by(server) > 0, "bytes of the publish")
    server.reset()
    assert type(publisher.result()) is AMPS.DisconnectedException


def test_publishes_kept_are_reported_when_the_client_gives_up(peer, come_up):
    """Nothing is lost silently: those kept for a connection that never comes are counted."""
    server = peer()
    client = come_up(server, no_store=True)
    states = watch(client)
    client.set_publish_batching(10_000, 0)
    for number in range(3):
        client.publish("t", str(number))
    client.set_server_chooser(AMPS.DefaultServerChooser())  # an empty one
    server.hang_up()
    states.wait_for(lambda seen: 1 in seen, "Shutdown")
    told = client.problems.wait_for(lambda seen: any(getattr(p, "unsent", 0) for p in seen))
    assert [p.unsent for p in told if getattr(p, "unsent", 0)] == [3]


def test_publishes_kept_are_reported_when_the_client_is_closed_meanwhile(peer, come_up):
    server = peer()
    client = come_up(server, no_store=True)
    client.set_publish_batching(10_000, 0)
    for number in range(3):
        client.publish("t", str(number))
    chooser = client.get_server_chooser()
    server.stop()
    wait_until(lambda: "refused" in chooser.get_error(), "a failed attempt")
    client.close()
    assert [p.unsent for p in client.problems.items if getattr(p, "unsent", 0)] == [3]


def test_publishes_kept_survive_any_number_of_failed_attempts(peer, come_up):
    server = peer(logon=in_turn(say(), hang_up, hang_up, refuse("not now"), say()))
    client = come_up(server, no_store=True)
    states = watch(client)
    client.set_publish_batching(10_000, 0)
    client.publish("t", "kept")
    server.hang_up()
    wait_ready(states)
    assert [f["body"] for f in server.wait_for("p")] == [b"kept"]


def test_dc_17_a_publish_while_not_ready_waits_and_is_sent(peer, come_up):
    answer = threading.Event()

    def wait_for_test(server, seen):
        answer.wait(PATIENCE_S)
        say()(server, seen)

    server = peer(logon=in_turn(say(), wait_for_test))
    client = come_up(server, no_store=True)
    states = watch(client)
    server.hang_up()
    states.wait_for(lambda seen: 2 in seen, "the transport")
    publisher = Failing(client.publish, "t", "x")
    deltas = Failing(client.delta_publish, "t", "y")
    commands = Failing(client.execute, AMPS.Command("publish").set_topic("t").set_data("z"))
    server.wait_for("logon", 2)
    assert publisher.is_alive() and not server.seen("p")
    answer.set()
    assert [each.result() for each in (publisher, deltas, commands)] == [None] * 3
    client.publish_flush(5000)
    published = [f["body"] for f in server.frames if f["c"] in ("p", "delta_publish")]
    assert sorted(published) == [b"x", b"y", b"z"]


def test_dc_17_in_a_handler_a_publish_never_waits(peer, come_up, inbox):
    server = peer()
    client = come_up(server, no_store=True)

    def publish(state):
        if state == 4:
            try:
                client.publish("t", "x")
            except AMPS.DisconnectedException as problem:
                inbox(problem)

    client.add_connection_state_listener(publish)
    server.hang_up()
    assert "publish" in str(inbox.get())


def test_dc_17_after_the_end_a_publish_raises(peer, come_up):
    client = come_up(peer(), no_store=True)
    client.close()
    with pytest.raises(AMPS.DisconnectedException):
        client.publish("t", "x")


def test_close_ends_a_publish_that_waits_for_the_way_back(peer, come_up):
    server = peer()
    client = come_up(server, no_store=True)
    states = watch(client)
    server.stop()
    states.wait_for(lambda seen: 0 in seen, "the loss")
    publisher = Failing(client.publish, "t", "x")
    client.close()
    assert type(publisher.result()) is AMPS.DisconnectedException
