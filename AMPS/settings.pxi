# settings.pxi: what is set on a client and used by layers that are still to come: HTTP preflight
# headers, what TLS is asked about.

cdef enum:
    SHOWN_NAME_MAX = 32  # characters of a header's name in an error; its value is never shown

# What the name of an HTTP header may consist of, besides letters and digits.
cdef frozenset _TOKEN_MARKS = frozenset("!#$%&'*+-.^_`|~")


cdef class Settings(Raw):
    """A connection with what is only kept so far."""

    cdef list preflight            # lines, "Name: value"

    def __cinit__(self, *args, **kwargs):
        self.preflight = []

    # ---- HTTP preflight -------------------------------------------------------------------------

    def add_http_preflight_header(self, header):
        """Adds one line, `'Name: value'`, to the HTTP request that a connection through a proxy is
        to begin with. It is checked and kept; no transport of this version sends it. Raises
        `ValueError` for a line that is no header, without repeating its value: it may be secret."""
        name, colon, value = checked_text("header", header).partition(":")
        if not colon:
            raise ValueError("an HTTP header is written 'Name: value', and this line of "
                             f"{len(header)} characters has no colon")
        self.add_http_preflight_header_key_value(name, value)

    def add_http_preflight_header_key_value(self, key, value):
        """The same as `add_http_preflight_header`, in two parts."""
        name = checked_text("key", key)
        value = checked_text("value", value).strip(" \t")
        check_header_name(name)
        for number, character in enumerate(value):
            if character in "\r\n\0":
                raise ValueError(f"the value of HTTP header {name[:SHOWN_NAME_MAX]!r} holds "
                                 f"{character!r} at {number}: that would end it")
        self.preflight.append(f"{name}: {value}")

    def clear_http_preflight_headers(self):
        """Forgets all lines added."""
        self.preflight.clear()

    # ---- TLS ------------------------------------------------------------------------------------

    def get_ssl(self):
        """The TLS socket of a `tcps` connection; None, as for every other."""
        return None


cdef object checked_text(object what, object value):
    """One argument as a str."""
    if isinstance(value, bytes):
        try:
            return value.decode("utf-8")
        except UnicodeDecodeError as problem:
            raise ValueError(f"{what} of an HTTP header is no UTF-8 at {problem.start}") from None
    if not isinstance(value, str):
        raise TypeError(f"{what} must be str or bytes, not {type(value).__name__}")
    return str.__str__(value)


cdef int check_header_name(object name) except -1:
    if not name:
        raise ValueError("the name of an HTTP header is empty")
    for character in name:
        if not (character.isascii() and character.isalnum() or character in _TOKEN_MARKS):
            raise ValueError(f"HTTP header name {name[:SHOWN_NAME_MAX]!r} holds {character!r}, "
                             "which no name may")
    return 0
