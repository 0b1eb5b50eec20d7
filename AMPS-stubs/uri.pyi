"""Connection strings, taken apart."""

from collections.abc import Mapping
from typing import Any

SIZE_MAX: int
PORT_MAX: int
NUMBER_MAX: int

class Uri:
    scheme: str
    user: str
    password: str
    host: str
    port: int
    protocol: str
    message_type: str
    options: Mapping[str, Any]
    def __init__(self, masked: str, **parts: object) -> None: ...
    def __setattr__(self, name: str, value: object) -> None: ...
    def __delattr__(self, name: str) -> None: ...

def parse(text: str | bytes | bytearray) -> Uri: ...
def mask(text: str) -> str: ...
