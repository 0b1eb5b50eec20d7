# dispatch.pxi: C calls Python, here and nowhere else.
#
# A receive thread takes the GIL once for a whole burst of messages. Nothing a handler raises
# reaches C; it goes to the client's exception listener. The client is reached through a weak
# reference, so that the threads never keep alive a client that the program has forgotten.

ctypedef struct door:
    PyObject *client         # a weak reference, ours
    PyObject *kept           # a list of what else its threads may come through
    bint      tells_begin    # a thread-created callback is set


cdef inline Connection client_behind(void *context):
    """The client, kept alive by the caller, or None when the program has let go of it."""
    return <Connection>(<object>(<door *>context).client)()


cdef void keep_thread_state(void **thread) noexcept nogil:
    """Gives this receive thread one Python thread state for all its life."""
    if thread[0] is NULL:
        PyGILState_Ensure()
        thread[0] = PyEval_SaveThread()


cdef void on_begins(void *context, void **thread) noexcept nogil:
    if (<door *>context).tells_begin:
        keep_thread_state(thread)
        with gil:
            tell_begin(context)


cdef void on_deliver(void *context, void **thread, const amps_burst *burst) noexcept nogil:
    keep_thread_state(thread)
    with gil:
        deliver(context, burst)
        settle_discards()


cdef void on_lost(void *context, void **thread, const amps_failure *failure) noexcept nogil:
    keep_thread_state(thread)
    with gil:
        tell_lost(context, failure)


cdef void on_disconnected(void *context, void **thread, const amps_failure *failure) noexcept nogil:
    if failure.status != AMPS_CLOSED:
        with gil:
            tell_disconnected(context)


cdef void on_ends(void *context, void **thread) noexcept nogil:
    if thread[0] is not NULL:
        PyEval_RestoreThread(<PyThreadState *>thread[0])
        PyGILState_Release(PyGILState_UNLOCKED)  # the outermost: the state goes


cdef void on_filter(void *context, void **thread, amps_slice bytes,
                    c_bool outgoing) noexcept nogil:
    if thread is not NULL:
        keep_thread_state(thread)
    with gil:
        show_bytes(context, bytes, outgoing)


cdef void on_acks(void *context) noexcept nogil:
    with gil:
        send_acks(context)


cdef void on_release(void *context) noexcept nogil:
    with gil:
        Py_DECREF(<object>(<door *>context).client)
        Py_DECREF(<object>(<door *>context).kept)
        free(context)


cdef void on_handler_unused(void *handler) noexcept nogil:
    """A route that held its handler by itself is gone: nothing is inside a function in C."""
    with gil:
        Py_DECREF(<object>handler)


cdef void send_acks(void *context) noexcept:
    cdef Connection client = client_behind(context)
    if client is not None:
        try:
            client.send_acks()
        except BaseException as problem:
            client.report(problem)


cdef void tell_begin(void *context) noexcept:
    cdef Connection client = client_behind(context)
    if client is not None and client.thread_created is not None:
        client.call(client.thread_created)


cdef void tell_lost(void *context, const amps_failure *failure) noexcept:
    cdef Connection client = client_behind(context)
    if client is not None:
        client.connection_lost(failure)


cdef void tell_disconnected(void *context) noexcept:
    """Whoever comes back by itself does so here. While it pauses between two attempts nobody here
    holds it: the program may have forgotten it meanwhile."""
    cdef Connection client = client_behind(context)
    cdef object news
    if client is not None:
        client.came_down()
    while client is not None and client.pauses():
        news = client.news
        client = None
        rest(news)
        client = client_behind(context)
        if client is not None:
            client.go_on()


cdef void rest(object news) noexcept:
    """Until there is news, but at most for a moment."""
    try:
        with news:
            news.wait(SLICE_MS / 1000)
    except BaseException as problem:  # no memory for a lock: then without a pause
        raise_nowhere(problem, None)


cdef void show_bytes(void *context, amps_slice bytes, bint outgoing) noexcept:
    """Calls the transport filter, already as a handler, with a copy of the bytes."""
    cdef Connection client = client_behind(context)
    cdef object filter = None if client is None else client.transport_filter
    if filter is not None:
        try:
            filter(PyBytes_FromStringAndSize(bytes.at, bytes.size), not outgoing)
        except BaseException as problem:
            client.report(problem)


cdef void deliver(void *context, const amps_burst *burst) noexcept:
    """Calls the handlers of a burst, one by one, in order. Messages are lent, not copied: one that
    somebody still holds when its handler returns gets bytes of its own."""
    cdef Connection client = client_behind(context)
    cdef Message message = None
    cdef const amps_delivery *delivery
    cdef object handler, gate
    cdef bint is_own  # a route's, not one of the client's
    cdef size_t i
    if client is None:
        return
    for i in range(burst.count):
        delivery = &burst.deliveries[i]
        if not amps_burst_goes_on(burst) or Py_REFCNT(client) == 1:  # closed, or let go by all
            return
        if delivery.audience == AMPS_FOR_ROUTE:
            if not amps_route_is_live(delivery.route) or (<Handler>delivery.handler).is_ended:
                continue
            is_own = True
            handler = (<Handler>delivery.handler).function
            gate = (<Handler>delivery.handler).gate
            if delivery.message.is_again and is_discarded_by_now(delivery):
                is_own = False
                handler = client.duplicate
                if handler is None:
                    continue
        elif is_of_store(delivery.audience):
            is_own = False
            handler = gate = None
        else:
            is_own = False
            gate = None
            handler = handler_of_client(client, delivery)
            if handler is None:
                continue
        if message is None:
            message = Message.__new__(Message)
            message.origin = client.weak_self
        message.lend(&delivery.message)
        if client.auto_ack and is_own and gate is None:
            message = call_and_acknowledge(client, handler, message, &delivery.message)
            continue
        try:
            if gate is not None:
                (<Gate>gate).let_through(client, message)
            elif handler is not None:
                handler(message)
            else:
                client.hear(delivery.audience, message)
        except BaseException as problem:
            client.report(problem)
        if message.is_shared():
            keep_lent(client, message)
            message = None


cdef bint is_discarded_by_now(const amps_delivery *delivery) noexcept:
    """A handler of this very burst may have discarded an earlier copy."""
    settle_discards()
    return amps_route_has_discarded(delivery.route, &delivery.message)


cdef Message call_and_acknowledge(Connection client, object handler, Message message,
                                  const amps_message *view):
    """Calls a handler; then the message is acknowledged, unless the handler has done so, or raised.
    Returns the message, if it can be lent again."""
    cdef bint has_failed = False
    client.handled = message
    message.is_acked = False
    try:
        handler(message)
    except BaseException as problem:
        has_failed = True
        client.report(problem)
    client.handled = None
    if client.auto_ack and not message.is_acked:
        client.acknowledge(view, has_failed)
    if message.is_shared():
        keep_lent(client, message)
        return None
    return message


cdef inline bint is_of_store(amps_audience audience) noexcept:
    return audience == AMPS_FOR_FAILED_WRITE or audience == AMPS_FOR_STORE \
        or audience == AMPS_FOR_STORE_TROUBLE


cdef object handler_of_client(Connection client, const amps_delivery *delivery):
    """The client's own handler for what is not for a route, or None; a route that has ended by
    itself lets go of its handler here."""
    if delivery.audience != AMPS_FOR_NOBODY and delivery.audience != AMPS_FOR_LISTENER:
        return client.audience_handler(delivery.audience)
    if amps_route_is_live(delivery.route):  # else it was let go of when the route was removed
        client.let_go(<Handler>delivery.handler)
        client.forget_finished()
        if delivery.audience == AMPS_FOR_LISTENER:
            client.report(broken_off(delivery.message.header))
    return None


cdef void keep_lent(Connection client, Message message) noexcept:
    try:
        message.keep()
    except MemoryError as problem:
        message.empty()
        client.report(problem)


cdef amps_client *new_core(Connection client, size_t send_buffer_size) except NULL:
    """The core of a new client, and the door through which its threads come."""
    cdef amps_events events
    cdef amps_client *core
    cdef door *context = <door *>malloc(sizeof(door))
    if context is NULL:
        raise MemoryError("no memory for a client")
    weak = _weak(client)
    context.client = <PyObject *>weak
    kept = []
    context.kept = <PyObject *>kept
    context.tells_begin = False
    events.begins = on_begins
    events.deliver = on_deliver
    events.lost = on_lost
    events.disconnected = on_disconnected
    events.ends = on_ends
    events.filter = on_filter
    events.acks = on_acks
    events.release = on_release
    core = amps_client_new(&events, context, send_buffer_size)
    if core is NULL:
        free(context)
        raise MemoryError("no memory for a client")
    Py_INCREF(weak)
    Py_INCREF(kept)
    client.door = context
    client.weak_self = weak
    return core


# ---- What a bookmark store tells ---------------------------------------------------------------
#
# `context` is a weak reference on it, which whoever makes the core tell keeps alive.

cdef void on_bookmark_changed(void *context, amps_slice sub_id) noexcept nogil:
    with gil:
        store = <BookmarkStore>(<object>context)()
        if store is not None:
            (<BookmarkStore>store).tell_changed(slice_text(sub_id))


cdef void on_bookmark_grown(void *context, amps_slice sub_id, size_t count) noexcept nogil:
    with gil:
        store = <BookmarkStore>(<object>context)()
        if store is not None:
            (<BookmarkStore>store).tell_grown(slice_text(sub_id), count)


cdef void on_bookmark_problem(void *context, const amps_failure *failure) noexcept nogil:
    with gil:
        store = <BookmarkStore>(<object>context)()
        if store is not None:
            (<BookmarkStore>store).tell_problem(
                _exceptions.StoreException(f"the bookmark store: {failure_text(failure)}"))


cdef object slice_text(amps_slice text):
    return PyUnicode_DecodeUTF8(text.at, text.size, "replace")
