"""An authenticator that proves to know a password and never sends it: challenge and response.

    python examples/challenge.py

The server answers a logon with a number that it uses once, and the client with a hash of that and
the password (HMAC-SHA256). An HAClient proves it anew at every connection.
"""

import hashlib
import hmac

import AMPS
from amps_sandbox import Permission, Sandbox, User


class Prover:
    """Answers each challenge of a server."""

    def __init__(self, password):
        self._password = password.encode()

    def authenticate(self, username, password):
        return None  # nothing to say before the challenge

    def retry(self, username, password):
        """What comes as the password is the challenge."""
        return hmac.new(self._password, password.encode(), hashlib.sha256).hexdigest()

    def completed(self, username, password, reason):
        print("proved to be", username)


def main():
    jill = User("jill", "s3cret", topics=[Permission("news", read=True, write=False)])
    with Sandbox(users=[jill], auth="challenge") as server, AMPS.HAClient("reader") as client:
        chooser = AMPS.DefaultServerChooser()
        chooser.add(server.uri("json").replace("://", "://jill@"), Prover("s3cret"))
        client.set_server_chooser(chooser)
        client.set_exception_listener(lambda problem: None)
        client.connect_and_logon()
        server.set_permissions("jill", [Permission("^", read=True)])  # ends her connection
        news = client.subscribe("more/news").timeout(5000)  # waits until it is back
        server.publish("more/news", '"she may read that now"')
        print("heard:", next(news).get_data())


if __name__ == "__main__":
    main()
