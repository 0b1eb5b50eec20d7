"""Every reason a server gives becomes the exception of its kind, and names what was wrong."""

import pytest

import AMPS

from .scripted_peer import delivery, refuse, say

TOPIC, FILTER, OPTIONS, SUB_ID, NAME = "my-topic", "/px > 1", "my_option", "my-id", "my-name"

# reason, exception, what its text must name besides the reason
REASONS = [
    ("auth failure", "AuthenticationException", ""),
    ("authentication failed", "AuthenticationException", ""),
    ("authorization service is down", "AuthenticationException", ""),
    ("not entitled", "NotEntitledException", TOPIC),
    ("user is not entitled to this", "NotEntitledException", ""),
    ("name in use", "NameInUseException", ""),
    ("logon required", "LogonRequiredException", ""),
    ("duplicate logon attempt", "DuplicateLogonException", ""),
    ("duplicate logon", "DuplicateLogonException", ""),
    ("bad filter", "BadFilterException", FILTER),
    ("invalid filter", "BadFilterException", FILTER),
    ("bad filter: missing )", "BadFilterException", FILTER),
    ("bad regex topic", "BadRegexTopicException", TOPIC),
    ("bad regex", "BadRegexTopicException", TOPIC),
    ("invalid regex topic", "BadRegexTopicException", TOPIC),
    ("regex topic not supported", "BadRegexTopicException", TOPIC),
    ("invalid topic", "InvalidTopicException", TOPIC),
    ("invalid topic or filter", "InvalidTopicException", TOPIC),
    ("topic not found", "InvalidTopicException", TOPIC),
    ("no such topic", "InvalidTopicException", TOPIC),
    ("bad sow key", "BadSowKeyException", ""),
    ("bad sow_key", "BadSowKeyException", ""),
    ("invalid sow key", "BadSowKeyException", ""),
    ("invalid bookmark", "InvalidBookmarkException", ""),
    ("bookmark not found", "InvalidBookmarkException", ""),
    ("invalid options", "InvalidOptionsException", OPTIONS),
    ("invalid option", "InvalidOptionsException", OPTIONS),
    ("invalid order by", "InvalidOrderByException", ""),
    ("invalid orderby", "InvalidOrderByException", ""),
    ("invalid sub id", "InvalidSubIdException", SUB_ID),
    ("invalid subid", "InvalidSubIdException", SUB_ID),
    ("invalid sub_id", "InvalidSubIdException", SUB_ID),
    ("subscription already exists", "SubscriptionAlreadyExistsException", SUB_ID),
    ("already exists", "SubscriptionAlreadyExistsException", SUB_ID),
    ("subid in use", "SubidInUseException", SUB_ID),
    ("sub id in use", "SubidInUseException", SUB_ID),
    ("no topic", "MissingFieldsException", ""),
    ("no topic or filter", "MissingFieldsException", ""),
    ("no filter or bookmark", "MissingFieldsException", ""),
    ("no client name", "MissingFieldsException", ""),
    ("orderby required", "MissingFieldsException", ""),
    ("no cid", "MissingFieldsException", ""),
    ("batch size required", "MissingFieldsException", ""),
    ("invalid message type", "CommandException", ""),
    ("not supported", "CommandException", ""),
    ("operation not supported", "CommandException", ""),
    ("parse error", "CommandException", ""),
    ("unknown command", "CommandException", ""),
    ("tx store failure", "CommandException", ""),
    ("duplicate", "CommandException", ""),
    ("timeout", "TimedOutException", ""),
    ("timed out", "TimedOutException", ""),
    ("something nobody has heard of", "CommandException", "subscribe"),
    ("  Bad FILTER\t", "BadFilterException", FILTER),
]


@pytest.mark.parametrize(("reason", "exception", "named"), REASONS, ids=[r[0] for r in REASONS])
def test_a_refused_subscribe_raises_by_the_reason(peer, log_on, inbox, reason, exception, named):
    server = peer(subscribe=refuse(reason))
    client = log_on(server)
    with pytest.raises(AMPS.AMPSException) as caught:
        client.subscribe(inbox, TOPIC, FILTER, OPTIONS, 5000, SUB_ID)
    assert type(caught.value) is getattr(AMPS, exception)
    assert reason.strip() in str(caught.value) and named in str(caught.value)
    assert caught.value.reason == reason
    assert_no_route_is_left(server, client, inbox)


def assert_no_route_is_left(server, client, inbox):
    """Nothing reaches the refused handler, its id is free, and the connection lives."""
    server.send(delivery(b"late", sub_id=SUB_ID))
    client.publish_flush(5000)
    server.answers["subscribe"] = say()
    stream = client.subscribe(TOPIC, sub_id=SUB_ID).timeout(5000)
    server.send(delivery(b"new", sub_id=SUB_ID))
    assert next(stream).get_data() == "new" and inbox.is_empty()


LOGON_REASONS = [
    ("auth failure", "AuthenticationException", "auth failure"),
    ("name in use", "NameInUseException", NAME),
    ("duplicate logon attempt", "DuplicateLogonException", "logon"),
    ("no client name", "MissingFieldsException", "no client name"),
    ("invalid message type", "CommandException", "message type"),
    ("something else", "CommandException", "something else"),
    ("", "AuthenticationException", "no reason"),
    (None, "AuthenticationException", "no reason"),
]


@pytest.mark.parametrize(("reason", "exception", "named"), LOGON_REASONS)
def test_a_refused_logon_raises_by_the_reason(peer, new_client, reason, exception, named):
    server = peer(logon=refuse(reason))
    client = new_client(NAME)
    client.connect(server.uri())
    with pytest.raises(AMPS.AMPSException, match=named) as caught:
        client.logon(5000)
    assert type(caught.value) is getattr(AMPS, exception)
    server.wait_gone()
    server.answers["logon"] = say()
    client.connect(server.uri())
    client.logon(5000)


def test_a_refused_flush_raises_by_the_reason(peer, log_on):
    client = log_on(peer(flush=refuse("not entitled")))
    with pytest.raises(AMPS.NotEntitledException, match=r"flush.*not entitled"):
        client.publish_flush(5000)


@pytest.mark.parametrize("reason", ["bad filter", "auth failure", "authentication disabled"])
def test_a_reason_with_a_success_means_nothing(peer, log_on, reason):
    """Point 6 of the protocol's list."""
    client = log_on(peer(logon=say(reason=reason), subscribe=say(reason=reason)))
    client.subscribe("t").close()


@pytest.mark.parametrize("status", ["failed", "", "retry_later", None])
def test_a_status_that_is_no_success_is_a_failure(peer, log_on, status):
    client = log_on(peer(subscribe=say(status=status, reason="bad filter")))
    with pytest.raises(AMPS.BadFilterException):
        client.subscribe("t", "/x", timeout=5000)
