"""Types of the AMPS module, checked against the live module by mypy's stubtest."""

from collections.abc import Callable
from typing import Any, ClassVar, Protocol, overload

from typing_extensions import Buffer, Self, TypeAlias, disjoint_base

from AMPS.authenticators import DefaultAuthenticator as DefaultAuthenticator
from AMPS.exceptions import (
    AlreadyConnected as AlreadyConnected,
)
from AMPS.exceptions import (
    AlreadyConnectedException as AlreadyConnectedException,
)
from AMPS.exceptions import (
    AMPSException as AMPSException,
)
from AMPS.exceptions import (
    AuthenticationError as AuthenticationError,
)
from AMPS.exceptions import (
    AuthenticationException as AuthenticationException,
)
from AMPS.exceptions import (
    BadFilter as BadFilter,
)
from AMPS.exceptions import (
    BadFilterException as BadFilterException,
)
from AMPS.exceptions import (
    BadRegexTopic as BadRegexTopic,
)
from AMPS.exceptions import (
    BadRegexTopicException as BadRegexTopicException,
)
from AMPS.exceptions import (
    BadSowKeyException as BadSowKeyException,
)
from AMPS.exceptions import (
    ClientNameInUse as ClientNameInUse,
)
from AMPS.exceptions import (
    CommandError as CommandError,
)
from AMPS.exceptions import (
    CommandException as CommandException,
)
from AMPS.exceptions import (
    CommandTimedOut as CommandTimedOut,
)
from AMPS.exceptions import (
    CommandTypeError as CommandTypeError,
)
from AMPS.exceptions import (
    ConnectionError as ConnectionError,
)
from AMPS.exceptions import (
    ConnectionException as ConnectionException,
)
from AMPS.exceptions import (
    ConnectionRefused as ConnectionRefused,
)
from AMPS.exceptions import (
    ConnectionRefusedException as ConnectionRefusedException,
)
from AMPS.exceptions import (
    CorruptedRecord as CorruptedRecord,
)
from AMPS.exceptions import (
    Disconnected as Disconnected,
)
from AMPS.exceptions import (
    DisconnectedException as DisconnectedException,
)
from AMPS.exceptions import (
    DuplicateLogonException as DuplicateLogonException,
)
from AMPS.exceptions import (
    InvalidBookmarkException as InvalidBookmarkException,
)
from AMPS.exceptions import (
    InvalidMessageTypeOptions as InvalidMessageTypeOptions,
)
from AMPS.exceptions import (
    InvalidOptionsException as InvalidOptionsException,
)
from AMPS.exceptions import (
    InvalidOrderByException as InvalidOrderByException,
)
from AMPS.exceptions import (
    InvalidSubIdException as InvalidSubIdException,
)
from AMPS.exceptions import (
    InvalidTopicError as InvalidTopicError,
)
from AMPS.exceptions import (
    InvalidTopicException as InvalidTopicException,
)
from AMPS.exceptions import (
    InvalidTransportOptions as InvalidTransportOptions,
)
from AMPS.exceptions import (
    InvalidTransportOptionsException as InvalidTransportOptionsException,
)
from AMPS.exceptions import (
    InvalidUriException as InvalidUriException,
)
from AMPS.exceptions import (
    InvalidUriFormat as InvalidUriFormat,
)
from AMPS.exceptions import (
    LocalStorageError as LocalStorageError,
)
from AMPS.exceptions import (
    LogonRequiredException as LogonRequiredException,
)
from AMPS.exceptions import (
    MessageTypeError as MessageTypeError,
)
from AMPS.exceptions import (
    MessageTypeException as MessageTypeException,
)
from AMPS.exceptions import (
    MessageTypeNotFound as MessageTypeNotFound,
)
from AMPS.exceptions import (
    MissingFieldsException as MissingFieldsException,
)
from AMPS.exceptions import (
    NameInUseException as NameInUseException,
)
from AMPS.exceptions import (
    NotEntitledError as NotEntitledError,
)
from AMPS.exceptions import (
    NotEntitledException as NotEntitledException,
)
from AMPS.exceptions import (
    PublishException as PublishException,
)
from AMPS.exceptions import (
    PublishStoreGapException as PublishStoreGapException,
)
from AMPS.exceptions import (
    RetryOperation as RetryOperation,
)
from AMPS.exceptions import (
    RetryOperationException as RetryOperationException,
)
from AMPS.exceptions import (
    StoreError as StoreError,
)
from AMPS.exceptions import (
    StoreException as StoreException,
)
from AMPS.exceptions import (
    StreamError as StreamError,
)
from AMPS.exceptions import (
    StreamException as StreamException,
)
from AMPS.exceptions import (
    SubidInUseException as SubidInUseException,
)
from AMPS.exceptions import (
    SubscriptionAlreadyExists as SubscriptionAlreadyExists,
)
from AMPS.exceptions import (
    SubscriptionAlreadyExistsException as SubscriptionAlreadyExistsException,
)
from AMPS.exceptions import (
    TimedOut as TimedOut,
)
from AMPS.exceptions import (
    TimedOutException as TimedOutException,
)
from AMPS.exceptions import (
    TransportError as TransportError,
)
from AMPS.exceptions import (
    TransportException as TransportException,
)
from AMPS.exceptions import (
    TransportNotFound as TransportNotFound,
)
from AMPS.exceptions import (
    TransportTypeException as TransportTypeException,
)
from AMPS.exceptions import (
    UnknownError as UnknownError,
)
from AMPS.exceptions import (
    UnknownException as UnknownException,
)
from AMPS.exceptions import (
    UsageException as UsageException,
)
from AMPS.version_info import VersionInfo as VersionInfo

VERSION: str
__version__: str

_Text: TypeAlias = str | bytes
_Data: TypeAlias = str | Buffer | None
_MessageHandler: TypeAlias = Callable[[Message], object]

class Authenticator(Protocol):
    def authenticate(self, username: str, password: str, /) -> _Text | None: ...
    def retry(self, username: str, password: str, /) -> _Text | None: ...
    def completed(self, username: str, password: str, reason: str, /) -> object: ...

class _Invocable(Protocol):
    def invoke(self, client: Any, /) -> object: ...

@disjoint_base
class Message:
    def get_data(self) -> str: ...
    def get_data_raw(self) -> bytes: ...
    def get_ack_type(self) -> str | None: ...
    def get_batch_size(self) -> str | None: ...
    def get_bookmark(self) -> str | None: ...
    def get_client_name(self) -> str | None: ...
    def get_command(self) -> str | None: ...
    def get_command_id(self) -> str | None: ...
    def get_correlation_id(self) -> str | None: ...
    def get_expiration(self) -> str | None: ...
    def get_filter(self) -> str | None: ...
    def get_group_seq_no(self) -> str | None: ...
    def get_heartbeat(self) -> str | None: ...
    def get_lease_period(self) -> str | None: ...
    def get_matches(self) -> str | None: ...
    def get_message_size(self) -> str | None: ...
    def get_message_type(self) -> str | None: ...
    def get_options(self) -> str | None: ...
    def get_order_by(self) -> str | None: ...
    def get_password(self) -> str | None: ...
    def get_query_id(self) -> str | None: ...
    def get_reason(self) -> str | None: ...
    def get_records_inserted(self) -> str | None: ...
    def get_records_returned(self) -> str | None: ...
    def get_records_updated(self) -> str | None: ...
    def get_sequence(self) -> str | None: ...
    def get_sow_deleted(self) -> str | None: ...
    def get_sow_key(self) -> str | None: ...
    def get_sow_keys(self) -> str | None: ...
    def get_status(self) -> str | None: ...
    def get_sub_id(self) -> str | None: ...
    def get_sub_ids(self) -> str | None: ...
    def get_timeout_interval(self) -> str | None: ...
    def get_timestamp(self) -> str | None: ...
    def get_top_n(self) -> str | None: ...
    def get_topic(self) -> str | None: ...
    def get_topic_matches(self) -> str | None: ...
    def get_user_id(self) -> str | None: ...
    def get_version(self) -> str | None: ...

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
    def max_depth(self, maxDepth: int) -> Self: ...
    def get_max_depth(self) -> int: ...
    def conflate(self) -> Self: ...
    def get_depth(self) -> int: ...
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
        options: _Text | None = None,
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
    def publish_flush(self, timeout: int = 0, ack_type: int = 4) -> None: ...
    def flush(self, timeout: int = 0) -> None: ...
    @overload
    def subscribe(
        self,
        topic: _Text,
        filter: _Text | None = None,
        options: _Text | int | None = None,
        timeout: int | None = 0,
        sub_id: _Text | None = None,
    ) -> MessageStream: ...
    @overload
    def subscribe(
        self,
        on_message: _MessageHandler,
        topic: _Text,
        filter: _Text | None = None,
        options: _Text | int | None = None,
        timeout: int | None = 0,
        sub_id: _Text | None = None,
    ) -> str: ...
    def unsubscribe(self, sub_id: _Text | None = None) -> None: ...
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
    def set_transport_filter(
        self, transport_filter: Callable[[bytes, bool], object] | None
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
