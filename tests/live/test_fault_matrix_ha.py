"""Each fault in each activity of an HAClient: nothing is lost, doubled, left or waited for in vain.

A cell says what becomes of the activity:

  fine     it works out and the client has noticed nothing worth telling
  back     it works out: the connection was lost, or an attempt to connect failed, and the client
           came back by itself
  torn     the same, and the exception listener has a StreamException: the server sent nonsense
  unsaved  it works out but for what the server refused, which the failed write handler has
  another  the call raises this AMPS exception, ending in Exception
  -        this fault does not happen there

In all of them the client works on afterwards, the server's log holds each stored publish once and
in order, each message of a replay came at least once and those discarded never again, close() is
quick, and no thread or descriptor is left.
"""

import pytest

from amps_sandbox import Sandbox

from .fault_activities import ACTIVITIES
from .fault_matrix import TOPIC, NothingIsLeft, World, cells, check_cell

SAME = {"topics": [f"{TOPIC}:/id"], "txlog": [TOPIC], "ack_conflation": "0"}

ONE_SERVER = """
publish  flush  refill  logon  subscribe  sow  replay  reconnect  replace
drop                     back  back  back  back  back  Disconnected  back  back  back
drop in a frame          back  back  back  back  back  Disconnected  back  back  back
drop thrice              back  back  back  back  back  Disconnected  back  back  back
reset                    back  back  back  back  back  Disconnected  back  back  back
reset in a frame         back  back  back  back  back  Disconnected  back  back  back
half_open                back  back  back  back  back  Disconnected  back  back  back
half_open in a frame     back  back  back  back  back  Disconnected  back  back  back
no_heartbeat             back  back  back  back  back  back  back  back  back
stall                    fine  fine  fine  fine  fine  fine  fine  fine  fine
stall in a frame         fine  fine  fine  fine  fine  fine  fine  fine  fine
long stall               back  back  back  back  back  Disconnected  back  back  back
slow_read                fine  fine  fine  fine  fine  fine  fine  fine  fine
dribble                  fine  fine  fine  fine  fine  fine  fine  fine  fine
delay_ack                fine  fine  fine  fine  fine  fine  fine  fine  fine
drop_ack                 TimedOut  TimedOut  TimedOut  -  TimedOut  TimedOut  TimedOut  -  -
drop_ack once            fine  fine  fine  back  TimedOut  TimedOut  TimedOut  back  back
drop_ack completed       -  -  -  -  -  fine  fine  -  -
dup_ack                  fine  fine  fine  fine  fine  fine  fine  fine  fine
reorder_acks             fine  fine  fine  -  -  -  -  -  -
reorder command acks     -  -  -  -  -  fine  fine  -  -
refuse_connect           -  -  back  back  -  -  -  back  back
refuse_logon             -  -  back  back  -  -  -  back  back
name in use              -  -  back  back  -  -  -  back  back
odd refusal              -  -  back  back  -  -  -  back  back
logon_retry              -  -  back  back  -  -  -  back  back
logon_retry 9            -  -  back  back  -  -  -  back  back
reject                  unsaved  -  unsaved  back  NotEntitled  NotEntitled  NotEntitled  back  back
reject oddly             unsaved  -  unsaved  back  Command  Command  Command  back  back
garbage zero_length      fine  fine  fine  fine  fine  fine  fine  fine  fine
garbage huge_length      torn  torn  torn  torn  torn  Disconnected  torn  torn  torn
garbage no_json          torn  torn  torn  torn  torn  Disconnected  torn  torn  torn
garbage unterminated     torn  torn  torn  torn  torn  Disconnected  torn  torn  torn
garbage random           torn  torn  torn  torn  torn  Disconnected  torn  torn  torn
garbage unknown_command  fine  fine  fine  fine  fine  fine  fine  fine  fine
garbage unknown_cid      fine  fine  fine  fine  fine  fine  fine  fine  fine
garbage unknown_sub_id   fine  fine  fine  fine  fine  fine  fine  fine  fine
garbage unknown_keys     fine  fine  fine  fine  fine  fine  fine  fine  fine
batch wrong_length       -  -  -  -  -  Disconnected  -  -  -
batch wrong_count        -  -  -  -  -  fine  -  -  -
batch missing_tail       -  -  -  -  -  Disconnected  -  -  -
kill_engine              back  back  back  back  back  Disconnected  back  back  back
lose_tail                back  back  back  back  back  Disconnected  back  back  back
clock ahead              fine  fine  fine  fine  fine  fine  fine  fine  fine
clock back               fine  fine  fine  fine  fine  fine  fine  fine  fine
"""

TWO_LISTENERS = """
publish  flush  refill  logon  subscribe  sow  replay  reconnect  replace
drop in a frame          back  back  back  back  back  Disconnected  back  back  back
half_open                back  back  back  back  back  Disconnected  back  back  back
listener stops           -  -  back  back  -  -  -  back  back
refuse_logon             -  -  back  back  -  -  -  back  back
"""

# The first of two that share their log is lost, for good where a fault says nothing else.
SYNCHRONOUS_PAIR = """
publish  flush  refill  logon  subscribe  replay  reconnect  replace
drop in a frame          back  back  back  back  back  back  back  back
half_open                back  back  back  back  back  back  back  back
garbage random           torn  torn  torn  torn  torn  torn  torn  torn
kill_engine for good     back  back  back  back  back  back  back  back
lose_tail for good       back  back  back  back  back  back  back  back
"""


def try_cell(servers, fault, activity, outcome):
    check_cell(World(servers, fault, outcome), ACTIVITIES[activity], outcome)


@pytest.mark.parametrize(("fault", "activity", "outcome"), cells(ONE_SERVER))
def test_one_server(fault, activity, outcome):
    with NothingIsLeft(), Sandbox(**SAME) as server:
        try_cell([server], fault, activity, outcome)


@pytest.mark.parametrize(("fault", "activity", "outcome"), cells(TWO_LISTENERS))
def test_two_listeners(fault, activity, outcome):
    with NothingIsLeft(), Sandbox(["127.0.0.1:0"] * 2, **SAME) as server:
        try_cell([server], fault, activity, outcome)


@pytest.mark.parametrize(("fault", "activity", "outcome"), cells(SYNCHRONOUS_PAIR))
def test_a_synchronous_pair(fault, activity, outcome):
    first = Sandbox(**SAME)
    second = Sandbox(**SAME, replica_of=first, lag=0, sync=True)
    with NothingIsLeft(), first, second:
        try_cell([first, second], fault, activity, outcome)
