"""What ack() does not take, and when: clear errors, and nothing sent."""

import subprocess
import sys

import pytest

import AMPS

from .queue_peer import acks_seen, everything, grant, item, items, wait_acks
from .scripted_peer import say

LONGEST = 256  # bytes of a bookmark


@pytest.fixture
def served(peer, log_on):
    server = peer(subscribe=grant(5))
    return server, log_on(server)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ((), TypeError),
        (("Q",), TypeError),
        ((None,), TypeError),
        ((None, "1|1|"), TypeError),
        (("Q", None), TypeError),
        (("Q", 5), TypeError),
        ((5, "1|1|"), TypeError),
        (([], {}), TypeError),
        (("Q", "1|1|", 5), TypeError),
        (("Q", "1|1|", ["cancel"]), TypeError),
        (("Q", "1|1|", None, None), TypeError),
        (("", "1|1|"), AMPS.InvalidTopicException),
        ((b"", b"1|1|"), AMPS.InvalidTopicException),
        (("Q", ""), AMPS.InvalidBookmarkException),
        (("Q", " , ,,"), AMPS.InvalidBookmarkException),
        (("Q", "x" * (LONGEST + 1)), AMPS.InvalidBookmarkException),
        (("Q", "1|1|," + "x" * (LONGEST + 1)), AMPS.InvalidBookmarkException),
        (("Q", "1|1\0|"), ValueError),
        (("Q\0", "1|1|"), ValueError),
        (("Q", "1|1|", "can\0cel"), ValueError),
        (("\ud800", "1|1|"), ValueError),
        (("Q", "\ud800"), ValueError),
        (("Q" * 200_000, "1|1|"), AMPS.UsageException),
        (("Q", "1|1|", "x" * 200_000), AMPS.UsageException),
        (("Q", ",".join(f"1|{n}|" for n in range(30_000)), "cancel"), AMPS.UsageException),
    ],
)
@pytest.mark.parametrize("size", [1, 10])
def test_arguments_that_are_none(served, arguments, error, size):
    server, client = served
    client.set_ack_batch_size(size)
    with pytest.raises(error):
        client.ack(*arguments)
    client.publish_flush(5000)
    assert acks_seen(server) == []


@pytest.mark.parametrize(
    "named",
    [
        {"message": "Q"},
        {"message": None},
        {"topic": "Q"},
        {"bookmark": "1|1|"},
        {"topic": "Q", "bookmark": "1|1|", "message": AMPS.Message()},
        {"topic": "Q", "bookmark": "1|1|", "option": "cancel"},
    ],
)
def test_names_that_are_none(served, named):
    with pytest.raises(TypeError):
        served[1].ack(**named)


def test_a_message_and_more(served):
    message = AMPS.Message()
    for arguments in ((message, "cancel", "expire"), (message, 5)):
        with pytest.raises(TypeError):
            served[1].ack(*arguments)
    with pytest.raises(TypeError, match="two values"):
        served[1].ack(message, message=message)
    with pytest.raises(TypeError, match="two values"):
        served[1].ack("Q", "1|1|", topic="Q")


@pytest.mark.parametrize(
    "bookmark",
    ["garbage", "0", "0|1|", "recent", "1|2", "[1|1|:1|2|]", "ü", "a b", "x" * LONGEST],
)
def test_bookmarks_that_only_a_server_can_judge(served, bookmark):
    """A bookmark is opaque: what could be one goes to the server as it is."""
    server, client = served
    client.ack("Q", bookmark)
    (sent,) = server.wait_for("sow_delete")
    assert sent["bm"].encode("latin-1").decode() == bookmark


@pytest.mark.parametrize("options", ["nonsense", "cancel,expire", "replace", '"', "a=b,c=[d,e]"])
def test_options_that_only_a_server_can_judge(served, options):
    server, client = served
    client.ack("Q", "1|1|", options)
    assert wait_acks(server, 1) == [("Q", [1], options)]


def test_clients_that_take_none(new_client, peer):
    server = peer()
    client = new_client()
    with pytest.raises(AMPS.DisconnectedException, match="connect"):
        client.ack("Q", "1|1|")
    client.connect(server.uri())
    with pytest.raises(AMPS.LogonRequiredException):
        client.ack("Q", "1|1|")
    client.logon()
    client.close()
    with pytest.raises(AMPS.DisconnectedException):
        client.ack("Q", "1|1|")
    assert acks_seen(server) == []


def test_a_closed_client_and_its_messages(served):
    """One from a queue says that it is too late; any other has nothing to say."""
    server, client = served
    stream = client.subscribe("Q", sub_id="q").timeout(5000)
    server.answers["subscribe"] = say()
    other = client.subscribe("t", sub_id="s").timeout(5000)
    server.send(items(1) + item(2, "s", lp=None))
    message, plain = next(stream), next(other)
    client.close()
    plain.ack()
    with pytest.raises(AMPS.DisconnectedException):
        message.ack()


def test_a_client_whose_init_was_never_called():
    client = AMPS.Client.__new__(AMPS.Client)
    for call in (
        lambda: client.ack("Q", "1|1|"),
        lambda: client.set_auto_ack(True),
        lambda: client.set_ack_batch_size(5),
        lambda: client.set_ack_timeout(5),
    ):
        with pytest.raises(AMPS.UsageException, match="__init__"):
            call()
    assert (client.get_ack_batch_size(), client.get_ack_timeout()) == (1, 0)


FORKED = """
import os, sys
import AMPS
client = AMPS.Client("parent")
client.connect(sys.argv[1])
client.logon()
client.set_ack_batch_size(10)
client.ack("Q", "1|1|")
child = os.fork()
if child == 0:
    for call in (lambda: client.ack("Q", "1|2|"), lambda: client.set_auto_ack(False)):
        try:
            call()
            os._exit(1)
        except AMPS.UsageException as error:
            assert "fork" in str(error)
    client.close()
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
client.ack("Q", "1|3|")
client.close()
"""


def test_the_child_of_a_fork_sends_nothing(peer):
    server = peer()
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", FORKED, server.uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20)
    assert (done.returncode, done.stderr) == (0, "")
    server.wait_gone()
    assert acks_seen(server) == [("Q", [1, 3])]


EXITING = """
import sys
import AMPS
client = AMPS.Client("exits")
client.connect(sys.argv[1])
client.logon()
client.set_ack_batch_size(10)
client.ack("Q", "1|1|")
"""


def test_the_exit_sends_what_was_gathered(peer):
    server = peer()
    command = [sys.executable, "-c", EXITING, server.uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20)
    assert (done.returncode, done.stderr) == (0, "")
    server.wait_gone()
    assert acks_seen(server) == [("Q", [1])]


@pytest.mark.parametrize("size", [1, 3])
def test_acks_inside_a_transport_filter(served, size):
    """The filter is called by whoever sends: its own acks follow."""
    server, client = served
    left = [5, 4, 3, 2, 1]

    def see(data, incoming):
        if not incoming and left:
            client.ack("Q", f"1|{left.pop()}|")

    client.set_ack_batch_size(size)
    client.set_transport_filter(see)
    while left:
        client.publish_flush(5000)
    client.set_transport_filter(None)
    client.publish_flush(5000)
    assert [n for _, numbers in everything(server, client) for n in numbers] == [1, 2, 3, 4, 5]


def test_unsubscribes_and_closes_inside_a_transport_filter(served):
    server, client = served
    client.set_ack_batch_size(10)
    stream = client.subscribe("Q", sub_id="q")
    client.ack("Q", "1|1|")

    def see(data, incoming):
        if b"flush" in data and not incoming:
            client.ack("Q", "1|2|")
            stream.close()

    client.set_transport_filter(see)
    client.publish_flush(5000)
    client.set_transport_filter(None)
    server.wait_for("unsubscribe")
    assert [n for _, numbers in acks_seen(server) for n in numbers] == [1, 2]


def test_waiting_calls_stay_forbidden_in_handlers_that_acknowledge(served):
    server, client = served
    heard = []
    client.set_exception_listener(heard.append)
    client.set_auto_ack(True)
    client.subscribe(lambda message: client.publish_flush(100), "Q", sub_id="q")
    server.send(items(1))
    assert wait_acks(server, 1) == [("Q", [1], "cancel")]
    assert isinstance(heard[0], AMPS.UsageException)
