# custom_stores.pxi: publish stores that the program brings along, called with a lock of their own.
#
# Nothing of the core's is held while one is called: its lock makes one order of its numbers and of
# what is sent, and only Python waits for it.

cdef enum:
    POLL_MS = 10  # how often a custom publish store is asked

cdef tuple _STORE_METHODS = ("store", "discard_up_to", "replay", "replay_single",
                             "get_unpersisted_count")


cdef class CustomStoring(Asking):
    """A connection whose publishes may go through a store with the methods above.

    Three more are used where there are any: `get_last_persisted()`, `get_lowest_unpersisted()` and
    `flush(timeout)`, which returns when all is persisted or raises `TimedOutException`.
    """

    cdef object custom            # one of the program's own, or None
    cdef object turn              # the lock that makes one order of a custom store and the wire
    cdef object whose_turn        # the thread that holds it
    cdef bint custom_follows      # what a custom store holds has been sent to this connection
    cdef object custom_last       # the highest number that it gave or replayed
    cdef object custom_acked      # the highest number acked on this connection
    cdef set refused_numbers      # of its messages that failed, while it still holds them

    cdef int check_custom(self, object store) except -1:
        for name in _STORE_METHODS:
            if not callable(getattr(store, name, None)):
                raise TypeError(f"a publish store has a method {name}, unlike "
                                f"{type(store).__name__}")
        return 0

    cdef int use_custom(self, object store) except -1:
        """From now on this one, or None. Nobody may be publishing."""
        import threading
        self.custom, self.custom_follows, self.custom_last = store, False, 0
        self.custom_acked = 0
        self.refused_numbers = set()
        if self.turn is None:
            self.turn = threading.Lock()
        return 0

    cdef int check_usable(self, object doing, bint in_handler_too=False) except -1:
        if self.whose_turn is not None and self.whose_turn == PyThread_get_thread_ident():
            raise _exceptions.UsageException(
                f"{doing}: called by a publish store on the very client that is calling it")
        return Asking.check_usable(self, doing, in_handler_too)

    cdef int take_turn(self) except -1:
        """Waits for the lock of a custom store; its own calls must not come back here."""
        me = PyThread_get_thread_ident()
        if self.whose_turn == me:
            raise _exceptions.UsageException(
                "a publish store publishes on the very client that is calling it")
        while not self.turn.acquire(timeout=SLICE_MS / 1000):
            check_signals()
        self.whose_turn = me
        if isinstance(self.custom, Store):
            (<Store>self.custom).user = self
        return 0

    cdef int end_turn(self) except -1:
        if isinstance(self.custom, Store):
            (<Store>self.custom).user = None
        self.whose_turn = None
        self.turn.release()
        return 0

    # ---- Out ------------------------------------------------------------------------------------

    cdef int check_follows(self) except -1:
        """Raises where a stored message will only be sent when the program connects again."""
        return 0

    cdef uint64_t keep_in_custom(self, amps_header *header, amps_slice body,
                                 bint is_publish) except? 0:
        cdef object kept, sequence
        cdef bint follows
        if not has_field(header, AMPS_FIELD_ACK_TYPE):
            set_field(header, AMPS_FIELD_ACK_TYPE, PERSISTED)
        message = self.message_of(header, body)
        self.take_turn()
        try:
            sequence = store_number("the publish store's sequence", self.custom.store(message),
                                    1, <uint64_t>-1)
            self.custom_last = max(sequence, self.custom_last)
            (<Message>message).set_sequence(sequence)
            kept = put_number(header, AMPS_FIELD_SEQUENCE, sequence, <uint64_t>-1)
            if self.custom_follows:
                try:
                    self.send_stored(header, body, is_publish)
                except _exceptions.DisconnectedException:
                    self.custom_follows = False
            follows = self.custom_follows
        finally:
            self.end_turn()
        if not follows:
            self.check_follows()
        return sequence

    cdef int send_stored(self, const amps_header *header, amps_slice body,
                         bint is_publish) except -1:
        cdef c_bool due
        cdef amps_status status = amps_client_try_send(self.core, header, body, is_publish, &due)
        if status != AMPS_OK:
            self.send_patiently(header, body, is_publish, status)
        elif due:
            with nogil:
                amps_client_send_due(self.core)
        return 0

    cdef Message message_of(self, const amps_header *header, amps_slice body):
        """A header and a body as a message of its own."""
        cdef amps_message view
        cdef Message message = Message.__new__(Message)
        room = bytearray(amps_frame_size_max(header, body))
        size = amps_frame_write(header, body, <char *>room)
        if amps_frame_view(amps_slice(<char *>room, size), &view) != AMPS_OK:
            raise MemoryError("no memory for a message")
        message.copy_view(&view)
        return message

    # ---- After a logon --------------------------------------------------------------------------

    cdef object custom_persisted(self):
        """Up to where it has discarded; 0 if it does not say."""
        last = getattr(self.custom, "get_last_persisted", None)
        return int(last()) if callable(last) else 0

    cdef int replay_custom(self, object server) except -1:
        """What the server has is discarded; the rest is sent, while nobody publishes."""
        self.take_turn()
        try:
            if server and server >= self.custom_persisted():
                self.custom.discard_up_to(server)
            self.custom_acked = server or 0
            self.custom.replay(self._send_again)
            self.custom_follows = True
        finally:
            self.end_turn()
        return 0

    def _send_again(self, message):
        """Given to the `replay` of a publish store: sends one of its messages as it is."""
        cdef amps_header header
        cdef Body body
        if not isinstance(message, Message) or not (<Message>message).raw(AMPS_FIELD_SEQUENCE):
            self.report(_exceptions.StoreException(
                f"the publish store replayed {message!r}, which is no message with a sequence"))
            return
        self.custom_last = max(self.custom_last, int(message.get_sequence()))
        header.present = 0
        kept = (<Message>message).fill(&header)
        body = (<Message>message).body()
        if not has_field(&header, AMPS_FIELD_ACK_TYPE):
            set_field(&header, AMPS_FIELD_ACK_TYPE, PERSISTED)
        self.send_stored(&header, body.bytes, True)

    # ---- What the server says -------------------------------------------------------------------

    cdef object find_in_custom(self, object sequence):
        """The message of this number, or None."""
        found = []
        self.custom.replay_single(found.append, sequence)
        return found[0] if found else None

    cdef int persisted_in_custom(self, object sequence) except -1:
        if sequence <= self.custom_acked:
            return 0
        meant = min(sequence, self.custom_last)
        self.custom_acked = max(meant, self.custom_acked)
        self.custom.discard_up_to(meant)
        if sequence > meant:
            self.report(_exceptions.StoreException(
                f"the server says that publishes up to {sequence} are persisted: that number was "
                "never sent on this connection"))
        if self.refused_numbers:
            self.forget_refused()
        return 0

    cdef int refused_in_custom(self, uint64_t sequence) except -1:
        """It can only discard all up to a number: that waits until none below is held."""
        if isinstance(self.custom, Store):
            amps_publish_store_discard_one((<Store>self.custom).core, sequence, NULL)
        elif sequence > 0:
            self.refused_numbers.add(sequence)
            self.forget_refused()
        return 0

    cdef int forget_refused(self) except -1:
        lowest = self.lowest_in_custom()
        while lowest in self.refused_numbers:
            self.custom.discard_up_to(lowest)
            self.refused_numbers.discard(lowest)
            lowest = self.lowest_in_custom()
        self.refused_numbers = {each for each in self.refused_numbers if each > lowest > 0}
        return 0

    cdef object lowest_in_custom(self):
        """The lowest number it holds, 0 when there is none."""
        lowest = getattr(self.custom, "get_lowest_unpersisted", None)
        if callable(lowest):
            return int(lowest())
        if self.custom.get_unpersisted_count() == 0:
            return 0
        numbers = []
        self.custom.replay(lambda message: numbers.append(int(message.get_sequence())))
        return min(numbers, default=0)

    # ---- Waiting for it -------------------------------------------------------------------------

    cdef bint is_drained(self, object highest) except -1:
        """Is all up to this number persisted, as far as the store can say?"""
        lowest = getattr(self.custom, "get_lowest_unpersisted", None)
        return self.custom.get_unpersisted_count() == 0 \
            or (callable(lowest) and highest > 0 and lowest() > highest)

    cdef int poll_persisted(self, patience limit) except -1:
        """A custom store can only be asked."""
        import time
        cdef unsigned int slice_ms
        closings, highest = self.closings, self.custom_last
        flush = getattr(self.custom, "flush", None)
        while not self.is_drained(highest):
            slice_ms = slice_before(limit.deadline)
            self.check_flush(slice_ms, limit, closings)
            if not callable(flush):
                time.sleep(min(slice_ms, POLL_MS) / 1000)
                continue
            try:
                flush(slice_ms)
                return 0
            except _exceptions.TimedOutException:
                continue  # a slice of the time is over
        return 0

    cdef int check_flush(self, unsigned int slice_ms, patience limit, object closings) except -1:
        check_signals()
        if slice_ms == 0:
            raise self.late("publish_flush", limit.timeout_ms)
        if self.closings != closings:
            raise _exceptions.DisconnectedException("publish_flush: closed by this program")
        self.check_follows()
        return 0


cdef amps_slice PERSISTED = literal("persisted")
