# storing.pxi: publishes that a publish store keeps until the server has persisted them.

cdef enum:
    UNCOUNTED_MAX = 64  # SOW deletes noted before those are dropped that have their count


cdef class Storing(CustomStoring):
    """A connection whose publishes go through a publish store, if it has one."""

    cdef Store store              # one of this module's, or None
    cdef object error_on_publish_gap  # None: as the store says
    cdef object server_sequence       # what the last logon ack said, or None
    cdef dict uncounted               # SOW deletes whose handlers wait for a count, by number
    cdef uint64_t followed            # the connection that has been sent what was kept then

    def __cinit__(self, *args, **kwargs):
        self.uncounted = {}

    def set_publish_store(self, publish_store):
        """Sets the store that keeps each publish, delta publish and SOW delete until the server has
        persisted it: `MemoryPublishStore`, `PublishStore`, `HybridPublishStore`, or an object with
        `store(message)`, `discard_up_to(sequence)`, `replay(handler)`, `replay_single(handler,
        sequence)` and `get_unpersisted_count()`, which is called on the threads that publish and
        on the receive thread; they must not use this client. `get_last_persisted()`,
        `get_lowest_unpersisted()` and `flush(timeout)`, which raises `TimedOutException`, are used
        where there are any. None: no store. On a connection what
        the store holds is sent at once. Raises `UsageException` while messages of the store
        before wait for their acks on a connection.
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
            self.check_custom(publish_store)
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
        self.store = native
        self.use_custom(None if native is not None else publish_store)
        amps_client_set_acks_by_hand(self.core, self.custom is not None)
        amps_client_want(self.core, AMPS_FOR_STORE, self.custom is not None)
        amps_client_want(self.core, AMPS_FOR_STORE_TROUBLE, native is not None)
        if self.has_store() and self.logged_on \
                and self.followed == amps_client_connection(self.core):
            self.send_kept(not amps_client_in_handler(self.core))

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
        store = self.store if self.store is not None else self.custom
        told = getattr(store, "get_error_on_publish_gap", None)
        return callable(told) and bool(told())

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
        if self.custom is not None:
            return self.keep_in_custom(header, body, is_publish)
        if is_publish and not has_field(header, AMPS_FIELD_ACK_TYPE):
            set_field(header, AMPS_FIELD_ACK_TYPE, PERSISTED)
        while True:
            if not self.store.syncs:
                status = amps_client_publish_stored(self.core, header, body, is_publish, True,
                                                    &kept)
            if self.store.syncs or status == AMPS_AGAIN:
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
        return self.has_store()

    cdef uint64_t send_delete(self, amps_header *header, amps_slice body,
                              Routing routing) except? 0:
        self.send_overdue()
        number = self.keep_and_send(header, body, False)
        if routing is not None:
            if len(self.uncounted) >= UNCOUNTED_MAX:
                self.give_up_counts(True)
            self.uncounted[number] = routing
        return number

    cdef int give_up_counts(self, bint only_known=False) except -1:
        """After a logon: deletes that the server has found done get no count for their handlers."""
        for number, routing in list(self.uncounted.items()):
            if not has_route(self, AMPS_ID_OF_COMMAND, (<Routing>routing).command_id):
                del self.uncounted[number]
            elif not only_known and not self.holds(number):
                del self.uncounted[number]
                (<Routing>routing).remove(self)
                self.report(_exceptions.DisconnectedException(
                    f"sow_delete {id_text((<Routing>routing).command_id)!r} is done, but its count "
                    "was lost with a connection"))
        return 0

    cdef Message done_before(self, uint64_t connection, uint64_t number):
        cdef Message ack
        cdef uint64_t now = amps_client_connection(self.core)
        if now == connection or self.followed != now or self.holds(number):
            return None
        ack = Message.__new__(Message)
        ack.own = {}
        ack.set_command("ack")
        ack.set_ack_type("persisted")
        ack.set_status("success")
        ack.set_sequence(number)
        return ack

    cdef bint holds(self, uint64_t number) except -1:
        if self.custom is not None:
            return self.find_in_custom(number) is not None
        return self.store is not None and self.store.read(number) is not None

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

    # ---- After a logon --------------------------------------------------------------------------

    cdef int catch_up(self, Message ack) except -1:
        """Compares the store with what the server has, by its logon ack, and sends the rest."""
        said = ack.raw(AMPS_FIELD_SEQUENCE)
        is_number = said is not None and said.isdigit() and int(said) <= <uint64_t>-1
        self.server_sequence = int(said) if is_number else None
        if self.has_store():
            self.send_kept(True)
            self.tell_state(_ConnectionStateListener.PublishReplayed)
        self.followed = amps_client_connection(self.core)
        return 0

    cdef int send_kept(self, bint waits) except -1:
        """What the server lacks; waits until that is on its way."""
        cdef uint64_t highest
        cdef amps_status status = AMPS_AGAIN if waits else AMPS_OK
        if self.custom is not None:
            self.check_gap(self.server_sequence, self.custom_persisted())
            self.replay_custom(self.server_sequence)
            self.give_up_counts()
            return 0
        highest = self.reconcile(self.server_sequence)
        self.give_up_counts()
        while status == AMPS_AGAIN:
            with nogil:
                status = amps_client_wait_sent(self.core, highest, SLICE_MS)
            check_signals()
        if status != AMPS_OK:
            raise _exceptions.DisconnectedException(
                f"replaying the publish store: {self.why_not_connected()}")
        return 0

    cdef bint check_gap(self, object server, object last) except -1:
        """Does the server lack what is discarded already? Raises that, or tells the listener."""
        if server is None or server >= last:
            return False
        gap = _exceptions.PublishStoreGapException(
            f"{self.masked_uri} has the publishes of {self._name!r} up to {server} only; the "
            f"publish store has discarded them up to {last}")
        if self.get_error_on_publish_gap():
            raise gap
        self.report(gap)
        return True

    cdef uint64_t reconcile(self, object server) except? 0:
        """Returns the highest number to be sent. What the server has is discarded."""
        cdef Store store = self.store
        cdef amps_failure failure
        cdef uint64_t number = 0 if server is None else server
        cdef amps_status status
        last = amps_publish_store_last_persisted(store.core)
        if not self.check_gap(server, last) and server is not None:
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
                message = self.find_in_custom(sequence)
        except BaseException as problem:
            self.report(problem)
        self.tell_failed_write(message, ack.get_reason() or "")
        if self.store is not None:
            amps_publish_store_discard_one(self.store.core, sequence, NULL)
        elif self.custom is not None:
            try:
                self.refused_in_custom(sequence)
            except BaseException as problem:
                self.report(problem)

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
        """A persisted ack, for a custom store; the failure of one that nobody minds, too."""
        said = ack.raw(AMPS_FIELD_SEQUENCE)
        if self.custom is None or said is None or not said.isdigit():
            return 0
        if ack.get_status() == "success":
            self.persisted_in_custom(int(said))
        elif self.failed_write is None:
            self.refused_in_custom(int(said) & <uint64_t>-1)
            if self.last_chance is not None:
                self.last_chance(ack)
        return 0


cdef bint is_native(object store) except -1:
    """Is it one of this module's, with none of its methods replaced by a subclass?"""
    return isinstance(store, Store) and all(
        getattr(type(store), name, None) is getattr(Store, name)
        for name in _STORE_METHODS)
