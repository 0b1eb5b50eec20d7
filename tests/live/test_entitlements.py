"""What a program is told that may not do all it tries, and when what it may do changes."""

import pytest

import AMPS
from amps_sandbox import Permission, Sandbox, User

from .calls import wait_handled
from .failover import Watched, wait_back, watch
from .scripted_peer import PATIENCE_S

US = "/r = 'US'"


@pytest.fixture
def guarded():
    """A sandbox with a log where jill may read and write some of it."""
    permissions = [
        Permission("orders", read=US, write=US),
        Permission("shown", read=True, write=False, select="-/secret"),
        Permission("in", read=False),
    ]
    users = [User("jill", "pw", topics=permissions), User("root", "pw")]
    topics = ["orders:/id", "shown:/id", "secret:/id"]
    with Sandbox(users=users, topics=topics, txlog=["."], ack_conflation="10ms") as server:
        yield server


def uri_of(server, user="jill"):
    return server.uri("json").replace("://", f"://{user}:pw@")


@pytest.fixture
def jill(guarded, new_client):
    client = new_client("jill's")
    client.connect(uri_of(guarded))
    client.logon(5000)
    return client


@pytest.fixture
def ha(guarded, new_ha):
    """Makes HAClients of jill's that are up."""

    def make(**options):
        client = new_ha(uri_of(guarded), **options)
        client.connect_and_logon()
        return client

    return make


def body(number, region="US"):
    return f'{{"id":{number},"r":"{region}"}}'


READS = {
    "subscribe": lambda client: client.subscribe("secret"),
    "subscribe with a handler": lambda client: client.subscribe(print, "secret"),
    "delta_subscribe": lambda client: client.delta_subscribe("secret"),
    "sow": lambda client: list(client.sow("secret")),
    "sow with a handler": lambda client: client.sow(print, "secret"),
    "sow_and_subscribe": lambda client: client.sow_and_subscribe("secret"),
    "sow_and_delta_subscribe": lambda client: client.sow_and_delta_subscribe("secret"),
    "bookmark_subscribe": lambda client: client.bookmark_subscribe("secret", "0"),
    "sow_delete": lambda client: client.sow_delete("secret", "1=1"),
    "sow_delete_by_keys": lambda client: client.sow_delete_by_keys("secret", "1"),
    "sow_delete_by_data": lambda client: client.sow_delete_by_data("secret", body(1)),
}


@pytest.mark.parametrize("call", READS)
def test_case_78_what_may_not_be_read_or_deleted_is_an_exception(guarded, jill, call):
    with pytest.raises(AMPS.NotEntitledException, match=r"not entitled") as caught:
        READS[call](jill)
    assert "secret" in str(caught.value)
    jill.publish_flush(5000)
    assert guarded.subscriptions() == []


def test_case_78_a_regex_is_silent_about_what_may_not_be_read(guarded, jill, inbox):
    jill.subscribe(inbox, "^orders|^secret|^shown")
    for number, topic in enumerate(("secret", "orders", "shown")):
        guarded.publish(topic, body(number))
    assert [inbox.get().get_topic() for _ in range(2)] == ["orders", "shown"]
    wait_handled(jill)
    assert inbox.is_empty()


def test_case_78_a_replacement_by_a_forbidden_topic_succeeds_and_is_silent(guarded, jill, inbox):
    sub_id = jill.subscribe(inbox, "orders")
    command = AMPS.Command("subscribe").set_topic("secret").set_sub_id(sub_id)
    jill.execute_async(command.set_options("replace"), inbox)
    guarded.publish("secret", body(1))
    guarded.publish("orders", body(2))
    wait_handled(jill)
    assert inbox.is_empty()


def test_case_39_a_record_that_may_no_more_be_read_says_so(guarded, jill):
    stream = jill.sow_and_subscribe("orders", options="oof").timeout(int(PATIENCE_S * 1000))
    guarded.publish("orders", body(1))
    guarded.publish("orders", body(1, "UK"))
    seen = []
    for message in stream:
        seen.append((message.get_command(), message.get_reason(), message.get_data()))
        if message.get_command() == "oof":
            break
    assert seen[-2:] == [
        ("publish", None, body(1)),
        ("oof", "entitlement", body(1)),
    ]


def test_what_may_not_be_seen_is_left_out_and_no_option_brings_it_back(guarded, jill):
    guarded.publish("shown", '{"id":1,"secret":2}')
    for options in ("", "select=[+/secret]"):
        found = [one.get_data() for one in jill.sow("shown", options=options)]
        assert [one for one in found if one] == ['{"id":1}']


@pytest.mark.parametrize("topic", ["shown", "elsewhere", "orders"])
def test_case_79_a_refused_publish_is_a_failed_write_and_the_connection_stays(jill, topic):
    failed = Watched()
    jill.set_failed_write_handler(lambda message, reason: failed((message, reason)))
    command = AMPS.Command("publish").set_topic(topic).set_data(body(1, "UK"))
    jill.execute_async(command.set_ack_type("processed"), None)
    assert failed.wait_for(lambda told: told) == [(None, "not entitled")]
    jill.publish("orders", body(1))
    jill.publish_flush(5000)


@pytest.mark.parametrize("verb", ["publish", "delta_publish"])
def test_case_42_a_store_gives_up_what_was_refused_and_keeps_the_rest_in_order(guarded, ha, verb):
    client, failed = ha(), Watched()
    client.set_failed_write_handler(
        lambda message, reason: failed((int(message.get_sequence()), message.get_data(), reason))
    )
    numbers = [
        getattr(client, verb)("orders", body(number, "UK" if number == 3 else "US"))
        for number in range(1, 6)
    ]
    client.publish_flush(5000)
    assert failed.wait_for(lambda told: told) == [(numbers[2], body(3, "UK"), "not entitled")]
    assert client.get_unpersisted_count() == 0
    assert [entry.sequence for entry in guarded.journal()] == numbers[:2] + numbers[3:]


def test_a_refused_publish_is_not_sent_again_after_a_loss(guarded, ha):
    client, failed = ha(), Watched()
    client.set_failed_write_handler(lambda message, reason: failed(reason))
    states = watch(client)
    client.publish("shown", "1")
    client.publish_flush(5000)
    guarded.disconnect()
    wait_back(client, states, 1)
    client.publish("orders", body(2))
    client.publish_flush(5000)
    assert failed.items == ["not entitled"]
    assert len(guarded.received("publish")) == 2


def test_a_stream_goes_on_after_an_entitlement_reset(guarded, ha, inbox):
    client = ha(no_store=True)
    states = watch(client)
    stream = client.subscribe("orders").timeout(int(PATIENCE_S * 1000))
    client.subscribe(inbox, "^orders")
    guarded.publish("orders", body(1))
    assert next(stream).get_data() == inbox.get().get_data() == body(1)
    permissions = [Permission("orders", read="/r = 'UK'")]
    assert guarded.set_permissions("jill", permissions) == 1
    wait_back(client, states, 1)
    guarded.publish("orders", body(2))
    guarded.publish("orders", body(3, "UK"))
    assert next(stream).get_data() == inbox.get().get_data() == body(3, "UK")


def test_a_subscription_that_is_no_more_allowed_is_dropped_and_says_why(guarded, ha, inbox):
    client, asked = ha(), Watched()
    states = watch(client)

    def give_up(message, acks, problem):
        asked((message.get_topic(), type(problem)))
        return True

    client.set_failed_resubscribe_handler(give_up)
    stream = client.subscribe("orders").timeout(int(PATIENCE_S * 1000))
    client.subscribe(inbox, "shown")
    assert guarded.set_permissions("jill", [Permission("shown", read=True)]) == 1
    wait_back(client, states, 1)
    assert asked.items == [("orders", AMPS.NotEntitledException)]
    with pytest.raises(AMPS.NotEntitledException):
        next(stream)
    guarded.publish("shown", body(1))
    assert inbox.get().get_data() == body(1)


def test_what_was_stored_and_may_no_more_be_written_fails_once_it_is_replayed(guarded, ha):
    client, failed = ha(), Watched()
    client.set_failed_write_handler(lambda message, reason: failed((message.get_data(), reason)))
    states = watch(client)
    guarded.withhold("persisted")
    for number in range(3):
        client.publish("orders", body(number, "US"))
    guarded.wait_for("publish", 3)
    guarded.kill()
    guarded.set_permissions("jill", [Permission("orders", write="/id != 1")])
    guarded.release()
    guarded.restart(keep_data=False)
    wait_back(client, states, 1)
    client.publish_flush(5000)
    assert failed.items == [(body(1), "not entitled")]
    assert [entry.data.decode() for entry in guarded.journal()] == [body(0), body(2)]


def test_who_may_not_come_in_is_told_so(guarded, new_client):
    assert guarded.set_permissions("jill", None, logon=False) == 0
    client = new_client()
    client.connect(uri_of(guarded))
    with pytest.raises(AMPS.NotEntitledException, match="logon") as caught:
        client.logon(5000)
    assert "pw" not in str(caught.value)


def test_who_may_come_in_again_does(guarded, ha):
    client = ha()
    states = watch(client)
    assert guarded.set_permissions("jill", None, logon=False) == 1
    client.problems.wait_for(
        lambda told: any(isinstance(one, AMPS.NotEntitledException) for one in told)
    )
    client.publish("in", "kept meanwhile")
    guarded.set_permissions("jill", None)
    wait_back(client, states, 1)
    client.publish_flush(5000)
    assert [entry.data for entry in guarded.journal()] == [b"kept meanwhile"]
