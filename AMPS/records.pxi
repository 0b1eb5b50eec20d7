# records.pxi: what is kept of subscriptions, to place them again on the next connection.

cdef class Record:
    """One subscription of a client that comes back by itself."""

    cdef object sub_id, command_id, query_id, verb  # ids as bytes
    cdef dict own                 # the fields of its command: {field: bytes}
    cdef object data
    cdef unsigned int ack_types   # all that the server is asked for
    cdef Routing routing
    cdef object start             # the bookmark the program gave, or None
    cdef object options           # without replace, pause and resume
    cdef bint is_paused
    cdef object group             # the ids that are to be resumed together, or None
    cdef Record older             # what it is to replace, until the server has accepted it
    cdef bint is_accepted
    cdef object error             # why it could not be placed again
    cdef unsigned long long placed_in  # the attempt in which it was placed last
    cdef Message ack              # the server's word when it was placed last

    cdef Message as_message(self):
        """What is sent to place it, for who is asked about a failure."""
        cdef Message message = Message.__new__(Message)
        message.own = dict(self.own)
        message.put(AMPS_FIELD_COMMAND, self.verb)
        message.put(AMPS_FIELD_SUB_ID, self.sub_id)
        message.put(AMPS_FIELD_COMMAND_ID, self.command_id)
        return message


cdef class Records:
    """The subscriptions of one client in the order in which they were placed first."""

    cdef dict by_sub_id

    def __cinit__(self):
        self.by_sub_id = {}

    cdef int add(self, Record record) except -1:
        """In the place of the one it replaces, else at the end. What is paused stays so."""
        record.older = self.by_sub_id.get(record.sub_id)
        if record.older is not None and record.start is not None:
            record.is_paused = record.is_paused or record.older.is_paused
            record.group = record.older.group
        self.by_sub_id[record.sub_id] = record
        return 0

    cdef int accept(self, Record record) except -1:
        record.is_accepted = True
        record.older = None
        return 0

    cdef int refuse(self, Record record) except -1:
        """It did not come about: what it was to replace stands."""
        if self.by_sub_id.get(record.sub_id) is record:
            if record.older is not None:
                self.by_sub_id[record.sub_id] = record.older
                record.routing.record = None
            else:
                self.drop(record)
        return 0

    cdef int drop(self, Record record) except -1:
        if self.by_sub_id.get(record.sub_id) is record:
            del self.by_sub_id[record.sub_id]
            self.leave_group(record)
            record.routing.record = None  # each held the other, and so the bookmark store
        return 0

    cdef int drop_all(self) except -1:
        for record in self.in_order():
            self.drop(record)
        return 0

    cdef int leave_group(self, Record record) except -1:
        if record.group is not None:
            record.group.discard(record.sub_id)
            record.group = None
        return 0

    cdef Record with_id(self, amps_id_kind kind, object id):
        """The record that has this id."""
        if kind == AMPS_ID_OF_SUBSCRIPTION and id in self.by_sub_id:
            return self.by_sub_id[id]
        for record in self.by_sub_id.values():
            if (<Record>record).command_id == id or (<Record>record).query_id == id:
                return record
        return None

    cdef int drop_older(self, object command_id) except -1:
        """One that is about to be replaced has ended by itself: it cannot come back."""
        for record in self.by_sub_id.values():
            older = (<Record>record).older
            if older is not None and (<Record>older).command_id == command_id:
                (<Record>record).older = None
        return 0

    cdef bint has(self, Record record) noexcept:
        return self.by_sub_id.get(record.sub_id) is record

    cdef list in_order(self):
        return list(self.by_sub_id.values())

    cdef list groups(self):
        """The sets of ids that are resumed together, each once."""
        found = []
        for record in self.by_sub_id.values():
            group = (<Record>record).group
            if group is not None and len(group) > 1 and group not in found:
                found.append(group)
        return found

    cdef int pause(self, object ids) except -1:
        for id in ids:
            record = self.by_sub_id.get(id)
            if record is not None:
                self.leave_group(record)
                (<Record>record).is_paused = True
        return 0

    cdef int resume(self, object ids) except -1:
        group = {id for id in ids if id in self.by_sub_id}
        for id in group:
            record = <Record>self.by_sub_id[id]
            self.leave_group(record)
            record.is_paused = False
            record.group = group
        return 0


cdef object options_without(object options, tuple names):
    """Options, as bytes, without these; commas inside brackets belong to a value."""
    kept, depth, start = [], 0, 0
    if options is None:
        return None
    for at, byte in enumerate(options + b","):
        depth += (byte == b"["[0]) - (byte == b"]"[0])
        if byte == b","[0] and depth <= 0:
            if options[start:at].strip() and options[start:at].strip() not in names:
                kept.append(options[start:at].strip())
            start = at + 1
    return b",".join(kept) or None
