# stream.pxi: MessageStream. Waiting threads hold no GIL, and a message that waits already costs no
# lock.


cdef enum:
    BATCH_MAX = 1 << 30  # of the messages asked for at once


cdef class MessageStream:
    """The results of one command, in order, for a `for` loop or `next()`.

    Made by `Client.subscribe` and its like, not by programs. Iteration blocks until a message
    comes; with a timeout set it gives None when none came in time. It ends (StopIteration) behind
    the last result, and when the stream or its client is closed. When the connection is lost, or
    the server breaks a query off, what had arrived is given first; then `DisconnectedException`, or
    what the server's reason asks for, is raised once. Threads may share a stream: each message goes
    to one of them. A stream that nobody holds any more unsubscribes.

    >>> with AMPS.Client("reader") as client:
    ...     client.connect(sandbox.uri("json"))
    ...     _ = client.logon()
    ...     stream = client.subscribe("orders").timeout(20)
    ...     print(next(stream))
    None
    """

    cdef amps_stream *core
    cdef Subscribing client
    cdef object command_id        # of the command behind it: its route goes by that
    cdef object sub_id, query_id  # what the server is told when it is closed, or None
    cdef unsigned int timeout_ms
    cdef bint is_over, is_subscription
    cdef object problem        # what ends it instead of an end, or None
    cdef object bookmarks      # the bookmark store behind it, or None
    cdef bint is_gated         # a bookmark store of the program's own fills it
    cdef Message older, newer  # the last two given out: used again when nobody holds them
    cdef object owed           # what each thread has taken and is to acknowledge, or None
    cdef object __weakref__
    cdef dict __dict__

    def __cinit__(self):
        self.core = NULL

    def __init__(self):
        raise TypeError("a MessageStream is made by Client.subscribe(), not by hand")

    def __dealloc__(self):
        if self.core is not NULL:
            amps_stream_drop(self.core)

    def __del__(self):
        self.close()

    def __iter__(self):
        return self

    def __enter__(self):
        return self

    def __exit__(self, *problem):
        self.close()

    def __next__(self):
        cdef Message message
        if self.owed is not None or (self.client is not None and self.client.auto_ack):
            self.acknowledge_taken()
        message = self.take_one()
        while message is not None and message.view.is_again and self.is_discarded(message):
            message = self.take_one()
        if self.owed is not None and message is not None:
            message.is_acked = False
            self.owed.messages = [message]
        return message

    cdef int acknowledge_taken(self) except -1:
        """What this thread has taken before it counts as done: it asks for more."""
        if self.owed is None:
            import threading
            self.owed = threading.local()
        messages = getattr(self.owed, "messages", None)
        self.owed.messages = None
        if messages is not None and self.client.auto_ack and not self.is_over:
            for message in messages:
                if not (<Message>message).is_acked:
                    self.client.acknowledge(&(<Message>message).view, False)
        if not self.client.auto_ack:
            self.owed = None
        return 0

    cdef inline Message take_one(self):
        cdef amps_message view
        cdef void *apart
        cdef amps_status status
        self.check_usable()
        status = amps_stream_take(self.core, &view, &apart)
        if status != AMPS_OK:
            if status == AMPS_AGAIN:
                status = self.wait(&view, &apart, self.timeout_ms)
            if status == AMPS_TIMED_OUT:
                return None
            if status != AMPS_OK:
                self.finish(status)
        return self.give(&view, apart)

    def next(self):
        """The same as `next(stream)`."""
        return self.__next__()

    def timeout(self, timeout):
        """Sets how long `next()` waits, in milliseconds; 0 means forever. Returns the stream."""
        self.timeout_ms = milliseconds(timeout)
        return self

    def max_depth(self, maxDepth=_MISSING, *, max_depth=_MISSING):
        """Sets how many messages may wait in the stream; 0 means any number. Returns the stream.

        When so many wait, the client stops reading its socket until one is taken, and the server is
        slowed down. All other messages of the client wait as well, except while one of its commands
        waits for an answer.
        """
        depth = either(maxDepth, max_depth, "maxDepth")
        if not isinstance(depth, int):
            raise TypeError(f"maxDepth must be an int, not {type(depth).__name__}")
        if depth < 0:
            raise _exceptions.UsageException(f"maxDepth must not be negative, not {depth}")
        self.check_usable()
        amps_stream_set_depth_max(self.core, depth)
        return self

    def get_max_depth(self):
        """How many messages may wait; 0 means any number."""
        self.check_usable()
        return amps_stream_depth_max(self.core)

    def conflate(self):
        """From now on only the newest of the messages with the same topic and sow key waits: it
        takes the place of the older one, which is never given out. Returns the stream.

        Whole messages are exchanged, deltas are not merged. Messages without a sow key and those
        with a lease period wait each, and nothing is exchanged across the beginning or end of a
        group. What waits already is not merged, but its newest may be replaced. With a bookmark
        store, what is replaced counts as discarded. For subscriptions;
        without effect on others. It cannot be undone.
        """
        self.check_usable()
        if self.is_subscription:
            amps_stream_conflate(self.core)
        return self

    def get_depth(self):
        """How many messages wait now."""
        self.check_usable()
        return amps_stream_depth(self.core)

    def batch(self, count, timeout=None):
        """Up to `count` messages at once, as a list: waits for the first of them, as long as
        `next()` would or `timeout` milliseconds (0: forever), then takes what is there already.

        An empty list says that none came in time, or that the stream has ended: see `ended`.
        """
        cdef amps_message view
        cdef void *apart
        cdef amps_status status
        cdef unsigned int timeout_ms = self.timeout_ms if timeout is None else milliseconds(timeout)
        cdef list messages = []
        cdef Message message
        cdef Py_ssize_t left
        if not isinstance(count, int) or isinstance(count, bool):
            raise TypeError(f"count must be an int, not {type(count).__name__}")
        if count < 1:
            raise ValueError(f"count must be at least 1, not {count}")
        left = min(count, BATCH_MAX)
        self.check_usable()
        if self.owed is not None or self.client.auto_ack:
            self.acknowledge_taken()
        while True:
            status = amps_stream_take(self.core, &view, &apart)
            if status == AMPS_AGAIN and not messages:
                status = self.wait(&view, &apart, timeout_ms)
            if status != AMPS_OK:
                break
            message = made_message(&view, apart)
            message.origin = self.client.weak_self
            if not message.view.is_again or not self.is_discarded(message):
                messages.append(message)
                left -= 1
                if left == 0:
                    break
        if not messages and status != AMPS_TIMED_OUT:
            self.end(status)
        if self.owed is not None:
            self.owed.messages = list(messages)
        return messages

    cdef bint is_discarded(self, Message message) except -1:
        """Has the program discarded an earlier copy while this one waited?"""
        if self.bookmarks is None:
            return False
        try:
            return bool(self.bookmarks.is_discarded(message))
        except Exception as problem:
            self.client.report(problem)
            return False

    @property
    def ended(self):
        """Whether there is nothing more to come and nothing waits: iteration has ended, or would
        end now."""
        cdef amps_status status
        self.check_usable()
        if self.is_over:
            return True
        status = amps_stream_wait(self.core, 0)
        return status != AMPS_OK and status != AMPS_AGAIN

    def __len__(self):
        """How many messages wait now."""
        return self.get_depth()

    def __bool__(self):
        """True: a stream is something, also while nothing waits in it."""
        return True

    def close(self):
        """Unsubscribes and ends iteration, in other threads too. What waits is dropped. Idempotent,
        legal on any thread and inside handlers; it does not wait for the server."""
        if self.core is NULL or self.client is None or amps_client_is_inherited(self.client.core):
            return
        if not self.is_over:
            self.is_over = True
            if self.remove_route():
                self.client.send_end(self.sub_id, self.query_id)
        amps_stream_close(self.core)

    cdef bint remove_route(self) except -1:
        """True: it was there, so the server does not know yet that nobody listens."""
        cdef amps_slice id
        cdef amps_sink sink
        cdef object kept
        if self.command_id is None:
            return False
        if self.is_gated:
            return remove_route(self.client, AMPS_ID_OF_COMMAND, self.command_id, &sink)
        kept = borrow_text(self.command_id, &id)
        if not amps_client_remove_stream(self.client.core, id, self.core):
            return False
        self.client.forget_record(AMPS_ID_OF_COMMAND, self.command_id)
        return True

    cdef int renew(self) except -1:
        """A fresh queue, for a command that is sent once more: the one before has ended."""
        cdef amps_stream *core
        self.is_over = False
        if amps_stream_wait(self.core, 0) == AMPS_AGAIN:
            return 0
        core = amps_stream_new(amps_stream_depth_max(self.core))
        if core is NULL:
            raise MemoryError("no memory for a stream")
        amps_stream_drop(self.core)
        self.core = core
        return 0

    cdef inline int check_usable(self) except -1:
        if self.core is NULL or self.client is None:
            raise _exceptions.UsageException(
                "a MessageStream is made by Client.subscribe(), not by hand")
        if amps_client_is_inherited(self.client.core):
            raise status_error(AMPS_FORKED)
        return 0

    cdef amps_status wait(self, amps_message *view, void **apart,
                          unsigned int timeout_ms) except *:
        """Waits without the GIL, then takes. Another thread may be quicker: then waits again."""
        cdef amps_status status = AMPS_AGAIN
        cdef double deadline = deadline_in(timeout_ms)
        cdef unsigned int slice_ms
        if amps_client_in_handler(self.client.core):
            raise status_error(AMPS_IN_HANDLER, "iterating a stream inside a handler")
        while status == AMPS_AGAIN:
            slice_ms = slice_before(deadline)
            if slice_ms == 0:
                return AMPS_TIMED_OUT
            with nogil:
                status = amps_stream_wait(self.core, slice_ms)
            check_signals()
            if status == AMPS_OK:
                status = amps_stream_take(self.core, view, apart)
        return status

    cdef int finish(self, amps_status status) except -1:
        """Raises what ends the iteration: for a lost connection that, once; else StopIteration."""
        self.end(status)
        raise StopIteration

    cdef int end(self, amps_status status) except -1:
        if self.problem is not None and not self.is_over:
            self.is_over = True
            raise self.problem
        if status == AMPS_DISCONNECTED and not self.is_over:
            self.is_over = True
            raise _exceptions.DisconnectedException(
                self.client.why or "the connection that this stream came over is gone")
        if status == AMPS_BROKEN_OFF and not self.is_over:
            self.is_over = True
            raise broken_off(amps_stream_failure(self.core))
        if status == AMPS_NO_MEMORY and not self.is_over:
            self.is_over = True
            raise status_error(status, "the results of a command")
        if not self.is_over:
            self.is_over = True
            self.client.forget_finished()
        return 0

    cdef inline Message give(self, const amps_message *view, void *apart):
        """The message that was taken. A loop's variable still holds the last one; the one before is
        used again if the loop has let go of it."""
        cdef Message used = self.older  # held to the end: its own end may run code that takes
        cdef Message message = used
        self.older = self.newer
        if used is None or used.is_held_elsewhere(2):
            message = Message.__new__(Message)
            message.origin = self.client.weak_self
        if apart is NULL:
            message.copy_view(view)
        else:
            message.adopt(view, apart)
        self.newer = message if message.apart is NULL else None
        return message


cdef Message made_message(const amps_message *view, void *apart):
    """The message that was taken, as an object of its own."""
    cdef Message message = Message.__new__(Message)
    if apart is NULL:
        message.copy_view(view)
    else:
        message.adopt(view, apart)
    return message


cdef MessageStream new_stream(Subscribing client, Routing routing,
                              const amps_command_facts *facts):
    """The stream of a command; it has ended already when nothing is to come."""
    cdef MessageStream stream = MessageStream.__new__(MessageStream)
    stream.core = amps_stream_new(client.default_max_depth)
    if stream.core is NULL:
        raise MemoryError("no memory for a stream")
    stream.client = client
    stream.command_id = routing.command_id
    stream.sub_id = routing.sub_id
    stream.query_id = None if facts.subscribes else routing.query_id
    stream.is_subscription = facts.subscribes
    if not (facts.subscribes or facts.queries or routing.ack_types != 0):
        stream.command_id = None
        amps_stream_end(stream.core, AMPS_END)
    return stream


cdef MessageStream ended_stream(Subscribing client):
    """One that nothing comes to."""
    cdef MessageStream stream = MessageStream.__new__(MessageStream)
    stream.core = amps_stream_new(0)
    if stream.core is NULL:
        raise MemoryError("no memory for a stream")
    stream.client = client
    amps_stream_end(stream.core, AMPS_END)
    return stream
