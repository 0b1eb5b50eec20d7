# listeners.pxi: what a program is told besides the messages of its commands, and by whom.

class _ConnectionStateListener:
    """What a connection state listener is told."""

    Disconnected = 0
    Shutdown = 1
    Connected = 2
    LoggedOn = 4
    PublishReplayed = 8
    HeartbeatInitiated = 16
    Resubscribed = 32
    UNKNOWN = 16384


_ConnectionStateListener.__name__ = "ConnectionStateListener"
_ConnectionStateListener.__qualname__ = "Client.ConnectionStateListener"


cdef class Handler:
    """What a route of the core points at. The client holds it until the route is gone."""

    cdef object function
    cdef object id      # the one by which the program knows it, as bytes
    cdef bint is_ended  # by the program: what was collected for it is not delivered
    cdef bint lasts     # outlives its connection
    cdef Gate gate      # a bookmark store of the program's own stands before it, or None


cdef class Listeners:
    """Who is told what; every client is this at its root."""

    cdef amps_client *core
    cdef void *door
    cdef set handlers            # of all routes, each a Handler
    cdef dict by_id              # {id: Handler}, the newest of each id
    cdef list state_listeners
    cdef object exception_listener, disconnect_handler, thread_created
    cdef object last_chance, failed_write, duplicate, all_acks, all_heartbeats, transport_filter
    cdef bint tells_connected    # the state listeners are still owed Connected
    cdef bint auto_ack           # messages are acknowledged when their handler has returned
    cdef Message handled         # the one whose handler is running, while that is so
    cdef object weak_self        # what its messages know it by
    cdef object __weakref__
    cdef dict __dict__

    def __cinit__(self, *args, **kwargs):
        self.core = NULL
        self.handlers, self.by_id, self.state_listeners = set(), {}, []

    # ---- Handlers of routes ---------------------------------------------------------------------

    cdef int hold(self, Handler handler) except -1:
        """Keeps what a route points at."""
        self.handlers.add(handler)
        return 0

    cdef int give_id(self, Handler handler) except -1:
        """The id is this handler's from now on, unless it has been let go of."""
        if handler in self.handlers:
            self.by_id[handler.id] = handler
        return 0

    cdef int let_go(self, Handler handler) except -1:
        self.handlers.discard(handler)
        if handler.gate is not None:
            handler.gate.end(AMPS_END)
        if self.by_id.get(handler.id) is handler:
            del self.by_id[handler.id]
        return 0

    cdef object forget_routes(self, amps_status why):
        """Removes all routes. Returns their handlers: their end may run any code, so it should come
        last. So may making an object (it may collect garbage): no route may be added between
        its handler being forgotten and it being removed itself."""
        gone = self.handlers, self.by_id
        self.handlers, self.by_id = set(), {}
        amps_client_remove_routes(self.core, why)
        end_gates(gone[0], why)
        return gone

    cdef object lose_routes(self, amps_status why):
        """The same when a connection is gone, but those that last stay."""
        gone = self.handlers, self.by_id
        kept = [handler for handler in gone[0] if (<Handler>handler).lasts]
        self.handlers = set(kept)
        self.by_id = {id: handler for id, handler in gone[1].items() if (<Handler>handler).lasts}
        amps_client_lose_routes(self.core, why)
        renew_gates(kept)
        end_gates(gone[0].difference(kept), why)
        return gone

    cdef int forget_record(self, amps_id_kind kind, object id) except -1:
        """A subscription has ended: a client that comes back by itself must not place it again."""
        return 0

    cdef int forget_records(self) except -1:
        return 0

    cdef void acknowledge(self, const amps_message *message, bint has_failed) noexcept:
        """A handler has returned from it, or raised."""
        return

    cdef int send_acks(self) except -1:
        """Acknowledgements that are ready; of the layers above."""
        return 0

    cdef int forget_finished(self) except -1:
        """One may have come to its end by itself."""
        return 0

    # ---- Listeners ------------------------------------------------------------------------------

    def set_exception_listener(self, exception_listener):
        """Sets `exception_listener(exception)`, told of every error that no call can raise: what
        handlers raise, a connection lost. It runs on the thread that met the error. None: such
        errors go to `sys.unraisablehook`."""
        self.exception_listener = checked_callable(exception_listener, "exception_listener")

    def get_exception_listener(self):
        """The exception listener, or None."""
        return self.exception_listener

    def set_disconnect_handler(self, client_disconnect_handler):
        """Sets `handler(client)`, or an object with `invoke(client)`, called on the receive thread
        after a connection was lost, not after `disconnect`. It may connect, log on and subscribe
        again; when the program closes the client meanwhile, that raises
        `DisconnectedException`. None: nobody is called."""
        if client_disconnect_handler is not None and not callable(client_disconnect_handler):
            if not callable(getattr(client_disconnect_handler, "invoke", None)):
                raise TypeError("a disconnect handler is callable or has a method invoke, "
                                f"unlike {type(client_disconnect_handler).__name__}")
            client_disconnect_handler = client_disconnect_handler.invoke
        self.disconnect_handler = client_disconnect_handler

    def set_last_chance_message_handler(self, message_handler):
        """Sets `handler(message)` for messages that nobody else is told about, such as late ones
        of a subscription just ended. It runs on the receive thread; None: nobody is called."""
        self.check_usable("set_last_chance_message_handler", True)
        self.last_chance = checked_callable(message_handler, "message_handler")
        amps_client_want(self.core, AMPS_FOR_LAST_CHANCE, message_handler is not None)

    def set_failed_write_handler(self, failedWriteHandler=_MISSING, *,
                                 failed_write_handler=_MISSING):
        """Sets `handler(message, reason)` for publishes that the server refused. `message` is the
        one published, if a publish store still has it, else None; `reason` is the server's. It
        runs on the receive thread. Without a handler the server's word goes to the last-chance
        handler. A publish without a store is answered only if it asked for acks."""
        self.check_usable("set_failed_write_handler", True)
        handler = either(failedWriteHandler, failed_write_handler, "failedWriteHandler")
        self.failed_write = checked_callable(handler, "failedWriteHandler")
        amps_client_want(self.core, AMPS_FOR_FAILED_WRITE, handler is not None)

    def set_global_command_type_message_handler(self, command, message_handler):
        """Sets `handler(message)` for all messages of one kind, `'ack'` or `'heartbeat'`, whoever
        else is told of them. It runs on the receive thread, before the others; None: nobody is
        called. Raises `CommandException` for another kind."""
        self.check_usable("set_global_command_type_message_handler", True)
        handler = checked_callable(message_handler, "message_handler")
        if command in ("ack", b"ack"):
            self.all_acks = handler
            amps_client_want(self.core, AMPS_FOR_ALL_ACKS, handler is not None)
        elif command in ("heartbeat", b"heartbeat"):
            self.all_heartbeats = handler
            amps_client_want(self.core, AMPS_FOR_ALL_HEARTBEATS, handler is not None)
        else:
            raise _exceptions.CommandException(
                f"a global handler is for 'ack' or 'heartbeat', not {command!r}")

    def set_duplicate_message_handler(self, message_handler):
        """Sets `handler(message)`, called on the receive thread, for messages that the bookmark
        store knows as discarded: their own handler or stream does not get them. Without a bookmark
        store there are none. None: nobody is told."""
        self.check_usable("set_duplicate_message_handler", True)
        self.duplicate = checked_callable(message_handler, "message_handler")
        amps_client_want(self.core, AMPS_FOR_DUPLICATE, message_handler is not None)

    def get_duplicate_message_handler(self):
        """The duplicate message handler, or None."""
        return self.duplicate

    cdef object audience_handler(self, amps_audience audience):
        if audience == AMPS_FOR_LAST_CHANCE:
            return self.last_chance
        if audience == AMPS_FOR_ALL_ACKS:
            return self.all_acks
        if audience == AMPS_FOR_ALL_HEARTBEATS:
            return self.all_heartbeats
        return self.duplicate

    cdef int hear(self, amps_audience audience, Message ack) except -1:
        """What the server says of a publish; nobody's route is meant."""
        if audience == AMPS_FOR_FAILED_WRITE and self.failed_write is not None:
            self.failed_write(None, ack.get_reason() or "")
        return 0

    def set_thread_created_callback(self, thread_created_callable):
        """Sets a function without arguments that each new receive thread calls first of all."""
        self.check_usable("set_thread_created_callback", True)
        self.thread_created = checked_callable(thread_created_callable, "thread_created_callable")
        (<door *>self.door).tells_begin = thread_created_callable is not None

    def set_transport_filter(self, transport_filter_callable):
        """Sets `transport_filter_callable(data, incoming)`, shown all bytes of the wire, once and
        in order.

        False: before they leave, on the thread that sends them; True: as they arrive, before they
        are looked at, on the receive thread. It is a handler: no call of this client may wait in
        it, and the client stands still until it returns. It changes nothing. None: no filter.
        """
        self.check_usable("set_transport_filter", True)
        self.transport_filter = checked_callable(transport_filter_callable,
                                                 "transport_filter_callable")
        amps_client_want_filter(self.core, transport_filter_callable is not None)

    def add_connection_state_listener(self, listener_callable):
        """Adds `listener_callable(state)`, told each value of `Client.ConnectionStateListener` as
        an int, on the thread that changes it. Adding one twice is adding it once."""
        if not callable(listener_callable):
            raise TypeError("listener_callable must be callable, "
                            f"not {type(listener_callable).__name__}")
        if listener_callable not in self.state_listeners:
            self.state_listeners.append(listener_callable)

    def remove_connection_state_listener(self, listener_callable):
        """Removes a listener; an unknown one is no error."""
        if listener_callable in self.state_listeners:
            self.state_listeners.remove(listener_callable)

    cdef int check_usable(self, object doing, bint in_handler_too=False) except -1:
        if self.core is NULL:
            raise _exceptions.UsageException("this client's __init__ has not been called")
        if amps_client_is_inherited(self.core):
            raise _exceptions.UsageException(
                f"{doing}: this client was inherited through fork: make a new one in the child")
        if not in_handler_too and amps_client_in_handler(self.core):
            raise _exceptions.UsageException(
                f"{doing} waits for the server and was called inside a handler of the same client, "
                "on the thread that receives the answer: use another thread or another client")
        return 0

    # ---- Telling --------------------------------------------------------------------------------

    cdef void tell_connected(self) noexcept:
        """Once a connection, by whoever comes first: it may be lost before connect() is done."""
        if self.tells_connected:
            self.tells_connected = False
            self.tell_state(_ConnectionStateListener.Connected)

    cdef void tell_disconnected(self) noexcept:
        self.tell_connected()
        self.tell_state(_ConnectionStateListener.Disconnected)

    cdef void tell_state(self, object state) noexcept:
        for listener in list(self.state_listeners):
            self.call(listener, state)

    cdef void call(self, object function, object argument=None) noexcept:
        """Calls one of the program's functions as a handler; what it raises is reported."""
        cdef amps_inside inside
        amps_client_enter_handler(self.core, &inside)
        try:
            if argument is None:
                function()
            else:
                function(argument)
        except BaseException as problem:
            self.report(problem)
        amps_client_leave_handler(&inside)

    cdef object consult(self, object function, tuple arguments):
        """Asks one of the program's objects, as a handler: it must not wait for this client."""
        cdef amps_inside inside
        amps_client_enter_handler(self.core, &inside)
        try:
            return function(*arguments)
        finally:
            amps_client_leave_handler(&inside)

    cdef void report(self, object problem) noexcept:
        """To the exception listener; without one, or when that fails, to sys.unraisablehook."""
        cdef amps_inside inside
        amps_client_enter_handler(self.core, &inside)
        listener = self.exception_listener
        if listener is not None:
            try:
                listener(problem)
                problem = None
            except BaseException as another:
                problem = another
        if problem is not None:
            raise_nowhere(problem, self if listener is None else listener)
        amps_client_leave_handler(&inside)


cdef object checked_callable(object function, object name):
    if function is not None and not callable(function):
        raise TypeError(f"{name} must be callable or None, not {type(function).__name__}")
    return function


cdef void raise_nowhere(object problem, object where) noexcept:
    """Hands an exception to sys.unraisablehook, with its traceback."""
    cdef object kind = type(problem)
    cdef object trace = problem.__traceback__
    Py_INCREF(kind)
    Py_INCREF(problem)
    if trace is not None:
        Py_INCREF(trace)
    PyErr_Restore(<PyObject *>kind, <PyObject *>problem,
                  <PyObject *>trace if trace is not None else NULL)
    PyErr_WriteUnraisable(where)


cdef object broken_off(amps_slice ack):
    """The exception for a query that the server accepted and then broke off, from its ack."""
    cdef amps_message view
    cdef Message message = Message.__new__(Message)
    memset(&view, 0, sizeof(view))
    view.header = ack
    message.copy_view(&view)
    return _exception_for(message.get_reason(), "the rest of a query's results", message=message)
