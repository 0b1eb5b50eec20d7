"""Who may talk to the sandbox: logon, credentials, challenges, names in use."""

import hashlib
import hmac

import pytest

from amps_sandbox import Accept, Reject, Retry, Sandbox
from amps_sandbox.logon import name_hash


def test_case_1_logon_without_authentication_succeeds_and_says_so(amps_sandbox, connect):
    ack = connect(amps_sandbox).log_on("pubber")
    assert ack.header == {
        "c": "ack",
        "cid": "0",
        "s": 0,
        "bm": f"{name_hash(b'pubber')}|0|",
        "client_name": "pubber",
        "a": "processed",
        "status": "success",
        "reason": "authentication disabled",
        "version": "5.3.5.0.0.sandbox",
    }


def test_the_name_hash_is_stable_and_never_one_of_the_reserved_numbers():
    assert name_hash(b"pubber") == name_hash(b"pubber") != name_hash(b"other")
    assert all(1 < name_hash(b"%d" % number) < 2**64 for number in range(1000))


def test_a_logon_is_acked_as_received_before_it_is_processed(amps_sandbox, connect):
    driver = connect(amps_sandbox)
    assert driver.log_on("a", a="processed,received")["a"] == "received"
    driver.read_ack(a="processed", status="success")


@pytest.mark.parametrize("command", ["subscribe", "p", "heartbeat", "flush"])
def test_case_2_a_command_before_logon_closes_the_connection(connect, command):
    lines = []
    with Sandbox(log=lines.append) as sandbox:
        driver = connect(sandbox)
        driver.send({"c": command, "cid": "1", "t": "t", "a": "processed"})
        driver.read_ack(cid="1", status="failure", reason="logon required")
        assert driver.is_ended()
        sandbox.wait_until(lambda: any("closed: auth" in line for line in lines))


def test_case_2_a_second_logon_fails_and_changes_nothing(amps_sandbox, connect):
    driver = connect(amps_sandbox, "a")
    again = driver.log_on("b", cid="9")
    assert (again["status"], again["reason"], again["cid"]) == ("failure", "duplicate logon", "9")
    assert driver.everything_before() == []
    assert [client.name for client in amps_sandbox.clients()] == ["a"]


@pytest.mark.parametrize("pw", ["wrong", "", "secret "])
@pytest.mark.parametrize("user", ["jill", "phil", ""])
def test_case_3_a_wrong_password_or_user_is_refused_and_closed(connect, user, pw):
    lines = []
    with Sandbox(users={"jill": "secret"}, log=lines.append) as sandbox:
        driver = connect(sandbox)
        ack = driver.log_on("a", user_id=user, pw=pw)
        assert (ack["status"], ack["reason"]) == ("failure", "auth failure")
        assert driver.is_ended()
        assert sandbox.clients() == []
    assert any("closed: auth" in line for line in lines)
    assert "secret" not in "".join(lines)


def test_the_right_password_is_accepted_without_a_reason(connect):
    with Sandbox(users=[("jill", "s3cr\u00e9t")]) as sandbox:
        ack = connect(sandbox).log_on("a", user_id="jill", pw="s3cr\u00e9t")
        assert ack["status"] == "success" and "reason" not in ack
        assert sandbox.clients()[0].user == "jill"


def test_no_password_is_seen_in_frames_or_log(connect):
    lines = []
    with Sandbox(users={"jill": "secret"}, log=lines.append) as sandbox:
        connect(sandbox, "a", user_id="jill", pw="secret")
        bad = connect(sandbox)
        bad.send(b'{"c":"logon","cid":"0","password" : "secret","client_name":"unterminated')
        bad.read_ack(status="failure", reason="unknown command")
        assert sandbox.received("logon")[0].header["pw"] == "***"
    seen = "".join(lines) + repr(sandbox.frames())
    assert "unterminated" in seen or "***" in seen
    assert "secret" not in seen


def challenged(driver, user="jill"):
    ack = driver.log_on("a", user_id=user)
    assert (ack["status"], ack["user_id"]) == ("retry", user)
    return ack["pw"]


def test_case_4_the_right_answer_to_a_challenge_logs_on(connect):
    with Sandbox(users={"jill": "secret"}, auth="challenge") as sandbox:
        driver = connect(sandbox)
        nonce = challenged(driver)
        answer = hmac.new(b"secret", nonce.encode(), hashlib.sha256).hexdigest()
        assert driver.log_on("a", cid="1", user_id="jill", pw=answer)["status"] == "success"
        assert challenged(connect(sandbox)) != nonce


@pytest.mark.parametrize(("user", "answer"), [("jill", "secret"), ("phil", "x"), ("nobody", "")])
def test_case_4_a_wrong_answer_is_refused_and_closed(connect, user, answer):
    with Sandbox(users={"jill": "secret", "phil": "x"}, auth="challenge") as sandbox:
        driver = connect(sandbox)
        challenged(driver, user)
        ack = driver.log_on("a", cid="1", user_id=user, pw=answer)
        assert (ack["status"], ack["reason"]) == ("failure", "auth failure")
        assert driver.is_ended()


def test_an_answer_for_another_user_than_the_one_challenged_is_refused(connect):
    with Sandbox(users={"jill": "secret", "phil": "x"}, auth="challenge") as sandbox:
        driver = connect(sandbox)
        answer = hmac.new(b"secret", challenged(driver).encode(), hashlib.sha256).hexdigest()
        assert driver.log_on("a", user_id="phil", pw=answer)["reason"] == "auth failure"


def test_any_other_command_during_a_challenge_closes_the_connection(connect):
    with Sandbox(users={"jill": "secret"}, auth="challenge") as sandbox:
        driver = connect(sandbox)
        challenged(driver)
        assert driver.ask({"c": "flush", "cid": "1"})["reason"] == "logon required"
        assert driver.is_ended()


def test_a_callback_decides_about_each_logon(connect):
    asked = []

    def authenticate(client, user, pw):
        asked.append((client.name, user, pw))
        if pw == "one":
            return Retry("other", "say two")
        return Accept("final") if pw == "two" else Reject("not entitled")

    with Sandbox(authenticate=authenticate) as sandbox:
        driver = connect(sandbox)
        retry = driver.log_on("a", user_id="u", pw="one")
        assert (retry["status"], retry["user_id"], retry["pw"]) == ("retry", "other", "say two")
        assert driver.log_on("a", cid="1", user_id="other", pw="two")["status"] == "success"
        assert sandbox.clients()[0].user == "final"
        other = connect(sandbox)
        assert other.log_on("b", pw="three")["reason"] == "not entitled"
        assert other.is_ended()
    assert asked == [("a", "u", "one"), ("a", "other", "two"), ("b", "", "three")]


def test_case_4_a_callback_may_ask_as_many_rounds_as_it_likes(connect):
    def authenticate(client, user, pw):
        return Accept(user) if pw == "5" else Retry(user, f"after {pw}")

    with Sandbox(authenticate=authenticate) as sandbox:
        driver = connect(sandbox)
        for number in range(5):
            ack = driver.log_on("a", cid=f"{number}", user_id="u", pw=f"{number}")
            assert (ack["status"], ack["cid"]) == ("retry", f"{number}")
            assert ack["pw"] == f"after {number}" and sandbox.clients() == []
        assert driver.log_on("a", user_id="u", pw="5")["status"] == "success"


def test_a_client_that_leaves_in_the_middle_of_a_challenge_leaves_nothing(connect):
    with Sandbox(users={"jill": "secret"}, auth="challenge") as sandbox:
        first = connect(sandbox)
        nonce = challenged(first)
        first.close()
        answer = hmac.new(b"secret", nonce.encode(), hashlib.sha256).hexdigest()
        stolen = connect(sandbox)
        assert challenged(stolen) != nonce
        assert stolen.log_on("a", user_id="jill", pw=answer)["reason"] == "auth failure"


WRONG = [None, True, "jill", Accept(5), Reject(None), Retry("u", b"x"), ("Accept", "u")]


@pytest.mark.parametrize("verdict", WRONG)
def test_a_callback_that_decides_nothing_ends_one_connection_only(connect, verdict):
    lines = []
    with Sandbox(authenticate=lambda *_: verdict, log=lines.append) as sandbox:
        driver = connect(sandbox)
        ack = driver.log_on("a", user_id="u", pw="hush")
        assert (ack["status"], ack["reason"]) == ("failure", "internal error")
        assert driver.is_ended()
        assert connect(sandbox).log_on("b")["reason"] == "internal error"
    assert any("want Accept, Reject or Retry" in line for line in lines)


def test_what_a_callback_raises_is_logged_without_the_password(connect):
    lines = []

    def authenticate(client, user, pw):
        raise LookupError(f"{user} said {pw}, not more")

    with Sandbox(authenticate=authenticate, log=lines.append) as sandbox:
        driver = connect(sandbox)
        assert driver.log_on("a", user_id="jill", pw="hush")["reason"] == "internal error"
        assert driver.is_ended()
    (line,) = [line for line in lines if "LookupError" in line]
    assert "jill said ***, not more" in line and "hush" not in "".join(lines)


def test_case_5_the_same_user_takes_its_name_over_from_its_old_connection(connect):
    lines = []
    with Sandbox(unique_names=True, log=lines.append) as sandbox:
        old, other = connect(sandbox, "a"), connect(sandbox, "b")
        new = connect(sandbox, "a")
        assert old.is_ended()
        assert new.everything_before() == other.everything_before() == []
    assert any("closed: name in use" in line for line in lines)


def test_case_6_another_user_does_not_get_a_name_in_use(connect):
    users = {"jill": "1", "phil": "2"}
    with Sandbox(unique_names=True, users=users) as sandbox:
        jill = connect(sandbox, "a", user_id="jill", pw="1")
        phil = connect(sandbox)
        assert phil.log_on("a", user_id="phil", pw="2")["reason"] == "name in use"
        assert phil.is_ended()
        assert jill.everything_before() == []


def test_case_7_without_unique_names_two_connections_share_a_name(amps_sandbox, connect):
    first, second = connect(amps_sandbox, "a"), connect(amps_sandbox, "a")
    assert first.everything_before() == second.everything_before() == []


@pytest.mark.parametrize("message_type", ["nonsense", "", "JSON"])
def test_case_8_an_unknown_message_type_is_refused_and_closed(amps_sandbox, connect, message_type):
    driver = connect(amps_sandbox)
    ack = driver.log_on("a", mt=message_type)
    assert (ack["status"], ack["reason"]) == ("failure", "invalid message type")
    assert driver.is_ended()


def test_a_client_needs_a_name_only_where_names_are_unique(connect):
    with Sandbox() as free, Sandbox(unique_names=True) as strict:
        assert connect(free).log_on("")["status"] == "success"
        driver = connect(strict)
        assert driver.log_on("")["reason"] == "no client name"
        assert driver.is_ended()


def test_an_unknown_mode_is_refused_at_once():
    with pytest.raises(ValueError, match="invalid auth 'magic'"):
        Sandbox(auth="magic")


def test_what_a_client_said_of_itself_can_be_asked(amps_sandbox, connect):
    connect(amps_sandbox, "a", x="corr", v="7.0:raw", version="7.0:raw", opts="pretty")
    client = amps_sandbox.clients()[0]
    assert (client.name, client.message_type, client.listener) == ("a", "json", 0)
    assert (client.version, client.correlation_id) == ("7.0:raw", "corr")
