"""Types of AMPS.server_choosers."""

from collections.abc import Iterable, Mapping

from typing_extensions import Self

from AMPS import Authenticator

class DefaultServerChooser:
    def __init__(self) -> None: ...
    def add(
        self,
        uri: str | bytes | bytearray,
        authenticator: Authenticator | type[Authenticator] | None = None,
    ) -> Self: ...
    def add_all(self, uris: Iterable[str | bytes | bytearray]) -> Self: ...
    def remove(self, uri: str | bytes | bytearray) -> Self: ...
    def get_current_uri(self) -> str | None: ...
    def get_current_authenticator(self) -> Authenticator | type[Authenticator]: ...
    def next(self) -> None: ...
    def report_failure(
        self,
        exception: BaseException,
        connectionInfo: Mapping[str, str] | None = None,
        *,
        connection_info: Mapping[str, str] | None = None,
    ) -> None: ...
    def report_success(
        self,
        connectionInfo: Mapping[str, str] | None = None,
        *,
        connection_info: Mapping[str, str] | None = None,
    ) -> None: ...
    def get_error(self) -> str: ...
