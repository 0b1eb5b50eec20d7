"""Authenticators: what each is asked at logon, and what becomes of odd answers and failures."""

import traceback

import pytest

import AMPS
from AMPS.authenticators import ROUNDS_MAX, Conversation


class Diary:
    """Answers like a person with a token generator, and writes down what it was asked."""

    def __init__(self):
        self.asked = []

    def authenticate(self, username, password):
        self.asked.append(("authenticate", username, password))
        return "token-1"

    def retry(self, username, password):
        self.asked.append(("retry", username, password))
        return f"answer to {password}"

    def completed(self, username, password, reason):
        self.asked.append(("completed", username, password, reason))


def test_the_default_authenticator_hands_on_the_password():
    authenticator = AMPS.DefaultAuthenticator()
    assert authenticator.authenticate("bob", "secret") == "secret"
    assert authenticator.authenticate(username="", password="") == ""
    assert authenticator.completed("bob", "secret", "") is None


def test_the_default_authenticator_has_no_answer_to_a_challenge():
    with pytest.raises(AMPS.AuthenticationException, match="'bob'") as caught:
        AMPS.DefaultAuthenticator().retry("bob", "challenge-77")
    assert "challenge-77" not in str(caught.value)


def test_a_plain_logon_asks_once_and_tells_of_success():
    diary = Diary()
    logon = Conversation(diary, "bob", "secret")
    assert logon.begin() == ("bob", "token-1")
    logon.succeeded()
    assert diary.asked == [
        ("authenticate", "bob", "secret"),
        ("completed", "bob", "token-1", ""),
    ]


def test_a_challenge_is_answered_with_what_the_server_sent():
    diary = Diary()
    logon = Conversation(diary, "bob", "")
    logon.begin()
    assert logon.challenged("robert", "77") == ("robert", "answer to 77")
    logon.succeeded("robert", None, "welcome")
    assert diary.asked[1:] == [
        ("retry", "robert", "77"),
        ("completed", "robert", "answer to 77", "welcome"),
    ]


def test_a_challenge_may_come_in_the_reason_or_not_at_all():
    diary = Diary()
    logon = Conversation(diary, "bob", "")
    logon.begin()
    logon.challenged(reason="challenge:77")
    logon.challenged(reason="please try again")
    assert diary.asked[1:] == [
        ("retry", "bob", "challenge:77"),
        ("retry", "bob", "answer to challenge:77"),
    ]


def test_a_class_is_made_into_an_authenticator():
    assert Conversation(AMPS.DefaultAuthenticator, "bob", "secret").begin() == ("bob", "secret")
    assert Conversation(Diary, "bob", "secret").begin() == ("bob", "token-1")


def test_no_authenticator_means_the_default_one():
    assert Conversation(None, "", "").begin() == ("", "")


@pytest.mark.parametrize(("answer", "sent"), [(None, ""), ("", ""), (b"\xff", b"\xff"), ("ü", "ü")])
def test_none_means_no_password_and_bytes_go_as_they_are(answer, sent):
    assert Conversation(answering(answer), "bob", "x").begin() == ("bob", sent)


@pytest.mark.parametrize("answer", [7, True, ["token"], {"token": 1}, object()])
def test_any_other_answer_ends_the_logon(answer):
    logon = Conversation(answering(answer), "bob", "secret")
    expected = f"Answering.authenticate returned {type(answer).__name__}"
    with pytest.raises(AMPS.AuthenticationException, match=expected):
        logon.begin()
    with pytest.raises(AMPS.AuthenticationException, match="Answering.retry returned"):
        logon.challenged("bob", "77")


def test_a_server_that_never_stops_challenging_is_given_up():
    logon = Conversation(Diary(), "bob", "")
    logon.begin()
    for _ in range(ROUNDS_MAX):
        logon.challenged("bob", "again")
    with pytest.raises(AMPS.AuthenticationException, match=str(ROUNDS_MAX)):
        logon.challenged("bob", "again")


def test_a_failing_authenticator_is_the_cause_and_its_text_is_not_repeated():
    failure = KeyError("hunter2")
    with pytest.raises(AMPS.AuthenticationException) as caught:
        Conversation(raising(failure), "bob", "hunter2").begin()
    assert str(caught.value) == "authenticator Raising.authenticate raised KeyError"
    assert caught.value.__cause__ is failure


@pytest.mark.parametrize(
    "failure", [AMPS.DisconnectedException("gone"), AMPS.UsageException(), KeyboardInterrupt()]
)
def test_an_exception_of_ours_and_an_interrupt_pass_as_they_are(failure):
    with pytest.raises(type(failure)) as caught:
        Conversation(raising(failure), "bob", "").begin()
    assert caught.value is failure


def test_an_object_that_is_no_authenticator_ends_the_logon():
    with pytest.raises(AMPS.AuthenticationException, match="object.authenticate raised Attrib"):
        Conversation(object(), "bob", "").begin()
    with pytest.raises(AMPS.AuthenticationException, match="int.authenticate"):
        Conversation(7, "bob", "").begin()


def test_a_class_that_cannot_be_made_ends_the_logon():
    class Needy(Diary):
        def __init__(self, vault):
            super().__init__()

    with pytest.raises(AMPS.AuthenticationException, match="authenticator Needy raised TypeError"):
        Conversation(Needy, "bob", "")


def test_no_password_is_shown_by_the_conversation_or_its_failure():
    secret = "-".join(["correct", "horse"])  # joined here, as a traceback quotes this line
    logon = Conversation(None, "bob", secret)
    logon.begin()
    try:
        logon.challenged("bob", secret)
    except AMPS.AuthenticationException:
        shown = traceback.format_exc() + repr(logon)
    assert secret not in shown


def answering(answer):
    class Answering(Diary):
        def authenticate(self, username, password):
            return answer

        def retry(self, username, password):
            return answer

    return Answering()


def raising(failure):
    class Raising(Diary):
        def authenticate(self, username, password):
            raise failure

    return Raising()
