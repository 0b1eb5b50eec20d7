"""Logging on: who says what to whom, what is learned from the answer, and what is kept secret."""

import gc
import time
import traceback

import pytest

import AMPS
from amps_sandbox import Accept, Retry, Sandbox

from .scripted_peer import hang_up, say, stay_silent

PASSWORD = "s3cr3t/@:%"
ESCAPED = "s3cr3t%2F%40%3A%25"


class Recorder:
    """An authenticator that notes what it is asked and answers as told."""

    def __init__(self, **answers):
        self.answers = answers
        self.calls = []

    def authenticate(self, username, password):
        return self.give("authenticate", username, password)

    def retry(self, username, password):
        return self.give("retry", username, password)

    def completed(self, username, password, reason):
        self.give("completed", username, password, reason)

    def give(self, *call):
        self.calls.append(call)
        answer = self.answers.get(call[0])
        if isinstance(answer, Exception):
            raise answer
        return answer


def test_a_logon_says_who_we_are(peer, new_client):
    server = peer()
    client = new_client("Grüße")
    client.set_logon_correlation_data("abc=")
    assert client.get_logon_correlation_data() == "abc="
    client.connect(server.uri("json", "bob:pw@"))
    assert client.logon(5000, options="ack_conflation=1s") == "0"
    (seen,) = server.seen("logon")
    del seen["body"]
    assert seen.pop("version") == f"{AMPS.VERSION}:python"
    assert seen.pop("client_name").encode("latin-1").decode() == "Grüße"
    assert seen == {
        **{"c": "logon", "cid": "0", "mt": "json", "user_id": "bob", "pw": "pw"},
        **{"a": "processed", "x": "abc=", "opts": "ack_conflation=1s"},
    }


def test_what_the_uri_does_not_say_is_not_sent(peer, new_client):
    server = peer()
    client = new_client()
    client.connect(f"tcp://127.0.0.1:{server.port}/amps")
    client.logon()
    sent = {"c", "cid", "client_name", "a", "version", "body"}
    assert set(server.seen("logon")[0]) == sent


@pytest.mark.parametrize(
    ("options", "sent"),
    [
        (None, "pretty"),
        (0, "pretty"),
        ("ack_conflation=1s", "ack_conflation=1s,pretty"),
        (AMPS.Message.Options().set_conflation("1s"), "conflation=1s,pretty"),
    ],
)
def test_pretty_in_the_uri_is_a_logon_option(peer, new_client, options, sent):
    server = peer()
    client = new_client()
    client.connect(server.uri() + "?pretty=true")
    client.logon(options=options)
    assert server.seen("logon")[0]["opts"] == sent


def test_options_of_the_builder_go_with_the_logon(peer, new_client):
    server = peer()
    client = new_client()
    client.connect(server.uri())
    client.logon(options=AMPS.Message.Options().set_conflation("1s"))
    assert server.seen("logon")[0]["opts"] == "conflation=1s"


def test_the_answer_tells_about_server_and_publisher(peer, new_client):
    server = peer(logon=say(version="5.3.4.130.abc", bm="8127364554637281901|7|", client_name="x"))
    client = new_client()
    before = (client.get_server_version(), client.get_name_hash(), client.get_name_hash_value())
    assert before == (0, "", 0) and client.get_connection_name() == ""
    client.connect(server.uri())
    client.logon()
    assert client.get_server_version() == 5030499
    assert client.get_name_hash() == "8127364554637281901"
    assert client.get_name_hash_value() == 8127364554637281901
    assert client.get_connection_name() == "x"


NONSENSE = [None, "", "|", "not a number|1|", "²|1|", "-5|1|", "9" * 5000 + "|1|", "x" * 100_000]


@pytest.mark.parametrize("bookmark", NONSENSE, ids=range(len(NONSENSE)))
def test_an_answer_that_tells_little_or_nonsense_will_do(peer, new_client, bookmark):
    """Point 8 of the protocol's list."""
    client = new_client()
    client.connect(peer(logon=say(version="?..x", bm=bookmark)).uri())
    client.logon()
    assert client.get_name_hash_value() == 0
    assert client.get_server_version() == 0


def test_the_right_password_is_accepted_and_decoded(new_client):
    with Sandbox(users={"b@b": PASSWORD}) as sandbox:
        client = new_client()
        client.connect(sandbox.uri().replace("://", f"://b%40b:{ESCAPED}@"))
        client.logon(5000)
        assert [each.user for each in sandbox.clients()] == ["b@b"]


@pytest.mark.parametrize("user", ["bob:wrong@", "bob@", "", "eve:right@"])
def test_wrong_credentials_are_refused_and_the_client_may_try_again(new_client, user):
    with Sandbox(users={"bob": "right"}) as sandbox:
        client = new_client()
        client.connect(sandbox.uri().replace("://", f"://{user}"))
        with pytest.raises(AMPS.AuthenticationException, match="auth failure"):
            client.logon(5000)
        with pytest.raises(AMPS.DisconnectedException):
            client.publish("t", "x")
        client.connect(sandbox.uri().replace("://", "://bob:right@"))
        client.logon(5000)


def test_the_password_is_nowhere_to_be_seen(peer, new_client):
    server, told = peer(logon=hang_up), []
    client = new_client()
    client.set_exception_listener(told.append)
    uri = server.uri("json", f"bob:{ESCAPED}@")
    client.connect(uri)
    shown = [repr(client)]
    for call in (lambda: client.connect(uri), lambda: client.logon(5000), client.publish_flush):
        with pytest.raises(AMPS.ConnectionException) as caught:
            call()
        shown += traceback.format_exception(*caught._excinfo)
    client.close()
    shown += [repr(client), *map(str, told)]
    secrets = (PASSWORD, ESCAPED, "s3cr3t")
    lines = [line for line in "".join(shown).splitlines() if "uri = " not in line]
    assert not [line for line in lines for secret in secrets if secret in line]


def test_an_authenticator_supplies_the_password_and_is_told_of_success(new_client):
    with Sandbox(users={"bob": "token"}) as sandbox:
        client, recorder = new_client(), Recorder(authenticate="token")
        client.connect(sandbox.uri().replace("://", "://bob:old@"))
        client.logon(5000, recorder)
        first, last = recorder.calls
        assert first == ("authenticate", "bob", "old")
        assert last[0] == "completed" and last[1:3] == ("bob", "token")


def test_a_challenge_is_answered_with_a_new_command(new_client):
    """Point 8 of the protocol's list."""

    def judge(client, user, pw):
        return Accept("bobby") if pw == "answer" else Retry("bobby", "challenge-77")

    with Sandbox(authenticate=judge) as sandbox:
        client, recorder = new_client(), Recorder(authenticate="tok", retry="answer")
        client.connect(sandbox.uri().replace("://", "://bob@"))
        assert client.logon(5000, recorder) == "1"
        assert recorder.calls[1] == ("retry", "bobby", "challenge-77")
        assert [each.user for each in sandbox.clients()] == ["bobby"]
        assert [f.header["cid"] for f in sandbox.received("logon")] == ["0", "1"]


@pytest.mark.parametrize("fields", [{"pw": "ask"}, {"reason": "challenge:ask"}, {}])
def test_the_default_authenticator_has_no_answer_to_a_challenge(peer, new_client, fields):
    client = new_client()
    client.connect(peer(logon=say(status="retry", **fields)).uri("json", "bob@"))
    with pytest.raises(AMPS.AuthenticationException, match="bob"):
        client.logon(5000)


def test_a_server_that_asks_for_ever_is_left(peer, new_client):
    server = peer(logon=say(status="retry", pw="again"))
    client = new_client()
    client.connect(server.uri("json", "bob@"))
    with pytest.raises(AMPS.AuthenticationException, match="challenges"):
        client.logon(5000, Recorder(authenticate="a", retry="b"))
    assert len(server.seen("logon")) < 50
    server.wait_gone()


@pytest.mark.parametrize("method", ["authenticate", "retry", "completed"])
def test_an_authenticator_that_raises_ends_the_logon(peer, new_client, method):
    asks = method == "retry"
    server = peer(logon=say(status="retry" if asks else "success", pw="challenge"))
    client, problem = new_client(), LookupError(PASSWORD)
    client.connect(server.uri("json", "bob@"))
    with pytest.raises(AMPS.AuthenticationException, match=f"{method}.*LookupError") as caught:
        client.logon(5000, Recorder(**{method: problem}))
    assert caught.value.__cause__ is problem and PASSWORD not in str(caught.value)
    server.wait_gone()


def test_an_authenticator_may_raise_an_exception_of_ours_and_give_no_password(peer, new_client):
    server = peer()
    client, problem = new_client(), AMPS.NotEntitledException("not you")
    client.connect(server.uri("json", "bob:pw@"))
    with pytest.raises(AMPS.NotEntitledException) as caught:
        client.logon(5000, Recorder(authenticate=problem))
    assert caught.value is problem
    client.connect(server.uri("json", "bob:pw@"))
    client.logon(5000, Recorder)
    assert "pw" not in server.seen("logon")[0]


def test_a_logon_without_an_answer_ends_in_time_and_the_client_is_usable(peer, new_client):
    server = peer(logon=stay_silent)
    client = new_client()
    client.connect(server.uri())
    began = time.monotonic()
    with pytest.raises(AMPS.TimedOutException, match=f"logon.*150 ms.*{server.port}"):
        client.logon(150)
    assert 0.15 <= time.monotonic() - began < 2
    server.wait_gone()
    server.answers["logon"] = say()
    client.connect(server.uri())
    client.logon(5000)


def test_a_second_logon_is_refused_by_the_server(sandbox, log_on):
    client = log_on(sandbox)
    with pytest.raises(AMPS.DuplicateLogonException):
        client.logon(5000)


def test_a_logon_needs_a_connection(new_client):
    with pytest.raises(AMPS.DisconnectedException, match=r"connect\(\)"):
        new_client().logon()


def test_the_name_can_be_changed_until_the_logon(sandbox, new_client):
    client = new_client("first")
    client.connect(sandbox.uri())
    client.set_name("second")
    assert (client.name(), client.get_name()) == ("second", "second")
    client.logon(5000)
    assert [each.name for each in sandbox.clients()] == ["second"]
    with pytest.raises(AMPS.UsageException):
        client.set_name("third")
    client.disconnect()
    client.set_name("third")


def test_a_name_in_use_by_another_user_is_refused(new_client):
    with Sandbox(users={"a": "1", "b": "2"}, unique_names=True) as sandbox:
        first, second = new_client("same"), new_client("same")
        first.connect(sandbox.uri().replace("://", "://a:1@"))
        first.logon(5000)
        second.connect(sandbox.uri().replace("://", "://b:2@"))
        with pytest.raises(AMPS.NameInUseException, match="same"):
            second.logon(5000)
        first.publish_flush(5000)


def test_command_ids_are_never_used_again(sandbox, log_on):
    client = log_on(sandbox)
    for _ in range(3):
        client.publish_flush(5000)
        client.disconnect()
        client.connect(sandbox.uri())
        client.logon(5000)
        client.subscribe("t").close()
        gc.collect()
    client.publish_flush(5000)
    ids = [f.header["cid"] for f in sandbox.frames(direction="in") if "cid" in f.header]
    assert len(ids) == len(set(ids)) and ids[0] == "0"
