# resubscribing.pxi: subscriptions that outlive their connection, and are placed on the next.

cdef class Resubscribing(Client):
    """A client that can place its subscriptions again."""

    cdef Records records
    cdef object failed_resubscribe
    cdef unsigned int resubscription_ms
    cdef unsigned long long round   # counts attempts, each with a connection of its own
    cdef bint recovering, ready     # a thread is at it; all is as it should be
    cdef bint has_come_up           # connect_and_logon() was called since the last end
    cdef bint given_up              # no further attempts: closed, or nobody to connect to
    cdef object recovering_thread

    cdef int tell_news(self) except -1:
        with self.news:
            self.news.notify_all()
        return 0

    cdef int await_news(self, double deadline) except -1:
        """Waits for a change, but at most for a moment."""
        check_signals()
        with self.news:
            self.news.wait(slice_before(deadline) / 1000)
        check_signals()
        return 0

    cdef int check_going_on(self, object closings) except -1:
        """The program may have closed the client meanwhile."""
        check_signals()
        if self.closings != closings:
            raise _exceptions.DisconnectedException(
                "closed by this program while it was connecting")
        return 0

    cdef bint is_recovering_thread(self) noexcept:
        return self.recovering and self.recovering_thread == PyThread_get_thread_ident()

    # ---- Subscriptions --------------------------------------------------------------------------

    cdef int end_streams(self) except -1:
        """A stream ends with its connection for good; what it was for is not placed again."""
        if self.records is not None:
            for record in self.records.in_order():
                if (<Record>record).routing.has_stream():
                    self.records.drop(record)
        return 0

    cdef int forget_records(self) except -1:
        if self.records is not None:
            self.records.drop_all()
        return 0

    cdef int forget_finished(self) except -1:
        """A range that has come to its end has no route any more."""
        if self.records is not None:
            for record in self.records.in_order():
                routing = (<Record>record).routing
                if (<Routing>routing).is_range and (<Routing>routing).is_placed \
                        and not has_route(self, AMPS_ID_OF_COMMAND, (<Record>record).command_id):
                    self.records.drop(record)
        return 0

    cdef int unplace(self) except -1:
        """The routes go, the records stay."""
        self.forget_finished()
        if self.records is not None:
            for record in self.records.in_order():
                (<Record>record).routing.is_placed = False
        return 0

    cdef bint is_coming_back(self) noexcept:
        return self.recovering

    cdef object end_routes(self, amps_status why):
        """A connection is gone: what lasts stays."""
        self.ready = False
        self.forget_finished()
        if self.disconnect_handler is not None or not self.has_come_up:
            return Client.forget_routes(self, why)
        return self.lose_routes(AMPS_DISCONNECTED)

    cdef int prepare_record(self, Command command, Routing routing,
                            unsigned int ack_types) except -1:
        cdef Record record = Record.__new__(Record)
        record.sub_id, record.command_id = routing.sub_id, routing.command_id
        record.query_id, record.verb = routing.query_id, command.verb
        record.own, record.data = dict(command.own), command.data
        record.ack_types, record.routing = ack_types, routing
        record.start = command.own.get(<int>AMPS_FIELD_BOOKMARK)
        options = command.own.get(<int>AMPS_FIELD_OPTIONS)
        record.is_paused = has_option(options, b"pause")
        record.options = options_without(options, (b"replace", b"pause", b"resume"))
        routing.record, routing.lasts = record, True
        return 0

    cdef int note_asked(self, Routing routing) except -1:
        if routing.record is not None:
            self.records.add(routing.record)
        return 0

    cdef int note_answered(self, Routing routing) except -1:
        if routing.record is not None:
            self.records.accept(routing.record)
            routing.record.placed_in = self.round
        return 0

    cdef int note_refused(self, Routing routing) except -1:
        if routing.record is not None:
            self.records.refuse(routing.record)
            routing.lasts = False
        return 0

    cdef int withdraw(self, Routing routing) except -1:
        self.note_refused(routing)
        return Client.withdraw(self, routing)

    cdef int forget_record(self, amps_id_kind kind, object id) except -1:
        cdef Record record
        if self.records is not None:
            record = self.records.with_id(kind, id)
            if record is not None and kind == AMPS_ID_OF_COMMAND and not record.is_accepted:
                self.records.refuse(record)
            elif record is not None:
                self.records.drop(record)
            elif kind == AMPS_ID_OF_COMMAND:
                self.records.drop_older(id)
        return 0

    cdef bint outlasts(self, Routing routing) except -1:
        """Was it cut off by a loss, of which the client comes back?"""
        return routing.record is not None and self.has_come_up and not self.given_up \
            and self.disconnect_handler is None and not self.is_recovering_thread() \
            and not amps_client_in_handler(self.core) and self.records.has(routing.record)

    cdef Message await_placement(self, Routing routing, object verb, patience limit,
                                 object problem):
        """Until the recovery has placed it; a subscription is not asked for twice."""
        cdef Record record = routing.record
        closings = self.closings
        if not self.outlasts(routing):
            raise problem
        try:
            while not (self.ready and record.placed_in == self.round):
                if record.error is not None:
                    raise record.error
                if self.closings != closings or self.given_up or not self.records.has(record):
                    raise problem
                if slice_before(limit.deadline) == 0:
                    raise self.late(verb, limit.timeout_ms)
                self.await_news(limit.deadline)
        except BaseException:
            self.withdraw(routing)
            raise
        return record.ack

    cdef int place_all(self, object closings) except -1:
        """Places all subscriptions, one after the other, in their order."""
        for record in self.records.in_order():
            self.check_going_on(closings)
            routing = (<Record>record).routing
            if (<Routing>routing).has_stream() and (<Routing>routing).stream_now() is None:
                self.records.drop(record)  # nobody would take what comes
            elif self.records.has(record):  # else it was unsubscribed meanwhile
                self.place(record)
        for group in self.records.groups():
            self.check_going_on(closings)
            self.resume_group(group)
        return 0

    cdef int place(self, Record record) except -1:
        try:
            self.place_once(record)
        except _exceptions.DisconnectedException:
            raise
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as problem:
            if amps_client_state(self.core) != AMPS_OK:
                raise
            self.report(problem)
            if not self.drops(record, problem):
                raise
            self.drop_record(record, problem)
        return 0

    cdef int place_once(self, Record record) except -1:
        cdef amps_header header
        cdef Body body = Body()
        cdef Routing routing = record.routing
        header.present = 0
        group = record.group if record.group is not None and len(record.group) > 1 else None
        options = record.options
        if record.is_paused or group is not None:
            options = b"pause" if options is None else options + b",pause"
        kept = list(record.own.items())
        for field, value in kept:
            set_field(&header, <amps_field><int>field,
                      amps_slice(PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value)))
        header.present &= ~(<uint64_t>1 << AMPS_FIELD_OPTIONS)
        if record.start is not None:
            start = self.common_point(group) if group is not None \
                else self.point_of_return(routing, record.start)
            put_id(&header, AMPS_FIELD_BOOKMARK, start)
        put_id(&header, AMPS_FIELD_OPTIONS, options)
        put_id(&header, AMPS_FIELD_SUB_ID, record.sub_id)
        put_id(&header, AMPS_FIELD_QUERY_ID, record.query_id)
        body.borrow(record.data)
        if not has_route(self, AMPS_ID_OF_COMMAND, record.command_id):
            routing.place(self)  # of a client that was disconnected by the program
        record.ack = self.ask_placed(&header, body.bytes, record)
        self.records.accept(record)
        record.placed_in = self.round
        return 0

    cdef Message ask_placed(self, amps_header *header, amps_slice body, Record record):
        """The same command once more, whose route is there already."""
        cdef amps_waiter *waiter
        cdef Message ack
        kept = (put_text(header, AMPS_FIELD_COMMAND, record.verb),
                put_text(header, AMPS_FIELD_COMMAND_ID, record.command_id),
                put_text(header, AMPS_FIELD_ACK_TYPE, ack_list(record.ack_types)))
        waiter = amps_client_begin_wait(self.core, header.value[<int>AMPS_FIELD_COMMAND_ID],
                                        AMPS_ACK_PROCESSED, False)
        try:
            if waiter is NULL:
                raise MemoryError(f"no memory to wait for the ack of {record.verb}")
            self.send_header(header, body)
            ack = self.await_ack(waiter, record.verb, patience_of(self.resubscription_ms))
        finally:
            if waiter is not NULL:
                amps_client_end_wait(self.core, waiter)
        if ack.get_status() != "success":
            raise _exception_for(ack.get_reason(), record.verb, message=ack, offending={
                FIELD_NAMES[field]: value.decode("utf-8", "replace")
                for field, value in record.own.items()})
        record.routing.accepted(self)
        return ack

    cdef bint drops(self, Record record, object problem) except -1:
        """The program decides what becomes of a subscription that cannot be placed again."""
        if record.older is not None:
            return True  # what it was to replace stands
        if self.failed_resubscribe is None:
            return False
        try:
            return bool(self.failed_resubscribe(record.as_message(),
                                                record.routing.ack_types, problem))
        except BaseException as another:
            self.report(another)
            return False

    cdef int drop_record(self, Record record, object problem) except -1:
        cdef amps_sink sink
        cdef Record older = record.older
        cdef MessageStream stream = record.routing.stream_now()
        record.error = problem
        self.records.refuse(record)
        if stream is not None:
            stream.problem = problem
        record.routing.lasts = False
        remove_route(self, AMPS_ID_OF_COMMAND, record.command_id, &sink)
        if older is not None:
            self.place(older)
        self.tell_news()
        return 0

    # ---- Pausing and resuming -------------------------------------------------------------------

    cdef bint is_pausing(self, Command command) except -1:
        """Options pause and resume on subscriptions that are there make no new route."""
        options = command.own.get(<int>AMPS_FIELD_OPTIONS)
        if not has_option(options, b"pause") and not has_option(options, b"resume"):
            return False
        return any(id in self.records.by_sub_id for id in ids_of(command))

    cdef object pause_or_resume(self, Command command, patience limit, bint wants_stream):
        cdef amps_header header
        cdef Body body = command.body()
        cdef bint resumes = has_option(command.own.get(<int>AMPS_FIELD_OPTIONS), b"resume")
        ids = ids_of(command)
        header.present = 0
        kept = command.fill(&header)
        command_id = command.own.get(<int>AMPS_FIELD_COMMAND_ID) or self.next_id()
        self.ask(&header, body.bytes, command.verb, command_id,
                 command.ack_types | AMPS_ACK_PROCESSED, AMPS_ACK_PROCESSED, limit,
                 lambda: values_of(command))
        if resumes:
            self.records.resume(ids)
        else:
            self.records.pause(ids)
        if wants_stream:
            return ended_stream(self)
        return id_text(command.own[<int>AMPS_FIELD_SUB_ID])

    cdef object common_point(self, object group):
        """One list of bookmarks for all of a group, so that the server can replay them as one."""
        cdef BookmarkStore store
        cdef amps_bookmark_sub **subs
        cdef size_t count = 0, size, room
        ids = [id for id in group if id in self.records.by_sub_id]
        if not isinstance(self.bookmarks, BookmarkStore):
            return self.joined_points([self.records.by_sub_id[id] for id in ids])
        store = self.bookmarks
        subs = <amps_bookmark_sub **>malloc(len(ids) * sizeof(amps_bookmark_sub *))
        if subs is NULL:
            raise MemoryError("no memory for a group of subscriptions")
        try:
            for id in ids:
                subs[count] = store.sub(id)
                count += 1
            room, size = 0, 1
            text = bytearray()
            while size > room:
                room = max(size, MOST_RECENT_SIZE)
                text = bytearray(room)
                size = amps_bookmark_common(subs, count, <char *>text, room)
        finally:
            free(subs)
        return bytes(text[:size]) or EPOCH

    cdef object joined_points(self, list records):
        """The server begins at the earliest of a list."""
        points = []
        for record in records:
            point = self.point_of_return((<Record>record).routing, (<Record>record).start)
            if point == EPOCH:
                return EPOCH
            if point not in points:
                points.append(point)
        return b",".join(points)

    cdef int resume_group(self, object group) except -1:
        cdef amps_header header
        ids = b",".join(id for id in sorted(group) if id in self.records.by_sub_id)
        header.present = 0
        put_id(&header, AMPS_FIELD_SUB_ID, ids)
        options = b"resume"
        put_id(&header, AMPS_FIELD_OPTIONS, options)
        self.ask(&header, NO_BODY, "subscribe", self.next_id(), AMPS_ACK_PROCESSED,
                 AMPS_ACK_PROCESSED, patience_of(self.resubscription_ms), {"sub_id": ids.decode()})
        return 0


cdef list ids_of(Command command):
    """The subscription ids that a command names, as bytes."""
    return [id.strip() for id in command.own.get(<int>AMPS_FIELD_SUB_ID, b"").split(b",")
            if id.strip()]
