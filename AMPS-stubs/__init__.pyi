"""Types of the AMPS module, checked against the live module by mypy's stubtest."""

import ctypes
from collections.abc import Callable
from typing import Any, ClassVar, Protocol, overload

from typing_extensions import Self, TypeAlias, disjoint_base

from AMPS._ha import (
    BookmarkStore as _BookmarkStore,
    DelayStrategy as DelayStrategy,
    HAClient as HAClient,
    HybridPublishStore as HybridPublishStore,
    MemoryBookmarkStore as MemoryBookmarkStore,
    MemoryPublishStore as MemoryPublishStore,
    MMapBookmarkStore as MMapBookmarkStore,
    PublishStore as PublishStore,
    PublishStoreLike as _PublishStore,
    RecoveryPointAdapter as RecoveryPointAdapter,
    RingBookmarkStore as RingBookmarkStore,
    ServerChooser as ServerChooser,
    Store as Store,
)
from AMPS._message import (
    Data as _Data,
    Message as Message,
    Number as _Number,
    OptionsText as _Options,
    Text as _Text,
)
from AMPS.authenticators import DefaultAuthenticator as DefaultAuthenticator
from AMPS.composite import (
    CompositeMessageBuilder as CompositeMessageBuilder,
    CompositeMessageParser as CompositeMessageParser,
)
from AMPS.conflating_recovery_points import (
    ConflatingRecoveryPointAdapter as ConflatingRecoveryPointAdapter,
)
from AMPS.delay_strategies import (
    ExponentialDelayStrategy as ExponentialDelayStrategy,
    FixedDelayStrategy as FixedDelayStrategy,
)
from AMPS.exceptions import (
    AlreadyConnected as AlreadyConnected,
    AlreadyConnectedException as AlreadyConnectedException,
    AMPSException as AMPSException,
    AuthenticationError as AuthenticationError,
    AuthenticationException as AuthenticationException,
    BadFilter as BadFilter,
    BadFilterException as BadFilterException,
    BadRegexTopic as BadRegexTopic,
    BadRegexTopicException as BadRegexTopicException,
    BadSowKeyException as BadSowKeyException,
    ClientNameInUse as ClientNameInUse,
    CommandError as CommandError,
    CommandException as CommandException,
    CommandTimedOut as CommandTimedOut,
    CommandTypeError as CommandTypeError,
    ConnectionError as ConnectionError,
    ConnectionException as ConnectionException,
    ConnectionRefused as ConnectionRefused,
    ConnectionRefusedException as ConnectionRefusedException,
    CorruptedRecord as CorruptedRecord,
    Disconnected as Disconnected,
    DisconnectedException as DisconnectedException,
    DuplicateLogonException as DuplicateLogonException,
    InvalidBookmarkException as InvalidBookmarkException,
    InvalidMessageTypeOptions as InvalidMessageTypeOptions,
    InvalidOptionsException as InvalidOptionsException,
    InvalidOrderByException as InvalidOrderByException,
    InvalidSubIdException as InvalidSubIdException,
    InvalidTopicError as InvalidTopicError,
    InvalidTopicException as InvalidTopicException,
    InvalidTransportOptions as InvalidTransportOptions,
    InvalidTransportOptionsException as InvalidTransportOptionsException,
    InvalidUriException as InvalidUriException,
    InvalidUriFormat as InvalidUriFormat,
    LocalStorageError as LocalStorageError,
    LogonRequiredException as LogonRequiredException,
    MessageTypeError as MessageTypeError,
    MessageTypeException as MessageTypeException,
    MessageTypeNotFound as MessageTypeNotFound,
    MissingFieldsException as MissingFieldsException,
    NameInUseException as NameInUseException,
    NotEntitledError as NotEntitledError,
    NotEntitledException as NotEntitledException,
    PublishException as PublishException,
    PublishStoreGapException as PublishStoreGapException,
    RetryOperation as RetryOperation,
    RetryOperationException as RetryOperationException,
    StoreError as StoreError,
    StoreException as StoreException,
    StreamError as StreamError,
    StreamException as StreamException,
    SubidInUseException as SubidInUseException,
    SubscriptionAlreadyExists as SubscriptionAlreadyExists,
    SubscriptionAlreadyExistsException as SubscriptionAlreadyExistsException,
    TimedOut as TimedOut,
    TimedOutException as TimedOutException,
    TransportError as TransportError,
    TransportException as TransportException,
    TransportNotFound as TransportNotFound,
    TransportTypeException as TransportTypeException,
    UnknownError as UnknownError,
    UnknownException as UnknownException,
    UsageException as UsageException,
)
from AMPS.fix import (
    FIXBuilder as FIXBuilder,
    FIXShredder as FIXShredder,
    NVFIXBuilder as NVFIXBuilder,
    NVFIXShredder as NVFIXShredder,
)
from AMPS.reasons import Reason as Reason
from AMPS.recovery_points import (
    RecoveryPoint as RecoveryPoint,
    SOWRecoveryPointAdapter as SOWRecoveryPointAdapter,
)
from AMPS.server_choosers import DefaultServerChooser as DefaultServerChooser
from AMPS.version_info import VersionInfo as VersionInfo

VERSION: str
__version__: str

_MessageHandler: TypeAlias = Callable[[Message], object]
_FailedWriteHandler: TypeAlias = Callable[[Message | None, str], object]
_AckTypes: TypeAlias = str | bytes | int | None

class Authenticator(Protocol):
    def authenticate(self, username: str, password: str, /) -> _Text | None: ...
    def retry(self, username: str, password: str, /) -> _Text | None: ...
    def completed(self, username: str, password: str, reason: str, /) -> object: ...

class _Invocable(Protocol):
    def invoke(self, client: Any, /) -> object: ...

@disjoint_base
class Command:
    def __init__(self, command_name: _Text | None = None) -> None: ...
    def reset(self, command: _Text | None) -> Self: ...
    def set_topic(self, value: _Text | None) -> Self: ...
    def set_filter(self, value: _Text | None) -> Self: ...
    def set_order_by(self, value: _Text | None) -> Self: ...
    def set_bookmark(self, value: _Text | None) -> Self: ...
    def set_correlation_id(self, value: _Text | None) -> Self: ...
    def set_sow_key(self, value: _Text | None) -> Self: ...
    def set_sow_keys(self, value: _Text | None) -> Self: ...
    def set_command_id(self, value: _Text | None) -> Self: ...
    def set_sub_id(self, value: _Text | None) -> Self: ...
    def set_query_id(self, value: _Text | None) -> Self: ...
    def set_options(self, value: _Options) -> Self: ...
    def set_data(self, value: _Data) -> Self: ...
    def set_batch_size(self, value: _Number) -> Self: ...
    def set_expiration(self, value: _Number) -> Self: ...
    def set_top_n(self, value: _Number) -> Self: ...
    def set_sequence(self, value: _Number) -> Self: ...
    def set_timeout(self, value: int | None) -> Self: ...
    def add_ack_type(self, value: _AckTypes) -> Self: ...
    def set_ack_type(self, value: _AckTypes) -> Self: ...
    def set_ack_type_enum(self, value: int) -> Self: ...
    def get_ack_type(self) -> str: ...
    def get_ack_type_enum(self) -> int: ...
    def get_sequence(self) -> int: ...
    @property
    def command(self) -> str: ...
    @property
    def timeout(self) -> int: ...
    @property
    def ack_type(self) -> str: ...
    @property
    def topic(self) -> str | None: ...
    @property
    def filter(self) -> str | None: ...
    @property
    def order_by(self) -> str | None: ...
    @property
    def bookmark(self) -> str | None: ...
    @property
    def correlation_id(self) -> str | None: ...
    @property
    def sow_key(self) -> str | None: ...
    @property
    def sow_keys(self) -> str | None: ...
    @property
    def options(self) -> str | None: ...
    @property
    def command_id(self) -> str | None: ...
    @property
    def sub_id(self) -> str | None: ...
    @property
    def query_id(self) -> str | None: ...
    @property
    def batch_size(self) -> int | None: ...
    @property
    def expiration(self) -> int | None: ...
    @property
    def top_n(self) -> int | None: ...

@disjoint_base
class CMessageHandler:
    # A ctypes function, a c_void_p or an address; typeshed has no public base class of the first.
    def __init__(
        self, function: Any, user_data: _Text | int | ctypes.c_void_p | None = None
    ) -> None: ...
    def __call__(self, message: Message) -> None: ...

@disjoint_base
class MessageStream:
    def __init__(self, *args: object, **kwargs: object) -> None: ...
    def __iter__(self) -> Self: ...
    # None comes only after timeout(): without it in the type, other loops need no check.
    def __next__(self) -> Message: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, *problem: object) -> None: ...
    def __del__(self) -> None: ...
    def next(self) -> Message: ...
    def timeout(self, timeout: int) -> Self: ...
    @overload
    def max_depth(self, maxDepth: int) -> Self: ...
    @overload
    def max_depth(self, *, max_depth: int) -> Self: ...
    def get_max_depth(self) -> int: ...
    def conflate(self) -> Self: ...
    def get_depth(self) -> int: ...
    def batch(self, count: int, timeout: int | None = None) -> list[Message]: ...
    @property
    def ended(self) -> bool: ...
    def __len__(self) -> int: ...
    def __bool__(self) -> bool: ...
    def close(self) -> None: ...

class Client:
    class ConnectionStateListener:
        Disconnected: ClassVar[int]
        Shutdown: ClassVar[int]
        Connected: ClassVar[int]
        LoggedOn: ClassVar[int]
        PublishReplayed: ClassVar[int]
        HeartbeatInitiated: ClassVar[int]
        Resubscribed: ClassVar[int]
        UNKNOWN: ClassVar[int]

    class Bookmarks:
        EPOCH: ClassVar[str]
        MOST_RECENT: ClassVar[str]
        NOW: ClassVar[str]

    def __init__(self, name: _Text, *, send_buffer_size: int = ...) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, *problem: object) -> None: ...
    def connect(self, uri: _Text) -> None: ...
    def disconnect(self) -> None: ...
    def close(self) -> None: ...
    def logon(
        self,
        timeout: int = 0,
        authenticator: Authenticator | type[Authenticator] | None = None,
        options: _Options = None,
    ) -> str: ...
    def name(self) -> str: ...
    def get_name(self) -> str: ...
    def set_name(self, name: str) -> None: ...
    def get_uri(self) -> str: ...
    def get_connection_name(self) -> str: ...
    def get_name_hash(self) -> str: ...
    def get_name_hash_value(self) -> int: ...
    def get_server_version(self) -> int: ...
    def get_server_version_info(self) -> VersionInfo: ...
    def set_logon_correlation_data(self, logon_correlation_data: _Text | None) -> None: ...
    def get_logon_correlation_data(self) -> _Text | None: ...
    def publish(
        self,
        topic: _Text,
        data: _Data,
        expiration: int | None = None,
        correlation_id: _Text | None = None,
        sow_key: _Text | None = None,
    ) -> int: ...
    def delta_publish(self, topic: _Text, data: _Data, expiration: int | None = None) -> int: ...
    @overload
    def set_publish_batching(self, batchSize: int, batchTimeoutMillis: int) -> None: ...
    @overload
    def set_publish_batching(self, batchSize: int, *, batch_timeout_millis: int) -> None: ...
    @overload
    def set_publish_batching(self, *, batch_size: int, batch_timeout_millis: int) -> None: ...
    @overload
    def ack(self, message: Message, options: _Options = None) -> None: ...
    @overload
    def ack(self, topic: _Text, bookmark: _Text, options: _Options = None) -> None: ...
    def set_auto_ack(self, enabled: bool) -> None: ...
    def get_auto_ack(self) -> bool: ...
    def set_ack_batch_size(self, batch_size: int) -> None: ...
    def get_ack_batch_size(self) -> int: ...
    def set_ack_timeout(self, timeout: int) -> None: ...
    def get_ack_timeout(self) -> int: ...
    def publish_flush(self, timeout: int = 0, ack_type: int = 4) -> None: ...
    def flush(self, timeout: int = 0) -> None: ...
    @overload
    def subscribe(
        self,
        topic: _Text,
        filter: _Text | None = None,
        options: _Options = None,
        timeout: int | None = 0,
        sub_id: _Text | None = None,
    ) -> MessageStream: ...
    @overload
    def subscribe(
        self,
        on_message: _MessageHandler,
        topic: _Text,
        filter: _Text | None = None,
        options: _Options = None,
        timeout: int | None = 0,
        sub_id: _Text | None = None,
    ) -> str: ...
    @overload
    def subscribe(
        self,
        on_message: None,
        topic: _Text,
        filter: _Text | None = None,
        options: _Options = None,
        timeout: int | None = 0,
        sub_id: _Text | None = None,
    ) -> MessageStream: ...
    @overload
    def delta_subscribe(
        self,
        topic: _Text,
        filter: _Text | None = None,
        options: _Options = None,
        timeout: int | None = 0,
        sub_id: _Text | None = None,
    ) -> MessageStream: ...
    @overload
    def delta_subscribe(
        self,
        on_message: _MessageHandler,
        topic: _Text,
        filter: _Text | None = None,
        options: _Options = None,
        timeout: int | None = 0,
        sub_id: _Text | None = None,
    ) -> str: ...
    @overload
    def delta_subscribe(
        self,
        on_message: None,
        topic: _Text,
        filter: _Text | None = None,
        options: _Options = None,
        timeout: int | None = 0,
        sub_id: _Text | None = None,
    ) -> MessageStream: ...
    @overload
    def bookmark_subscribe(
        self,
        topic: _Text,
        bookmark: _Text,
        filter: _Text | None = None,
        sub_id: _Text | None = None,
        options: _Options = None,
        timeout: int | None = 0,
    ) -> MessageStream: ...
    @overload
    def bookmark_subscribe(
        self,
        on_message: _MessageHandler,
        topic: _Text,
        bookmark: _Text,
        filter: _Text | None = None,
        sub_id: _Text | None = None,
        options: _Options = None,
        timeout: int | None = 0,
    ) -> str: ...
    @overload
    def bookmark_subscribe(
        self,
        on_message: None,
        topic: _Text,
        bookmark: _Text,
        filter: _Text | None = None,
        sub_id: _Text | None = None,
        options: _Options = None,
        timeout: int | None = 0,
    ) -> MessageStream: ...
    @overload
    def sow(
        self,
        topic: _Text,
        filter: _Text | None = None,
        batch_size: _Number = 10,
        timeout: int | None = 0,
        top_n: _Number = None,
        order_by: _Text | None = None,
        bookmark: _Text | None = None,
        options: _Options = 0,
    ) -> MessageStream: ...
    @overload
    def sow(
        self,
        on_message: _MessageHandler,
        topic: _Text,
        filter: _Text | None = None,
        batch_size: _Number = 10,
        timeout: int | None = 0,
        top_n: _Number = None,
        order_by: _Text | None = None,
        bookmark: _Text | None = None,
        options: _Options = 0,
    ) -> str: ...
    @overload
    def sow(
        self,
        on_message: None,
        topic: _Text,
        filter: _Text | None = None,
        batch_size: _Number = 10,
        timeout: int | None = 0,
        top_n: _Number = None,
        order_by: _Text | None = None,
        bookmark: _Text | None = None,
        options: _Options = 0,
    ) -> MessageStream: ...
    @overload
    def sow_and_subscribe(
        self,
        topic: _Text,
        filter: _Text | None = None,
        batch_size: _Number = 1,
        oof_enabled: object = False,
        timeout: int | None = 0,
        top_n: _Number = None,
        order_by: _Text | None = None,
        bookmark: _Text | None = None,
        options: _Options = None,
    ) -> MessageStream: ...
    @overload
    def sow_and_subscribe(
        self,
        on_message: _MessageHandler,
        topic: _Text,
        filter: _Text | None = None,
        batch_size: _Number = 1,
        oof_enabled: object = False,
        timeout: int | None = 0,
        top_n: _Number = None,
        order_by: _Text | None = None,
        bookmark: _Text | None = None,
        options: _Options = None,
    ) -> str: ...
    @overload
    def sow_and_subscribe(
        self,
        on_message: None,
        topic: _Text,
        filter: _Text | None = None,
        batch_size: _Number = 1,
        oof_enabled: object = False,
        timeout: int | None = 0,
        top_n: _Number = None,
        order_by: _Text | None = None,
        bookmark: _Text | None = None,
        options: _Options = None,
    ) -> MessageStream: ...
    @overload
    def sow_and_delta_subscribe(
        self,
        topic: _Text,
        filter: _Text | None = None,
        batch_size: _Number = 1,
        oof_enabled: object = False,
        send_empties: object = False,
        timeout: int | None = 0,
        top_n: _Number = None,
        order_by: _Text | None = None,
        options: _Options = None,
    ) -> MessageStream: ...
    @overload
    def sow_and_delta_subscribe(
        self,
        on_message: _MessageHandler,
        topic: _Text,
        filter: _Text | None = None,
        batch_size: _Number = 1,
        oof_enabled: object = False,
        send_empties: object = False,
        timeout: int | None = 0,
        top_n: _Number = None,
        order_by: _Text | None = None,
        options: _Options = None,
    ) -> str: ...
    @overload
    def sow_and_delta_subscribe(
        self,
        on_message: None,
        topic: _Text,
        filter: _Text | None = None,
        batch_size: _Number = 1,
        oof_enabled: object = False,
        send_empties: object = False,
        timeout: int | None = 0,
        top_n: _Number = None,
        order_by: _Text | None = None,
        options: _Options = None,
    ) -> MessageStream: ...
    @overload
    def sow_delete(
        self,
        topic: _Text,
        filter: _Text | None = None,
        timeout: int | None = 0,
    ) -> Message: ...
    @overload
    def sow_delete(
        self,
        on_message: _MessageHandler,
        topic: _Text,
        filter: _Text | None = None,
        timeout: int | None = 0,
    ) -> str: ...
    @overload
    def sow_delete(
        self,
        on_message: None,
        topic: _Text,
        filter: _Text | None = None,
        timeout: int | None = 0,
    ) -> Message: ...
    @overload
    def sow_delete_by_data(
        self,
        topic: _Text,
        data: _Data,
        timeout: int | None = 0,
    ) -> Message: ...
    @overload
    def sow_delete_by_data(
        self,
        on_message: _MessageHandler,
        topic: _Text,
        data: _Data,
        timeout: int | None = 0,
    ) -> str: ...
    @overload
    def sow_delete_by_data(
        self,
        on_message: None,
        topic: _Text,
        data: _Data,
        timeout: int | None = 0,
    ) -> Message: ...
    @overload
    def sow_delete_by_keys(
        self,
        topic: _Text,
        keys: _Text,
        timeout: int | None = 0,
    ) -> Message: ...
    @overload
    def sow_delete_by_keys(
        self,
        on_message: _MessageHandler,
        topic: _Text,
        keys: _Text,
        timeout: int | None = 0,
    ) -> str: ...
    @overload
    def sow_delete_by_keys(
        self,
        on_message: None,
        topic: _Text,
        keys: _Text,
        timeout: int | None = 0,
    ) -> Message: ...
    def unsubscribe(self, sub_id: _Text | None = None) -> None: ...
    def execute(self, command: Command) -> MessageStream: ...
    def execute_async(self, command: Command, on_message: _MessageHandler | None) -> str: ...
    def allocate_message(self) -> Message: ...
    def send(
        self,
        message: Message,
        message_handler: _MessageHandler | None = None,
        timeout: int | None = None,
    ) -> str | None: ...
    def add_message_handler(
        self,
        command_id: _Text,
        message_handler: _MessageHandler,
        acks: _AckTypes,
        is_subscribe: object,
    ) -> None: ...
    def remove_message_handler(self, command_id: _Text) -> None: ...
    def start_timer(self) -> None: ...
    def stop_timer(self, handler: _MessageHandler | None) -> None: ...
    @staticmethod
    def convert_version_to_number(version: _Text) -> int: ...
    def set_retry_on_disconnect(self, enabled: object) -> None: ...
    def add_http_preflight_header(self, header: str | bytes) -> None: ...
    def add_http_preflight_header_key_value(self, key: str | bytes, value: str | bytes) -> None: ...
    def clear_http_preflight_headers(self) -> None: ...
    def set_error_on_publish_gap(self, error_on_publish_gap: object) -> None: ...
    def get_error_on_publish_gap(self) -> bool: ...
    def get_unpersisted_count(self) -> int: ...
    def set_publish_store(self, publish_store: _PublishStore | None) -> None: ...
    def set_bookmark_store(self, bookmark_store: _BookmarkStore | None) -> None: ...
    def get_ssl(self) -> object | None: ...
    def get_retry_on_disconnect(self) -> bool: ...
    def set_heartbeat(
        self, interval_seconds: float, timeout_seconds: float | None = None
    ) -> None: ...
    def set_exception_listener(
        self, exception_listener: Callable[[BaseException], object] | None
    ) -> None: ...
    def get_exception_listener(self) -> Callable[[BaseException], object] | None: ...
    def set_disconnect_handler(
        self, client_disconnect_handler: Callable[[Any], object] | _Invocable | None
    ) -> None: ...
    def set_last_chance_message_handler(self, message_handler: _MessageHandler | None) -> None: ...
    @overload
    def set_failed_write_handler(self, failedWriteHandler: _FailedWriteHandler | None) -> None: ...
    @overload
    def set_failed_write_handler(
        self, *, failed_write_handler: _FailedWriteHandler | None
    ) -> None: ...
    def set_global_command_type_message_handler(
        self, command: _Text, message_handler: _MessageHandler | None
    ) -> None: ...
    def set_duplicate_message_handler(self, message_handler: _MessageHandler | None) -> None: ...
    def get_duplicate_message_handler(self) -> _MessageHandler | None: ...
    def set_transport_filter(
        self, transport_filter_callable: Callable[[bytes, bool], object] | None
    ) -> None: ...
    def set_thread_created_callback(
        self, thread_created_callable: Callable[[], object] | None
    ) -> None: ...
    def add_connection_state_listener(self, listener_callable: Callable[[int], object]) -> None: ...
    def remove_connection_state_listener(
        self, listener_callable: Callable[[int], object]
    ) -> None: ...
    def set_default_max_depth(self, depth: int) -> None: ...
    def get_default_max_depth(self) -> int: ...
