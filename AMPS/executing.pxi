# executing.pxi: a Command out, and its answers to whom they belong.

cdef class Executing(Publishing):
    """A connection that commands are executed on."""

    def execute(self, command):
        """Sends a `Command`, waits until the server has accepted it, and returns a
        `MessageStream` of its results.

        The stream of a subscription goes on until it is closed; that of a query ends behind its
        last record, that of another command behind the last ack it asked for, at once when it asked
        for none. Waits at most the command's timeout; publishes, unsubscribe and heartbeat are not
        waited for. Raises by the server's reason when it refuses (`BadFilterException`,
        `InvalidTopicException`, ...), `CommandException` for an unknown verb,
        `SubidInUseException`, `TimedOutException`, `DisconnectedException`; then nothing is left of
        the command.
        """
        return self.run(checked_command(command), None, True)

    def execute_async(self, command, on_message):
        """Sends a `Command` and returns the id that `unsubscribe` takes; for a command without
        results that is its command id, `''` for a publish that asked for no ack.

        `on_message(message)` is called on the receive thread with each result and each ack asked
        for; with None nobody is. Waits and raises as `execute` does.
        """
        if on_message is not None and not isinstance(on_message, CMessageHandler) \
                and not callable(on_message):
            raise TypeError("on_message must be callable, a CMessageHandler or None, "
                            f"not {type(on_message).__name__}")
        return self.run(checked_command(command), on_message, False)

    cdef object run(self, Command command, object on_message, bint wants_stream):
        """Executes a command; returns a stream, or the id of what has begun."""
        cdef amps_header header
        cdef Body body
        cdef Routing routing
        cdef unsigned int ack_types
        cdef const amps_command_facts *facts = self.facts_of(command)
        cdef patience limit
        cdef uint64_t number = 0
        cdef object kept
        limit = patience_of(command.timeout_ms)
        waits = facts.acks_needed & AMPS_ACK_PROCESSED != 0
        if not (self.has_store() and facts.publishes):
            self.check_ready(command.verb, not waits, limit)
        if facts.subscribes and self.is_pausing(command):
            return self.pause_or_resume(command, limit, wants_stream)
        self.check_command(command, facts)
        header.present = 0
        kept = command.fill(&header)
        body = command.body()
        ack_types = self.acks_of(command, facts, on_message is not None or wants_stream)
        routing = self.routing_of(command, facts, on_message, wants_stream, ack_types)
        put_id(&header, AMPS_FIELD_SUB_ID, routing.sub_id)
        put_id(&header, AMPS_FIELD_QUERY_ID, routing.query_id)
        if facts.subscribes and <int>AMPS_FIELD_BOOKMARK in command.own:
            start = self.start_of(command, routing)
            put_text(&header, AMPS_FIELD_BOOKMARK, start)
        elif command.own.get(<int>AMPS_FIELD_BOOKMARK) == MOST_RECENT:
            put_text(&header, AMPS_FIELD_BOOKMARK, EPOCH)  # a query has no place to go on from
        command.last_sequence = int(command.own.get(<int>AMPS_FIELD_SEQUENCE, 0))
        if waits:
            if facts.subscribes:
                self.prepare_record(command, routing, ack_types)
            self.ask(&header, body.bytes, command.verb, routing.command_id, ack_types,
                     AMPS_ACK_PROCESSED, limit, lambda: values_of(command),
                     routing if is_placed(routing, facts) else None, True,
                     &number if self.keeps_deletes() and command.verb == "sow_delete" else NULL)
            command.last_sequence = number or command.last_sequence
        else:
            self.tell(&header, body.bytes, command, facts, routing, ack_types)
        if wants_stream:
            return routing.hand_over()
        return id_text(routing.sub_id or routing.query_id or routing.command_id or b"")

    cdef int tell(self, amps_header *header, amps_slice body, Command command,
                  const amps_command_facts *facts, Routing routing,
                  unsigned int ack_types) except -1:
        """Sends a command that is not waited for."""
        kept = put_text(header, AMPS_FIELD_ACK_TYPE, ack_list(ack_types))
        put_id(header, AMPS_FIELD_COMMAND_ID, routing.command_id)
        if is_placed(routing, facts):
            routing.place(self)
        try:
            if facts.publishes and self.has_store():
                command.last_sequence = self.keep_and_send(header, body, True)
            elif facts.publishes:
                self.push(header, body)
            else:
                self.send_command(header, body)
        except BaseException:
            routing.remove(self)
            raise
        return 0

    # Of the layers above: pausing and resuming, and what is kept to come back.

    cdef bint is_pausing(self, Command command) except -1:
        """Does it pause or resume subscriptions that are there?"""
        return False

    cdef object pause_or_resume(self, Command command, patience limit, bint wants_stream):
        return None

    cdef unsigned int acks_of_replay(self, Command command) except? 0xFFFFFFFF:
        return AMPS_ACK_PERSISTED

    cdef object start_of(self, Command command, Routing routing):
        """Where in the transaction log a subscription starts, as the server is told."""
        start = command.own[<int>AMPS_FIELD_BOOKMARK]
        return EPOCH if start == MOST_RECENT else start

    cdef int prepare_record(self, Command command, Routing routing,
                            unsigned int ack_types) except -1:
        """Of a subscription that may have to be placed again."""
        return 0

    cdef const amps_command_facts *facts_of(self, Command command) except NULL:
        cdef const amps_command_facts *facts = amps_command_facts_of(verb_of(command))
        if facts is NULL:
            why = "it has no verb" if not command.verb else {
                "logon": "'logon' is done by Client.logon()",
            }.get(command.verb, f"unknown command {_exceptions.shown(command.verb)!r}")
            raise _exceptions.CommandException(f"this command cannot be executed: {why}")
        return facts

    cdef int check_command(self, Command command, const amps_command_facts *facts) except -1:
        needs_topic = facts.publishes or facts.subscribes or facts.queries
        if needs_topic and <int>AMPS_FIELD_TOPIC not in command.own:
            raise _exceptions.InvalidTopicException(
                f"{command.verb} needs a topic, and it is empty")
        if verb_of(command) == AMPS_COMMAND_UNSUBSCRIBE:
            self.flush_acks()
            self.forget_subscriptions(command.own.get(<int>AMPS_FIELD_SUB_ID),
                                      command.own.get(<int>AMPS_FIELD_QUERY_ID))
        return 0

    cdef int forget_subscriptions(self, object sub_ids, object query_ids) except -1:
        """Removes the routes of an unsubscribe command; of the layers above."""
        return 0

    cdef unsigned int acks_of(self, Command command, const amps_command_facts *facts,
                              bint is_heard) except? 0xFFFFFFFF:
        """What the server is asked for: what the program wants, and what the library needs."""
        cdef unsigned int needed = facts.acks_needed
        if not is_heard:  # nobody minds when a query is complete
            needed &= ~<unsigned int>AMPS_ACK_COMPLETED
        if facts.subscribes and <int>AMPS_FIELD_BOOKMARK in command.own:
            needed |= self.acks_of_replay(command)
        if self.has_store() and (facts.publishes or verb_of(command) == AMPS_COMMAND_SOW_DELETE):
            needed |= AMPS_ACK_PERSISTED
        return command.ack_types | needed

    cdef Routing routing_of(self, Command command, const amps_command_facts *facts,
                            object on_message, bint wants_stream, unsigned int ack_types):
        """The ids of a command, those not set being made, and who is told."""
        cdef Routing routing = Routing.__new__(Routing)
        cdef object own = command.own
        options = own.get(<int>AMPS_FIELD_OPTIONS)
        routing.command_id = own.get(<int>AMPS_FIELD_COMMAND_ID)
        if routing.command_id is None and (not facts.publishes or ack_types != 0):
            routing.command_id = self.next_id()
        if facts.subscribes:
            routing.sub_id = own.get(<int>AMPS_FIELD_SUB_ID) or routing.command_id
            routing.replaces = has_option(options, b"replace")
            routing.topic = own.get(<int>AMPS_FIELD_TOPIC)
        if facts.queries:
            routing.query_id = own.get(<int>AMPS_FIELD_QUERY_ID) \
                or own.get(<int>AMPS_FIELD_SUB_ID) or routing.command_id
        routing.verb = verb_of(command)
        routing.ack_types = command.ack_types & facts.acks_given
        routing.many_groups = is_regex(own.get(<int>AMPS_FIELD_TOPIC)) \
            and not has_option(options, b"non_regex_topic")
        routing.on_message = on_message
        if wants_stream:
            routing.stream = new_stream(self, routing, facts)
        return routing


cdef object checked_command(object command):
    if not isinstance(command, Command):
        raise TypeError("a Command is executed, such as AMPS.Command('subscribe'), not "
                        f"{type(command).__name__}; for one call use subscribe(), sow(), ...")
    return command


cdef amps_command verb_of(Command command) except *:
    cdef amps_slice text
    cdef object kept = borrow_text(command.verb, &text)
    return amps_command_parse(text)


cdef bint is_placed(Routing routing, const amps_command_facts *facts) except -1:
    """Does anybody need a route? One without a listener is for the failure of a publish."""
    if routing.on_message is None and routing.stream is None:
        return facts.publishes and routing.ack_types != 0
    return facts.subscribes or facts.queries or routing.ack_types != 0


cdef int put_id(amps_header *header, amps_field field, object id) except -1:
    if id is not None:
        set_field(header, field, amps_slice(PyBytes_AS_STRING(id), PyBytes_GET_SIZE(id)))
    return 0


cdef dict values_of(Command command):
    """What a command said, by name, for the text of an error."""
    return {FIELD_NAMES[field]: value.decode("utf-8", "replace")
            for field, value in command.own.items()}


cdef bytes MOST_RECENT = b"recent"
cdef bytes EPOCH = b"0"
