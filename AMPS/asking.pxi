# asking.pxi: sending commands and waiting for what the server says to them.

cdef amps_slice NO_BODY = literal("")

# The first two the disconnect handler does itself. A flush asks about what was published on its own
# connection: an answer on the next one would promise what nobody knows.
cdef tuple _NEVER_REPEATED = ("logon", "heartbeat", "flush")


cdef class Asking(Connection):
    """A connection that commands go through."""

    cdef bint retries  # a command cut off by a lost connection is sent once more

    def __cinit__(self, *args, **kwargs):
        self.retries = True

    def set_retry_on_disconnect(self, enabled):
        """Sets whether a command that was cut off is sent once more, when the disconnect handler
        has brought the client back; at first it is. Such a command waits for the handler. Publishes
        and flushes are not repeated: what was sent before may be lost, and the caller should hear
        of it. A second cut raises `RetryOperationException`."""
        self.retries = bool(enabled)

    def get_retry_on_disconnect(self):
        """Whether a command that was cut off is sent once more."""
        return bool(self.retries)

    cdef object next_id(self):
        """An id for a command that no program's id is in the way of."""
        id = None
        while id is None or has_route(self, AMPS_ID_OF_COMMAND, id) \
                or has_route(self, AMPS_ID_OF_SUBSCRIPTION, id):
            id = b"%d" % amps_client_next_id(self.core)
        return id

    cdef Message ask(self, amps_header *header, amps_slice body, object verb, object command_id,
                     unsigned int ack_types, unsigned int awaited, patience limit,
                     object offending, Routing routing=None, bint repeats=True,
                     uint64_t *number=NULL):
        """Sends a command and waits for its ack; raises by the server's reason when it refuses.

        `ack_types` is what the server is asked for, `awaited` what ends the wait. `offending` has
        the values that an error may repeat: a dict, or what makes one. When the connection is lost
        meanwhile and the disconnect handler brings it back, the command is sent once more, if it
        `repeats`; not one that a publish store keeps, which gets its `number` there.
        """
        cdef Message ack = None
        cdef uint64_t stored = 0
        if verb == "sow_delete" and self.keeps_deletes():
            number = &stored if number is NULL else number
        cdef uint64_t connection
        cdef object kept = (put_text(header, AMPS_FIELD_COMMAND, verb),
                            put_text(header, AMPS_FIELD_COMMAND_ID, command_id),
                            put_text(header, AMPS_FIELD_ACK_TYPE, ack_list(ack_types)))
        for attempt in range(2):
            connection = amps_client_connection(self.core)
            closings = self.closings
            try:
                ack = self.ask_once(header, body, verb, awaited, limit, routing, number)
                break
            except _exceptions.DisconnectedException as lost:
                problem = lost
            if routing is not None and routing.record is not None:
                ack = self.await_placement(routing, verb, limit, problem)
                break
            if attempt == 1 and self.closings == closings:
                raise _exceptions.RetryOperationException(
                    f"{verb} was cut off twice: {problem}") from problem
            if not repeats or number is not NULL or verb in _NEVER_REPEATED \
                    or not self.comes_back(connection, closings, verb, limit):
                raise problem
        if ack.get_status() not in ("success", "retry"):
            if routing is not None:
                routing.remove(self)
                self.note_refused(routing)
            raise _exception_for(ack.get_reason(), verb, message=ack,
                                 offending=offending() if callable(offending) else offending)
        if routing is not None:
            routing.accepted(self)
            self.note_answered(routing)
        return ack

    cdef Message ask_once(self, amps_header *header, amps_slice body, object verb,
                          unsigned int awaited, patience limit, Routing routing,
                          uint64_t *number):
        cdef amps_waiter *waiter
        cdef bint is_stored = number is not NULL
        cdef uint64_t connection = amps_client_connection(self.core)
        if routing is not None:
            routing.lasts = routing.lasts or (is_stored and self.comes_back_alone())
            routing.place(self)
        waiter = amps_client_begin_wait(self.core, header.value[<int>AMPS_FIELD_COMMAND_ID],
                                        awaited, is_stored and self.comes_back_alone())
        try:
            if waiter is NULL:
                raise MemoryError(f"no memory to wait for the ack of {verb}")
            if routing is not None:
                self.note_asked(routing)
            if is_stored:
                number[0] = self.send_delete(header, body, routing)
            else:
                self.send_command(header, body)
            return self.await_ack(waiter, verb, limit, connection, number)
        except _exceptions.DisconnectedException:
            if routing is not None and not self.outlasts(routing):
                self.withdraw(routing)
            raise
        except BaseException:
            if routing is not None:
                self.withdraw(routing)
            raise
        finally:
            if waiter is not NULL:
                amps_client_end_wait(self.core, waiter)

    cdef int withdraw(self, Routing routing) except -1:
        """A command has failed that may have reached the server; of the layers above."""
        routing.remove(self)
        return 0

    # What a client that comes back by itself does with a command that was cut off: nothing, here.

    cdef bint comes_back_alone(self) noexcept:
        return False

    cdef bint is_coming_back(self) noexcept:
        """Is a thread at it? Then whatever the program has to say comes when it is through."""
        return False

    cdef int note_asked(self, Routing routing) except -1:
        """The command is about to be sent."""
        return 0

    cdef int note_answered(self, Routing routing) except -1:
        """The server has accepted it."""
        return 0

    cdef int note_refused(self, Routing routing) except -1:
        """The server has refused it."""
        return 0

    cdef bint outlasts(self, Routing routing) except -1:
        """Will it be placed on the next connection?"""
        return False

    cdef Message await_placement(self, Routing routing, object verb, patience limit,
                                 object problem):
        """Waits until it was placed there."""
        raise problem

    cdef bint keeps_deletes(self) noexcept:
        """Is there a publish store for them?"""
        return False

    cdef uint64_t send_delete(self, amps_header *header, amps_slice body,
                              Routing routing) except? 0:
        """Through that store; returns its number there."""
        return 0

    cdef Message done_before(self, uint64_t connection, uint64_t number):
        """The answer for one of this number, first sent on `connection` or not at all, when a later
        one has found it done. None: its own answer is still to come."""
        return None

    cdef bint comes_back(self, uint64_t connection, object closings, object verb,
                         patience limit) except -1:
        """After a loss: waits for the disconnect handler, and says whether the client is logged on
        again, by it."""
        cdef amps_status status = AMPS_AGAIN
        cdef unsigned int slice_ms
        if not self.retries or self.disconnect_handler is None \
                or amps_client_in_handler(self.core) or self.closings != closings \
                or not amps_client_is_lost(self.core, connection):  # a signal handler's exception
            return False
        while status == AMPS_AGAIN:
            slice_ms = slice_before(limit.deadline)
            if slice_ms == 0:
                raise self.late(verb, limit.timeout_ms)
            with nogil:
                status = amps_client_wait_settled(self.core, connection, slice_ms)
            check_signals()
            if self.closings != closings:
                return False
        return self.came_back and self.logged_on

    cdef object late(self, object verb, unsigned int timeout_ms):
        return _exceptions.TimedOutException(
            f"no answer to {verb} within {timeout_ms} ms from {self.masked_uri}")

    cdef Message await_ack(self, amps_waiter *waiter, object verb, patience limit,
                           uint64_t connection=0, const uint64_t *number=NULL):
        cdef amps_message view
        cdef amps_status status = AMPS_AGAIN
        cdef unsigned int slice_ms
        cdef Message ack = None
        while status == AMPS_AGAIN and ack is None:
            slice_ms = slice_before(limit.deadline)
            if slice_ms == 0:
                raise self.late(verb, limit.timeout_ms)
            with nogil:
                status = amps_client_wait(self.core, waiter, slice_ms, &view)
            check_signals()
            if status == AMPS_AGAIN and number is not NULL:
                ack = self.done_before(connection, number[0])
                if ack is not None:  # its own answer may have come meanwhile
                    status = amps_client_wait(self.core, waiter, 0, &view)
        if status == AMPS_AGAIN:
            return ack
        if status == AMPS_DISCONNECTED or status == AMPS_CLOSED:
            raise _exceptions.DisconnectedException(
                f"waiting for the answer to {verb}: {self.why_not_connected()}")
        if status != AMPS_OK:
            raise status_error(status, f"waiting for the answer to {verb}")
        ack = Message.__new__(Message)
        ack.copy_view(&view)
        return ack

    cdef int send_patiently(self, const amps_header *header, amps_slice body, bint is_publish,
                            amps_status status) except -1:
        """Sends without the GIL, for as long as it takes; `status` is what a quick try said."""
        if status == AMPS_AGAIN:
            status = self.keep_sending(header, body, is_publish)
        if status == AMPS_DISCONNECTED or status == AMPS_CLOSED:
            raise _exceptions.DisconnectedException(self.why_not_connected())
        if status != AMPS_OK:
            raise status_error(status, "publish" if is_publish else "sending a command")
        return 0

    cdef amps_status keep_sending(self, const amps_header *header, amps_slice body,
                                  bint is_publish) except *:
        cdef amps_progress progress
        cdef amps_status status = AMPS_AGAIN
        if PyThread_get_thread_ident() in self.paused:
            raise _exceptions.UsageException(
                "sending from a signal handler or destructor that interrupted this very thread in "
                "the middle of a large message on the same client: it would wait for itself")
        memset(&progress, 0, sizeof(progress))
        try:
            while status == AMPS_AGAIN:
                with nogil:
                    status = amps_client_send(self.core, header, body, is_publish, &progress,
                                              SLICE_MS)
                if status == AMPS_AGAIN:
                    self.look_up(progress.around.queued or progress.around.owns)
        except BaseException:
            with nogil:
                amps_client_give_up(self.core, body, is_publish, &progress)
            raise
        return status

    cdef int look_up(self, bint in_the_middle) except -1:
        """Lets signals in; what their handlers send on this thread could never get its turn."""
        if not in_the_middle:
            return check_signals()
        me = PyThread_get_thread_ident()
        self.paused.add(me)
        try:
            check_signals()
        finally:
            self.paused.discard(me)
        return 0

    cdef int send_command(self, const amps_header *header, amps_slice body) except -1:
        self.send_overdue()
        return self.send_header(header, body)

    cdef int send_overdue(self) except -1:
        """What could not be sent when it was due; commands of the layers above."""
        return 0

    cdef int send_header(self, const amps_header *header, amps_slice body) except -1:
        """Sends a command."""
        cdef c_bool due
        cdef amps_status status = amps_client_try_send(self.core, header, body, False, &due)
        if status != AMPS_OK:
            self.send_patiently(header, body, False, status)
        elif due:
            with nogil:
                amps_client_send_due(self.core)
        return 0
