"""A worker on a queue that is killed: says the number of each message before it acknowledges it.

Its arguments: what kind of worker, the id of this life, its backlog, the server. It ends when its
standard input is closed, with everything acknowledged that it has taken. Some messages it gives
back or forgets, whose lease then ends.
"""

import os
import queue
import random
import sys
import threading

import AMPS

TOPIC = "tasks"
END_MS = 50_000
ACK_TIMEOUT_MS = 10
GIVEN_BACK_CHANCE = 0.002
FORGOTTEN_CHANCE = 0.0005


class Failed(Exception):
    """What a handler raises that cannot do its work, now and then."""


class Life:
    """What one process does between its birth and its kill."""

    def __init__(self, kind, identity, backlog, uri):
        self.identity = identity
        self.backlog = backlog
        self.chance = random.Random(identity)
        self.held = queue.SimpleQueue()
        self.client = self.make_client(kind, uri)
        self.client.set_exception_listener(self.listen)

    @staticmethod
    def make_client(kind, uri):
        if kind in ("handler", "manual"):
            client = AMPS.Client(kind)
            client.connect(uri)
            client.logon()
            return client
        client = AMPS.HAClient(kind, no_store=kind == "stream")
        chooser = AMPS.DefaultServerChooser()
        chooser.add(uri)
        client.set_server_chooser(chooser)
        client.connect_and_logon()
        return client

    def listen(self, error):
        if not isinstance(error, Failed):
            os._exit(1)  # the story sees that it ended by itself

    def process(self, message):
        os.write(sys.stdout.fileno(), f"{self.client.get_name()} {message.get_data()} .\n".encode())

    def subscribe(self, *handler):
        return self.client.subscribe(
            *handler, TOPIC, options=f"max_backlog={self.backlog}", sub_id=self.identity
        )

    def batch(self, size):
        self.client.set_ack_batch_size(size)
        self.client.set_ack_timeout(ACK_TIMEOUT_MS)

    # The kinds: each returns when its end has been asked for

    def handler(self):
        """Auto ack in batches; what it raises for is given back."""
        self.batch(10)
        self.client.set_auto_ack(True)
        self.subscribe(self.process_or_fail)
        sys.stdin.read()

    def process_or_fail(self, message):
        if self.chance.random() < GIVEN_BACK_CHANCE:
            raise Failed
        self.process(message)

    def stream(self):
        """Auto ack of an iteration, in large batches, by an HAClient."""
        self.batch(25)
        self.client.set_auto_ack(True)
        stream = self.subscribe()
        thread = threading.Thread(target=self.iterate, args=(stream,), daemon=True)
        thread.start()
        sys.stdin.read()
        stream.close()
        thread.join()

    def iterate(self, stream):
        for message in stream:
            self.process(message)

    def manual(self):
        """One ack at a time, out of order, on another thread than the handler's."""
        thread = threading.Thread(target=self.acknowledge, daemon=True)
        thread.start()
        self.subscribe(self.hold)
        sys.stdin.read()
        self.held.put(None)
        thread.join()

    def stored(self):
        """The same, in batches, through a publish store."""
        self.batch(20)
        self.manual()

    def hold(self, message):
        self.process(message)
        self.held.put(message)

    def acknowledge(self):
        """All that has been processed meanwhile, in any order."""
        done = []
        while None not in done:
            done = [self.held.get()]
            while not self.held.empty():
                done.append(self.held.get())
            self.chance.shuffle(done)
            for message in filter(None, done):
                fate = self.chance.random()
                if fate > FORGOTTEN_CHANCE:
                    message.ack("cancel" if fate > 1 - GIVEN_BACK_CHANCE else None)

    def run(self, kind):
        getattr(self, kind)()
        self.client.unsubscribe()  # sends what is gathered
        self.client.publish_flush(END_MS)
        self.client.close()


def main():
    kind, identity, backlog, uri = sys.argv[1:]
    Life(kind, identity, int(backlog), uri).run(kind)


if __name__ == "__main__":
    main()
