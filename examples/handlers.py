"""Messages by handler: AMPS calls a function of yours on its receive thread.

    python examples/handlers.py

What a handler raises does not end the subscription: it goes to the exception listener.
"""

import json
import threading

import AMPS
from amps_sandbox import Sandbox


class Totals:
    """Adds up orders as they come."""

    def __init__(self, expected):
        self.quantity = 0
        self.left = expected
        self.complete = threading.Event()

    def on_order(self, message):
        self.quantity += json.loads(message.get_data())["qty"]
        self.left -= 1
        if self.left == 0:
            self.complete.set()


def main():
    totals = Totals(expected=3)
    with Sandbox() as server, AMPS.Client("adder") as client:
        client.set_exception_listener(lambda problem: print("not an order:", repr(problem)))
        client.connect(server.uri("json"))
        client.logon()
        sub_id = client.subscribe(totals.on_order, "orders")
        for order in ('{"qty": 1}', "nonsense", '{"qty": 2}', '{"qty": 3}'):
            client.publish("orders", order)
        totals.complete.wait(10)
        client.unsubscribe(sub_id)
    print("total quantity:", totals.quantity)


if __name__ == "__main__":
    main()
