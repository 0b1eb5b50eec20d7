# asking.pxi: sending commands and waiting for what the server says to them.

cdef amps_slice NO_BODY = literal("")


cdef class Asking(Connection):
    """A connection that commands go through."""

    cdef object next_id(self):
        return b"%d" % amps_client_next_id(self.core)

    cdef Message ask(self, amps_header *header, object verb, object command_id, object ack_types,
                     unsigned int ack_type, unsigned int timeout_ms, object offending):
        """Sends a command and waits for its ack; raises by the server's reason when it refuses."""
        cdef amps_waiter *waiter
        cdef Message ack
        cdef object kept = (put_text(header, AMPS_FIELD_COMMAND, verb),
                            put_text(header, AMPS_FIELD_COMMAND_ID, command_id),
                            put_text(header, AMPS_FIELD_ACK_TYPE, ack_types))
        waiter = amps_client_begin_wait(self.core, header.value[<int>AMPS_FIELD_COMMAND_ID],
                                        ack_type)
        if waiter is NULL:
            raise MemoryError(f"no memory to wait for the ack of {verb}")
        try:
            self.send_command(header)
            ack = self.await_ack(waiter, verb, timeout_ms)
        finally:
            amps_client_end_wait(self.core, waiter)
        if ack.get_status() not in ("success", "retry"):
            raise _exception_for(ack.get_reason(), verb, offending=offending, message=ack)
        return ack

    cdef Message await_ack(self, amps_waiter *waiter, object verb, unsigned int timeout_ms):
        cdef amps_message view
        cdef amps_status status = AMPS_AGAIN
        cdef unsigned int slice_ms
        cdef double deadline = deadline_in(timeout_ms)
        while status == AMPS_AGAIN:
            slice_ms = slice_before(deadline)
            if slice_ms == 0:
                raise _exceptions.TimedOutException(
                    f"no answer to {verb} within {timeout_ms} ms from {self.masked_uri}")
            with nogil:
                status = amps_client_wait(self.core, waiter, slice_ms, &view)
            check_signals()
        if status == AMPS_DISCONNECTED or status == AMPS_CLOSED:
            raise _exceptions.DisconnectedException(
                f"waiting for the answer to {verb}: {self.why_not_connected()}")
        if status != AMPS_OK:
            raise status_error(status, f"waiting for the answer to {verb}")
        cdef Message ack = Message.__new__(Message)
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

    cdef int send_command(self, const amps_header *header) except -1:
        self.send_overdue()
        return self.send_header(header)

    cdef int send_overdue(self) except -1:
        """What could not be sent when it was due; commands of the layers above."""
        return 0

    cdef int send_header(self, const amps_header *header) except -1:
        """Sends a command without a body."""
        cdef c_bool due
        cdef amps_status status = amps_client_try_send(self.core, header, NO_BODY, False, &due)
        if status != AMPS_OK:
            self.send_patiently(header, NO_BODY, False, status)
        elif due:
            with nogil:
                amps_client_send_due(self.core)
        return 0
