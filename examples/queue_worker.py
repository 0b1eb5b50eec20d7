"""A worker that takes tasks from a queue, and says of each what became of it.

    python examples/queue_worker.py

A queue leases a message to one subscriber. Acknowledged, it is done and gone; cancelled, it goes
back and comes again, to whoever is next; and so it does when the worker dies or the lease ends.
"""

import json

import AMPS
from amps_sandbox import Queue, Sandbox


def work(task, attempts):
    """Fails at the first attempt of every third task."""
    attempts[task] = attempts.get(task, 0) + 1
    if task % 3 == 0 and attempts[task] == 1:
        raise RuntimeError(f"task {task}: out of ink")


def main():
    tasks = Queue("tasks", lease_period="30s", max_per_subscription_backlog=5)
    with Sandbox(queues=[tasks]) as server, AMPS.Client("worker") as client:
        client.connect(server.uri("json"))
        client.logon()
        for number in range(1, 7):
            client.publish("tasks", json.dumps({"task": number}))
        attempts, done = {}, []
        for message in client.subscribe("tasks", options="max_backlog=5"):
            task = message.json()["task"]
            try:
                work(task, attempts)
            except RuntimeError as problem:
                print(problem)
                message.ack("cancel")  # back to the queue
                continue
            message.ack()
            done.append(task)
            if len(done) == 6:
                break
        client.publish_flush(5000)  # what was acknowledged has been processed
        print("done:", sorted(done), "left:", server.queue("tasks").depth)


if __name__ == "__main__":
    main()
