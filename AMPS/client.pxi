# client.pxi: Client, the commands a program gives.

cdef enum:
    SECONDS_MAX = 1000000000
    HASH_DIGITS_MAX = 20  # of a number of 64 bits


cdef class Client(Publishing):
    """One connection to an AMPS server: connect, log on, publish, subscribe.

    `name` identifies this client to the server: keep it unique, and for a publisher the same from
    run to run. Any thread may use a client. Handlers run on the connection's receive thread, one at
    a time; what waits for the server must not be called there and raises `UsageException`. What a
    handler raises goes to the exception listener. Timeouts are milliseconds, 0 waits for ever;
    every wait ends at once on Ctrl-C and when the client is closed.

    >>> with AMPS.Client("example") as client:
    ...     client.connect(sandbox.uri("json"))
    ...     _ = client.logon()
    ...     stream = client.subscribe("messages")
    ...     _ = client.publish("messages", '{"hi": "Hello, world!"}')
    ...     print(next(stream).get_data())
    {"hi": "Hello, world!"}
    """

    ConnectionStateListener = _ConnectionStateListener

    def logon(self, timeout=0, authenticator=None, options=None):
        """Logs on as the URI's user and returns the command id.

        `authenticator` supplies the password (see `DefaultAuthenticator`); it runs on this thread.
        `options` are logon options, comma-separated. Blocks until the server answers. Raises
        `AuthenticationException`, `NameInUseException`, `DuplicateLogonException`,
        `TimedOutException`, `DisconnectedException`; after a failed logon the connection is closed.
        """
        cdef Message ack
        cdef unsigned int timeout_ms = milliseconds(timeout)
        self.check_connected("logon")
        talk = _Conversation(authenticator, self.uri.user, self.uri.password)
        connection = self.generation
        was_logged_on = self.logged_on
        try:
            ack = self.converse(talk, options or None, timeout_ms)
            talk.succeeded(ack.get_user_id(), ack.get_password(), ack.get_reason())
            if self.generation != connection or amps_client_state(self.core) != AMPS_OK:
                raise _exceptions.DisconnectedException(f"logon: {self.why_not_connected()}")
            self.logged_on = True
            self.server_version = ack.get_version() or ""
            self.name_hash = (ack.get_bookmark() or "").partition("|")[0]
            self.connection_name = ack.get_client_name() or ""
            self.tell_state(_ConnectionStateListener.LoggedOn)
            if self.heartbeat_ms > 0:
                self.start_heartbeat()
        except BaseException:
            if self.generation == connection and not was_logged_on \
                    and amps_client_state(self.core) == AMPS_OK:
                self.shut(False)
            raise
        return ack.get_command_id() or ""

    cdef Message converse(self, object talk, object options, unsigned int timeout_ms):
        """Sends logons until the server stops asking for another; returns its word."""
        cdef Message ack
        user, password = talk.begin()
        while True:
            ack = self.send_logon(user, password, options, timeout_ms)
            if ack.get_status() != "retry":
                return ack
            user, password = talk.challenged(ack.get_user_id(), ack.get_password(),
                                             ack.get_reason())

    cdef Message send_logon(self, object user, object password, object options,
                            unsigned int timeout_ms):
        cdef amps_header header
        header.present = 0
        if self.uri.options["pretty"]:
            if isinstance(options, bytes):
                options = options.decode()
            options = f"{options},pretty" if options else "pretty"
        kept = [put_text(&header, AMPS_FIELD_CLIENT_NAME, self._name),
                put_text(&header, AMPS_FIELD_MESSAGE_TYPE, self.uri.message_type),
                put_text(&header, AMPS_FIELD_USER_ID, user),
                put_text(&header, AMPS_FIELD_PASSWORD, password),
                put_text(&header, AMPS_FIELD_CORRELATION_ID, self.logon_correlation),
                put_text(&header, AMPS_FIELD_OPTIONS, options),
                put_text(&header, AMPS_FIELD_VERSION, _LOGON_VERSION)]
        return self.ask(&header, "logon", self.next_id(), b"processed", AMPS_ACK_PROCESSED,
                        timeout_ms, {"client_name": self._name})

    # ---- Who and what
    # -----------------------------------------------------------------------------

    def name(self):
        """The client name."""
        return self._name

    def get_name(self):
        """The client name."""
        return self._name

    def set_name(self, name):
        """Sets the name for the next logon. Raises `UsageException` when logged on."""
        if self.logged_on:
            raise _exceptions.UsageException("the name is in use: disconnect before changing it")
        if not isinstance(name, (str, bytes)):
            raise TypeError(f"name must be str or bytes, not {type(name).__name__}")
        self._name = name.decode() if isinstance(name, bytes) else name

    def get_uri(self):
        """The connection string given to `connect`, `''` before."""
        return self.given_uri

    def get_connection_name(self):
        """The name by which the server knows this connection, `''` before the logon."""
        return self.connection_name

    def get_name_hash(self):
        """The publisher id that the server made of the name, as digits; `''` before the logon."""
        return self.name_hash

    def get_name_hash_value(self):
        """The publisher id as an int, 0 before the logon."""
        digits = self.name_hash
        is_number = digits.isascii() and digits.isdigit() and len(digits) <= HASH_DIGITS_MAX
        return int(digits) if is_number else 0

    def get_server_version(self):
        """The server's version, two digits a part: 5.3.4.1 gives 5030401; 0 before the logon."""
        return self.get_server_version_info().get_old_style_version()

    def get_server_version_info(self):
        """The server's version as a `VersionInfo`, empty before the logon."""
        return _VersionInfo(self.server_version)

    def set_logon_correlation_data(self, logon_correlation_data):
        """Sets text (of base64 characters) that goes with each logon; None: no such text."""
        if not isinstance(logon_correlation_data, (str, bytes, type(None))):
            raise TypeError("logon_correlation_data must be str, bytes or None, "
                            f"not {type(logon_correlation_data).__name__}")
        self.logon_correlation = logon_correlation_data

    def get_logon_correlation_data(self):
        """The text set for the logon, or None."""
        return self.logon_correlation

    # ---- Subscribing
    # ------------------------------------------------------------------------------

    def subscribe(self, *args, **kwargs):
        """subscribe(topic, filter=None, options=None, timeout=0, sub_id=None) -> MessageStream
        subscribe(on_message, topic, filter=None, options=None, timeout=0, sub_id=None) -> str

        Subscribes to a topic (a regular expression, if it holds characters of one).

        With `on_message`, that is called on the receive thread with each `Message`, and the id for
        `unsubscribe` is returned; without, a `MessageStream` is. Blocks until the server has
        accepted, at most `timeout` milliseconds. Raises `BadFilterException`,
        `BadRegexTopicException`, `NotEntitledException` and their like by the server's reason,
        `SubidInUseException`, `TimedOutException`, `DisconnectedException`; then nothing is left of
        the subscription.
        """
        handler, (topic, filter, options, timeout, sub_id) = _bind_overload(
            "subscribe", ("topic", "filter", "options", "timeout", "sub_id"), args, kwargs)
        return self.place_subscription(handler, topic, filter, options or None,
                                       milliseconds(timeout), sub_id)

    cdef object place_subscription(self, object handler, object topic, object filter,
                                   object options, unsigned int timeout_ms, object sub_id):
        cdef amps_header header
        cdef MessageStream stream = None
        self.check_logged_on("subscribe")
        if not isinstance(topic, (str, bytes)):
            raise TypeError(f"topic must be str or bytes, not {type(topic).__name__}")
        if not topic:
            raise _exceptions.InvalidTopicException("subscribe needs a topic, and it is empty")
        command_id = self.next_id()
        sub_id = id_text(sub_id or command_id)
        header.present = 0
        kept = [put_text(&header, AMPS_FIELD_TOPIC, topic),
                put_text(&header, AMPS_FIELD_FILTER, filter),
                put_text(&header, AMPS_FIELD_OPTIONS, options),
                put_text(&header, AMPS_FIELD_SUB_ID, sub_id)]
        if handler is None:
            stream = new_stream(self, sub_id)
        self.add_route(header.value[<int>AMPS_FIELD_SUB_ID], sub_id, handler, stream)
        try:
            self.ask(&header, "subscribe", command_id, b"processed", AMPS_ACK_PROCESSED,
                     timeout_ms, {"topic": topic, "filter": filter, "options": options,
                                  "sub_id": sub_id})
        except BaseException as problem:
            refused = isinstance(problem, _exceptions.CommandException)
            if refused and not isinstance(problem, _exceptions.TimedOutException):
                self.remove_route(sub_id)
            else:  # it may have reached the server
                self.drop_subscription(sub_id, stream.core if stream is not None else NULL)
            if stream is not None:
                stream.is_over = True
            raise
        return sub_id if stream is None else stream

    def unsubscribe(self, sub_id=None):
        """Ends the subscription that `subscribe` returned this id for; None or `'all'` ends all.

        Does not wait: no handler is called for it once this has returned, except one that is
        running. An unknown id is no error, nor is it one when there is no connection any more.
        """
        self.check_usable("unsubscribe", True)
        # Kept until the server is told: the end of a handler may run any code, on any thread.
        handlers = self.handlers
        sub_id = "all" if sub_id is None else id_text(sub_id)
        if sub_id == "all":
            amps_client_remove_routes(self.core, AMPS_CLOSED)
            self.handlers = {}
        else:
            handlers = handlers.get(sub_id)
            self.remove_route(sub_id)
        if sub_id and amps_client_state(self.core) == AMPS_OK:
            self.send_overdue()
            self.send_unsubscribe(sub_id)

    cdef int send_unsubscribe(self, object sub_id) except -1:
        cdef amps_header header
        cdef object kept = unsubscribe_header(&header, sub_id, self.next_id())
        self.send_header(&header)
        return 0

    cdef int drop_subscription(self, object sub_id, const amps_stream *only=NULL) except -1:
        """Forgets a subscription at once and tells the server when that needs no waiting: for
        destructors and failures. What cannot be sent now goes before the next command. `only`: if
        it is still that stream's, not a later one of the same id."""
        cdef amps_header header
        cdef object kept
        if self.remove_route(sub_id, only) and amps_client_state(self.core) == AMPS_OK:
            kept = unsubscribe_header(&header, sub_id, self.next_id())
            if amps_client_send_soon(self.core, &header) == AMPS_AGAIN:
                self.overdue.append(sub_id)
        return 0

    cdef int send_overdue(self) except -1:
        """Each is forgotten only when it is sent; Ctrl-C may come in between."""
        while self.overdue:
            sub_id = self.overdue.pop()
            try:
                self.send_unsubscribe(sub_id)
            except BaseException:
                self.overdue.append(sub_id)
                raise
        return 0

    cdef int add_route(self, amps_slice id, object sub_id, object handler,
                       MessageStream stream) except -1:
        cdef amps_status status = amps_client_add_route(
            self.core, id, <void *>handler, stream.core if stream is not None else NULL, 0)
        if status == AMPS_ID_IN_USE:
            raise _exceptions.SubidInUseException(
                f"sub_id {sub_id!r} is in use on this client: unsubscribe it first")
        if status != AMPS_OK:
            raise status_error(status, "subscribe")
        if handler is not None:
            try:
                self.handlers[sub_id] = handler  # the route only borrows it
            except BaseException:
                amps_client_remove_route(self.core, id)
                raise
        return 0

    cdef bint remove_route(self, object sub_id, const amps_stream *only=NULL) except -1:
        cdef amps_slice id
        cdef bint found
        cdef object kept = borrow_text(sub_id, &id)
        if only is not NULL:
            return amps_client_remove_stream(self.core, id, only)
        found = amps_client_remove_route(self.core, id)
        self.handlers.pop(sub_id, None)
        return found

    # ---- Heartbeat
    # --------------------------------------------------------------------------------

    def set_heartbeat(self, interval_seconds, timeout_seconds=None):
        """Asks for a sign of life every `interval_seconds`, now if logged on and after each logon.

        When nothing at all arrives for `timeout_seconds` (twice the interval, if None), the
        connection counts as lost. Beats come from the core, whatever handlers do. 0 ends it. Waits
        for the server's word, at most the timeout; raises `TimedOutException` and what the server's
        reason asks for, `UsageException` for a timeout below the interval.
        """
        cdef unsigned int interval = milliseconds(seconds_in_ms(interval_seconds),
                                                  "interval_seconds")
        cdef unsigned int timeout = 2 * interval
        if timeout_seconds is not None:
            timeout = milliseconds(seconds_in_ms(timeout_seconds), "timeout_seconds")
        if timeout < interval:
            raise _exceptions.UsageException(f"a heartbeat timeout of {timeout_seconds} s is below "
                                             f"the interval of {interval_seconds} s")
        self.check_usable("set_heartbeat")
        self.heartbeat_ms, self.heartbeat_timeout_ms = interval, timeout
        if self.logged_on and interval > 0:
            self.start_heartbeat()
        elif self.logged_on:
            self.stop_heartbeat()

    cdef int start_heartbeat(self) except -1:
        cdef amps_header header
        header.present = 0
        options = f"start,{self.heartbeat_ms / 1000:g}"
        kept = put_text(&header, AMPS_FIELD_OPTIONS, options)
        self.ask(&header, "heartbeat", self.next_id(), b"processed", AMPS_ACK_PROCESSED,
                 self.heartbeat_timeout_ms, {"options": options})
        amps_client_set_heartbeat(self.core, self.heartbeat_ms, self.heartbeat_timeout_ms)
        self.tell_state(_ConnectionStateListener.HeartbeatInitiated)
        return 0

    cdef int stop_heartbeat(self) except -1:
        """Asks for no answer: a server need not give one."""
        cdef amps_header header
        header.present = 0
        amps_client_set_heartbeat(self.core, 0, 0)
        kept = (put_text(&header, AMPS_FIELD_COMMAND, "heartbeat"),
                put_text(&header, AMPS_FIELD_OPTIONS, "stop"))
        return self.send_command(&header)

    def set_default_max_depth(self, depth):
        """Sets the `max_depth` of streams made from now on; 0 means any number of messages."""
        if not isinstance(depth, int):
            raise TypeError(f"depth must be an int, not {type(depth).__name__}")
        if depth < 0:
            raise ValueError(f"depth must not be negative, not {depth}")
        self.default_max_depth = depth

    def get_default_max_depth(self):
        """The `max_depth` that new streams get."""
        return self.default_max_depth


cdef object unsubscribe_header(amps_header *header, object sub_id, object command_id):
    header.present = 0
    set_field(header, AMPS_FIELD_COMMAND, literal("unsubscribe"))
    return (put_text(header, AMPS_FIELD_COMMAND_ID, command_id),
            put_text(header, AMPS_FIELD_SUB_ID, sub_id))


cdef object id_text(object sub_id):
    """An id as a plain str: it is a key, and a subclass might have an equality of its own."""
    if isinstance(sub_id, bytes):
        return sub_id.decode()
    if not isinstance(sub_id, str):
        raise TypeError(f"sub_id must be str or bytes, not {type(sub_id).__name__}")
    return str.__str__(sub_id)


cdef object seconds_in_ms(object seconds):
    if not isinstance(seconds, (int, float)):
        raise TypeError(f"a time in seconds must be a number, not {type(seconds).__name__}")
    if isinstance(seconds, float) and not -SECONDS_MAX < seconds < SECONDS_MAX:
        raise ValueError(f"a time in seconds must be a finite number, not {seconds}")
    return max(int(seconds * 1000), 1) if seconds > 0 else int(seconds * 1000)
