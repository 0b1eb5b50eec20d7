# fields.pxi: what the fields of a header are called, and what each may hold.

cdef enum:
    NUMBER_DIGITS_MAX = 20  # of a number of 64 bits

cdef object NUMBER_MAX = 0xFFFFFFFF                  # of a number field, but for the sequence
cdef object SEQUENCE_MAX = 0xFFFFFFFFFFFFFFFF        # also of an int that stands for text

# By field; what a program calls it, in errors and as the name of its getter.
cdef dict FIELD_NAMES = {
    AMPS_FIELD_COMMAND: "command", AMPS_FIELD_COMMAND_ID: "command_id",
    AMPS_FIELD_TOPIC: "topic", AMPS_FIELD_SUB_ID: "sub_id", AMPS_FIELD_QUERY_ID: "query_id",
    AMPS_FIELD_CLIENT_NAME: "client_name", AMPS_FIELD_MESSAGE_TYPE: "message_type",
    AMPS_FIELD_USER_ID: "user_id", AMPS_FIELD_PASSWORD: "password",
    AMPS_FIELD_SUB_IDS: "sub_ids", AMPS_FIELD_BOOKMARK: "bookmark",
    AMPS_FIELD_SEQUENCE: "sequence", AMPS_FIELD_BATCH_SIZE: "batch_size",
    AMPS_FIELD_FILTER: "filter", AMPS_FIELD_ORDER_BY: "order_by", AMPS_FIELD_TOP_N: "top_n",
    AMPS_FIELD_SOW_KEY: "sow_key", AMPS_FIELD_SOW_KEYS: "sow_keys",
    AMPS_FIELD_EXPIRATION: "expiration", AMPS_FIELD_CORRELATION_ID: "correlation_id",
    AMPS_FIELD_MESSAGE_SIZE: "message_size", AMPS_FIELD_TIMESTAMP: "timestamp",
    AMPS_FIELD_LEASE_PERIOD: "lease_period", AMPS_FIELD_ACK_TYPE: "ack_type",
    AMPS_FIELD_STATUS: "status", AMPS_FIELD_REASON: "reason", AMPS_FIELD_VERSION: "version",
    AMPS_FIELD_OPTIONS: "options", AMPS_FIELD_MATCHES: "matches",
    AMPS_FIELD_TOPIC_MATCHES: "topic_matches", AMPS_FIELD_RECORDS_RETURNED: "records_returned",
    AMPS_FIELD_RECORDS_INSERTED: "records_inserted",
    AMPS_FIELD_RECORDS_UPDATED: "records_updated", AMPS_FIELD_RECORDS_DELETED: "sow_deleted",
    AMPS_FIELD_GROUP_SEQUENCE: "group_seq_no", AMPS_FIELD_HEARTBEAT: "heartbeat",
    AMPS_FIELD_TIMEOUT_INTERVAL: "timeout_interval",
}

cdef dict FIELD_OF_NAME = {name: field for field, name in FIELD_NAMES.items()}

cdef set NUMBER_FIELDS = {
    AMPS_FIELD_SEQUENCE, AMPS_FIELD_BATCH_SIZE, AMPS_FIELD_TOP_N, AMPS_FIELD_EXPIRATION,
    AMPS_FIELD_MESSAGE_SIZE, AMPS_FIELD_MATCHES, AMPS_FIELD_TOPIC_MATCHES,
    AMPS_FIELD_RECORDS_RETURNED, AMPS_FIELD_RECORDS_INSERTED, AMPS_FIELD_RECORDS_UPDATED,
    AMPS_FIELD_RECORDS_DELETED, AMPS_FIELD_GROUP_SEQUENCE, AMPS_FIELD_TIMEOUT_INTERVAL,
}


cdef object field_bytes(amps_field field, object value, bint takes_int):
    """A value for a header field as bytes, or None for None. An int is its digits; in a field of
    text only where `takes_int`."""
    cdef object kind = type(value).__name__
    if field == AMPS_FIELD_OPTIONS and isinstance(value, _Options):
        value = str(value)
    if value is None:
        return None
    if field in NUMBER_FIELDS:
        return number_bytes(field, value)
    if isinstance(value, bool) or not isinstance(value, (str, bytes, int)) \
            or (isinstance(value, int) and not takes_int):
        wanted = "str, bytes, int" if takes_int else "str, bytes"
        raise TypeError(f"{FIELD_NAMES[field]} must be {wanted} or None, not {kind}")
    if isinstance(value, int):
        if not -SEQUENCE_MAX <= value <= SEQUENCE_MAX:
            raise ValueError(f"{FIELD_NAMES[field]} is an int of more than 64 bits")
        return b"%d" % value
    return text_bytes(FIELD_NAMES[field], value)


cdef object options_text(object value):
    """Options as a program gives them: text, a `Message.Options`; None and 0 mean none."""
    if isinstance(value, _Options):
        return str(value)
    return None if isinstance(value, int) and value == 0 else value


cdef object text_bytes(object name, object value):
    """str or bytes as plain bytes that may stand in a header."""
    cdef object encoded = None
    if isinstance(value, bytes):
        encoded = bytes(value)
    else:
        try:
            encoded = PyUnicode_AsUTF8String(value)
        except UnicodeEncodeError:
            encoded = None
    if encoded is None:  # not in the except clause: Python's own error would carry a password along
        raise ValueError(f"{name} holds half of a surrogate pair, which is no text")
    if b"\0" in encoded:
        raise ValueError(f"{name} holds a NUL character")
    return encoded


cdef object number_bytes(amps_field field, object value):
    """A number, or its digits, as plain digits; '' is no value at all."""
    cdef object most = SEQUENCE_MAX if field == AMPS_FIELD_SEQUENCE else NUMBER_MAX
    cdef object name = FIELD_NAMES[field]
    if isinstance(value, (str, bytes)):
        if not value:
            return None
        if not (value.isdigit() and value.isascii()):
            raise ValueError(f"{name} must be a number, not {_exceptions.shown(repr(value))}")
        if len(value) > NUMBER_DIGITS_MAX:
            raise ValueError(f"{name} must be from 0 to {most}, not of {len(value)} digits")
        value = int(value)
    elif not isinstance(value, int):
        raise TypeError(f"{name} must be an int or its digits, not {type(value).__name__}")
    if not 0 <= value <= most:
        raise ValueError(f"{name} must be from 0 to {most}")
    return b"%d" % value


# ---- Ack types, as bits ----------------------------------------------------------------------

cdef tuple ACK_NAMES = ("received", "parsed", "processed", "persisted", "completed", "stats")
cdef dict ACK_BITS = {}  # in the order in which a list of them is written


cdef unsigned int ack_bit(object name) except? 0:
    cdef amps_slice text
    cdef object kept = borrow_text(name, &text)
    return amps_ack_parse(text)


for _name in ACK_NAMES:
    ACK_BITS[_name] = ack_bit(_name)


cdef object ack_list(unsigned int mask):
    """The names of the ack types in a mask, comma-separated, in canonical order."""
    return ",".join([name for name, bit in ACK_BITS.items() if mask & <unsigned int>bit])


cdef unsigned int ack_mask(object value) except? 0xFFFFFFFF:
    """A mask from names (one, or a comma-separated list) or from a mask; None is none."""
    cdef unsigned int mask = 0
    if value is None:
        return 0
    if isinstance(value, int) and not isinstance(value, bool):
        if not 0 <= value < 1 << len(ACK_BITS):
            raise ValueError(f"ack types are a mask from 0 to {(1 << len(ACK_BITS)) - 1}")
        return value
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if not isinstance(value, str):
        raise TypeError(f"ack types must be names or a mask, not {type(value).__name__}")
    for name in value.split(","):
        name = name.strip()
        if name in ACK_BITS:
            mask |= <unsigned int>ACK_BITS[name]
        elif name not in ("", "none"):
            raise _exceptions.CommandException(
                f"unknown ack type {_exceptions.shown(name)!r}: there are {', '.join(ACK_BITS)}")
    return mask
