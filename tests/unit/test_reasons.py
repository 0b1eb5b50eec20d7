"""The table of reasons: which exception a server's text becomes, however the server words it."""

import pytest

import AMPS
from AMPS.reasons import exception_for


@pytest.mark.parametrize(
    ("reason", "name"),
    [
        ("auth failure", "AuthenticationException"),
        ("authentication failed", "AuthenticationException"),
        ("authorization module said no", "AuthenticationException"),
        ("not entitled", "NotEntitledException"),
        ("user lacks entitlement", "NotEntitledException"),
        ("name in use", "NameInUseException"),
        ("logon required", "LogonRequiredException"),
        ("duplicate logon attempt", "DuplicateLogonException"),
        ("duplicate logon", "DuplicateLogonException"),
        ("bad filter", "BadFilterException"),
        ("invalid filter", "BadFilterException"),
        ("bad regex topic", "BadRegexTopicException"),
        ("bad regex", "BadRegexTopicException"),
        ("invalid regex topic", "BadRegexTopicException"),
        ("regex topic not supported", "BadRegexTopicException"),
        ("invalid topic", "InvalidTopicException"),
        ("invalid topic or filter", "InvalidTopicException"),
        ("topic not found", "InvalidTopicException"),
        ("no such topic", "InvalidTopicException"),
        ("bad sow key", "BadSowKeyException"),
        ("bad sow_key", "BadSowKeyException"),
        ("invalid sow key", "BadSowKeyException"),
        ("invalid bookmark", "InvalidBookmarkException"),
        ("bookmark not found", "InvalidBookmarkException"),
        ("invalid options", "InvalidOptionsException"),
        ("invalid option", "InvalidOptionsException"),
        ("invalid order by", "InvalidOrderByException"),
        ("invalid orderby", "InvalidOrderByException"),
        ("invalid sub id", "InvalidSubIdException"),
        ("invalid subid", "InvalidSubIdException"),
        ("invalid sub_id", "InvalidSubIdException"),
        ("subscription already exists", "SubscriptionAlreadyExistsException"),
        ("already exists", "SubscriptionAlreadyExistsException"),
        ("subid in use", "SubidInUseException"),
        ("sub id in use", "SubidInUseException"),
        ("no topic", "MissingFieldsException"),
        ("no topic or filter", "MissingFieldsException"),
        ("no filter or bookmark", "MissingFieldsException"),
        ("no client name", "MissingFieldsException"),
        ("no sub_id", "MissingFieldsException"),
        ("orderby required", "MissingFieldsException"),
        ("client name required", "MissingFieldsException"),
        ("invalid message type", "CommandException"),
        ("not supported", "CommandException"),
        ("operation not supported", "CommandException"),
        ("parse error", "CommandException"),
        ("unknown command", "CommandException"),
        ("tx store failure", "CommandException"),
        ("duplicate", "CommandException"),
        ("timeout", "TimedOutException"),
        ("timed out", "TimedOutException"),
    ],
)
def test_a_reason_has_its_exception(reason, name):
    error = exception_for(reason, "subscribe")
    assert type(error) is getattr(AMPS, name)
    assert reason in str(error)
    assert "subscribe" in str(error)
    assert error.reason == reason


@pytest.mark.parametrize(
    ("reason", "name"),
    [
        ("  Bad Filter\t\r\n", "BadFilterException"),
        ("NOT ENTITLED", "NotEntitledException"),
        ("bad filter: /px >> (", "BadFilterException"),
        ("bad filter: /entitled = 1", "BadFilterException"),
        ("invalid topic 'name required'", "InvalidTopicException"),
        ("Name in use.", "NameInUseException"),
        ("no entitlement for topic", "NotEntitledException"),
        ("node is down", "CommandException"),
        ("unauthorized", "CommandException"),
        ("required", "CommandException"),
        ("\N{NO-BREAK SPACE}bad filter", "CommandException"),
        ("success", "CommandException"),
        ("wat", "CommandException"),
    ],
)
def test_case_spaces_and_appended_detail_do_not_matter(reason, name):
    assert type(exception_for(reason, "sow")) is getattr(AMPS, name)


@pytest.mark.parametrize("reason", [None, "", "   ", "\t\r\n"])
def test_a_refusal_without_a_reason_is_about_credentials_only_at_logon(reason):
    logon, subscribe = exception_for(reason, "logon"), exception_for(reason, "subscribe")
    assert type(logon) is AMPS.AuthenticationException
    assert type(subscribe) is AMPS.CommandException
    assert str(subscribe) == "subscribe refused by the server: it gave no reason"


SAID = {"topic": "orders", "filter": "/px >> (", "client_name": "pub-1", "options": None}


@pytest.mark.parametrize(
    ("reason", "end"),
    [
        ("bad filter", "bad filter (filter '/px >> (')"),
        ("invalid topic", "invalid topic (topic 'orders')"),
        ("invalid topic or filter", "invalid topic or filter (topic 'orders', filter '/px >> (')"),
        ("not entitled", "not entitled (topic 'orders')"),
        ("name in use", "name in use (client_name 'pub-1')"),
        ("invalid options", "invalid options"),
        ("invalid bookmark", "invalid bookmark"),
        ("logon required", "logon required"),
    ],
)
def test_the_text_repeats_the_value_that_the_reason_is_about(reason, end):
    error = exception_for(reason, "subscribe", offending=SAID)
    assert str(error) == f"subscribe refused by the server: {end}"


def test_the_refusing_message_is_kept():
    ack = object()
    assert exception_for("bad filter", "sow", message=ack).message is ack
    assert exception_for("bad filter", "sow").message is None


def test_a_hostile_reason_makes_one_short_line_and_is_kept_whole():
    reason = "wat\r\nINFO logged on\x1b[2J\0" + "x" * 1_000_000
    error = exception_for(reason, "sow", offending=SAID)
    assert error.reason == reason
    assert len(str(error)) < 500
    assert str(error).isprintable()


def test_a_hostile_value_makes_one_short_line():
    error = exception_for("bad filter", "sow", offending={"filter": "\n" * 1_000_000})
    assert len(str(error)) < 2_000
    assert str(error).isprintable()


def test_the_reasons_have_names():
    names = {name: text for name, text in vars(AMPS.Reason).items() if not name.startswith("_")}
    assert names == {
        "Duplicate": "duplicate",
        "BadFilter": "bad filter",
        "BadRegexTopic": "bad regex topic",
        "SubscriptionAlreadyExists": "subscription already exists",
        "Deleted": "deleted",
        "Expired": "expired",
        "Match": "match",
        "InvalidTopic": "invalid topic",
        "NameInUse": "name in use",
        "AuthFailure": "auth failure",
        "NotEntitled": "not entitled",
        "AuthDisabled": "authentication disabled",
        "SubidInUse": "subid in use",
        "NoTopic": "no topic",
    }
