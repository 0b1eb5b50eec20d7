"""A publisher that loses its server and none of its messages.

    python examples/ha_publisher.py

The publish store keeps each message until a server has persisted it. While no server is there,
publish goes on at full speed; the client connects again by itself and sends what is kept, in order.
"""

import json
import tempfile
from pathlib import Path

import AMPS
from amps_sandbox import Sandbox


def main():
    folder = tempfile.TemporaryDirectory()
    store_file = Path(folder.name) / "orders.store"
    with Sandbox(txlog=["orders"]) as server:
        chooser = AMPS.DefaultServerChooser()
        chooser.add(server.uri("json"))  # and those of the servers that stand in for it
        # The name belongs to the store: the same publisher, the same name, the same file.
        with AMPS.HAClient("order-publisher", publish_store=str(store_file)) as client:
            client.set_server_chooser(chooser)
            client.set_exception_listener(lambda problem: None)  # told of each loss
            client.connect_and_logon()
            for number in range(100):
                client.publish("orders", json.dumps({"id": number}))

            server.restart(keep_data=True)  # the server dies and comes back
            for number in range(100, 200):
                client.publish("orders", json.dumps({"id": number}))  # does not wait for that

            client.publish_flush(timeout=10_000)  # until the server has persisted all
            print("not persisted:", client.get_unpersisted_count())
        ids = [json.loads(entry.data)["id"] for entry in server.journal("orders")]
        print("each message once and in order:", ids == list(range(200)))
    folder.cleanup()


if __name__ == "__main__":
    main()
