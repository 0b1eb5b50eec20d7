# acknowledging.pxi: acknowledgements of queue messages out, at once or gathered.

cdef amps_slice CANCEL = literal("cancel")

cdef enum:
    ACK_BATCH_MAX = 0x7FFFFFFF
    ACK_TIMEOUT_MS = 1000   # of batches, where a program does not say
    ACK_FLUSH_MS = 1000     # they have so long to leave before an unsubscribe or a close
    ACK_SLICE_MS = 10

cdef tuple _ACK_MESSAGE = ("message", "options")
cdef tuple _ACK_TOPIC = ("topic", "bookmark", "options")


cdef class Acknowledging(Storing):
    """A connection that acknowledges what comes from queues."""

    cdef object ack_batch_size
    cdef unsigned int ack_timeout_ms
    cdef bint ack_timeout_given  # by the program

    def __cinit__(self, *args, **kwargs):
        self.ack_batch_size = 1

    def ack(self, *args, **kwargs):
        """ack(message, options=None)
        ack(topic, bookmark, options=None)

        Acknowledges a message from a queue: it is done, and the server removes it. `bookmark` may
        be a comma-separated list. A message that is not from a queue is left alone.

        With `options` it leaves at once: `cancel` gives the message back to the queue, `expire`
        removes it as expired; others go to the server as they are. Without, it is gathered as
        `set_ack_batch_size` says. Never waits for the server, and is allowed in handlers; nobody
        hears whether the server has found the message. With a publish store it is stored as
        publishes are. An `HAClient` that is coming back keeps it and sends it then, before its
        subscriptions.

        Raises `DisconnectedException`, `LogonRequiredException`, `InvalidTopicException`,
        `InvalidBookmarkException`, `StoreException`.
        """
        self.check_usable("ack", True)
        if args and isinstance(args[0], Message) or "message" in kwargs:
            message, options = bind_ack(_ACK_MESSAGE, 1, args, kwargs)
            if not isinstance(message, Message):
                raise TypeError(f"message must be a Message, not {type(message).__name__}")
            self.ack_message(message, ack_options(options))
        else:
            topic, bookmark, options = bind_ack(_ACK_TOPIC, 2, args, kwargs)
            self.ack_bookmark(ack_text("topic", topic), ack_text("bookmark", bookmark),
                              ack_options(options))

    cdef int ack_message(self, Message message, object options) except -1:
        cdef amps_message view = message.view
        cdef amps_slice with_options, sub_id
        cdef c_bool due = False
        cdef amps_status status
        cdef object kept = borrow_text(options, &with_options)
        cdef object header = message.own_header(), id = message.raw(AMPS_FIELD_SUB_ID) or b""
        if header is not None:
            borrow_text(id, &sub_id)
            view.header = amps_slice(PyBytes_AS_STRING(header), PyBytes_GET_SIZE(header))
            view.sub_id = sub_id
        status = amps_client_ack_message(self.core, &view, with_options, &due)
        if status == AMPS_END:
            return 0
        if status != AMPS_OK:
            raise self.ack_error(status, message.raw(AMPS_FIELD_BOOKMARK) or b"")
        message.is_acked = True
        if self.handled is not None and self.handled is not message:
            self.note_acked(message.raw(AMPS_FIELD_TOPIC), message.raw(AMPS_FIELD_BOOKMARK))
        return self.send_acks() if due else 0

    cdef int ack_bookmark(self, object topic, object bookmarks, object options) except -1:
        cdef amps_slice on_topic, listed, with_options
        cdef c_bool due = False
        cdef object kept = (borrow_text(topic, &on_topic), borrow_text(bookmarks, &listed),
                            borrow_text(options, &with_options))
        cdef amps_status status
        if not topic:
            raise _exceptions.InvalidTopicException("ack needs a topic, and it is empty")
        status = amps_client_ack(self.core, on_topic, listed, with_options, NO_BODY, &due)
        if status != AMPS_OK:
            raise self.ack_error(status, bookmarks)
        if self.handled is not None:
            for bookmark in bookmarks.split(b","):
                self.note_acked(topic, bookmark.strip(b" "))
        return self.send_acks() if due else 0

    cdef int note_acked(self, object topic, object bookmark) except -1:
        """Is it that whose handler is running?"""
        if self.handled.raw(AMPS_FIELD_BOOKMARK) == bookmark \
                and self.handled.raw(AMPS_FIELD_TOPIC) == topic:
            self.handled.is_acked = True
        return 0

    cdef object ack_error(self, amps_status status, object bookmarks):
        longest = max(len(each.strip(b" ")) for each in bookmarks.split(b","))
        if status == AMPS_END:
            return _exceptions.InvalidBookmarkException("ack needs a bookmark, and there is none")
        if status == AMPS_TOO_LARGE and longest > AMPS_BOOKMARK_SIZE_MAX:
            return _exceptions.InvalidBookmarkException(
                f"ack: a bookmark of {longest} bytes: none has more than {AMPS_BOOKMARK_SIZE_MAX}")
        if status == AMPS_TOO_LARGE:
            return _exceptions.UsageException(
                "ack: topic, bookmarks and options do not fit into one command")
        if status != AMPS_DISCONNECTED:
            return status_error(status, "ack")
        if amps_client_state(self.core) == AMPS_OK and not self.logged_on:
            return _exceptions.LogonRequiredException("ack: not logged on: call logon() first")
        return _exceptions.DisconnectedException(f"ack: {self.why_not_connected()}")

    cdef void acknowledge(self, const amps_message *message, bint has_failed) noexcept:
        """Of itself, when a handler has returned, or raised. On a connection that is gone there is
        nothing to be done: the server has taken its messages back."""
        cdef c_bool due = False
        cdef amps_status status
        try:
            status = amps_client_ack_message(self.core, message,
                                             CANCEL if has_failed else NO_BODY, &due)
            if due:
                self.send_acks()
            if status == AMPS_TOO_LARGE or status == AMPS_NO_MEMORY:
                raise status_error(status, "acknowledging a message")
        except BaseException as problem:
            self.report(problem)

    # ---- Sending --------------------------------------------------------------------------------

    cdef int send_acks(self) except -1:
        """What is ready. Raises what a store says of one that it does not take."""
        cdef amps_failure failure
        cdef amps_status status = AMPS_STORE_FULL
        if self.custom is not None:
            return self.send_acks_by_hand()
        while True:
            with nogil:
                status = amps_client_send_acks(self.core, &failure)
            if status == AMPS_STORE_FULL and self.store is not None and self.store.may_grow():
                continue
            if status == AMPS_STORE or status == AMPS_NO_MEMORY or status == AMPS_TOO_LARGE:
                raise store_error(status, "ack", &failure)
            return 0

    cdef int send_acks_by_hand(self) except -1:
        """Through a publish store that the program has brought along; one thread at a time."""
        cdef amps_ack_view ack
        problem = None
        if not amps_client_begin_acks(self.core):
            return 0
        while amps_client_next_ack(self.core, &ack):
            try:
                self.keep_ack(&ack)
            except _exceptions.DisconnectedException:
                pass  # it is stored, and follows
            except BaseException as another:
                problem = another
            amps_client_sent_ack(self.core)
        if problem is not None:
            raise problem
        return 0

    cdef int keep_ack(self, const amps_ack_view *ack) except -1:
        cdef amps_header header
        header.present = 0
        set_field(&header, AMPS_FIELD_COMMAND, literal("sow_delete"))
        kept = put_text(&header, AMPS_FIELD_COMMAND_ID, self.next_id())
        set_field(&header, AMPS_FIELD_TOPIC, ack.topic)
        set_field(&header, AMPS_FIELD_BOOKMARK, ack.bookmarks)
        if ack.options.size > 0:
            set_field(&header, AMPS_FIELD_OPTIONS, ack.options)
        self.keep_and_send(&header, NO_BODY, False)
        return 0

    cdef int flush_acks(self, bint is_opening=False) except -1:
        """All that waits leaves, for as long as ACK_FLUSH_MS; inside a handler what can at once."""
        cdef double deadline
        cdef bint waits
        if amps_client_count_acks(self.core) == 0:
            return 0
        waits = not amps_client_in_handler(self.core)
        deadline = deadline_in(ACK_FLUSH_MS)
        while True:
            with nogil:
                amps_client_flush_acks(self.core)
            if amps_client_count_acks(self.core) > 0:
                self.send_acks()
            if not waits or amps_client_count_acks(self.core) == 0 or not self.logged_on \
                    or self.is_coming_back() and not is_opening or slice_before(deadline) == 0:
                return 0
            with nogil:
                amps_client_wait_acks(self.core, ACK_SLICE_MS)
            check_signals()

    cdef void leave_acks(self, bint waits) noexcept:
        """The same where nothing may be raised."""
        try:
            if waits:
                self.flush_acks()
            elif amps_client_count_acks(self.core) > 0:
                amps_client_flush_acks(self.core)
                self.send_acks()
        except BaseException as problem:
            self.report(problem)

    cdef int open_acks(self) except -1:
        """After a logon: those kept for this connection leave, before it is subscribed on."""
        if not self.keeps_acks():
            amps_client_drop_acks(self.core)
        amps_client_open_acks(self.core)
        try:
            self.flush_acks(True)
        except Exception as problem:  # of a store
            self.report(problem)
        return 0

    # ---- Settings -------------------------------------------------------------------------------

    def set_auto_ack(self, enabled):
        """Sets whether messages from queues are acknowledged without a call; at first they are not.

        One given to a handler is, when that returns; if it raises, the message is cancelled: it
        goes back to the queue. One taken from a stream is, when the thread that took it asks the
        stream for the next, or the next list; the last is not when the stream is closed before.
        What the program has acknowledged itself is left alone. Turning it off sends what is
        gathered.

        >>> with AMPS.Client("worker") as client:
        ...     client.connect(sandbox.uri("json"))
        ...     _ = client.logon()
        ...     client.set_auto_ack(True)
        ...     client.set_ack_batch_size(100)
        ...     client.get_auto_ack(), client.get_ack_batch_size(), client.get_ack_timeout()
        (True, 100, 1000)
        """
        self.check_usable("set_auto_ack", True)
        self.auto_ack = bool(enabled)
        amps_client_set_auto_ack(self.core, self.auto_ack)
        if not self.auto_ack:
            self.flush_acks()

    def get_auto_ack(self):
        """Whether messages from queues are acknowledged without a call."""
        return bool(self.auto_ack)

    def set_ack_batch_size(self, batch_size):
        """Sets how many acknowledgements of one topic are sent together; 0 and 1: each at once.

        They leave sooner when the server has granted the topic's subscriptions a smaller backlog,
        when the first of them is as old as `set_ack_timeout` says (1000 ms, if the program has not
        said), and before an unsubscribe, a `publish_flush` and a close. What is gathered leaves
        now. Raises `UsageException` for a size above 1 when the timeout was set to 0.
        """
        self.check_usable("set_ack_batch_size", True)
        if not isinstance(batch_size, int) or isinstance(batch_size, bool):
            raise TypeError(f"batch_size must be an int, not {type(batch_size).__name__}")
        if batch_size < 0:
            raise _exceptions.UsageException(f"batch_size must not be negative, not {batch_size}")
        if batch_size > ACK_BATCH_MAX:
            raise ValueError(f"batch_size must be at most {ACK_BATCH_MAX}, not {batch_size}")
        if batch_size > 1 and self.ack_timeout_ms == 0:
            if self.ack_timeout_given:
                raise _exceptions.UsageException(
                    f"batches of {batch_size} acknowledgements need a timeout, and it was set to "
                    "0: one that does not fill would never be sent")
            self.ack_timeout_ms = ACK_TIMEOUT_MS
        self.ack_batch_size = int(batch_size)
        self.set_ack_batching()

    def get_ack_batch_size(self):
        """How many acknowledgements are sent together; at first 1."""
        return self.ack_batch_size

    def set_ack_timeout(self, timeout):
        """Sets how many milliseconds an acknowledgement may wait for its batch to fill; what is
        gathered leaves now. Raises `UsageException` for 0 while the batch size is above 1."""
        cdef unsigned int timeout_ms
        self.check_usable("set_ack_timeout", True)
        if timeout is None:
            raise TypeError("timeout must be an int (milliseconds), not NoneType")
        timeout_ms = milliseconds(timeout)
        if timeout_ms == 0 and self.ack_batch_size > 1:
            raise _exceptions.UsageException(
                f"batches of {self.ack_batch_size} acknowledgements need a timeout: one that does "
                "not fill would never be sent")
        self.ack_timeout_ms, self.ack_timeout_given = timeout_ms, True
        self.set_ack_batching()

    def get_ack_timeout(self):
        """How many milliseconds that may be; 0 until one is set or batches are."""
        return self.ack_timeout_ms

    cdef int set_ack_batching(self) except -1:
        amps_client_set_ack_batching(self.core, self.ack_batch_size, self.ack_timeout_ms)
        return self.flush_acks()


cdef list bind_ack(tuple names, Py_ssize_t required, tuple args, dict given):
    """The arguments of one of the two forms of ack(), None where not given."""
    cdef list values = [None] * len(names)
    if len(args) > len(names):
        raise TypeError(f"ack() takes {', '.join(names)}, and got {len(args)} arguments")
    values[:len(args)] = args
    for name, value in given.items():
        if name not in names:
            raise TypeError(f"ack() has no argument {name!r} here; it takes {', '.join(names)}")
        if names.index(name) < len(args):
            raise TypeError(f"ack() got two values for argument {name!r}")
        values[names.index(name)] = value
    for name in names[len(args):required]:
        if name not in given:
            raise TypeError(f"ack() needs {name}; it takes {', '.join(names)}")
    return values


cdef object ack_text(object name, object value):
    if not isinstance(value, (str, bytes)):
        raise TypeError(f"{name} must be str or bytes, not {type(value).__name__}")
    return text_bytes(name, value)


cdef object ack_options(object options):
    """As bytes; `none` says that there are none."""
    options = options_text(options)
    options = b"" if options is None else ack_text("options", options).strip(b" ")
    return b"" if options == b"none" else options
