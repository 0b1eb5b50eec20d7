"""A fresh server for each test, clients that are closed after it, and a look for what is left."""

import pathlib
import queue

import pytest

import AMPS
from amps_sandbox import Sandbox

from .failover import QUICK_MS, Watched, chooser_of
from .readers import make_reader
from .scripted_peer import PATIENCE_S, ScriptedPeer, wait_until

TEST_S_MAX = 60  # a test that hangs ends here, with the stacks of all threads


def pytest_collection_modifyitems(items):
    for item in items:
        if pathlib.Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.timeout(TEST_S_MAX))


@pytest.fixture
def sandbox():
    """A started sandbox that nobody else uses."""
    with Sandbox() as server:
        yield server


@pytest.fixture
def peer():
    """Makes scripted peers: peer(logon=hang_up) answers that verb so, and the others politely."""
    made = []

    def make(**answers):
        made.append(ScriptedPeer(**answers))
        return made[-1]

    yield make
    for each in made:
        each.stop()


@pytest.fixture
def new_client():
    """Makes clients that are closed after the test."""
    made = []

    def make(name="tester", **options):
        made.append(AMPS.Client(name, **options))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def log_on(new_client):
    """Makes clients that are logged on to a sandbox or peer."""

    def make(server, name="tester", **options):
        client = new_client(name, **options)
        client.connect(server.uri("json"))
        client.logon(5000)
        return client

    return make


@pytest.fixture
def new_ha():
    """Makes HAClients for these servers, quick to try again, that are closed after the test. What
    they report is appended to their `problems`."""
    made = []

    def make(*servers, name="tester", delay=QUICK_MS, **options):
        client = AMPS.HAClient(name, **options)
        made.append(client)
        client.set_server_chooser(chooser_of(*servers))
        client.set_reconnect_delay(delay)
        client.problems = Watched()
        client.set_exception_listener(client.problems)
        return client

    yield make
    for each in made:
        each.close()


@pytest.fixture
def new_ha_client():
    """Makes HA clients of these addresses, not connected, that try again soon. Stores in memory
    unless a publish store is given; no_store=True for none."""
    made = []

    def make(*uris, name="publisher", store=None, no_store=False, **options):
        client = AMPS.HAClient(name, no_store=no_store, **options)
        made.append(client)
        if store is not None:
            client.set_publish_store(store)
        chooser = AMPS.DefaultServerChooser()
        chooser.add_all(list(uris))
        client.set_server_chooser(chooser)
        client.set_reconnect_delay(10)
        client.set_exception_listener([].append)
        return client

    yield make
    for each in made:
        each.close()


@pytest.fixture
def come_up(new_ha):
    """The same, connected and logged on."""

    def make(*servers, **options):
        client = new_ha(*servers, **options)
        client.connect_and_logon()
        return client

    return make


def come_back(client):
    """A disconnect handler as programs have it."""
    client.connect(client.get_uri())
    client.logon(5000)


@pytest.fixture
def returning(log_on):
    """Makes clients that come back after a loss."""

    def make(server, handler=come_back):
        client = log_on(server)
        client.set_exception_listener([].append)
        client.set_disconnect_handler(handler)
        return client

    return make


@pytest.fixture
def logged():
    """A sandbox with a transaction log and records of its topics."""
    with Sandbox(topics=["orders:/id"], txlog=["orders", "quotes"], ack_conflation="10ms") as made:
        yield made


@pytest.fixture
def new_reader():
    """Makes readers of a log that are closed after the test: see `make_reader`."""
    made = []

    def make(*servers, **options):
        made.append(make_reader(*servers, **options))
        return made[-1]

    yield make
    for each in made:
        each.close()


class Inbox:
    """A handler that keeps what it is given, for a test that waits for it."""

    def __init__(self):
        self._queue = queue.Queue()

    def __call__(self, message):
        self._queue.put(message)

    def get(self):
        return self._queue.get(timeout=PATIENCE_S)

    def bodies(self, count):
        return [self.get().get_data() for _ in range(count)]

    def is_empty(self):
        return self._queue.empty()


@pytest.fixture
def inbox():
    return Inbox()


@pytest.fixture
def inboxes():
    """Makes inboxes."""
    return Inbox


@pytest.fixture(autouse=True)
def no_thread_is_left():
    """After each test, and the end of its clients, none of the core's threads is left."""
    yield
    wait_until(lambda: not core_threads(), f"the end of the core's threads, not {core_threads()}")


def core_threads():
    """The names of this process's threads that the core made."""
    names = []
    for task in pathlib.Path("/proc/self/task").iterdir():
        try:
            names.append((task / "comm").read_text().strip())
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended while we looked
    return [name for name in names if name.startswith("amps-")]
