"""The nine calls with two forms: what each way to write them sends, and what is refused."""

import ctypes
import inspect

import pytest

import AMPS

from .results import give
from .scripted_peer import say_all

STREAM, ACK = AMPS.MessageStream, AMPS.Message
SUBSCRIBE = {"filter": "/f", "options": "o", "timeout": 5000, "sub_id": "s"}
SOW = {"filter": "/f", "batch_size": 5, "timeout": 5000, "top_n": 3, "order_by": "/o ASC"}

# Each call: what it returns without a handler, its verb, all arguments in order, what that sends.
CALLS = {
    "subscribe": (
        STREAM,
        "subscribe",
        {"topic": "t", **SUBSCRIBE},
        {"t": "t", "filter": "/f", "opts": "o", "sub_id": "s", "a": "processed"},
    ),
    "delta_subscribe": (
        STREAM,
        "delta_subscribe",
        {"topic": "t", **SUBSCRIBE},
        {"t": "t", "filter": "/f", "opts": "o", "sub_id": "s", "a": "processed"},
    ),
    "bookmark_subscribe": (
        STREAM,
        "subscribe",
        {"topic": "t", "bookmark": "1|2|,3|4|", "filter": "/f", "sub_id": "s", "options": "o"}
        | {"timeout": 5000},
        {"t": "t", "bm": "1|2|,3|4|", "filter": "/f", "sub_id": "s", "opts": "o,bookmark"}
        | {"a": "processed,persisted"},
    ),
    "sow": (
        STREAM,
        "sow",
        {"topic": "t", **SOW, "bookmark": "b", "options": "o"},
        {"t": "t", "filter": "/f", "bs": 5, "top_n": 3, "orderby": "/o ASC", "bm": "b"}
        | {"opts": "o", "a": "processed,completed"},
    ),
    "sow_and_subscribe": (
        STREAM,
        "sow_and_subscribe",
        {"topic": "t", "filter": "/f", "batch_size": 5, "oof_enabled": True, "timeout": 5000}
        | {"top_n": 3, "order_by": "/o ASC", "bookmark": "b", "options": "o"},
        {"t": "t", "filter": "/f", "bs": 5, "top_n": 3, "orderby": "/o ASC", "bm": "b"}
        | {"opts": "o,oof", "a": "processed,persisted"},
    ),
    "sow_and_delta_subscribe": (
        STREAM,
        "sow_and_delta_subscribe",
        {"topic": "t", "filter": "/f", "batch_size": 5, "oof_enabled": True, "send_empties": True}
        | {"timeout": 5000, "top_n": 0, "order_by": "/o ASC", "options": "o"},
        {"t": "t", "filter": "/f", "bs": 5, "top_n": 0, "orderby": "/o ASC", "opts": "o,oof"}
        | {"a": "processed"},
    ),
    "sow_delete": (
        ACK,
        "sow_delete",
        {"topic": "t", "filter": "/f", "timeout": 5000},
        {"t": "t", "filter": "/f", "a": "processed,stats"},
    ),
    "sow_delete_by_data": (
        ACK,
        "sow_delete",
        {"topic": "t", "data": "{}", "timeout": 5000},
        {"t": "t", "body": b"{}", "a": "processed,stats"},
    ),
    "sow_delete_by_keys": (
        ACK,
        "sow_delete",
        {"topic": "t", "keys": "1,2", "timeout": 5000},
        {"t": "t", "sow_keys": "1,2", "a": "processed,stats"},
    ),
}
DEFAULTS = {  # what a call with its necessary arguments alone sends, besides ids and topic
    "subscribe": {"a": "processed"},
    "delta_subscribe": {"a": "processed"},
    "bookmark_subscribe": {"a": "processed,persisted", "bm": "1|2|,3|4|", "opts": "bookmark"},
    "sow": {"a": "processed,completed", "bs": 10},
    "sow_and_subscribe": {"a": "processed", "bs": 1},
    "sow_and_delta_subscribe": {"a": "processed", "bs": 1, "opts": "no_empties"},
    "sow_delete": {"a": "processed,stats"},
    "sow_delete_by_data": {"a": "processed,stats", "body": b"{}"},
    "sow_delete_by_keys": {"a": "processed,stats", "sow_keys": "1,2"},
}
NEEDED = ("topic", "bookmark", "data", "keys")


def needed(name):
    """The arguments that a call cannot do without."""
    arguments = CALLS[name][2]
    optional = ("sow", "sow_and_subscribe")  # these take a bookmark, and need none
    names = ("topic",) if name in optional else NEEDED
    return {key: value for key, value in arguments.items() if key in names}


@pytest.fixture
def client_and_peer(peer, log_on):
    verbs = ("sow", "sow_and_subscribe", "sow_and_delta_subscribe")
    server = peer(**dict.fromkeys(verbs, give()), sow_delete=say_all(records_deleted=7))
    return log_on(server), server


def sent(server, verb):
    """The header fields of the last command of that verb, its own id left out."""
    seen = dict(server.seen(verb)[-1])
    ids = {key: seen.pop(key, None) for key in ("cid", "sub_id", "query_id")}
    if ids["sub_id"] not in (None, ids["cid"]):
        seen["sub_id"] = ids["sub_id"]
    seen.pop("c")
    return {key: number(value) for key, value in seen.items() if value != b""}


def number(value):
    return int(value) if isinstance(value, str) and value.isdigit() else value


@pytest.mark.parametrize("style", ["positional", "keyword", "mixed"])
@pytest.mark.parametrize("form", ["handler", "stream", "None"])
@pytest.mark.parametrize("name", CALLS)
def test_point_3_every_way_to_write_a_call_sends_the_same(client_and_peer, name, form, style):
    """Point 3 of the smoke checklist."""
    client, server = client_and_peer
    returned, verb, arguments, expected = CALLS[name]
    handler = [] if form == "stream" else [print if form == "handler" else None]
    count = {"positional": len(arguments), "keyword": 0, "mixed": 2}[style]
    args = [*handler, *list(arguments.values())[:count]]
    more = dict(list(arguments.items())[count:])
    if style == "keyword" and handler:
        args, more = [], {**more, "on_message": handler[0]}
    result = getattr(client, name)(*args, **more)
    assert sent(server, verb) == expected
    if form == "handler":
        seen = server.seen(verb)[-1]
        assert result == seen.get("sub_id", seen.get("query_id", seen["cid"]))
    else:
        assert type(result) is returned
    if returned is ACK and form != "handler":
        assert (result.get_ack_type(), result.get_sow_deleted()) == ("stats", "7")


@pytest.mark.parametrize("style", ["positional", "keyword", "None in the middle"])
@pytest.mark.parametrize("name", CALLS)
def test_what_is_not_given_takes_its_default(client_and_peer, name, style):
    client, server = client_and_peer
    _, verb, arguments, _ = CALLS[name]
    must = needed(name)
    if style == "positional":
        getattr(client, name)(*must.values())
    elif style == "keyword":
        getattr(client, name)(**must)
    else:
        getattr(client, name)(*[must.get(each) for each in arguments])
    assert sent(server, verb) == {"t": "t", **DEFAULTS[name]}


@pytest.mark.parametrize(
    ("name", "more", "expected"),
    [
        ("sow", {"top_n": 0}, {"top_n": 0}),
        ("sow", {"options": 0}, {}),
        ("sow", {"options": ""}, {}),
        ("sow", {"filter": ""}, {}),
        ("sow", {"batch_size": "7"}, {"bs": 7}),
        ("sow", {"options": AMPS.Message.Options().set_timestamp()}, {"opts": "timestamp"}),
        ("sow", {"options": b"oof"}, {"opts": "oof"}),
        ("sow", {"bookmark": "recent"}, {"bm": 0}),
        ("sow_and_subscribe", {"oof_enabled": 1}, {"opts": "oof"}),
        ("sow_and_subscribe", {"oof_enabled": 0, "options": "a"}, {"opts": "a"}),
        (
            "sow_and_subscribe",
            {"bookmark": "b", "oof_enabled": "yes"},
            {"bm": "b", "opts": "oof", "a": "processed,persisted"},
        ),
        ("sow_and_delta_subscribe", {"oof_enabled": True}, {"opts": "no_empties,oof"}),
        ("sow_and_delta_subscribe", {"send_empties": True, "options": None}, {"opts": None}),
        ("bookmark_subscribe", {"bookmark": AMPS.Client.Bookmarks.MOST_RECENT}, {"bm": 0}),
        ("bookmark_subscribe", {"bookmark": b"recent"}, {"bm": 0}),
        ("bookmark_subscribe", {"bookmark": AMPS.Client.Bookmarks.EPOCH}, {"bm": 0}),
        ("bookmark_subscribe", {"bookmark": AMPS.Client.Bookmarks.NOW}, {"bm": "0|1|"}),
        ("bookmark_subscribe", {"options": "a,b"}, {"opts": "a,b,bookmark"}),
        ("bookmark_subscribe", {"options": b"\xc3\xa9"}, {"opts": "é,bookmark"}),
        (
            "bookmark_subscribe",
            {"options": AMPS.Message.Options().set_live()},
            {"opts": "live,bookmark"},
        ),
    ],
)
def test_what_is_given_is_said_as_the_protocol_has_it(client_and_peer, name, more, expected):
    client, server = client_and_peer
    getattr(client, name)(**{**needed(name), **more})
    seen = sent(server, CALLS[name][1])
    if "opts" in seen:
        seen["opts"] = seen["opts"].encode("latin-1").decode()
    whole = {"t": "t", **DEFAULTS[name], **expected}
    assert seen == {key: value for key, value in whole.items() if value is not None}


@pytest.mark.parametrize(
    "bookmark",
    ["1|2|", "1|2|,3|4|", "20260713T000000000000", "[1|2|:3|4|)", "(20260101T000000:]", "a b"],
)
def test_point_12_bookmark_lists_and_ranges_pass_verbatim(client_and_peer, bookmark):
    """Point 12 of the protocol's list."""
    client, server = client_and_peer
    client.bookmark_subscribe("t", bookmark, timeout=5000)
    command = AMPS.Command("subscribe").set_topic("t").set_bookmark(bookmark)
    client.execute_async(command, print)
    assert [seen["bm"] for seen in server.seen("subscribe")] == [bookmark] * 2
    assert "opts" not in server.seen("subscribe")[1], "a raw command says what it was told to"


@pytest.mark.parametrize("name", CALLS)
def test_wrong_arguments_are_refused_before_anything_is_sent(client_and_peer, name):
    client, server = client_and_peer
    call, (_, verb, arguments, _) = getattr(client, name), CALLS[name]
    must, whole = needed(name), list(arguments.values())
    for args, more in [
        ((), {}),
        ((print,), {}),
        ((*whole, "too many"), {}),
        ((print, *whole, "too many"), {}),
        ((print, print, *whole[1:]), {}),
        ((print, *must.values()), {"on_message": print}),
        (whole, {"on_message": "no handler"}),
        (whole, {"topic": "again"}),
        ((), {**must, "unknown": 1}),
        ((), {**must, "topic": None}),
        *(((), {**must, **{key: None}}) for key in must),
    ]:
        with pytest.raises(TypeError):
            call(*args, **more)
    for key in set(arguments) - {"oof_enabled", "send_empties"}:
        for wrong in (object(), 1.5, ["t"]):
            with pytest.raises(TypeError):
                call(**{**must, key: wrong})
    for key, wrong in [("timeout", -1), ("batch_size", -1), ("top_n", "x"), ("topic", "a\0b")]:
        if key in arguments:
            with pytest.raises((ValueError, AMPS.UsageException)):
                call(**{**must, key: wrong})
    client.publish_flush(5000)
    assert not server.seen(verb)


@pytest.mark.parametrize("bookmark", ["", b""])
def test_an_empty_bookmark_is_not_taken_for_a_wish_to_miss_the_past(client_and_peer, bookmark):
    client, server = client_and_peer
    with pytest.raises(AMPS.InvalidBookmarkException, match="empty"):
        client.bookmark_subscribe("t", bookmark)
    client.publish_flush(5000)
    assert not server.seen("subscribe")


@pytest.mark.parametrize("name", CALLS)
def test_a_c_function_may_come_first(client_and_peer, name):
    client, server = client_and_peer
    calls = []
    signature = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_char_p)
    handler = AMPS.CMessageHandler(signature(lambda message, data: calls.append(data)), "note")
    must = needed(name)
    assert isinstance(getattr(client, name)(handler, *must.values()), str)
    assert isinstance(getattr(client, name)(on_message=handler, **must), str)
    client.publish_flush(5000)
    assert len(server.seen(CALLS[name][1])) == 2
    expected = {"subscribe": 0, "delta_subscribe": 0, "bookmark_subscribe": 0}.get(name)
    if expected is None:
        expected = 2 if name.startswith("sow_delete") else 4
    assert calls == [b"note"] * expected
    client.unsubscribe()


@pytest.mark.parametrize("name", CALLS)
def test_the_documentation_names_every_argument_of_both_forms(name):
    text = inspect.getdoc(getattr(AMPS.Client, name))
    assert f"{name}(topic" in text and f"{name}(on_message, topic" in text
    first = text[: text.index(f"{name}(on_message")]
    assert all(f"{argument}" in first for argument in CALLS[name][2])
