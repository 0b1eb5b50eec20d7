"""Connection strings: the whole grammar, every parameter, and that no password ever shows."""

import contextlib
import traceback

import pytest
from hypothesis import given, strategies as st

import AMPS
from AMPS.uri import NUMBER_MAX, SIZE_MAX, mask, parse

INVALID = AMPS.InvalidUriException
OPTIONS = AMPS.InvalidTransportOptionsException
TCP = "tcp://h:1/amps/json"
UNIX = "unix://localhost:0/amps/json"


def test_the_usual_string():
    uri = parse("tcp://127.0.0.1:9007/amps/json")
    assert (uri.scheme, uri.host, uri.port) == ("tcp", "127.0.0.1", 9007)
    assert (uri.protocol, uri.message_type) == ("amps", "json")
    assert (uri.user, uri.password) == ("", "")
    assert dict(uri.options) == {
        "tcp_nodelay": True,
        "tcp_sndbuf": None,
        "tcp_rcvbuf": None,
        "tcp_linger": None,
        "tcp_keepalive": True,
        "bind": None,
        "ip_protocol_prefer": "ipv4",
        "http_preflight": False,
        "compression": None,
        "sni": None,
        "path": None,
        "pretty": False,
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("tcp://h:1/amps", {"message_type": ""}),
        ("tcp://h:1/amps/composite-json-binary", {"message_type": "composite-json-binary"}),
        ("tcp://h:65535/amps/fix", {"port": 65535, "message_type": "fix"}),
        ("tcp://h:09007/amps/json", {"port": 9007}),
        ("TCP://h:1/amps", {"scheme": "tcp"}),
        ("tcps://h:1/amps/json", {"scheme": "tcps"}),
        ("tcp://[::1]:9007/amps/json", {"host": "::1", "port": 9007}),
        ("tcp://[fe80::1%25eth0]:9007/amps", {"host": "fe80::1%eth0"}),
        ("tcp://[::ffff:10.0.0.1]:9007/amps", {"host": "::ffff:10.0.0.1"}),
        ("tcp://bücher.example:1/amps", {"host": "bücher.example"}),
        ("tcp://bob@h:1/amps", {"user": "bob", "password": ""}),
        ("tcp://bob:@h:1/amps", {"user": "bob", "password": ""}),
        ("tcp://:pw@h:1/amps", {"user": "", "password": "pw"}),
        ("tcp://@h:1/amps", {"user": "", "host": "h"}),
        ("tcp://bob:a:b:c@h:1/amps", {"user": "bob", "password": "a:b:c"}),
        ("tcp://bob:a@b@h:1/amps", {"user": "bob", "password": "a@b", "host": "h"}),
        ("tcp://b%40b:%3a%2F%3F%25@h:1/amps", {"user": "b@b", "password": ":/?%"}),
        ("tcp://bob:100%@h:1/amps", {"password": "100%"}),
        ("tcp://bob:%4@h:1/amps", {"password": "%4"}),
        ("tcp://bob:%zz%%41@h:1/amps", {"password": "%zz%A"}),
        ("tcp://bob:% 1%+1@h:1/amps", {"password": "% 1%+1"}),
        ("tcp://bob:a+b@h:1/amps", {"password": "a+b"}),
        ("tcp://bob:%C3%BC%F0%9F%98%80@h:1/amps", {"password": "ü😀"}),
        ("tcp://bob:ü%C3%BC@h:1/amps", {"password": "üü"}),
        (b"tcp://bob:\xc3\xbc@h:1/amps", {"password": "ü"}),
        (bytearray(b"tcp://h:1/amps"), {"host": "h"}),
        (UNIX + "?path=/run/a.sock", {"scheme": "unix", "host": "localhost", "port": 0}),
    ],
)
def test_parts(text, expected):
    uri = parse(text)
    assert {name: getattr(uri, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("query", "name", "value"),
    [
        ("tcp_nodelay=false", "tcp_nodelay", False),
        ("tcp_nodelay=T", "tcp_nodelay", True),
        ("tcp_keepalive=No", "tcp_keepalive", False),
        ("http_preflight=YES", "http_preflight", True),
        ("pretty=1", "pretty", True),
        ("pretty=f", "pretty", False),
        ("&http_preflight=true", "http_preflight", True),
        ("&&pretty=y&&&", "pretty", True),
        ("tcp_sndbuf=0", "tcp_sndbuf", 0),
        ("tcp_rcvbuf=00065536", "tcp_rcvbuf", 65536),
        (f"tcp_linger={NUMBER_MAX}", "tcp_linger", NUMBER_MAX),
        ("tcp%5Flinger=%35", "tcp_linger", 5),
        ("tcp_linger=1&tcp_linger=2", "tcp_linger", 2),
        ("bind=10.0.0.1", "bind", ("10.0.0.1", 0)),
        ("bind=10.0.0.1:70", "bind", ("10.0.0.1", 70)),
        ("bind=::1", "bind", ("::1", 0)),
        ("bind=[::1]", "bind", ("::1", 0)),
        ("bind=[::1]:80", "bind", ("::1", 80)),
        ("ip_protocol_prefer=IPv6", "ip_protocol_prefer", "ipv6"),
        ("compression=zlib", "compression", "zlib"),
        ("", "pretty", False),
        ("&", "pretty", False),
    ],
)
def test_a_parameter_has_its_type(query, name, value):
    read = parse(f"{TCP}?{query}").options[name]
    assert (read, type(read)) == (value, type(value))


def test_only_the_parameters_of_its_scheme_have_defaults():
    options = parse(UNIX + "?path=/tmp/a%20b%3Fc=d?e").options
    assert options["path"] == "/tmp/a b?c=d?e"
    assert options["pretty"] is False
    assert {options[name] for name in options if name not in ("path", "pretty")} == {None}


@pytest.mark.parametrize(
    ("text", "sni"),
    [
        ("tcps://amps.example:1/amps", "amps.example"),
        ("tcps://10.0.0.1:1/amps", None),
        ("tcps://[::1]:1/amps", None),
        ("tcps://10.0.0.1:1/amps?sni=amps.example", "amps.example"),
        ("tcps://amps.example:1/amps?sni=other.example", "other.example"),
    ],
)
def test_tls_names_the_host_when_it_has_a_name(text, sni):
    assert parse(text).options["sni"] == sni


@pytest.mark.parametrize(
    ("text", "exception", "fault"),
    [
        ("", INVALID, "no scheme"),
        ("localhost:9007", INVALID, "no scheme"),
        ("://h:1/amps", INVALID, "no scheme"),
        (" tcp://h:1/amps", INVALID, "no scheme"),
        ("tcp:/h:1/amps", INVALID, "no scheme"),
        ("amps://h:1/amps/json", AMPS.TransportTypeException, "unknown scheme 'amps': use tcp"),
        ("ws://h:1/amps/json", AMPS.TransportTypeException, "unknown scheme 'ws'"),
        ("tcp://", INVALID, "no protocol"),
        ("tcp://h:1", INVALID, "no protocol"),
        ("tcp://h:1/", INVALID, "no protocol"),
        ("tcp://h:1?pretty=true", INVALID, "no protocol"),
        ("tcp:///amps/json", INVALID, "no host"),
        ("tcp://:1/amps", INVALID, "no host"),
        ("tcp://bob:pw@/amps", INVALID, "no host"),
        ("tcp://bob:pw@:1/amps", INVALID, "no host"),
        ("tcp://h/amps", INVALID, "no port"),
        ("tcp://[::1]/amps", INVALID, "no port"),
        ("tcp://[::1]9007/amps", INVALID, "no port"),
        ("tcp://h:/amps", INVALID, "port"),
        ("tcp://h:0/amps", INVALID, "port"),
        ("tcp://h:65536/amps", INVALID, "port"),
        ("tcp://h:-1/amps", INVALID, "port"),
        ("tcp://h:+1/amps", INVALID, "port"),
        ("tcp://h:1_0/amps", INVALID, "port"),
        ("tcp://h:٣/amps", INVALID, "port"),
        ("tcp://h:²/amps", INVALID, "port"),
        ("tcp://h: 1/amps", INVALID, "port"),
        ("tcp://h:9O07/amps", INVALID, "port"),
        (f"tcp://h:{'9' * 9999}/amps", INVALID, "port"),
        ("tcp://[]:/amps", INVALID, "IPv6"),
        ("tcp://::1:9007/amps", INVALID, "in brackets"),
        ("tcp://[::1:9007/amps", INVALID, "brackets"),
        ("tcp://::1]:9007/amps", INVALID, "brackets"),
        ("tcp://h[::1]:9007/amps", INVALID, "brackets"),
        ("tcp://[[::1]]:9007/amps", INVALID, "IPv6"),
        ("tcp://[localhost]:9007/amps", INVALID, "IPv6"),
        ("tcp://[127.0.0.1]:9007/amps", INVALID, "IPv6"),
        ("tcp://[::1%]:9007/amps", INVALID, "IPv6"),
        ("tcp://[::1%25a/b]:9007/amps", INVALID, "brackets"),
        ("tcp://a b:1/amps", INVALID, "host"),
        ("tcp://a\tb:1/amps", INVALID, "host"),
        ("tcp://h:1/fix", AMPS.MessageTypeException, "unknown protocol 'fix'"),
        ("tcp://h:1/AMPS/json", AMPS.MessageTypeException, "unknown protocol 'AMPS'"),
        ("tcp://h:1//json", AMPS.MessageTypeException, "unknown protocol ''"),
        ("tcp://h:1/amps/", INVALID, "no message type"),
        ("tcp://h:1/amps/json/", INVALID, "message type"),
        ("tcp://h:1/amps/json ", INVALID, "message type"),
        ("tcp://bob:%ff@h:1/amps", INVALID, "its password is not valid UTF-8"),
        ("tcp://%c3:pw@h:1/amps", INVALID, "its user is not valid UTF-8"),
        ("tcp://bob:%ED%A0%80@h:1/amps", INVALID, "its password is not valid UTF-8"),
        ("tcp://bob:a%0D%0Ab@h:1/amps", INVALID, "line break or a NUL"),
        ("tcp://bob:a%00@h:1/amps", INVALID, "line break or a NUL"),
        ("tcp://h:1/amps/js\non", INVALID, "line break or a NUL"),
        ("tcp://h:1/amps/json\r", INVALID, "line break or a NUL"),
        ("tcp://h\0:1/amps/json", INVALID, "line break or a NUL"),
        ("tcp://\ud800:1/amps", INVALID, "surrogate"),
        (b"tcp://\xff:1/amps", INVALID, "UTF-8"),
        ("tcp://" + "h" * SIZE_MAX, INVALID, str(SIZE_MAX)),
        (TCP + "?nodelay=true", OPTIONS, "unknown parameter 'nodelay'"),
        (TCP + "?TCP_NODELAY=true", OPTIONS, "unknown parameter 'TCP_NODELAY'"),
        (TCP + "?=true", OPTIONS, "unknown parameter ''"),
        (TCP + "?tcp_nodelay", OPTIONS, "wants true or false"),
        (TCP + "?tcp_nodelay=", OPTIONS, "wants true or false"),
        (TCP + "?tcp_nodelay=on", OPTIONS, "'on': it wants true or false"),
        (TCP + "?tcp_sndbuf=-1", OPTIONS, "'-1': it wants a number"),
        (TCP + "?tcp_sndbuf=64k", OPTIONS, "wants a number"),
        (TCP + "?tcp_sndbuf=2147483648", OPTIONS, "wants a number"),
        (TCP + "?tcp_sndbuf=" + "9" * 9999, OPTIONS, "wants a number"),
        (TCP + "?tcp_sndbuf=٣", OPTIONS, "wants a number"),
        (TCP + "?bind=localhost", OPTIONS, "wants an IP address"),
        (TCP + "?bind=[10.0.0.1]", OPTIONS, "wants an IP address"),
        (TCP + "?bind=[::1", OPTIONS, "wants an IP address"),
        (TCP + "?bind=[::1]80", OPTIONS, "wants an IP address"),
        (TCP + "?bind=10.0.0.1:", OPTIONS, "wants an IP address"),
        (TCP + "?bind=10.0.0.1:99999", OPTIONS, "wants an IP address"),
        (TCP + "?bind=", OPTIONS, "wants an IP address"),
        (TCP + "?ip_protocol_prefer=ipx", OPTIONS, "wants ipv4 or ipv6"),
        (TCP + "?compression=gzip", OPTIONS, "wants zlib"),
        (TCP + "?sni=h", OPTIONS, "sni is for tcps, not tcp"),
        (TCP + "?path=/tmp/s", OPTIONS, "path is for unix, not tcp"),
        (TCP + "?pretty=%ff", INVALID, "UTF-8"),
        (TCP + "?pretty=%0a", INVALID, "line break"),
        ("tcps://h:1/amps?sni=", OPTIONS, "wants a host name"),
        ("tcps://h:1/amps?sni=a%20b", OPTIONS, "wants a host name"),
        (UNIX, OPTIONS, "needs the parameter path"),
        (UNIX + "?path=", OPTIONS, "wants a file name"),
        (UNIX + "?path=/tmp/s&tcp_nodelay=true", OPTIONS, "tcp and tcps, not unix"),
        ("unix:///amps/json?path=/tmp/s", INVALID, "no host"),
        ("unix://localhost/amps/json?path=/tmp/s", INVALID, "no port"),
    ],
)
def test_what_is_wrong_is_said(text, exception, fault):
    with pytest.raises(exception) as caught:
        parse(text)
    assert type(caught.value) is exception
    assert isinstance(caught.value, AMPS.ConnectionException)
    assert fault in str(caught.value)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("thing", [None, 7, ["tcp://h:1/amps"], object()])
def test_what_is_no_text_is_a_type_error(thing):
    with pytest.raises(TypeError, match=type(thing).__name__):
        parse(thing)


def test_a_uri_cannot_be_changed():
    uri = parse(TCP)
    for change in (lambda: setattr(uri, "host", "x"), lambda: delattr(uri, "host")):
        with pytest.raises(AttributeError, match="cannot be changed"):
            change()
    with pytest.raises(AttributeError):
        uri.colour = "red"
    with pytest.raises(TypeError):
        uri.options["pretty"] = True
    assert uri.host == "h"


@pytest.mark.parametrize(
    "text",
    [
        "tcp://bob:hunter2@h:1/amps/json",
        "tcp://bob:hunter2@h:1/amps/json?pretty=true",
        "tcp://bob:a@hunter2@h:1/amps",
        "tcp://bob:a:hunter2@h:1/amps",
        "tcp://bob:hunter2/x@h:1/amps",
        "tcp://bob:x/hunter2@h:1/amps",
        "tcp://bob:1/hunter2@h:1/amps",
        "tcp://bob:1/amps/hunter2@h:1/amps",
        "tcp://bob:x?hunter2@h:1/amps",
        "tcp://bob:1/amps?hunter2@h:1/amps",
        "tcp://bob:1/amps?pretty=hunter2@h:1/amps",
        "tcp://bob:1?hunter2@h:1/amps",
        "tcp://bob:hunter2\n@h:1/amps",
        "tcp://bob:%ffhunter2@h:1/amps",
        "tcp://bob:hunter2%00@h:1/amps",
        "tcp://bob:hunter2@h:x/amps",
        "tcp://bob:hunter2@/amps",
        "tcp://bob:hunter2@",
        "tcp://bob:hunter2@[::1/amps",
        "tcp:/bob:hunter2@h:1/amps",
        "bob:hunter2@h:1",
        "bob:hunter2://x@h:1/amps",
        "amps://bob:hunter2@h:1/amps",
        "tcp://h:1/amps?password=hunter2",
        "tcp://h:1/amps?pw=a=hunter2&pretty=true",
    ],
)
def test_a_password_never_shows(text):
    assert "hunter2" not in mask(text)
    try:
        assert "hunter2" not in f"{parse(text)} {parse(text)!r}"
    except AMPS.ConnectionException as error:
        lines = traceback.format_exception(type(error), error, None)
        assert "hunter2" not in "".join(lines) + repr(error)
        assert error.__context__ is None, "another exception could carry the string along"


def test_what_is_no_password_stays_readable():
    for text in (TCP, "tcp://bob@h:1/amps", "tcp://[::1]:9007/amps?bind=[::1]:80", "nonsense"):
        assert mask(text) == text


printable = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=30)


def percent(text):
    return "".join(f"%{byte:02X}" for byte in text.encode())


@given(user=printable, password=printable)
def test_what_is_percent_encoded_comes_back(user, password):
    uri = parse(f"tcp://{percent(user)}:{percent(password)}@h:1/amps/json")
    assert (uri.user, uri.password, uri.host) == (user, password, "h")


@given(st.text() | st.binary())
def test_any_text_is_a_uri_or_a_connection_failure(text):
    with contextlib.suppress(AMPS.ConnectionException):
        parse(text)


mangled = st.text("tcpsunix:/@[]?&=%aA1.2 \n\0amps,pretty", max_size=40)


@given(st.sampled_from(["tcp://", "tcps://", "unix://", "tcp://bob:"]), mangled)
def test_any_near_miss_is_a_uri_or_a_connection_failure(start, rest):
    try:
        assert mask(start + rest) == str(parse(start + rest))
    except AMPS.ConnectionException as error:
        assert mask(start + rest) in str(error)


@given(mangled, mangled)
def test_a_password_before_an_at_sign_never_shows(before, after):
    assert "hunter2" not in mask(f"tcp://bob:{before}hunter2{after}@h:1/amps")
