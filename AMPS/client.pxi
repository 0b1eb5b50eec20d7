# client.pxi: Client, the commands a program gives.

cdef enum:
    SECONDS_MAX = 1000000000
    HASH_DIGITS_MAX = 20  # of a number of 64 bits


class _Bookmarks:
    """Places in a transaction log that have names."""

    EPOCH = "0"             # its beginning
    MOST_RECENT = "recent"  # where this client stopped; the beginning without a store
    NOW = "0|1|"            # its end: new messages only


_Bookmarks.__name__, _Bookmarks.__qualname__ = "Bookmarks", "Client.Bookmarks"


cdef class Client(Settings):
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
    Bookmarks = _Bookmarks

    def logon(self, timeout=0, authenticator=None, options=None):
        """Logs on as the URI's user and returns the command id.

        `authenticator` supplies the password (see `DefaultAuthenticator`); it runs on this thread.
        `options` are logon options, comma-separated. Blocks until the server answers. Raises
        `AuthenticationException`, `NameInUseException`, `DuplicateLogonException`,
        `TimedOutException`, `DisconnectedException`; after a failed logon the connection is closed.
        """
        self.check_connected("logon")
        return self.log_on(authenticator, options_text(options) or None, milliseconds(timeout))

    cdef object log_on(self, object authenticator, object options, unsigned int timeout_ms):
        cdef Message ack
        cdef patience limit = patience_of(timeout_ms)
        talk = _Conversation(authenticator, self.uri.user, self.uri.password)
        connection = self.generation
        was_logged_on = self.logged_on
        try:
            ack = self.converse(talk, options, limit)
            self.consult(talk.succeeded,
                         (ack.get_user_id(), ack.get_password(), ack.get_reason()))
            if self.generation != connection or amps_client_state(self.core) != AMPS_OK:
                raise _exceptions.DisconnectedException(f"logon: {self.why_not_connected()}")
            self.server_version = ack.get_version() or ""
            self.name_hash = (ack.get_bookmark() or "").partition("|")[0]
            self.connection_name = ack.get_client_name() or ""
            self.begin_session(ack)
        except BaseException:
            if self.generation == connection and not was_logged_on \
                    and amps_client_state(self.core) == AMPS_OK:
                self.end_attempt()
            raise
        return ack.get_command_id() or ""

    cdef int begin_session(self, Message ack) except -1:
        """What follows a logon, in this order."""
        self.logged_on = True
        self.note_server_version()
        self.tell_state(_ConnectionStateListener.LoggedOn)
        if self.heartbeat_ms > 0:
            self.start_heartbeat()
        self.catch_up(ack)
        return self.open_acks()

    cdef int end_attempt(self) except -1:
        """A logon has failed: nothing is left of its connection."""
        return self.shut(False)

    cdef Message converse(self, object talk, object options, patience limit):
        """Sends logons until the server stops asking for another; returns its word."""
        cdef Message ack
        user, password = self.consult(talk.begin, ())
        while True:
            ack = self.send_logon(user, password, options, limit)
            if ack.get_status() != "retry":
                return ack
            user, password = self.consult(
                talk.challenged, (ack.get_user_id(), ack.get_password(), ack.get_reason()))

    cdef Message send_logon(self, object user, object password, object options, patience limit):
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
        return self.ask(&header, NO_BODY, "logon", self.next_id(), AMPS_ACK_PROCESSED,
                        AMPS_ACK_PROCESSED, limit, {"client_name": self._name})

    # ---- Who and what ---------------------------------------------------------------------------

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

    # ---- Heartbeat ------------------------------------------------------------------------------

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
        self.ask(&header, NO_BODY, "heartbeat", self.next_id(), AMPS_ACK_PROCESSED,
                 AMPS_ACK_PROCESSED, patience_of(self.heartbeat_timeout_ms), {"options": options})
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
        return self.send_command(&header, NO_BODY)

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


cdef object seconds_in_ms(object seconds):
    if not isinstance(seconds, (int, float)):
        raise TypeError(f"a time in seconds must be a number, not {type(seconds).__name__}")
    if isinstance(seconds, float) and not -SECONDS_MAX < seconds < SECONDS_MAX:
        raise ValueError(f"a time in seconds must be a finite number, not {seconds}")
    return max(int(seconds * 1000), 1) if seconds > 0 else int(seconds * 1000)
