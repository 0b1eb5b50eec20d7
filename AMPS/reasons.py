"""A server's reasons: their texts, and the one table from reason to exception."""

from AMPS import exceptions as _e


class Reason:
    """What a server gives as reason in an ack or an `oof`, to compare `Message.get_reason()` with.

    >>> Reason.BadFilter
    'bad filter'
    """

    Duplicate = "duplicate"
    BadFilter = "bad filter"
    BadRegexTopic = "bad regex topic"
    SubscriptionAlreadyExists = "subscription already exists"
    Deleted = "deleted"
    Expired = "expired"
    Match = "match"
    InvalidTopic = "invalid topic"
    NameInUse = "name in use"
    AuthFailure = "auth failure"
    NotEntitled = "not entitled"
    AuthDisabled = "authentication disabled"
    SubidInUse = "subid in use"
    NoTopic = "no topic"


# What a reason is about, named as the caller names it in `offending`.
_TOPIC, _FILTER, _NAME = ("topic",), ("filter",), ("client_name",)

# (reason, exception, what it is about). A server's text is compared whole, then its beginning.
_REASONS = (
    ("auth failure", _e.AuthenticationException, ()),
    ("authentication failed", _e.AuthenticationException, ()),
    ("not entitled", _e.NotEntitledException, _TOPIC),
    ("name in use", _e.NameInUseException, _NAME),
    ("logon required", _e.LogonRequiredException, ()),
    ("duplicate logon attempt", _e.DuplicateLogonException, ()),
    ("bad filter", _e.BadFilterException, _FILTER),
    ("invalid filter", _e.BadFilterException, _FILTER),
    ("bad regex topic", _e.BadRegexTopicException, _TOPIC),
    ("bad regex", _e.BadRegexTopicException, _TOPIC),
    ("invalid regex topic", _e.BadRegexTopicException, _TOPIC),
    ("regex topic not supported", _e.BadRegexTopicException, _TOPIC),
    ("invalid topic or filter", _e.InvalidTopicException, _TOPIC + _FILTER),
    ("invalid topic", _e.InvalidTopicException, _TOPIC),
    ("topic not found", _e.InvalidTopicException, _TOPIC),
    ("no such topic", _e.InvalidTopicException, _TOPIC),
    ("bad sow key", _e.BadSowKeyException, ("sow_keys",)),
    ("bad sow_key", _e.BadSowKeyException, ("sow_keys",)),
    ("invalid sow key", _e.BadSowKeyException, ("sow_keys",)),
    ("invalid bookmark", _e.InvalidBookmarkException, ("bookmark",)),
    ("bookmark not found", _e.InvalidBookmarkException, ("bookmark",)),
    ("invalid options", _e.InvalidOptionsException, ("options",)),
    ("invalid option", _e.InvalidOptionsException, ("options",)),
    ("invalid order by", _e.InvalidOrderByException, ("order_by",)),
    ("invalid orderby", _e.InvalidOrderByException, ("order_by",)),
    ("invalid sub id", _e.InvalidSubIdException, ("sub_id",)),
    ("invalid subid", _e.InvalidSubIdException, ("sub_id",)),
    ("invalid sub_id", _e.InvalidSubIdException, ("sub_id",)),
    ("subscription already exists", _e.SubscriptionAlreadyExistsException, ("sub_id",)),
    ("already exists", _e.SubscriptionAlreadyExistsException, ("sub_id",)),
    ("subid in use", _e.SubidInUseException, ("sub_id",)),
    ("sub id in use", _e.SubidInUseException, ("sub_id",)),
    ("invalid message type", _e.CommandException, ("message_type",)),
    ("timeout", _e.TimedOutException, ()),
    ("timed out", _e.TimedOutException, ()),
)
_EXACT = {reason: (exception, about) for reason, exception, about in _REASONS}

# What remains, tried in order once no reason above fits: (test, text, exception, what it is about).
_SHAPES = (
    (str.startswith, "auth", _e.AuthenticationException, ()),
    (str.__contains__, "entitle", _e.NotEntitledException, _TOPIC),
    (str.startswith, "duplicate logon", _e.DuplicateLogonException, ()),
    (str.startswith, "no ", _e.MissingFieldsException, ()),
    (str.endswith, " required", _e.MissingFieldsException, ()),
)
_DEFAULT = (_e.CommandException, ())


def exception_for(reason, command, *, offending=None, message=None):
    """Returns the exception for a command that the server refused; the caller raises it.

    `reason` is the server's text as it came, or None. `command` is the command's verb. `offending`
    maps names of header fields (topic, filter, client_name, options, sub_id, ...) to what the
    command said there; those that the reason is about are repeated in the text. `message` is the
    refusing ack. Any thread may call this.

    >>> exception_for("Bad Filter", "subscribe", offending={"topic": "a", "filter": "/px >> ("})
    BadFilterException("subscribe refused by the server: Bad Filter (filter '/px >> (')")
    """
    said = (reason or "").strip(" \t\r\n\f\v")
    exception, about = _kind(said.lower(), command)
    text = f"{command} refused by the server: {_e.shown(said) or 'it gave no reason'}"
    known = {name: (offending or {}).get(name) for name in about}
    values = ", ".join(f"{name} '{_e.shown(value)}'" for name, value in known.items() if value)
    return exception(f"{text} ({values})" if values else text, reason=reason, message=message)


def _kind(said, command):
    if not said:
        return (_e.AuthenticationException, ()) if command == "logon" else _DEFAULT
    if said in _EXACT:
        return _EXACT[said]
    for reason, exception, about in _REASONS:
        if said.startswith(reason):
            return exception, about
    for fits, text, exception, about in _SHAPES:
        if fits(said, text):
            return exception, about
    return _DEFAULT
