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
        cdef unsigned int slice_ms, left = timeout_ms
        while status == AMPS_AGAIN:
            slice_ms = left if 0 < left < SLICE_MS else SLICE_MS
            with nogil:
                status = amps_client_wait(self.core, waiter, slice_ms, &view)
            check_signals()
            if status == AMPS_AGAIN and timeout_ms > 0:
                left -= slice_ms
                if left == 0:
                    raise _exceptions.TimedOutException(
                        f"no answer to {verb} within {timeout_ms} ms from {self.masked_uri}")
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
        thread = PyThread_get_thread_ident()
        if thread in self.patient:  # the outer one may be what the inner one would wait for
            raise _exceptions.UsageException(
                "a signal handler interrupted a publish that waits for the network, "
                "and publishes on the same client itself")
        memset(&progress, 0, sizeof(progress))
        self.patient.add(thread)
        try:
            while status == AMPS_AGAIN:
                with nogil:
                    status = amps_client_send(self.core, header, body, is_publish, &progress,
                                              SLICE_MS)
                if status == AMPS_AGAIN:
                    check_signals()
        except BaseException:
            with nogil:
                amps_client_give_up(self.core, body, is_publish, &progress)
            raise
        finally:
            self.patient.discard(thread)
        return status

    cdef int send_command(self, const amps_header *header) except -1:
        cdef c_bool due
        cdef amps_status status
        if self.overdue:
            self.send_overdue()
        status = amps_client_try_send(self.core, header, NO_BODY, False, &due)
        if status != AMPS_OK:
            self.send_patiently(header, NO_BODY, False, status)
        elif due:
            with nogil:
                amps_client_send_due(self.core)
        return 0
