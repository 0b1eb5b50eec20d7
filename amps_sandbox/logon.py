"""Decides who may log on: nobody asked, passwords, a challenge, or a callback of the test's own."""

from __future__ import annotations

import hashlib
import hmac
import os
import weakref
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Callable, NamedTuple, Union

if TYPE_CHECKING:
    from .peer import Peer

NONCE_BYTES = 16
MODES = ("none", "password", "challenge")


class Accept(NamedTuple):
    """The logon succeeds; the connection is this user's from now on."""

    user: str = ""


class Reject(NamedTuple):
    """The logon fails for this reason, and the connection is closed."""

    reason: str = "auth failure"


class Retry(NamedTuple):
    """The client is asked to log on again as this user, with an answer to this challenge."""

    user: str
    pw: str


Verdict = Union[Accept, Reject, Retry]
Authenticate = Callable[["Peer", str, str], Verdict]


def checked(decide: Callable[[], object], pw: str) -> Verdict:
    """What a callback decides. What it raises, or gives wrongly, is told without the password."""
    try:
        verdict = decide()
    except Exception as error:
        said = repr(error).replace(pw, "***") if pw else repr(error)
        raise RuntimeError(f"authenticate raised {said}") from error
    is_verdict = isinstance(verdict, (Accept, Reject, Retry))
    if is_verdict and all(isinstance(field, str) for field in verdict):
        return verdict
    raise TypeError(
        f"authenticate gave a {type(verdict).__name__}: want Accept, Reject or Retry, of texts"
    )


def choose(
    mode: str | None, users: Any, authenticate: Callable[..., Verdict] | None
) -> tuple[Authenticate, bool]:
    """What is asked at each logon, and whether that can fail. Without a mode, users mean
    passwords."""
    passwords = dict(users.items() if isinstance(users, Mapping) else users)
    mode = mode or ("password" if passwords else "none")
    if mode not in MODES:
        raise ValueError(f"invalid auth {mode!r}: want one of {', '.join(MODES)}")
    if authenticate is not None:
        return (lambda peer, user, pw: authenticate(peer.client(), user, pw)), True
    if mode == "none":
        return (lambda _peer, _user, _pw: Accept()), False
    return (Passwords if mode == "password" else Challenges)(passwords), True


def answer(password: str, nonce: str) -> str:
    """The right answer to a challenge: HMAC-SHA256 of the nonce, keyed by the password, in hex."""
    return hmac.new(_bytes(password), _bytes(nonce), hashlib.sha256).hexdigest()


def name_hash(name: bytes) -> int:
    """A stable number of 64 bits for a client name; 0 and 1 have another meaning in bookmarks."""
    number = int.from_bytes(hashlib.blake2b(name, digest_size=8).digest(), "big")
    return max(number, 2)


class Passwords:
    """Each user has a password and must say it."""

    def __init__(self, passwords: dict[str, str]):
        self._passwords = passwords

    def __call__(self, _peer: Peer, user: str, pw: str) -> Verdict:
        expected = self._passwords.get(user)
        if expected is not None and hmac.compare_digest(_bytes(expected), _bytes(pw)):
            return Accept(user)
        return Reject()


class Challenges:
    """Each user must prove to know a password without saying it: one question, one answer."""

    def __init__(self, passwords: dict[str, str]):
        self._passwords = passwords
        self._asked: weakref.WeakKeyDictionary[Peer, Retry] = weakref.WeakKeyDictionary()

    def __call__(self, peer: Peer, user: str, pw: str) -> Verdict:
        asked = self._asked.pop(peer, None)
        if asked is None:
            asked = Retry(user, os.urandom(NONCE_BYTES).hex())
            self._asked[peer] = asked
            return asked
        password = self._passwords.get(asked.user)
        if password is None or user != asked.user:
            return Reject()
        expected = answer(password, asked.pw)
        return Accept(user) if hmac.compare_digest(_bytes(expected), _bytes(pw)) else Reject()


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
