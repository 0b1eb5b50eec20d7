# publishing.pxi: publishes out, at the rate of the network.

cdef amps_slice PUBLISH = literal("publish")
cdef amps_slice DELTA_PUBLISH = literal("delta_publish")

cdef enum:
    EXPIRATION_MAX_S = 0xFFFFFFFF
    PREPARED_SIZE = 256  # of a publish header that is kept for the next publish

cdef tuple _FLUSH_ACKS = (AMPS_ACK_PROCESSED, AMPS_ACK_PERSISTED, AMPS_ACK_COMPLETED)


cdef class Publishing(Acknowledging):
    """A connection that is published on."""

    cdef object prepared_topic  # the very object that the header kept is for
    cdef size_t prepared_size   # 0: no header is kept
    cdef char prepared[PREPARED_SIZE]

    def publish(self, topic, data, expiration=None, correlation_id=None, sow_key=None):
        """Publishes `data` (str, bytes or any buffer) to `topic` and returns its number in the
        publish store, 0 without one.

        Does not wait for the server: the message is handed to the network, or put into the send
        buffer and handed over within a fraction of a millisecond; a full buffer makes this wait.
        An `HAClient` without a store waits until it is back, unless told not to retry.
        `expiration` is the record's lifetime in seconds. Raises `DisconnectedException`,
        `LogonRequiredException`, `InvalidTopicException` for an empty topic. With a publish store
        the message is stored first and stays so when this raises `DisconnectedException` or
        `LogonRequiredException`; a `StoreException` says that it is not.
        """
        return self.send_publish(PUBLISH, topic, data, expiration, correlation_id, sow_key)

    def delta_publish(self, topic, data, expiration=None):
        """Publishes the changed fields of a record; the rest as `publish`."""
        return self.send_publish(DELTA_PUBLISH, topic, data, expiration, None, None)

    cdef object send_publish(self, amps_slice verb, object topic, object data, object expiration,
                             object correlation_id, object sow_key):
        cdef amps_header header
        cdef amps_slice body, prepared
        cdef c_bool due = False
        cdef amps_status status = AMPS_AGAIN
        cdef object kept_data, kept
        if (not self.logged_on or self.is_coming_back()) and not self.has_store():
            self.check_ready("publish", True, NO_LIMIT)
        if type(data) is str and PyUnicode_IS_COMPACT_ASCII(data):
            body = amps_slice(<const char *>PyUnicode_DATA(data), PyUnicode_GET_LENGTH(data))
        elif type(data) is bytes:
            body = amps_slice(PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data))
        else:
            kept_data = Body()
            (<Body>kept_data).borrow(data)
            body = (<Body>kept_data).bytes
        cdef bint plain = expiration is None and correlation_id is None and sow_key is None
        if plain and self.prepared_size > 0 and topic is self.prepared_topic \
                and verb.at == PUBLISH.at:
            prepared = amps_slice(<const char *>self.prepared, self.prepared_size)
            if self.store is not None:
                return self.publish_prepared(prepared, body)
            status = amps_client_try_publish(self.core, prepared, body, &due)
        if status == AMPS_AGAIN or status == AMPS_DISCONNECTED:
            kept = self.publish_header(&header, verb, topic, expiration, correlation_id, sow_key)
            if self.store is not None:
                set_field(&header, AMPS_FIELD_ACK_TYPE, PERSISTED)
            if plain and verb.at == PUBLISH.at and self.custom is None:
                self.prepare(&header, topic)  # before a send may be due: it may run any code
            if self.has_store():
                return self.keep_and_send(&header, body, True)
            self.push(&header, body)
        elif status != AMPS_OK:
            self.send_patiently(&header, body, True, status)
        elif due:
            with nogil:
                amps_client_send_due(self.core)
        return 0

    cdef object publish_prepared(self, amps_slice prepared, amps_slice body):
        """Stores and sends a publish whose header is kept, but for its number."""
        cdef amps_kept stored
        cdef Store store = self.store  # held: another thread may set another
        cdef amps_status status = AMPS_AGAIN
        while True:
            if not store.syncs:
                status = amps_client_publish_prepared(self.core, store.core, prepared, body, True,
                                                      &stored)
                if status == AMPS_OK and stored.is_sent and not stored.due:
                    return stored.sequence
            if store.syncs or status == AMPS_AGAIN:
                with nogil:
                    status = amps_client_publish_prepared(self.core, store.core, prepared, body,
                                                          False, &stored)
            if status != AMPS_STORE_FULL:
                break
            store.make_room(self)
        return self.kept(status, &stored)

    cdef int push(self, const amps_header *header, amps_slice body) except -1:
        """Sends a publish that nobody keeps. On a client that comes back by itself it is sent once
        more if it was cut off."""
        cdef uint64_t connection
        for attempt in range(2):
            connection = amps_client_connection(self.core)
            closings = self.closings
            try:
                return self.send_publish_of(header, body)
            except _exceptions.DisconnectedException as lost:
                problem = lost
            if not self.comes_back_alone() or not self.retries or self.closings != closings:
                raise problem
            if attempt == 1:
                raise _exceptions.RetryOperationException(
                    f"publish was cut off twice: {problem}") from problem
            if not self.comes_back(connection, closings, "publish", NO_LIMIT):
                raise problem
        return 0

    cdef int send_publish_of(self, const amps_header *header, amps_slice body) except -1:
        """Sends a publish that has its header; it may be gathered with its successors."""
        cdef c_bool due
        cdef amps_status status = amps_client_try_send(self.core, header, body, True, &due)
        if status != AMPS_OK:
            self.send_patiently(header, body, True, status)
        elif due:
            with nogil:
                amps_client_send_due(self.core)
        return 0

    cdef object publish_header(self, amps_header *header, amps_slice verb, object topic,
                               object expiration, object correlation_id, object sow_key):
        """Fills in the header of a publish; returns what to keep."""
        header.present = 0
        set_field(header, AMPS_FIELD_COMMAND, verb)
        kept = (put_text(header, AMPS_FIELD_TOPIC, topic),
                put_number(header, AMPS_FIELD_EXPIRATION, expiration, EXPIRATION_MAX_S),
                put_text(header, AMPS_FIELD_CORRELATION_ID, correlation_id),
                put_text(header, AMPS_FIELD_SOW_KEY, sow_key))
        if not has_field(header, AMPS_FIELD_TOPIC):
            raise _exceptions.InvalidTopicException("publish needs a topic, and it is empty")
        return kept

    cdef void prepare(self, const amps_header *header, object topic) noexcept:
        """Keeps the header of a plain publish: the next one is often to the very same topic."""
        self.prepared_size = amps_header_prepare(header, self.prepared, PREPARED_SIZE)
        # Held, so that no other can pass for it. Last: the end of the one before may publish.
        self.prepared_topic = topic

    def set_publish_batching(self, batchSize=_MISSING, batchTimeoutMillis=_MISSING, *,
                             batch_size=_MISSING, batch_timeout_millis=_MISSING):
        """Gathers publishes and delta publishes up to `batchSize` bytes before they are sent.

        They leave when one more would not fit, `batchTimeoutMillis` after the first of them (0:
        however long it takes), before any other command, with `publish_flush`, and on `disconnect`;
        a message larger than a batch leaves at once, after those gathered. Order is kept. No batch
        is larger than the send buffer. `batchSize` 0 sends what was gathered and ends it. When the
        connection is lost, those gathered are among the unsent ones of the exception listener's
        `DisconnectedException`; an `HAClient` sends them when it is back, unless told not to retry.
        Does not wait; raises `UsageException` for negative numbers.
        """
        size = either(batchSize, batch_size, "batchSize")
        timeout = milliseconds(either(batchTimeoutMillis, batch_timeout_millis,
                                      "batchTimeoutMillis"), "batchTimeoutMillis")
        self.check_usable("set_publish_batching", True)
        if not isinstance(size, int):
            raise TypeError(f"batchSize must be an int (bytes), not {type(size).__name__}")
        if size < 0:
            raise _exceptions.UsageException(f"batchSize must not be negative, not {size}")
        amps_client_set_batching(self.core, min(size, SEND_BUFFER_SIZE_MAX), timeout)

    def publish_flush(self, timeout=0, ack_type=AMPS_ACK_PROCESSED):
        """Waits until the server has processed (or persisted, by `ack_type`) what was published and
        acknowledged.

        `ack_type` is a number of `Message.AckType`. With a publish store it does not matter: this
        waits until all that is stored at the time of the call is persisted. Raises
        `TimedOutException` after `timeout` milliseconds, `DisconnectedException` when not connected
        or cut off meanwhile, with something left to wait for.
        """
        cdef amps_header header
        cdef patience limit = patience_of(milliseconds(timeout))
        self.check_usable("publish_flush")
        if ack_type not in _FLUSH_ACKS:
            raise _exceptions.UsageException(
                "publish_flush waits for a processed (4), persisted (8) or completed (16) ack, "
                f"not {ack_type!r}")
        self.flush_acks()
        if self.has_store():
            self.await_persisted(limit)
            return
        self.check_ready("publish_flush", False, limit)
        header.present = 0
        self.ask(&header, NO_BODY, "flush", self.next_id(), ack_type, ack_type, limit, None)

    def flush(self, timeout=0):
        """The same as `publish_flush(timeout)`."""
        self.publish_flush(timeout)

    # ---- Waiting for it -------------------------------------------------------------------------

    cdef int await_persisted(self, patience limit) except -1:
        """Until the server has persisted all that is stored now; across connections, where the
        client comes back by itself."""
        cdef uint64_t highest
        cdef amps_status status = AMPS_AGAIN
        cdef unsigned int slice_ms
        closings = self.closings
        amps_client_end_batch(self.core)
        if self.custom is not None:
            return self.poll_persisted(limit)
        highest = amps_publish_store_last_assigned(self.store.core)
        while True:
            slice_ms = slice_before(limit.deadline)
            with nogil:
                status = amps_publish_store_wait_persisted(self.store.core, highest, slice_ms)
            if status != AMPS_AGAIN:
                break
            self.check_flush(slice_ms, limit, closings)
        if status != AMPS_OK:
            raise store_error(status, "publish_flush", NULL)
        return 0
