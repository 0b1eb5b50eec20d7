# routing.pxi: whom the answers of one command go to, as the core is told.


cdef class Routing:
    """The route of one command: placed before it is sent, removed when it fails.

    A handler, a CMessageHandler or a stream is told; or none, when only a failed write matters.
    """

    cdef object command_id, sub_id, query_id  # bytes; the last two None where there is none
    cdef object topic                         # of a subscription, as bytes, or None
    cdef object on_message                    # a handler, or None
    cdef MessageStream stream                 # a stream, or None, until the program has it
    cdef object weak_stream                   # from then on: it alone keeps it alive
    cdef Handler handler                      # what the core's route points at, when placed
    cdef unsigned int ack_types               # those the application asked for
    cdef amps_command verb
    cdef bint many_groups, replaces, lasts
    cdef object bookmarks       # the bookmark store that notes what comes, or None
    cdef object anchor          # where its bookmarks are to start anew, as bytes, or None
    cdef object since           # when it was first accepted with NOW
    cdef bint is_placed         # since the program connected last
    cdef bint is_range          # a replay that ends by itself
    cdef Record record          # what is kept to place it again, or None

    cdef int place(self, Listeners client) except -1:
        """Adds the route. Raises `SubidInUseException` when another has one of its ids."""
        cdef amps_sink sink
        cdef amps_slice ids[AMPS_ROUTE_IDS_MAX]
        cdef amps_status status
        cdef size_t count = self.list_ids(ids)
        self.make_sink(&sink)
        if self.handler is not None:
            client.hold(self.handler)  # before the route can point at it
        if sink.release is not NULL:
            Py_INCREF(self.handler)
        status = amps_client_add_route(client.core, ids, count, &sink)
        if status != AMPS_OK and sink.release is not NULL:
            Py_DECREF(self.handler)
        if status != AMPS_OK and self.handler is not None:
            client.let_go(self.handler)
        if status == AMPS_ID_IN_USE:
            raise self.in_use(client)
        if status != AMPS_OK:
            raise status_error(status, "placing a route")
        if self.handler is not None and not self.replaces:
            client.give_id(self.handler)
        self.is_placed = True
        return 0

    cdef object in_use(self, Listeners client):
        """The exception that names the id another command has."""
        for name, kind, id in (("sub_id", AMPS_ID_OF_SUBSCRIPTION, self.sub_id),
                               ("query_id", AMPS_ID_OF_SUBSCRIPTION, self.query_id),
                               ("command_id", AMPS_ID_OF_COMMAND, self.command_id)):
            if id is not None and has_route(client, kind, id):
                break
        return _exceptions.SubidInUseException(
            f"{name} {id_text(id)!r} is in use on this client: unsubscribe it first, or replace it "
            "with option 'replace'")

    cdef size_t list_ids(self, amps_slice *ids) except 0:
        cdef size_t count = 0
        for id in (self.command_id, self.sub_id, self.query_id):
            if id is not None:
                ids[count] = amps_slice(PyBytes_AS_STRING(id), PyBytes_GET_SIZE(id))
                count += 1
        return count

    cdef MessageStream hand_over(self):
        """Gives the stream to the program."""
        cdef MessageStream stream = self.stream
        if stream is not None:
            self.weak_stream, self.stream = _weak(stream), None
        return stream

    cdef bint has_stream(self) noexcept:
        return self.stream is not None or self.weak_stream is not None

    cdef MessageStream stream_now(self):
        """None, too, when nobody holds it any more."""
        return self.stream if self.weak_stream is None else self.weak_stream()

    cdef int make_sink(self, amps_sink *sink) except -1:
        cdef MessageStream stream = self.stream_now()
        memset(sink, 0, sizeof(sink[0]))
        sink.verb, sink.ack_types = self.verb, self.ack_types
        sink.many_groups, sink.replaces = self.many_groups, self.replaces
        sink.lasts, sink.is_range = self.lasts, self.is_range
        if self.topic is not None:
            sink.topic = amps_slice(PyBytes_AS_STRING(self.topic), PyBytes_GET_SIZE(self.topic))
        if isinstance(self.bookmarks, BookmarkStore):
            self.make_bookmarks(sink)
        if stream is not None:
            stream.bookmarks = self.bookmarks
        if self.bookmarks is not None and not isinstance(self.bookmarks, BookmarkStore):
            self.make_gate(sink, stream)
        elif stream is not None:
            stream.renew()
            sink.stream = stream.core
        elif self.on_message is not None:
            self.handler = Handler.__new__(Handler)
            self.handler.function = self.on_message
            self.handler.id = self.sub_id or self.query_id or self.command_id
            self.handler.lasts = self.lasts
            sink.handler = <void *>self.handler
        if sink.handler is NULL or self.handler.gate is not None:
            return 0
        if isinstance(self.on_message, CMessageHandler):
            sink.function = (<CMessageHandler>self.on_message).function
            sink.user_data = (<CMessageHandler>self.on_message).user_data
            sink.release = on_handler_unused  # it may be unsubscribed while it runs without the GIL
        return 0

    cdef int make_bookmarks(self, amps_sink *sink) except -1:
        """The core notes what comes."""
        cdef BookmarkStore store = self.bookmarks
        sink.bookmarks = store.sub(self.sub_id)
        sink.bookmark_store = store.core
        if self.anchor is not None:
            sink.anchor = amps_slice(PyBytes_AS_STRING(self.anchor), PyBytes_GET_SIZE(self.anchor))
        return 0

    cdef int make_gate(self, amps_sink *sink, MessageStream stream) except -1:
        """A bookmark store of the program's own is asked first, on the receive thread."""
        cdef Gate gate = Gate.__new__(Gate)
        gate.store, gate.sub_id, gate.anchor = self.bookmarks, id_text(self.sub_id), self.anchor
        gate.function, gate.ack_types = self.on_message, self.ack_types
        gate.command_id = self.command_id
        if stream is not None:
            stream.renew()
            gate.stream, stream.is_gated = stream.core, True
            amps_stream_hold(gate.stream)
            amps_stream_watch_replaced(gate.stream)
        sink.ack_types |= AMPS_ACK_PROCESSED | AMPS_ACK_PERSISTED | AMPS_ACK_COMPLETED
        self.handler = Handler.__new__(Handler)
        self.handler.id, self.handler.lasts, self.handler.gate = self.sub_id, self.lasts, gate
        sink.handler = <void *>self.handler
        return 0

    cdef int accepted(self, Listeners client) except -1:
        """The server has accepted the command: one that replaces has its id. The older handler is
        let go of by the receive thread, which may still have messages for it. Its bookmarks have
        started anew and never do so again."""
        if self.anchor == NOW:
            self.since = now_with_slack()
        self.anchor = None
        if self.replaces and self.handler is not None:
            client.give_id(self.handler)
        return 0

    cdef bint remove(self, Listeners client) except -1:
        """Takes the route back, if it is there; another with the same ids stays. True: the server
        may know of a subscription or query that nobody listens to now."""
        cdef amps_sink sink
        if self.command_id is None \
                or not remove_route(client, AMPS_ID_OF_COMMAND, self.command_id, &sink):
            return False
        # That which was to be replaced may still be there.
        return not (self.replaces and has_route(client, AMPS_ID_OF_SUBSCRIPTION, self.sub_id))


cdef bint remove_route(Listeners client, amps_id_kind kind, object id,
                       amps_sink *sink) except -1:
    """Removes the route that has this id, with all its ids; says whether there was one, and in
    `sink` what it was. Also of one that has ended already no message is delivered any more."""
    cdef amps_slice text
    cdef object kept = borrow_text(id, &text)
    cdef object handler = client.by_id.get(id) if kind == AMPS_ID_OF_SUBSCRIPTION else None
    if handler is not None:
        (<Handler>handler).is_ended = True
    if not amps_client_remove_route(client.core, kind, text, sink):
        return False
    client.forget_record(kind, id)
    if sink.handler is not NULL:
        client.let_go(<Handler>sink.handler)
    return True


cdef bint has_route(Listeners client, amps_id_kind kind, object id) except -1:
    """Is this id in use?"""
    cdef amps_slice text
    cdef object kept = borrow_text(id, &text)
    return amps_client_has_route(client.core, kind, text)


cdef object id_text(object id):
    """An id as a plain str."""
    return id.decode("utf-8", "replace") if isinstance(id, bytes) else str.__str__(id)


cdef object id_bytes(object id, object name="sub_id"):
    """An id of a program's as bytes; None and '' are none."""
    if id is None:
        return None
    if not isinstance(id, (str, bytes)):
        raise TypeError(f"{name} must be str or bytes, not {type(id).__name__}")
    return text_bytes(name, id) or None


cdef frozenset REGEX_CHARACTERS = frozenset(b".*+?^$|()[]{}\\")


cdef bint is_regex(object topic):
    """May this topic of a query, as bytes, stand for several?"""
    return topic is not None and not REGEX_CHARACTERS.isdisjoint(topic)


cdef bint has_option(object options, object name) except -1:
    """Is this one of the options, as bytes? Commas inside brackets belong to a value."""
    if options is None or name not in options:
        return False
    depth, start = 0, 0
    for at, byte in enumerate(options + b","):
        depth += (byte == b"["[0]) - (byte == b"]"[0])
        if byte == b","[0] and depth <= 0:
            if options[start:at].strip() == name:
                return True
            start = at + 1
    return False


cdef class CMessageHandler:
    """A message handler written in C, called without Python's lock and without a `Message`.

    `function` is a function of a library loaded by `ctypes`, or its address as an int or
    `c_void_p`; `user_data` is handed to it: None (NULL), str or bytes (as a text ended by a zero
    byte, kept alive until no call can be under way), an int or a `c_void_p`, whose memory the
    program keeps. The signature is that of `amps_c_handler` in the header `amps_c_handler.h`, which
    comes with the source distribution; it is not that of other AMPS clients. It may be given
    wherever a message handler is wanted. Closing the client frees what its handlers hold.

    >>> import ctypes
    >>> calls = []
    >>> signature = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_char_p)
    >>> function = signature(lambda message, user_data: calls.append(user_data))
    >>> handler = AMPS.CMessageHandler(function, "note")
    >>> handler(AMPS.Message())
    >>> calls
    [b'note']
    """

    cdef amps_c_handler function
    cdef void *user_data
    cdef object kept
    cdef object __weakref__

    def __init__(self, function, user_data=None):
        """Raises `TypeError` for what is no C function, `ValueError` for a null pointer."""
        cdef size_t address = pointer_of(function, "function")
        if self.function is not NULL:
            raise _exceptions.UsageException("a CMessageHandler is initialised once")
        if address == 0:
            raise ValueError("function is a null pointer")
        if isinstance(user_data, (str, bytes)):
            user_data = text_bytes("user_data", user_data)
            self.user_data = <void *>PyBytes_AS_STRING(user_data)
        else:
            self.user_data = <void *><size_t>(0 if user_data is None
                                              else pointer_of(user_data, "user_data"))
        self.function = <amps_c_handler>address
        self.kept = function, user_data

    def __call__(self, message):
        """Calls it with one message."""
        if self.function is NULL or not isinstance(message, Message):
            raise TypeError("a CMessageHandler is called with a Message")
        cdef amps_message view = (<Message>message).view
        cdef object kept = (<Message>message).own_body(), header = (<Message>message).own_header()
        if header is not None:
            view.header = amps_slice(PyBytes_AS_STRING(header), PyBytes_GET_SIZE(header))
            view.record.size = view.sub_id.size = 0
        with nogil:
            amps_c_handler_call(self.function, self.user_data, &view)


cdef size_t pointer_of(object value, object name) except? 0:
    """The address that a ctypes function, a c_void_p or an int stands for."""
    if isinstance(value, int) and not isinstance(value, bool):
        if not 0 <= value <= <size_t>-1:
            raise ValueError(f"{name} is no address: {value}")
        return value
    import ctypes
    if not isinstance(value, (ctypes.c_void_p, ctypes._CFuncPtr)):
        raise TypeError(f"{name} must be a ctypes function, a c_void_p or an address, "
                        f"not {type(value).__name__}")
    return ctypes.cast(value, ctypes.c_void_p).value or 0
