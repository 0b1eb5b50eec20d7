"""Who supplies credentials."""

from AMPS import Authenticator

ROUNDS_MAX: int

class DefaultAuthenticator:
    def authenticate(self, username: str, password: str) -> str: ...
    def retry(self, username: str, password: str) -> str: ...
    def completed(self, username: str, password: str, reason: str) -> None: ...

class Conversation:
    def __init__(
        self,
        authenticator: Authenticator | type[Authenticator] | None,
        user: str,
        password: str,
    ) -> None: ...
    def begin(self) -> tuple[str, str | bytes]: ...
    def challenged(
        self, user: str | None = None, password: str | None = None, reason: str | None = None
    ) -> tuple[str, str | bytes]: ...
    def succeeded(
        self, user: str | None = None, password: str | None = None, reason: str | None = None
    ) -> None: ...
