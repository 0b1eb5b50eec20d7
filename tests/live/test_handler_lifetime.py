"""Handlers are kept as long as they may be called, and cycles through them are collected."""

import gc
import weakref

import pytest

import AMPS

from .results import accepted, give, group, marker, only_accept
from .scripted_peer import ack, delivery, frame, hang_up, refuse, say_all, stay_silent, wait_until


class Handler:
    """A handler that a weak reference can watch; keeps what it is told."""

    def __init__(self):
        self.told = []

    def __call__(self, message):
        self.told.append(message.get_command())


def watched():
    handler = Handler()
    return handler, weakref.ref(handler)


def is_let_go(reference):
    gc.collect()
    return reference() is None


def query(**fields):
    command = AMPS.Command("sow").set_topic("t").set_query_id("q")
    for name, value in fields.items():
        getattr(command, f"set_{name}")(value)
    return command


ENDINGS = {  # how a query ends: command, answer
    "group_end": (query(), give("a")),
    "no markers": (query(), give(has_markers=False)),
    "stats": (query(ack_type="stats"), give("a")),
    "several topics": (query(topic="^t"), give("a")),
}


@pytest.mark.parametrize(("command", "answer"), ENDINGS.values(), ids=ENDINGS)
def test_the_handler_of_a_query_is_let_go_when_the_query_ends(peer, log_on, command, answer):
    client = log_on(peer(sow=answer))
    for _ in range(3):
        handler, reference = watched()
        client.execute_async(command, handler)
        del handler
        wait_until(lambda reference=reference: is_let_go(reference), "the handler's end")


def test_it_is_kept_until_then(peer, log_on, inbox):
    server = peer(sow=only_accept)
    client = log_on(server)
    handler, reference = watched()
    client.execute_async(query(), handler)
    del handler
    gc.collect()
    seen = server.seen("sow")[0]
    server.send(marker(seen, "group_begin"))
    wait_until(lambda: reference().told == ["group_begin"])
    server.send(ack(seen, kind="completed"))
    client.publish_flush(5000)
    assert not is_let_go(reference)
    server.send(marker(seen, "group_end"))
    wait_until(lambda: is_let_go(reference))


def test_it_is_let_go_though_the_library_s_own_ack_is_still_to_come(peer, log_on):
    def answer(server, seen):
        server.send(accepted(seen) + group(seen, "a"))

    client = log_on(peer(sow=answer))
    handler, reference = watched()
    client.sow(handler, "t")
    del handler
    wait_until(lambda: is_let_go(reference))


@pytest.mark.parametrize(
    "command",
    [
        AMPS.Command("flush").set_ack_type("persisted"),
        AMPS.Command("publish").set_topic("t").set_ack_type("processed,persisted"),
        AMPS.Command("sow_delete").set_topic("t").set_ack_type("stats"),
        AMPS.Command("stop_timer").set_ack_type("completed"),
    ],
    ids=lambda command: command.command,
)
def test_the_handler_of_another_command_is_let_go_after_its_last_ack(peer, log_on, command):
    client = log_on(peer(stop_timer=say_all()))
    handler, reference = watched()
    told = handler.told
    client.execute_async(command, handler)
    del handler
    wait_until(lambda: is_let_go(reference))
    assert told == ["ack"] * len(command.get_ack_type().split(","))


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (refuse("bad filter"), AMPS.BadFilterException),
        (stay_silent, AMPS.TimedOutException),
        (hang_up, AMPS.DisconnectedException),
        (lambda server, seen: server.send(b"\0\0\0\4junk"), AMPS.DisconnectedException),
    ],
)
@pytest.mark.parametrize("verb", ["sow", "subscribe", "sow_and_subscribe"])
def test_it_is_let_go_when_the_command_fails(peer, log_on, verb, answer, problem):
    client = log_on(peer(**{verb: answer}))
    client.set_exception_listener(lambda error: None)
    handler, reference = watched()
    with pytest.raises((problem, AMPS.StreamException)):
        client.execute_async(AMPS.Command(verb).set_topic("t").set_timeout(300), handler)
    del handler
    wait_until(lambda: is_let_go(reference))


@pytest.mark.parametrize("end", ["unsubscribe", "all", "hang_up", "disconnect", "close"])
@pytest.mark.parametrize("verb", ["sow", "subscribe"])
def test_it_is_let_go_when_it_is_ended_early(peer, log_on, verb, end):
    server = peer(sow=only_accept)
    client = log_on(server)
    handler, reference = watched()
    id = client.execute_async(AMPS.Command(verb).set_topic("t"), handler)
    del handler
    assert not is_let_go(reference)
    if end == "hang_up":
        server.hang_up()
    elif end in ("unsubscribe", "all"):
        client.unsubscribe(id if end == "unsubscribe" else "all")
    else:
        getattr(client, end)()
    wait_until(lambda: is_let_go(reference))


def test_a_handler_removed_while_it_runs_is_let_go_after_it(peer, log_on):
    server = peer(sow=only_accept)
    client = log_on(server)
    gone = []

    class Ending(Handler):
        def __call__(self, message):
            client.unsubscribe("q")
            super().__call__(message)
            gone.append(message.get_command())

    handler = Ending()
    reference = weakref.ref(handler)
    client.execute_async(query(), handler)
    del handler
    server.send(group(server.seen("sow")[0], "a", "b"))
    wait_until(lambda: is_let_go(reference))
    client.publish_flush(5000)
    assert gone == ["group_begin"]


def test_a_thousand_queries_leave_nothing_behind(peer, log_on):
    """Neither handlers nor streams nor routes: their ids are free."""
    client = log_on(peer(sow=give()))
    handler, reference = watched()
    told = handler.told
    for number in range(500):
        client.execute_async(query(), handler)
        wait_until(lambda number=number: len(told) == 2 * number + 2)
        assert len(list(client.execute(query()).timeout(5000))) == 2
    del handler
    wait_until(lambda: is_let_go(reference))
    assert not [each for each in gc.get_objects() if isinstance(each, AMPS.MessageStream)]


@pytest.mark.parametrize("verb", ["sow", "subscribe"])
@pytest.mark.parametrize("form", ["method", "lambda", "stream"])
def test_a_cycle_of_client_and_handler_is_collected(sandbox, form, verb):
    class Application:
        def __init__(self):
            self.client = AMPS.Client("app")
            self.client.connect(sandbox.uri())
            self.client.logon(5000)
            self.stream = None
            command = AMPS.Command(verb).set_topic("^t")
            if form == "stream":
                self.stream = self.client.execute(command)
                self.stream.owner = self
            else:
                told = self.told if form == "method" else lambda message: self.told(message)
                self.client.execute_async(command, told)

        def told(self, message):
            """Takes no notice."""

    reference = weakref.ref(Application())
    wait_until(lambda: is_let_go(reference))
    sandbox.wait_until(lambda: not sandbox.clients())


def test_a_replaced_handler_gets_all_that_came_before_however_fast_it_goes(peer, log_on):
    """Each subscription is replaced by a fresh handler at once; none is used after its end."""

    def answer(server, seen):
        server.send(delivery(b"x") * 3 + ack(seen) + delivery(b"x") * 3)

    server, counts = peer(subscribe=answer), []
    client = log_on(server)

    def fresh():
        count = [0]
        counts.append(count)

        def handler(message):
            count[0] += 1

        return handler

    for _ in range(300):
        client.subscribe(fresh(), "t", None, "replace", 5000, "s")
    client.publish_flush(5000)
    wait_until(lambda: counts[-1] == [3], "the last messages")
    assert [count[0] for count in counts] == [6] * 299 + [3]


def test_a_message_for_a_dead_query_does_not_bring_it_back(peer, log_on, inboxes):
    server, last_chance = peer(sow=give("a")), inboxes()
    client = log_on(server)
    client.set_last_chance_message_handler(last_chance)
    handler, reference = watched()
    client.execute_async(query(), handler)
    del handler
    wait_until(lambda: is_let_go(reference))
    server.send(group(server.seen("sow")[0], "late") + frame({"c": "p", "sids": "q"}, b"stray"))
    assert last_chance.bodies(4) == ["", "late", "", "stray"]
