# connection.pxi: the life of a connection as Python sees it: opened, closed, lost, and who is told.

cdef enum:
    CLOSE_WAIT_MS = 5000  # closing waits so long for a handler that does not return
    SEND_BUFFER_SIZE_MIN = 4096
    SEND_BUFFER_SIZE_MAX = 1 << 30


cdef class Connection(Listeners):
    """What every client is below its commands."""

    cdef object _name, given_uri, masked_uri, uri      # uri: the parsed one, None before connect
    cdef object why                                    # how the last connection ended
    cdef list overdue
    cdef object server_version, name_hash, connection_name, logon_correlation
    cdef size_t default_max_depth
    cdef unsigned int heartbeat_ms, heartbeat_timeout_ms
    cdef unsigned long long generation                 # counts connections
    cdef bint logged_on, abort_dial, dialing
    cdef bint was_open                   # the state listeners are still owed Disconnected
    cdef set paused  # threads that look up for signals in the middle of sending a large frame
    cdef unsigned long long closings     # counts the calls that closed it for the program
    cdef unsigned long long closings_before  # its value when the last connection was lost
    cdef object news                     # a threading.Condition of one that comes back by itself
    cdef bint came_back                  # the disconnect handler has brought the client back

    def __cinit__(self, *args, **kwargs):
        self.overdue, self.paused = [], set()
        self._name = self.given_uri = ""
        self.server_version = self.name_hash = self.connection_name = ""

    def __init__(self, name, *, send_buffer_size=1 << 20):
        """Makes a client that is not connected. `send_buffer_size` bounds, in bytes, how far
        publishers may be ahead of the network before they wait."""
        if not isinstance(name, (str, bytes)):
            raise TypeError(f"name must be str or bytes, not {type(name).__name__}")
        if not isinstance(send_buffer_size, int) \
                or not SEND_BUFFER_SIZE_MIN <= send_buffer_size <= SEND_BUFFER_SIZE_MAX:
            raise ValueError(f"send_buffer_size must be an int from {SEND_BUFFER_SIZE_MIN} to "
                             f"{SEND_BUFFER_SIZE_MAX}, not {send_buffer_size!r}")
        if self.core is not NULL:
            raise _exceptions.UsageException("a client is initialised once")
        self._name = name.decode() if isinstance(name, bytes) else name
        self.core = new_core(self, send_buffer_size)
        watch_exit(self)

    def __dealloc__(self):
        if self.core is not NULL:
            with nogil:
                amps_client_drop(self.core)

    def __enter__(self):
        return self

    def __exit__(self, *problem):
        self.close()

    def __repr__(self):
        if self.core is NULL or amps_client_is_inherited(self.core):
            state = "unusable"
        elif amps_client_state(self.core) == AMPS_OK:
            state = f"connected to {self.masked_uri}"
        else:
            state = "not connected"
        return f"<{type(self).__name__} {self._name!r}, {state}>"

    # ---- Connecting and closing -----------------------------------------------------------------

    def connect(self, uri):
        """Opens a connection to `uri`, such as `tcp://host:9007/amps/json`; does not log on.

        Blocks until connected. Raises a `ConnectionException` that names the address and the
        reason: `InvalidUriException`, `InvalidTransportOptionsException`, `TransportTypeException`,
        `MessageTypeException`, `ConnectionRefusedException`, `AlreadyConnectedException`; a client
        whose connect failed may try again.
        """
        self.check_usable("connect")
        self.open_uri(uri, NO_LIMIT)

    cdef int open_uri(self, object uri, patience limit) except -1:
        """Connects, for at most so long."""
        parsed = _parse_uri(uri)
        check_transport(parsed)
        if self.dialing:
            raise _exceptions.AlreadyConnectedException("another thread is connecting this client")
        if amps_client_state(self.core) == AMPS_OK:
            raise _exceptions.AlreadyConnectedException(
                f"already connected to {self.masked_uri}: disconnect first")
        if self.is_undoing_close():
            raise _exceptions.DisconnectedException(
                f"connecting to {parsed} in a disconnect handler: closed by this program meanwhile")
        self.dialing, self.abort_dial = True, False
        try:
            self.wait_gone(parsed)
            fd = self.dial(parsed, limit)
            self.open_connection(parsed, uri, fd)
        finally:
            self.dialing = False

    cdef int dial(self, object uri, patience limit) except -1:
        """A connected socket."""
        cdef amps_address address
        cdef amps_status status = AMPS_AGAIN
        cdef int fd = -1
        cdef unsigned int slice_ms
        cdef list kept = address_of(uri, &address)
        cdef amps_dial *dial = amps_dial_new(&address)
        if dial is NULL:
            raise MemoryError(f"no memory to connect to {uri}")
        try:
            while status == AMPS_AGAIN:
                slice_ms = slice_before(limit.deadline)
                if slice_ms == 0:
                    raise _exceptions.TimedOutException(
                        f"no connection to {uri} within {limit.timeout_ms} ms")
                with nogil:
                    status = amps_dial_step(dial, slice_ms, &fd)
                if status == AMPS_AGAIN:
                    self.check_dialing(uri)
            if status != AMPS_OK:
                raise connect_error(uri, amps_dial_failure(dial))
        finally:
            with nogil:
                amps_dial_free(dial)
        return fd

    cdef int open_connection(self, object parsed, object given, int fd) except -1:
        cdef amps_status status
        self.uri, self.masked_uri = parsed, str(parsed)
        self.given_uri = given if isinstance(given, str) else bytes(given).decode()
        self.logged_on = False
        self.generation += 1
        self.why = None
        self.was_open = self.tells_connected = True  # it may be lost before the next line
        with nogil:
            status = amps_client_open(self.core, fd)
        if status != AMPS_OK:
            self.was_open = self.tells_connected = False
            raise status_error(status, f"connecting to {self.masked_uri}")
        if self.abort_dial:  # closed between dialing and here
            self.shut(False)
            self.check_dialing(parsed)
        self.tell_connected()
        return 0

    cdef int wait_gone(self, object uri) except -1:
        """Until nothing is left of the connection before."""
        cdef amps_status status = AMPS_AGAIN
        while status == AMPS_AGAIN:
            with nogil:
                status = amps_client_wait_gone(self.core, SLICE_MS)
            self.check_dialing(uri)
        return 0

    cdef int check_dialing(self, object uri) except -1:
        check_signals()
        if self.abort_dial:
            raise _exceptions.DisconnectedException(
                f"closed by this program while connecting to {uri}")
        return 0

    def disconnect(self):
        """Ends the connection; legal at any time on any thread, and inside handlers.

        What was published and acknowledged is sent first (for at most a second). Streams end,
        waiting calls raise `DisconnectedException`. Waits until the receive thread has left, but
        not on that thread. The client may be connected again.
        """
        self.note_closing()
        self.shut(False)

    def close(self):
        """The same as `disconnect`, and tells the state listeners `Shutdown`. Idempotent."""
        self.note_closing()
        self.shut(True)

    cdef int note_closing(self) except -1:
        """A disconnect handler may close what it then opens again: only its end counts."""
        if self.core is NULL or not self.in_disconnect_handler():
            self.closings += 1
        return 0

    cdef bint in_disconnect_handler(self) noexcept:
        return not amps_client_in_handler(self.core) \
            and amps_client_wait_closed(self.core, 0) == AMPS_IN_HANDLER

    cdef bint is_undoing_close(self) noexcept:
        return self.closings != self.closings_before and self.in_disconnect_handler()

    cdef int shut(self, bint for_good) except -1:
        cdef bint was_open = self.was_open
        self.abort_dial = True
        if self.core is NULL or amps_client_is_inherited(self.core):
            return 0
        self.leave_acks(True)
        self.was_open = False
        self.logged_on = False
        amps_client_close(self.core)
        kept = self.forget_routes(AMPS_CLOSED)  # streams end now
        try:
            self.wait_closed()
        finally:  # also on Ctrl-C
            if was_open:
                self.tell_disconnected()
                if for_good:
                    self.tell_state(_ConnectionStateListener.Shutdown)
        return 0

    cdef int wait_closed(self) except -1:
        cdef amps_status status = AMPS_AGAIN
        cdef int waited = 0
        while status == AMPS_AGAIN and waited < CLOSE_WAIT_MS:
            with nogil:
                status = amps_client_wait_closed(self.core, SLICE_MS)
            check_signals()
            waited += SLICE_MS
        if status == AMPS_AGAIN:
            self.report(_exceptions.UsageException(
                f"closing {self._name!r}: a handler has not returned for {CLOSE_WAIT_MS} ms; "
                "its thread is left alone"))
        return 0

    # ---- The end of a connection ----------------------------------------------------------------

    cdef void connection_lost(self, const amps_failure *failure) noexcept:
        """The receive thread's last report, before anybody may connect again."""
        cdef amps_failure told = failure[0]
        by_us = failure.status == AMPS_CLOSED
        if self.keeps_publishes():
            told.unsent = 0  # they are not lost
            amps_client_drop_kept(self.core)
        elif not by_us and self.keeps_unsent():
            told.unsent -= told.kept
        else:
            told.unsent += amps_client_drop_kept(self.core) - told.kept  # also of those before
        problem = lost_error(self.masked_uri, &told)
        self.logged_on = False
        if not by_us:
            self.closings_before = self.closings
        self.why = "closed by this program" if by_us else str(problem)
        if not self.keeps_acks():
            amps_client_drop_acks(self.core)
        kept = self.end_routes(AMPS_CLOSED if by_us else AMPS_DISCONNECTED)
        self.overdue.clear()
        if not by_us and self.was_open:  # else who closes it tells
            self.was_open = False
            self.tell_disconnected()
        if told.unsent > 0 or failure.status == AMPS_BAD_FRAME \
                or failure.status == AMPS_FRAME_TOO_LARGE \
                or (not by_us and self.exception_listener is not None):
            self.report(problem)

    cdef object end_routes(self, amps_status why):
        """Those of a connection that is gone."""
        return self.forget_routes(why)

    cdef void leave_acks(self, bint waits) noexcept:
        """What was acknowledged leaves before the end."""
        return

    cdef bint keeps_publishes(self) noexcept:
        """Does a store hold what was published?"""
        return False

    cdef bint keeps_acks(self) noexcept:
        """Will acknowledgements that had not left be sent on the next connection?"""
        return False

    cdef bint keeps_unsent(self) noexcept:
        """Will publishes that had not left be sent on the next connection?"""
        return False

    cdef void came_down(self) noexcept:
        """After that, on the same thread, which serves no connection any more: calls the disconnect
        handler, which may wait."""
        if self.disconnect_handler is None or self.is_undoing_close():
            return
        self.came_back = False
        try:
            self.disconnect_handler(self)
            self.came_back = self.logged_on
        except _exceptions.DisconnectedException as problem:
            if not self.is_undoing_close():  # else that is what a close does
                self.report(problem)
        except BaseException as problem:
            self.report(problem)

    # Of a client that comes back by itself: between two attempts, the next one, if it is time.

    cdef bint pauses(self) noexcept:
        return False

    cdef void go_on(self) noexcept:
        return

    # ---- May this be called now? ----------------------------------------------------------------

    cdef int check_connected(self, object doing, bint in_handler_too=False) except -1:
        self.check_usable(doing, in_handler_too)
        if amps_client_state(self.core) != AMPS_OK:
            raise _exceptions.DisconnectedException(f"{doing}: {self.why_not_connected()}")
        return 0

    cdef int check_logged_on(self, object doing, bint in_handler_too=False) except -1:
        self.check_connected(doing, in_handler_too)
        if not self.logged_on:
            raise _exceptions.LogonRequiredException(f"{doing}: not logged on: call logon() first")
        return 0

    cdef int check_ready(self, object doing, bint in_handler_too, patience limit) except -1:
        """Is it logged on? One that comes back by itself is waited for."""
        return self.check_logged_on(doing, in_handler_too)

    cdef int note_server_version(self) except -1:
        return 0

    cdef object why_not_connected(self):
        if self.why is not None:
            return f"not connected: {self.why}"
        if self.masked_uri is None:
            return "not connected: call connect() first"
        return f"not connected to {self.masked_uri}"
