# publish_stores.pxi: the publish stores that a program makes; the core keeps what is in them.

cdef enum:
    BLOCKS_PER_REALLOC = 10000
    BLOCK_SIZE = 2048
    REPLAY_BUFFER_SIZE = 4096   # at first; it grows to the largest message
    ASK_AGAIN_MS = 1000         # a resize handler that said no is asked again so often


cdef class Store:
    """What the publish stores of this module have in common.

    A store gives each message a number and keeps it until the server reports it persisted. Any
    thread may use it, also while a client publishes through it; one client uses one store. Messages
    and numbers survive as its subclass says. What cannot be kept raises `StoreException`, and then
    nothing was.
    """

    cdef amps_publish_store *core
    cdef object path             # None: in memory
    cdef object resize_handler
    cdef bint error_on_gap, truncates
    cdef bint syncs  # keeping always waits for the disk; else the core says where it would wait
    cdef uint64_t found          # the highest number when it was made: those above are of this run
    cdef Connection user         # the client whose publish it keeps, if through Python
    cdef bint has_followed       # a client has logged on with it
    cdef object __weakref__

    def __cinit__(self, *args, **kwargs):
        self.core = NULL

    def __init__(self):
        raise TypeError("make a MemoryPublishStore, a PublishStore or a HybridPublishStore")

    def __dealloc__(self):
        if self.core is not NULL:
            with nogil:
                amps_publish_store_drop(self.core)

    def __repr__(self):
        where = "in memory" if self.path is None else f"in {self.path!r}"
        count = 0 if self.core is NULL else amps_publish_store_count(self.core)
        return f"<{type(self).__name__} {where}, {count} unpersisted>"

    cdef int make(self, amps_publish_store_options *options, object path, object hybrid,
                  object blocks, object block_size, object error_on_gap) except -1:
        """Checks the arguments and opens; `hybrid` is the memory's bytes or None."""
        cdef amps_failure failure
        cdef amps_status status
        cdef const char *name
        if self.core is not NULL:
            raise _exceptions.UsageException("a store is initialised once")
        options.block_size = store_number("blockSize", block_size, AMPS_STORE_BLOCK_SIZE_MIN,
                                          AMPS_STORE_BLOCK_SIZE_MAX)
        options.blocks_per_growth = store_number("blocksPerRealloc", blocks, 1, 1 << 40)
        if options.blocks_per_growth > (<size_t>1 << 46) // options.block_size:
            raise _exceptions.UsageException(
                f"blocksPerRealloc {blocks} x blockSize {block_size} bytes is more than any "
                "machine has")
        self.error_on_gap = bool(error_on_gap)
        memset(&failure, 0, sizeof(failure))
        if path is None:
            status = amps_publish_store_new(options, &self.core)
        else:
            encoded = file_name(path)
            name, self.path = encoded, path
            if hybrid is not None:
                options.memory_max = store_number("maxMemoryCapacity", hybrid, 1, 1 << 60)
            with nogil:
                if options.memory_max > 0:
                    status = amps_publish_store_open_hybrid(name, options, &failure, &self.core)
                else:
                    status = amps_publish_store_open(name, options, &failure, &self.core)
        if status != AMPS_OK:
            self.core = NULL
            raise store_error(status, "making a store" if path is None else f"opening {path!r}",
                              &failure)
        self.found = amps_publish_store_last_assigned(self.core)
        return 0

    cdef int check(self) except -1:
        if self.core is NULL:
            raise _exceptions.UsageException("this store's __init__ has not been called")
        return 0

    def store(self, message):
        """Gives a `Message` the next number, keeps it and returns that number. May wait for the
        disk, and for a resize handler that said no. Raises `StoreException`."""
        cdef amps_header header
        cdef amps_failure failure
        cdef Body body
        cdef amps_status status = AMPS_AGAIN
        cdef uint64_t sequence = 0
        cdef amps_slice frame
        self.check()
        if not isinstance(message, Message):
            raise TypeError(f"a Message is stored, not {type(message).__name__}")
        while status == AMPS_AGAIN:
            header.present = 0
            kept = (<Message>message).fill(&header)
            body = (<Message>message).body()
            sequence = amps_publish_store_next(self.core)
            number = put_number(&header, AMPS_FIELD_SEQUENCE, sequence, <uint64_t>-1)
            room = bytearray(amps_frame_size_max(&header, body.bytes))
            frame = amps_slice(<char *>room, 0)
            frame.size = amps_frame_write(&header, body.bytes, <char *>room)
            with nogil:
                status = amps_publish_store_add(self.core, sequence, frame, &failure)
            if status == AMPS_STORE_FULL:
                self.make_room(self.user)
                status = AMPS_AGAIN
        if status != AMPS_OK:
            raise store_error(status, "storing a message", &failure)
        return sequence

    cdef bint may_grow(self) except -1:
        """It may not by itself: asks whoever minds."""
        cdef size_t wanted = amps_publish_store_wants(self.core)
        handler = self.resize_handler
        if handler is not None and not handler(self, wanted):
            return False
        amps_publish_store_allow(self.core, wanted)
        return True

    cdef int make_room(self, Connection client) except -1:
        """It may not grow by itself: asks, and waits until it may, something was discarded, or the
        client is closed. Inside a handler it does not wait."""
        cdef size_t wanted = amps_publish_store_wants(self.core)
        cdef amps_status status = AMPS_AGAIN
        cdef unsigned int waited = 0
        if self.may_grow():
            return 0
        if client is not None and amps_client_in_handler(client.core):
            raise _exceptions.StoreException(
                f"the publish store is full: its resize handler refused {wanted} bytes, and inside "
                "a handler nobody can wait for acks")
        closings = None if client is None else client.closings
        while status == AMPS_AGAIN and waited < ASK_AGAIN_MS:
            with nogil:
                status = amps_publish_store_wait_room(self.core, SLICE_MS)
            check_signals()
            waited += SLICE_MS
            if client is not None and client.closings != closings:
                raise _exceptions.DisconnectedException(
                    "publish: closed by this program while it waited for room in the publish store")
        return 0

    def discard_up_to(self, sequence):
        """Forgets the messages up to this number, as a persisted ack does. Below what is persisted
        already nothing happens, or `PublishStoreGapException` is raised, if so set."""
        cdef amps_failure failure
        cdef amps_status status
        cdef uint64_t number = store_number("sequence", sequence, 0, <uint64_t>-1)
        self.check()
        last = amps_publish_store_last_persisted(self.core)
        if 0 < number < last and self.error_on_gap:
            raise _exceptions.PublishStoreGapException(
                f"discarding up to {number}, but messages up to {last} are gone already")
        with nogil:
            status = amps_publish_store_discard_up_to(self.core, number, &failure)
        if status != AMPS_OK:
            raise store_error(status, f"discarding up to {number}", &failure)

    def replay(self, handler):
        """Calls `handler(message)` with each message kept, in the order of their numbers (see
        `Message.get_sequence`). What it raises ends the replay and is raised here."""
        cdef uint64_t after = 0
        self.check()
        message = self.read_after(&after)
        while message is not None:
            handler(message)
            message = self.read_after(&after)

    def replay_single(self, handler, sequence):
        """Calls `handler(message)` with the message of this number; False: it is not kept."""
        cdef uint64_t number = store_number("sequence", sequence, 0, <uint64_t>-1)
        self.check()
        message = self.read(number)
        if message is None:
            return False
        handler(message)
        return True

    cdef Message read(self, uint64_t sequence):
        """The message of this number, or None."""
        cdef uint64_t found
        if sequence == 0:
            return None
        found = sequence - 1
        message = self.read_after(&found)
        return message if message is not None and found == sequence else None

    cdef Message read_after(self, uint64_t *sequence):
        """The first message above *sequence, which is its number then; or None."""
        cdef amps_message view
        cdef amps_status status = AMPS_AGAIN
        cdef size_t size = REPLAY_BUFFER_SIZE
        cdef uint64_t after = sequence[0]
        cdef char *at
        while True:
            room = bytearray(size)
            at = room
            with nogil:
                status = amps_publish_store_read_after(self.core, after, at, size, sequence, &size)
            if status != AMPS_TOO_LARGE:
                break
        if status == AMPS_END:
            return None
        if status == AMPS_OK:
            status = amps_frame_view(amps_slice(at, size), &view)
        if status != AMPS_OK:
            raise store_error(status, "reading a message", NULL)
        message = <Message>Message.__new__(Message)
        message.copy_view(&view)
        return message

    def get_unpersisted_count(self):
        """How many messages are kept."""
        self.check()
        return amps_publish_store_count(self.core)

    def get_lowest_unpersisted(self):
        """The lowest number kept, 0 when nothing is."""
        self.check()
        return amps_publish_store_lowest(self.core)

    def get_last_persisted(self):
        """The number up to which messages were discarded, 0 before the first time."""
        self.check()
        return amps_publish_store_last_persisted(self.core)

    def set_resize_handler(self, handler):
        """Sets `handler(store, size)`, asked on the storing thread before the store grows to `size`
        bytes. When it says False the storing call waits, asks again when something was discarded or
        a second has passed; inside a message handler it raises `StoreException`. None: the store
        grows without asking."""
        self.check()
        self.resize_handler = checked_callable(handler, "handler")
        amps_publish_store_set_asks(self.core, handler is not None)

    def set_error_on_publish_gap(self, error_on_publish_gap):
        """Sets whether a logon fails, with `PublishStoreGapException`, when the server lacks
        messages that this store has discarded already."""
        self.error_on_gap = bool(error_on_publish_gap)

    def get_error_on_publish_gap(self):
        """Whether such a logon fails; at first it does not."""
        return bool(self.error_on_gap)


cdef class MemoryPublishStore(Store):
    """A publish store in memory: it survives the loss of any server, not the end of the process.

    Growth is asked for (see `set_resize_handler`) in units of `blocksPerRealloc` times `blockSize`
    bytes. With `errorOnPublishGap` a logon fails at a server that lacks what was discarded.

    >>> store = AMPS.MemoryPublishStore()
    >>> store.get_unpersisted_count()
    0
    """

    def __init__(self, blocksPerRealloc=BLOCKS_PER_REALLOC, errorOnPublishGap=False,
                 blockSize=BLOCK_SIZE):
        cdef amps_publish_store_options options
        memset(&options, 0, sizeof(options))
        self.make(&options, None, None, blocksPerRealloc, blockSize, errorOnPublishGap)


cdef class PublishStore(Store):
    """A publish store in a file: what `publish` has returned for survives the end of the process,
    however sudden, and is sent by the next one.

    One process at a time has the file; a second one gets `StoreException`, as for a file that is
    damaged or no store, which stays untouched. It is written without waiting for the disk, so the
    last messages may be lost when the machine fails; with `sync_on_store` each waits for the disk.
    The client name belongs to the file: keep it the same.
    """

    def __init__(self, filename, errorOnPublishGap=False, blocksPerRealloc=BLOCKS_PER_REALLOC,
                 blockSize=BLOCK_SIZE, *, sync_on_store=False):
        cdef amps_publish_store_options options
        memset(&options, 0, sizeof(options))
        options.sync_on_store = self.syncs = bool(sync_on_store)
        self.make(&options, filename, None, blocksPerRealloc, blockSize, errorOnPublishGap)

    def truncate_on_close(self, truncate=True):
        """Sets whether an empty store's file shrinks to its first size on close; it does not."""
        self.truncates = bool(truncate)

    def sync(self):
        """Waits until the disk has all. Raises `StoreException`."""
        cdef amps_failure failure
        cdef amps_status status
        self.check()
        with nogil:
            status = amps_publish_store_sync(self.core, &failure)
        if status != AMPS_OK:
            raise store_error(status, f"writing {self.path!r} to the disk", &failure)

    def close(self):
        """Writes all to the disk and gives the file back; a hybrid store first moves what is in
        memory to it. Later calls raise `StoreException`. Idempotent. Raises `StoreException`."""
        close_store(self)


cdef class HybridPublishStore(PublishStore):
    """A publish store in memory that moves its oldest messages to a file when there are more than
    `maxMemoryCapacity` bytes of them. What is in the file survives the end of the process, and
    after `close` all is."""

    def __init__(self, filename, maxMemoryCapacity, errorOnPublishGap=False,
                 blockSize=BLOCK_SIZE):
        cdef amps_publish_store_options options
        memset(&options, 0, sizeof(options))
        self.make(&options, filename, maxMemoryCapacity, BLOCKS_PER_REALLOC, blockSize,
                  errorOnPublishGap)


cdef int close_store(Store store) except -1:
    cdef amps_failure failure
    cdef amps_status status
    cdef bint truncates = store.truncates
    store.check()
    with nogil:
        status = amps_publish_store_close(store.core, truncates, &failure)
    if status != AMPS_OK:
        raise store_error(status, f"closing {store.path!r}", &failure)
    return 0


cdef uint64_t store_number(object name, object value, uint64_t least, uint64_t most) except? 0:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{name} must be an int, not {type(value).__name__}")
    if not least <= value <= most:
        raise _exceptions.UsageException(f"{name} must be from {least} to {most}, not {value}")
    return value


cdef object file_name(object path):
    """A path as the system takes it."""
    import os
    encoded = os.fsencode(path)
    if not encoded or b"\0" in encoded:
        raise _exceptions.StoreException(f"{path!r} is no file name")
    return encoded


cdef object store_error(amps_status status, object doing, const amps_failure *failure):
    cdef object text = None
    if status == AMPS_STORE and failure is not NULL:
        text = failure_text(failure)
    elif status == AMPS_CLOSED:
        return _exceptions.StoreException(f"{doing}: the store is closed")
    elif status == AMPS_BAD_FRAME:
        return _exceptions.StoreException(f"{doing}: it is no message any more")
    error = status_error(status, doing, text or None)
    if text:
        error.__cause__ = failure_cause(failure)
    return error
