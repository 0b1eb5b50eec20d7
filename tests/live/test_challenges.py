"""Authenticators that answer challenges: at each logon anew, by turns, and without a word of it."""

import hashlib
import hmac
import traceback

import pytest

import AMPS
from amps_sandbox import Accept, Reject, Retry, Sandbox

from .calls import Failing
from .failover import wait_back, wait_ready, watch
from .scripted_peer import ack, in_turn, refuse, say

ROUNDS = 3  # challenges that a client answers in one logon


class Prover:
    """Knows a password, and never says it. Notes what it is asked."""

    def __init__(self, password):
        self.password = password
        self.calls = []

    def authenticate(self, username, password):
        self.calls.append(("authenticate", username, password))
        return ""

    def retry(self, username, password):
        self.calls.append(("retry", username, password))
        return self.answer(password)

    def completed(self, username, password, reason):
        self.calls.append(("completed", username, password, reason))

    def answer(self, nonce):
        return hmac.new(self.password.encode(), nonce.encode(), hashlib.sha256).hexdigest()

    def asked(self, method):
        return [call[1:] for call in self.calls if call[0] == method]


@pytest.fixture
def guarded():
    """A sandbox that challenges jill."""
    with Sandbox(users={"jill": "s3cret"}, auth="challenge", txlog=["t"]) as server:
        yield server


def uri_of(server, user="jill@"):
    return server.uri("json").replace("://", f"://{user}")


@pytest.fixture
def proving(new_ha):
    """Makes HAClients that answer with an authenticator of their own."""

    def make(server, authenticator, **options):
        client = new_ha(**options)
        chooser = AMPS.DefaultServerChooser()
        chooser.add(uri_of(server), authenticator)
        client.set_server_chooser(chooser)
        return client

    return make


def test_case_4_an_authenticator_proves_that_it_knows_the_password(guarded, new_client):
    prover, client = Prover("s3cret"), new_client()
    client.connect(uri_of(guarded, "jill:old@"))
    client.logon(5000, prover)
    assert prover.asked("authenticate") == [("jill", "old")]
    ((user, nonce),) = prover.asked("retry")
    assert user == "jill" and len(nonce) == 32
    assert prover.asked("completed") == [("jill", prover.answer(nonce), "")]
    assert [each.user for each in guarded.clients()] == ["jill"]


def test_case_4_a_wrong_answer_is_told_and_success_is_not(guarded, new_client):
    prover, client = Prover("guess"), new_client()
    client.connect(uri_of(guarded))
    with pytest.raises(AMPS.AuthenticationException, match="auth failure") as caught:
        client.logon(5000, prover)
    ((_, nonce),) = prover.asked("retry")
    assert prover.asked("completed") == []
    shown = "".join(traceback.format_exception(*caught._excinfo)) + repr(client)
    assert nonce not in shown and prover.answer(nonce) not in shown
    client.connect(uri_of(guarded))
    client.logon(5000, Prover("s3cret"))


def test_several_rounds_are_answered_one_after_the_other(new_client):
    asked = []

    def judge(client, user, pw):
        asked.append((user, pw))
        return Accept(user) if len(asked) > ROUNDS else Retry(f"{user}+", f"n{len(asked)}")

    prover, client = Prover("x"), new_client()
    with Sandbox(authenticate=judge) as server:
        client.connect(uri_of(server, "u@"))
        client.logon(5000, prover)
        assert [(user, pw) for user, pw in asked] == [
            ("u", ""),
            *[(f"u{'+' * n}", prover.answer(f"n{n}")) for n in range(1, ROUNDS + 1)],
        ]
        assert prover.asked("completed") == [("u+++", prover.answer("n3"), "")]


def test_one_round_too_many_ends_the_logon_and_the_connection(new_client):
    prover, client = Prover("x"), new_client()
    with Sandbox(authenticate=lambda *_: Retry("u", "again")) as server:
        client.connect(uri_of(server))
        with pytest.raises(AMPS.AuthenticationException, match=f"after {ROUNDS} challenges"):
            client.logon(5000, prover)
        assert len(prover.asked("retry")) == ROUNDS and prover.asked("completed") == []
        server.wait_until(lambda: not server.clients())
        with pytest.raises(AMPS.DisconnectedException):
            client.publish("t", "x")


def test_the_reason_is_told_although_the_end_follows_at_once(peer, new_client):
    def refuse_and_leave(server, seen):
        server.send(ack(seen, "failure", reason="auth failure"))
        server.hang_up()

    server, prover, client = peer(logon=refuse_and_leave), Prover("x"), new_client()
    for _ in range(20):  # whichever comes first
        client.connect(server.uri("json", "jill@"))
        with pytest.raises(AMPS.AuthenticationException, match="auth failure"):
            client.logon(5000, prover)
    assert prover.asked("completed") == [] and len(prover.asked("authenticate")) == 20


@pytest.mark.parametrize("challenge", ["é\u20ac\U0001f511", 'q"\\\u0001', "x" * 100_000])
def test_odd_challenges_reach_the_authenticator_as_they_are(new_client, challenge):
    def judge(client, user, pw):
        return Retry("jill", challenge) if not pw else Accept(user)

    prover, client = Prover("x"), new_client()
    with Sandbox(authenticate=judge) as server:
        client.connect(uri_of(server))
        client.logon(5000, prover)
    assert prover.asked("retry") == [("jill", challenge)]


def test_a_lost_connection_is_followed_by_a_new_proof(guarded, proving, inbox):
    prover = Prover("s3cret")
    client = proving(guarded, prover)
    states = watch(client)
    client.connect_and_logon()
    client.subscribe(inbox, "t")
    for number in range(2, 5):
        assert guarded.disconnect(reason="fault") == 1
        wait_back(client, states, number)
        client.publish("t", f"{number}")
        assert inbox.get().get_data() == f"{number}"
    nonces = [nonce for _, nonce in prover.asked("retry")]
    assert len(set(nonces)) == len(nonces) == 4
    assert len(prover.asked("authenticate")) == len(prover.asked("completed")) == 4


def test_a_proof_that_no_longer_holds_is_tried_until_it_does(proving):
    """A refused logon is a failed attempt like any other; the next asks the authenticator anew."""
    allowed = {"now": True}

    def judge(client, user, pw):
        return Accept(user) if allowed["now"] else Reject("auth failure")

    prover = Prover("x")
    with Sandbox(authenticate=judge) as server:
        client = proving(server, prover)
        states = watch(client)
        client.connect_and_logon()
        allowed["now"] = False
        server.disconnect()
        client.problems.wait_for(
            lambda told: sum(isinstance(one, AMPS.AuthenticationException) for one in told) > 2
        )
        allowed["now"] = True
        wait_ready(states, 2)
        assert len(prover.asked("completed")) == 2 and len(prover.asked("authenticate")) > 4


def test_an_authenticator_that_raises_fails_one_attempt_and_its_words_are_not_repeated(
    guarded, proving
):
    class Forgetful(Prover):
        def retry(self, username, password):
            if len(self.asked("authenticate")) == 2:
                raise LookupError(f"no answer to {password} but s3cret")
            return super().retry(username, password)

    prover = Forgetful("s3cret")
    client = proving(guarded, prover)
    states = watch(client)
    client.connect_and_logon()
    guarded.disconnect()
    wait_ready(states, 2)
    told = [one for one in client.problems.items if isinstance(one, AMPS.AuthenticationException)]
    assert len(told) == 1 and isinstance(told[0].__cause__, LookupError)
    assert "Forgetful.retry raised LookupError" in str(told[0])
    assert not [one for one in client.problems.items if "s3cret" in str(one)]


def test_a_reply_of_another_kind_than_success_or_retry_is_a_failure(peer, new_client):
    prover, client = Prover("x"), new_client()
    server = peer(logon=in_turn(say(status="retry", pw="1"), refuse("no more")))
    client.connect(server.uri("json", "jill@"))
    with pytest.raises(AMPS.AMPSException, match="no more"):
        client.logon(5000, prover)
    assert [call[0] for call in prover.calls] == ["authenticate", "retry"]


def test_a_challenge_that_never_comes_ends_the_logon_in_time(guarded, new_client):
    guarded.withhold("processed")
    client = new_client()
    client.connect(uri_of(guarded))
    waiting = Failing(lambda: client.logon(300, Prover("s3cret")))
    assert isinstance(waiting.result(), AMPS.TimedOutException)
