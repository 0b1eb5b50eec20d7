"""Whatever text and bytes a program sets arrive at the server, and come back, as they were."""

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

import AMPS
from amps_sandbox import Sandbox

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)
IDS = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0,"), min_size=1, max_size=20
).filter(lambda id: id == id.strip() and id != "all")
NUMBERS = st.integers(0, 2**31 - 1)
BODIES = st.one_of(st.text(st.characters(exclude_categories=["Cs"])), st.binary(max_size=300))
WAIT_MS = 10_000

# What a program sets on a command, and the key by which it goes over the wire.
FIELDS = {
    "filter": ("filter", TEXT),
    "order_by": ("orderby", TEXT),
    "bookmark": ("bm", TEXT.filter(lambda value: value != "recent")),
    "sow_keys": ("sow_keys", TEXT),
    "options": ("opts", TEXT),
    "query_id": ("query_id", TEXT),
    "batch_size": ("bs", NUMBERS),
    "top_n": ("top_n", NUMBERS),
}
MANY = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture(scope="module")
def server():
    with Sandbox(topics=["orders:/id"]) as sandbox:
        yield sandbox


@pytest.fixture
def client(server):
    with AMPS.Client("round trips") as made:
        made.connect(server.uri("json"))
        made.logon(5000)
        yield made


def seen(server, verb):
    return server.received(verb)[-1]


@MANY
@given(st.fixed_dictionaries({}, optional={name: kind for name, (_, kind) in FIELDS.items()}))
def test_every_field_of_a_command_reaches_the_server(server, client, fields):
    """Whatever the server thinks of them."""
    server.forget_frames()
    command = AMPS.Command("sow").set_topic("^nothing").set_timeout(WAIT_MS)
    for name, value in fields.items():
        getattr(command, f"set_{name}")(value)
    try:
        client.execute(command).close()
    except AMPS.AMPSException as refusal:
        assert not isinstance(refusal, (AMPS.TimedOutException, AMPS.DisconnectedException))
    header = {key: str(value) for key, value in seen(server, "sow").header.items()}
    expected = {FIELDS[name][0]: str(value) for name, value in fields.items() if value != ""}
    expected.setdefault("query_id", header["cid"])
    assert (
        header == {"c": "sow", "t": "^nothing", "a": header["a"], "cid": header["cid"]} | expected
    )


@MANY
@given(BODIES, TEXT, st.one_of(st.none(), NUMBERS), TEXT)
def test_a_publish_comes_back_as_it_was(server, client, body, correlation_id, expiration, sow_key):
    server.forget_frames()
    stream = client.subscribe("plain", timeout=WAIT_MS).timeout(WAIT_MS)
    client.publish("plain", body, expiration, correlation_id, sow_key)
    message = next(stream)
    raw = body.encode() if isinstance(body, str) else body
    assert message.get_data_raw() == raw
    assert message.get_correlation_id() == (correlation_id or None)
    assert message.get_sow_key() == (sow_key or None)
    sent = seen(server, "publish")
    assert sent.body == raw
    assert sent.header.get("e") in (expiration, None if expiration is None else str(expiration))
    if isinstance(body, str):
        assert message.get_data() == body
    stream.close()


@MANY
@given(IDS, IDS.filter(lambda topic: not topic.startswith("/AMPS")))
def test_any_id_and_topic_find_their_way_back(server, client, sub_id, topic):
    options = "non_regex_topic"
    stream = client.subscribe(topic, None, options, WAIT_MS, sub_id).timeout(WAIT_MS)
    client.publish(topic, "x")
    message = next(stream)
    assert (message.get_sub_id(), message.get_topic()) == (sub_id, topic)
    assert message.get_sub_ids() == sub_id
    client.unsubscribe(sub_id)
    assert stream.ended
    client.publish_flush(WAIT_MS)
    assert not server.subscriptions()


@MANY
@given(st.lists(st.integers(0, 10**6), unique=True, max_size=30), st.integers(1, 12))
def test_the_records_published_are_those_that_a_query_gives(server, client, numbers, batch_size):
    client.sow_delete("orders", "1=1", WAIT_MS)
    for number in numbers:
        client.publish("orders", f'{{"id":{number}}}', correlation_id=f"c{number}")
    got = list(client.sow("orders", None, batch_size, WAIT_MS).timeout(WAIT_MS))[1:-1]
    assert sorted(message.json()["id"] for message in got) == sorted(numbers)
    assert all(each.get_correlation_id() == f"c{each.json()['id']}" for each in got)
    keys = ",".join(message.get_sow_key() for message in got)
    if keys:
        ack = client.sow_delete_by_keys("orders", keys, WAIT_MS)
        assert ack.get_sow_deleted() == str(len(numbers))
    assert server.sow("orders") == []
