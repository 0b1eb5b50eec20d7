# message.pxi: Message, what a handler or a stream is given.

cdef enum:
    SMALL_SIZE = 256  # bytes of a message that lie in the object itself


cdef Py_ssize_t _WEAK_REFERENCES_AT


cdef class Message:
    """A message from the server. It keeps its own bytes and stays good for as long as you keep it.

    Header fields come as `str`, or None where the message has no such field; numbers come as their
    digits. Reading decodes only what is asked for. Any thread may read a message.

    >>> with AMPS.Client("reader") as client:
    ...     client.connect(sandbox.uri("json"))
    ...     _ = client.logon()
    ...     stream = client.subscribe("orders")
    ...     _ = client.publish("orders", '{"id": 1}')
    ...     message = next(stream)
    >>> message.get_topic(), message.get_data(), message.get_bookmark()
    ('orders', '{"id": 1}', None)
    """

    cdef amps_message view
    cdef void *apart              # bytes that came from the core and are ours to free, or NULL
    cdef char *copied             # bytes of our own making, or NULL
    cdef char small[SMALL_SIZE]
    cdef object __weakref__

    def __cinit__(self):
        memset(&self.view, 0, sizeof(self.view))
        self.apart = NULL
        self.copied = NULL

    def __dealloc__(self):
        self.forget()

    cdef inline void forget(self) noexcept:
        if self.apart is not NULL:
            amps_block_free(self.apart)
            self.apart = NULL
        if self.copied is not NULL:
            free(self.copied)
            self.copied = NULL

    cdef inline bint is_shared(self) noexcept:
        """Does anybody hold this object besides the one who asks?"""
        return self.is_held_elsewhere(1)

    cdef inline bint is_held_elsewhere(self, Py_ssize_t ours) noexcept:
        """Does anybody hold this object, weakly or not, besides `ours` references?"""
        cdef void **weak_references = <void **>(<char *><void *>self + _WEAK_REFERENCES_AT)
        return Py_REFCNT(self) > ours or weak_references[0] is not NULL

    cdef inline bint is_small(self) noexcept:
        return self.apart is NULL and self.copied is NULL

    cdef inline int copy_view(self, const amps_message *message) except -1:
        """Makes this a copy of a borrowed message. It must hold no bytes of its own."""
        cdef size_t header = message.header.size
        cdef size_t record = message.record.size
        cdef size_t size = header + record + message.body.size
        cdef char *at = self.small
        if size > SMALL_SIZE:
            self.copied = <char *>malloc(size)
            if self.copied is NULL:
                raise MemoryError(f"no memory for a message of {size} bytes")
            at = self.copied
        memcpy(at, message.header.at, header)
        if record > 0:
            memcpy(at + header, message.record.at, record)
        if message.body.size > 0:
            memcpy(at + header + record, message.body.at, message.body.size)
        if message.sub_id.size > 0:
            self.view.sub_id.at = at + (message.sub_id.at - message.header.at)
        self.view.sub_id.size = message.sub_id.size
        self.view.header = amps_slice(at, header)
        self.view.record = amps_slice(at + header, record)
        self.view.body = amps_slice(at + header + record, message.body.size)
        return 0

    cdef object text(self, amps_field field):
        cdef amps_slice value
        cdef c_bool escaped = False
        if amps_message_field(&self.view, field, &value, &escaped) != AMPS_OK:
            return None  # absent: what came from the server has been parsed once, or is empty
        if not escaped:
            return PyUnicode_DecodeUTF8(value.at, value.size, "replace")
        decoded = PyBytes_FromStringAndSize(NULL, value.size)
        cdef size_t size = amps_text_decode(value, PyBytes_AS_STRING(decoded))
        return PyUnicode_DecodeUTF8(PyBytes_AS_STRING(decoded), size, "replace")

    def get_data(self):
        """The body as `str`, `''` when there is none. Raises `UnicodeDecodeError` when it is not
        UTF-8: `get_data_raw` never fails."""
        return PyUnicode_DecodeUTF8(self.view.body.at, self.view.body.size, NULL)

    def get_data_raw(self):
        """The body as `bytes`."""
        return PyBytes_FromStringAndSize(self.view.body.at, self.view.body.size)

    def get_ack_type(self):
        """The ack's type: `received`, `processed`, `persisted`, `completed` or `stats`."""
        return self.text(AMPS_FIELD_ACK_TYPE)

    def get_batch_size(self):
        """How many records the frame of a `sow` message held."""
        return self.text(AMPS_FIELD_BATCH_SIZE)

    def get_bookmark(self):
        """The message's place in the transaction log, opaque."""
        return self.text(AMPS_FIELD_BOOKMARK)

    def get_client_name(self):
        """The client name, on a logon ack."""
        return self.text(AMPS_FIELD_CLIENT_NAME)

    def get_command(self):
        """What kind of message this is: `publish`, `sow`, `oof`, `ack`, ... (long names)."""
        return self.text(AMPS_FIELD_COMMAND)

    def get_command_id(self):
        """The id of the command that an ack answers."""
        return self.text(AMPS_FIELD_COMMAND_ID)

    def get_correlation_id(self):
        """What the publisher gave as correlation id, verbatim."""
        return self.text(AMPS_FIELD_CORRELATION_ID)

    def get_expiration(self):
        """The lifetime in seconds."""
        return self.text(AMPS_FIELD_EXPIRATION)

    def get_filter(self):
        """The content filter."""
        return self.text(AMPS_FIELD_FILTER)

    def get_group_seq_no(self):
        """The number of this batch within a query's results."""
        return self.text(AMPS_FIELD_GROUP_SEQUENCE)

    def get_heartbeat(self):
        """Obsolete."""
        return self.text(AMPS_FIELD_HEARTBEAT)

    def get_lease_period(self):
        """When the lease of a queue message ends."""
        return self.text(AMPS_FIELD_LEASE_PERIOD)

    def get_matches(self):
        """How many records matched, on a stats ack."""
        return self.text(AMPS_FIELD_MATCHES)

    def get_message_size(self):
        """The size the server gave for the data, in bytes."""
        return self.text(AMPS_FIELD_MESSAGE_SIZE)

    def get_message_type(self):
        """The message type, such as `json`."""
        return self.text(AMPS_FIELD_MESSAGE_TYPE)

    def get_options(self):
        """The options in force."""
        return self.text(AMPS_FIELD_OPTIONS)

    def get_order_by(self):
        """The order of a query's results."""
        return self.text(AMPS_FIELD_ORDER_BY)

    def get_password(self):
        """The password or challenge of a logon ack."""
        return self.text(AMPS_FIELD_PASSWORD)

    def get_query_id(self):
        """The query whose result this belongs to."""
        return self.text(AMPS_FIELD_QUERY_ID)

    def get_reason(self):
        """Why: of a failure ack or an `oof`."""
        return self.text(AMPS_FIELD_REASON)

    def get_records_inserted(self):
        """How many records were inserted, on a stats ack."""
        return self.text(AMPS_FIELD_RECORDS_INSERTED)

    def get_records_returned(self):
        """How many records a query returned."""
        return self.text(AMPS_FIELD_RECORDS_RETURNED)

    def get_records_updated(self):
        """How many records were updated, on a stats ack."""
        return self.text(AMPS_FIELD_RECORDS_UPDATED)

    def get_sequence(self):
        """The publisher's sequence number."""
        return self.text(AMPS_FIELD_SEQUENCE)

    def get_sow_deleted(self):
        """How many records a sow_delete removed."""
        return self.text(AMPS_FIELD_RECORDS_DELETED)

    def get_sow_key(self):
        """The key of the record in the SOW."""
        return self.text(AMPS_FIELD_SOW_KEY)

    def get_sow_keys(self):
        """A comma-separated list of SOW keys."""
        return self.text(AMPS_FIELD_SOW_KEYS)

    def get_status(self):
        """How a command went: `success`, `failure` or `retry`."""
        return self.text(AMPS_FIELD_STATUS)

    def get_sub_id(self):
        """The one subscription this message is delivered for."""
        return self.text(AMPS_FIELD_SUB_ID)

    def get_sub_ids(self):
        """All subscriptions of this connection that the message matched."""
        return self.text(AMPS_FIELD_SUB_IDS)

    def get_timeout_interval(self):
        """Obsolete."""
        return self.text(AMPS_FIELD_TIMEOUT_INTERVAL)

    def get_timestamp(self):
        """When the server processed the message, with option `timestamp`."""
        return self.text(AMPS_FIELD_TIMESTAMP)

    def get_top_n(self):
        """How many records at most a query returns."""
        return self.text(AMPS_FIELD_TOP_N)

    def get_topic(self):
        """The topic."""
        return self.text(AMPS_FIELD_TOPIC)

    def get_topic_matches(self):
        """How many records were looked at, on a stats ack."""
        return self.text(AMPS_FIELD_TOPIC_MATCHES)

    def get_user_id(self):
        """The publisher's user, where the server shows it."""
        return self.text(AMPS_FIELD_USER_ID)

    def get_version(self):
        """The server's version, on a logon ack."""
        return self.text(AMPS_FIELD_VERSION)


_WEAK_REFERENCES_AT = Message.__weakrefoffset__
