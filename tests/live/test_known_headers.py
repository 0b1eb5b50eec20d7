"""Deliveries whose headers differ in the bookmark alone, or nearly so: each is read as it stands.

The library remembers the last header that led to one subscription; what is found by that must be
what is found by reading. So each run is played twice, the second time with something between any
two frames that makes it forget, and the two must not differ.
"""

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

import AMPS

from .scripted_peer import ack, delivery, frame, wait_until

FIRST = b'{"c":"p","t":"t","sids":"SID","bm":"7|1|"}'
FORGET = frame({"c": "p", "sids": "nobody"})


class Reader:
    """An HAClient that reads from a peer, and all that it was told, by subscription."""

    def __init__(self, server):
        self.server = server
        self.told = {}
        self.lost, self.again = [], []
        self.client = AMPS.HAClient("reader", no_store=True)
        self.client.set_bookmark_store(AMPS.MemoryBookmarkStore())
        self.client.set_exception_listener([].append)
        self.client.set_last_chance_message_handler(lambda m: self.lost.append(shown(m)))
        self.client.set_duplicate_message_handler(lambda m: self.again.append(shown(m)))
        chooser = AMPS.DefaultServerChooser()
        chooser.add(server.uri())
        self.client.set_server_chooser(chooser)
        self.client.connect_and_logon()

    def subscribe(self, sub_id, *, discards=False, **options):
        told = self.told[sub_id] = []

        def handle(message):
            told.append(shown(message))
            if discards:
                self.client.discard(message)

        self.client.bookmark_subscribe(handle, "t", "0", sub_id=sub_id, **options)
        return told

    def play(self, *payloads, forgetful=False):
        """Sends frames, all at once, and waits until they are dealt with."""
        between = FORGET if forgetful else b""
        self.server.send(between.join(frame(b"", each) for each in payloads))
        self.settle()

    def settle(self):
        done = self.told.get("end")
        if done is None:
            done = self.subscribe("end")
        count = len(done)
        self.server.send(delivery(b"", "end"))
        wait_until(lambda: len(done) > count, "the frames to be dealt with")

    def recent(self, sub_id):
        return self.client.get_most_recent(sub_id)


def shown(message):
    return message.get_sub_id(), message.get_bookmark(), message.get_data()


@pytest.fixture
def reader(peer):
    made = Reader(peer())
    yield made
    made.client.close()


@pytest.fixture
def ids():
    """Subscription ids of one length, never the same twice."""
    return (f"s{number:07}" for number in range(10_000_000))


@pytest.fixture
def both(reader, ids):
    """Plays frames to a subscription, and again with something between them, to another one;
    `SID` in them is its id. Gives what it was told, the same both times, without the id."""

    def play(*payloads, **options):
        runs = []
        for forgetful in (False, True):
            sub_id = next(ids)
            told, again = reader.subscribe(sub_id, **options), len(reader.again)
            reader.play(
                *(each.replace(b"SID", sub_id.encode()) for each in payloads), forgetful=forgetful
            )
            assert {each[0] for each in told} <= {sub_id, None}  # None: of a query
            duplicates = [each[1:] for each in reader.again[again:]]
            runs.append(([each[1:] for each in told], duplicates, reader.recent(sub_id)))
            reader.client.unsubscribe(sub_id)
        assert runs[0] == runs[1]
        return runs[0][0]

    return play


HEADERS = {
    "bookmark last": '{"c":"p","t":"t","sids":"SID","bm":"%s"}',
    "bookmark first": '{"bm":"%s","c":"p","t":"t","sids":"SID"}',
    "bookmark between": '{"c":"p","bm":"%s","sids":"SID","l":9}',
    "one id": '{"c":"publish","bm":"%s","sub_id":"SID","t":"t"}',
    "blanks": '{ "c" : "p" , "sids" : " SID " , "bm" : "%s" }',
    "the long name": '{"c":"p","sids":"SID","bookmark":"%s"}',
    "an oof": '{"c":"oof","t":"t","sids":"SID","bm":"%s","reason":"match"}',
    "an empty rest": '{"c":"p","sids":"SID","x":"","bm":"%s"}',
    "too long to remember": '{"c":"p","sids":"SID","x":"' + "x" * 100 + '","bm":"%s"}',
}
LENGTHS = ["7|1|", "7|2|", "7|10|", "8|3|", "7|1000000|", "9|4|", "18446744073709551615|9|", "6|1|"]
BODIES = ["", '"', '"}', '{"bm":"7|99|"}', "7|1|", "}", "x" * 3000, '"bm":"7|8|"}']


@pytest.mark.parametrize("header", HEADERS)
def test_bookmarks_of_any_length_are_read_and_so_is_the_rest(both, header):
    expected = list(zip(LENGTHS, BODIES))
    frames = [(HEADERS[header] % each[0] + each[1]).encode() for each in expected]
    assert both(*frames) == expected


def test_a_shorter_frame_than_the_one_before(both):
    frames = [b'{"c":"p","sids":"SID","bm":"7|1000000|"}', b'{"c":"p","sids":"SID","bm":"8|1|"}']
    assert both(*frames) == [("7|1000000|", ""), ("8|1|", "")]


SAME = b'{"c":"p","t":"t","sids":"SID",'
ODD = {
    "none": (b'{"c":"p","t":"t","sids":"SID"}2', (None, "2")),
    "empty": (SAME + b'"bm":""}2', ("", "2")),
    "escaped": (SAME + b'"bm":"7\\u007c2|"}2', ("7|2|", "2")),
    "escaped quote": (SAME + b'"bm":"7\\"2|"}2', ('7"2|', "2")),
    "escaped backslash": (SAME + b'"bm":"7|2|\\\\"}2', ("7|2|\\", "2")),
    "a number": (SAME + b'"bm":7}2', ("7", "2")),
    "a blank": (SAME + b'"bm": "7|2|"}2', ("7|2|", "2")),
    "another key": (SAME + b'"xx":"7|2|"}2', (None, "2")),
    "more behind": (SAME + b'"bm":"7|2|","k":"1"}2', ("7|2|", "2")),
    "more before": (b'{"c":"p","t":"t","k":"1","sids":"SID","bm":"7|2|"}2', ("7|2|", "2")),
    "another topic": (b'{"c":"p","t":"u","sids":"SID","bm":"7|2|"}2', ("7|2|", "2")),
    "twice": (SAME + b'"bm":"7|2|","bm":"7|3|"}2', None),
    "not ASCII": (SAME + '"bm":"7|2|\u00fc"}2'.encode(), ("7|2|\u00fc", "2")),
    "the same id twice": (b'{"c":"p","t":"t","sids":"SID,SID","bm":"7|2|"}2', ("7|2|", "2")),
    "two ids": (b'{"c":"p","t":"t","sids":"SID,no","bm":"7|2|"}2', ("7|2|", "2")),
}


@pytest.mark.parametrize("odd", ODD)
def test_a_header_that_differs_in_more_than_its_bookmark(both, odd):
    payload, expected = ODD[odd]
    first, last = FIRST + b"1", FIRST.replace(b"7|1|", b"7|5|") + b"5"
    told = both(first, payload, last, payload)
    assert (told[0], told[2]) == (("7|1|", "1"), ("7|5|", "5"))
    assert len(told) == 4 and told[1] == told[3]
    assert expected in (None, told[1])


@pytest.mark.parametrize("odd", ODD)
def test_an_odd_header_is_not_taken_for_the_one_to_compare_with(both, odd):
    payload, expected = ODD[odd]
    told = both(payload, FIRST.replace(b"7|1|", b"8|1|") + b"1", payload, payload)
    assert told[1] == ("8|1|", "1") and told[0] == told[2] == told[3]
    assert expected in (None, told[0])


def test_of_two_bookmarks_the_same_one_counts_however_often_it_changes(both):
    header = '{"c":"p","sids":"SID","bm":"%s","bm":"%s"}'
    pairs = [("7|1|", "7|2|"), ("7|1|", "7|3|"), ("7|4|", "7|3|"), ("7|5|", "7|66|")]
    told = both(*((header % pair).encode() for pair in pairs))
    at = [bookmark for bookmark, _ in told]
    assert at in ([pair[0] for pair in pairs], [pair[1] for pair in pairs])


@pytest.mark.parametrize("size", [1, 250, 255, 256, 257, 5000])
def test_a_bookmark_as_long_as_may_be_and_longer(both, size):
    """What is too long to be sent back is delivered, and not noted."""
    long = "7|2|".ljust(size, "3") if size > 4 else "9"
    told = both(FIRST, FIRST.replace(b"7|1|", long.encode()) + b"2", FIRST.replace(b"7|1", b"7|4"))
    assert told == [("7|1|", ""), (long, "2"), ("7|4|", "")]


@pytest.mark.parametrize("bookmark", [b"7|\x012|", b"7|2\x7f|", b"7|\xff|", b"\xc3\x28", b"7|\t|"])
def test_bytes_that_no_bookmark_has_are_dealt_with_as_ever(both, bookmark):
    told = both(FIRST, FIRST.replace(b"7|1|", bookmark) + b"2", FIRST.replace(b"7|1", b"7|4"))
    assert (told[0], told[-1]) == (("7|1|", ""), ("7|4|", "")) and len(told) == 3


# ---- Whose it is --------------------------------------------------------------------------------


def test_another_id_of_the_same_length_is_another_subscription(reader, ids):
    names = [next(ids) for _ in range(3)]
    told = [reader.subscribe(name) for name in names[:2]]
    frames = [FIRST.replace(b"SID", name.encode()) + name.encode() for name in names]
    lost = len(reader.lost)
    reader.play(*(frames[at].replace(b"|1|", b"|%d|" % n) for n, at in enumerate((0, 1, 2, 0, 1))))
    assert told[0] == [(names[0], "7|0|", names[0]), (names[0], "7|3|", names[0])]
    assert told[1] == [(names[1], "7|1|", names[1]), (names[1], "7|4|", names[1])]
    assert [each[1:] for each in reader.lost[lost:]] == [("7|2|", names[2])]
    for name in names[:2]:
        reader.client.unsubscribe(name)


def numbered(sub_id, *numbers):
    """The bytes of frames whose headers are the same but for the bookmark."""
    payload = FIRST.replace(b"SID", sub_id.encode())
    return b"".join(frame(b"", payload.replace(b"|1|", b"|%d|" % each)) for each in numbers)


def test_what_comes_after_the_end_of_its_subscription_is_for_nobody(reader, ids):
    name = next(ids)
    told = reader.subscribe(name)
    reader.server.send(numbered(name, 1, 2))  # and nothing else that would be remembered
    wait_until(lambda: len(told) == 2)
    reader.client.unsubscribe(name)
    reader.server.send(numbered(name, 3, 4))
    wait_until(lambda: len(reader.lost) == 2)
    assert [each[1] for each in told] == ["7|1|", "7|2|"]
    assert [each[1] for each in reader.lost] == ["7|3|", "7|4|"]


def test_a_replacement_between_two_of_them_gets_the_second(reader, ids):
    name = next(ids)
    first = reader.subscribe(name)
    reader.server.send(numbered(name, 1))
    wait_until(lambda: first)
    second = reader.subscribe(name, options="replace")
    reader.server.send(numbered(name, 2, 3))
    wait_until(lambda: len(second) == 2)
    assert [each[1] for each in first] == ["7|1|"]
    assert [each[1] for each in second] == ["7|2|", "7|3|"]


def test_two_subscriptions_that_share_frames_are_both_told(reader, ids):
    names = [next(ids) for _ in range(2)]
    told = [reader.subscribe(name) for name in names]
    reader.server.send(numbered(names[0], 1) + numbered(",".join(names), 2, 3, 4))
    wait_until(lambda: len(told[0]) + len(told[1]) == 7)
    assert [each[1] for each in told[0]] == ["7|1|", "7|2|", "7|3|", "7|4|"]
    assert told[1] == [(names[1], f"7|{number}|", "") for number in (2, 3, 4)]


def test_an_id_that_is_used_again_is_another_subscription(reader, ids):
    name, before = next(ids), []
    for number in range(1, 6):
        told = reader.subscribe(name)
        reader.server.send(numbered(name, 2 * number, 2 * number + 1))
        wait_until(lambda told=told: len(told) == 2)
        reader.client.unsubscribe(name)
        assert all(len(each) == 2 for each in before)
        before.append(told)


def test_a_plain_subscription_and_one_with_bookmarks_take_turns(reader, ids):
    """One header is known whole, the other but for its bookmark."""
    with_store, plain, told = next(ids), next(ids), []
    noted = reader.subscribe(with_store)
    reader.client.subscribe(lambda m: told.append(shown(m)), "t", sub_id=plain)
    frames = []
    for number in range(6):
        name = (plain if number % 3 else with_store).encode()
        frames.append(FIRST.replace(b"SID", name).replace(b"|1|", b"|%d|" % (number // 2)))
    reader.play(*frames)
    assert [each[1] for each in noted] == ["7|0|", "7|1|"]
    assert [each[1] for each in told] == ["7|0|", "7|1|", "7|2|", "7|2|"]
    reader.client.unsubscribe(with_store)
    reader.client.unsubscribe(plain)


# ---- What comes again ---------------------------------------------------------------------------


def test_what_was_discarded_is_a_duplicate_by_either_way(both, reader):
    frames = [FIRST.replace(b"|1|", b"|%d|" % number) for number in (1, 2, 1, 2, 3, 3, 1, 4)]
    again = len(reader.again)
    assert [each[0] for each in both(*frames, discards=True)] == ["7|1|", "7|2|", "7|3|", "7|4|"]
    assert [each[1] for each in reader.again[again:]] == ["7|1|", "7|2|", "7|3|", "7|1|"] * 2


def test_a_duplicate_may_be_the_one_to_compare_with(both):
    odd = FIRST.replace(b'"t":"t"', b'"t":"u"')
    frames = [FIRST, odd, FIRST, FIRST.replace(b"|1|", b"|2|"), FIRST]
    assert [each[0] for each in both(*frames, discards=True)] == ["7|1|", "7|2|"]


# ---- What lies between --------------------------------------------------------------------------

BETWEEN = {
    "nothing": b"",
    "an ack": ack({"cid": "unknown"})[4:],
    "a persisted ack": frame({"c": "ack", "a": "persisted", "sids": "SID", "bm": "7|1|"})[4:],
    "a record": frame({"c": "sow", "query_id": "SID", "bm": "7|9|"}, b'{"k":"1","l":1}x')[4:],
    "a heartbeat": frame({"c": "heartbeat"})[4:],
    "no command": b"{}",
    "the future": b'{"c":"nonsense","sids":"SID","bm":"7|1|"}',
    "a group": b'{"c":"group_begin","query_id":"SID"}',
    "no ids": b'{"c":"p","t":"t","bm":"7|1|"}',
    "no known id": b'{"c":"p","t":"t","sids":"zzz00000","bm":"7|1|"}',
}


@pytest.mark.parametrize("between", BETWEEN)
def test_whatever_lies_between_changes_nothing(both, between):
    frames = []
    for number in range(1, 5):
        frames += [FIRST.replace(b"|1|", b"|%d|" % number), BETWEEN[between]]
    told = [each for each in both(*frames) if each[0] != "7|9|" and each[0] is not None]
    assert [each[0] for each in told] == ["7|1|", "7|2|", "7|3|", "7|4|"]


TORN = [
    b"{",
    b'{"c":"p","t":"t","sids":"SID","bm":"7|2|"',
    b'{"c":"p","t":"t","sids":"SID","bm":"7',
]


@pytest.mark.parametrize("torn", [*TORN, FIRST[:-1] + b"x", FIRST[:-2] + b"\\}", b"\0" * 100])
def test_a_torn_header_ends_the_connection_and_no_more_than_that(peer, torn):
    server = peer()
    reader = Reader(server)
    told = reader.subscribe("SID")
    server.send(frame(b"", FIRST) + frame(b"", torn) + frame(b"", FIRST.replace(b"|1|", b"|3|")))
    server.wait_for("subscribe", 2)
    reader.settle()
    assert [each[1] for each in told] == ["7|1|"]
    reader.play(FIRST.replace(b"|1|", b"|4|"), FIRST.replace(b"|1|", b"|55|"))
    assert [each[1] for each in told] == ["7|1|", "7|4|", "7|55|"]
    reader.client.close()


# ---- Anything -----------------------------------------------------------------------------------

PIECES = st.sampled_from(
    [b"7|1|", b"7|2|", b"7|33|", b"", b"8|444|", b'","x":"', b"\\u0031", b'"', b"\xc3\xbc", b"\\"]
)
BOOKMARK = st.lists(PIECES, min_size=1, max_size=2).map(b"".join)
BODY = st.sampled_from([b"", b'"}', b'"', b"}", b'{"bm":"7|1|"}', b"x" * 300])
SHAPE = st.sampled_from([each.encode() for each in HEADERS.values() if "100" not in each])


def is_header(payload):
    """A header that is whole: a torn one would end the connection."""
    body_at = payload.find(b"}") + 1
    quoted = payload[:body_at].replace(b"\\\\", b"").replace(b'\\"', b"")
    return quoted.count(b'"') % 2 == 0 and b'\\"}' not in payload and b'""' not in quoted[:body_at]


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(shapes=st.lists(SHAPE, min_size=1, max_size=2), data=st.data())
def test_any_run_of_frames_is_the_same_by_either_way(both, shapes, data):
    count = data.draw(st.integers(2, 12))
    frames = []
    for _ in range(count):
        header = data.draw(st.sampled_from(shapes)) % data.draw(BOOKMARK)
        payload = header + data.draw(BODY)
        if is_header(payload):
            frames.append(payload)
    both(*frames, discards=data.draw(st.booleans()))
