"""The first AMPS program: connects, logs on, publishes one message, and shows who received it.

    python examples/first_program.py [tcp://host:port/amps/json]

When no server answers at the address (by default tcp://127.0.0.1:9007/amps/json), a sandbox server
is started there for as long as the program runs.
"""

import socket
import sys
from contextlib import nullcontext
from urllib.parse import urlsplit

import AMPS
from amps_sandbox import Sandbox

URI = "tcp://127.0.0.1:9007/amps/json"


def server_at(uri):
    """The server at that address, or a sandbox put there."""
    address = urlsplit(uri).hostname, urlsplit(uri).port
    try:
        socket.create_connection(address, timeout=2).close()
    except ConnectionRefusedError:
        print(f"no server answers at {uri}: starting a sandbox there")
        return Sandbox("{}:{}".format(*address))
    print(f"using the server at {uri}")
    return nullcontext()


def main(uri=URI):
    with server_at(uri), AMPS.Client("reader") as subscriber, AMPS.Client("writer") as publisher:
        subscriber.connect(uri)
        subscriber.logon()
        stream = subscriber.subscribe("messages")

        publisher.connect(uri)
        publisher.logon()
        publisher.publish("messages", '{ "hi" : "Hello, world!"}')
        publisher.publish_flush()

        message = next(stream)
        print(f"received on topic {message.get_topic()!r}: {message.get_data()}")


if __name__ == "__main__":
    main(*sys.argv[1:])
