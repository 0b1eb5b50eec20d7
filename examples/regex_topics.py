"""One subscription for many topics: a topic with characters of a regular expression is one.

    python examples/regex_topics.py

Topics of publishes are always meant as they stand.
"""

import AMPS
from amps_sandbox import Sandbox


def main():
    with Sandbox() as server, AMPS.Client("listener") as client:
        client.connect(server.uri("json"))
        client.logon()
        stream = client.subscribe("^orders/(EMEA|APAC)$")
        for topic in ("orders/AMER", "orders/EMEA", "orders/APAC", "old/orders/EMEA"):
            client.publish(topic, "{}")
        print("heard of:", next(stream).topic, "and", next(stream).topic)

        # Is the dot meant as a dot? Then say so.
        literal = client.subscribe("fx.eur", options="non_regex_topic")
        client.publish("fx-eur", "{}")
        client.publish("fx.eur", "{}")
        print("heard of:", next(literal).topic)


if __name__ == "__main__":
    main()
