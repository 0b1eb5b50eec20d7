"""An authenticator that proves to know a password without sending it.

    python examples/challenge_response.py

The server answers the first logon with status `retry` and a challenge of its own making. The client
sends the HMAC of that, keyed by the password; it is good for this one challenge.
"""

import hashlib
import hmac

import AMPS
from amps_sandbox import Sandbox


class ChallengeResponse:
    """Knows a password and never says it."""

    def __init__(self, password):
        self._key = password.encode()

    def authenticate(self, username, password):
        return ""  # the server is to challenge

    def retry(self, username, password):
        """`password` is the challenge."""
        return hmac.new(self._key, password.encode(), hashlib.sha256).hexdigest()

    def completed(self, username, password, reason):
        print("logged on as", username)


def main():
    with Sandbox(users={"jill": "correct horse"}, auth="challenge") as server:
        uri = server.uri("json").replace("://", "://jill@")
        with AMPS.Client("teller") as client:
            client.connect(uri)
            client.logon(authenticator=ChallengeResponse("correct horse"))
        with AMPS.Client("guesser") as client:
            client.connect(uri)
            try:
                client.logon(authenticator=ChallengeResponse("battery staple"))
            except AMPS.AuthenticationException as problem:
                print("refused:", problem)


if __name__ == "__main__":
    main()
