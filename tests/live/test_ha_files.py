"""The files of an HAClient: whose they are, when they are given back, what holds a client."""

import gc
import weakref

import pytest

import AMPS
from amps_sandbox import Sandbox

from .conftest import Inbox


@pytest.fixture
def server():
    with Sandbox(txlog=["orders"], ack_conflation="10ms") as sandbox:
        yield sandbox


def chooser_of(server):
    return AMPS.DefaultServerChooser().add(server.uri("json"))


def a_client(server, *files):
    client = AMPS.HAClient("writer", *files)
    client.set_server_chooser(chooser_of(server))
    return client


def test_a_closed_client_gives_its_files_back(server, tmp_path):
    files = str(tmp_path / "publishes"), str(tmp_path / "bookmarks")
    first = a_client(server, *files)
    with pytest.raises(AMPS.StoreException, match="another store has it open"):
        AMPS.HAClient("writer", *files)
    first.connect_and_logon()
    first.publish("orders", "1")
    first.publish_flush(5000)
    first.close()
    with a_client(server, *files) as second:
        second.connect_and_logon()
        assert second.publish("orders", "2") > 0
        second.publish_flush(5000)
    assert [entry.data for entry in server.journal("orders")] == [b"1", b"2"]


def test_a_publish_after_the_close_says_that_it_is_not_kept(server, tmp_path):
    client = a_client(server, str(tmp_path / "publishes"))
    client.connect_and_logon()
    client.close()
    with pytest.raises(AMPS.DisconnectedException, match="not kept"):
        client.publish("orders", "lost, and it says so")


def test_connecting_again_opens_the_files_again(server, tmp_path):
    client = a_client(server, str(tmp_path / "publishes"), str(tmp_path / "bookmarks"))
    for number in range(2):
        client.connect_and_logon()
        client.publish("orders", str(number))
        client.publish_flush(5000)
        client.close()
    assert [entry.data for entry in server.journal("orders")] == [b"0", b"1"]


def test_a_store_that_was_set_stays_open(server, tmp_path):
    store = AMPS.PublishStore(str(tmp_path / "publishes"))
    with a_client(server) as client:
        client.set_publish_store(store)
        client.connect_and_logon()
    store.store(AMPS.Message().set_command("publish").set_topic("orders").set_data("kept"))
    assert store.get_unpersisted_count() == 1


def test_files_and_no_store_contradict_each_other(tmp_path):
    with pytest.raises(AMPS.UsageException, match="no_store"):
        AMPS.HAClient("writer", str(tmp_path / "publishes"), no_store=True)


def test_nothing_holds_a_closed_client(server):
    def one_life():
        inbox = Inbox()
        with a_client(server) as client:
            client.connect_and_logon()

            def on_order(message):
                inbox(client.get_name())  # a cycle, as programs make them

            client.bookmark_subscribe(on_order, "orders", "0", sub_id="mine")
            client.publish("orders", "1")
            assert inbox.get() == "writer"
            return weakref.ref(client)

    gc.disable()
    try:
        assert one_life()() is None
    finally:
        gc.enable()
