"""Each fault in each activity of a plain Client: what fails is said, and it can be begun anew.

A cell says what becomes of the activity:

  fine     it works out, and the client has noticed nothing worth telling
  told     it works out, but the exception listener has heard of something
  another  the call raises this AMPS exception, ending in Exception
  -        this fault does not happen there

In all of them the same client can connect again afterwards and works; no publish is in the server's
log twice or out of order, and where all is fine none is missing; nothing is left open.
"""

import pytest

import AMPS
from amps_sandbox import Sandbox

from .fault_activities import ACTIVITIES
from .fault_matrix import (
    CELL_MS,
    LATE_MS,
    SILENT,
    TOPIC,
    NothingIsLeft,
    World,
    cells,
    check_cell,
)
from .scripted_peer import wait_until

SAME = {"topics": [f"{TOPIC}:/id"], "txlog": [TOPIC], "ack_conflation": "0"}

WITHOUT_STORE = """
publish  flush  logon  subscribe  sow
drop                     Disconnected  Disconnected  Disconnected  Disconnected  Disconnected
drop in a frame          Disconnected  Disconnected  Disconnected  Disconnected  Disconnected
reset                    Disconnected  Disconnected  Disconnected  Disconnected  Disconnected
reset in a frame         Disconnected  Disconnected  Disconnected  Disconnected  Disconnected
half_open                Disconnected  Disconnected  TimedOut  Disconnected  Disconnected
half_open in a frame     Disconnected  Disconnected  TimedOut  Disconnected  Disconnected
no_heartbeat             told  told  told  told  told
stall                    fine  fine  fine  fine  fine
stall in a frame         fine  fine  fine  fine  fine
long stall               Disconnected  Disconnected  TimedOut  Disconnected  Disconnected
slow_read                fine  fine  fine  fine  fine
dribble                  fine  fine  fine  fine  fine
delay_ack                -  fine  fine  fine  fine
drop_ack                 -  TimedOut  TimedOut  TimedOut  TimedOut
drop_ack completed       -  -  -  -  fine
dup_ack                  -  fine  fine  fine  fine
reorder command acks     -  -  -  -  fine
refuse_connect           -  -  Disconnected  -  -
refuse_logon             -  -  Authentication  -  -
name in use              -  -  NameInUse  -  -
odd refusal              -  -  Command  -  -
logon_retry              -  -  Authentication  -  -
logon_retry 9            -  -  Authentication  -  -
reject                   fine  NotEntitled  NotEntitled  NotEntitled  NotEntitled
reject oddly             fine  Command  Command  Command  Command
garbage zero_length      fine  fine  fine  fine  fine
garbage huge_length      Disconnected  Disconnected  Disconnected  Disconnected  Disconnected
garbage no_json          Disconnected  Disconnected  Disconnected  Disconnected  Disconnected
garbage unterminated     Disconnected  Disconnected  Disconnected  Disconnected  Disconnected
garbage random           Disconnected  Disconnected  Disconnected  Disconnected  Disconnected
garbage unknown_command  fine  fine  fine  fine  fine
garbage unknown_cid      fine  fine  fine  fine  fine
garbage unknown_sub_id   fine  fine  fine  fine  fine
garbage unknown_keys     fine  fine  fine  fine  fine
batch wrong_length       -  -  -  -  Disconnected
batch wrong_count        -  -  -  -  fine
batch missing_tail       -  -  -  -  Disconnected
kill_engine              Disconnected  Disconnected  Disconnected  Disconnected  Disconnected
lose_tail                Disconnected  Disconnected  Disconnected  Disconnected  Disconnected
clock ahead              fine  fine  fine  fine  fine
clock back               fine  fine  fine  fine  fine
"""


class PlainWorld(World):
    """As the other, with a client that neither stores nor comes back."""

    flush_trigger = "flush"

    def new_client(self):
        client = AMPS.Client("tester")
        self.prepare(client)
        return client

    def connect(self):
        self.client.connect(self.server.uri("json"))
        self.client.logon(LATE_MS if self.is_late or self.fault in SILENT else CELL_MS)

    def troubles(self):
        return [self.errors]

    def has_noticed(self):
        return bool(self.errors)

    def outcome(self, error):
        word = "fine" if not self.errors else "told"
        return word if error is None else type(error).__name__[: -len("Exception")]

    def verify(self):
        assert all(isinstance(each, AMPS.AMPSException) for each in self.errors), self.errors
        self.client.disconnect()
        wait_until(lambda: self.server.listener(0).is_open, "the server to come back")
        self.connect()
        self.publish(10_000)
        self.client.publish_flush(CELL_MS)
        places = [self.sent.index(body) for body in self.logged()]
        assert places == sorted(set(places)) and places[-1] == len(self.sent) - 1
        is_whole = not self.fault.startswith("reject")
        if not self.errors and is_whole:
            assert len(places) == len(self.sent)


@pytest.mark.parametrize(("fault", "activity", "outcome"), cells(WITHOUT_STORE))
def test_a_plain_client(fault, activity, outcome):
    with NothingIsLeft(), Sandbox(**SAME) as server:
        check_cell(PlainWorld([server], fault, outcome), ACTIVITIES[activity], outcome)
