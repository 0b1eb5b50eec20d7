# ha_client.pxi: HAClient, a client that comes back by itself.

cdef unsigned int _default_resubscription_ms = 0


cdef class HAClient(Recovering):
    """A client that survives the loss of any server.

    A server chooser says where to connect (see `DefaultServerChooser`), a delay strategy how long
    to wait before each attempt. When the connection is lost the receive thread that lost it
    connects and logs on again, sends what the publish store holds, and places all subscriptions
    again with the ids they had, those with a bookmark where the bookmark store says. Handlers and
    streams go on. `publish` with a store never waits for that; other calls wait, each at most its
    own timeout, and raise `DisconnectedException` when the client is closed or gives up.

    `publish_store` and `bookmark_store` are names of files; None means stores in memory, and
    `no_store=True` none at all. Other stores are set by `set_publish_store` and
    `set_bookmark_store`.

    >>> chooser = AMPS.DefaultServerChooser()
    >>> _ = chooser.add(sandbox.uri("json"))
    >>> with AMPS.HAClient("publisher-1") as client:
    ...     client.set_server_chooser(chooser)
    ...     client.connect_and_logon()
    ...     number = client.publish("orders", '{"id": 1}')
    ...     client.publish_flush(5000)
    ...     print(client.get_unpersisted_count())
    0
    """

    cdef object publish_file, bookmark_file  # names, or None
    cdef object publish_own, bookmark_own    # the stores on them while they are open

    def __init__(self, name, publish_store=None, bookmark_store=None, no_store=False, **options):
        """Makes a client that is not connected. Raises `StoreException` for a file that cannot be
        used."""
        super().__init__(name, **options)
        self.begin_recovering()
        self.resubscription_ms = _default_resubscription_ms
        if no_store:
            if publish_store is not None or bookmark_store is not None:
                raise _exceptions.UsageException("no_store, and yet a file for one")
            return
        self.publish_file, self.bookmark_file = publish_store, bookmark_store
        if publish_store is None:
            self.set_publish_store(MemoryPublishStore())
        if bookmark_store is None:
            self.set_bookmark_store(MemoryBookmarkStore())
        self.open_files()

    cdef int open_files(self) except -1:
        """The files that the program named, unless they are open."""
        if self.publish_file is not None and self.publish_own is None:
            self.publish_own = PublishStore(self.publish_file)
            self.set_publish_store(self.publish_own)
        if self.bookmark_file is not None and self.bookmark_own is None:
            self.bookmark_own = MMapBookmarkStore(self.bookmark_file)
            self.set_bookmark_store(self.bookmark_own)
        return 0

    def close(self):
        """Ends the connection and all subscriptions, tells the state listeners `Shutdown`, and
        gives back the files named when the client was made; `connect_and_logon` opens them again.
        Stores that were set by a call stay open. Idempotent; legal on any thread and in
        handlers."""
        super().close()
        if self.core is NULL or amps_client_is_inherited(self.core):
            return  # the files are the parent's
        publish, self.publish_own = self.publish_own, None
        bookmark, self.bookmark_own = self.bookmark_own, None
        if publish is not None:
            publish.close()
        if bookmark is not None:
            bookmark.close()

    # ---- Connecting -----------------------------------------------------------------------------

    def connect_and_logon(self):
        """Connects to one of the chooser's servers and logs on; places subscriptions made before.

        Blocks until that has worked out, the chooser or the delay strategy gives up
        (`ConnectionException` with the chooser's error, or what they raise), or the client is
        closed (`DisconnectedException`). Chooser, strategy and authenticator run on this thread.
        """
        self.check_usable("connect_and_logon")
        self.open_files()
        self.come_up()

    def connect(self):
        """The same as `connect_and_logon`."""
        self.connect_and_logon()

    def logon(self, *args, **kwargs):
        """Not for this client: `connect_and_logon` logs on. Raises `UsageException`."""
        raise _exceptions.UsageException("an HAClient logs on in connect_and_logon()")

    def set_server_chooser(self, serverChooser=_MISSING, *, server_chooser=_MISSING):
        """Sets who says where to connect: an object with `get_current_uri()`,
        `get_current_authenticator()`, `report_failure(exception, info)` and
        `report_success(info)`, and, if it likes, `get_error()`."""
        self.chooser = either(serverChooser, server_chooser, "serverChooser")

    def get_server_chooser(self):
        """The server chooser, or None."""
        return self.chooser

    def set_reconnect_delay(self, reconnect_delay):
        """Waits so many milliseconds before each attempt on a server but the first."""
        from AMPS.delay_strategies import FixedDelayStrategy
        self.strategy = FixedDelayStrategy(milliseconds(reconnect_delay, "reconnect_delay"))

    def set_reconnect_delay_strategy(self, reconnect_delay_strategy):
        """Sets who says how long to wait before each attempt: an object with
        `get_connect_wait_duration(uri)`, in milliseconds, and `reset()`; what it raises ends the
        attempts. `reset()` is called when an attempt has worked out; not after three connections
        in turn that were lost within a second, until one lasts."""
        for name in ("get_connect_wait_duration", "reset"):
            if not callable(getattr(reconnect_delay_strategy, name, None)):
                raise TypeError(f"a delay strategy has a method {name}, unlike "
                                f"{type(reconnect_delay_strategy).__name__}")
        self.strategy = reconnect_delay_strategy

    def get_reconnect_delay_strategy(self):
        """The delay strategy; at first an `ExponentialDelayStrategy`."""
        return self.strategy

    def set_timeout(self, timeout):
        """Sets how many milliseconds a connection, and then its logon, may take; 0: any time. At
        first 10000."""
        self.logon_ms = milliseconds(timeout)

    def set_logon_options(self, options):
        """Sets the options of each logon, comma-separated; None: none."""
        self.logon_options = options_text(options) or None

    def get_logon_options(self):
        """The options of each logon, `''` when there are none."""
        options = self.logon_options
        return "" if options is None else options.decode() if isinstance(options, bytes) \
            else options

    # ---- Subscriptions --------------------------------------------------------------------------

    def set_resubscription_timeout(self, timeout):
        """Sets how many milliseconds the server has to accept each subscription that is placed
        again; 0: any time."""
        self.resubscription_ms = milliseconds(timeout)

    def get_resubscription_timeout(self):
        """How many milliseconds that may take."""
        return self.resubscription_ms

    @staticmethod
    def set_default_resubscription_timeout(timeout):
        """Sets the resubscription timeout of clients made from now on."""
        global _default_resubscription_ms
        _default_resubscription_ms = milliseconds(timeout)

    @staticmethod
    def get_default_resubscription_timeout():
        """The resubscription timeout of new clients; at first 0."""
        return _default_resubscription_ms

    def set_failed_resubscribe_handler(self, handler):
        """Sets `handler(message, requested_ack_types, exception)`, asked when a subscription cannot
        be placed again, on the thread that connects. True: drop it, its stream raises the
        exception, and go on. False, as without a handler: this server counts as failed, and
        another attempt is made."""
        self.failed_resubscribe = checked_callable(handler, "handler")

    # ---- Bookmarks ------------------------------------------------------------------------------

    def discard(self, message):
        """Tells the bookmark store that the program is done with a message, from any thread: it is
        not delivered again, whatever happens. A message without a bookmark is no error. Raises
        `StoreException`."""
        cdef Message view
        if self.bookmarks is None:
            return
        if type(message) is Message and isinstance(self.bookmarks, BookmarkStore):
            discard_in((<BookmarkStore>self.bookmarks), <Message>message)
        else:
            self.bookmarks.discard_message(message)

    def get_most_recent(self, sub_id):
        """Where a subscription goes on, as a list of bookmarks; `''` when nothing is known."""
        if self.bookmarks is None:
            return ""
        return self.bookmarks.get_most_recent(id_text(sub_id))

    def prune_store(self, tmp_file_name=None):
        """Makes the file of the bookmark store smaller, if it has one. Raises `StoreException`."""
        prune = getattr(self.bookmarks, "prune", None)
        if prune is not None:
            prune() if tmp_file_name is None else prune(tmp_file_name)
