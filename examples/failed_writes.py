"""What becomes of publishes that the server refuses: none is lost silently.

    python examples/failed_writes.py

With a publish store the failed-write handler is given the message itself, and the store then lets
go of it. Here the program keeps such messages for somebody to look at.
"""

import queue

import AMPS
from amps_sandbox import Fault, Sandbox


def main():
    refused = queue.Queue()

    def on_failed_write(message, reason):  # on the receive thread
        refused.put((message.get_topic(), message.get_data(), reason))

    with Sandbox(txlog=["orders"]) as server, AMPS.HAClient("order-publisher") as client:
        server.faults.add(Fault(on="publish", action="reject", reason="not entitled", after=1))
        chooser = AMPS.DefaultServerChooser()
        chooser.add(server.uri("json"))
        client.set_server_chooser(chooser)
        client.set_failed_write_handler(on_failed_write)
        client.connect_and_logon()
        for number in range(3):
            client.publish("orders", f'{{"id": {number}}}')
        print("refused:", *refused.get(timeout=10))
        client.publish_flush(timeout=10_000)  # what is refused is not waited for
        print("in the log:", len(server.journal("orders")), "of 3")


if __name__ == "__main__":
    main()
