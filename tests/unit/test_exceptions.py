"""The exceptions: their tree (smoke point 13), what they carry, and that they are Python's own."""

import builtins
import copy
import gc
import pickle
import weakref

import pytest

import AMPS
from AMPS.exceptions import SHOWN_MAX, shown

# name: base, for every exception there is
TREE = dict(
    line.split(": ")
    for line in """\
AMPSException: Exception
AlreadyConnected: ConnectionException
AlreadyConnectedException: AlreadyConnected
AuthenticationError: ConnectionException
AuthenticationException: AuthenticationError
BadFilter: CommandException
BadFilterException: BadFilter
BadRegexTopic: CommandException
BadRegexTopicException: BadRegexTopic
BadSowKeyException: CommandException
ClientNameInUse: ConnectionException
CommandError: AMPSException
CommandException: CommandError
CommandTimedOut: CommandException
CommandTypeError: CommandException
ConnectionError: AMPSException
ConnectionException: ConnectionError
ConnectionRefused: ConnectionException
ConnectionRefusedException: ConnectionRefused
CorruptedRecord: AMPSException
Disconnected: ConnectionException
DisconnectedException: Disconnected
DuplicateLogonException: CommandException
InvalidBookmarkException: CommandException
InvalidMessageTypeOptions: ConnectionException
InvalidOptionsException: CommandException
InvalidOrderByException: CommandException
InvalidSubIdException: CommandException
InvalidTopicError: CommandException
InvalidTopicException: InvalidTopicError
InvalidTransportOptions: ConnectionException
InvalidTransportOptionsException: InvalidTransportOptions
InvalidUriException: InvalidUriFormat
InvalidUriFormat: ConnectionException
LocalStorageError: AMPSException
LogonRequiredException: CommandException
MessageTypeError: ConnectionException
MessageTypeException: MessageTypeError
MessageTypeNotFound: ConnectionException
MissingFieldsException: CommandException
NameInUseException: ClientNameInUse
NotEntitledError: CommandException
NotEntitledException: NotEntitledError
PublishException: CommandException
PublishStoreGapException: StoreException
RetryOperation: ConnectionException
RetryOperationException: RetryOperation
StoreError: AMPSException
StoreException: StoreError
StreamError: AMPSException
StreamException: StreamError
SubidInUseException: CommandException
SubscriptionAlreadyExists: CommandException
SubscriptionAlreadyExistsException: SubscriptionAlreadyExists
TimedOut: CommandException
TimedOutException: TimedOut
TransportError: ConnectionException
TransportException: TransportError
TransportNotFound: ConnectionException
TransportTypeException: ConnectionException
UnknownError: AMPSException
UnknownException: UnknownError
UsageException: AMPSException
""".splitlines()
)
NAMES = sorted(TREE)
EVERY = pytest.mark.parametrize("name", NAMES)


def test_there_are_63_and_no_other():
    found = {name for name, value in vars(AMPS.exceptions).items() if isinstance(value, type)}
    assert len(TREE) == 63
    assert found == set(TREE)


@EVERY
def test_an_exception_has_its_base_first_and_can_be_caught_by_its_older_name(name):
    exception = getattr(AMPS, name)
    base = getattr(AMPS, TREE[name], Exception)
    assert exception.__bases__[0] is base
    with pytest.raises(base):
        raise exception("no")


@EVERY
def test_an_exception_is_documented_in_one_sentence(name):
    assert getattr(AMPS, name).__doc__.splitlines()[0].endswith(".")


@EVERY
@pytest.mark.parametrize("args", [(), ("text",), ("text", OSError(2, "gone")), (1, None, b"x", 4)])
def test_an_exception_takes_any_arguments(name, args):
    error = getattr(AMPS, name)(*args)
    assert error.args == args
    assert (error.reason, error.message) == (None, None)
    assert str(error) == ": ".join(map(str, args))


@EVERY
def test_an_exception_travels_without_its_message(name):
    error = getattr(AMPS, name)("text", 7, reason="bad filter", message=lambda: "unpicklable")
    error.note = "mine"
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert type(twin) is type(error)
        assert (twin.args, twin.reason, twin.message) == (("text", 7), "bad filter", None)
        assert twin.note == "mine"


@EVERY
def test_an_exception_can_be_subclassed_and_weakly_referenced(name):
    class Mine(getattr(AMPS, name)):
        def __init__(self, code):
            super().__init__(f"code {code}", reason="because")
            self.code = code

    error = Mine(7)
    assert (str(error), error.reason, error.code) == ("code 7", "because", 7)
    seen = weakref.ref(error)
    del error
    gc.collect()
    assert seen() is None


def test_a_subclass_may_leave_our_constructor_out():
    class Mine(AMPS.DisconnectedException):
        def __init__(self):
            pass

    assert (str(Mine()), Mine().reason, Mine().message) == ("", None, None)


def test_an_unknown_keyword_is_a_mistake():
    with pytest.raises(TypeError, match="colour"):
        AMPS.AMPSException("text", colour="red")


def test_timeouts_and_connection_failures_are_python_s_own_too():
    for name in NAMES:
        exception = getattr(AMPS, name)
        timeout = name in ("TimedOut", "TimedOutException", "CommandTimedOut")
        assert issubclass(exception, TimeoutError) is timeout
        failure = issubclass(exception, AMPS.ConnectionError)
        assert issubclass(exception, builtins.ConnectionError) is failure
    with pytest.raises(builtins.ConnectionError):
        raise AMPS.DisconnectedException("gone")


def test_python_s_own_meaning_of_two_arguments_does_not_leak_in():
    error = AMPS.ConnectionException(111, "refused")
    assert type(error) is AMPS.ConnectionException
    assert str(error) == "111: refused"
    assert error.errno is None


def test_a_cause_is_kept():
    cause = OSError(111, "Connection refused")
    with pytest.raises(AMPS.ConnectionException) as caught:
        raise AMPS.ConnectionRefusedException("cannot connect") from cause
    assert caught.value.__cause__ is cause


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("bad filter", "bad filter"),
        ("größer", "größer"),
        ("", ""),
        ("a\nb\0", "a\\nb\\x00"),
        ("\ud800", "\\ud800"),
        ("\x1b[2J", "\\x1b[2J"),
        ("\N{RIGHT-TO-LEFT OVERRIDE}", "\\u202e"),
        ("x" * SHOWN_MAX, "x" * SHOWN_MAX),
        ("x" * 1_000_000, "x" * SHOWN_MAX + "..."),
    ],
)
def test_someone_else_s_text_is_shown_as_one_short_printable_line(text, line):
    assert shown(text) == line
