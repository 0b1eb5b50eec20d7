"""A query that goes on: what is there, then every change, then who has left the result.

    python examples/sow_and_subscribe.py

Without oof_enabled a record that no longer matches just stops changing.
"""

import AMPS
from amps_sandbox import Sandbox


def main():
    with Sandbox(topics=["orders:/id"]) as server, AMPS.Client("blotter") as client:
        client.connect(server.uri("json"))
        client.logon()
        client.publish("orders", '{"id": 1, "state": "open", "qty": 100}')

        stream = client.sow_and_subscribe("orders", filter="/state = 'open'", oof_enabled=True)
        client.publish("orders", '{"id": 1, "state": "open", "qty": 60}')
        client.publish("orders", '{"id": 1, "state": "filled", "qty": 0}')

        for message in stream:
            if message.command in ("group_begin", "group_end"):
                continue  # around what was there already
            print(f"{message.command:7} {message.get_data()}")
            if message.command == "oof":
                print("left the result, reason:", message.get_reason())
                break


if __name__ == "__main__":
    main()
