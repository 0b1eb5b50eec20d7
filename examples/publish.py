"""Publishing: messages out, waiting until the server has them, and hearing of refusals.

    python examples/publish.py

Publishing does not wait for the server; publish_flush does.
"""

import json
import queue

import AMPS
from amps_sandbox import Sandbox


def main():
    with Sandbox() as server, AMPS.Client("order-writer") as client:
        client.connect(server.uri("json"))
        client.logon()
        for number in range(1000):
            client.publish("orders", json.dumps({"id": number, "qty": 10 * number}))
        client.publish_flush(timeout=10_000)  # all of it is with the server now

        # A publish is answered only when it asks for it. What the server refuses goes to a handler.
        refusals = queue.Queue()
        client.set_failed_write_handler(lambda message, reason: refusals.put(reason))
        refused = AMPS.Command("publish").set_topic("/AMPS/reserved").set_data("{}")
        client.execute_async(refused.add_ack_type("processed"), None)
        print("refused:", refusals.get(timeout=10))

        print("the server received", len(server.received("publish")), "publishes")


if __name__ == "__main__":
    main()
