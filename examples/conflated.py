"""Too fast to follow: conflated by the server, by a topic or by the subscriber itself.

    python examples/conflated.py

All three give the newest message of each key and leave older ones out.
"""

import AMPS
from amps_sandbox import Conflated, Sandbox, Topic


def main():
    slow = Conflated("quotes-slow", "quotes", interval="100ms")
    topics = [Topic("quotes", key="/symbol")]
    with Sandbox(topics=topics, conflated=[slow]) as server, AMPS.Client("screen") as client:
        client.connect(server.uri("json"))
        client.logon()

        by_topic = client.subscribe("quotes-slow")  # a copy, at most one change each 100 ms
        by_server = client.subscribe("quotes", options="conflation=100ms")
        by_itself = client.subscribe("quotes").conflate()  # what waits here is replaced

        for price in range(1, 1001):
            client.publish("quotes", f'{{"symbol": "IBM", "px": {price}}}')
        client.publish_flush()

        for name, stream in (("topic", by_topic), ("server", by_server), ("itself", by_itself)):
            count, data = 0, ""
            while '"px": 1000' not in data:
                data = next(stream).get_data()
                count += 1
            print(f"conflated by {name}: the last of 1000 quotes came among the first {count}")


if __name__ == "__main__":
    main()
