# recovering.pxi: connecting again after a loss, step by step, and who waits for it.
#
# One thread at a time recovers: whoever called connect_and_logon(), or the receive thread of the
# connection that was lost. Python's lock makes its decisions atomic; `news` is told of each.

cdef enum:
    LOGON_TIMEOUT_MS = 10000
    BRIEF_MS = 1000       # a connection that was lost so soon after it was ready was no success
    BRIEF_IN_TURN_MAX = 3  # after so many of them the delays grow as if none had worked out

# What is kept to be placed waits for the way back, even when commands are not to be repeated.
cdef frozenset _PLACED = frozenset(("subscribe", "delta_subscribe", "sow_and_subscribe",
                                    "sow_and_delta_subscribe"))
cdef double WAIT_MS_MAX = 1e15  # a delay: what is more is taken for this


cdef class Recovering(Resubscribing):
    """A client that connects again by itself."""

    cdef object chooser, strategy, logon_options
    cdef unsigned int logon_ms
    cdef object gave_up             # why there are no further attempts
    cdef object closings_of_attempt
    cdef bint tells_attempts        # nobody called for them
    cdef double ready_at            # when the last attempt had worked out
    cdef int brief_in_turn          # connections, one after the other, that did not last
    cdef object next_uri, next_authenticator, last_problem
    cdef double next_at             # when to try that one

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
        amps_client_keep_acks(self.core, True)
        self.brief_in_turn = 0
        try:
            self.recover()
        except BaseException as problem:
            self.has_come_up = False
            self.stop_recovering(problem)
            amps_client_keep_acks(self.core, False)
            raise
        return 0

    cdef void came_down(self) noexcept:
        """On the receive thread that lost the connection, which serves nothing any more."""
        if self.recovering or self.closings != self.closings_before:
            return  # that thread sees to it; or it was closed meanwhile
        if self.disconnect_handler is not None or not self.has_come_up:
            Client.came_down(self)
            return
        self.recovering, self.recovering_thread = True, PyThread_get_thread_ident()
        self.tells_attempts = True
        self.begin_attempts(self.closings_before)
        try:
            self.check_going_on(self.closings_of_attempt)
            self.note_life()
            self.tell_chooser(_exceptions.DisconnectedException(self.why), False, self.given_uri)
        except BaseException as problem:
            self.give_up_quietly(problem)
        self.go_on()

    cdef bint pauses(self) noexcept:
        return self.is_recovering_thread()

    cdef void go_on(self) noexcept:
        try:
            if self.is_recovering_thread():
                self.step()
        except BaseException as problem:
            self.give_up_quietly(problem)

    cdef void give_up_quietly(self, object problem) noexcept:
        try:
            self.give_up(problem, self.closings_of_attempt)
        except BaseException as another:
            self.report(another)

    cdef int note_life(self) except -1:
        """A server may take a client in and drop it at once, again and again, over a message of its
        own perhaps: then the strategy is not told that all is well."""
        if monotonic() - self.ready_at < BRIEF_MS / 1000.0:
            self.brief_in_turn += 1
            return 0
        if self.brief_in_turn >= BRIEF_IN_TURN_MAX:
            self.consult(self.strategy.reset, ())
        self.brief_in_turn = 0
        return 0

    cdef int give_up(self, object problem, object closings) except -1:
        """No further attempt is made."""
        was_closed = self.closings != closings
        self.given_up, self.gave_up = True, str(problem)
        self.stop_recovering(problem)
        self.end_acks(True)
        kept = self.forget_routes(AMPS_CLOSED)
        amps_client_give_up_waits(self.core)
        if not was_closed:
            self.closings += 1  # who waits on this client hears of it
            self.tell_state(_ConnectionStateListener.Shutdown)
            self.report(problem)
        return self.tell_unsent()

    cdef int tell_unsent(self) except -1:
        """Publishes that were to be sent on a next connection, which there will not be."""
        cdef size_t count = amps_client_drop_kept(self.core)
        if count > 0:
            problem = _exceptions.DisconnectedException(
                f"{self.why_not_connected()}; {count} publishes were not sent")
            problem.unsent = count
            self.report(problem)
        return 0

    cdef int stop_recovering(self, object problem) except -1:
        self.recovering, self.recovering_thread, self.ready = False, None, False
        self.tell_news()
        return 0

    cdef int begin_attempts(self, object closings) except -1:
        self.closings_of_attempt = closings
        self.next_uri = self.next_authenticator = self.last_problem = None
        return 0

    cdef int recover(self) except -1:
        """Attempts one after the other, until one has worked out."""
        self.begin_attempts(self.closings)
        while not self.step():
            self.await_news(self.next_at)
        return 0

    cdef bint step(self) except -1:
        """Chooses a server, or tries it when its time has come. True: that has worked out."""
        closings = self.closings_of_attempt
        self.check_going_on(closings)
        if self.next_uri is None:
            self.choose()
        if self.next_at > monotonic():
            return False
        uri, authenticator = self.next_uri, self.next_authenticator
        self.next_uri = self.next_authenticator = None
        self.round += 1
        try:
            self.attempt(uri, authenticator, closings)
        except (KeyboardInterrupt, SystemExit):
            self.end_attempt()
            raise
        except BaseException as problem:
            self.end_attempt()
            self.check_going_on(closings)
            self.last_problem = self.failed_attempt(uri, problem)
            return False
        return True

    cdef int choose(self) except -1:
        """Which server is next, and when."""
        uri = self.consult(self.chooser.get_current_uri, ())
        if uri is None or uri == "":
            raise self.nowhere_to_go(self.last_problem)
        self.next_authenticator = self.consult(self.chooser.get_current_authenticator, ())
        wait_ms = self.consult(self.strategy.get_connect_wait_duration, (uri,))
        if not isinstance(wait_ms, int) or isinstance(wait_ms, bool) or wait_ms < 0:
            raise _exceptions.UsageException(
                "get_connect_wait_duration() returns whole milliseconds, from 0 on, not "
                f"{wait_ms!r}")
        self.next_at = 0 if wait_ms == 0 else monotonic() + min(wait_ms, WAIT_MS_MAX) / 1000.0
        self.next_uri = uri
        return 0

    cdef int attempt(self, object uri, object authenticator, object closings) except -1:
        cdef patience limit = patience_of(self.logon_ms)
        cdef uint64_t connection
        self.connection_name = ""
        self.open_uri(uri, limit)
        connection = amps_client_connection(self.core)
        self.check_going_on(closings)
        self.log_on(authenticator, self.logon_options, self.logon_ms)
        self.check_going_on(closings)
        self.place_all(closings)
        self.tell_state(_ConnectionStateListener.Resubscribed)
        self.check_going_on(closings)
        self.tell_chooser(None, True, uri)
        if self.brief_in_turn < BRIEF_IN_TURN_MAX:
            self.consult(self.strategy.reset, ())
        self.ready_at = monotonic()
        self.send_overdue()
        self.send_left_over(closings)
        # From here to the end nobody else runs.
        if amps_client_is_lost(self.core, connection):
            raise _exceptions.DisconnectedException(self.why_not_connected())
        self.recovering, self.recovering_thread = False, None
        self.ready = self.came_back = True
        self.tell_news()
        return 0

    cdef int send_left_over(self, object closings) except -1:
        """Publishes that had not left when the last connection was lost go first."""
        cdef amps_status status = AMPS_AGAIN
        while status == AMPS_AGAIN:
            with nogil:
                status = amps_client_send_kept(self.core, SLICE_MS)
            self.check_going_on(closings)
        if status == AMPS_DISCONNECTED or status == AMPS_CLOSED:
            raise _exceptions.DisconnectedException(self.why_not_connected())
        if status != AMPS_OK:
            raise status_error(status, "sending what was published before")
        return 0

    cdef int check_dialing(self, object uri) except -1:
        self.check_going_on(self.closings_of_attempt)
        return Client.check_dialing(self, uri)

    cdef object nowhere_to_go(self, object last):
        error = getattr(self.chooser, "get_error", None)
        text = self.consult(error, ()) if callable(error) else ""
        why = "; ".join(str(each) for each in (text, last) if each) or "the list may be empty"
        gone = _exceptions.ConnectionException(f"the server chooser names no server: {why}")
        gone.__cause__ = last
        return gone

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
        if self.tells_attempts and self.exception_listener is not None:
            self.report(problem)
        self.tell_chooser(problem, False, uri)
        return problem

    cdef int tell_chooser(self, object problem, bint success, object uri) except -1:
        info = {"client.name": self._name, "client.uri": masked(uri)}
        user = user_of(uri)
        if user:
            info["client.username"] = user
        if self.connection_name:
            info["client.connection_name"] = self.connection_name
        if success:
            self.consult(self.chooser.report_success, (info,))
        else:
            self.consult(self.chooser.report_failure, (problem, info))
        return 0

    # ---- Who waits for it -----------------------------------------------------------------------

    cdef int check_ready(self, object doing, bint in_handler_too, patience limit) except -1:
        """Waits until the client is back. Not inside a handler, whose thread may be the one that
        must bring it back."""
        self.check_usable(doing, in_handler_too)
        if self.ready:
            return 0
        if not self.has_come_up:
            raise _exceptions.DisconnectedException(
                f"{doing}: not connected: call connect_and_logon() first")
        if self.given_up or amps_client_in_handler(self.core) or self.is_recovering_thread() \
                or not (self.retries or doing in _PLACED):
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

    cdef bint keeps_acks(self) noexcept:
        return True

    cdef int end_acks(self, bint for_good) except -1:
        amps_client_keep_acks(self.core, False)
        if for_good:
            amps_client_drop_acks(self.core)
        return 0

    cdef bint keeps_unsent(self) noexcept:
        return self.retries and self.has_come_up and not self.given_up \
            and self.disconnect_handler is None

    cdef bint comes_back(self, uint64_t connection, object closings, object verb,
                         patience limit) except -1:
        if self.disconnect_handler is not None:
            return Client.comes_back(self, connection, closings, verb, limit)
        if not self.retries or self.given_up or self.closings != closings \
                or not self.has_come_up or amps_client_in_handler(self.core) \
                or self.is_recovering_thread() \
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
        if self.core is NULL or amps_client_is_inherited(self.core):
            return 0  # whoever holds its locks is not here
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
        self.end_acks(for_good)
        self.tell_unsent()
        if had_come_up and not (was_open and for_good):
            self.tell_state(_ConnectionStateListener.Shutdown)
        return 0


cdef object masked(object uri):
    """A connection string without its password."""
    try:
        return str(_parse_uri(uri))
    except Exception:
        return "" if not isinstance(uri, (str, bytes)) else "(an unreadable connection string)"


cdef object user_of(object uri):
    """The user in a connection string, or None."""
    try:
        return _parse_uri(uri).user
    except Exception:
        return None
