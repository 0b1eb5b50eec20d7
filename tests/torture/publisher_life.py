"""A publisher that is killed: says the number and the body of each publish that has returned.

Its arguments: the store's file, the seed of this life, the servers. It ends well, with everything
persisted, when its standard input is closed.
"""

import os
import random
import sys
import threading

import AMPS

NAME = "publisher"
TOPIC = "t"
THREADS = 2
BURST_MAX = 40  # messages
PAUSE_S_MAX = 0.02  # after each burst
END_MS = 50_000
BODY_SIZES = (10,) * 50 + (300,) * 20 + (2000,) * 5 + (20_000,)


def main():
    path, seed, *uris = sys.argv[1:]
    chance = random.Random(int(seed))
    client = AMPS.HAClient(NAME, no_store=True)
    client.set_exception_listener(lambda error: None)  # losses are what this is about
    # Small blocks, few of them: most messages are chains, and the file grows often.
    client.set_publish_store(AMPS.PublishStore(path, False, 64, 256))
    chooser = AMPS.DefaultServerChooser()
    chooser.add_all(chance.sample(uris, len(uris)))
    client.set_server_chooser(chooser)
    client.set_reconnect_delay(20)
    ends = threading.Event()
    publishers = [
        threading.Thread(target=publish, args=(client, f"{seed}-{each}", ends), daemon=True)
        for each in range(THREADS)
    ]
    for each in publishers[: chance.randrange(THREADS + 1)]:  # these do not wait for a connection
        each.start()
    client.connect_and_logon()
    for each in publishers:
        if each.ident is None:
            each.start()
    sys.stdin.read()
    ends.set()
    for each in publishers:
        each.join()
    client.publish_flush(END_MS)
    client.close()


def publish(client, name, ends):
    chance = random.Random(name)
    number = left = 0
    while not ends.is_set():
        number += 1
        identity = f"{name}-{number}"
        filler = "." * chance.choice(BODY_SIZES)
        sequence = client.publish(TOPIC, f'{{"id":"{identity}","filler":"{filler}"}}')
        os.write(sys.stdout.fileno(), f"{sequence} {identity} .\n".encode())
        left -= 1
        if left <= 0:
            left = chance.randrange(1, BURST_MAX)
            ends.wait(PAUSE_S_MAX * chance.random())


if __name__ == "__main__":
    main()
