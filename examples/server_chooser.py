"""A server chooser of your own: it decides where to connect, and is told how that went.

    python examples/server_chooser.py

Here the servers of one's own site come first; the far ones are for when all of those are down.
"""

import AMPS
from amps_sandbox import Sandbox


class NearThenFar:
    """Tries the near servers in turn, then the far ones, then the near ones again."""

    def __init__(self, near, far):
        self.uris = [*near, *far]
        self.at = 0
        self.problem = ""

    def get_current_uri(self):
        return self.uris[self.at]  # None or "" ends the attempts

    def get_current_authenticator(self):
        return None  # the URI's user and password

    def report_failure(self, exception, connection_info):
        self.problem = str(exception)
        if type(exception) is not AMPS.DisconnectedException:  # a loss: the same server first
            self.at = (self.at + 1) % len(self.uris)

    def report_success(self, connection_info):
        print("connected to the", "near" if self.at == 0 else "far", "server")

    def get_error(self):
        return self.problem


def main():
    with Sandbox() as near, Sandbox() as far, AMPS.HAClient("traveller") as client:
        client.set_server_chooser(NearThenFar([near.uri("json")], [far.uri("json")]))
        client.set_reconnect_delay_strategy(AMPS.FixedDelayStrategy(initial_delay=50))
        client.set_exception_listener(lambda problem: None)
        client.connect_and_logon()
        near.stop()
        messages = client.subscribe("news").timeout(10_000)  # waits until it is back
        far.publish("news", '"all is well"')
        print("heard:", next(messages).get_data())


if __name__ == "__main__":
    main()
