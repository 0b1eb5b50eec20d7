"""The exceptions: one tree below AMPSException, old and new names of each failure.

Most failures have two names. The library raises the modern one (`BadFilterException`); the older
one (`BadFilter`) is its base, so that catching either works. What Python has a name for is that as
well: every connection failure is a builtin `ConnectionError`, every timeout a builtin
`TimeoutError`, so that code which knows nothing of AMPS can tell them apart.
"""

import builtins

SHOWN_MAX = 300  # characters of someone else's text that an error message repeats


def shown(text):
    """Returns text as one short printable line, for use in an error message.

    >>> shown("bad\\nfilter")
    'bad\\\\nfilter'
    """
    if len(text) > SHOWN_MAX:
        text = text[:SHOWN_MAX] + "..."
    return text if text.isprintable() else ascii(text)[1:-1]


class AMPSException(Exception):
    """Anything that goes wrong in this library.

    Takes any arguments; `str()` joins them. `reason` is the server's own text and `message` the
    message that failed, where there is one; `unsent` counts the publishes that were accepted and
    never reached the network before a connection broke. An exception can be pickled; its message
    stays behind.

    >>> error = AMPSException("subscribe refused", reason="bad filter")
    >>> str(error), error.reason, error.message
    ('subscribe refused', 'bad filter', None)
    """

    reason = None
    message = None
    unsent = 0

    def __init__(self, *args, reason=None, message=None):
        BaseException.__init__(self, *args)
        if reason is not None:
            self.reason = reason
        if message is not None:
            self.message = message

    def __str__(self):
        return ": ".join(map(str, self.args))

    def __reduce__(self):
        state = {name: value for name, value in self.__dict__.items() if name != "message"}
        return type(self), self.args, state


class CommandError(AMPSException):
    """A command failed (older name of CommandException)."""


class CommandException(CommandError):
    """The server refused a command, or a command cannot be sent as it is."""


class CommandTypeError(CommandException):
    """A command does not suit the call (kept for old programs; never raised)."""


class CommandTimedOut(CommandException, builtins.TimeoutError):
    """A command took too long (kept for old programs; never raised)."""


class TimedOut(CommandException, builtins.TimeoutError):
    """No answer came in time (older name of TimedOutException)."""


class TimedOutException(TimedOut):
    """No answer came in time."""


class BadFilter(CommandException):
    """The server cannot read a filter (older name of BadFilterException)."""


class BadFilterException(BadFilter):
    """The server cannot read a filter."""


class BadRegexTopic(CommandException):
    """A topic is no valid regular expression (older name of BadRegexTopicException)."""


class BadRegexTopicException(BadRegexTopic):
    """A topic is no valid regular expression, or none is allowed there."""


class BadSowKeyException(CommandException):
    """A SOW key is malformed."""


class DuplicateLogonException(CommandException):
    """This connection has logged on already."""


class InvalidBookmarkException(CommandException):
    """A bookmark is malformed or unknown to the server."""


class InvalidOptionsException(CommandException):
    """The options of a command are malformed or contradict each other."""


class InvalidOrderByException(CommandException):
    """An order-by clause is malformed."""


class InvalidSubIdException(CommandException):
    """A subscription id is malformed."""


class InvalidTopicError(CommandException):
    """A topic is missing, malformed or unknown (older name of InvalidTopicException)."""


class InvalidTopicException(InvalidTopicError):
    """A topic is missing, malformed or unknown."""


class LogonRequiredException(CommandException):
    """A command was sent before logon."""


class MissingFieldsException(CommandException):
    """A command lacks a header field that it needs."""


class NotEntitledError(CommandException):
    """The user may not do this (older name of NotEntitledException)."""


class NotEntitledException(NotEntitledError):
    """The user may not do this."""


class PublishException(CommandException):
    """The library itself refuses to publish a message."""


class SubidInUseException(CommandException):
    """A subscription id is in use on this client."""


class SubscriptionAlreadyExists(CommandException):
    """A subscription exists (older name of SubscriptionAlreadyExistsException)."""


class SubscriptionAlreadyExistsException(SubscriptionAlreadyExists):
    """The server has this subscription already."""


class ConnectionError(AMPSException, builtins.ConnectionError):
    """A connection failed (older name of ConnectionException)."""


class ConnectionException(ConnectionError):
    """A connection could not be made or kept."""


class AlreadyConnected(ConnectionException):
    """The client has a connection (older name of AlreadyConnectedException)."""


class AlreadyConnectedException(AlreadyConnected):
    """The client has a connection already."""


class AuthenticationError(ConnectionException):
    """The logon was refused (older name of AuthenticationException)."""


class AuthenticationException(AuthenticationError):
    """The logon was refused, or an authenticator could not supply credentials."""


class ClientNameInUse(ConnectionException):
    """Another connection has this client name (older name of NameInUseException)."""


class NameInUseException(ClientNameInUse):
    """Another user's connection has this client name."""


class ConnectionRefused(ConnectionException):
    """Nobody answers there (older name of ConnectionRefusedException)."""


class ConnectionRefusedException(ConnectionRefused):
    """The server cannot be reached, or does not want this connection."""


class Disconnected(ConnectionException):
    """There is no connection (older name of DisconnectedException)."""


class DisconnectedException(Disconnected):
    """There is no connection, or it was lost while waiting."""


class InvalidTransportOptions(ConnectionException):
    """A URI's parameter is wrong (older name of InvalidTransportOptionsException)."""


class InvalidTransportOptionsException(InvalidTransportOptions):
    """A parameter of a connection string is unknown or has a wrong value."""


class InvalidUriFormat(ConnectionException):
    """A connection string is malformed (older name of InvalidUriException)."""


class InvalidUriException(InvalidUriFormat):
    """A connection string is malformed."""


class InvalidMessageTypeOptions(ConnectionException):
    """A message type's options are wrong (kept for old programs; never raised)."""


class MessageTypeError(ConnectionException):
    """A protocol is unknown (older name of MessageTypeException)."""


class MessageTypeException(MessageTypeError):
    """A connection string asks for a protocol this client does not speak."""


class MessageTypeNotFound(ConnectionException):
    """A message type is unknown (kept for old programs; never raised)."""


class RetryOperation(ConnectionException):
    """A message was not sent (older name of RetryOperationException)."""


class RetryOperationException(RetryOperation):
    """Two attempts to send a message failed: it was not delivered."""


class TransportError(ConnectionException):
    """The transport failed (older name of TransportException)."""


class TransportException(TransportError):
    """The transport failed in a way that has no name of its own."""


class TransportNotFound(ConnectionException):
    """A transport is unknown (kept for old programs; never raised)."""


class TransportTypeException(ConnectionException):
    """A connection string asks for a transport this client does not have."""


class StoreError(AMPSException):
    """A store failed (older name of StoreException)."""


class StoreException(StoreError):
    """A publish or bookmark store cannot do its work."""


class PublishStoreGapException(StoreException):
    """The server lacks messages that the publish store no longer has."""


class StreamError(AMPSException):
    """The server sent something unreadable (older name of StreamException)."""


class StreamException(StreamError):
    """The server sent something unreadable."""


class UnknownError(AMPSException):
    """Something failed in an unforeseen way (older name of UnknownException)."""


class UnknownException(UnknownError):
    """Something failed in an unforeseen way."""


class UsageException(AMPSException):
    """An object or a setting was used in a way it does not allow."""


class CorruptedRecord(AMPSException):
    """A stored record is damaged (kept for old programs; never raised)."""


class LocalStorageError(AMPSException):
    """Local storage failed (kept for old programs; never raised)."""
