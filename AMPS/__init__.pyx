"""A client for AMPS servers.

A `Client` connects, logs on, publishes and subscribes; what goes wrong is an `AMPSException`. Try
it against the sandbox server that comes along:

    import AMPS
    from amps_sandbox import Sandbox

    with Sandbox() as server, AMPS.Client("example") as client:
        client.connect(server.uri("json"))
        client.logon()
        stream = client.subscribe("messages")
        client.publish("messages", '{"hi": "Hello, world!"}')
        print(next(stream).get_data())

All of the module is this one file; its parts (`AMPS.uri`, `AMPS.exceptions`, ...) are inside it.
"""
import os.path as _os_path
import sys as _sys
from importlib.machinery import ExtensionFileLoader as _Loader, ModuleSpec as _ModuleSpec

include "facts.pxi"  # VERSION and _PARTS, written by the build

__version__ = VERSION

# Absolute, because Python 3.9 may name the file relative to a folder the program leaves later.
_FILE = _os_path.abspath(__file__)


class _PartFinder:
    """Finds the module's parts in its own file, as zipimport finds modules in an archive.

    Python asks the hooks in sys.path_hooks about each entry of a package's __path__; ours is this
    very file.
    """

    def __init__(self, path):
        if path != _FILE:
            raise ImportError("not the file of AMPS", path=path)

    def find_spec(self, fullname, target=None):
        package, _, name = fullname.rpartition(".")
        if package != __name__ or name not in _PARTS:
            return None
        spec = _ModuleSpec(fullname, _Loader(fullname, _FILE), origin=_FILE)
        spec.has_location = True
        return spec

    def iter_modules(self, prefix=""):
        """Lists the parts, for pkgutil and help()."""
        for name in sorted(_PARTS):
            yield prefix + name, False


__path__ = [_FILE]
__spec__.submodule_search_locations = __path__
_sys.path_hooks.append(_PartFinder)

from AMPS.authenticators import DefaultAuthenticator
from AMPS.composite import CompositeMessageBuilder, CompositeMessageParser
from AMPS.conflating_recovery_points import ConflatingRecoveryPointAdapter
from AMPS.core import (
    CMessageHandler,
    Client,
    Command,
    HAClient,
    HybridPublishStore,
    MMapBookmarkStore,
    MemoryBookmarkStore,
    MemoryPublishStore,
    Message,
    MessageStream,
    PublishStore,
    RingBookmarkStore,
    Store,
)
from AMPS.delay_strategies import ExponentialDelayStrategy, FixedDelayStrategy
from AMPS.exceptions import (
    AMPSException,
    AlreadyConnected,
    AlreadyConnectedException,
    AuthenticationError,
    AuthenticationException,
    BadFilter,
    BadFilterException,
    BadRegexTopic,
    BadRegexTopicException,
    BadSowKeyException,
    ClientNameInUse,
    CommandError,
    CommandException,
    CommandTimedOut,
    CommandTypeError,
    ConnectionError,
    ConnectionException,
    ConnectionRefused,
    ConnectionRefusedException,
    CorruptedRecord,
    Disconnected,
    DisconnectedException,
    DuplicateLogonException,
    InvalidBookmarkException,
    InvalidMessageTypeOptions,
    InvalidOptionsException,
    InvalidOrderByException,
    InvalidSubIdException,
    InvalidTopicError,
    InvalidTopicException,
    InvalidTransportOptions,
    InvalidTransportOptionsException,
    InvalidUriException,
    InvalidUriFormat,
    LocalStorageError,
    LogonRequiredException,
    MessageTypeError,
    MessageTypeException,
    MessageTypeNotFound,
    MissingFieldsException,
    NameInUseException,
    NotEntitledError,
    NotEntitledException,
    PublishException,
    PublishStoreGapException,
    RetryOperation,
    RetryOperationException,
    StoreError,
    StoreException,
    StreamError,
    StreamException,
    SubidInUseException,
    SubscriptionAlreadyExists,
    SubscriptionAlreadyExistsException,
    TimedOut,
    TimedOutException,
    TransportError,
    TransportException,
    TransportNotFound,
    TransportTypeException,
    UnknownError,
    UnknownException,
    UsageException,
)
from AMPS.fix import FIXBuilder, FIXShredder, NVFIXBuilder, NVFIXShredder
from AMPS.reasons import Reason
from AMPS.recovery_points import RecoveryPoint, SOWRecoveryPointAdapter
from AMPS.server_choosers import DefaultServerChooser
from AMPS.version_info import VersionInfo
