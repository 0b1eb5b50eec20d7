# text.pxi: Python's text and bytes in, slices out. Nothing is copied where the bytes can be
# borrowed.

cdef inline amps_slice literal(const char *text) noexcept nogil:
    return amps_slice(text, strlen(text))


cdef inline bint has_field(const amps_header *header, amps_field field) noexcept nogil:
    return (header.present & (<uint64_t>1 << field)) != 0


cdef inline void set_field(amps_header *header, amps_field field, amps_slice value) noexcept nogil:
    header.value[<int>field] = value
    header.present |= <uint64_t>1 << field


cdef inline object borrow_text(object value, amps_slice *out):
    """Points at the UTF-8 of a str or at the bytes themselves; returns what keeps them alive."""
    if type(value) is str and PyUnicode_IS_COMPACT_ASCII(value):
        out[0] = amps_slice(<const char *>PyUnicode_DATA(value), PyUnicode_GET_LENGTH(value))
        return value
    if isinstance(value, str):
        value = PyUnicode_AsUTF8String(value)
    elif not isinstance(value, bytes):
        raise TypeError(f"text must be str or bytes, not {type(value).__name__}")
    out[0] = amps_slice(PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value))
    return value


cdef inline object put_text(amps_header *header, amps_field field, object value):
    """Sets a header field from str or bytes; None and '' leave it out. Returns what to keep."""
    cdef amps_slice text
    if value is None:
        return None
    if not isinstance(value, (str, bytes)):
        raise TypeError(f"{FIELD_NAMES[field]} must be str or bytes, not {type(value).__name__}")
    try:
        value = borrow_text(value, &text)
    except UnicodeEncodeError:
        value = None
    if value is None:  # not in the except clause: Python's own error would carry a password along
        raise ValueError(f"{FIELD_NAMES[field]} holds half of a surrogate pair, which is no text")
    if text.size > 0:
        if memchr(text.at, 0, text.size) != NULL:
            raise ValueError(f"{FIELD_NAMES[field]} holds a NUL character")
        set_field(header, field, text)
    return value


cdef object put_number(amps_header *header, amps_field field, object value, uint64_t most):
    """Sets a header field from an int; None leaves it out. Returns what to keep."""
    if value is None:
        return None
    if not isinstance(value, int):
        raise TypeError(f"{FIELD_NAMES[field]} must be an int, not {type(value).__name__}")
    if not 0 <= value <= most:
        raise ValueError(f"{FIELD_NAMES[field]} must be from 0 to {most}, not {value}")
    return put_text(header, field, b"%d" % value)


cdef class Body:
    """A message body on its way out: keeps the caller's bytes alive and in place."""

    cdef amps_slice bytes
    cdef Py_buffer buffer
    cdef bint has_buffer
    cdef object kept

    def __dealloc__(self):
        if self.has_buffer:
            PyBuffer_Release(&self.buffer)

    cdef int borrow(self, object data) except -1:
        if data is None:
            self.bytes = amps_slice(b"", 0)
        elif isinstance(data, (str, bytes)):
            self.kept = borrow_text(data, &self.bytes)
        else:
            try:
                PyObject_GetBuffer(data, &self.buffer, PyBUF_SIMPLE)
                self.has_buffer = True
            except (TypeError, BufferError):
                raise TypeError("data must be str, bytes or another contiguous buffer, "
                                f"not {type(data).__name__}") from None
            self.bytes = amps_slice(<const char *>self.buffer.buf, self.buffer.len)
        return 0


def _bind_overload(object name, tuple names, tuple args, dict given):
    """Sorts the arguments of a method that takes an optional handler first.

    Returns (on_message or None, [value of each of `names`, None where not given]).
    """
    cdef object handler = given.pop("on_message", None)
    cdef list values = [None] * len(names)
    if handler is None and args and callable(args[0]) and not isinstance(args[0], (str, bytes)):
        handler, args = args[0], args[1:]
    elif handler is None and args and args[0] is None:
        args = args[1:]
    if handler is not None and args and callable(args[0]) \
            and not isinstance(args[0], (str, bytes)):
        raise TypeError(f"{name}() got two values for argument 'on_message'")
    if len(args) > len(names):
        raise TypeError(f"{name}() takes at most {len(names)} arguments after on_message, "
                        f"not {len(args)}")
    values[:len(args)] = args
    for key, value in given.items():
        if key not in names:
            raise TypeError(f"{name}() has no argument {key!r}; it takes on_message, "
                            + ", ".join(names))
        if names.index(key) < len(args):
            raise TypeError(f"{name}() got two values for argument {key!r}")
        values[names.index(key)] = value
    if handler is not None and not callable(handler):
        raise TypeError(f"{name}() wants on_message to be callable, "
                        f"not {type(handler).__name__}")
    return handler, values


cdef object _MISSING = object()  # no value was given, not even None


cdef object either(object published, object snake_case, object name):
    """The value of an argument that has two spellings, of which one must be given."""
    if published is _MISSING and snake_case is _MISSING:
        raise TypeError(f"missing argument: {name}")
    if published is not _MISSING and snake_case is not _MISSING:
        raise TypeError(f"{name} was given in both its spellings: give one of them")
    return published if snake_case is _MISSING else snake_case


cdef unsigned int milliseconds(object timeout, object name="timeout") except? 0xFFFFFFFF:
    """A timeout as the core takes it; None and 0 mean no limit."""
    if timeout is None:
        return 0
    if not isinstance(timeout, int):
        raise TypeError(f"{name} must be an int (milliseconds), not {type(timeout).__name__}")
    if timeout < 0:
        raise _exceptions.UsageException(f"{name} must not be negative, not {timeout}")
    if timeout > TIMEOUT_MAX_MS:
        raise ValueError(f"{name} must be at most {TIMEOUT_MAX_MS} milliseconds, not {timeout}")
    return timeout


cdef enum:
    TIMEOUT_MAX_MS = 0x7FFFFFFF
