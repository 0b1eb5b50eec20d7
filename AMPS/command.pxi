# command.pxi: Command, what a program asks of the server, built field by field.


cdef class Command:
    """A command for `Client.execute` and `Client.execute_async`.

    `command_name` is the verb: `publish`, `delta_publish`, `subscribe`, `delta_subscribe`,
    `unsubscribe`, `sow`, `sow_and_subscribe`, `sow_and_delta_subscribe`, `sow_delete`, `flush`,
    `heartbeat`. An unknown one is refused when the command is executed. Setters return the command
    itself and take `str` or `bytes`; None or `''` takes a value back; numbers may come as digits.
    What cannot be sent raises `ValueError` or `TypeError`, and the command stays as it was. A
    command may be executed any number of times, copied and pickled.

    >>> AMPS.Command("sow").set_topic("orders").set_filter("/px > 10").set_top_n(5)
    <Command sow topic='orders' filter='/px > 10' top_n=5>
    """

    cdef object verb
    cdef object data                      # str, bytes or None
    cdef unsigned int timeout_ms          # 0: no limit
    cdef unsigned int ack_types           # what the program asked for, as bits
    cdef unsigned long long last_sequence  # of the last execution that had one
    cdef dict own                         # the fields set: {field: bytes}
    cdef object __weakref__

    def __cinit__(self):
        self.verb, self.own = "", {}

    def __init__(self, command_name=None):
        """Makes a command of that verb with nothing else set."""
        self.reset(command_name)

    # ---- For the parts that send it ----------------------------------------------------------

    cdef object fill(self, amps_header *header):
        """Adds the verb and the fields set to a header, but no ack types: those are for the sender
        to decide. Returns what must stay alive as long as the header."""
        cdef list kept = list(self.own.items())
        cdef bytes value
        for field, value in kept:
            set_field(header, <amps_field><int>field,
                      amps_slice(PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value)))
        kept.append(put_text(header, AMPS_FIELD_COMMAND, self.verb))
        return kept

    cdef Body body(self):
        """The body on its way out; it keeps the bytes alive, whatever becomes of the command."""
        cdef Body body = Body()
        body.borrow(self.data)
        return body

    cdef Command put(self, amps_field field, object value):
        value = field_bytes(field, value, False)
        if value:
            self.own[<int>field] = value
        else:
            self.own.pop(<int>field, None)
        return self

    # ---- What it is --------------------------------------------------------------------------

    def reset(self, command):
        """Makes this another command: its verb is `command`, all else is taken back."""
        verb = field_bytes(AMPS_FIELD_COMMAND, command, False) or b""
        self.verb = "publish" if verb == b"p" else verb.decode("utf-8", "replace")
        self.data = None
        self.timeout_ms = self.ack_types = 0
        self.last_sequence = 0
        self.own = {}
        return self

    def set_topic(self, value):
        """Sets the topic; a regular expression, where the command reads from topics."""
        return self.put(AMPS_FIELD_TOPIC, value)

    def set_filter(self, value):
        """Sets the content filter."""
        return self.put(AMPS_FIELD_FILTER, value)

    def set_order_by(self, value):
        """Sets the order of a query's results, such as `/price DESC`."""
        return self.put(AMPS_FIELD_ORDER_BY, value)

    def set_bookmark(self, value):
        """Sets where to start in the transaction log: a bookmark, a list or range of them, a
        timestamp, or one of `Client.Bookmarks`."""
        return self.put(AMPS_FIELD_BOOKMARK, value)

    def set_correlation_id(self, value):
        """Sets the text that subscribers get along with what is published."""
        return self.put(AMPS_FIELD_CORRELATION_ID, value)

    def set_sow_key(self, value):
        """Sets the key of the record published, where publishers supply the keys."""
        return self.put(AMPS_FIELD_SOW_KEY, value)

    def set_sow_keys(self, value):
        """Sets the keys of the records meant, as a comma-separated list."""
        return self.put(AMPS_FIELD_SOW_KEYS, value)

    def set_options(self, value):
        """Sets the options: comma-separated text, sent as it is, or a `Message.Options`. 0, as
        None and `''`, means none."""
        return self.put(AMPS_FIELD_OPTIONS, options_text(value))

    def set_command_id(self, value):
        """Sets the command id; one is made where it is needed and not set."""
        return self.put(AMPS_FIELD_COMMAND_ID, value)

    def set_sub_id(self, value):
        """Sets the subscription id; one is made where it is needed and not set."""
        return self.put(AMPS_FIELD_SUB_ID, value)

    def set_query_id(self, value):
        """Sets the query id; one is made where it is needed and not set."""
        return self.put(AMPS_FIELD_QUERY_ID, value)

    def set_data(self, value):
        """Sets the body: str, bytes or any contiguous buffer, which is copied; None: no body."""
        cdef Body body
        if value is not None and not isinstance(value, (str, bytes)):
            body = Body()
            body.borrow(value)
            value = PyBytes_FromStringAndSize(body.bytes.at, body.bytes.size)
        self.data = value
        return self

    def set_batch_size(self, value):
        """Sets how many records the server may send in one frame."""
        return self.put(AMPS_FIELD_BATCH_SIZE, value)

    def set_expiration(self, value):
        """Sets the lifetime, in seconds, of what is published."""
        return self.put(AMPS_FIELD_EXPIRATION, value)

    def set_top_n(self, value):
        """Sets how many records a query returns at most; 0 asks for its statistics alone."""
        return self.put(AMPS_FIELD_TOP_N, value)

    def set_sequence(self, value):
        """Sets the publisher's sequence number; a publish store gives its own."""
        return self.put(AMPS_FIELD_SEQUENCE, value)

    def set_timeout(self, value):
        """Sets for how many milliseconds `execute` waits for the server's word; 0 means forever.
        Raises `UsageException` for a negative one. It is not sent."""
        self.timeout_ms = milliseconds(value)
        return self

    # ---- Ack types ---------------------------------------------------------------------------

    def add_ack_type(self, value):
        """Asks for acks of these types too: a name of `Message.AckType`, a comma-separated list of
        names, or a mask. Raises `CommandException` for an unknown name."""
        self.ack_types |= ack_mask(value)
        return self

    def set_ack_type(self, value):
        """Asks for acks of these types and no others, as `add_ack_type` takes them; None or `''`
        asks for none. Those that the library needs itself it adds when it sends."""
        self.ack_types = ack_mask(value)
        return self

    def set_ack_type_enum(self, value):
        """The same as `set_ack_type`, from a mask such as `Message.AckType.ProcessedEnum |
        Message.AckType.CompletedEnum`."""
        if not isinstance(value, int) or isinstance(value, bool):
            raise TypeError(f"ack types must be an int here, not {type(value).__name__}")
        self.ack_types = ack_mask(value)
        return self

    def get_ack_type(self):
        """The ack types asked for, as a comma-separated list; `''` when there are none."""
        return ack_list(self.ack_types)

    def get_ack_type_enum(self):
        """The ack types asked for, as a mask."""
        return self.ack_types

    def get_sequence(self):
        """The sequence number that the last execution used, 0 when it had none."""
        return self.last_sequence

    # ---- What was set, to be read back -------------------------------------------------------

    cdef object text(self, amps_field field):
        cdef object value = self.own.get(<int>field)
        if value is None:
            return None
        return int(value) if field in NUMBER_FIELDS else value.decode("utf-8", "replace")

    @property
    def command(self):
        """The verb."""
        return self.verb

    @property
    def timeout(self):
        """The limit set for `execute`, in milliseconds; 0: none."""
        return self.timeout_ms

    ack_type = property(get_ack_type)

    @property
    def topic(self):
        """The topic set, or None."""
        return self.text(AMPS_FIELD_TOPIC)

    @property
    def filter(self):
        """The content filter set, or None."""
        return self.text(AMPS_FIELD_FILTER)

    @property
    def order_by(self):
        """The order set, or None."""
        return self.text(AMPS_FIELD_ORDER_BY)

    @property
    def bookmark(self):
        """The bookmark set, or None."""
        return self.text(AMPS_FIELD_BOOKMARK)

    @property
    def correlation_id(self):
        """The correlation id set, or None."""
        return self.text(AMPS_FIELD_CORRELATION_ID)

    @property
    def sow_key(self):
        """The SOW key set, or None."""
        return self.text(AMPS_FIELD_SOW_KEY)

    @property
    def sow_keys(self):
        """The SOW keys set, or None."""
        return self.text(AMPS_FIELD_SOW_KEYS)

    @property
    def options(self):
        """The options set, as text, or None."""
        return self.text(AMPS_FIELD_OPTIONS)

    @property
    def command_id(self):
        """The command id set, or None."""
        return self.text(AMPS_FIELD_COMMAND_ID)

    @property
    def sub_id(self):
        """The subscription id set, or None."""
        return self.text(AMPS_FIELD_SUB_ID)

    @property
    def query_id(self):
        """The query id set, or None."""
        return self.text(AMPS_FIELD_QUERY_ID)

    @property
    def batch_size(self):
        """The batch size set, an int, or None."""
        return self.text(AMPS_FIELD_BATCH_SIZE)

    @property
    def expiration(self):
        """The lifetime set, an int, in seconds, or None."""
        return self.text(AMPS_FIELD_EXPIRATION)

    @property
    def top_n(self):
        """The number of records set, an int, or None."""
        return self.text(AMPS_FIELD_TOP_N)

    # ---- As an object ------------------------------------------------------------------------

    def __repr__(self):
        cdef list parts = [_exceptions.shown(self.verb or "without a verb")]
        for field, value in self.own.items():
            if field in NUMBER_FIELDS:
                parts.append(f"{FIELD_NAMES[field]}={value.decode()}")
            else:
                text = _exceptions.shown(value.decode("utf-8", "replace"))
                parts.append(f"{FIELD_NAMES[field]}='{text}'")
        if self.ack_types != 0:
            parts.append(f"ack_type={ack_list(self.ack_types)!r}")
        if self.timeout_ms != 0:
            parts.append(f"timeout={self.timeout_ms}")
        if self.data is not None:
            kind = "characters" if isinstance(self.data, str) else "bytes"
            parts.append(f"data of {len(self.data)} {kind}")
        return f"<{type(self).__name__} {' '.join(parts)}>"

    def __reduce__(self):
        named = {FIELD_NAMES[field]: value for field, value in self.own.items()}
        what = (self.verb, self.data, self.timeout_ms, self.ack_types, self.last_sequence, named)
        return _command_from, (type(self), *what), getattr(self, "__dict__", None)


def _command_from(cls, verb, data, timeout_ms, ack_types, last_sequence, named):
    """Makes a command again from what copy or pickle kept of it."""
    cdef Command command = cls.__new__(cls)
    command.reset(verb)
    command.set_data(data).set_timeout(timeout_ms).set_ack_type_enum(ack_types)
    command.last_sequence = last_sequence
    for name, value in named.items():
        command.put(<amps_field><int>FIELD_OF_NAME[name], value)
    return command


cdef enum:
    TEST_HEADER_SIZE = 65536


def _as_sent(thing):
    """The header and the body of a `Command` or `Message` on the wire, for unit tests."""
    cdef amps_header header
    cdef Body body
    cdef bytearray out = bytearray(TEST_HEADER_SIZE)
    header.present = 0
    if isinstance(thing, Command):
        kept, body = (<Command>thing).fill(&header), (<Command>thing).body()
    else:
        kept, body = (<Message?>thing).fill(&header), (<Message>thing).body()
    size = amps_header_prepare(&header, <char *>out, TEST_HEADER_SIZE)
    return bytes(out[:size]), PyBytes_FromStringAndSize(body.bytes.at, body.bytes.size)
