# message_bytes.pxi: where the bytes of a message lie, and what was set over them.

cdef enum:
    SMALL_SIZE = 256          # bytes of a message that lie in the object itself
    BODY = AMPS_FIELD_COUNT   # the body's key among what was set


cdef Py_ssize_t _WEAK_REFERENCES_AT


@cython.no_gc  # it holds bytes and ints alone, and received messages are to stay cheap
cdef class MessageBytes:
    """What every message is below its headers.

    What came from the server lies in one of three places: in the core's memory while a handler runs
    (lent), in the object itself or on the heap. It is never changed in place, only replaced when
    nobody else holds the object. What a program sets lies apart, in `own`, and hides it.
    """

    cdef amps_message view
    cdef void *apart              # bytes that came from the core and are ours to free, or NULL
    cdef char *copied             # bytes of our own making, or NULL
    cdef size_t copied_size       # so many fit there
    cdef dict own                 # {field: bytes, or None for one taken away}; None: nothing set
    cdef object origin            # a weak reference on the client that received it, or None
    cdef bint is_acked            # by the program; looked at where it was reset before
    cdef Py_ssize_t exports       # memoryviews of our own bytes
    cdef char small[SMALL_SIZE]
    cdef object __weakref__

    def __cinit__(self):
        memset(&self.view, 0, sizeof(self.view))
        self.apart = NULL
        self.copied = NULL
        self.exports = 0

    def __dealloc__(self):
        self.forget()

    @cython.final
    cdef inline void forget(self) noexcept:
        if self.apart is not NULL:
            amps_block_free(self.apart)
            self.apart = NULL
        if self.copied is not NULL:
            free(self.copied)
            self.copied = NULL

    # ---- Taking what the server sent; nobody else may hold the object ------------------------

    @cython.final
    cdef inline void lend(self, const amps_message *message) noexcept:
        """Shows a borrowed message; nothing is left of the one before. When somebody holds the
        object as the loan ends, `keep` must be called."""
        if self.own is not None:
            self.own = None
        if not self.is_small():
            self.forget()
        self.view = message[0]

    @cython.final
    cdef inline int copy_view(self, const amps_message *message) except -1:
        """Makes this a copy of a borrowed message; nothing is left of the one before."""
        if self.own is not None:
            self.own = None
        if self.apart is not NULL:
            self.forget()
        return self.copy_bytes(message)

    @cython.final
    cdef inline void adopt(self, const amps_message *message, void *apart) noexcept:
        """Takes over a message together with the block of the core that it lies in."""
        self.lend(message)
        self.apart = apart

    @cython.final
    cdef inline int keep(self) except -1:
        """Gives a lent message bytes of its own; what was set stays. Without memory it raises, and
        the message is still lent."""
        cdef amps_message lent = self.view
        return self.copy_bytes(&lent) if self.is_lent() else 0

    @cython.final
    cdef inline bint is_small(self) noexcept:
        return self.apart is NULL and self.copied is NULL

    @cython.final
    cdef inline bint is_lent(self) noexcept:
        return self.is_small() and self.view.header.at is not NULL \
            and self.view.header.at != <const char *>self.small

    @cython.final
    cdef inline bint is_shared(self) noexcept:
        """Does anybody hold this object besides the one who asks?"""
        return self.is_held_elsewhere(1)

    @cython.final
    cdef inline bint is_held_elsewhere(self, Py_ssize_t ours) noexcept:
        """Does anybody hold this object, weakly or not, besides `ours` references? A memoryview
        does."""
        cdef void **weak_references = <void **>(<char *><void *>self + _WEAK_REFERENCES_AT)
        return Py_REFCNT(self) > ours or weak_references[0] is not NULL

    @cython.final
    cdef inline int copy_bytes(self, const amps_message *message) except -1:
        cdef size_t header = message.header.size
        cdef size_t record = message.record.size
        cdef size_t size = header + record + message.body.size
        cdef char *at = self.small
        if size > SMALL_SIZE:
            if self.copied is NULL or self.copied_size < size:  # else it is used again
                self.make_room(size)
            at = self.copied
        elif self.copied is not NULL:
            self.forget()
        if header > 0:
            memcpy(at, message.header.at, header)
        if record > 0:
            memcpy(at + header, message.record.at, record)
        if message.body.size > 0:
            memcpy(at + header + record, message.body.at, message.body.size)
        if message.sub_id.size > 0:
            self.view.sub_id.at = at + (message.sub_id.at - message.header.at)
        self.view.sub_id.size = message.sub_id.size
        self.view.bookmark_index = message.bookmark_index
        self.view.bookmark_tag, self.view.is_again = message.bookmark_tag, message.is_again
        self.view.bookmark_at, self.view.bookmark_size = message.bookmark_at, message.bookmark_size
        self.view.header = amps_slice(at, header)
        self.view.record = amps_slice(at + header, record)
        self.view.body = amps_slice(at + header + record, message.body.size)
        return 0

    cdef int make_room(self, size_t size) except -1:
        cdef char *copied = <char *>malloc(size)
        if copied is NULL:
            raise MemoryError(f"no memory for a message of {size} bytes")
        free(self.copied)
        self.copied, self.copied_size = copied, size
        return 0

    # ---- Fields --------------------------------------------------------------------------------

    @cython.final
    cdef object text(self, amps_field field):
        cdef amps_slice value
        cdef c_bool escaped = False
        if self.own is not None and <int>field in self.own:
            decoded = self.own[<int>field]
            return None if decoded is None else (<bytes>decoded).decode("utf-8", "replace")
        if amps_message_field(&self.view, field, &value, &escaped) != AMPS_OK:
            return None  # absent: what came from the server has been parsed once, or is empty
        if not escaped:
            return PyUnicode_DecodeUTF8(value.at, value.size, "replace")
        decoded = unescaped(value)
        return PyUnicode_DecodeUTF8(PyBytes_AS_STRING(decoded), PyBytes_GET_SIZE(decoded),
                                    "replace")

    cdef object raw(self, amps_field field):
        """A field as bytes, or None where there is none."""
        cdef amps_slice value
        cdef c_bool escaped = False
        if self.own is not None and <int>field in self.own:
            return self.own[<int>field]
        if amps_message_field(&self.view, field, &value, &escaped) != AMPS_OK:
            return None
        return unescaped(value) if escaped else PyBytes_FromStringAndSize(value.at, value.size)

    cdef object put(self, amps_field field, object value):
        value = field_bytes(field, value, True)
        if self.own is None:
            self.own = {}
        self.own[<int>field] = value
        return self

    cdef int put_body(self, object data) except -1:
        """Sets the body to bytes; the ones before stay where they are for who looks at them."""
        if self.own is None:
            self.own = {}
        self.own[<int>BODY] = data
        self.view.body = amps_slice(PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data))
        return 0

    cdef object own_body(self):
        """The body that was set, or None when it is the one received."""
        return None if self.own is None else self.own.get(<int>BODY)

    cdef object own_header(self):
        """The header as it would go over the wire, or None when it is the one received."""
        cdef amps_header header
        cdef size_t size = 0
        if self.own is None:
            return None
        header.present = 0
        kept = self.fill(&header)
        room = SMALL_SIZE
        while size == 0:
            room *= 2
            made = PyBytes_FromStringAndSize(NULL, room)
            size = amps_header_prepare(&header, PyBytes_AS_STRING(made), room)
        return made[:size]

    cdef dict fields(self):
        """All fields that there are: {field: bytes}."""
        cdef dict found = {}
        for field in FIELD_NAMES:
            value = self.raw(<amps_field><int>field)
            if value is not None:
                found[field] = value
        return found

    cdef object fill(self, amps_header *header):
        """Adds all fields that there are to a header; returns what must live as long as that."""
        cdef dict found = self.fields()
        for field, value in found.items():
            put_text(header, <amps_field><int>field, value)
        return found

    cdef Body body(self):
        """The body on its way out; it keeps the bytes in place, whatever becomes of the message."""
        cdef Body body = Body()
        body.borrow(self)
        return body

    cdef int empty(self) except -1:
        """Back to nothing at all. Bytes that somebody looks at are freed with the object."""
        memset(&self.view, 0, sizeof(self.view))
        self.own = None
        if self.exports == 0:
            self.forget()
        return 0

    cdef int become_copy_of(self, MessageBytes other) except -1:
        """For an object just made. A body that was set is shared: nothing can change it."""
        cdef amps_message view = other.view
        cdef object data = other.own_body()
        self.origin = other.origin
        if data is not None:
            view.body.size = 0
        self.copy_bytes(&view)
        if other.own is not None:
            self.own = other.own.copy()
        if data is not None:
            self.put_body(data)
        return 0

    # ---- memoryview() --------------------------------------------------------------------------

    def __getbuffer__(self, Py_buffer *buffer, int flags):
        cdef object holder = self.own_body()
        if flags & PyBUF_WRITABLE:
            raise BufferError("the body of a message cannot be written to: use set_data")
        if holder is None:
            self.keep()  # the core's memory does not wait for a memoryview
            self.exports += 1
            holder = self
        buffer.obj = holder
        buffer.buf = <void *>self.view.body.at
        if self.view.body.at is NULL:
            buffer.buf = self.small  # a buffer of no bytes lies somewhere, too
        buffer.len = self.view.body.size
        buffer.readonly = buffer.ndim = buffer.itemsize = 1
        buffer.format = NULL
        if flags & PyBUF_FORMAT:
            buffer.format = b"B"
        buffer.shape = &buffer.len if flags & PyBUF_ND else NULL
        buffer.strides = NULL
        if flags & PyBUF_STRIDES == PyBUF_STRIDES:
            buffer.strides = &buffer.itemsize
        buffer.suboffsets = NULL
        buffer.internal = NULL

    def __releasebuffer__(self, Py_buffer *buffer):
        self.exports -= 1


cdef object unescaped(amps_slice text):
    decoded = PyBytes_FromStringAndSize(NULL, text.size)
    return decoded[:amps_text_decode(text, PyBytes_AS_STRING(decoded))]


_WEAK_REFERENCES_AT = MessageBytes.__weakrefoffset__
