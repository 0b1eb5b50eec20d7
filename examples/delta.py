"""Deltas: publish only what changed, receive only what changed.

    python examples/delta.py

The server merges a delta into its record, and sends each subscriber what it asked for.
"""

import AMPS
from amps_sandbox import Sandbox


def main():
    with Sandbox(topics=["quotes:/symbol"]) as server, AMPS.Client("quotes") as client:
        client.connect(server.uri("json"))
        client.logon()
        client.publish("quotes", '{"symbol": "IBM", "bid": 91.2, "ask": 91.4, "venue": "XNYS"}')

        changes = client.sow_and_delta_subscribe("quotes", options="send_keys")
        client.delta_publish("quotes", '{"symbol": "IBM", "bid": 91.3}')
        for message in changes:
            if message.command == "sow":
                print("record:", message.get_data())
            elif message.command == "publish":
                print("change:", message.get_data())
                break

        whole = [message.get_data() for message in client.sow("quotes") if message.get_data()]
        print("merged:", *whole)


if __name__ == "__main__":
    main()
