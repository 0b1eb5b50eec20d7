"""A worker whose messages are acknowledged when its handler has returned, many at a time.

    python examples/queue_worker_auto.py

One sow_delete then acknowledges up to a hundred messages. A batch is never larger than the backlog
that the server has granted, and none waits longer than the timeout; whoever closes the client or
unsubscribes sends what is gathered. A handler that raises gives its message back to the queue.
"""

import json
import queue

import AMPS
from amps_sandbox import Queue, Sandbox

COUNT = 1000


def main():
    tasks = Queue("tasks", max_per_subscription_backlog=200)
    with Sandbox(queues=[tasks]) as server, AMPS.Client("worker") as client:
        client.connect(server.uri("json"))
        client.logon()
        for number in range(COUNT):
            client.publish("tasks", json.dumps({"task": number}))
        client.set_auto_ack(True)
        client.set_ack_batch_size(100)
        client.set_ack_timeout(500)  # milliseconds
        done = queue.Queue()
        client.subscribe(
            lambda message: done.put(message.json()["task"]), "tasks", options="max_backlog=200"
        )
        total = sum(done.get(timeout=10) for _ in range(COUNT))
        client.unsubscribe()  # sends the acknowledgements that are gathered
        client.publish_flush(5000)
        print("sum of the tasks:", total)
        print("left:", server.queue("tasks").depth)
        commands = len(server.received("sow_delete"))
        print("acknowledged by few commands:", commands < COUNT / 50)


if __name__ == "__main__":
    main()
