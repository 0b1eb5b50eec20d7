"""The faults that concern a publish store, with one in a file and with one in Python.

What the cells say, and what holds in all of them, is as in test_fault_matrix_ha; and when all is
over a file has nothing left to send, and goes on with the next number.
"""

import pytest

import AMPS
from amps_sandbox import Sandbox

from .custom_stores import Listed
from .fault_activities import ACTIVITIES
from .fault_matrix import (
    CELL_MS,
    COUNT,
    TOPIC,
    NothingIsLeft,
    World,
    cells,
    check_cell,
    close_quickly,
)
from .scripted_peer import wait_until

SAME = {"topics": [f"{TOPIC}:/id"], "txlog": [TOPIC], "ack_conflation": "0"}

ANY_STORE = """
publish  flush  refill  logon  reconnect
drop in a frame          back  back  back  -  back
reset                    back  -  back  -  back
half_open                back  back  -  -  back
dribble                  -  fine  -  -  -
delay_ack                -  fine  -  -  -
drop_ack                 TimedOut  -  TimedOut  -  -
drop_ack once            fine  fine  -  back  -
dup_ack                  fine  fine  -  -  -
reorder_acks             fine  fine  fine  -  -
refuse_logon             -  -  back  -  back
reject                   unsaved  -  unsaved  -  -
reject oddly             unsaved  -  -  -  -
garbage random           torn  -  torn  torn  torn
kill_engine              back  back  back  -  back
lose_tail                back  back  back  -  -
"""


def in_file(tmp_path):
    return AMPS.PublishStore(str(tmp_path / "publishes"))


def in_python(_tmp_path):
    return Listed()


@pytest.mark.parametrize(("fault", "activity", "outcome"), cells(ANY_STORE))
@pytest.mark.parametrize("make", [in_file, in_python])
def test_each_store(tmp_path, make, fault, activity, outcome):
    with NothingIsLeft(), Sandbox(**SAME) as server:
        world = World([server], fault, outcome, make(tmp_path))
        check_cell(world, ACTIVITIES[activity], outcome)
        if make is in_file:
            go_on_with_the_file(world, tmp_path)


def go_on_with_the_file(world, tmp_path):
    """As the program's next life does. Everything there is must be the file's doing."""
    last = world.store.get_last_persisted()
    world.store.close()
    world.store = in_file(tmp_path)
    assert (world.store.get_unpersisted_count(), world.store.get_last_persisted()) == (0, last)
    world.client = world.new_client()
    try:
        world.connect()
        world.publish(10_001)
        world.client.publish_flush(CELL_MS)
        kept = [one for one in world.sent if one not in world.unsaved]
        assert world.logged() == kept
    finally:
        close_quickly(world.client)
        world.store.close()


LIVES = ("drop in a frame", "half_open", "drop_ack", "reorder_acks", "garbage random", "lose_tail")


@pytest.mark.parametrize("fault", LIVES)
def test_what_one_life_of_the_program_leaves_in_the_file_the_next_one_sends(tmp_path, fault):
    with NothingIsLeft(), Sandbox(**SAME) as server:
        world = World([server], fault, "fine", in_file(tmp_path))
        world.connect()
        world.strike("publish", acks_on="ack:persisted", after=5)
        world.publish(*range(COUNT))
        close_quickly(world.client)
        world.heal()
        wait_until(lambda: server.listener(0).is_open, "the server to come back")
        world.store.close()
        world.store = in_file(tmp_path)
        world.client = world.new_client()
        try:
            world.connect()
            world.verify()
        finally:
            close_quickly(world.client)
            world.store.close()
