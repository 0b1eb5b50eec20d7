# bookmarking.pxi: subscriptions to a transaction log, and the bookmark store that notes where they
# are.

cdef bytes NOW = b"0|1|"

cdef enum:
    ROOM_SLICE_MS = 10  # a full stream is looked at so often: did someone wait?


cdef bint is_range(object start) except -1:
    return start[:1] in (b"[", b"(")


cdef list members_of(object start):
    """The single bookmarks of a list or range."""
    return [part.strip(b" []()") for part in start.replace(b":", b",").split(b",")]


cdef object now_with_slack():
    """The time of a start with NOW, for when it must be found again."""
    from time import gmtime, strftime, time
    return strftime("%Y%m%dT%H%M%SZ", gmtime(time() - AMPS_BOOKMARK_NOW_SLACK_S)).encode()


cdef class Gate:
    """A bookmark store of the program's own stands before a handler or stream: it is told of each
    message first, and what it has seen discarded goes no further."""

    cdef object store, sub_id, command_id, anchor, function
    cdef amps_stream *stream
    cdef unsigned int ack_types  # those the application asked for
    cdef bint is_replayed, has_lost  # the replay is over; a connection was lost

    def __dealloc__(self):
        if self.stream is not NULL:
            amps_stream_drop(self.stream)

    cdef void end(self, amps_status why) noexcept:
        if self.stream is not NULL:
            amps_stream_end(self.stream, why)

    cdef int let_through(self, Listeners client, Message message) except -1:
        """On the receive thread."""
        if message.get_command() == "ack":
            try:
                self.hear(message)
            except BaseException as problem:
                client.report(problem)
            if message.get_ack_type_enum() & self.ack_types == 0:
                return 0
        elif message.raw(AMPS_FIELD_BOOKMARK) and self.is_duplicate(client, message):
            if client.duplicate is not None:
                client.duplicate(message)
            return 0
        if self.stream is not NULL:
            self.fill(client, message)
        elif self.function is not None:
            self.function(message)
        return 0

    cdef int hear(self, Message ack) except -1:
        types = ack.get_ack_type_enum()
        is_answer = ack.raw(AMPS_FIELD_COMMAND_ID) == self.command_id
        if ack.get_status() != "success":
            return 0
        if types & AMPS_ACK_PROCESSED and is_answer:
            self.is_replayed = False  # of this placement
            if self.anchor is not None:
                self.begin_anew()
        if types & AMPS_ACK_COMPLETED and is_answer:
            self.is_replayed = True
        if types & AMPS_ACK_PERSISTED and self.is_replayed and ack.raw(AMPS_FIELD_BOOKMARK):
            self.store.persisted(self.sub_id, ack.get_bookmark())
        return 0

    cdef int begin_anew(self) except -1:
        self.anchor = None
        purge = getattr(self.store, "purge_sub_id", None)
        if purge is not None:
            purge(self.sub_id)
        return 0

    cdef bint is_duplicate(self, Listeners client, Message message) except -1:
        """A store that fails costs a duplicate later, never the message."""
        try:
            if self.store.is_discarded(message):
                return True
        except BaseException as problem:
            client.report(problem)
        try:
            message.view.bookmark_index = int(self.store.log(message))
        except BaseException as problem:
            client.report(problem)
        return False

    cdef int fill(self, Listeners client, Message message) except -1:
        """As the core does for a store of its own."""
        cdef amps_status status
        cdef bint has_room = amps_stream_has_room(self.stream, &message.view)
        while not has_room and amps_client_may_hold_up(client.core):
            with nogil:
                has_room = amps_stream_wait_room(self.stream, amps_clock_in_ms(ROOM_SLICE_MS))
        message.view.is_again = self.has_lost and not self.is_replayed
        status = amps_stream_put(self.stream, &message.view)
        amps_stream_publish(self.stream)
        if status != AMPS_OK:
            raise status_error(status, "a message for a stream")
        self.discard_replaced(message)
        return 0

    cdef int discard_replaced(self, Message message) except -1:
        """What a newer message has replaced in its stream, nobody can discard any more. Only what
        is surely older: if not, it comes again some day."""
        cdef const amps_replaced *replaced = amps_stream_replaced(self.stream)
        cdef Message gone
        if replaced is NULL:
            return 0
        bookmark = PyBytes_FromStringAndSize(replaced.bookmark, replaced.bookmark_size)
        if is_before(bookmark, message.raw(AMPS_FIELD_BOOKMARK)):
            gone = Message.__new__(Message)
            gone.own = {<int>AMPS_FIELD_COMMAND: b"p", <int>AMPS_FIELD_BOOKMARK: bookmark,
                        <int>AMPS_FIELD_SUB_ID: self.sub_id.encode(),
                        <int>AMPS_FIELD_TOPIC: message.raw(AMPS_FIELD_TOPIC)}
            gone.view.bookmark_index = replaced.bookmark_index
            self.store.discard_message(gone)
        return 0


cdef bint is_before(object bookmark, object other) except -1:
    """Is the one the same publisher's as the other, and older?"""
    publisher, _, number = bookmark.rstrip(b"|").partition(b"|")
    other_publisher, _, other_number = other.rstrip(b"|").partition(b"|")
    return publisher == other_publisher and number.isdigit() and other_number.isdigit() \
        and int(number) < int(other_number)


cdef int end_gates(object handlers, amps_status why) except -1:
    for handler in handlers:
        if (<Handler>handler).gate is not None:
            (<Handler>handler).gate.end(why)
    return 0


cdef int renew_gates(object handlers) except -1:
    """Their connection is gone: what the next one replays is yet to come."""
    for handler in handlers:
        if (<Handler>handler).gate is not None:
            (<Handler>handler).gate.is_replayed = False
            (<Handler>handler).gate.has_lost = True
    return 0


cdef class Bookmarking(Executing):
    """A connection whose bookmark subscriptions are noted in a bookmark store, if it has one."""

    cdef object bookmarks  # the store, or None

    def set_bookmark_store(self, bookmark_store):
        """Sets the store that notes what bookmark subscriptions receive and the program discards:
        `MemoryBookmarkStore`, `MMapBookmarkStore`, `RingBookmarkStore`, or an object with `log`,
        `is_discarded`, `discard_message`, `discard`, `persisted`, `get_most_recent` and
        `set_server_version`, whose first three are called on the receive thread. None: no store.
        It is for subscriptions made from now on."""
        self.check_usable("set_bookmark_store", True)
        if isinstance(bookmark_store, BookmarkStore):
            (<BookmarkStore>bookmark_store).check()
            (<BookmarkStore>bookmark_store).problems = _weak(self)
            (<object>(<door *>self.door).kept).append((<BookmarkStore>bookmark_store).weak)
        elif bookmark_store is not None:
            for name in ("log", "is_discarded", "get_most_recent"):
                if not callable(getattr(bookmark_store, name, None)):
                    raise TypeError(f"a bookmark store has a method {name}, unlike "
                                    f"{type(bookmark_store).__name__}")
        self.bookmarks = bookmark_store
        if isinstance(bookmark_store, BookmarkStore):
            self.tell_trouble(bookmark_store)

    cdef int tell_trouble(self, BookmarkStore store) except -1:
        """What was wrong with the store's file when it was opened."""
        cdef const amps_failure *trouble = amps_bookmark_store_trouble(store.core)
        if trouble is not NULL and not store.told_trouble:
            store.told_trouble = True
            self.report(_exceptions.StoreException(
                f"the bookmark store: {failure_text(trouble)}"))
        return 0

    cdef int note_server_version(self) except -1:
        if self.bookmarks is not None and hasattr(self.bookmarks, "set_server_version"):
            self.bookmarks.set_server_version(
                _VersionInfo(self.server_version).get_old_style_version())
        return 0

    cdef unsigned int acks_of_replay(self, Command command) except? 0xFFFFFFFF:
        """What is received counts as safe only behind the end of a replay, which is a range's own
        end, too."""
        if self.bookmarks is None and not is_range(command.own[<int>AMPS_FIELD_BOOKMARK]):
            return AMPS_ACK_PERSISTED
        return AMPS_ACK_PERSISTED | AMPS_ACK_COMPLETED

    cdef object start_of(self, Command command, Routing routing):
        start = command.own[<int>AMPS_FIELD_BOOKMARK]
        routing.is_range = is_range(start)
        if start != MOST_RECENT and MOST_RECENT in members_of(start):
            raise _exceptions.UsageException(
                "MOST_RECENT stands alone: it cannot be in a list or a range of bookmarks")
        if self.bookmarks is None:
            return EPOCH if start == MOST_RECENT else start
        routing.bookmarks = self.bookmarks
        if start != MOST_RECENT:
            routing.anchor = start
            return start
        recent = self.most_recent(routing.sub_id)
        if not recent and isinstance(self.bookmarks, BookmarkStore):
            amps_bookmark_anchor((<BookmarkStore>self.bookmarks).sub(routing.sub_id),
                                 literal("0"))
        return recent or EPOCH

    cdef object most_recent(self, object sub_id):
        """Where a subscription goes on, as bytes; empty: nothing is known."""
        recent = self.bookmarks.get_most_recent(id_text(sub_id))
        if recent is None:
            return b""
        return recent.encode() if isinstance(recent, str) else bytes(recent)

    cdef object point_of_return(self, Routing routing, object start):
        """The bookmark with which a subscription is placed again."""
        if routing.bookmarks is None or self.bookmarks is None:
            return EPOCH if start == MOST_RECENT else start
        if routing.anchor is not None:
            return start  # it has not begun yet
        recent = self.most_recent(routing.sub_id)
        if recent == EPOCH and not isinstance(self.bookmarks, BookmarkStore):
            recent = b""  # so such stores say that they know nothing
        if routing.is_range:
            has_begun = recent and not is_range(recent)
            return b"(" + recent + start[start.index(b":"):] if has_begun else start
        if recent:
            return recent
        if start == NOW and routing.since is not None:
            return routing.since
        return EPOCH if start in (MOST_RECENT, NOW) else start
