"""Tables of faults and activities, and a world in which one cell of such a table is tried."""

import gc
import pathlib
import queue
import re

import AMPS
from amps_sandbox import Fault

from .calls import Failing
from .scripted_peer import PATIENCE_S, wait_until

TOPIC = "orders"
COUNT = 20  # messages of an activity
PLACE = "place"  # the id of the subscription that replays
LATE_MS = 250  # how long a call waits for what never comes
CELL_MS = 8000  # how long one waits for what does come: less than the patience of a test
HEARTBEAT_S, SILENCE_S = 0.1, 0.3
CLOSE_S_MAX = 3.0

GARBAGE = (
    *("zero_length", "huge_length", "no_json", "unterminated", "random", "unknown_command"),
    *("unknown_cid", "unknown_sub_id", "unknown_keys"),
)
BAD_BATCHES = ("wrong_length", "wrong_count", "missing_tail")
ACK_FAULTS = {"delay_ack", "drop_ack", "dup_ack", "reorder_acks"}

# What each row of a table does. Where an activity says nothing else it strikes once, at what the
# activity waits for.
FAULTS = {
    "drop": {"action": "drop"},
    "drop in a frame": {"action": "drop", "after_bytes": 7},
    "drop thrice": {"action": "drop", "count": 3, "after": 0},
    "reset": {"action": "reset"},
    "reset in a frame": {"action": "reset", "after_bytes": 7},
    "half_open": {"action": "half_open"},
    "half_open in a frame": {"action": "half_open", "after_bytes": 7},
    "no_heartbeat": {"action": "no_heartbeat"},
    "stall": {"action": "stall", "seconds": 0.05},
    "stall in a frame": {"action": "stall", "seconds": 0.05, "after_bytes": 7},
    "long stall": {"action": "stall", "seconds": 3600},
    "slow_read": {"action": "slow_read", "bytes_per_s": 20_000},
    "dribble": {"action": "dribble", "bytes": 7, "seconds": 0.001},
    "delay_ack": {"action": "delay_ack", "seconds": 0.05},
    "drop_ack": {"action": "drop_ack", "count": 0, "after": 0},
    "drop_ack once": {"action": "drop_ack"},
    "drop_ack completed": {"action": "drop_ack", "types": ("completed",)},
    "dup_ack": {"action": "dup_ack", "count": 0, "after": 0},
    "reorder_acks": {"action": "reorder_acks", "n": 5},
    "reorder command acks": {
        **{"action": "reorder_acks", "n": 2, "types": ("processed", "completed")},
        **{"count": 0, "after": 0},
    },
    "refuse_connect": {"action": "refuse_connect", "on": "connect", "after": 0},
    "refuse_logon": {"action": "refuse_logon", "on": "logon", "after": 0},
    "name in use": {"action": "refuse_logon", "reason": "name in use", "on": "logon", "after": 0},
    "odd refusal": {"action": "refuse_logon", "reason": "\x00?", "on": "logon", "after": 0},
    "logon_retry": {"action": "logon_retry", "n": 2, "on": "logon", "after": 0},
    "logon_retry 9": {"action": "logon_retry", "n": 9, "on": "logon", "after": 0},
    "reject": {"action": "reject", "reason": "not entitled"},
    "reject oddly": {"action": "reject", "reason": "what?", "status": "abracadabra"},
    **{f"garbage {kind}": {"action": "garbage", "kind": kind} for kind in GARBAGE},
    **{f"batch {kind}": {"action": "bad_batch", "kind": kind, "after": 0} for kind in BAD_BATCHES},
    "kill_engine": {"action": "kill_engine", "seconds": 0.05},
    "lose_tail": {"action": "lose_tail", "n": 3, "seconds": 0.05},
    "kill_engine for good": {"action": "kill_engine"},
    "lose_tail for good": {"action": "lose_tail", "n": 3},
    "listener stops": {"action": "refuse_connect", "on": "time", "after": 0.001, "listener": 0},
    "clock ahead": {"action": "clock_jump", "seconds": 86400},
    "clock back": {"action": "clock_jump", "seconds": -86400},
}
SILENT = {"half_open", "half_open in a frame", "no_heartbeat", "long stall"}  # heartbeats tell


def cells(table):
    """The cells of a table as (fault, activity, outcome); `-` is none. Columns are two or more
    blanks apart, and the first line names the activities."""
    lines = [re.split(r"\s{2,}", line.strip()) for line in table.strip().splitlines()]
    head, *rows = lines
    found = []
    for fault, *outcomes in rows:
        assert fault in FAULTS and len(outcomes) == len(head), f"the row {fault!r} is awry"
        found += [
            (fault, activity, outcome)
            for activity, outcome in zip(head, outcomes)
            if outcome != "-"
        ]
    return found


class Chooser(AMPS.DefaultServerChooser):
    """Remembers what failed, and how often it worked."""

    def __init__(self):
        super().__init__()
        self.failures, self.successes = [], 0

    def report_success(self, info):
        self.successes += 1
        super().report_success(info)

    def report_failure(self, exception, info):
        self.failures.append(exception)
        super().report_failure(exception, info)


class World:
    """Servers, a client, what was expected of them and what came."""

    flush_trigger = "ack:persisted"  # what a flush waits for

    def __init__(self, servers, fault, outcome, store=None):
        self.servers, self.fault, self.active = servers, fault, None
        self.errors, self.unsaved = [], []
        self.inbox = queue.Queue()
        self.is_late = outcome == "TimedOut"
        self.is_short = self.is_late or fault in SILENT or fault.startswith("drop_ack")
        self.wait_ms = LATE_MS if self.is_late else CELL_MS
        self.sent, self.losses = [], 0
        self.store = AMPS.MemoryPublishStore() if store is None else store
        self.client = self.new_client()

    @property
    def server(self):
        """The one that things go wrong with."""
        return self.servers[0]

    def troubles(self):
        """All that went wrong, for who must be told."""
        return [self.errors, self.chooser.failures]

    def publish_aside(self, *bodies):
        """Messages of others; they come to all servers."""
        for body in bodies:
            self.servers[-1].publish(TOPIC, body)
        alive = [server for server in self.servers if server.listener(0).is_open]
        wait_until(lambda: all(last_at(server) == bodies[-1] for server in alive))

    def new_client(self):
        client = AMPS.HAClient("tester", no_store=True)
        client.set_publish_store(self.store)
        client.set_bookmark_store(AMPS.MemoryBookmarkStore())
        self.chooser = Chooser()
        for server in self.servers:
            indexes = range(len(server.listeners))
            self.chooser.add_all(server.uri("json", index) for index in indexes)
        client.set_server_chooser(self.chooser)
        client.set_reconnect_delay_strategy(AMPS.FixedDelayStrategy(1))
        client.set_timeout(LATE_MS if self.is_short else CELL_MS)
        client.set_resubscription_timeout(LATE_MS if self.is_short else CELL_MS)
        self.prepare(client)
        return client

    def prepare(self, client):
        client.set_exception_listener(self.errors.append)
        client.set_failed_write_handler(lambda m, why: self.unsaved.append(m.get_data().encode()))
        if self.fault in SILENT:
            client.set_heartbeat(HEARTBEAT_S, SILENCE_S)

    def connect(self):
        self.client.connect_and_logon()

    def strike(self, on, acks_on=None, **more):
        """From now on things go wrong, at what this activity does next."""
        fault = FAULTS[self.fault]
        if fault["action"] in ACK_FAULTS or (fault["action"] == "reject" and on == "deliver"):
            on, more = acks_on or on, {}
        elif fault["action"] == "bad_batch":
            on = "sow"
        kept = {"after": 0, **more, **fault}
        self.active = self.server.faults.add(Fault(**{"on": on, **kept}))
        if self.active.trigger == "time":
            self.server.wait_until(lambda: self.active.hits)

    def wait_back(self, successes):
        """Until so many attempts to connect have worked out."""
        wait_until(lambda: self.chooser.successes >= successes, "the client to be back")

    def wait_noticed(self):
        """What makes no call fail is noticed some time."""
        if self.fault == "no_heartbeat":
            wait_until(self.has_noticed, "the client to miss the heartbeats")

    def has_noticed(self):
        return len(self.chooser.failures) > self.losses

    def publish(self, *numbers):
        for number in numbers:
            body = b'{"id":%d}' % number
            self.sent.append(body)
            self.client.publish(TOPIC, body)

    def heal(self):
        for server in self.servers:
            server.faults.clear()

    def outcome(self, error):
        """What has become of it, in one word."""
        if error is not None:
            return re.sub("Exception$", "", type(error).__name__)
        if len(self.chooser.failures) > self.losses:
            is_torn = any(isinstance(each, AMPS.StreamException) for each in self.errors)
            return "torn" if is_torn else "back"
        return "unsaved" if self.unsaved else "told" if len(self.errors) > self.losses else "fine"

    def verify(self):
        """Nothing is lost, nothing comes twice, and the client is as good as new."""
        assert all(isinstance(each, AMPS.AMPSException) for each in self.errors), self.errors
        if self.chooser.successes > 1:  # else connect_and_logon() had somebody to tell
            assert self.errors, "nobody was told"
        self.publish(10_000)
        self.client.publish_flush(CELL_MS)
        assert self.client.get_unpersisted_count() == 0
        assert all(one in self.sent for one in self.unsaved)
        kept = [one for one in self.sent if one not in self.unsaved]
        assert self.logged() == kept

    def logged(self):
        return [one.data for one in self.servers[-1].journal(TOPIC) if one.client == "tester"]


def descriptors():
    """What this process has open, by kind: a socket's number says nothing."""
    found = []
    for link in pathlib.Path("/proc/self/fd").iterdir():
        try:
            found.append(re.sub(r"\d+", "", str(link.readlink())))
        except FileNotFoundError:
            continue  # it was the list itself
    return sorted(found)


def last_at(server):
    return next((one.data for one in reversed(server.journal(TOPIC))), None)


def tasks():
    return len(list(pathlib.Path("/proc/self/task").iterdir()))


class NothingIsLeft:
    """A context after which threads and descriptors are as many as before."""

    def __enter__(self):
        gc.collect()
        self.before = self.count()

    def __exit__(self, kind, value, traceback):
        if kind is None:
            gc.collect()
            wait_until(lambda: self.count() == self.before, f"{self.before}, now {self.count()}")

    def count(self):
        return tasks(), descriptors()


def close_quickly(client):
    closing = Failing(client.close)
    closing.join(CLOSE_S_MAX)
    assert not closing.is_alive() and closing.error is None, f"close() hangs: {closing.error}"


def run_cell(world, activity):
    """Tries it on a thread of its own, so that a hang is a failure. Returns the outcome."""

    def tried():
        activity(world)
        world.wait_noticed()

    trial = Failing(tried)
    trial.join(PATIENCE_S)
    assert not trial.is_alive(), f"{activity.__name__} hangs"
    if trial.error is not None and not isinstance(trial.error, AMPS.AMPSException):
        raise trial.error
    assert world.active.hits > 0, "the fault has not struck"
    return world.outcome(trial.error)


def check_cell(world, activity, outcome):
    """Tries it; it ends as the cell says, and when all is well again nothing is lost."""
    try:
        became = run_cell(world, activity)
        assert became == outcome, [became, *world.troubles()]
        world.heal()
        world.verify()
    finally:
        close_quickly(world.client)
