"""What is only kept so far: preflight headers, and what stores and TLS will be asked about."""

import pytest

import AMPS

SECRET = "Bearer " + "s3cr3t" * 50


@pytest.fixture
def client():
    return AMPS.Client("settings")


@pytest.mark.parametrize(
    "line",
    ["X-Route: east", b"X-Route:east", "X: ", "A:b:c", "x!#$%&'*+-.^_`|~9: \ttext ä\t", "N:"],
)
def test_lines_are_taken(client, line):
    assert client.add_http_preflight_header(line) is None
    assert client.clear_http_preflight_headers() is None


def test_parts_are_taken(client):
    client.add_http_preflight_header_key_value("Authorization", SECRET)
    client.add_http_preflight_header_key_value(b"X-Empty", b"")
    client.add_http_preflight_header_key_value(key="X-Named", value="a: b")
    client.clear_http_preflight_headers()
    client.clear_http_preflight_headers()


@pytest.mark.parametrize(
    ("name", "named"),
    [
        ("", "empty"),
        (" X", "' '"),
        ("X ", "' '"),
        ("X Y", "' '"),
        ("X\r\nHost", r"'\\r'"),
        ("X\nHost", r"'\\n'"),
        ("X\0", r"'\\x00'"),
        ("X(1)", r"'\('"),
        ("naïve", "'ï'"),
        ("\u0661", "'\u0661'"),
        ("x" * 10_000 + "\t", r"'\\t'"),
    ],
)
def test_a_name_that_is_none_is_refused(client, name, named):
    for call in (
        lambda: client.add_http_preflight_header_key_value(name, SECRET),
        lambda: client.add_http_preflight_header(f"{name}: {SECRET}"),
    ):
        with pytest.raises(ValueError, match=named) as caught:
            call()
        assert "s3cr3t" not in str(caught.value) and len(str(caught.value)) < 150


@pytest.mark.parametrize("end", ["\r", "\n", "\r\nHost: elsewhere", "\0"])
def test_a_value_that_would_end_its_line_is_refused(client, end):
    for call in (
        lambda: client.add_http_preflight_header_key_value("Authorization", SECRET + end),
        lambda: client.add_http_preflight_header(f"Authorization: {SECRET}{end}"),
    ):
        with pytest.raises(ValueError, match="'Authorization'") as caught:
            call()
        assert "s3cr3t" not in str(caught.value) and len(str(caught.value)) < 150


@pytest.mark.parametrize("line", ["", SECRET, "no colon\r\n"])
def test_a_line_without_a_colon_is_refused(client, line):
    with pytest.raises(ValueError, match=r"Name: value|colon") as caught:
        client.add_http_preflight_header(line)
    assert "s3cr3t" not in str(caught.value)


@pytest.mark.parametrize("value", [None, 7, ["X: y"], bytearray(b"X: y")])
def test_what_is_no_text_is_refused(client, value):
    with pytest.raises(TypeError):
        client.add_http_preflight_header(value)
    with pytest.raises(TypeError):
        client.add_http_preflight_header_key_value("X", value)
    with pytest.raises(TypeError):
        client.add_http_preflight_header_key_value(value, "y")
    with pytest.raises(ValueError, match="UTF-8"):
        client.add_http_preflight_header(b"X: \xff")


def test_what_stores_and_tls_are_asked_about(client):
    assert client.get_error_on_publish_gap() is False
    client.set_error_on_publish_gap(True)
    assert client.get_error_on_publish_gap() is True
    client.set_error_on_publish_gap(0)
    assert client.get_error_on_publish_gap() is False
    assert client.get_unpersisted_count() == 0
    assert client.get_ssl() is None
