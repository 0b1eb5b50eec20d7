"""Configuration: from arguments, dicts and TOML files, and what is refused of it."""

import subprocess
import sys

import pytest

from amps_sandbox import BadConfig, Permission, Sandbox, Topic, User, View, config

TOML = """
name = "MINE"
message_types = ["json", "nvfix"]
sow.regex_groups = "single"
composite.images = { module = "composite-local", parts = ["json", "binary"] }
listener = [{ address = "127.0.0.1:0" }, { address = "127.0.0.1:0" }]

[[topic]]
name = "orders"
message_type = "json"
key = ["/id", "/region"]
key_domain = "shared"
expiration = "30s"

[[topic]]
name = "images"
message_type = "images"
key = ["/0/id"]

[[user]]
name = "jill"
password = "secret"
topics = [{ topic = "^orders", read = "/region = 'US'" }, { topic = "more" }]
"""
TOML_IS_KNOWN = sys.version_info >= (3, 11)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "sandbox.toml"
    path.write_text(TOML)
    return path


if TOML_IS_KNOWN:

    def test_a_file_says_what_a_sandbox_has(file, connect):
        with Sandbox(config=file, topics=["more:/id"]) as sandbox:
            assert len(sandbox.listeners) == 2
            driver = connect(sandbox, "a", user_id="jill", pw="secret")
            driver.publish("orders", b'{"id":1,"region":"US"}')
            driver.publish("more", b'{"id":1}')
            driver.everything_before()
            (record,) = sandbox.sow("orders")
            assert record.expires is not None and sandbox.sow("more")
            assert driver.ask({"c": "sow", "cid": "1", "t": "more"})["reason"] == "not entitled"
            assert sandbox.sow("images", "images") == []
            assert connect(sandbox).log_on("b", mt="fix")["reason"] == "invalid message type"

    @pytest.mark.parametrize("text", ["topic = [", 'name = "\\x"', "\0", "a = 1\na = 2"])
    def test_a_file_that_is_no_toml_is_named(file, text):
        file.write_text(text)
        with pytest.raises(BadConfig, match=r"sandbox\.toml: .*(line|at end)"):
            Sandbox(config=file)

    def test_a_bad_key_is_told_with_its_file(file):
        file.write_text("[[topic]]\nname = 'x'\nkey = ['/id']\ncolour = 'red'\n")
        with pytest.raises(BadConfig, match=r"sandbox\.toml: topic 1: unknown key 'colour'"):
            Sandbox(config=str(file))

    def test_the_command_line_takes_a_file_and_topics(file):
        process = run("--config", str(file), "--json-sow", "more:/id,/region")
        assert process.stdout.readline().startswith("amps-sandbox listening on tcp://127.0.0.1:")
        process.terminate()
        assert process.communicate(timeout=10)[1] == "" and process.returncode == 0

    @pytest.mark.parametrize(
        ("text", "said"),
        [("colour = 1", "unknown key 'colour'"), ("[[topic]]", "topic 1: no 'name'")],
    )
    def test_the_command_line_says_in_one_line_what_is_wrong_in_a_file(file, text, said):
        file.write_text(text)
        process = run("--config", str(file))
        out, err = process.communicate(timeout=10)
        assert (process.returncode, out, err) == (2, "", f"amps-sandbox: {file}: {said}\n")

else:

    def test_a_file_needs_a_python_that_can_read_it(file):
        with pytest.raises(BadConfig, match=r"sandbox\.toml: a TOML file needs Python 3\.11"):
            Sandbox(config=file)


def run(*arguments):
    command = [sys.executable, "-m", "amps_sandbox", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--json-sow", "orders"], "--json-sow: invalid topic 'orders': want NAME:/key"),
        (["--json-sow", "orders:id"], "--json-sow: topic 'orders': key 'id': want a path"),
        (["--json-sow", "a:/id", "--json-sow", "a:/id"], "'a': declared twice"),
        (["--config", "/no/such/file.toml"], "/no/such/file.toml"),
    ],
)
def test_the_command_line_says_in_one_line_what_is_wrong(arguments, said):
    process = run(*arguments)
    out, err = process.communicate(timeout=10)
    assert (process.returncode, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("amps-sandbox: ") and said in err


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ({"colour": 1}, "config: unknown key 'colour'"),
        ({"topic": {"name": "x"}}, "config: topic: want a list of tables"),
        ({"topic": ["x"]}, "config: topic 1: want a table"),
        ({"topic": [{"key": "/id"}]}, "config: topic 1: no 'name'"),
        ({"topic": [{"name": ""}]}, "topic 1: topic: an empty name"),
        ({"topic": [{"name": 5}]}, "5 is no text"),
        ({"topic": [{"name": "x", "key": ["id"]}]}, "key 'id': want a path such as /id"),
        ({"topic": [{"name": "x", "key": ["/a//b"]}]}, "want a path"),
        ({"topic": [{"name": "x", "key": 5}]}, "key: 5 is no list"),
        ({"topic": [{"name": "x", "key": ["/a"] * 65}]}, "key: over 64 paths"),
        ({"topic": [{"name": "x", "message_type": "csv"}]}, "unknown message type 'csv'"),
        ({"topic": [{"name": "x", "expiration": "soon"}]}, "expiration 'soon': want"),
        ({"topic": [{"name": "x", "expiration": 0}]}, "expiration 0: want"),
        ({"topic": [{"name": "/AMPS/x"}]}, "names under /AMPS are the server's own"),
        ({"topic": [{"name": "x"}, {"name": "x"}]}, "'x': declared twice"),
        (
            {"topic": [{"name": "x", "message_type": "binary", "key": ["/id"]}]},
            "a binary message has no fields",
        ),
        ({"user": [{"name": "a"}, {"name": "a"}]}, "user 'a': declared twice"),
        ({"user": [{"name": "a", "topics": [{}]}]}, "an entry without 'topic'"),
        ({"user": [{"name": "a", "topics": [{"topic": "t", "x": 1}]}]}, "unknown key 'x'"),
        ({"user": [{"name": "a", "topics": [{"topic": "t", "read": 1}]}]}, "read 1: want"),
        ({"user": [{"name": "a", "topics": [{"topic": "t", "read": "/x ="}]}]}, "permission 't'"),
        ({"user": [{"name": "a", "topics": [{"topic": "t("}]}]}, "permission 't('"),
        (
            {"user": [{"name": "a", "topics": [{"topic": "t", "write": 1}]}]},
            "true, false or a filter",
        ),
        ({"user": [{"name": "a", "topics": ["t"]}]}, "user 'a': topics: 't': want a table"),
        ({"user": [{"name": "a", "topics": [{"topic": "t", "select": "id"}]}]}, "directive 'id'"),
        ({"user": [{"name": "a", "password": 1}]}, "user 'a': the password is no text"),
        ({"user": [{"name": "a", "logon": "no"}]}, "user 'a': logon 'no': want true or false"),
        ({"auth": {"mode": "magic"}}, "auth: mode 'magic': want one of none, password, challenge"),
        ({"auth": {"mode": 1}}, "auth: mode 1: want one of"),
        ({"auth": {"implicit_logon": True}}, "auth: unknown key 'implicit_logon'"),
        ({"auth": {"expose_user": 1}}, "auth: expose_user 1: want true or false"),
        ({"auth": "none"}, "auth: want a table"),
        ({"sow": {"regex_groups": "many"}}, "sow: regex_groups 'many': want one of per_topic"),
        ({"sow": {"groups": "single"}}, "sow: unknown key 'groups'"),
        ({"composite": {"c": {"module": "zip", "parts": ["json"]}}}, "composite.c: module 'zip'"),
        ({"composite": {"c": {"module": "composite-local", "parts": []}}}, "parts: want 1 to"),
        ({"composite": 1}, "composite: want a table"),
        ({"message_types": "json"}, "message_types: want a list"),
        ({"name": 5}, "name: 5 is no text"),
        ({"view": [{"name": "v"}]}, "view 1: no 'underlying'"),
        ({"conflated": [{"name": "c", "underlying": "x", "interval": "0s"}]}, "want a time > 0"),
        ({"conflated": [{"name": "c", "underlying": "x"}]}, "'c': no topic 'x' declared before it"),
    ],
)
def test_what_is_wrong_in_a_configuration_is_named(source, said):
    with pytest.raises(BadConfig) as raised:
        Sandbox(config=source)
    assert said in str(raised.value) and str(raised.value).startswith("config: ")


@pytest.mark.parametrize(
    "make",
    [
        lambda: Topic("x", key="id"),
        lambda: Topic("x" * 5000),
        lambda: Topic("x", expiration=True),
        lambda: View("", "x", ["/id"], ["/id"]),
        lambda: View("v", "x", [5], ["/id"]),
        lambda: User(5),
        lambda: User("a", topics=5),
        lambda: Permission("x", read=None),
        lambda: Permission("x", select=None),
        lambda: Sandbox(topics=["x"]),
        lambda: Sandbox(topics=[5]),
        lambda: Sandbox(clock="sundial"),
        lambda: Sandbox(users=[User("a"), ("a", "b")]),
    ],
)
def test_what_is_wrong_in_an_argument_is_refused_at_once(make):
    with pytest.raises(ValueError, match="."):
        make()


def test_a_file_that_is_not_there_is_named(tmp_path):
    error = FileNotFoundError if TOML_IS_KNOWN else BadConfig
    with pytest.raises(error, match=r"none\.toml"):
        Sandbox(config=tmp_path / "none.toml")


def test_an_older_python_says_that_it_reads_no_toml(file, monkeypatch):
    monkeypatch.setitem(sys.modules, "tomllib", None)
    with pytest.raises(BadConfig, match=r"a TOML file needs Python 3\.11 or later: pass a dict"):
        config.plan(file, message_types=["json"])


def test_users_need_no_permissions_to_do_everything(connect):
    with Sandbox(config={"user": [{"name": "jill", "password": "s"}]}) as sandbox:
        driver = connect(sandbox, "a", user_id="jill", pw="s")
        driver.subscribe("t", "1")
        driver.publish("t", b"x")
        assert driver.read().body == b"x"


def test_a_configuration_says_how_users_log_on_and_what_they_see(connect):
    told = {
        "auth": {"mode": "challenge", "expose_user": True},
        "user": [
            {"name": "jill", "password": "s", "topics": [{"topic": "t", "select": "-/x"}]},
            {"name": "eve", "logon": False},
        ],
    }
    with Sandbox(config=told) as sandbox:
        assert connect(sandbox).log_on("a", user_id="jill", pw="s")["status"] == "retry"
    with Sandbox(config=told, auth="none") as sandbox:
        assert connect(sandbox).log_on("a", user_id="eve")["status"] == "success"
    with Sandbox(config=told, auth="password") as sandbox:
        assert connect(sandbox).log_on("a", user_id="eve")["reason"] == "not entitled"
