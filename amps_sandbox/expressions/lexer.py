"""Cuts an expression's text into tokens."""

from __future__ import annotations

import re
from typing import NamedTuple

from .errors import BadExpression, bad
from .limits import EXPRESSION_BYTES_MAX

NUMBER, STRING, RAW, IDENTIFIER, WORD, SYMBOL, END = (
    *("number", "string", "raw", "identifier", "word", "symbol"),
    "end",
)

_STEP = r"@?[A-Za-z0-9_\-.:\x80-\U0010ffff]+"
_PATH = rf"/{_STEP}(?:/{_STEP})*"
_QUOTED = r"""'[^'\\]*(?:\\.[^'\\]*)*'|"[^"\\]*(?:\\.[^"\\]*)*\""""
IDENTIFIER_PARTS = re.compile(
    rf"(?:\[(?P<first>[^\]]+)\]\.)?(?:\[(?P<second>[^\]]+)\]\.)?"
    rf"(?:(?P<path>{_PATH})|\[(?P<quoted>/[^\]]+)\])(?:\[(?P<index>[0-9]+)\])?",
    re.DOTALL,
)
_TOKEN = re.compile(
    rf"(?P<raw>[rR](?:{_QUOTED}))"
    rf"|(?P<identifier>{re.sub('[?]P<[a-z]+>', '?:', IDENTIFIER_PARTS.pattern)})"
    r"|(?P<word>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
    rf"|(?P<string>{_QUOTED})"
    r"|(?P<symbol>==|!=|<>|>=|<=|[=<>+*%(),-]|/(?=[ \t\r\n\f\v(]))",
    re.DOTALL,
)
_BLANKS = re.compile(r"[ \t\r\n\f\v]*")
_ESCAPE = re.compile(r"\\(x[0-9A-Fa-f]{2}|[0-3][0-7]{2}|.)", re.DOTALL)
_NAMED_ESCAPES = {"a": "\a", "b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r"}
_UNKNOWN = {
    "'": "a text that never ends",
    '"': "a text that never ends",
    "[": "a '[' that starts no identifier",
    "/": "a '/' that starts no path (to divide, put a blank after it)",
}


class Token(NamedTuple):
    """One token. Of a text in quotes it has what is between them, as it was written."""

    kind: str
    text: str
    position: int

    def __str__(self) -> str:
        if self.kind == END:
            return "the end"
        return f"{self.kind} {self.text[:40]!r}"


def tokens(text: str) -> list[Token]:
    """All tokens of a text, and one for its end. Raises BadExpression.

    >>> [token.text for token in tokens("/px*2 >= -10")]
    ['/px', '*', '2', '>=', '-', '10', '']
    """
    if len(text) > EXPRESSION_BYTES_MAX:
        raise BadExpression(f"more than {EXPRESSION_BYTES_MAX} bytes")
    found = []
    position = _BLANKS.match(text).end()
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            character = text[position]
            raise bad(_UNKNOWN.get(character, f"unexpected {character!r}"), position)
        kind = str(match.lastgroup)
        token = match.group()
        if kind in (STRING, RAW):
            token = token[1:-1] if kind == STRING else token[2:-1]
        found.append(Token(kind, token, position))
        position = _BLANKS.match(text, match.end()).end()
    found.append(Token(END, "", position))
    return found


def unescape(text: str) -> str:
    r"""A string's value: `\n` and its like, `\xHH`, `\OOO`; any other `\c` is `c`."""
    if "\\" not in text:
        return text
    return _ESCAPE.sub(_unescaped, text)


def _unescaped(match: re.Match[str]) -> str:
    escape = match.group(1)
    if len(escape) == 3:
        return chr(int(escape[1:], 16) if escape[0] == "x" else int(escape, 8))
    return _NAMED_ESCAPES.get(escape, escape)


def unquote(text: str) -> str:
    r"""A pattern's text: only `\'` and `\"` stand for something else.

    A backslash that is itself escaped escapes nothing after it.
    """
    if "\\" not in text:
        return text
    return _ESCAPED_QUOTE.sub(lambda match: match.group()[-1:] if match[1] else match[0], text)


_ESCAPED_QUOTE = re.compile(r"\\(['\"])|\\.", re.DOTALL)
