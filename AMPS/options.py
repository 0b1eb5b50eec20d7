"""The builder of a command's options."""


class Options:
    """Collects the options of a command; `str()` of it is the comma-separated text to send.

    Each setter returns the options themselves. Setting one again replaces its value and leaves it
    in its place. Only types are checked: what a server understands is the server's to say.

    >>> options = Options().set_conflation("1s").set_OOF().set_conflation("2s")
    >>> str(options)
    'conflation=2s,oof'
    """

    def __init__(self):
        self._tokens = {}  # {name: the whole token}

    def _set_flag(self, name):
        self._tokens[name] = name
        return self

    def _set_text(self, name, value):
        if isinstance(value, bytes):
            value = value.decode()
        if isinstance(value, bool) or not isinstance(value, (str, int)):
            raise TypeError(f"{name} must be str, bytes or int, not {type(value).__name__}")
        self._tokens[name] = f"{name}={value}"
        return self

    def _set_count(self, name, value):
        if isinstance(value, (str, bytes)) and value.isascii() and value.isdigit():
            value = int(value)
        elif isinstance(value, (str, bytes)):
            raise ValueError(f"{name} must be a number, not {value[:40]!r}")
        if isinstance(value, bool) or not isinstance(value, int):
            raise TypeError(f"{name} must be an int or its digits, not {type(value).__name__}")
        if value < 0:
            raise ValueError(f"{name} must not be negative")
        self._tokens[name] = f"{name}={value}"
        return self

    def set_none(self):
        """Takes all options back."""
        self._tokens.clear()
        return self

    def set_OOF(self):
        """Asks to be told of records that leave the result set."""
        return self._set_flag("oof")

    def set_bookmark_not_found(self, action):
        """Says where to start when the bookmark is unknown: `now`, `epoch` or `fail`."""
        return self._set_text("bookmark_not_found", action)

    def set_bookmark_not_found_now(self):
        """Starts with new messages when the bookmark is unknown."""
        return self.set_bookmark_not_found("now")

    def set_bookmark_not_found_epoch(self):
        """Starts at the beginning of the log when the bookmark is unknown."""
        return self.set_bookmark_not_found("epoch")

    def set_bookmark_not_found_fail(self):
        """Refuses the command when the bookmark is unknown."""
        return self.set_bookmark_not_found("fail")

    def set_cancel(self):
        """Gives queue messages back, with an acknowledgement."""
        return self._set_flag("cancel")

    def set_conflation(self, value):
        """Sets the interval over which messages are merged: such as `500ms`, or `auto`, `none`."""
        return self._set_text("conflation", value)

    def set_conflation_key(self, value):
        """Sets the fields that say what is merged with what: such as `[/id]`."""
        return self._set_text("conflation_key", value)

    def set_fully_durable(self):
        """Asks for messages only once every replica has them."""
        return self._set_flag("fully_durable")

    def set_live(self):
        """Asks for messages before they are persisted."""
        return self._set_flag("live")

    def set_max_backlog(self, value):
        """Sets how many messages of a queue may be out for this subscription."""
        return self._set_count("max_backlog", value)

    def set_no_empties(self):
        """Asks to leave out deltas that change nothing."""
        return self._set_flag("no_empties")

    def set_no_sowkey(self):
        """Asks to leave out SOW keys."""
        return self._set_flag("no_sowkey")

    def set_pause(self):
        """Pauses subscriptions, or starts one paused."""
        return self._set_flag("pause")

    def set_resume(self):
        """Resumes paused subscriptions."""
        return self._set_flag("resume")

    def set_projection(self, value):
        """Sets the fields that an aggregated query computes: such as `[/id,SUM(/qty) AS /qty]`."""
        return self._set_text("projection", value)

    def set_grouping(self, value):
        """Sets the fields that an aggregated query groups by: such as `[/id]`."""
        return self._set_text("grouping", value)

    def set_rate(self, value):
        """Sets how fast a replay goes: messages or bytes (`2MB`) a second, or a multiple (`2X`)."""
        return self._set_text("rate", value)

    def set_rate_max_gap(self, value):
        """Sets how long a replay by a multiple waits at most: such as `10s`."""
        return self._set_text("rate_max_gap", value)

    def set_replace(self):
        """Replaces the subscription of the same id."""
        return self._set_flag("replace")

    def set_send_keys(self):
        """Asks for the key fields in deltas."""
        return self._set_flag("send_keys")

    def set_skip_n(self, value):
        """Sets how many records a query leaves out at its beginning."""
        return self._set_count("skip_n", value)

    def set_top_n(self, value):
        """Sets how many records a query returns at most."""
        return self._set_count("top_n", value)

    def set_timestamp(self):
        """Asks for the time at which the server processed each message."""
        return self._set_flag("timestamp")

    def __str__(self):
        return ",".join(self._tokens.values())

    def __repr__(self):
        return f"<Message.Options {str(self)!r}>"
