# shutdown.pxi: the interpreter ends before its clients do.
#
# A receive thread that asks for the GIL of an interpreter that is going away never gets it. So
# every client is closed at exit, and the exit waits for their threads, with the GIL let go.

cdef enum:
    EXIT_WAIT_MS = 5000  # a handler that has not returned by then is left behind

cdef dict _clients = {}  # id of a client to a weak reference on it
cdef bint _watching = False


cdef int watch_exit(Connection client) except -1:
    global _watching
    if not _watching:
        import atexit
        atexit.register(_close_all)
        _watching = True
    key = id(client)
    _clients[key] = _weak(client, lambda gone: _clients.pop(key, None))
    return 0


def _close_all():
    """Closes what is open and waits for the threads to leave."""
    cdef Connection client
    cdef size_t waited = 0
    for weak in list(_clients.values()):
        client = weak()
        if client is not None and not amps_client_is_inherited(client.core):
            client.abort_dial = True
            client.note_closing()
            amps_client_close(client.core)
    client = None
    with nogil:
        waited = amps_threads_wait(EXIT_WAIT_MS)
    return waited
