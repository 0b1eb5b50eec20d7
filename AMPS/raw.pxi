# raw.pxi: below the calls for commands: messages sent as they are, handlers by id, timers.

cdef class Raw(Subscribing):
    """A connection that messages can be sent on as they are."""

    cdef object timer  # the id of the last one started

    def allocate_message(self):
        """An empty message to be filled in, for `send`."""
        return Message()

    def send(self, message, message_handler=None, timeout=None):
        """Sends a `Message` as it is, and returns its command id, None when it has none.

        A message that asks for acks, or whose answers go to `message_handler`, gets a command id if
        none is set. The handler is told, on the receive thread, of what carries the command id,
        `sub_id` or `query_id` of the message, until `remove_message_handler`; acks only of the
        types asked for. With a `timeout` (milliseconds, 0 is no limit) and a `processed` ack among
        those asked for, this waits for that ack and raises by the server's reason when it refuses.
        Nothing is tracked, stored or repeated. Raises `CommandException` for a message without a
        command, `DisconnectedException`.
        """
        cdef amps_header header
        cdef Body body
        cdef Routing routing = None
        cdef unsigned int acks
        if not isinstance(message, Message):
            raise TypeError(f"a Message is sent, not {type(message).__name__}")
        checked_handler(message_handler)
        acks = message.get_ack_type_enum()
        waits = timeout is not None and acks & AMPS_ACK_PROCESSED != 0
        timeout_ms = milliseconds(timeout)
        self.check_connected("send", not waits)
        if not message.get_command():
            raise _exceptions.CommandException("this message has no command to send")
        header.present = 0
        kept = (<Message>message).fill(&header)
        body = (<Message>message).body()
        command_id = (<Message>message).raw(AMPS_FIELD_COMMAND_ID)
        if not command_id and (acks != 0 or message_handler is not None):
            command_id = self.next_id()
            put_id(&header, AMPS_FIELD_COMMAND_ID, command_id)
        if message_handler is not None:
            routing = Routing.__new__(Routing)
            routing.command_id, routing.on_message = command_id, message_handler
            routing.sub_id = (<Message>message).raw(AMPS_FIELD_SUB_ID) or command_id
            routing.query_id = (<Message>message).raw(AMPS_FIELD_QUERY_ID) or None
            routing.ack_types = acks
        if waits:
            self.ask(&header, body.bytes, message.get_command(), command_id, acks,
                     AMPS_ACK_PROCESSED, patience_of(timeout_ms), None, routing, False)
        else:
            self.send_raw(&header, body.bytes, routing)
        return id_text(command_id) if command_id else None

    cdef int send_raw(self, const amps_header *header, amps_slice body,
                      Routing routing) except -1:
        if routing is not None:
            routing.place(self)
        try:
            self.send_command(header, body)
        except BaseException:
            if routing is not None:
                routing.remove(self)
            raise
        return 0

    def add_message_handler(self, command_id, message_handler, acks, is_subscribe):
        """Has `message_handler` called, on the receive thread, with each message that carries this
        id as its command, subscription or query id, and with its acks of the types in `acks`, a
        comma-separated list. What was there for the id before is told no more. `is_subscribe`,
        whether it is the id of a subscription, makes no difference."""
        cdef Routing routing = Routing.__new__(Routing)
        self.check_usable("add_message_handler", True)
        checked_handler(message_handler)
        if message_handler is None:
            raise TypeError("message_handler must be callable, not None")
        routing.command_id = id_bytes(command_id, "command_id")
        if routing.command_id is None:
            raise ValueError("a message handler needs a command_id")
        routing.sub_id = routing.command_id
        routing.on_message = message_handler
        routing.ack_types = ack_mask(acks)
        kept = self.by_id.get(routing.command_id)  # until the new one is there
        remove_handlers(self, routing.command_id)
        routing.place(self)

    def remove_message_handler(self, command_id):
        """Ends what `add_message_handler` or `send` began for this id; the server is not told. An
        unknown id is no error."""
        self.check_usable("remove_message_handler", True)
        id = id_bytes(command_id, "command_id")
        if id is not None:
            kept = self.by_id.get(id)
            remove_handlers(self, id)

    # ---- Timers ---------------------------------------------------------------------------------

    def start_timer(self):
        """Has the server measure the time until `stop_timer`; deprecated. Does not wait."""
        self.check_usable("start_timer", True)
        self.timer = self.next_id()
        self.run_timer("start_timer", None)

    def stop_timer(self, handler):
        """Ends what `start_timer` began; `handler(message)` is told the server's `completed` ack,
        on the receive thread. Deprecated; does not wait."""
        checked_handler(handler)
        self.run_timer("stop_timer", handler)

    cdef object run_timer(self, object verb, object handler):
        cdef Command command = Command.__new__(Command)
        command.reset(verb)
        if self.timer is not None:
            command.put(AMPS_FIELD_TOPIC, self.timer)
        if handler is not None:
            command.ack_types = AMPS_ACK_COMPLETED
        return self.run(command, handler, False)

    # ---- What has no connection yet -------------------------------------------------------------

    @staticmethod
    def convert_version_to_number(version):
        """A dotted version as a number of two digits a part: `'3.8.1.7'` is 3080107."""
        return _VersionInfo(version).get_old_style_version()


cdef int remove_handlers(Raw client, object id) except -1:
    cdef amps_sink sink
    remove_route(client, AMPS_ID_OF_COMMAND, id, &sink)
    remove_route(client, AMPS_ID_OF_SUBSCRIPTION, id, &sink)
    return 0


cdef int checked_handler(object handler) except -1:
    checked_callable(handler, "a message handler")
    return 0
