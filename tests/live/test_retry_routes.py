"""Of a command that was cut off there is one subscription, one query, one replacement."""

import pytest

import AMPS

from .results import accepted, marker
from .scripted_peer import delivery, hang_up, in_turn, say, wait_until


@pytest.mark.parametrize("form", ["handler", "stream"])
def test_a_subscription_cut_off_is_placed_again(peer, returning, inbox, form):
    server = peer(subscribe=in_turn(hang_up, say()))
    client = returning(server)
    stream = None
    if form == "handler":
        client.subscribe(inbox, "t", sub_id="s", timeout=10_000)
    else:
        stream = client.subscribe("t", sub_id="s", timeout=10_000).timeout(5000)
    server.send(delivery(b"x"))
    assert (next(stream) if stream else inbox.get()).get_data() == "x"
    if stream:
        stream.close()
    else:
        client.unsubscribe("s")
    assert server.wait_for("unsubscribe")[0]["sub_id"] == "s"
    client.publish_flush(5000)
    assert len(server.seen("unsubscribe")) == 1


def test_a_query_whose_answer_had_come_is_not_asked_again(peer, returning):
    server = peer(sow=lambda s, seen: s.send(accepted(seen) + marker(seen, "group_begin")))
    client = returning(server)
    stream = client.sow("t", timeout=5000).timeout(5000)
    assert next(stream).get_command() == "group_begin"
    server.hang_up()
    with pytest.raises(AMPS.DisconnectedException):
        next(stream)
    wait_until(lambda: len(server.seen("logon")) == 2)
    assert len(server.seen("sow")) == 1


def test_a_replace_cut_off_is_made_on_the_new_connection(peer, returning, inboxes):
    server, older, newer = peer(), inboxes(), inboxes()
    client = returning(server)
    client.subscribe(older, "t", sub_id="s")
    server.answers["subscribe"] = in_turn(hang_up, say())
    client.subscribe(newer, "t", None, "replace", 10_000, "s")
    server.send(delivery(b"x"))
    assert newer.bodies(1) == ["x"] and older.is_empty()
    client.unsubscribe("s")
    server.wait_for("unsubscribe")
