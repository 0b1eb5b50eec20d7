# subscribing.pxi: subscriptions, queries and deletes in one call each, and their end.

cdef tuple _SUBSCRIBE = ("topic", "filter", "options", "timeout", "sub_id")
cdef tuple _BOOKMARK_SUBSCRIBE = ("topic", "bookmark", "filter", "sub_id", "options", "timeout")
cdef tuple _SOW = ("topic", "filter", "batch_size", "timeout", "top_n", "order_by", "bookmark",
                   "options")
cdef tuple _SOW_AND_SUBSCRIBE = ("topic", "filter", "batch_size", "oof_enabled", "timeout", "top_n",
                                 "order_by", "bookmark", "options")
cdef tuple _SOW_AND_DELTA_SUBSCRIBE = ("topic", "filter", "batch_size", "oof_enabled",
                                       "send_empties", "timeout", "top_n", "order_by", "options")

cdef enum:
    SOW_BATCH_SIZE = 10            # records in a frame, where a call does not say
    SOW_AND_SUBSCRIBE_BATCH_SIZE = 1


cdef class Subscribing(Bookmarking):
    """A connection with a call for each kind of subscription, query and delete."""

    def subscribe(self, *args, **kwargs):
        """subscribe(topic, filter=None, options=None, timeout=0, sub_id=None) -> MessageStream
        subscribe(on_message, topic, filter=None, options=None, timeout=0, sub_id=None) -> str

        Subscribes to a topic (a regular expression, if it holds characters of one).

        With `on_message`, that is called on the receive thread with each `Message`, and the id for
        `unsubscribe` is returned; without, a `MessageStream` is. Blocks until the server has
        accepted, at most `timeout` milliseconds. With option `replace` and the `sub_id` of a
        subscription that is there, this one takes its place in the moment the server accepts it.
        Raises `BadFilterException`, `BadRegexTopicException`, `NotEntitledException` and their like
        by the server's reason, `SubidInUseException`, `TimedOutException`,
        `DisconnectedException`; then nothing is left of the subscription.
        """
        handler, values = _bind_overload("subscribe", _SUBSCRIBE, args, kwargs)
        return self.run_call("subscribe", handler, _SUBSCRIBE, values)

    def delta_subscribe(self, *args, **kwargs):
        """delta_subscribe(topic, filter=None, options=None, timeout=0, sub_id=None)
        delta_subscribe(on_message, topic, filter=None, options=None, timeout=0, sub_id=None)

        As `subscribe`, but of a record that changes only the changed fields are sent, with its
        keys."""
        handler, values = _bind_overload("delta_subscribe", _SUBSCRIBE, args, kwargs)
        return self.run_call("delta_subscribe", handler, _SUBSCRIBE, values)

    def bookmark_subscribe(self, *args, **kwargs):
        """bookmark_subscribe(topic, bookmark, filter=None, sub_id=None, options=None, timeout=0)
        bookmark_subscribe(on_message, topic, bookmark, filter=None, sub_id=None, options=None,
        timeout=0)

        Replays the transaction log from a place on, then goes on as `subscribe`. `bookmark` is one
        of `Client.Bookmarks`, the bookmark of a message, a comma-separated list of them, a
        timestamp or a range. Raises as `subscribe`, and `InvalidBookmarkException`."""
        handler, values = _bind_overload("bookmark_subscribe", _BOOKMARK_SUBSCRIBE, args, kwargs)
        if values[1] is None:
            raise TypeError("bookmark_subscribe() needs a bookmark")
        if values[1] in ("", b""):
            raise _exceptions.InvalidBookmarkException("bookmark_subscribe: the bookmark is empty")
        values[4] = added_option(values[4], "bookmark")  # some servers replay only then
        return self.run_call("subscribe", handler, _BOOKMARK_SUBSCRIBE, values)

    def sow(self, *args, **kwargs):
        """sow(topic, filter=None, batch_size=10, timeout=0, top_n=None, order_by=None,
        bookmark=None, options=0) -> MessageStream
        sow(on_message, topic, ...) -> str

        Queries the State of the World: a `group_begin` message, the records, a `group_end`; then
        the stream ends. `batch_size` is how many records the server may send in one frame.
        Blocks until the server has accepted the query, at most `timeout` milliseconds. Raises
        `BadFilterException`, `InvalidTopicException` and their like by the server's reason,
        `TimedOutException`, `DisconnectedException`."""
        handler, values = _bind_overload("sow", _SOW, args, kwargs)
        if values[2] is None:
            values[2] = SOW_BATCH_SIZE
        return self.run_call("sow", handler, _SOW, values)

    def sow_and_subscribe(self, *args, **kwargs):
        """sow_and_subscribe(topic, filter=None, batch_size=1, oof_enabled=False, timeout=0,
        top_n=None, order_by=None, bookmark=None, options=None) -> MessageStream
        sow_and_subscribe(on_message, topic, ...) -> str

        Queries as `sow` and subscribes in one step: nothing is missed and nothing told twice. With
        `oof_enabled`, messages of command `oof` say which records no longer match."""
        handler, values = _bind_overload("sow_and_subscribe", _SOW_AND_SUBSCRIBE, args, kwargs)
        return self.run_query_and_subscribe("sow_and_subscribe", handler, _SOW_AND_SUBSCRIBE,
                                            values)

    def sow_and_delta_subscribe(self, *args, **kwargs):
        """sow_and_delta_subscribe(topic, filter=None, batch_size=1, oof_enabled=False,
        send_empties=False, timeout=0, top_n=None, order_by=None, options=None) -> MessageStream
        sow_and_delta_subscribe(on_message, topic, ...) -> str

        As `sow_and_subscribe`, with the changed fields only. Without `send_empties` an update that
        changes nothing is not sent."""
        handler, values = _bind_overload("sow_and_delta_subscribe", _SOW_AND_DELTA_SUBSCRIBE, args,
                                         kwargs)
        if not values[4]:
            values[8] = added_option(values[8], "no_empties")
        return self.run_query_and_subscribe("sow_and_delta_subscribe", handler,
                                            _SOW_AND_DELTA_SUBSCRIBE, values)

    def sow_delete(self, *args, **kwargs):
        """sow_delete(topic, filter=None, timeout=0) -> Message
        sow_delete(on_message, topic, filter=None, timeout=0) -> str

        Deletes the records that match; `'1=1'` matches all. Blocks until it is done and returns the
        server's `stats` ack (see `Message.get_sow_deleted`); with `on_message`, only until the
        command is accepted, and the ack goes there. Raises as `sow`.

        With a publish store it is stored first, and stays so when this times out. When the
        connection was lost and the next server has it done already, nobody knows the count any
        more: then a `persisted` ack is returned, or the exception listener told."""
        return self.run_delete("sow_delete", ("topic", "filter", "timeout"), args, kwargs)

    def sow_delete_by_data(self, *args, **kwargs):
        """sow_delete_by_data(topic, data, timeout=0) -> Message
        sow_delete_by_data(on_message, topic, data, timeout=0) -> str

        As `sow_delete`, for the record that publishing `data` would update."""
        return self.run_delete("sow_delete_by_data", ("topic", "data", "timeout"), args, kwargs)

    def sow_delete_by_keys(self, *args, **kwargs):
        """sow_delete_by_keys(topic, keys, timeout=0) -> Message
        sow_delete_by_keys(on_message, topic, keys, timeout=0) -> str

        As `sow_delete`, for the records with these SOW keys, a comma-separated list."""
        return self.run_delete("sow_delete_by_keys", ("topic", "keys", "timeout"), args, kwargs)

    # ---- What these calls have in common --------------------------------------------------------

    cdef object run_call(self, object verb, object handler, tuple names, list values):
        return self.run(command_of(verb, names, values), handler, handler is None)

    cdef object run_query_and_subscribe(self, object verb, object handler, tuple names,
                                        list values):
        if values[2] is None:
            values[2] = SOW_AND_SUBSCRIBE_BATCH_SIZE
        if values[3]:
            values[len(values) - 1] = added_option(values[len(values) - 1], "oof")
        return self.run_call(verb, handler, names, values)

    cdef object run_delete(self, object name, tuple names, tuple args, dict kwargs):
        cdef Command command
        handler, values = _bind_overload(name, names, args, kwargs)
        if values[1] is None and name != "sow_delete":
            raise TypeError(f"{name}() needs {names[1]}")
        command = command_of("sow_delete", names, values)
        if handler is None:
            return self.delete_records(command)
        command.ack_types = AMPS_ACK_STATS
        return self.run(command, handler, False)

    cdef Message delete_records(self, Command command):
        """Waits for the count of what was deleted."""
        cdef amps_header header
        cdef Body body = command.body()
        cdef patience limit = patience_of(command.timeout_ms)
        cdef unsigned int acks = AMPS_ACK_PROCESSED | AMPS_ACK_STATS
        self.check_usable("sow_delete")
        if not self.has_store():
            self.check_ready("sow_delete", False, limit)
        else:
            acks |= AMPS_ACK_PERSISTED
        self.check_command(command, self.facts_of(command))
        header.present = 0
        kept = command.fill(&header)
        return self.ask(&header, body.bytes, "sow_delete", self.next_id(),
                        acks, AMPS_ACK_STATS, limit, lambda: values_of(command))

    # ---- The end of a subscription --------------------------------------------------------------

    def unsubscribe(self, sub_id=None):
        """Ends the subscription or query that this id was returned for, or each of a
        comma-separated list of them; None or `'all'` ends all.

        Does not wait: no handler is called for it once this has returned, except one that is
        running. An unknown id is no error, nor is it one when there is no connection any more.
        """
        self.check_usable("unsubscribe", True)
        self.flush_acks()
        sub_id = b"all" if sub_id is None else id_bytes(sub_id)
        # Kept until the server is told: the end of a handler may run any code, on any thread.
        cdef object kept, query_id = None
        cdef amps_sink sink
        if sub_id is not None and b"," in sub_id:
            for id in sub_id.split(b","):
                self.unsubscribe(id.strip())
            return
        if sub_id == b"all":
            self.forget_records()
            kept = self.forget_routes(AMPS_CLOSED)
        elif sub_id is not None:
            kept = self.by_id.get(sub_id)
            if remove_route(self, AMPS_ID_OF_SUBSCRIPTION, sub_id, &sink) \
                    and sink.verb == AMPS_COMMAND_SOW:
                query_id, sub_id = sub_id, None
        if self.is_coming_back():
            self.overdue.append((sub_id, query_id))
        elif (sub_id or query_id) and amps_client_state(self.core) == AMPS_OK:
            self.send_overdue()
            self.send_unsubscribe(sub_id, query_id)

    cdef int forget_subscriptions(self, object sub_ids, object query_ids) except -1:
        cdef amps_sink sink
        for ids in (sub_ids, query_ids):
            for id in (ids or b"").split(b","):
                if id.strip() == b"all":
                    self.forget_records()
                    self.forget_routes(AMPS_CLOSED)
                elif id.strip():
                    remove_route(self, AMPS_ID_OF_SUBSCRIPTION, id.strip(), &sink)
        return 0

    cdef int send_unsubscribe(self, object sub_id, object query_id) except -1:
        cdef amps_header header
        cdef object kept = unsubscribe_header(&header, sub_id, query_id, self.next_id())
        self.send_header(&header, NO_BODY)
        return 0

    cdef int withdraw(self, Routing routing) except -1:
        """A command failed that may have reached the server."""
        if routing.remove(self):
            self.send_end(routing.sub_id, None if routing.sub_id else routing.query_id)
        if routing.stream is not None:
            routing.stream.is_over = True
        return 0

    cdef int send_end(self, object sub_id, object query_id) except -1:
        """Tells the server of an end when that needs no waiting: for destructors and failures. What
        cannot be sent now goes before the next command."""
        cdef amps_header header
        cdef object kept
        if self.is_coming_back() and (sub_id or query_id):
            self.overdue.append((sub_id, query_id))
        elif (sub_id or query_id) and amps_client_state(self.core) == AMPS_OK:
            self.leave_acks(False)
            kept = unsubscribe_header(&header, sub_id, query_id, self.next_id())
            if amps_client_send_soon(self.core, &header) == AMPS_AGAIN:
                self.overdue.append((sub_id, query_id))
        return 0

    cdef int send_overdue(self) except -1:
        """Each is forgotten only when it is sent; Ctrl-C may come in between."""
        while self.overdue:
            ids = self.overdue.pop()
            try:
                self.send_unsubscribe(ids[0], ids[1])
            except BaseException:
                self.overdue.append(ids)
                raise
        return 0


cdef Command command_of(object verb, tuple names, list values):
    """A command from the arguments of a call, by name; None leaves a field out."""
    cdef Command command = Command.__new__(Command)
    command.reset(verb)
    for name, value in zip(names, values):
        if value is None or name in ("oof_enabled", "send_empties"):
            continue
        if name == "timeout":
            command.timeout_ms = milliseconds(value)
        elif name == "data":
            command.set_data(value)
        elif name == "options":
            command.set_options(value)
        else:
            command.put(_FIELD_OF[name], value)
    if values[0] is None:
        raise TypeError(f"{verb} needs a topic")
    return command


cdef dict _FIELD_OF = {name: field for field, name in FIELD_NAMES.items()}
_FIELD_OF["keys"] = AMPS_FIELD_SOW_KEYS


cdef object added_option(object options, object name):
    """Options with one more."""
    options = field_bytes(AMPS_FIELD_OPTIONS, options_text(options), False)
    if options is not None:
        options = options.decode("utf-8", "surrogateescape")
    return f"{options},{name}" if options else name


cdef object unsubscribe_header(amps_header *header, object sub_id, object query_id,
                               object command_id):
    header.present = 0
    set_field(header, AMPS_FIELD_COMMAND, literal("unsubscribe"))
    put_id(header, AMPS_FIELD_SUB_ID, sub_id)
    put_id(header, AMPS_FIELD_QUERY_ID, query_id)
    put_id(header, AMPS_FIELD_COMMAND_ID, command_id)
    return sub_id, query_id, command_id
