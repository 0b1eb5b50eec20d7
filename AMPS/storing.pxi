# storing.pxi: publishes that a publish store keeps until the server has persisted them.

cdef class Storing(Asking):
    """A connection whose publishes go through a publish store, if it has one."""

    cdef Store store              # one of this module's, or None
    cdef object custom            # one of the program's own, or None
    cdef object turn              # the lock that makes one order of a custom store and the wire
    cdef object whose_turn        # the thread that holds it
    cdef bint custom_follows      # what a custom store holds has been sent to this connection
    cdef object error_on_publish_gap  # None: as the store says
    cdef uint64_t last_delete         # the number of the last SOW delete stored

    def set_publish_store(self, publish_store):
        """Sets the store that keeps each publish, delta publish and SOW delete until the server has
        persisted it: `MemoryPublishStore`, `PublishStore`, `HybridPublishStore`, or an object with
        `store(message)`, `discard_up_to(sequence)`, `replay(handler)`, `replay_single(handler,
        sequence)` and `get_unpersisted_count()`, which is called on the threads that publish and
        on the receive thread. None: no store. Set it before connecting. Raises `UsageException`
        while messages of the store before wait for their acks on a connection.
        """
        cdef amps_publish_store *core = NULL
        cdef Store native = None
        cdef amps_status status
        self.check_usable("set_publish_store", True)
        if is_native(publish_store):
            native = publish_store
            native.check()
            core = native.core
        elif publish_store is not None:
            for name in ("store", "discard_up_to", "replay", "replay_single",
                         "get_unpersisted_count"):
                if not callable(getattr(publish_store, name, None)):
                    raise TypeError(f"a publish store has a method {name}, unlike "
                                    f"{type(publish_store).__name__}")
            import threading
            self.turn = threading.Lock()
        if self.custom is not None and self.logged_on and self.custom.get_unpersisted_count() > 0:
            status = AMPS_ALREADY_CONNECTED
        else:
            status = amps_client_set_publish_store(self.core, core)
        if status == AMPS_ALREADY_CONNECTED:
            raise _exceptions.UsageException(
                "messages of the publish store set before wait for their acks on this connection: "
                "set a store before connecting")
        if status != AMPS_OK:
            raise status_error(status, "set_publish_store")
        self.store, self.custom = native, None if native is not None else publish_store
        self.custom_follows = False
        amps_client_want(self.core, AMPS_FOR_STORE, self.custom is not None)
        amps_client_want(self.core, AMPS_FOR_STORE_TROUBLE, native is not None)

    cdef inline bint has_store(self) noexcept:
        return self.store is not None or self.custom is not None

    def set_error_on_publish_gap(self, error_on_publish_gap):
        """Sets whether a logon fails with `PublishStoreGapException` when the server lacks messages
        that the publish store has discarded already. Otherwise the exception listener is told."""
        self.error_on_publish_gap = bool(error_on_publish_gap)

    def get_error_on_publish_gap(self):
        """Whether such a logon fails; at first as the store says, which is no."""
        if self.error_on_publish_gap is not None:
            return self.error_on_publish_gap
        return self.store is not None and self.store.get_error_on_publish_gap()

    def get_unpersisted_count(self):
        """How many messages in the publish store the server has not persisted yet: 0 without
        one."""
        if self.custom is not None:
            return self.custom.get_unpersisted_count()
        return 0 if self.store is None else self.store.get_unpersisted_count()

    # ---- Out ------------------------------------------------------------------------------------

    cdef uint64_t keep_and_send(self, amps_header *header, amps_slice body,
                                bint is_publish) except? 0:
        """Stores a command, which gives it its number, and sends it if that can be."""
        cdef amps_kept kept
        cdef amps_status status = AMPS_AGAIN
        cdef bint at_once
        if self.custom is not None:
            return self.keep_in_custom(header, body, is_publish)
        if is_publish and not has_field(header, AMPS_FIELD_ACK_TYPE):
            set_field(header, AMPS_FIELD_ACK_TYPE, PERSISTED)
        at_once = self.store.is_quick()
        while True:
            if at_once:
                status = amps_client_publish_stored(self.core, header, body, is_publish, True,
                                                    &kept)
            if not at_once or status == AMPS_AGAIN:
                with nogil:
                    status = amps_client_publish_stored(self.core, header, body, is_publish, False,
                                                        &kept)
            if status != AMPS_STORE_FULL:
                break
            self.store.make_room(self)
        return self.kept(status, &kept)

    cdef bint keeps_deletes(self) noexcept:
        return self.has_store()

    cdef bint keeps_publishes(self) noexcept:
        self.custom_follows = False
        return self.has_store()

    cdef int send_delete(self, amps_header *header, amps_slice body) except -1:
        self.send_overdue()
        self.last_delete = self.keep_and_send(header, body, False)
        return 0

    cdef uint64_t kept(self, amps_status status, amps_kept *kept) except? 0:
        """What is stored leaves, or is waited for."""
        if status == AMPS_CLOSED and not self.logged_on:
            raise _exceptions.DisconnectedException(
                f"publish: {self.why_not_connected()}, and the publish store with it: the message "
                "is not kept")
        if status != AMPS_OK:
            raise store_error(status, "publish", &kept.failure)
        if kept.due:
            with nogil:
                amps_client_send_due(self.core)
        elif not kept.is_sent:
            self.follow_up(kept.sequence)
        return kept.sequence

    cdef int follow_up(self, uint64_t sequence) except -1:
        """A message was stored that could not leave at once. On a connection its turn is waited
        for, so that publishers are no faster than the network; but not inside a handler."""
        cdef amps_status status = AMPS_AGAIN
        self.check_follows()
        if amps_client_in_handler(self.core):
            return 0
        while status == AMPS_AGAIN:
            with nogil:
                status = amps_client_wait_sent(self.core, sequence, SLICE_MS)
            check_signals()
        if status != AMPS_OK:
            self.check_follows()
        return 0

    cdef int check_follows(self) except -1:
        """Raises where a stored message will only be sent when the program connects again."""
        if amps_client_state(self.core) != AMPS_OK:
            raise _exceptions.DisconnectedException(
                f"publish: {self.why_not_connected()}; the publish store has the message")
        if not self.logged_on:
            raise _exceptions.LogonRequiredException(
                "publish: not logged on; the publish store has the message")
        return 0

    cdef uint64_t keep_in_custom(self, amps_header *header, amps_slice body,
                                 bint is_publish) except? 0:
        cdef Message message = self.message_of(header, body)
        cdef object kept
        if not has_field(header, AMPS_FIELD_ACK_TYPE):
            set_field(header, AMPS_FIELD_ACK_TYPE, PERSISTED)
        self.take_turn()
        try:
            sequence = store_number("the publish store's sequence", int(self.custom.store(message)),
                                    1, <uint64_t>-1)
            message.set_sequence(sequence)
            kept = put_number(header, AMPS_FIELD_SEQUENCE, sequence, <uint64_t>-1)
            if self.custom_follows:
                try:
                    self.send_stored(header, body, is_publish)
                except _exceptions.DisconnectedException:
                    self.custom_follows = False
        finally:
            self.end_turn()
        if not self.custom_follows:
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

    cdef int take_turn(self) except -1:
        """Waits for the lock of a custom store; its own calls must not come back here."""
        me = PyThread_get_thread_ident()
        if self.whose_turn == me:
            raise _exceptions.UsageException(
                "a publish store publishes on the very client that is calling it")
        while not self.turn.acquire(timeout=SLICE_MS / 1000):
            check_signals()
        self.whose_turn = me
        return 0

    cdef int end_turn(self) except -1:
        self.whose_turn = None
        self.turn.release()
        return 0

    # ---- After a logon --------------------------------------------------------------------------

    cdef int catch_up(self, Message ack) except -1:
        """Compares the store with what the server has, by its logon ack, and sends the rest."""
        cdef uint64_t last, highest
        cdef amps_status status = AMPS_AGAIN
        if not self.has_store():
            return 0
        said = ack.raw(AMPS_FIELD_SEQUENCE)
        server = int(said) if said is not None and said.isdigit() else None
        if self.custom is not None:
            self.replay_custom(server)
        else:
            highest = self.reconcile(server)
            while status == AMPS_AGAIN:
                with nogil:
                    status = amps_client_wait_sent(self.core, highest, SLICE_MS)
                check_signals()
            if status != AMPS_OK:
                raise _exceptions.DisconnectedException(
                    f"replaying the publish store: {self.why_not_connected()}")
        self.tell_state(_ConnectionStateListener.PublishReplayed)
        return 0

    cdef uint64_t reconcile(self, object server) except? 0:
        """Returns the highest number to be sent. What the server has is discarded."""
        cdef Store store = self.store
        cdef amps_failure failure
        cdef uint64_t number = 0 if server is None else server
        cdef amps_status status
        last = amps_publish_store_last_persisted(store.core)
        if server is not None and number < last:
            gap = _exceptions.PublishStoreGapException(
                f"{self.masked_uri} has the publishes of {self._name!r} up to {number} only; the "
                f"publish store has discarded them up to {last}")
            if self.get_error_on_publish_gap():
                raise gap
            self.report(gap)
        elif server is not None:
            if not store.has_followed:
                self.report_used(store, number)
            with nogil:
                status = amps_publish_store_discard_up_to(store.core, number, &failure)
            if status != AMPS_OK:
                raise store_error(status, "discarding what the server has", &failure)
            if number >= amps_publish_store_last_assigned(store.core):
                amps_publish_store_raise(store.core, number)
        store.has_followed = True
        return amps_client_follow(self.core, number)

    cdef int report_used(self, Store store, uint64_t server) except -1:
        """Numbers given in this run before the first logon that the server has seen already: it
        would drop these messages as duplicates, so whoever minds failed writes hears of them."""
        cdef uint64_t sequence = store.found
        message = store.read_after(&sequence)
        while message is not None and sequence <= server:
            self.tell_failed_write(message, "sequence already used")
            message = store.read_after(&sequence)
        return 0

    cdef int replay_custom(self, object server) except -1:
        """All that a custom store holds is sent, while nobody publishes."""
        self.take_turn()
        try:
            if server:
                self.custom.discard_up_to(server)
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
        header.present = 0
        kept = (<Message>message).fill(&header)
        body = (<Message>message).body()
        if not has_field(&header, AMPS_FIELD_ACK_TYPE):
            set_field(&header, AMPS_FIELD_ACK_TYPE, PERSISTED)
        self.send_stored(&header, body.bytes, True)

    # ---- What the server says -------------------------------------------------------------------

    cdef void refused(self, Message ack) noexcept:
        """A persisted or processed ack says that a publish failed: whoever minds is told, with the
        message if it is kept; then it is not kept any longer."""
        cdef uint64_t sequence = 0
        message = None
        try:
            said = ack.raw(AMPS_FIELD_SEQUENCE)
            if said is not None and said.isdigit() and len(said) <= 20:
                sequence = int(said) & <uint64_t>-1
            if self.store is not None:
                message = self.store.read(sequence)
            elif self.custom is not None:
                found = []
                self.custom.replay_single(found.append, sequence)
                message = found[0] if found else None
        except BaseException as problem:
            self.report(problem)
        self.tell_failed_write(message, ack.get_reason() or "")
        if self.store is not None:
            amps_publish_store_discard_one(self.store.core, sequence, NULL)

    cdef void tell_failed_write(self, object message, object reason) noexcept:
        cdef amps_inside inside
        handler = self.failed_write
        if handler is None:
            self.report(_exceptions.PublishException(f"a publish failed: {reason}"))
            return
        amps_client_enter_handler(self.core, &inside)
        try:
            handler(message, reason)
        except BaseException as problem:
            self.report(problem)
        amps_client_leave_handler(&inside)

    cdef int hear(self, amps_audience audience, Message ack) except -1:
        if audience == AMPS_FOR_STORE:
            self.note_persisted(ack)
        elif audience == AMPS_FOR_STORE_TROUBLE:
            self.report(_exceptions.StoreException(
                f"the server says that publishes up to {ack.get_sequence()} are persisted: that "
                "number was never sent on this connection, or the publish store cannot note it"))
        elif not self.has_store():
            Listeners.hear(self, audience, ack)
        elif ack.get_ack_type_enum() & AMPS_ACK_PERSISTED != 0:  # else that one is still to come
            self.refused(ack)
        return 0

    cdef int note_persisted(self, Message ack) except -1:
        """A persisted ack, for a custom store."""
        said = ack.raw(AMPS_FIELD_SEQUENCE)
        if self.custom is not None and said is not None and said.isdigit() \
                and ack.get_status() == "success":
            self.custom.discard_up_to(int(said))
        return 0


cdef amps_slice PERSISTED = literal("persisted")


cdef bint is_native(object store) except -1:
    """Is it one of this module's, with none of its methods replaced by a subclass?"""
    return isinstance(store, Store) and all(
        getattr(type(store), name, None) is getattr(Store, name)
        for name in ("store", "discard_up_to", "replay", "replay_single", "get_unpersisted_count"))
