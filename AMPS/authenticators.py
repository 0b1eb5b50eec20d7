"""Who supplies credentials, and what an authenticator and a server say to each other at logon."""

from AMPS.exceptions import AMPSException, AuthenticationException

ROUNDS_MAX = 3  # challenges a server may pose in one logon


class DefaultAuthenticator:
    """Logs on with the user and password of the connection string.

    An authenticator of your own is any object with these three methods. They run on the thread
    that logs on; what they raise ends the logon, as an `AuthenticationException` unless it is an
    `AMPSException` already.

    >>> DefaultAuthenticator().authenticate("bob", "secret")
    'secret'
    """

    def authenticate(self, username, password):
        """Returns the password or token to send first.

        `username` and `password` are those of the connection string, `''` where it has none.
        Called once a logon.
        """
        return password

    def retry(self, username, password):
        """Raises `AuthenticationException`: a password has no answer to a challenge.

        An authenticator that has one returns it. `username` and `password` are what the server
        sent: whom to log on as, and the challenge.
        """
        raise AuthenticationException(
            f"the server challenged user {username!r}, and DefaultAuthenticator has no answer: "
            "pass logon() an authenticator whose retry() has one"
        )

    def completed(self, username, password, reason):
        """Does nothing. Called once, when the server has accepted the logon, with what it said."""


class Conversation:
    """One logon, as the authenticator sees it: asked once, challenged perhaps, told of success.

    `authenticator` may be an object, a class (one is made of it) or None (the default). `user` and
    `password` come from the connection string. Each method runs the authenticator on the calling
    thread and raises `AuthenticationException` when it fails. For one logon on one thread.

    >>> Conversation(None, "bob", "secret").begin()
    ('bob', 'secret')
    """

    __slots__ = ("_authenticator", "_password", "_rounds", "_user")

    def __init__(self, authenticator, user, password):
        self._user = user
        self._password = password
        self._rounds = 0
        self._authenticator = self._made(authenticator)

    def begin(self):
        """Returns the user and password of the first logon command."""
        answer = self._ask("authenticate", self._user, self._password)
        self._password = _credential(answer, self._authenticator, "authenticate")
        return self._user, self._password

    def challenged(self, user=None, password=None, reason=None):
        """Returns the user and password of the next logon command, after an ack `retry`.

        The arguments are the ack's fields. The challenge is its password; some servers put it into
        the reason.
        """
        self._rounds += 1
        if self._rounds > ROUNDS_MAX:
            raise AuthenticationException(f"no logon after {ROUNDS_MAX} challenges by the server")
        self._user = user or self._user
        challenge = password or _challenge_in(reason) or self._password
        answer = self._ask("retry", self._user, challenge)
        self._password = _credential(answer, self._authenticator, "retry")
        return self._user, self._password

    def succeeded(self, user=None, password=None, reason=None):
        """Tells the authenticator of success; the arguments are the fields of the server's ack."""
        self._ask("completed", user or self._user, password or self._password, reason or "")

    def _made(self, authenticator):
        if authenticator is None:
            return DefaultAuthenticator()
        if isinstance(authenticator, type):
            return _guarded(authenticator, authenticator.__name__, ())
        return authenticator

    def _ask(self, method, *args):
        name = f"{type(self._authenticator).__name__}.{method}"
        return _guarded(lambda *a: getattr(self._authenticator, method)(*a), name, args)


def _guarded(function, name, args):
    """Calls a user's function; what it raises is chained, not quoted: it may hold a password."""
    try:
        return function(*args)
    except AMPSException:
        raise
    except Exception as error:
        text = f"authenticator {name} raised {type(error).__name__}"
        raise AuthenticationException(text) from error


def _credential(answer, authenticator, method):
    if answer is None:
        return ""
    if isinstance(answer, (str, bytes)):
        return answer
    name = f"{type(authenticator).__name__}.{method}"
    raise AuthenticationException(
        f"authenticator {name} returned {type(answer).__name__}: return str, bytes or None"
    )


def _challenge_in(reason):
    return reason if reason and reason.lower().startswith("challenge") else None
