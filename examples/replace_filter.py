"""Another filter for a subscription that is live: nothing is missed, nothing told twice.

    python examples/replace_filter.py

The new filter holds from the moment the server accepts it.
"""

import queue

import AMPS
from amps_sandbox import Sandbox


def main():
    received = queue.Queue()
    with Sandbox() as server, AMPS.Client("watcher") as client:
        client.connect(server.uri("json"))
        client.logon()

        watch = AMPS.Command("subscribe").set_topic("orders").set_filter("/px > 100")
        sub_id = client.execute_async(watch, lambda message: received.put(message.get_data()))
        client.publish("orders", '{"px": 50}')

        watch.set_sub_id(sub_id).set_options("replace").set_filter("/px > 10")
        client.execute_async(watch, lambda message: received.put(message.get_data()))
        client.publish("orders", '{"px": 60}')
        print("received:", received.get(timeout=10))


if __name__ == "__main__":
    main()
