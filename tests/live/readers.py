"""Programs that read a transaction log, and those that write it, for tests of bookmarks."""

import AMPS

EPOCH, NOW, MOST_RECENT = (
    AMPS.Client.Bookmarks.EPOCH,
    AMPS.Client.Bookmarks.NOW,
    AMPS.Client.Bookmarks.MOST_RECENT,
)
RECONNECT_DELAY_MS = 20


def make_reader(*servers, name="reader", store=None, connect=True):
    """An HAClient that comes back soon. Its `problems` are what its exception listener was told,
    its `duplicates` what the duplicate handler was given."""
    client = AMPS.HAClient(name, no_store=True)
    client.problems, client.duplicates = [], []
    client.set_exception_listener(client.problems.append)
    client.set_duplicate_message_handler(lambda m: client.duplicates.append(m.get_data()))
    client.set_bookmark_store(AMPS.MemoryBookmarkStore() if store is None else store)
    chooser = AMPS.DefaultServerChooser()
    chooser.add_all([server.uri("json") for server in servers])
    client.set_server_chooser(chooser)
    client.set_reconnect_delay(RECONNECT_DELAY_MS)
    if connect:
        client.connect_and_logon()
    return client


def write(server, count, first=1, topic="orders"):
    """So many messages of the server's own, with bodies '1', '2', ..."""
    for number in range(first, first + count):
        server.publish(topic, str(number))


def write_as(client, sequence, body, topic="orders"):
    """A message with a number that the program chose."""
    command = AMPS.Command("publish").set_topic(topic).set_data(body).set_sequence(sequence)
    client.execute_async(command, None)
    client.publish_flush(5000)


def starts(server, client="reader"):
    """Where this client's subscriptions were to start, as the server was told."""
    return [frame.header.get("bm") for frame in server.received("subscribe", client)]


def wait_starts(server, count, client="reader"):
    server.wait_until(lambda: len(starts(server, client)) >= count, timeout=10)
    return starts(server, client)


def bookmarks_of(messages):
    return [message.get_bookmark() for message in messages]
