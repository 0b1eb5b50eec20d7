"""What a client has put together from a query and what came after it, is what a query gives."""

import json
import random

import pytest

from amps_sandbox import Conflated, Sandbox, Topic, View

from .driver import records_of

SEED = 20261124
STEPS = 150
VIEW = View("totals", "orders", ["/g", "SUM(/px) AS /sum", "COUNT(/id) AS /n"], ["/g"])
PROJECTION = "projection=[/g,MAX(/px) AS /max],grouping=[/g]"

WAYS = {
    "everything": {},
    "filtered": {"filter": "/px > 4"},
    "a page": {"orderby": "/px DESC,/id", "opts": "top_n=4,skip_n=1"},
    "a filtered page": {"orderby": "/g", "filter": "/px <= 6", "opts": "top_n=3,skip_n=0"},
    "groups": {"opts": PROJECTION},
    "filtered groups": {"opts": PROJECTION, "filter": "/px != 5"},
    "a page of groups": {"opts": PROJECTION + ",top_n=1,skip_n=1", "orderby": "/max,/g"},
    "a view": {"t": "totals"},
    "a filtered view": {"t": "totals", "filter": "/n >= 2"},
    "a conflated topic": {"t": "copy", "filter": "/px > 4"},
    "conflated": {"opts": "conflation=5s", "filter": "/px > 4"},
    "a conflated page": {"orderby": "/px,/id", "opts": "top_n=3,skip_n=1,conflation=5s"},
    "conflated groups": {"opts": PROJECTION + ",conflation=5s"},
}


def meant(records):
    """Records by their keys as far as they have values."""
    return {
        key: {name: value for name, value in record.items() if value is not None}
        for key, record in records.items()
    }


class Replica:
    """The records that a client knows of, by their keys."""

    def __init__(self, driver, verb, command):
        self.driver, self.command = driver, {"t": "orders", "bs": 7, **command}
        self.is_delta = "delta" in verb
        self.records = {}
        options = ",".join(filter(None, ["oof", self.command.get("opts")]))
        driver.send({**self.command, "c": verb, "cid": "1", "sub_id": "1", "opts": options})

    def catch_up(self):
        for message in self.driver.everything_before():
            if message["c"] == "oof":
                assert message["k"] in self.records, f"it never had {message}"
                del self.records[message["k"]]
            elif message["c"] == "p":
                body, key = json.loads(message.body), message["k"]
                known = self.records.get(key, {}) if self.is_delta else {}
                self.records[key] = {**known, **body}
            for header, body in records_of(message):
                assert header["k"] not in self.records
                self.records[header["k"]] = json.loads(body)
        return meant(self.records)

    def queried(self):
        options = ",".join(
            option
            for option in self.command.get("opts", "").split(",")
            if not option.startswith("conflation")
        )
        self.driver.send({**self.command, "c": "sow", "cid": "2", "opts": options})
        sent = [one for m in self.driver.everything_before() for one in records_of(m)]
        return meant({header["k"]: json.loads(body) for header, body in sent})


def change(rng, driver, clock, may_lose_fields):
    number = rng.randrange(8)
    members = {"id": number, "g": rng.choice("abc"), "px": rng.randrange(10)}
    choice = rng.random()
    if choice < 0.5:
        driver.publish("orders", json.dumps(members).encode(), e=rng.choice([0, 0, 3]))
    elif choice < 0.75:
        if may_lose_fields:  # by making a record anew from a part of it
            del members[rng.choice(["g", "px"])]
        driver.send({"c": "delta_publish", "t": "orders"}, json.dumps(members).encode())
    elif choice < 0.9:
        driver.send({"c": "sow_delete", "cid": "3", "t": "orders"}, json.dumps(members).encode())
    else:
        driver.everything_before()
        clock.advance(rng.choice([0.5, 1, 2]))


@pytest.mark.parametrize("verb", ["sow_and_subscribe", "sow_and_delta_subscribe"])
@pytest.mark.parametrize("way", WAYS)
def test_a_client_that_follows_knows_what_a_query_gives(connect, way, verb):
    rng = random.Random(f"{SEED} {way} {verb}")
    topics = [Topic("orders", "/id", expiration="enabled")]
    copies = [Conflated("copy", "orders", "5s")]
    with Sandbox(topics=topics, views=[VIEW], conflated=copies, clock="manual") as sandbox:
        publisher, driver = connect(sandbox, "p"), connect(sandbox, "s")
        full = {"id": 0, "g": "a", "px": 5}
        for number in range(8):
            publisher.publish("orders", json.dumps({**full, "id": number}).encode())
        publisher.everything_before()
        sandbox.clock.advance(10)
        replica = Replica(driver, verb, WAYS[way])
        held_back = "conflat" in way
        known = 0
        for step in range(STEPS):
            # Deltas never say that a field is gone; a record that is gone and back in one interval
            # is only told as a delta.
            change(rng, publisher, sandbox.clock, not (held_back and replica.is_delta))
            publisher.everything_before()
            if held_back:
                if step % 10 < 9:
                    continue
                sandbox.clock.advance(10)
            assert replica.catch_up() == replica.queried(), step
            known += len(replica.records)
        assert known
