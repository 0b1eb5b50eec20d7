"""An authenticator of your own: it supplies a fresh token at each logon.

    python examples/authenticator.py

An HAClient asks for one at every connection, so a token may expire meanwhile. The server chooser
names an authenticator with each URI.
"""

import itertools

import AMPS
from amps_sandbox import Accept, Reject, Sandbox

ISSUED = set()  # what the token service of this example has given out and not taken back


class Tokens:
    """Asks the token service at each logon."""

    numbers = itertools.count(1)

    def authenticate(self, username, password):
        token = f"token-{next(self.numbers)}-for-{username}"
        ISSUED.add(token)
        return token

    def retry(self, username, password):
        raise AMPS.AuthenticationException("the token was not enough")

    def completed(self, username, password, reason):
        print("logged on as", username)


def check(client, user, token):
    """The server's side: each token is good for one logon."""
    if token in ISSUED:
        ISSUED.remove(token)
        return Accept(user)
    return Reject("auth failure")


def main():
    with Sandbox(authenticate=check) as server, AMPS.HAClient("teller") as client:
        chooser = AMPS.DefaultServerChooser()
        chooser.add(server.uri("json").replace("://", "://jill@"), Tokens())
        client.set_server_chooser(chooser)
        client.set_exception_listener(lambda problem: None)
        client.connect_and_logon()
        server.disconnect()  # the client logs on again, with another token
        client.sow_and_subscribe("news").close()  # waits until it is back
        print("the server knows:", [known.user for known in server.clients()])


if __name__ == "__main__":
    main()
