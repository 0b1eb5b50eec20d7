"""Types of AMPS.reasons."""

from typing import ClassVar

class Reason:
    Duplicate: ClassVar[str]
    BadFilter: ClassVar[str]
    BadRegexTopic: ClassVar[str]
    SubscriptionAlreadyExists: ClassVar[str]
    Deleted: ClassVar[str]
    Expired: ClassVar[str]
    Match: ClassVar[str]
    InvalidTopic: ClassVar[str]
    NameInUse: ClassVar[str]
    AuthFailure: ClassVar[str]
    NotEntitled: ClassVar[str]
    AuthDisabled: ClassVar[str]
    SubidInUse: ClassVar[str]
    NoTopic: ClassVar[str]

def exception_for(
    reason: str | None,
    command: str,
    *,
    offending: dict[str, object] | None = None,
    message: object = None,
) -> Exception: ...
