"""Connection strings, taken apart: `scheme://[user[:password]@]host:port/protocol[/type][?k=v]`."""

from AMPS.exceptions import (
    InvalidTransportOptionsException,
    InvalidUriException,
    MessageTypeException,
    TransportTypeException,
    shown,
)

SIZE_MAX = 65536  # characters of a connection string
PORT_MAX = 65535
NUMBER_MAX = 2**31 - 1  # what a socket option can hold

_SCHEMES = ("tcp", "tcps", "unix")
_TCP = ("tcp", "tcps")
_PROTOCOL = "amps"
_FLAGS = {
    **dict.fromkeys(("true", "t", "1", "yes", "y"), True),
    **dict.fromkeys(("false", "f", "0", "no", "n"), False),
}
_HEX = frozenset(b"0123456789abcdefABCDEF")
_FORBIDDEN = ("\r", "\n", "\0")  # would end or split a line, a header or a C string further down
_ReadOnly = type(type.__dict__)  # types.MappingProxyType, without the import


class Uri:
    """A connection string in its parts, for good; `repr()` and `str()` mask the password.

    | attribute | type and meaning |
    |---|---|
    | `scheme` | str: `tcp`, `tcps` or `unix` |
    | `user`, `password` | str, percent-decoded; `''` when absent |
    | `host` | str; an IPv6 address without its brackets; `unix` ignores it |
    | `port` | int; `unix` ignores it |
    | `protocol`, `message_type` | str: `amps`, and what follows it, `''` when absent |
    | `options` | read-only mapping of every parameter to its value, its default, or None |
    """

    __slots__ = (
        "_masked",
        "host",
        "message_type",
        "options",
        "password",
        "port",
        "protocol",
        "scheme",
        "user",
    )

    def __init__(self, masked, **parts):
        object.__setattr__(self, "_masked", masked)
        for name, value in parts.items():
            object.__setattr__(self, name, value)

    def __setattr__(self, name, value):
        raise AttributeError(f"a Uri cannot be changed: {name}")

    def __delattr__(self, name):
        raise AttributeError(f"a Uri cannot be changed: {name}")

    def __str__(self):
        return self._masked

    def __repr__(self):
        return f"Uri({self._masked!r})"


def parse(text):
    """Returns the `Uri` that a connection string (str, or bytes in UTF-8) stands for.

    What it raises names the string, its password masked, and the fault: `TransportTypeException`
    for an unknown scheme, `MessageTypeException` for an unknown protocol,
    `InvalidTransportOptionsException` for a wrong parameter, `InvalidUriException` for anything
    else. All of these are connection failures. `TypeError` when it is no text at all.

    >>> uri = parse("tcp://bob:s%40fe@[::1]:9007/amps/json?tcp_sndbuf=65536")
    >>> uri.password, uri.host, uri.port, uri.options["tcp_sndbuf"], uri.options["tcp_nodelay"]
    ('s@fe', '::1', 9007, 65536, True)
    >>> uri
    Uri('tcp://bob:***@[::1]:9007/amps/json?tcp_sndbuf=65536')
    """
    text = _checked(text)
    scheme, authority, path, query = _split(text)
    userinfo, _, address = authority.rpartition("@")
    user, _, password = userinfo.partition(":")
    host, port = _host_and_port(text, address)
    if not (0 if scheme == "unix" else 1) <= port <= PORT_MAX:
        raise _bad(text, f"its port is no number from 1 to {PORT_MAX}")
    protocol, message_type = _protocol(text, path)
    return Uri(
        mask(text),
        scheme=scheme,
        user=_decoded(text, user, "its user"),
        password=_decoded(text, password, "its password"),
        host=host,
        port=port,
        protocol=protocol,
        message_type=message_type,
        options=_options(text, scheme, host, query),
    )


def mask(text):
    """Returns a connection string, however malformed, as one line without what may be a password.

    >>> mask("tcp://bob:secret@localhost:9007/amps/json?pass=secret")
    'tcp://bob:***@localhost:9007/amps/json?pass=***'
    """
    scheme, found, _ = text.partition("://")
    start = len(scheme) + len(found) if found and scheme.isalnum() else 0
    end = text.rfind("@")  # the last of all: a password may hold anything
    colon = text.find(":", start, max(end, start))
    if colon >= 0:
        text = f"{text[:colon]}:***{text[end:]}"
    before, found, query = text.partition("?")
    return shown(before + found + "&".join(map(_masked_parameter, query.split("&"))))


def _masked_parameter(segment):
    key, found, _ = segment.partition("=")
    return segment if key in _PARAMETERS or not found else f"{key}=***"


def _checked(text):
    """Returns text that is safe to take apart and to hand on."""
    if isinstance(text, (bytes, bytearray)):
        raw, text = text, text.decode("utf-8", "ignore")
        if text.encode() != raw:
            raise InvalidUriException("a connection string given as bytes is not valid UTF-8")
    if not isinstance(text, str):
        raise TypeError(f"a connection string must be str or bytes, not {type(text).__name__}")
    if len(text) > SIZE_MAX:
        raise _bad(text, f"it is longer than {SIZE_MAX} characters")
    if text.encode("utf-8", "ignore").decode() != text:
        raise _bad(text, "it holds half of a surrogate pair, which is no text")
    if any(character in text for character in _FORBIDDEN):
        raise _bad(text, "it holds a line break or a NUL")
    return text


def _split(text):
    """Returns scheme, authority, path and query; only the scheme is looked into."""
    scheme, found, rest = text.partition("://")
    if not found or not scheme.isalnum():
        raise _bad(text, "it has no scheme: begin with tcp://, tcps:// or unix://")
    if scheme.lower() not in _SCHEMES:
        fault = f"unknown scheme {_quoted(scheme)}: use tcp, tcps or unix"
        raise TransportTypeException(_sentence(text, fault))
    rest, _, query = rest.partition("?")
    authority, _, path = rest.partition("/")
    if "@" in path:
        raise _bad(text, "an '@' follows its host: in a password write / as %2F and ? as %3F")
    if not path:
        raise _bad(text, "it has no protocol: end with /amps or /amps/<message type>")
    return scheme.lower(), authority, path, query


def _host_and_port(text, address):
    """Returns the host, unbracketed, and the port, -1 when it is no number."""
    host, colon, port = address.rpartition(":")
    if "[" in address or "]" in address:
        if not address.startswith("[") or "]" not in address:
            raise _bad(text, "the brackets of its host do not match")
        bracketed, _, rest = address[1:].partition("]")
        host, colon, port = _decoded(text, bracketed, "its host"), rest[:1], rest[1:]
        if _address_family(host) != 6:
            raise _bad(text, "there is no IPv6 address between its brackets")
    elif ":" in host:
        raise _bad(text, "its host holds a ':': write an IPv6 address in brackets, [::1]")
    elif not (host or port) or (colon and not host):
        raise _bad(text, "it has no host")
    elif " " in host or not host.isprintable():
        raise _bad(text, "its host holds a space or a control character")
    if colon != ":":
        raise _bad(text, "it has no port: write host:port")
    number = _number(port)
    return host, -1 if number is None else number


def _protocol(text, path):
    protocol, slash, message_type = path.partition("/")
    if protocol != _PROTOCOL:
        fault = f"unknown protocol {_quoted(protocol)}: use amps, then the message type"
        raise MessageTypeException(_sentence(text, fault))
    if slash and not message_type:
        raise _bad(text, "no message type follows its last '/'")
    if "/" in message_type or " " in message_type or not message_type.isprintable():
        raise _bad(text, "its message type holds a '/', a space or a control character")
    return protocol, message_type


def _options(text, scheme, host, query):
    values = {
        name: default if scheme in schemes else None
        for name, (schemes, _, _, default) in _PARAMETERS.items()
    }
    if scheme == "tcps" and _address_family(host) is None:
        values["sni"] = host
    for segment in filter(None, query.split("&")):
        key, _, value = segment.partition("=")
        key = _decoded(text, key, "a parameter's name")
        values[key] = _option(text, scheme, key, _decoded(text, value, "a parameter's value"))
    if scheme == "unix" and values["path"] is None:
        raise _wrong_option(text, "a unix connection needs the parameter path")
    return _ReadOnly(values)


def _option(text, scheme, key, value):
    if key not in _PARAMETERS:
        raise _wrong_option(text, f"unknown parameter {_quoted(key)}")
    schemes, read, wants, _ = _PARAMETERS[key]
    if scheme not in schemes:
        raise _wrong_option(text, f"parameter {key} is for {' and '.join(schemes)}, not {scheme}")
    typed = read(value)
    if typed is None:
        raise _wrong_option(text, f"parameter {key} is {_quoted(value)}: it wants {wants}")
    return typed


# Each of these returns a parameter's value, or None when the text does not stand for one.


def _flag(text):
    return _FLAGS.get(text.lower())


def _number(text):
    plain = text.isascii() and text.isdigit() and len(text) <= len(str(NUMBER_MAX))
    return int(text) if plain and int(text) <= NUMBER_MAX else None


def _name(text):
    return text if text and text.isprintable() and " " not in text else None


def _path(text):
    return text or None


def _address(text):
    """Takes an IPv4 address, an IPv6 address bare or in brackets, and `address:port` of either.

    Gives the bare address and the port, 0 where there is none.
    """
    address, port = text, "0"
    if text.startswith("["):
        address, closed, rest = text[1:].partition("]")
        port = rest[1:] if rest[:1] == ":" else port
        family = 6 if closed and rest[:1] in ("", ":") else None
    elif text.count(":") == 1:
        address, _, port = text.partition(":")
        family = 4
    else:
        family = 6 if ":" in text else 4
    number = _number(port)
    right = family == _address_family(address) and number is not None and number <= PORT_MAX
    return (address, number) if right else None


def _one_of(*values):
    return lambda text: text.lower() if text.lower() in values else None


# name: (schemes, how its text is read, what it wants, default)
_PARAMETERS = {
    "tcp_nodelay": (_TCP, _flag, "true or false", True),
    "tcp_sndbuf": (_TCP, _number, f"a number from 0 to {NUMBER_MAX}", None),
    "tcp_rcvbuf": (_TCP, _number, f"a number from 0 to {NUMBER_MAX}", None),
    # No default: a close that lingers would hold up the way to the next server.
    "tcp_linger": (_TCP, _number, f"a number from 0 to {NUMBER_MAX}", None),
    "tcp_keepalive": (_TCP, _flag, "true or false", True),
    "bind": (_TCP, _address, "an IP address", None),
    "ip_protocol_prefer": (_TCP, _one_of("ipv4", "ipv6"), "ipv4 or ipv6", "ipv4"),
    "http_preflight": (_TCP, _flag, "true or false", False),
    "compression": (_TCP, _one_of("zlib"), "zlib", None),
    "sni": (("tcps",), _name, "a host name", None),  # its default is the host, when that is a name
    "path": (("unix",), _path, "a file name", None),
    "pretty": (_SCHEMES, _flag, "true or false", False),
}


def _address_family(text):
    """Returns 4 or 6 for an IP address (a `%zone` may follow the latter), None for other text."""
    import socket  # only here, and only for strings that need it: costly to import

    address, percent, zone = text.partition("%")
    for number, family in ((4, socket.AF_INET), (6, socket.AF_INET6)):
        try:
            socket.inet_pton(family, address)
        except OSError:
            continue
        return number if not percent or (number == 6 and zone.isalnum()) else None
    return None


def _decoded(text, part, what):
    """Percent-decodes a part; a '%' without two hexadecimal digits after it stays as it is."""
    if "%" not in part:
        return part
    first, *rest = part.encode().split(b"%")
    raw = bytearray(first)
    for piece in rest:
        whole = len(piece) >= 2 and _HEX.issuperset(piece[:2])
        raw += bytes([int(piece[:2], 16)]) + piece[2:] if whole else b"%" + piece
    decoded = raw.decode("utf-8", "ignore")
    if decoded.encode() != raw:  # not Python's own error: that would carry the password along
        raise _bad(text, f"{what} is not valid UTF-8 once percent-decoded")
    if any(character in decoded for character in _FORBIDDEN):
        raise _bad(text, f"{what} holds a line break or a NUL once percent-decoded")
    return decoded


def _bad(text, fault):
    return InvalidUriException(_sentence(text, fault))


def _wrong_option(text, fault):
    return InvalidTransportOptionsException(_sentence(text, fault))


def _sentence(text, fault):
    return f"cannot use connection string '{mask(text)}': {fault}"


def _quoted(value):
    # An '@' in it means that it may be a stray piece of a password.
    return "'***'" if "@" in value else f"'{shown(value)}'"
