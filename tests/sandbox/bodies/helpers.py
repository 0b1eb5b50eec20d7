"""How the tests of bodies write them down."""

import struct

from amps_sandbox.bodies import body_type

JSON, FIX, NVFIX = body_type("json"), body_type("fix"), body_type("nvfix")
COMPOSITES = {
    "local": ("composite-local", ["json", "binary", "fix"]),
    "global": ("composite-global", ["json", "binary", "fix"]),
}
LOCAL, GLOBAL = body_type("local", COMPOSITES), body_type("global", COMPOSITES)
ALL = [JSON, FIX, NVFIX, LOCAL, GLOBAL, body_type("binary")]


def soh(text):
    """A FIX body, written with | for the separator."""
    return text.encode().replace(b"|", b"\x01")


def latin(text):
    """Text as fields have it: one character per byte of its UTF-8."""
    return text.encode().decode("latin-1")


def composite(*parts, payload=b""):
    """A composite body."""
    return b"".join(struct.pack(">I", len(part)) + part for part in parts) + payload
