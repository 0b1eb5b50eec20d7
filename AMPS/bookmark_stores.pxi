# bookmark_stores.pxi: the bookmark stores that a program makes; the core does the noting.

cdef enum:
    MOST_RECENT_SIZE = 256  # of the first buffer for a list of bookmarks


cdef class BookmarkStore:
    """What the bookmark stores of this module have in common: per subscription id, which messages
    were received and which the program has discarded.

    Any thread may use a store; nothing waits longer than for an append to a file. Only one client
    should use it at a time. `sub_id` is the key by which a subscription finds its place again, also
    in another process: choose it, do not let one be made.
    """

    cdef amps_bookmark_store *core
    cdef object path, adapter, resize_handler, version
    cdef object problems      # told of what no caller can be told: the client's report
    cdef object weak          # what the core's events come through
    cdef bint told_trouble
    cdef object last_id                # of the last message discarded, and its state
    cdef amps_bookmark_sub *last_sub
    cdef uint32_t last_tag
    cdef bint may_wait                 # discards need not come at once: see discarding.pxi
    cdef object __weakref__

    def __cinit__(self, *args, **kwargs):
        self.core = NULL

    def __init__(self):
        raise TypeError("make a MemoryBookmarkStore, an MMapBookmarkStore or a RingBookmarkStore")

    def __dealloc__(self):
        if self.core is not NULL:
            with nogil:
                amps_bookmark_store_drop(self.core)

    def __repr__(self):
        where = "in memory" if self.path is None else f"in {self.path!r}"
        return f"<{type(self).__name__} {where}>"

    cdef int check(self) except -1:
        """Before anything is asked or told."""
        if self.core is NULL:
            raise _exceptions.UsageException("this store's __init__ has not been called")
        settle_discards()
        return 0

    cdef int begin(self, amps_status status, const amps_failure *failure, object adapter) except -1:
        """After opening: takes in what the adapter knows, listens to the core."""
        if status != AMPS_OK:
            self.core = NULL
            raise store_error(status, f"opening {self.path!r}", failure)
        self.weak = _weak(self)
        self.adapter = adapter
        if adapter is not None:
            self.recover()
        self.listen()
        return 0

    cdef int recover(self) except -1:
        while True:
            point = self.adapter.next()
            if point is None:
                return 0
            sub_id, bookmark = point.get_sub_id(), point.get_bookmark()
            if not sub_id or not bookmark:
                return 0
            text = text_of(bookmark)
            check_bookmark_status(amps_bookmark_recover(self.sub(sub_id), (<Text>text).slice),
                                  sub_id)

    cdef int listen(self) except -1:
        """What is told needs the interpreter's lock: only what somebody wants is."""
        cdef amps_bookmark_events events
        memset(&events, 0, sizeof(events))
        events.context = <void *>self.weak
        events.problem = on_bookmark_problem
        if self.adapter is not None:
            events.changed = on_bookmark_changed
        if self.resize_handler is not None:
            events.grown = on_bookmark_grown
        amps_bookmark_store_set_events(self.core, &events)
        return 0

    cdef amps_bookmark_sub *sub(self, object sub_id) except NULL:
        self.check()
        cdef amps_slice id
        kept = borrow_text(sub_id, &id)
        cdef amps_bookmark_sub *sub = amps_bookmark_store_sub(self.core, id)
        if sub is NULL:
            raise _exceptions.StoreException(
                f"sub_id {_exceptions.shown(id_text(sub_id))!r} cannot be noted: the store is "
                "closed or inherited through fork, the id is too long, or memory is out")
        return sub

    cdef amps_bookmark_sub *sub_of(self, Message message) except NULL:
        """That of a message from a server; most are of the subscription that the last was of."""
        cdef amps_slice id = message.view.sub_id
        if message.view.bookmark_tag != 0 and message.view.bookmark_tag == self.last_tag:
            return self.last_sub  # which noted it
        self.check()
        if self.last_id is not None and PyBytes_GET_SIZE(self.last_id) == <Py_ssize_t>id.size \
                and memcmp(PyBytes_AS_STRING(self.last_id), id.at, id.size) == 0:
            return self.last_sub
        kept = PyBytes_FromStringAndSize(id.at, id.size)
        self.last_sub = self.sub(message.get_sub_id())
        self.last_tag = amps_bookmark_sub_tag(self.last_sub)
        self.last_id = kept
        return self.last_sub

    def log(self, message):
        """Notes that a message was received and returns its index, from 1 for each `sub_id`; one
        noted already keeps its index. A client calls this before it delivers the message."""
        cdef uint64_t index = 0
        sub_id, bookmark = place_of(message)
        text = text_of(bookmark or b"")
        status = amps_bookmark_log(self.sub(sub_id or b""), (<Text>text).slice, &index)
        check_bookmark_status(status, sub_id or b"")
        return index

    def discard_message(self, message):
        """Notes that the program is done with a message: it is never delivered again. Unknown ones,
        and those without a bookmark, are no error."""
        sub_id, bookmark = place_of(message)
        if sub_id and bookmark:
            text = text_of(bookmark)
            self.check_discard(amps_bookmark_discard(self.sub(sub_id), (<Text>text).slice), sub_id)

    def discard(self, subid, sequence):
        """The same, for the message with this index (see `Message.get_bookmark_seq_no`)."""
        index = store_number("sequence", sequence, 0, <uint64_t>-1)
        self.check_discard(amps_bookmark_discard_index(self.sub(subid), index), subid)

    cdef int check_discard(self, amps_status status, object sub_id) except -1:
        if status != AMPS_OK:
            check_bookmark_status(status, sub_id)
        return 0

    def is_discarded(self, message):
        """Whether the program was done with this message already: then it is a duplicate."""
        sub_id, bookmark = place_of(message)
        if not sub_id or not bookmark:
            return False
        text = text_of(bookmark)
        return amps_bookmark_is_discarded(self.sub(sub_id), (<Text>text).slice)

    def persisted(self, subid, bookmark):
        """Notes that the server has persisted all up to a bookmark on all its replicas; it counts
        once everything received before is discarded."""
        text = text_of(bookmark)
        check_bookmark_status(amps_bookmark_persisted(self.sub(subid), (<Text>text).slice), subid)

    def persisted_index(self, subid, bookmark_index):
        """The same, for the message with this index."""
        index = store_number("bookmark_index", bookmark_index, 0, <uint64_t>-1)
        check_bookmark_status(amps_bookmark_persisted_index(self.sub(subid), index), subid)

    def get_most_recent(self, subid):
        """Where a subscription goes on so that nothing is missed, as a comma-separated list of
        bookmarks; `''` when nothing is known of it."""
        return most_recent_of(self.sub(subid))

    def get_oldest_bookmark_seq(self, subid):
        """The lowest index that is not discarded, 0 when there is none."""
        return amps_bookmark_oldest(self.sub(subid))

    def purge(self):
        """Forgets everything. Raises `StoreException`."""
        self.check()
        cdef amps_status status
        with nogil:
            status = amps_bookmark_store_purge(self.core)
        check_bookmark_status(status, None)
        if self.adapter is not None:
            self.adapter.purge()

    def purge_sub_id(self, sub_id):
        """Forgets one subscription. Raises `StoreException`."""
        cdef amps_bookmark_sub *sub = self.sub(sub_id)
        cdef amps_status status
        with nogil:
            status = amps_bookmark_purge(sub)
        check_bookmark_status(status, sub_id)
        if self.adapter is not None:
            self.adapter.purge(sub_id)

    def set_resize_handler(self, handler):
        """Sets `handler(store, sub_id, size)`, told when so many messages of one subscription wait
        to be discarded (1000, then each double). The store grows in any case; when the handler says
        False, a `StoreException` goes to the client's exception listener as well."""
        self.check()
        self.resize_handler = checked_callable(handler, "handler")
        self.listen()

    def set_server_version(self, version):
        """Takes the server's version, for information."""
        self.version = version

    def close(self):
        """Writes all to the disk and gives the file back; later calls raise `StoreException`.
        Idempotent. Closes the adapter."""
        cdef amps_failure failure
        cdef amps_status status
        self.check()
        with nogil:
            status = amps_bookmark_store_close(self.core, &failure)
        adapter, self.adapter = self.adapter, None
        if adapter is not None:
            adapter.close()
        if status != AMPS_OK:
            raise store_error(status, f"closing {self.path!r}", &failure)

    # ---- What the core tells --------------------------------------------------------------------

    cdef void tell_changed(self, object sub_id) noexcept:
        try:
            if self.adapter is not None:
                self.adapter.update(_RecoveryPoint(sub_id, most_recent_of(self.sub(sub_id))))
        except BaseException as problem:
            self.tell_problem(problem)

    cdef void tell_grown(self, object sub_id, size_t count) noexcept:
        try:
            if self.resize_handler is not None \
                    and not self.resize_handler(self, sub_id, count):
                self.tell_problem(_exceptions.StoreException(
                    f"{count} messages of subscription {sub_id!r} wait to be discarded, more than "
                    "the resize handler allows; the store keeps them all the same"))
        except BaseException as problem:
            self.tell_problem(problem)

    cdef void tell_problem(self, object problem) noexcept:
        cdef Connection client = None if self.problems is None else self.problems()
        if client is not None:
            client.report(problem)
        else:
            raise_nowhere(problem, self)


cdef class MemoryBookmarkStore(BookmarkStore):
    """A bookmark store in memory: it survives the loss of any server, not the end of the process,
    unless a recovery point `adapter` keeps its points elsewhere.

    >>> AMPS.MemoryBookmarkStore().get_most_recent("mine")
    ''
    """

    def __init__(self, adapter=None):
        if self.core is not NULL:
            raise _exceptions.UsageException("a store is initialised once")
        self.begin(amps_bookmark_store_new(&self.core), NULL, adapter)
        self.may_wait = adapter is None


cdef class MMapBookmarkStore(BookmarkStore):
    """A bookmark store in an append-only file: what was discarded stays so, however suddenly the
    process ends.

    The file grows until `prune`. A torn end is cut off; a file damaged in the middle is copied
    first, and a `StoreException` tells the client's exception listener. One process at a time has
    the file. With `use_last_modified` the first recovery point also holds the time when the file
    was last written. Raises `StoreException` for a file that cannot be opened or is none of ours.
    """

    def __init__(self, filename, use_last_modified=False, adapter=None):
        cdef amps_failure failure
        cdef amps_status status
        cdef bint by_time = bool(use_last_modified)
        cdef const char *name
        if self.core is not NULL:
            raise _exceptions.UsageException("a store is initialised once")
        encoded = file_name(filename)
        name, self.path = encoded, filename
        with nogil:
            status = amps_bookmark_store_open_log(name, by_time, &failure, &self.core)
        self.begin(status, &failure, adapter)

    def prune(self, temp_file_name=None):
        """Writes the file anew without what is discarded, through `temp_file_name` (the file's name
        and `.tmp`). A crash leaves the old file or the new one. Waits for the disk; receiving waits
        meanwhile. Raises `StoreException`."""
        cdef amps_failure failure
        cdef amps_status status
        cdef const char *name = NULL
        self.check()
        if temp_file_name is not None:
            encoded = file_name(temp_file_name)
            name = encoded
        with nogil:
            status = amps_bookmark_store_prune(self.core, name, &failure)
        if status != AMPS_OK:
            raise store_error(status, f"pruning {self.path!r}", &failure)
        if self.adapter is not None:
            self.adapter.prune()


cdef class RingBookmarkStore(BookmarkStore):
    """A bookmark store whose file holds only where each subscription goes on; it stays small. After
    a restart what was discarded out of order is delivered again."""

    def __init__(self, filename):
        cdef amps_failure failure
        cdef amps_status status
        cdef const char *name
        if self.core is not NULL:
            raise _exceptions.UsageException("a store is initialised once")
        encoded = file_name(filename)
        name, self.path = encoded, filename
        with nogil:
            status = amps_bookmark_store_open_ring(name, &failure, &self.core)
        self.begin(status, &failure, None)


cdef class Text:
    """A text on its way into the core, kept alive."""

    cdef amps_slice slice
    cdef object kept


cdef Text text_of(object value):
    cdef Text text = Text.__new__(Text)
    text.kept = borrow_text(value, &text.slice)
    return text


cdef tuple place_of(object message):
    """Subscription and bookmark of a message, as bytes; None for what it has not."""
    if not isinstance(message, Message):
        raise TypeError(f"a Message is wanted, not {type(message).__name__}")
    return sub_id_of(<Message>message), (<Message>message).raw(AMPS_FIELD_BOOKMARK)


cdef object sub_id_of(Message message):
    return message.raw(AMPS_FIELD_SUB_ID) or message.raw(AMPS_FIELD_SUB_IDS)


cdef int check_bookmark_status(amps_status status, object sub_id) except -1:
    if status != AMPS_OK:
        doing = "the bookmark store" if sub_id is None \
            else f"noting a bookmark of subscription {_exceptions.shown(id_text(sub_id))!r}"
        raise store_error(status, doing, NULL)
    return 0


cdef object most_recent_of(amps_bookmark_sub *sub):
    """The list as a str."""
    cdef char at_first[MOST_RECENT_SIZE]
    cdef size_t size = amps_bookmark_most_recent(sub, at_first, MOST_RECENT_SIZE)
    cdef size_t room
    if size <= MOST_RECENT_SIZE:
        return PyUnicode_DecodeUTF8(at_first, size, "replace")
    while True:  # it may grow meanwhile
        room = size
        text = bytearray(room)
        size = amps_bookmark_most_recent(sub, <char *>text, room)
        if size <= room:
            return text[:size].decode("utf-8", "replace")
