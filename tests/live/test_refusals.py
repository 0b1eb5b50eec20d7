"""A refused command raises by the server's reason (smoke point 13), and leaves nothing behind."""

import pytest

import AMPS

from .results import give
from .scripted_peer import delivery, refuse, say, stay_silent
from .test_reasons import REASONS

VALUES = {
    "topic": "my-topic",
    "filter": "/px > 1",
    "options": "my_option",
    "sub_id": "my-sub",
    "query_id": "my-query",
    "order_by": "/my-order",
    "bookmark": "my-bookmark",
    "sow_keys": "my-keys",
}
T, F, O, S = VALUES["topic"], VALUES["filter"], VALUES["options"], VALUES["sub_id"]  # noqa: E741
ABOUT = {
    "BadFilterException": F,
    "BadRegexTopicException": T,
    "InvalidTopicException": T,
    "InvalidOptionsException": O,
    "InvalidOrderByException": VALUES["order_by"],
    "InvalidBookmarkException": VALUES["bookmark"],
    "BadSowKeyException": VALUES["sow_keys"],
    "InvalidSubIdException": S,
    "SubidInUseException": S,
    "SubscriptionAlreadyExistsException": S,
}
FITTING = {  # the call that has such a value to be wrong
    "InvalidOrderByException": "sow",
    "InvalidBookmarkException": "bookmark_subscribe",
    "BadSowKeyException": "sow_delete_by_keys",
    "BadFilterException": "sow_and_subscribe",
    "InvalidOptionsException": "sow_and_delta_subscribe",
    "InvalidTopicException": "sow_delete",
    "NotEntitledException": "delta_subscribe",
}
ARGUMENTS = {
    "subscribe": (T, F, O, 5000, S),
    "delta_subscribe": (T, F, O, 5000, S),
    "bookmark_subscribe": (T, VALUES["bookmark"], F, S, O, 5000),
    "sow": (T, F, 5, 5000, 3, VALUES["order_by"], None, O),
    "sow_and_subscribe": (T, F, 5, True, 5000, 3, VALUES["order_by"], None, O),
    "sow_and_delta_subscribe": (T, F, 5, True, True, 5000, 3, VALUES["order_by"], O),
    "sow_delete": (T, F, 5000),
    "sow_delete_by_data": (T, "{}", 5000),
    "sow_delete_by_keys": (T, VALUES["sow_keys"], 5000),
}
VERBS = {"bookmark_subscribe": "subscribe"}
VERBS.update({name: "sow_delete" for name in ARGUMENTS if name.startswith("sow_delete")})


def everything(verb="sow_and_subscribe"):
    command = AMPS.Command(verb).set_timeout(5000)
    for name, value in VALUES.items():
        getattr(command, f"set_{name}")(value)
    return command


@pytest.fixture
def refused(peer, log_on, inboxes):
    """A client whose commands of one verb are refused: check(verb, reason, exception, named, call)
    has the call fail so, then finds nothing of it."""

    def check(verb, reason, exception, named, call):
        server, last_chance = peer(**{verb: refuse(reason)}), inboxes()
        client = log_on(server)
        client.set_last_chance_message_handler(last_chance)
        with pytest.raises(AMPS.AMPSException) as caught:
            call(client)
        assert type(caught.value) is getattr(AMPS, exception)
        text = str(caught.value)
        assert reason.strip() in text and named in text and verb in text
        assert caught.value.reason == reason and caught.value.message.get_reason() == reason
        (seen,) = server.seen(verb)
        for key in ("sub_id", "query_id"):
            if key in seen:
                server.send(delivery(b"late", sub_id=seen[key]))
                assert last_chance.bodies(1) == ["late"], "no route has its id"
        client.publish_flush(5000)
        assert not server.seen("unsubscribe"), "the server knows that it refused"

    return check


@pytest.mark.parametrize("form", ["handler", "stream"])
@pytest.mark.parametrize(("reason", "exception"), [each[:2] for each in REASONS])
def test_point_6_every_reason_is_raised_by_execute(refused, inbox, reason, exception, form):
    """Point 6 of the protocol's list."""

    def call(client):
        if form == "handler":
            client.execute_async(everything(), inbox)
        else:
            client.execute(everything())

    refused("sow_and_subscribe", reason, exception, ABOUT.get(exception, ""), call)
    assert inbox.is_empty()


@pytest.mark.parametrize("form", ["handler", "stream"])
@pytest.mark.parametrize(("reason", "exception"), [each[:2] for each in REASONS])
def test_every_reason_is_raised_by_the_call_that_fits(refused, inbox, reason, exception, form):
    name = FITTING.get(exception, "subscribe")
    args = ARGUMENTS[name] if form == "stream" else (inbox, *ARGUMENTS[name])
    refused(
        VERBS.get(name, name),
        reason,
        exception,
        ABOUT.get(exception, ""),
        lambda client: getattr(client, name)(*args),
    )
    assert inbox.is_empty()


@pytest.mark.parametrize("form", ["handler", "stream"])
@pytest.mark.parametrize("name", ARGUMENTS)
def test_each_of_the_nine_calls_raises_a_refusal(refused, inbox, name, form):
    args = ARGUMENTS[name] if form == "stream" else (inbox, *ARGUMENTS[name])
    verb = VERBS.get(name, name)
    call = lambda client: getattr(client, name)(*args)  # noqa: E731
    refused(verb, "not entitled", "NotEntitledException", T, call)


@pytest.mark.parametrize("status", ["failed", "refused", ""])
@pytest.mark.parametrize("name", ["sow", "sow_delete"])
def test_any_other_status_than_success_is_a_failure(peer, log_on, name, status):
    """Also where the answer that refuses is not the one that is waited for."""
    client = log_on(peer(**{name: say(status=status, reason="bad filter", query_id="1")}))
    for _ in range(2):
        with pytest.raises(AMPS.BadFilterException):
            getattr(client, name)(*ARGUMENTS[name])


@pytest.mark.parametrize("kind", ["received", "processed", "stats"])
def test_a_delete_may_be_refused_by_any_of_its_acks(peer, log_on, kind):
    client = log_on(peer(sow_delete=say(kind=kind, status="failure", reason="bad filter")))
    with pytest.raises(AMPS.BadFilterException, match="/nonsense"):
        client.sow_delete("t", "/nonsense", 5000)


@pytest.mark.parametrize("form", ["handler", "stream"])
@pytest.mark.parametrize("name", ARGUMENTS)
def test_each_of_the_nine_calls_times_out_and_is_taken_back(peer, log_on, inbox, name, form):
    verb = VERBS.get(name, name)
    server = peer(**{verb: stay_silent})
    client = log_on(server)
    args = [50 if value == 5000 else value for value in ARGUMENTS[name]]
    with pytest.raises(AMPS.TimedOutException, match=f"{verb} within 50 ms"):
        getattr(client, name)(*([inbox] if form == "handler" else []), *args)
    (seen,) = server.seen(verb)
    ids = [seen[key] for key in ("sub_id", "query_id") if key in seen]
    if ids:
        ended = server.wait_for("unsubscribe")[0]
        assert ended["sub_id" if "subscribe" in verb else "query_id"] == ids[0]
        server.send(delivery(b"late", sub_id=ids[0]))
    server.answers[verb] = give()
    client.publish_flush(5000)
    assert inbox.is_empty() and len(server.seen("unsubscribe")) == bool(ids)


@pytest.mark.parametrize("form", ["handler", "stream"])
@pytest.mark.parametrize(
    ("command", "problem", "named"),
    [
        (AMPS.Command("logon"), AMPS.CommandException, "Client.logon"),
        (AMPS.Command("subcribe").set_topic("t"), AMPS.CommandException, "subcribe"),
        (AMPS.Command("ack").set_topic("t"), AMPS.CommandException, "ack"),
        (AMPS.Command(), AMPS.CommandException, "no verb"),
        (AMPS.Command("SUBSCRIBE").set_topic("t"), AMPS.CommandException, "SUBSCRIBE"),
        (AMPS.Command("x" * 5000), AMPS.CommandException, "xxx"),
        (AMPS.Command("subscribe"), AMPS.InvalidTopicException, "topic"),
        (AMPS.Command("sow"), AMPS.InvalidTopicException, "topic"),
        (AMPS.Command("publish").set_data("x"), AMPS.InvalidTopicException, "topic"),
        ("subscribe", TypeError, "Command"),
        (None, TypeError, "Command"),
        (AMPS.Message().set_command("sow"), TypeError, "Message"),
    ],
)
def test_what_cannot_be_executed_is_refused_unsent(
    sandbox, log_on, inbox, command, problem, named, form
):
    client = log_on(sandbox)
    count = len(sandbox.frames(direction="in"))
    with pytest.raises(problem, match=named) as caught:
        if form == "handler":
            client.execute_async(command, inbox)
        else:
            client.execute(command)
    assert len(str(caught.value)) < 500
    assert len(sandbox.frames(direction="in")) == count


@pytest.mark.parametrize("handler", [5, "handler", b"x", [], object()])
def test_what_cannot_be_called_is_no_handler(sandbox, log_on, handler):
    client = log_on(sandbox)
    with pytest.raises(TypeError, match=type(handler).__name__):
        client.execute_async(AMPS.Command("subscribe").set_topic("t"), handler)
    assert not sandbox.received("subscribe")


def test_executing_needs_a_connection_and_a_logon(sandbox, new_client):
    client, command = new_client(), AMPS.Command("publish").set_topic("t")
    with pytest.raises(AMPS.DisconnectedException, match="connect"):
        client.execute(command)
    client.connect(sandbox.uri())
    for call in (client.execute, lambda c: client.execute_async(c, None)):
        with pytest.raises(AMPS.LogonRequiredException, match="logon"):
            call(command)
    with pytest.raises(AMPS.LogonRequiredException):
        client.sow_delete("t", "1=1")
