# errors.pxi: status in, exception out. The one place where an outcome of the core becomes a raise.

# How long a wait goes on before it looks up: Ctrl-C and close are seen within this time.
cdef enum:
    SLICE_MS = 50

cdef inline double deadline_in(unsigned int timeout_ms):
    """The instant when a wait has lasted so long; 0: there is none."""
    return monotonic() + timeout_ms / 1000.0 if timeout_ms > 0 else 0.0


# How long a call may take in all: what the program said, and the instant when that is over.
ctypedef struct patience:
    unsigned int timeout_ms
    double deadline


cdef inline patience patience_of(unsigned int timeout_ms):
    return patience(timeout_ms, deadline_in(timeout_ms))


cdef inline unsigned int slice_before(double deadline):
    """For how many milliseconds to wait before looking up; 0: the deadline has come. Of the clock,
    not of the slices: taking the GIL back after each takes its time, too."""
    if deadline == 0.0:
        return SLICE_MS
    cdef double left = (deadline - monotonic()) * 1000.0
    if left <= 0.0:
        return 0
    return SLICE_MS if left >= SLICE_MS else <unsigned int>left + 1


cdef patience NO_LIMIT = patience_of(0)

cdef list _EXCEPTION_OF = [
    MemoryError if name == b"MemoryError" else getattr(_exceptions, name.decode(), None)
    for name in [amps_status_exception(<amps_status>number) for number in range(AMPS_STATUS_COUNT)]
]


cdef object status_error(amps_status status, object doing=None, object why=None):
    """The exception for an outcome; `doing` says what was tried, `why` knows more than the list."""
    cdef object text = why or amps_status_text(status).decode()
    return _EXCEPTION_OF[status](f"{doing}: {text}" if doing else text)


cdef int check_signals() except -1:
    """Lets Ctrl-C out of a wait: on the main thread KeyboardInterrupt is raised here."""
    return PyErr_CheckSignals()


cdef object failure_text(const amps_failure *failure):
    return (<const char *>failure.text).decode("utf-8", "replace")


cdef object failure_cause(const amps_failure *failure):
    """What the operating system said, as the exception Python has for it, or None."""
    if failure.error != 0:
        import os
        return OSError(failure.error, os.strerror(failure.error))
    if failure.resolver != 0:
        import socket
        return socket.gaierror(failure.resolver, failure_text(failure))
    return None


cdef object connect_error(object uri, const amps_failure *failure):
    """Why no connection came about. Where one address was tried its reason is enough."""
    cdef object text = failure_text(failure)
    if "; " not in text:
        text = text.rpartition(": ")[2]
    error = _EXCEPTION_OF[failure.status](f"cannot connect to {uri}: {text}")
    error.__cause__ = failure_cause(failure)
    return error


cdef object lost_error(object uri, const amps_failure *failure):
    """Why an established connection is gone, and what went with it."""
    cdef object text = failure_text(failure)
    if failure.unsent > 0:
        text += f"; {failure.unsent} publishes were not sent"
    kind = _EXCEPTION_OF[failure.status]
    if not issubclass(kind, _exceptions.AMPSException):
        kind = _exceptions.DisconnectedException
    error = kind(f"connection to {uri} lost: {text}")
    error.unsent = failure.unsent
    error.__cause__ = failure_cause(failure)
    return error
