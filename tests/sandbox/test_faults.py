"""What goes wrong on request: connections that are cut, silent or refused, commands that fail."""

import select

import pytest

from amps_sandbox import Fault, Sandbox

from .driver import Driver, frame

PUBLISH = {"c": "p", "t": "orders", "a": "processed", "cid": "1"}
ACK = frame(b'{"c":"ack","cid":"1","a":"processed","status":"success"}')


def all_bytes(driver):
    """Every byte until the end, and whether that was a reset."""
    data = b""
    driver.socket.settimeout(5)
    try:
        while chunk := driver.socket.recv(65536):
            data += chunk
    except ConnectionResetError:
        return data, True
    return data, False


def is_quiet(driver, seconds=0.15):
    """Whether nothing comes for so long, not even an end."""
    poll = select.poll()
    poll.register(driver.socket, select.POLLIN | select.POLLHUP)
    return not poll.poll(seconds * 1000)


@pytest.fixture(params=["system", "manual"])
def sandbox(request):
    with Sandbox(topics=["orders:/id"], clock=request.param) as running:
        yield running


@pytest.mark.parametrize(("action", "is_reset"), [("drop", False), ("reset", True)])
def test_a_command_is_lost_with_its_connection_but_not_what_came_before(
    sandbox, connect, action, is_reset
):
    fault = sandbox.faults.add(Fault(on="publish", action=action, sequences=(2, 3)))
    driver, other = connect(sandbox, "a"), connect(sandbox, "b")
    driver.socket.sendall(
        frame({**PUBLISH, "s": 1}, b'{"id":1}') + frame({**PUBLISH, "s": 2}, b'{"id":2}')
    )
    assert all_bytes(driver) == (ACK, is_reset)
    assert [record.body for record in sandbox.sow("orders")] == [b'{"id":1}']
    assert fault.hits == 1 and fault.is_spent
    assert other.everything_before() == []


@pytest.mark.parametrize(("action", "is_reset"), [("drop", False), ("reset", True)])
@pytest.mark.parametrize("size", [1, 3, 4, 5, 7, 56, 60, 61, 62, 70])
def test_case_57_exactly_so_many_bytes_more_are_sent(sandbox, connect, action, is_reset, size):
    sandbox.faults.add(Fault(on="publish", action=action, after_bytes=size))
    driver = connect(sandbox, "a")
    driver.socket.sendall(frame(PUBLISH, b'{"id":1}') + frame(PUBLISH, b'{"id":2}'))
    assert all_bytes(driver) == ((ACK * 2)[:size], is_reset)
    assert b'{"id":1}' in [record.body for record in sandbox.sow("orders")]


def test_no_byte_more_means_that_the_command_is_lost(sandbox, connect):
    sandbox.faults.add(Fault(on="publish", action="drop", after_bytes=0))
    driver = connect(sandbox, "a")
    driver.send(PUBLISH, b'{"id":1}')
    assert all_bytes(driver) == (b"", False)
    assert sandbox.sow("orders") == []


def test_a_connection_lives_until_it_has_sent_so_many_bytes(sandbox, connect):
    sandbox.faults.add(Fault(on="flush", action="drop", after_bytes=1000))
    driver = connect(sandbox, "a")
    assert driver.everything_before() == []
    driver.socket.sendall(frame({"c": "flush", "cid": "more", "a": "processed"}) * 30)
    assert len(driver.file.read()) == 1000 - len(ACK.replace(b'"1"', b'"flush"'))


def test_a_delivery_is_cut_in_the_middle_for_one_client_alone(sandbox, connect):
    sandbox.faults.add(Fault(on="deliver", action="drop", client="a", topic="ord.*", after_bytes=9))
    a, b = connect(sandbox, "a"), connect(sandbox, "b")
    for driver in (a, b):
        driver.subscribe("other", "0")
        driver.subscribe("orders", "1")
    sandbox.publish("other", "{}")
    sandbox.publish("orders", '{"id":1}')
    assert a.read()["t"] == b.read()["t"] == "other"
    assert a.file.read() == b.file.read(9)
    assert [client.name for client in sandbox.clients()] == ["b"]


def test_the_ack_that_triggers_it_is_not_sent_though_the_command_was_obeyed(sandbox, connect):
    sandbox.faults.add(Fault(on="ack:processed", action="reset", topic="orders"))
    driver = connect(sandbox, "a")
    driver.send(PUBLISH, b'{"id":1}')
    assert all_bytes(driver) == (b"", True)
    assert len(sandbox.sow("orders")) == 1


@pytest.mark.parametrize("on", ["publish", "ack:processed", "deliver", "logon"])
def test_case_59_a_half_open_connection_is_silent_and_stays(sandbox, connect, on):
    driver = connect(sandbox) if on == "logon" else connect(sandbox, "a")
    if on == "deliver":
        driver.subscribe("orders", "1")
    fault = sandbox.faults.add(Fault(on=on, action="half_open"))
    if on == "logon":
        driver.send({"c": "logon", "mt": "json", "client_name": "a"})
    driver.send(PUBLISH, b'{"id":1}')
    driver.send({"c": "heartbeat", "opts": "start,0.02"})
    driver.send({"c": "flush", "cid": "2", "a": "processed"})
    sandbox.wait_until(lambda: fault.hits)
    assert is_quiet(driver)
    assert connect(sandbox, "b").everything_before() == []
    assert len(sandbox.clients()) == (1 if on == "logon" else 2)
    sandbox.disconnect("a")
    assert is_quiet(driver)
    sandbox.stop()
    assert not is_quiet(driver)


def test_a_half_open_connection_may_say_a_little_before(sandbox, connect):
    sandbox.faults.add(Fault(on="flush", action="half_open", after_bytes=6))
    driver = connect(sandbox, "a")
    driver.send({"c": "flush", "cid": "1", "a": "processed"})
    assert driver.socket.recv(100) == ACK[:6]
    assert is_quiet(driver)


def test_a_beating_client_that_is_half_open_gets_no_beats(connect):
    with Sandbox(clock="manual") as sandbox:
        driver = connect(sandbox, "a")
        driver.send({"c": "heartbeat", "opts": "start,1"})
        assert driver.everything_before() == []
        sandbox.faults.add(Fault(on="heartbeat", action="half_open"))
        sandbox.clock.advance(1)
        assert driver.read()["c"] == "heartbeat"
        driver.send({"c": "heartbeat", "opts": "beat"})
        sandbox.wait_for("heartbeat", 2)
        sandbox.clock.advance(100)
        assert is_quiet(driver)


def test_a_stall_holds_everything_back_and_then_goes_on(connect):
    with Sandbox(clock="manual") as sandbox:
        sandbox.faults.add(Fault(on="publish", action="stall", seconds=5, after_bytes=7))
        driver, other = connect(sandbox, "a"), connect(sandbox, "b")
        driver.send(PUBLISH, b"x")
        driver.send({"c": "flush", "cid": "2", "a": "processed"})
        sandbox.wait_for("flush")
        assert driver.socket.recv(100) == ACK[:7]
        sandbox.clock.advance(4.9)
        assert is_quiet(driver)
        assert other.everything_before() == []
        sandbox.clock.advance(0.1)
        assert driver.file.read(len(ACK) - 7) == ACK[7:]
        assert driver.read()["cid"] == "2"
        assert driver.everything_before() == []


def test_a_stall_ends_by_itself_with_the_systems_clock(amps_sandbox, connect):
    amps_sandbox.faults.add(Fault(on="publish", action="stall", seconds=0.3))
    driver = connect(amps_sandbox, "a")
    driver.send(PUBLISH, b"x")
    assert is_quiet(driver, 0.1)
    driver.read_ack(cid="1")


def test_who_is_closed_in_a_stall_does_not_stay_for_ever(amps_sandbox, connect):
    amps_sandbox.faults.add(Fault(on="publish", action="stall", seconds=1000))
    driver = connect(amps_sandbox, "a")
    driver.send(PUBLISH, b"x")
    amps_sandbox.wait_for("publish")
    amps_sandbox.disconnect("a")
    assert all_bytes(driver)[0] == b""


def test_a_connection_is_refused_at_once(sandbox, connect):
    fault = sandbox.faults.add(Fault(on="connect", action="refuse_connect", count=2))
    for _ in range(2):
        assert connect(sandbox).is_ended()
    assert connect(sandbox, "a").everything_before() == []
    assert fault.hits == 2


def test_a_listener_that_does_not_listen_leaves_its_clients_alone(connect):
    with Sandbox(["127.0.0.1:0"] * 2, clock="manual") as sandbox:
        fault = Fault(on="time", after=3, action="refuse_connect", listener=1, seconds=10)
        sandbox.faults.add(fault)
        driver = connect(sandbox, "a", listener=1)
        sandbox.clock.advance(3)
        with pytest.raises(ConnectionRefusedError):
            connect(sandbox, listener=1)
        assert driver.everything_before() == []
        assert connect(sandbox, "b", listener=0).everything_before() == []
        sandbox.clock.advance(10)
        assert connect(sandbox, "c", listener=1).everything_before() == []


def test_a_logon_is_refused_with_a_reason(sandbox, connect):
    sandbox.faults.add(Fault(on="logon", action="refuse_logon", client="a", reason="too late"))
    assert connect(sandbox, "b").everything_before() == []
    driver = connect(sandbox)
    ack = driver.log_on("a")
    assert (ack["status"], ack["reason"]) == ("failure", "too late")
    assert driver.is_ended()
    assert connect(sandbox, "a").everything_before() == []


def test_a_logon_is_asked_for_again_so_many_times(sandbox, connect):
    fault = sandbox.faults.add(Fault(on="logon", action="logon_retry", n=2, count=0))
    for _ in range(2):
        driver = connect(sandbox)
        first, second = (driver.log_on("a", user_id="jill") for _ in range(2))
        assert first["status"] == second["status"] == "retry"
        assert first["user_id"] == "jill" and first["pw"] != second["pw"]
        assert driver.log_on("a", user_id="jill")["status"] == "success"
    assert fault.hits == 2


@pytest.mark.parametrize("status", [None, "retry"])
def test_a_command_is_rejected_and_not_obeyed(sandbox, connect, status):
    fault = Fault(on="p", action="reject", reason="not entitled", topic="orders", status=status)
    sandbox.faults.add(fault)
    driver = connect(sandbox, "a")
    driver.send({**PUBLISH, "t": "other"}, b"x")
    driver.read_ack(cid="1", status="success")
    driver.send({**PUBLISH, "s": 7, "a": "received,processed,persisted,stats"}, b"x")
    driver.read_ack(a="received", status="success")
    driver.read_ack(a="processed", status=status or "failure", reason="not entitled")
    driver.read_ack(a="persisted", status=status or "failure", reason="not entitled", s=7)
    assert driver.everything_before() == []
    assert sandbox.sow("orders") == []
    assert driver.ask(PUBLISH, b'{"id":1}')["status"] == "success"


def test_a_rejected_logon_leaves_the_connection_open(sandbox, connect):
    sandbox.faults.add(Fault(on="logon", action="reject", reason="no", listener=0))
    driver = connect(sandbox)
    assert driver.log_on("a")["reason"] == "no"
    assert driver.log_on("a")["status"] == "success"


def test_case_60_the_engine_dies_after_a_publish_and_before_its_ack(connect):
    with Sandbox(["127.0.0.1:0"] * 2, topics=["orders:/id"]) as sandbox:
        sandbox.faults.add(Fault(on="ack:processed", action="kill_engine", topic="orders"))
        a, b = connect(sandbox, "a"), connect(sandbox, "b", listener=1)
        a.send(PUBLISH, b'{"id":1}')
        assert a.is_ended() and b.is_ended()
        for listener in range(2):
            with pytest.raises(ConnectionRefusedError):
                connect(sandbox, listener=listener)
        sandbox.restart()
        again = connect(sandbox, "a", listener=1)
        again.send({**PUBLISH, "a": "processed,stats"}, b'{"id":1}')
        again.read_ack(a="processed")
        assert again.read_ack(a="stats")["records_updated"] == 1
        assert len(sandbox.sow("orders")) == 1
        sandbox.restart(keep_data=False)
        assert again.is_ended()
        assert sandbox.sow("orders") == []


def test_a_killed_engine_may_come_back_by_itself(connect):
    with Sandbox(clock="manual") as sandbox:
        sandbox.faults.add(Fault(on="flush", action="kill_engine", seconds=30))
        driver = connect(sandbox, "a")
        driver.send({"c": "flush", "cid": "1", "a": "processed"})
        assert driver.is_ended()
        sandbox.clock.advance(29)
        with pytest.raises(ConnectionRefusedError):
            connect(sandbox)
        sandbox.clock.advance(1)
        assert connect(sandbox, "a").everything_before() == []


def test_a_stopped_sandbox_cannot_be_restarted():
    with pytest.raises(RuntimeError, match="start it"):
        Sandbox().restart()


def test_a_killed_engine_closes_half_open_connections_too(amps_sandbox, connect):
    amps_sandbox.faults.add(Fault(on="flush", action="half_open"))
    driver = connect(amps_sandbox, "a")
    driver.send({"c": "flush"})
    amps_sandbox.wait_for("flush")
    amps_sandbox.restart()
    assert driver.is_ended()


def test_case_61_a_slow_reader_is_closed_and_costs_nobody_else(connect):
    lines = []
    with Sandbox(client_buffer_bytes=100_000, log=lines.append) as sandbox:
        slow, other = connect(sandbox, "slow"), connect(sandbox, "other")
        for driver in (slow, other):
            driver.subscribe("t", "1")
        sandbox.faults.add(Fault(on="deliver", action="stall", seconds=60, client="slow"))
        for number in range(120):
            sandbox.publish("t", b"x" * 1000)
            assert other.read()["t"] == "t", number
        assert slow.is_ended()
        assert [client.name for client in sandbox.clients()] == ["other"]
    assert any("'slow': closed: slow client" in line for line in lines)


def test_case_61_a_client_for_whom_a_message_waits_too_long_is_closed(connect):
    lines = []
    with Sandbox(client_message_age="10s", clock="manual", log=lines.append) as sandbox:
        slow, other = connect(sandbox, "slow"), connect(sandbox, "other")
        for driver in (slow, other):
            driver.subscribe("t", "1")
        sandbox.faults.add(Fault(on="deliver", action="stall", seconds=7, client="slow"))
        sandbox.publish("t", b"1")
        sandbox.clock.advance(7)
        sandbox.faults.add(Fault(on="deliver", action="stall", seconds=60, client="slow"))
        sandbox.publish("t", b"2")
        sandbox.clock.advance(5)
        sandbox.publish("t", b"3")
        sandbox.clock.advance(4.9)
        assert [slow.read().body, len(sandbox.clients())] == [b"1", 2]
        sandbox.clock.advance(1)
        assert slow.is_ended()
        assert [other.read().body for _ in range(3)] == [b"1", b"2", b"3"]
        assert [client.name for client in sandbox.clients()] == ["other"]
    assert any("'slow': closed: slow client: a message waited 10 s" in line for line in lines)


@pytest.mark.parametrize("age", [-1, float("nan"), float("inf"), "soon", True, None])
def test_an_age_that_is_none_is_refused(age):
    with pytest.raises(ValueError, match="client_message_age"):
        Sandbox(client_message_age=age)


def test_a_result_that_is_asked_for_may_wait(connect):
    with Sandbox(topics=["orders:/id"], client_message_age=1, clock="manual") as sandbox:
        sandbox.publish("orders", '{"id":1}')
        driver = connect(sandbox, "a")
        sandbox.faults.add(Fault(on="sow", action="stall", seconds=50))
        driver.send({"c": "sow", "t": "orders", "cid": "1"})
        sandbox.wait_for(lambda frame: frame.command == "group_end")
        sandbox.clock.advance(49)
        assert is_quiet(driver)
        sandbox.clock.advance(1)
        assert [driver.read()["c"] for _ in range(3)] == ["group_begin", "sow", "group_end"]


def test_no_message_is_too_old_for_a_half_open_connection(connect):
    with Sandbox(client_message_age=1, clock="manual") as sandbox:
        driver = connect(sandbox, "a")
        driver.subscribe("t", "1")
        sandbox.faults.add(Fault(on="deliver", action="half_open", after_bytes=2))
        for _ in range(3):
            sandbox.publish("t", b"x")
        assert len(driver.file.read(2)) == 2
        sandbox.clock.advance(10)
        assert is_quiet(driver) and len(sandbox.clients()) == 1


def test_faults_wait_for_the_start():
    sandbox = Sandbox(clock="manual")
    fault = sandbox.faults.add(Fault(on="time", after=2, action="drop", count=0))
    with sandbox:
        driver = Driver(sandbox.host, sandbox.port)
        sandbox.wait_until(lambda: driver.log_on("a"))
        sandbox.clock.advance(1.9)
        assert driver.everything_before() == []
        sandbox.clock.advance(0.1)
        assert driver.is_ended()
        driver.close()
        sandbox.clock.advance(2)
        assert fault.hits == 2
