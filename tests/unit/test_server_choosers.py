"""Server choosers: which server comes next, and what is remembered of failures."""

import os
import signal
import threading

import pytest

import AMPS

A, B, C = (f"tcp://{host}:9007/amps/json" for host in "abc")
REFUSED = AMPS.ConnectionRefusedException("nobody there")
PATIENCE_S = 10


@pytest.fixture
def chooser():
    return AMPS.DefaultServerChooser().add(A).add(B).add(C)


def tried(chooser, count, problem=REFUSED):
    """The servers that a client tries, when each attempt ends like this."""
    found = []
    for _ in range(count):
        found.append(chooser.get_current_uri())
        chooser.report_failure(problem, {"client.uri": found[-1]})
    return found


def test_case_21_when_all_refuse_they_are_tried_in_turn(chooser):
    """Case 21 of ha.md, as far as it goes without a client."""
    assert tried(chooser, 7) == [A, B, C, A, B, C, A]


def test_case_22_a_lost_connection_is_tried_again_before_the_next_server(chooser):
    """Case 22 of ha.md, as far as it goes without a client."""
    chooser.next()
    chooser.report_success({"client.uri": B})
    chooser.report_failure(AMPS.DisconnectedException("it broke"), {"client.uri": B})
    assert chooser.get_current_uri() == B
    chooser.report_failure(AMPS.ConnectionException("it broke during logon"), {"client.uri": B})
    assert chooser.get_current_uri() == C


def test_only_a_plain_loss_of_the_connection_stays(chooser):
    class Mine(AMPS.DisconnectedException):
        pass

    chooser.report_failure(Mine("not exactly that"), {})
    assert chooser.get_current_uri() == B
    chooser.report_failure(AMPS.Disconnected("the older name"), {})
    assert chooser.get_current_uri() == C


def test_a_success_stays_and_forgets_the_error(chooser):
    assert chooser.get_error() == ""
    tried(chooser, 1)
    assert chooser.get_error() == f"{A}: nobody there"
    chooser.report_success({"client.uri": B})
    assert (chooser.get_current_uri(), chooser.get_error()) == (B, "")


def test_without_servers_there_is_none_to_try():
    chooser = AMPS.DefaultServerChooser()
    assert chooser.get_current_uri() is None
    assert isinstance(chooser.get_current_authenticator(), AMPS.DefaultAuthenticator)
    chooser.next()
    chooser.report_failure(REFUSED, {})
    assert chooser.get_current_uri() is None
    assert chooser.get_error() == "nobody there"


def test_servers_may_be_added_at_any_time_and_twice(chooser):
    chooser.next()
    chooser.next()
    assert chooser.add_all([A, B.encode()]) is chooser
    assert tried(chooser, 6) == [C, A, B, A, B, C]


def test_an_authenticator_belongs_to_its_server(chooser):
    mine = object()
    chooser.add("tcp://d:9007/amps", mine).add("tcp://e:9007/amps", AMPS.DefaultAuthenticator)
    found = []
    for _ in range(5):
        found.append(chooser.get_current_authenticator())
        chooser.next()
    assert all(isinstance(each, AMPS.DefaultAuthenticator) for each in found[:3])
    assert found[3] is mine and found[4] is AMPS.DefaultAuthenticator


@pytest.mark.parametrize(
    ("current", "removed", "then"),
    [(0, A, B), (1, A, B), (2, A, C), (1, C, B), (2, C, A), (2, "tcp://unknown:1/amps", C)],
)
def test_the_current_server_stays_when_another_is_removed(chooser, current, removed, then):
    for _ in range(current):
        chooser.next()
    assert chooser.remove(removed) is chooser
    assert chooser.get_current_uri() == then


def test_removing_takes_every_copy_and_may_take_the_last():
    chooser = AMPS.DefaultServerChooser().add_all([A, B, A, C, A])
    for _ in range(3):
        chooser.next()
    chooser.remove(A)
    assert tried(chooser, 3) == [C, B, C]
    assert chooser.remove(B).remove(C.encode()).get_current_uri() is None
    assert chooser.add(A).get_current_uri() == A


def test_no_password_is_in_the_error_text():
    chooser = AMPS.DefaultServerChooser().add("tcp://bob:hunter2@a:9007/amps/json")
    chooser.report_failure(REFUSED, None)
    assert chooser.get_error() == "tcp://bob:***@a:9007/amps/json: nobody there"
    chooser.report_failure(REFUSED, {"client.uri": "tcp://bob:hunter2@b:1/amps"})
    assert chooser.get_error() == "tcp://bob:***@b:1/amps: nobody there"
    chooser.report_failure(AMPS.ConnectionRefusedException("cannot reach tcp://bob:***@b:1/amps"))
    assert chooser.get_error().count("bob") == 2  # the current server is another


def test_a_reason_that_names_the_server_is_not_given_it_again(chooser):
    chooser.report_failure(AMPS.ConnectionRefusedException(f"cannot connect to {A}: refused"), {})
    assert chooser.get_error() == f"cannot connect to {A}: refused"


@pytest.mark.parametrize(
    ("problem", "text"),
    [(KeyError(), "KeyError"), (OSError("a\nb"), "a\\nb"), (None, "None"), ("text", "text")],
)
@pytest.mark.parametrize("info", [None, {}, {"client.uri": None}, {"client.uri": 7}, [], "x", 7])
def test_odd_reports_are_taken(chooser, problem, text, info):
    chooser.report_failure(problem, info)
    assert chooser.get_error() == f"{A}: {text}"
    assert chooser.get_current_uri() == B
    chooser.report_success(info)
    assert chooser.get_error() == ""


def test_the_arguments_have_their_published_names_and_ours(chooser):
    chooser.report_failure(exception=REFUSED, connectionInfo={"client.uri": B})
    assert chooser.get_error() == f"{B}: nobody there"
    chooser.report_failure(exception=REFUSED, connection_info={"client.uri": C})
    assert chooser.get_error() == f"{C}: nobody there"
    chooser.report_success(connection_info={})
    chooser.report_success(connectionInfo={})


@pytest.mark.parametrize("uri", [None, 7, [A], object()])
def test_what_is_no_text_is_refused(chooser, uri):
    for call in (chooser.add, chooser.remove, lambda uri: chooser.add_all([B, uri])):
        with pytest.raises(TypeError, match=f"uri must be str or bytes, not {type(uri).__name__}"):
            call(uri)
    assert tried(chooser, 4) == [A, B, C, A]


@pytest.mark.parametrize(("uri", "fault"), [("", "empty"), (b"", "empty"), (b"\xff", "UTF-8")])
def test_text_that_names_no_server_is_refused(chooser, uri, fault):
    for call in (chooser.add, lambda uri: chooser.add_all([B, uri])):
        with pytest.raises(AMPS.UsageException, match=f"uri is .*{fault}"):
            call(uri)
    assert tried(chooser, 4) == [A, B, C, A]


@pytest.mark.parametrize("uris", [A, A.encode(), None, 7])
def test_a_single_string_is_no_list_of_servers(chooser, uris):
    with pytest.raises(TypeError):
        chooser.add_all(uris)
    assert tried(chooser, 4) == [A, B, C, A]


def test_a_program_may_choose_the_next_one_itself():
    class Sticky(AMPS.DefaultServerChooser):
        def next(self):
            return None

    chooser = Sticky().add(A).add(B)
    assert tried(chooser, 3) == [A, A, A]


def test_threads_that_share_it_lose_nothing(chooser):
    start = threading.Barrier(4)

    def work():
        start.wait(PATIENCE_S)
        for _ in range(300):
            chooser.add(A)
            chooser.next()
            chooser.report_failure(REFUSED, {})
            assert chooser.get_current_uri()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(PATIENCE_S)
    seen = set(tried(chooser, 1203))
    assert seen == {A, B, C}
    chooser.remove(A)
    assert sorted(tried(chooser, 4)) == [B, B, C, C]


def test_the_child_of_a_fork_is_not_held_up_by_a_thread_of_its_parent(chooser):
    from AMPS import server_choosers

    with server_choosers._lock:  # as if another thread held it: the child's main thread does not
        answer = in_child_of_a_thread(lambda: chooser.get_current_uri() == A)
    assert answer == 0


def in_child_of_a_thread(question):
    """Forks on another thread than this one; gives the child's exit status, 0 for yes."""
    status = []

    def fork():
        child = os.fork()
        if child == 0:
            signal.alarm(PATIENCE_S)  # not even a child that hangs is left
            os._exit(0 if question() else 1)
        status.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))

    thread = threading.Thread(target=fork)
    thread.start()
    thread.join(PATIENCE_S)
    return status[0]
