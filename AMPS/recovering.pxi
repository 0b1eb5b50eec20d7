# recovering.pxi: connecting again after a loss, step by step, and who waits for it.
#
# One thread at a time recovers: whoever called connect_and_logon(), or the receive thread of the
# connection that was lost. Python's lock makes its decisions atomic; `news` is told of each.

cdef enum:
    LOGON_TIMEOUT_MS = 10000


cdef class Recovering(Resubscribing):
    """A client that connects again by itself."""

    cdef object chooser, strategy, logon_options
    cdef unsigned int logon_ms
    cdef object gave_up             # why there are no further attempts
    cdef object closings_of_attempt
    cdef bint tells_attempts        # nobody called for them

    cdef int begin_recovering(self) except -1:
        import threading
        from AMPS.delay_strategies import ExponentialDelayStrategy
        self.news = threading.Condition()
        self.strategy = ExponentialDelayStrategy(200, 20000, 2.0, 0, 1.0)
        self.logon_ms = LOGON_TIMEOUT_MS
        self.records = Records()
        return 0

    # ---- The first connection, and those after a loss -------------------------------------------

    cdef int come_up(self) except -1:
        if self.news is None:
            raise _exceptions.UsageException("this client's __init__ has not been called")
        if self.recovering or amps_client_state(self.core) == AMPS_OK:
            raise _exceptions.AlreadyConnectedException(
                f"already connected, or connecting, to {self.masked_uri}")
        if self.chooser is None:
            raise _exceptions.ConnectionException(
                "no server chooser is set: call set_server_chooser() first")
        self.recovering, self.recovering_thread = True, PyThread_get_thread_ident()
        self.has_come_up, self.given_up, self.tells_attempts = True, False, False
        try:
            self.recover(self.closings)
        except BaseException as problem:
            self.has_come_up = False
            self.stop_recovering(problem)
            raise
        return 0

    cdef void came_down(self) noexcept:
        """On the receive thread that lost the connection, which serves nothing any more."""
        if self.recovering or self.disconnect_handler is not None or not self.has_come_up:
            if not self.recovering:
                Client.came_down(self)
            return
        closings = self.closings
        self.recovering, self.recovering_thread = True, PyThread_get_thread_ident()
        self.tells_attempts = True
        try:
            try:
                self.check_going_on(closings)
                self.tell_chooser(_exceptions.DisconnectedException(
                    f"connection to {self.masked_uri} lost: {self.why}"), False)
                self.recover(closings)
            except BaseException as problem:
                self.give_up(problem, closings)
        except BaseException as problem:
            self.report(problem)

    cdef int give_up(self, object problem, object closings) except -1:
        """No further attempt is made."""
        was_closed = self.closings != closings
        self.given_up, self.gave_up = True, str(problem)
        self.stop_recovering(problem)
        kept = self.forget_routes(AMPS_CLOSED)
        amps_client_give_up_waits(self.core)
        if not was_closed:
            self.closings += 1  # who waits on this client hears of it
            self.tell_state(_ConnectionStateListener.Shutdown)
            self.report(problem)
        return 0

    cdef int stop_recovering(self, object problem) except -1:
        self.recovering, self.recovering_thread, self.ready = False, None, False
        self.tell_news()
        return 0

    cdef int recover(self, object closings) except -1:
        """Attempts one after the other, until one has worked out."""
        last = None
        self.closings_of_attempt = closings
        while True:
            self.check_going_on(closings)
            uri = self.chooser.get_current_uri()
            if uri is None or uri == "":
                raise self.nowhere_to_go(last)
            authenticator = self.chooser.get_current_authenticator()
            self.delay(self.strategy.get_connect_wait_duration(uri), closings)
            self.round += 1
            try:
                self.attempt(uri, authenticator, closings)
            except (KeyboardInterrupt, SystemExit):
                self.end_attempt()
                raise
            except BaseException as problem:
                self.end_attempt()
                self.check_going_on(closings)
                last = self.failed_attempt(uri, problem)
                continue
            return 0

    cdef int attempt(self, object uri, object authenticator, object closings) except -1:
        cdef patience limit = patience_of(self.logon_ms)
        cdef uint64_t connection
        self.open_uri(uri, limit)
        connection = amps_client_connection(self.core)
        self.check_going_on(closings)
        self.log_on(authenticator, self.logon_options, self.logon_ms)
        self.check_going_on(closings)
        self.place_all(closings)
        self.tell_state(_ConnectionStateListener.Resubscribed)
        self.check_going_on(closings)
        self.tell_chooser(None, True)
        self.strategy.reset()
        self.send_overdue()
        # From here to the end nobody else runs.
        if amps_client_is_lost(self.core, connection):
            raise _exceptions.DisconnectedException(self.why_not_connected())
        self.recovering, self.recovering_thread = False, None
        self.ready = self.came_back = True
        self.tell_news()
        return 0

    cdef int check_dialing(self, object uri) except -1:
        self.check_going_on(self.closings_of_attempt)
        return Client.check_dialing(self, uri)

    cdef object nowhere_to_go(self, object last):
        error = getattr(self.chooser, "get_error", None)
        text = error() if callable(error) else ""
        why = "; ".join(str(each) for each in (text, last) if each) or "the list may be empty"
        gone = _exceptions.ConnectionException(f"the server chooser names no server: {why}")
        gone.__cause__ = last
        return gone

    cdef int delay(self, object wait_ms, object closings) except -1:
        cdef double deadline
        if not isinstance(wait_ms, int) or isinstance(wait_ms, bool) or wait_ms < 0:
            raise _exceptions.UsageException(
                "get_connect_wait_duration() returns whole milliseconds, from 0 on, not "
                f"{wait_ms!r}")
        if wait_ms == 0:
            return 0
        deadline = monotonic() + wait_ms / 1000.0
        while slice_before(deadline) > 0:
            self.await_news(deadline)
            self.check_going_on(closings)
        return 0

    cdef int end_attempt(self) except -1:
        """Nothing is left of the connection, if there was one; subscriptions stay."""
        cdef amps_status status = AMPS_AGAIN
        self.logged_on = self.ready = False
        amps_client_break(self.core)
        while status == AMPS_AGAIN:
            with nogil:
                status = amps_client_wait_gone(self.core, SLICE_MS)
            check_signals()
        return 0

    cdef object failed_attempt(self, object uri, object problem):
        """Tells the chooser, and whoever listens."""
        text = str(problem)
        if type(problem) is _exceptions.DisconnectedException:  # that word is for established ones
            wrapped = _exceptions.ConnectionException(f"connecting to {masked(uri)}: {text}")
            wrapped.__cause__ = problem
            problem = wrapped
        self.given_uri = uri if isinstance(uri, str) else self.given_uri
        if self.tells_attempts and self.exception_listener is not None:
            self.report(problem)
        self.tell_chooser(problem, False)
        return problem

    cdef int tell_chooser(self, object problem, bint success) except -1:
        info = {"client.name": self._name, "client.uri": masked(self.given_uri)}
        if self.uri is not None and self.uri.user:
            info["client.username"] = self.uri.user
        if self.connection_name:
            info["client.connection_name"] = self.connection_name
        if success:
            self.chooser.report_success(info)
        else:
            self.chooser.report_failure(problem, info)
        return 0

    # ---- Who waits for it -----------------------------------------------------------------------

    cdef int check_ready(self, object doing, bint in_handler_too, patience limit) except -1:
        """Waits until the client is back. Not inside a handler, whose thread may be the one that
        must bring it back."""
        self.check_usable(doing, in_handler_too)
        if self.ready or self.is_recovering_thread():
            return 0
        if not self.has_come_up:
            raise _exceptions.DisconnectedException(
                f"{doing}: not connected: call connect_and_logon() first")
        if self.given_up or not self.retries or amps_client_in_handler(self.core):
            raise _exceptions.DisconnectedException(f"{doing}: {self.why_not_connected()}")
        closings = self.closings
        while not self.ready:
            if self.closings != closings or self.given_up:
                raise _exceptions.DisconnectedException(f"{doing}: {self.why_not_connected()}")
            if slice_before(limit.deadline) == 0:
                raise self.late(doing, limit.timeout_ms)
            self.await_news(limit.deadline)
        return 0

    cdef int check_logged_on(self, object doing, bint in_handler_too=False) except -1:
        return self.check_ready(doing, in_handler_too, NO_LIMIT)

    cdef int check_follows(self) except -1:
        """A stored message follows when the client is back; only after its end that is news."""
        if self.given_up:
            raise _exceptions.DisconnectedException(
                f"publish: {self.why_not_connected()}; the publish store has the message")
        return 0

    cdef int follow_up(self, uint64_t sequence) except -1:
        """Only a connection in full order makes publishers wait for it."""
        self.check_follows()
        return Client.follow_up(self, sequence) if self.ready else 0

    cdef int check_flush(self, unsigned int slice_ms, patience limit, object closings) except -1:
        if not self.has_come_up and not self.given_up:
            raise _exceptions.DisconnectedException(
                "publish_flush: not connected: call connect_and_logon() first")
        return Client.check_flush(self, slice_ms, limit, closings)

    cdef object why_not_connected(self):
        if self.given_up and self.gave_up is not None:
            return f"not connected: {self.gave_up}"
        return Client.why_not_connected(self)

    cdef bint comes_back_alone(self) noexcept:
        return self.disconnect_handler is None

    cdef bint comes_back(self, uint64_t connection, object closings, object verb,
                         patience limit) except -1:
        if self.disconnect_handler is not None:
            return Client.comes_back(self, connection, closings, verb, limit)
        if not self.retries or self.given_up or self.closings != closings \
                or amps_client_in_handler(self.core) or self.is_recovering_thread() \
                or not amps_client_is_lost(self.core, connection):
            return False
        while self.closings == closings and not self.given_up:
            if self.ready and not amps_client_is_lost(self.core,
                                                      amps_client_connection(self.core)) \
                    and amps_client_connection(self.core) != connection:
                return True
            if slice_before(limit.deadline) == 0:
                raise self.late(verb, limit.timeout_ms)
            self.await_news(limit.deadline)
        return False

    cdef int note_closing(self) except -1:
        self.closings += 1
        self.ready = False
        if self.news is not None:
            self.tell_news()
        return 0

    cdef int shut(self, bint for_good) except -1:
        """Subscriptions with handlers survive a disconnect(); a close() ends them, too."""
        cdef bint had_come_up = self.has_come_up and not self.given_up
        cdef bint was_open = self.was_open
        self.ready = self.has_come_up = False
        self.given_up, self.gave_up = True, "closed by this program"
        if for_good:
            self.forget_records()
        else:
            self.end_streams()
            self.unplace()
        amps_client_give_up_waits(self.core)
        Client.shut(self, for_good)
        if had_come_up and not (was_open and for_good):
            self.tell_state(_ConnectionStateListener.Shutdown)
        return 0


cdef object masked(object uri):
    """A connection string without its password."""
    try:
        return str(_parse_uri(uri))
    except Exception:
        return "" if not isinstance(uri, (str, bytes)) else "(an unreadable connection string)"
