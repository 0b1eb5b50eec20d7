"""Message handlers written in C: called in their turn, without Python's lock, with the message."""

import ctypes
import gc
import pathlib
import queue
import subprocess
import sysconfig
import threading
import weakref

import pytest

import AMPS

from .scripted_peer import ack, delivery, frame, say, wait_until

HERE = pathlib.Path(__file__).parent
CALLBACK = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)
USER_DATA = "kept alive as long as the handler, " * 20


class Tally(ctypes.Structure):
    """What `count` counts in."""

    _fields_ = tuple((name, ctypes.c_size_t) for name in ("calls", "bytes", "disorder", "last"))


class Library:
    """The handlers of c_handlers.c, and what they wrote down."""

    def __init__(self, path):
        self.c = ctypes.CDLL(str(path))
        self._size = ctypes.c_size_t.in_dll(self.c, "log_size")
        self._text = (ctypes.c_char * 65536).in_dll(self.c, "log_text")
        self.inside, self.go_on, self.gave_up = (
            ctypes.c_int.in_dll(self.c, name) for name in ("inside", "go_on", "gave_up")
        )

    def clear(self):
        self._size.value = self.inside.value = self.go_on.value = self.gave_up.value = 0

    def said(self):
        return self._text.raw[: self._size.value].decode().split(";")[:-1]

    def wait_said(self, count):
        wait_until(lambda: len(self.said()) >= count, f"{count} calls, not {self.said()}")
        return self.said()


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    target = tmp_path_factory.mktemp("c_handlers") / "c_handlers.so"
    compiler = sysconfig.get_config_var("CC").split()
    flags = ["-std=c11", "-O1", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared"]
    include = f"-I{HERE.parents[1] / 'csrc'}"
    subprocess.run([*compiler, *flags, include, HERE / "c_handlers.c", "-o", target], check=True)
    return Library(target)


@pytest.fixture
def library(built):
    """The library, with nothing written down yet."""
    built.clear()
    yield built
    built.go_on.value = 1
    assert not built.gave_up.value, "Python was not let in while the function ran"


def tally_handler(library):
    tally = Tally()
    return tally, AMPS.CMessageHandler(library.c.count, ctypes.addressof(tally))


def test_thousands_of_messages_in_order(sandbox, log_on, library):
    client, count = log_on(sandbox), 20_000
    tally, handler = tally_handler(library)
    client.subscribe(handler, "t")
    for number in range(1, count + 1):
        client.publish("t", str(number))
    client.publish_flush(20_000)
    wait_until(lambda: tally.calls == count)
    size = sum(len(str(number)) for number in range(1, count + 1))
    assert (tally.last, tally.disorder, tally.bytes) == (count, 0, size)


def test_python_runs_while_the_function_does(sandbox, log_on, library):
    """The function returns only when a thread of Python's has told it to."""
    client = log_on(sandbox)
    client.subscribe(AMPS.CMessageHandler(library.c.wait_for_python), "t")
    client.publish("t", "x")
    wait_until(lambda: library.inside.value)
    assert library.said() == []
    library.go_on.value = 1
    assert library.wait_said(1) == ["NULL"]


def test_python_runs_while_it_is_called_by_hand(library):
    handler = AMPS.CMessageHandler(library.c.wait_for_python, "by hand")
    calling = threading.Thread(target=handler, args=(AMPS.Message(),))
    calling.start()
    wait_until(lambda: library.inside.value)
    library.go_on.value = 1
    calling.join()
    assert library.said() == ["by hand"]


def test_it_is_called_in_its_turn_with_handlers_in_python(peer, log_on, library):
    server = peer()
    client, in_python = log_on(server), []

    def handler(message):
        in_python.append((message.get_data(), len(library.said())))

    client.subscribe(AMPS.CMessageHandler(library.c.write_down), "t", sub_id="c")
    client.subscribe(handler, "t", sub_id="p")
    server.send(b"".join(delivery(b"%d" % number, sub_id="p,c") for number in range(50)))
    wait_until(lambda: len(library.said()) == 50)
    assert in_python == [(str(number), number) for number in range(50)]
    assert library.said() == [f"publish|t|-|c|-|{number}" for number in range(50)]


USER_DATAS = {
    "str": ("täxt", "täxt"),
    "bytes": ("täxt".encode(), "täxt"),
    "empty": ("", ""),
    "None": (None, "NULL"),
    "int": (1, "1"),
    "0": (0, "NULL"),
    "c_void_p": (ctypes.c_void_p(1), "1"),
    "null c_void_p": (ctypes.c_void_p(), "NULL"),
}


@pytest.mark.parametrize(("given", "told"), USER_DATAS.values(), ids=USER_DATAS)
@pytest.mark.parametrize("as_function", [lambda f: f, lambda f: ctypes.cast(f, ctypes.c_void_p)])
def test_what_is_handed_to_it(sandbox, log_on, library, given, told, as_function):
    client = log_on(sandbox)
    client.subscribe(AMPS.CMessageHandler(as_function(library.c.write_user_data), given), "t")
    client.publish("t", "x")
    assert library.wait_said(1) == [told]


def test_user_data_lives_as_long_as_the_subscription(sandbox, log_on, library):
    client = log_on(sandbox)
    address = ctypes.cast(library.c.write_user_data, ctypes.c_void_p).value
    handler = AMPS.CMessageHandler(address, "".join(["kept", " alive"]))
    reference = weakref.ref(handler)
    sub_id = client.subscribe(handler, "t")
    del handler
    gc.collect()
    client.publish("t", "x")
    assert library.wait_said(1) == ["kept alive"]
    client.unsubscribe(sub_id)
    client.publish_flush(5000)
    wait_until(lambda: reference() is None)


ENDS = {
    "unsubscribe": lambda client: client.unsubscribe("x"),
    "unsubscribe all": lambda client: client.unsubscribe(),
    "remove": lambda client: client.remove_message_handler("x"),
    "disconnect": lambda client: threading.Thread(target=client.disconnect).start(),
    "replace": lambda client: client.add_message_handler("x", print, "", True),
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_user_data_outlives_a_call_under_way(sandbox, log_on, library, end):
    client = log_on(sandbox)
    handler = AMPS.CMessageHandler(library.c.wait_for_python, "".join([USER_DATA, "!"]))
    reference = weakref.ref(handler)
    client.subscribe(handler, "t", sub_id="x")
    del handler
    for _ in range(3):
        client.publish("t", "x")
    wait_until(lambda: library.inside.value)
    end(client)
    gc.collect()
    others = [b"x" * (len(USER_DATA) + 1) for _ in range(10_000)]
    assert len(others) and reference() is not None
    library.go_on.value = 1
    wait_until(lambda: reference() is None)
    assert library.said() == [USER_DATA + "!"]


def test_user_data_outlives_a_client_let_go_of(sandbox, library):
    client = AMPS.Client("let go")
    client.connect(sandbox.uri())
    client.logon()
    client.subscribe(AMPS.CMessageHandler(library.c.wait_for_python, USER_DATA), "t")
    client.publish("t", "x")
    wait_until(lambda: library.inside.value)
    del client
    gc.collect()
    others = [b"x" * len(USER_DATA) for _ in range(10_000)]
    library.go_on.value = 1
    assert library.wait_said(1) == [USER_DATA] and others


def test_header_fields_have_their_escapes_decoded(peer, log_on, library):
    server = peer()
    client = log_on(server)
    client.subscribe(AMPS.CMessageHandler(library.c.write_down), "t", sub_id='a"\\\n')
    server.send(frame(rb'{"c":"p","t":"\u00e4\/\"","sids":"a\"\\\n","k":"\t"}', b"body"))
    assert library.wait_said(1) == ['publish|ä/"|\t|a"\\\n|-|body']


def test_records_groups_and_acks_asked_for(peer, log_on, library):
    def answer(server, seen):
        qid = seen["query_id"]
        server.send(ack(seen) + frame({"c": "group_begin", "query_id": qid}))
        records = b'{"k":"1","l":3}one{"k":"2","l":3}two'
        server.send(frame({"c": "sow", "t": "t", "query_id": qid}, records))
        server.send(frame({"c": "group_end", "query_id": qid}))
        server.send(ack(seen, kind="stats") + ack(seen, kind="completed"))

    client = log_on(peer(sow=answer))
    command = AMPS.Command("sow").set_topic("t").set_ack_type("stats")
    handler = AMPS.CMessageHandler(library.c.write_down)
    reference = weakref.ref(handler)
    client.execute_async(command, handler)
    assert library.wait_said(5) == [
        "group_begin|-|-|-|-|",
        "sow|t|1|-|-|one",
        "sow|t|2|-|-|two",
        "group_end|-|-|-|-|",
        "ack|-|-|-|stats|",
    ]
    del handler
    wait_until(lambda: reference() is None)


def test_it_may_unsubscribe_itself_and_close_the_client(sandbox, log_on):
    """A function in C may call Python, if it takes the lock: one made by ctypes does."""
    client, calls, raised = log_on(sandbox), [], queue.Queue()

    def on_message(message, user_data):
        calls.append(user_data)
        for call in (lambda: client.publish_flush(5000), lambda: client.subscribe("u")):
            try:
                call()
            except AMPS.UsageException as error:
                raised.put(error)
        if len(calls) == 3:
            client.unsubscribe("x")

    def on_last(message, user_data):
        calls.append("last")
        client.close()
        raised.put("closed")

    client.subscribe(AMPS.CMessageHandler(CALLBACK(on_message), 7), "t", sub_id="x")
    client.subscribe(AMPS.CMessageHandler(CALLBACK(on_last)), "u")
    for _ in range(10):
        client.publish("t", "x")
    client.publish_flush(5000)
    client.publish("u", "x")
    problems = [raised.get(timeout=5) for _ in range(7)]
    assert [type(problem) for problem in problems[:6]] == [AMPS.UsageException] * 6
    assert problems[6] == "closed" and calls == [7, 7, 7, "last"]
    sandbox.wait_until(lambda: not sandbox.clients())


def test_subscriptions_come_and_go_while_it_is_called(sandbox, log_on, library):
    client, publisher, done = log_on(sandbox), log_on(sandbox, "publisher"), threading.Event()

    def publish():
        number = 0
        while not done.is_set():
            number += 1
            publisher.publish("t", str(number))

    publishing = threading.Thread(target=publish)
    publishing.start()
    tallies = []
    for _ in range(50):
        tally, handler = tally_handler(library)
        tallies.append(tally)
        sub_id = client.subscribe(handler, "t")
        del handler
        wait_until(lambda tally=tally: tally.calls > 0)
        client.unsubscribe(sub_id)
    done.set()
    publishing.join()
    client.publish_flush(5000)
    assert not any(tally.disorder for tally in tallies)


def test_it_comes_back_with_its_command_after_a_loss(peer, log_on, library):
    def deliver_and_go(server, seen):
        server.answers["subscribe"] = say()
        server.send(delivery(b"early", sub_id=seen["sub_id"]))
        server.hang_up()

    server = peer(subscribe=deliver_and_go)
    client = log_on(server)
    client.set_exception_listener([].append)
    client.set_disconnect_handler(
        lambda client: (client.connect(client.get_uri()), client.logon(5000))
    )
    handler = AMPS.CMessageHandler(library.c.write_down)
    reference = weakref.ref(handler)
    client.subscribe(handler, "t", sub_id="x", timeout=5000)
    del handler
    server.send(delivery(b"late", sub_id="x"))
    assert [said[-5:] for said in library.wait_said(2)] == ["early", "|late"]
    client.disconnect()
    wait_until(lambda: reference() is None)


def test_it_may_be_the_client_s_own_handler(peer, log_on, library):
    server = peer()
    client = log_on(server)
    handler = AMPS.CMessageHandler(library.c.write_down)
    client.set_last_chance_message_handler(handler)
    server.send(delivery(b"late", sub_id="gone"))
    assert library.wait_said(1) == ["publish|t|-|-|-|late"]
    client.set_last_chance_message_handler(None)
    client.set_global_command_type_message_handler("ack", handler)
    client.publish_flush(5000)
    assert library.wait_said(2)[1] == "ack|-|-|-|processed|"


def test_it_can_be_called_by_hand(library):
    """With what the program set: also by way of a dispatcher of its own."""
    handler = AMPS.CMessageHandler(library.c.write_down)
    message = AMPS.Message().set_command("publish").set_topic('a"b').set_sub_id("s")
    handler(message.set_data("body"))
    handler(message.set_topic("x" * 5000))
    handler(AMPS.Message())
    assert library.said() == ['publish|a"b|-|s|-|body', f"publish|{'x' * 256}|-|s|-|body"] + [
        "-|-|-|-|-|"
    ]
    for wrong in (None, "message", AMPS.Command("sow")):
        with pytest.raises(TypeError):
            handler(wrong)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ((), TypeError),
        ((None,), TypeError),
        (("count",), TypeError),
        ((print,), TypeError),
        ((1.5,), TypeError),
        ((True,), TypeError),
        ((0,), ValueError),
        ((-1,), ValueError),
        ((1 << 64,), ValueError),
        ((ctypes.c_void_p(),), ValueError),
        ((CALLBACK(),), ValueError),
        ((1, 1.5), TypeError),
        ((1, bytearray(b"x")), TypeError),
        ((1, -1), ValueError),
        ((1, 1 << 64), ValueError),
        ((1, "\ud800"), ValueError),
        ((1, "zero\0inside"), ValueError),
    ],
)
def test_what_is_no_function_or_user_data_says_so(arguments, error):
    with pytest.raises(error):
        AMPS.CMessageHandler(*arguments)


def test_it_is_initialised_once_and_not_by_halves(sandbox, log_on, library):
    handler = AMPS.CMessageHandler(library.c.write_user_data, "first")
    with pytest.raises(AMPS.UsageException):
        handler.__init__(library.c.write_user_data, "second")
    handler(AMPS.Message())
    assert library.said() == ["first"]
    with pytest.raises(TypeError):
        AMPS.CMessageHandler.__new__(AMPS.CMessageHandler)(AMPS.Message())
    client, told = log_on(sandbox), queue.Queue()
    client.set_exception_listener(told.put)
    client.subscribe(AMPS.CMessageHandler.__new__(AMPS.CMessageHandler), "t")
    client.publish("t", "x")
    assert type(told.get(timeout=5)) is TypeError
