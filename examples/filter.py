"""A subscription with a content filter: the server sends what matches and nothing else.

    python examples/filter.py

Filters look like SQL; fields are paths into the message.
"""

import AMPS
from amps_sandbox import Sandbox

ORDERS = (
    '{"id": 1, "symbol": "IBM", "px": 91.5}',
    '{"id": 2, "symbol": "MSFT", "px": 412.0}',
    '{"id": 3, "symbol": "IBM", "px": 120.25}',
)


def main():
    with Sandbox() as server, AMPS.Client("filter") as client:
        client.connect(server.uri("json"))
        client.logon()
        expensive = client.subscribe("orders", filter="/symbol = 'IBM' AND /px > 100")
        for order in ORDERS:
            client.publish("orders", order)
        print("matched:", next(expensive).get_data())

        try:
            client.subscribe("orders", filter="/px >> (")
        except AMPS.BadFilterException as error:
            print("refused:", error)


if __name__ == "__main__":
    main()
