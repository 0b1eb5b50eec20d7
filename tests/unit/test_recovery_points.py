"""Recovery points, and what the adapter for a SOW topic makes of odd arguments and clients."""

import json
import sys

import pytest

import AMPS
from AMPS.recovery_points import MS_MAX, report


class FakeClient:
    """A client whose server takes everything, or that fails as the test says."""

    def __init__(self, problem=None):
        self.problem = problem
        self.calls = []

    def get_name(self):
        return "store"

    def _call(self, *call):
        self.calls.append(call)
        if self.problem is not None:
            raise self.problem

    def publish(self, topic, data):
        self._call("publish", topic, json.loads(data))

    def sow_delete(self, topic, filter, timeout):
        self._call("sow_delete", topic, filter, timeout)

    def publish_flush(self, timeout):
        self._call("publish_flush", timeout)

    def close(self):
        self.calls.append(("close",))


@pytest.fixture
def client():
    return FakeClient()


@pytest.fixture
def unraisable(monkeypatch):
    """What reached sys.unraisablehook."""
    found = []
    monkeypatch.setattr(sys, "unraisablehook", lambda told: found.append(told.exc_value))
    return found


def adapter_of(client, **options):
    return AMPS.SOWRecoveryPointAdapter(client, "tracked", **options)


def bookmarks(client):
    return [call[2]["bookmark"] for call in client.calls if call[0] == "publish"]


def test_a_recovery_point_is_a_sub_id_and_its_bookmarks():
    point = AMPS.RecoveryPoint("orders", "1|2|,3|4|")
    assert (point.get_sub_id(), point.get_bookmark()) == ("orders", "1|2|,3|4|")
    assert point == AMPS.RecoveryPoint(sub_id=b"orders", bookmark=b"1|2|,3|4|")
    assert len({point, AMPS.RecoveryPoint("orders", "1|2|,3|4|")}) == 1
    assert point != AMPS.RecoveryPoint("orders", "1|2|") and point != ("orders", "1|2|,3|4|")
    assert repr(point) == "RecoveryPoint('orders', '1|2|,3|4|')"


@pytest.mark.parametrize("arguments", [(), (None, None), ("", ""), (b"",)])
def test_an_empty_recovery_point_is_false_and_has_empty_text(arguments):
    point = AMPS.RecoveryPoint(*arguments)
    assert not point and (point.get_sub_id(), point.get_bookmark()) == ("", "")


@pytest.mark.parametrize("name", ["sub_id", "bookmark"])
def test_a_recovery_point_is_made_of_text(name):
    for wrong in (7, ["x"], {}):
        with pytest.raises(TypeError, match=f"{name} must be str or bytes"):
            AMPS.RecoveryPoint(**{name: wrong})
    with pytest.raises(AMPS.UsageException, match=f"{name} .* UTF-8"):
        AMPS.RecoveryPoint(**{name: b"\xff"})


def test_an_update_is_published_unless_nothing_has_changed(client):
    adapter = adapter_of(client)
    for bookmark in ("1|1|", "1|1|", "1|2|", "1|1|"):
        adapter.update(AMPS.RecoveryPoint("orders", bookmark))
    adapter.update(AMPS.RecoveryPoint("trades", "1|1|"))
    assert bookmarks(client) == ["1|1|", "1|2|", "1|1|", "1|1|"]
    assert client.calls[0] == (
        "publish",
        "/ADMIN/bookmark_store",
        {"clientName": "tracked", "subId": "orders", "bookmark": "1|1|"},
    )


def test_case_75_an_update_that_fails_reaches_the_listener_and_is_tried_again(client):
    """Case 75 of ha.md, its second half."""
    told = []
    adapter = adapter_of(client)
    adapter.set_exception_listener(told.append)
    adapter.update(AMPS.RecoveryPoint("orders", "1|1|"))
    client.problem = AMPS.DisconnectedException("gone")
    for _ in range(2):
        adapter.update(AMPS.RecoveryPoint("orders", "1|2|"))
    client.problem = None
    adapter.update(AMPS.RecoveryPoint("orders", "1|2|"))
    adapter.update(AMPS.RecoveryPoint("orders", "1|2|"))
    assert [str(each) for each in told] == ["gone", "gone"]
    assert bookmarks(client) == ["1|1|", "1|2|", "1|2|", "1|2|"]


def test_after_a_failed_update_the_older_point_is_published_again(client):
    """It is not known which of the two the server has."""
    adapter = adapter_of(client)
    adapter.set_exception_listener([].append)
    adapter.update(AMPS.RecoveryPoint("orders", "1|1|"))
    client.problem = AMPS.DisconnectedException("gone")
    adapter.update(AMPS.RecoveryPoint("orders", "1|2|"))
    client.problem = None
    adapter.update(AMPS.RecoveryPoint("orders", "1|1|"))
    assert bookmarks(client) == ["1|1|", "1|2|", "1|1|"]


def test_without_a_listener_a_failed_update_reaches_the_unraisable_hook(client, unraisable):
    client.problem = AMPS.DisconnectedException("gone")
    adapter_of(client).update(AMPS.RecoveryPoint("orders", "1|2|"))
    assert unraisable == [client.problem]


def test_a_listener_that_fails_is_told_of_itself(unraisable):
    failure = ValueError("the listener's own")

    def listener(problem):
        raise failure

    report(KeyError("first"), listener)
    assert unraisable == [failure]


def test_an_update_may_raise_where_that_is_asked_for(client):
    client.problem = AMPS.DisconnectedException("gone")
    adapter = adapter_of(client, update_failure_throws=True)
    with pytest.raises(AMPS.DisconnectedException):
        adapter.update(AMPS.RecoveryPoint("orders", "1|2|"))
    with pytest.raises(AMPS.DisconnectedException):
        adapter.close()
    assert client.calls[-1] == ("close",)


@pytest.mark.parametrize("point", [None, 7, ("orders", "1|1|"), AMPS.RecoveryPoint()])
def test_what_is_no_recovery_point_is_told_and_not_published(client, point):
    told = []
    adapter = adapter_of(client)
    adapter.set_exception_listener(told.append)
    adapter.update(point)
    assert isinstance(told[0], (AttributeError, AMPS.UsageException)) and not client.calls


@pytest.mark.parametrize(
    ("sub_id", "literal"),
    [("a", "'a'"), ("it's", r"'it\'s'"), ("\\", r"'\\'"), ("\\'", r"'\\\''"), ('"', "'\"'")],
)
def test_a_purge_quotes_what_it_is_given(client, sub_id, literal):
    adapter = adapter_of(client, timeout_millis=7.9)
    adapter.purge(sub_id)
    rule = f"/clientName = 'tracked' AND /subId = {literal}"
    assert client.calls == [("sow_delete", "/ADMIN/bookmark_store", rule, 7)]


def test_a_purge_forgets_what_was_published_and_raises_its_failure(client):
    adapter = adapter_of(client)
    for purge in (lambda: adapter.purge(), lambda: adapter.purge(sub_id=b"orders")):
        adapter.update(AMPS.RecoveryPoint("orders", "1|1|"))
        purge()
    adapter.update(AMPS.RecoveryPoint("orders", "1|1|"))
    assert bookmarks(client) == ["1|1|"] * 3
    client.problem = AMPS.TimedOutException("late")
    with pytest.raises(AMPS.TimedOutException):
        adapter.purge()
    for wrong, kind in (("", AMPS.UsageException), (7, TypeError)):  # never taken for "all"
        with pytest.raises(kind, match="sub_id"):
            adapter.purge(wrong)


def test_close_flushes_and_closes_once(client):
    adapter = adapter_of(client, timeout_millis=70)
    adapter.prune()
    adapter.close("orders", "1|1|")
    adapter.close()
    assert client.calls == [("publish_flush", 70), ("close",)]
    told = []
    adapter.set_exception_listener(told.append)
    adapter.update(AMPS.RecoveryPoint("orders", "1|1|"))
    assert "after close" in str(told[0]) and len(client.calls) == 2


def test_close_may_leave_the_client_open_and_tells_of_a_failed_flush(client):
    told = []
    client.problem = AMPS.TimedOutException("late")
    adapter = adapter_of(client, close_client=False)
    adapter.set_exception_listener(exception_listener=told.append)
    assert adapter.get_exception_listener() == told.append
    adapter.close()
    assert client.calls == [("publish_flush", 5000)] and told == [client.problem]


@pytest.mark.parametrize("name", ["topic", "client_name_field", "sub_id_field", "bookmark_field"])
def test_names_must_be_text_that_can_stand_where_it_is_used(client, name):
    for wrong in (7, ["x"]):
        with pytest.raises(TypeError, match=f"{name} must be str or bytes"):
            adapter_of(client, **{name: wrong})
    for wrong in ("", None):
        with pytest.raises(AMPS.UsageException, match=f"{name} is empty"):
            adapter_of(client, **{name: wrong})
    if name != "topic":
        for wrong in ("a b", "a'", "/a", 'a"', "a = 1 OR /b", "ä", "a\n"):
            with pytest.raises(AMPS.UsageException, match=f"{name} is "):
                adapter_of(client, **{name: wrong})


def test_the_fields_must_differ(client):
    with pytest.raises(AMPS.UsageException, match="alike"):
        adapter_of(client, sub_id_field="bookmark")


def test_the_tracked_client_cannot_keep_its_own_points(client):
    for wrong in ("", None):
        with pytest.raises(AMPS.UsageException, match="tracked_client_name is empty"):
            AMPS.SOWRecoveryPointAdapter(client, wrong)
    with pytest.raises(AMPS.UsageException, match="'store'"):
        AMPS.SOWRecoveryPointAdapter(client, "store")
    with pytest.raises(AMPS.UsageException, match="'same'"):
        AMPS.SOWRecoveryPointAdapter(AMPS.Client("same"), "same")


@pytest.mark.parametrize("wrong", [-1, float("nan"), float("inf"), MS_MAX + 1, "1", None])
def test_a_timeout_is_a_number_of_milliseconds(client, wrong):
    with pytest.raises((TypeError, AMPS.UsageException), match="timeout_millis must be"):
        adapter_of(client, timeout_millis=wrong)


def test_a_listener_is_callable_or_none(client):
    adapter = adapter_of(client)
    with pytest.raises(TypeError, match="exception_listener must be callable or None, not int"):
        adapter.set_exception_listener(7)
    adapter.set_exception_listener(None)
    assert adapter.get_exception_listener() is None
