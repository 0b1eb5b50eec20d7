"""Messages that a server sent: read, written over, looked into, kept, copied and pickled."""

import copy
import gc
import pickle
import queue

import pytest

import AMPS

from .scripted_peer import delivery, frame

LARGE = "x" * 5000  # does not lie in the message object itself

# Every header a server may send: {getter: (wire key, other spelling)}.
HEADERS = {
    "ack_type": ("a", "AckType"),
    "batch_size": ("bs", "BatchSize"),
    "bookmark": ("bm", "Bookmark"),
    "client_name": ("client_name", "ClientName"),
    "command_id": ("cid", "CommandId"),
    "correlation_id": ("x", "CorrelationId"),
    "expiration": ("e", "Expiration"),
    "filter": ("filter", "Filter"),
    "group_seq_no": ("gseq", "GroupSequenceNumber"),
    "heartbeat": ("heartbeat", "Heartbeat"),
    "lease_period": ("lp", "LeasePeriod"),
    "matches": ("matches", "Matches"),
    "message_size": ("l", "MessageLength"),
    "message_type": ("mt", "MessageType"),
    "options": ("opts", "Options"),
    "order_by": ("orderby", "OrderBy"),
    "password": ("pw", "Password"),
    "query_id": ("query_id", "QueryID"),
    "reason": ("reason", "Reason"),
    "records_inserted": ("records_inserted", "RecordsInserted"),
    "records_returned": ("records_returned", "RecordsReturned"),
    "records_updated": ("records_updated", "RecordsUpdated"),
    "sequence": ("s", "Sequence"),
    "sow_deleted": ("records_deleted", "SowDelete"),
    "sow_key": ("k", "SowKey"),
    "sow_keys": ("sow_keys", "SowKeys"),
    "status": ("status", "Status"),
    "sub_ids": ("sids", "SubscriptionIds"),
    "timeout_interval": ("timeout_interval", "TimeoutInterval"),
    "timestamp": ("ts", "Timestamp"),
    "top_n": ("top_n", "TopNRecordsReturned"),
    "topic": ("t", "Topic"),
    "topic_matches": ("topic_matches", "TopicMatches"),
    "user_id": ("user_id", "UserId"),
    "version": ("version", "Version"),
}


def everything(body=b"{}"):
    """A publish to subscription 7 whose every header is different, and what it should say."""
    values = {name: str(number) for number, name in enumerate(HEADERS, 1000)}
    values["sub_ids"] = "7"
    header = {"c": "p", **{key: values[name] for name, (key, _) in HEADERS.items()}}
    return frame(header, body), {**values, "command": "publish", "sub_id": "7"}


def told(message, names):
    return {name: getattr(message, f"get_{name}")() for name in names}


def in_handler(client, look, sub_id="7"):
    """Has `look` called with each message; what it gives, or raises, comes out of the queue."""
    found = queue.Queue()

    def handler(message):
        try:
            found.put(look(message))
        except BaseException as problem:
            found.put(problem)

    client.subscribe(handler, "t", sub_id=sub_id)
    return found


def test_point_2_every_header_reads_and_writes_the_same_in_all_spellings(peer, log_on):
    def look(message):
        for name, (_, camel) in [*HEADERS.items(), ("command", ("c", "Command"))]:
            value = getattr(message, f"get_{name}")()
            assert getattr(message, f"get{camel}")() == getattr(message, name) == value
            assert getattr(message, f"set{camel}")(5) is message
            assert getattr(message, f"get_{name}")() == getattr(message, name) == "5"
            getattr(message, f"set_{name}")(value)
        assert message.getData() == message.data == message.get_data() == "{}"
        assert message.getSubscriptionId() == message.sub_id == message.get_sub_id()
        return told(message, expected)

    sent, expected = everything()
    server = peer()
    client = log_on(server)
    found = in_handler(client, look)
    server.send(sent + sent)
    assert found.get(timeout=5) == expected, "as it was sent, and as it was set again"
    assert found.get(timeout=5) == expected


def test_a_message_of_a_stream_says_the_same(peer, log_on):
    sent, expected = everything(LARGE.encode())
    server = peer()
    stream = log_on(server).subscribe("t", sub_id="7")
    server.send(sent)
    message = next(stream)
    assert told(message, expected) == expected and message.get_data() == LARGE
    assert repr(message) == (
        "<Message publish topic='1031' sub_id='7' query_id='1017' command_id='1004' "
        "bookmark='1002' sow_key='1024' ack_type='1000' status='1026' reason='1018' 5000 bytes>"
    )


@pytest.mark.parametrize("body", [b"small", LARGE.encode()])
@pytest.mark.parametrize(
    "again", [copy.copy, copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))]
)
def test_point_6_a_copy_made_in_a_handler_survives(peer, log_on, again, body):
    """10,000 further messages pass through the same buffers."""
    sent, expected = everything(body)
    server, last = peer(), queue.Queue()
    client = log_on(server)
    found = in_handler(client, again)
    client.subscribe(lambda message: last.put(message.get_data()), "t", sub_id="end")
    server.send(sent)
    made = found.get(timeout=5)
    other = delivery(b"y" * len(body), sub_id="8", bm="other", x="other")
    for _ in range(10):
        server.send(other * 1000)
    server.send(delivery(b"over", sub_id="end"))
    assert last.get(timeout=30) == "over"
    assert told(made, expected) == expected
    assert made.get_data_raw() == bytes(memoryview(made)) == body


def test_point_11_text_of_any_language_and_any_bytes_arrive(sandbox, peer, log_on, inbox):
    client = log_on(sandbox)
    client.subscribe(inbox, "Bücher-書籍")
    client.publish("Bücher-書籍", "Grüße 🌍", correlation_id="señal")
    client.publish("Bücher-書籍".encode(), "Grüße 🌍".encode(), correlation_id="señal".encode())
    for _ in range(2):
        message = inbox.get()
        told_now = (message.get_topic(), message.get_data(), message.get_correlation_id())
        assert told_now == ("Bücher-書籍", "Grüße 🌍", "señal")
    client.publish("Bücher-書籍", bytes(range(256)))
    message = inbox.get()
    assert message.get_data_raw() == bytes(range(256))
    with pytest.raises(UnicodeDecodeError):
        message.get_data()
    assert message.get_topic() == "Bücher-書籍", "it is usable all the same"
    server = peer()
    log_on(server).subscribe(print, "t", "/name = 'Zoë' AND /city = \"東京\"")
    filter_bytes = server.seen("subscribe")[0]["filter"].encode("latin-1")
    assert filter_bytes.decode() == "/name = 'Zoë' AND /city = \"東京\""


def test_what_a_handler_sets_stays_with_a_kept_message_and_with_no_other(peer, log_on):
    def look(message):
        before = (message.get_topic(), message.get_filter(), message.get_data())
        message.set_topic("changed").set_filter("set").set_data("mine" + message.get_data())
        return before, message if message.get_bookmark() == "keep" else None

    server = peer()
    found = in_handler(log_on(server), look, "s")
    for body in (b"x", LARGE.encode()):
        sent = delivery(body), delivery(body, bm="keep"), delivery(body), delivery(body)
        server.send(b"".join(sent))
        results = [found.get(timeout=5) for _ in sent]
        assert [before for before, _ in results] == [("t", None, body.decode())] * 4
        kept = results[1][1]
        assert (kept.topic, kept.filter, kept.data) == ("changed", "set", "mine" + body.decode())
        assert kept.get_bookmark() == "keep" and kept.get_sub_id() == "s"


def test_what_is_set_on_a_stream_s_message_is_gone_from_the_next(peer, log_on):
    server = peer()
    stream = log_on(server).subscribe("t", sub_id="s")
    server.send(delivery(b"x") * 50 + delivery(LARGE.encode()) * 50 + delivery(b"x") * 50)
    for _, message in zip(range(150), stream):
        assert (message.get_topic(), message.get_filter()) == ("t", None)
        assert message.get_data() in ("x", LARGE)
        message.set_topic("changed").set_filter("set").set_data("mine")


@pytest.mark.parametrize("size", [1, 200, 300, 5000])
def test_a_view_taken_in_a_handler_outlives_it(peer, log_on, size):
    server = peer()
    found = in_handler(log_on(server), memoryview, "s")
    views = []
    for number in range(200):
        server.send(delivery(b"%d" % (number % 10) * size))
        views.append(found.get(timeout=5))
    for number, view in enumerate(views):
        assert view.readonly and bytes(view) == b"%d" % (number % 10) * size


@pytest.mark.parametrize("size", [1, 300, 5000])
def test_a_view_let_go_in_a_handler_leaves_nothing_behind(peer, log_on, size):
    def look(message):
        with memoryview(message) as view:
            return bytes(view)

    server = peer()
    found = in_handler(log_on(server), look, "s")
    server.send(b"".join(delivery(b"%d" % (number % 10) * size) for number in range(100)))
    bodies = [found.get(timeout=5) for _ in range(100)]
    assert bodies == [b"%d" % (number % 10) * size for number in range(100)]


def test_a_viewed_message_of_a_stream_is_not_used_again(peer, log_on):
    server = peer()
    stream = log_on(server).subscribe("t", sub_id="s")
    server.send(b"".join(delivery(b"%d" % number) for number in range(100)))
    views = [memoryview(next(stream)) for _ in range(100)]
    gc.collect()
    assert [bytes(view) for view in views] == [b"%d" % number for number in range(100)]


@pytest.mark.parametrize("size", [5, 5000])
def test_a_view_outlives_a_reset(peer, log_on, size):
    server = peer()
    stream = log_on(server).subscribe("t", sub_id="s")
    server.send(delivery(b"a" * size) + delivery(b"b" * size))
    message = next(stream)
    view = memoryview(message)
    message.reset()
    assert message.get_topic() is None and message.get_data() == ""
    message.set_data("new")
    next(stream)
    assert bytes(view) == b"a" * size and message.get_data() == "new"


def test_a_message_with_bytes_that_no_program_may_set_can_be_read_and_pickled(peer, log_on):
    server = peer()
    stream = log_on(server).subscribe("t", sub_id="s")
    server.send(
        frame(rb'{"c":"p","sids":"s","t":"a\u0000b","x":"' + b"\xff" + rb'","bs":"no"}', b"\xff")
    )
    message = next(stream)
    for each in (message, copy.copy(message), pickle.loads(pickle.dumps(message))):
        assert each.get_topic() == "a\0b"
        assert each.get_correlation_id() == "\N{REPLACEMENT CHARACTER}"
        assert each.get_batch_size() is None
        assert each.get_data_raw() == b"\xff"
        assert "a\\x00b" in repr(each)
    with pytest.raises(ValueError, match="topic"):
        AMPS.Message().set_topic(message.get_topic())


def test_json_names_the_topic_of_a_body_that_is_none(peer, log_on):
    server = peer()
    stream = log_on(server).subscribe("t", sub_id="s")
    server.send(delivery(b'{"id": [1]}', topic="good") + delivery(b"<xml/>", topic="bad"))
    assert next(stream).json() == {"id": [1]}
    with pytest.raises(ValueError, match="topic 'bad'"):
        next(stream).json()


def test_a_message_can_be_published_again(sandbox, log_on, inbox):
    client = log_on(sandbox)
    client.subscribe(inbox, "copies")
    client.subscribe(lambda message: client.publish("copies", message), "originals")
    client.publish("originals", b"\x00\xff")
    client.publish("originals", LARGE)
    assert inbox.get().get_data_raw() == b"\x00\xff"
    assert inbox.get().get_data() == LARGE


def test_fix_and_composite_helpers_take_a_message(peer, log_on):
    builder = AMPS.CompositeMessageBuilder()
    builder.append("first").append(b"\xff")
    parser = AMPS.CompositeMessageParser()
    server = peer()
    client = log_on(server)
    found = in_handler(client, lambda message: AMPS.FIXShredder().to_map(message), "fix")
    parsed = in_handler(client, parser.parse, "composite")
    server.send(delivery(b"35=D\x0155=IBM\x01", sub_id="fix"))
    server.send(delivery(builder.get_data(), sub_id="composite") + delivery(b"over", sub_id="fix"))
    assert found.get(timeout=5) == {35: "D", 55: "IBM"}
    assert parsed.get(timeout=5) == 2
    assert found.get(timeout=5) == {}
    assert (parser.get_part(0), parser.get_part_raw(1)) == ("first", b"\xff")
