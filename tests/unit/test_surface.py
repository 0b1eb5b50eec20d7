"""Every public name that programs know is there, with the parameters they may name."""

import inspect
import weakref

import pytest

import AMPS

HANDLER = "message_handler"

CLIENT = {
    "add_connection_state_listener": ["listener_callable"],
    "add_http_preflight_header": ["header"],
    "add_http_preflight_header_key_value": ["key", "value"],
    "add_message_handler": ["command_id", HANDLER, "acks", "is_subscribe"],
    "allocate_message": [],
    "clear_http_preflight_headers": [],
    "close": [],
    "connect": ["uri"],
    "convert_version_to_number": ["version"],
    "delta_publish": ["topic", "data", "expiration"],
    "disconnect": [],
    "execute": ["command"],
    "execute_async": ["command", "on_message"],
    "flush": ["timeout"],
    "get_ack_batch_size": [],
    "get_ack_timeout": [],
    "get_auto_ack": [],
    "get_connection_name": [],
    "get_default_max_depth": [],
    "get_duplicate_message_handler": [],
    "get_error_on_publish_gap": [],
    "get_exception_listener": [],
    "get_logon_correlation_data": [],
    "get_name": [],
    "get_name_hash": [],
    "get_name_hash_value": [],
    "get_retry_on_disconnect": [],
    "get_server_version": [],
    "get_server_version_info": [],
    "get_ssl": [],
    "get_unpersisted_count": [],
    "get_uri": [],
    "logon": ["timeout", "authenticator", "options"],
    "name": [],
    "publish": ["topic", "data", "expiration", "correlation_id", "sow_key"],
    "publish_flush": ["timeout", "ack_type"],
    "remove_connection_state_listener": ["listener_callable"],
    "remove_message_handler": ["command_id"],
    "send": ["message", HANDLER, "timeout"],
    "set_ack_batch_size": ["batch_size"],
    "set_ack_timeout": ["timeout"],
    "set_auto_ack": ["enabled"],
    "set_default_max_depth": ["depth"],
    "set_disconnect_handler": ["client_disconnect_handler"],
    "set_duplicate_message_handler": [HANDLER],
    "set_error_on_publish_gap": ["error_on_publish_gap"],
    "set_exception_listener": ["exception_listener"],
    "set_failed_write_handler": ["failedWriteHandler", "failed_write_handler"],
    "set_global_command_type_message_handler": ["command", HANDLER],
    "set_heartbeat": ["interval_seconds", "timeout_seconds"],
    "set_last_chance_message_handler": [HANDLER],
    "set_logon_correlation_data": ["logon_correlation_data"],
    "set_name": ["name"],
    "set_bookmark_store": ["bookmark_store"],
    "set_publish_store": ["publish_store"],
    "set_publish_batching": ["batchSize", "batchTimeoutMillis", "batch_size"]
    + ["batch_timeout_millis"],
    "set_retry_on_disconnect": ["enabled"],
    "set_transport_filter": ["transport_filter_callable"],
    "set_thread_created_callback": ["thread_created_callable"],
    "start_timer": [],
    "stop_timer": ["handler"],
    "unsubscribe": ["sub_id"],
}
STREAM = {
    "batch": ["count", "timeout"],
    "close": [],
    "conflate": [],
    "get_depth": [],
    "get_max_depth": [],
    "max_depth": ["maxDepth", "max_depth"],
    "next": [],
    "timeout": ["timeout"],
}
COMMAND = {
    "add_ack_type": ["value"],
    "get_ack_type": [],
    "get_ack_type_enum": [],
    "get_sequence": [],
    "reset": ["command"],
    **{
        f"set_{name}": ["value"]
        for name in (
            *("ack_type", "ack_type_enum", "batch_size", "bookmark", "command_id"),
            *("correlation_id", "data", "expiration", "filter", "options", "order_by"),
            *("query_id", "sequence", "sow_key", "sow_keys", "sub_id", "timeout", "top_n"),
            "topic",
        )
    },
}
VERSION_INFO = {
    "get_old_style_version": [],
    "get_version_number": [],
    "get_version_string": [],
    "set_version": [],
}
INFO = ["connectionInfo", "connection_info"]
CHOOSER = {
    "add": ["uri", "authenticator"],
    "add_all": ["uris"],
    "get_current_authenticator": [],
    "get_current_uri": [],
    "get_error": [],
    "next": [],
    "remove": ["uri"],
    "report_failure": ["exception", *INFO],
    "report_success": INFO,
}
DELAYS = {"get_connect_wait_duration": ["uri"], "reset": []}
ADAPTER = {
    "close": ["subid", "bookmark"],
    "get_exception_listener": [],
    "next": [],
    "prune": [],
    "purge": ["sub_id"],
    "set_exception_listener": ["exception_listener"],
    "update": ["recovery_point"],
}
CONSTRUCTORS = {
    AMPS.DefaultServerChooser: [],
    AMPS.FixedDelayStrategy: [("initial_delay", 200), ("maximum", 0)],
    AMPS.ExponentialDelayStrategy: [
        *(("initial_delay", 200), ("maximum_delay", 20000), ("backoff_exponent", 2.0)),
        *(("maximum_retry_time", 0), ("jitter", 1.0)),
    ],
    AMPS.RecoveryPoint: [("sub_id", None), ("bookmark", None)],
    AMPS.SOWRecoveryPointAdapter: [
        *("store_client", "tracked_client_name", ("timeout_millis", 5000)),
        *(("use_timestamp", False), ("close_client", True), ("update_failure_throws", False)),
        *(("topic", "/ADMIN/bookmark_store"), ("client_name_field", "clientName")),
        *(("sub_id_field", "subId"), ("bookmark_field", "bookmark")),
    ],
    AMPS.ConflatingRecoveryPointAdapter: [
        *("delegate", ("update_threshold", 10), ("timeout_millis", 2000.0)),
        ("update_interval_millis", 2000),
    ],
}
OVERLOADED = [  # their arguments are tried one by one in tests/live/test_overloads.py
    *("subscribe", "delta_subscribe", "bookmark_subscribe", "sow", "sow_and_subscribe"),
    *("sow_and_delta_subscribe", "sow_delete", "sow_delete_by_data", "sow_delete_by_keys"),
]
LISTENED = {
    "Disconnected": 0,
    "Shutdown": 1,
    "Connected": 2,
    "LoggedOn": 4,
    "PublishReplayed": 8,
    "HeartbeatInitiated": 16,
    "Resubscribed": 32,
    "UNKNOWN": 16384,
}
BOOKMARKS = {"EPOCH": "0", "MOST_RECENT": "recent", "NOW": "0|1|"}
METHODS = [
    (kind, name, parameters)
    for kind, methods in [
        (AMPS.Client, CLIENT),
        (AMPS.MessageStream, STREAM),
        (AMPS.Command, COMMAND),
        (AMPS.DefaultServerChooser, CHOOSER),
        (AMPS.FixedDelayStrategy, DELAYS),
        (AMPS.ExponentialDelayStrategy, DELAYS),
        (AMPS.RecoveryPoint, {"get_sub_id": [], "get_bookmark": []}),
        (AMPS.SOWRecoveryPointAdapter, ADAPTER),
        (AMPS.ConflatingRecoveryPointAdapter, ADAPTER),
    ]
    for name, parameters in methods.items()
]


@pytest.mark.parametrize(
    ("kind", "name", "parameters"),
    METHODS,
    ids=[f"{kind.__name__}.{name}" for kind, name, _ in METHODS],
)
def test_point_1_every_method_takes_its_parameters_by_name(kind, name, parameters):
    """Point 1 of the smoke checklist."""
    named = list(inspect.signature(getattr(kind, name)).parameters)
    assert [each for each in named if each != "self"] == parameters


@pytest.mark.parametrize("kind", CONSTRUCTORS)
def test_point_1_constructors_have_their_arguments_in_order(kind):
    """Point 1 of the smoke checklist."""
    parameters = inspect.signature(kind).parameters.values()
    found = [
        each.name if each.default is each.empty else (each.name, each.default)
        for each in parameters
        if each.kind is each.POSITIONAL_OR_KEYWORD
    ]
    assert found == CONSTRUCTORS[kind]


@pytest.mark.parametrize("name", OVERLOADED)
def test_point_1_the_nine_calls_with_two_forms_are_there(name):
    """Point 1 of the smoke checklist."""
    assert inspect.getdoc(getattr(AMPS.Client, name)).startswith(f"{name}(topic")


@pytest.mark.parametrize("owner", [AMPS.Client, AMPS.Client("x")], ids=["class", "instance"])
def test_point_1_constants_are_reached_through_class_and_instance(owner):
    """Point 1 of the smoke checklist."""
    for name, value in LISTENED.items():
        assert getattr(owner.ConnectionStateListener, name) == value
    for name, value in BOOKMARKS.items():
        assert getattr(owner.Bookmarks, name) == value


def test_nothing_public_is_missing_from_these_lists():
    public = {name for name in dir(AMPS.Client) if not name.startswith("_")}
    assert public == {*CLIENT, *OVERLOADED, "ack", "Bookmarks", "ConnectionStateListener"}
    public = {name for name in dir(AMPS.MessageStream) if not name.startswith("_")}
    assert public == {*STREAM, "ended"}
    assert set(COMMAND) <= set(dir(AMPS.Command))
    assert set(VERSION_INFO) <= set(dir(AMPS.VersionInfo))


@pytest.mark.parametrize("kind", CONSTRUCTORS)
def test_programs_may_give_them_attributes_and_refer_to_them_weakly(kind):
    class Derived(kind):
        pass

    for made in (kind.__new__(kind), Derived.__new__(Derived)):
        made.mine = "mine"
        assert weakref.ref(made)() is made


@pytest.mark.parametrize("kind", [AMPS.Client, AMPS.Command, AMPS.CMessageHandler])
def test_programs_may_derive_from_our_classes(kind):
    class Derived(kind):
        def __init__(self, *args):
            super().__init__(*args)
            self.mine = "mine"

    made = Derived(*{AMPS.CMessageHandler: [1]}.get(kind, ["sow"]))
    assert made.mine == "mine" and isinstance(made, kind)
