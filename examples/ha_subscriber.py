"""A subscriber that goes on where it stopped, also in another process.

    python examples/ha_subscriber.py

The bookmark store notes what was received and what the program is done with. A subscription that
starts at MOST_RECENT gets all that was not discarded, and nothing that was.
"""

import json
import queue
import tempfile
from pathlib import Path

import AMPS
from amps_sandbox import Sandbox


def work(server, store_file, count):
    """One run of the program: takes `count` orders and is done with each."""
    done = queue.Queue()
    chooser = AMPS.DefaultServerChooser()
    chooser.add(server.uri("json"))
    with AMPS.HAClient("order-reader", bookmark_store=str(store_file)) as client:
        client.set_server_chooser(chooser)
        client.connect_and_logon()

        def on_order(message):
            if done.qsize() < count:  # as if the program ended after so many
                done.put(json.loads(message.get_data())["id"])
                client.discard(message)  # from here on it is never delivered again

        client.bookmark_subscribe(
            on_order, "orders", AMPS.Client.Bookmarks.MOST_RECENT, sub_id="orders-1"
        )
        return [done.get(timeout=10) for _ in range(count)]


def main():
    with Sandbox(txlog=["orders"]) as server, tempfile.TemporaryDirectory() as folder:
        for number in range(6):
            server.publish("orders", json.dumps({"id": number}))
        store_file = Path(folder) / "orders.bookmarks"
        print("first run:", work(server, store_file, 2))
        print("second run:", work(server, store_file, 4))


if __name__ == "__main__":
    main()
