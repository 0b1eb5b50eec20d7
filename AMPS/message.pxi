# message.pxi: Message, what a handler or a stream is given, and what a program may fill in itself.


class _AckType:
    """The types of acks, as names and, with `Enum` behind, as bits of a mask."""

    NoneEnum = 0


class _CommandType:
    """The kinds of commands and messages, as names and, with `Enum` behind, as numbers."""

    UnknownEnum = 0


cdef int name_constants() except -1:
    """Fills in what the core knows: the words and their numbers."""
    names = ("Publish", "Subscribe", "Unsubscribe", "SOW", "Heartbeat", "SOWDelete",
             "DeltaPublish", "Logon", "SOWAndSubscribe", "DeltaSubscribe", "SOWAndDeltaSubscribe",
             "StartTimer", "StopTimer", "GroupBegin", "GroupEnd", "OOF", "Ack", "Flush")
    for i, name in enumerate(names):
        setattr(_CommandType, name, amps_command_text(<amps_command>(1 << <int>i)).decode())
        setattr(_CommandType, name + "Enum", 1 << i)
    for name, bit in ACK_BITS.items():
        setattr(_AckType, name.capitalize(), name)
        setattr(_AckType, name.capitalize() + "Enum", bit)
    for nested, name in ((_AckType, "AckType"), (_CommandType, "Command")):
        nested.__name__, nested.__qualname__ = name, f"Message.{name}"
    return 0


name_constants()


cdef class Message(MessageSetters):
    """A message from the server. It keeps its own bytes and stays good for as long as you keep it.

    Header fields come as `str`, or None where the message has no such field; numbers come as their
    digits. Reading decodes only what is asked for. Any thread may read a message.

    `Message()` is an empty one to be filled in. Setters take str, bytes or int, None takes a field
    away; they return the message, and change this object alone. Raises `ValueError` for what cannot
    stand in a header (a NUL, half a surrogate pair, a number out of range), `TypeError` for what is
    no text.

    `memoryview(message)` is the body without a copy (inside a handler, with one). Messages can be
    copied and pickled; the copies are independent.

    >>> with AMPS.Client("reader") as client:
    ...     client.connect(sandbox.uri("json"))
    ...     _ = client.logon()
    ...     stream = client.subscribe("orders")
    ...     _ = client.publish("orders", '{"id": 1}')
    ...     message = next(stream)
    >>> message.get_topic(), message.get_data(), message.get_bookmark()
    ('orders', '{"id": 1}', None)
    >>> message.topic, message.json(), bytes(memoryview(message))
    ('orders', {'id': 1}, b'{"id": 1}')
    >>> AMPS.Message().set_command("publish").set_topic("orders").set_data("{}")
    <Message publish topic='orders' 2 bytes>
    """

    AckType = _AckType
    Command = _CommandType
    Options = _Options

    def __init__(self):
        """Makes an empty message."""

    def get_data(self):
        """The body as `str`, `''` when there is none. Raises `UnicodeDecodeError` when it is not
        UTF-8: `get_data_raw` never fails."""
        return PyUnicode_DecodeUTF8(self.view.body.at, self.view.body.size, NULL)

    getData = get_data
    data = property(get_data)

    def get_data_raw(self):
        """The body as `bytes`."""
        return PyBytes_FromStringAndSize(self.view.body.at, self.view.body.size)

    def set_data(self, value):
        """Sets the body: str, bytes or any contiguous buffer, which is copied; None empties it."""
        cdef Body body
        if isinstance(value, str):
            try:
                value = PyUnicode_AsUTF8String(value)
            except UnicodeEncodeError as problem:
                problem.reason += " (in the data of a message)"
                raise
        elif type(value) is not bytes:
            body = Body()
            body.borrow(value)
            value = PyBytes_FromStringAndSize(body.bytes.at, body.bytes.size)
        self.put_body(value)
        return self

    setData = set_data

    def json(self, **kwargs):
        """The body read by `json.loads`, which is given `kwargs`. Raises its `ValueError`, with the
        topic, for a body that is no JSON."""
        import json
        try:
            return json.loads(self.get_data(), **kwargs)
        except json.JSONDecodeError as problem:
            raise json.JSONDecodeError(f"{problem.msg} in a message on {self.named_topic()}",
                                       problem.doc, problem.pos) from None
        except UnicodeDecodeError as problem:
            problem.reason += f" in a message on {self.named_topic()}"
            raise

    def get_command_enum(self):
        """The kind of message as a number of `Message.Command`, 0 for one that has none."""
        cdef amps_slice text
        cdef object kept = borrow_text(self.raw(AMPS_FIELD_COMMAND) or b"", &text)
        return <int>amps_command_parse(text)

    def get_ack_type_enum(self):
        """The ack types as a mask of `Message.AckType`, 0 when there are none."""
        cdef amps_slice text
        cdef object kept = borrow_text(self.raw(AMPS_FIELD_ACK_TYPE) or b"", &text)
        return amps_ack_parse(text)

    def get_bookmark_seq_no(self):
        """The index that the bookmark store gave this message, 0 without one."""
        return self.view.bookmark_index

    def ack(self, options=None):
        """Acknowledges a message from a queue, through the client that received it, as
        `client.ack(message, options)`. Without effect for any other message, for one that was made
        or unpickled, and when that client is no more. Copies can be acknowledged, too."""
        client = None if self.origin is None else self.origin()
        if client is not None:
            client.ack(self, options)

    def reset(self):
        """Makes this an empty message again."""
        self.empty()

    # ---- As an object --------------------------------------------------------------------------

    cdef object named_topic(self):
        topic = self.text(AMPS_FIELD_TOPIC)
        return "no topic" if topic is None else f"topic '{_exceptions.shown(topic)}'"

    def __repr__(self):
        cdef list parts = [_exceptions.shown(self.text(AMPS_FIELD_COMMAND) or "of no kind")]
        for field in SHOWN_FIELDS:
            text = self.text(<amps_field><int>field)
            if text is not None:
                parts.append(f"{FIELD_NAMES[field]}='{_exceptions.shown(text)}'")
        return f"<{type(self).__name__} {' '.join(parts)} {self.view.body.size} bytes>"

    cdef Message duplicate(self):
        cdef Message made = type(self).__new__(type(self))
        made.become_copy_of(self)
        return made

    def __copy__(self):
        made = self.duplicate()
        if hasattr(self, "__dict__"):  # that of a program's own subclass
            made.__dict__.update(self.__dict__)
        return made

    def __deepcopy__(self, memo=None):
        """An independent copy, which stays as it is whatever becomes of this message."""
        made = self.duplicate()
        if memo is None:
            memo = {}
        memo[id(self)] = made
        if hasattr(self, "__dict__"):
            import copy
            made.__dict__.update(copy.deepcopy(self.__dict__, memo))
        return made

    def __reduce__(self):
        named = {FIELD_NAMES[field]: value for field, value in self.fields().items()}
        return (_message_from, (type(self), named, self.get_data_raw()),
                getattr(self, "__dict__", None))


# What tells one message from another at a glance; no password is among it.
cdef tuple SHOWN_FIELDS = (
    AMPS_FIELD_TOPIC, AMPS_FIELD_SUB_ID, AMPS_FIELD_QUERY_ID, AMPS_FIELD_COMMAND_ID,
    AMPS_FIELD_BOOKMARK, AMPS_FIELD_SOW_KEY, AMPS_FIELD_ACK_TYPE, AMPS_FIELD_STATUS,
    AMPS_FIELD_REASON,
)


def _message_from(cls, named, data):
    """Makes a message again from what pickle kept of it."""
    cdef Message message = cls.__new__(cls)
    message.own = {}
    for name, value in named.items():  # not `put`: a server may send what a program must not set
        message.own[FIELD_OF_NAME[name]] = bytes(value)
    return message.set_data(data) if data else message
