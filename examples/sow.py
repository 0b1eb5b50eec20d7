"""The State of the World: the newest message of each key, asked for, counted and deleted.

    python examples/sow.py

The sandbox keeps records for the topics it is told of, by their keys.
"""

import AMPS
from amps_sandbox import Sandbox


def main():
    with Sandbox(topics=["orders:/id"]) as server, AMPS.Client("asker") as client:
        client.connect(server.uri("json"))
        client.logon()
        for order in ('{"id": 1, "px": 10}', '{"id": 2, "px": 30}', '{"id": 1, "px": 20}'):
            client.publish("orders", order)

        # A result begins and ends with a marker that has no data.
        for message in client.sow("orders", filter="/px > 15", order_by="/px DESC"):
            if message.command == AMPS.Message.Command.SOW:
                print("record:", message.get_data())

        # How many are there? None of them is sent.
        count = AMPS.Command("sow").set_topic("orders").set_top_n(0).add_ack_type("stats")
        stats = list(client.execute(count))[-1]
        print("records in all:", stats.get_matches())

        deleted = client.sow_delete("orders", "/id = 1")
        print("records deleted:", deleted.get_sow_deleted())


if __name__ == "__main__":
    main()
