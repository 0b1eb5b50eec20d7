"""A subscriber that is killed: says 'processed' before and 'discarded' after each discard
('discarded-elsewhere' on another thread than the handler's).

Its arguments: the store's file, the seed of this life, the servers. It ends when its standard input
is closed. Messages are discarded out of order, some on another thread, some never in this life;
from time to time the store is pruned.
"""

import os
import queue
import random
import sys
import threading

import AMPS

NAME = "subscriber"
SUB_ID = "tortured"
TOPIC = "t"
HELD_MAX = 30  # messages that wait to be discarded
KEPT_CHANCE = 0.001  # of a message not to be discarded while it waits
PRUNE_S_MAX = 0.2


class Life:
    """What one process does between its birth and its kill."""

    def __init__(self, path, seed, uris):
        self.seed = seed
        self.chance = random.Random(int(seed))
        self.client = AMPS.HAClient(NAME, no_store=True)
        self.client.set_exception_listener(lambda error: None)  # losses are what this is about
        self.client.set_bookmark_store(AMPS.MMapBookmarkStore(path))
        chooser = AMPS.DefaultServerChooser()
        chooser.add_all(self.chance.sample(uris, len(uris)))
        self.client.set_server_chooser(chooser)
        self.client.set_reconnect_delay(20)
        self.held = []
        self.elsewhere = queue.SimpleQueue()
        self.ends = threading.Event()

    def say(self, verb, body):
        os.write(sys.stdout.fileno(), f"{verb} {body} {self.seed}\n".encode())

    def discard(self, message, verb="discarded"):
        self.client.discard(message)
        self.say(verb, message.get_data())

    def take(self, message):
        """The handler: processes each message, and discards some that waited, in any order."""
        self.say("processed", message.get_data())
        self.held.append(message)
        while len(self.held) > self.chance.randrange(HELD_MAX):
            done = self.held.pop(self.chance.randrange(len(self.held)))
            if self.chance.random() < KEPT_CHANCE:
                continue
            if self.chance.random() < 0.5:
                self.discard(done)
            else:
                self.elsewhere.put(done)

    def discard_elsewhere(self):
        for message in iter(self.elsewhere.get, None):
            self.discard(message, "discarded-elsewhere")

    def prune(self):
        chance = random.Random(self.seed)
        while not self.ends.wait(PRUNE_S_MAX * chance.random()):
            self.client.prune_store()

    def run(self):
        others = [
            threading.Thread(target=each, daemon=True)
            for each in (self.discard_elsewhere, self.prune)
        ]
        for each in others:
            each.start()
        self.client.connect_and_logon()
        self.client.bookmark_subscribe(
            self.take, TOPIC, AMPS.Client.Bookmarks.MOST_RECENT, sub_id=SUB_ID
        )
        sys.stdin.read()
        self.ends.set()
        self.client.disconnect()
        self.elsewhere.put(None)
        for each in others:
            each.join()
        self.client.close()


def main():
    path, seed, *uris = sys.argv[1:]
    Life(path, seed, uris).run()


if __name__ == "__main__":
    main()
