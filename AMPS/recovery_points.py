"""Recovery points of bookmark subscriptions, and how they are kept in a topic of a server."""

from AMPS.exceptions import StoreException, TimedOutException, UsageException, shown

QUERY_BATCH = 100  # recovery points that the server may put into one frame
MS_MAX = 2**31 - 1  # milliseconds that a command can be given

_FIELD_MARKS = frozenset("_-.")  # in the name of a field, besides letters and digits


class RecoveryPoint:
    """Where one subscription would go on: its id, and a bookmark or a list of them.

    An adapter is any object with `next()`, which gives recovery points and then an empty one,
    `update(recovery_point)`, `purge(sub_id=None)`, `prune()` and `close()`. A bookmark store asks
    for all points when it is made, and hands on a new one whenever a subscription's has changed:
    `update` then runs under that subscription's lock and must not call the store.

    >>> point = RecoveryPoint("orders-1", "13|42|")
    >>> point, bool(point), bool(RecoveryPoint())
    (RecoveryPoint('orders-1', '13|42|'), True, False)
    """

    def __init__(self, sub_id=None, bookmark=None):
        self._sub_id = _text("sub_id", sub_id)
        self._bookmark = _text("bookmark", bookmark)

    def get_sub_id(self):
        """Returns the subscription id, `''` in an empty one."""
        return self._sub_id

    def get_bookmark(self):
        """Returns the bookmark, or several separated by commas; `''` in an empty one."""
        return self._bookmark

    def __bool__(self):
        return self._sub_id != ""

    def __eq__(self, other):
        if not isinstance(other, RecoveryPoint):
            return NotImplemented
        return (self._sub_id, self._bookmark) == (other._sub_id, other._bookmark)

    def __hash__(self):
        return hash((self._sub_id, self._bookmark))

    def __repr__(self):
        return f"RecoveryPoint({self._sub_id!r}, {self._bookmark!r})"


class SOWRecoveryPointAdapter:
    """Keeps recovery points in a SOW topic of a server, one record per subscription.

    `store_client` is a client of its own, logged on with message type json; it must not be the one
    whose subscriptions are tracked, and that one's name is `tracked_client_name`. The topic's key
    is made of the fields `client_name_field` and `sub_id_field`. Its commands may take
    `timeout_millis` (0: however long it takes). With `use_timestamp` the time at which the server
    got a point is added to its bookmarks. `close()` closes the client, too, if `close_client`.

    An update that fails reaches the exception listener (`sys.unraisablehook` without one), and the
    next one is tried again; with `update_failure_throws` it is raised instead. What `next()` and
    `purge()` meet is always raised. All methods may be called from any thread, but for `next()`:
    one at a time.

    >>> SOWRecoveryPointAdapter(None, "")
    Traceback (most recent call last):
        ...
    AMPS.exceptions.UsageException: tracked_client_name is empty
    """

    def __init__(
        self,
        store_client,
        tracked_client_name,
        timeout_millis=5000,
        use_timestamp=False,
        close_client=True,
        update_failure_throws=False,
        topic="/ADMIN/bookmark_store",
        client_name_field="clientName",
        sub_id_field="subId",
        bookmark_field="bookmark",
    ):
        self._client = store_client
        self._name = _text("tracked_client_name", tracked_client_name, required=True)
        self._timeout_ms = int(milliseconds("timeout_millis", timeout_millis))
        self._use_timestamp = bool(use_timestamp)
        self._close_client = bool(close_client)
        self._throws = bool(update_failure_throws)
        self._topic = _text("topic", topic, required=True)
        self._name_field = _field("client_name_field", client_name_field)
        self._sub_id_field = _field("sub_id_field", sub_id_field)
        self._bookmark_field = _field("bookmark_field", bookmark_field)
        if len({self._name_field, self._sub_id_field, self._bookmark_field}) < 3:
            raise UsageException("two of client_name_field, sub_id_field, bookmark_field are alike")
        if getattr(store_client, "get_name", str)() == self._name:
            raise UsageException(
                f"store_client has the name of the tracked client, '{shown(self._name)}': "
                "it must be another one"
            )
        self._listener = None
        self._sent = {}  # {sub id: bookmark}, to skip what has not changed
        self._points = None  # those that next() has yet to give
        self._closed = False

    def next(self):
        """Returns the next stored recovery point, an empty one after the last.

        The first call asks the server for all of them and waits for their end; after the empty one
        it begins anew. Raises what the query raises, `TimedOutException` when its results do not
        end, and `StoreException` for a record that is no recovery point.
        """
        if self._points is None:
            self._points = iter(self._query())
        point = next(self._points, None)
        if point is None:
            self._points = None
            return RecoveryPoint()
        self._sent.setdefault(point.get_sub_id(), point.get_bookmark())
        return point

    def update(self, recovery_point):
        """Publishes a recovery point, unless it is the one published last. Waits for nothing but
        room in the client's send buffer."""
        try:
            self._update(recovery_point)
        except Exception as problem:
            self._failed(problem)

    def purge(self, sub_id=None):
        """Deletes the stored point of one subscription, or all points of the tracked client, and
        waits until the server has done so."""
        rule = f"/{self._name_field} = {_quoted(self._name)}"
        if sub_id is None:
            self._sent.clear()
        else:
            sub_id = _text("sub_id", sub_id, required=True)
            rule += f" AND /{self._sub_id_field} = {_quoted(sub_id)}"
            self._sent.pop(sub_id, None)
        self._client.sow_delete(self._topic, rule, self._timeout_ms)

    def prune(self):
        """Does nothing: a SOW topic keeps one record per subscription anyway."""

    def close(self, subid=None, bookmark=None):
        """Waits until the server has what was published, then closes the client if it is to be.

        The arguments are ignored. A failure goes where those of updates go. A second call does
        nothing.
        """
        if self._closed:
            return
        self._closed = True
        try:
            self._client.publish_flush(self._timeout_ms)
        except Exception as problem:
            self._failed(problem)
        finally:
            if self._close_client:
                self._client.close()

    def set_exception_listener(self, exception_listener):
        """Sets `exception_listener(exception)`, told of updates that fail, on the thread that
        updates. None: they go to `sys.unraisablehook`."""
        self._listener = checked_listener(exception_listener)

    def get_exception_listener(self):
        """Returns the exception listener, or None."""
        return self._listener

    def _query(self):
        rule = f"/{self._name_field} = {_quoted(self._name)}"
        options = "timestamp" if self._use_timestamp else None
        results = self._client.sow(
            self._topic, rule, QUERY_BATCH, timeout=self._timeout_ms, options=options
        )
        try:
            points = []
            for message in results.timeout(self._timeout_ms):
                if message is None:
                    raise TimedOutException(
                        f"the recovery points in topic '{shown(self._topic)}' did not end within "
                        f"{self._timeout_ms} ms"
                    )
                if message.get_command() == "sow":
                    points.append(self._point_of(message))
        finally:
            results.close()
        return points

    def _point_of(self, message):
        import json  # only where it is needed: costly to import

        try:
            record = json.loads(message.get_data_raw())
            sub_id, bookmark = record[self._sub_id_field], record[self._bookmark_field]
            if not sub_id or not (isinstance(sub_id, str) and isinstance(bookmark, str)):
                raise TypeError("neither field may be anything but text, nor the sub id be empty")
        except (ValueError, TypeError, KeyError, RecursionError) as problem:
            raise StoreException(
                f"a record in topic '{shown(self._topic)}' is no recovery point with "
                f"'{self._sub_id_field}' and '{self._bookmark_field}'",
                message=message,
            ) from problem
        stamp = message.get_timestamp() if self._use_timestamp else None
        return RecoveryPoint(sub_id, ",".join(filter(None, (bookmark, stamp))))

    def _update(self, recovery_point):
        import json

        sub_id, bookmark = recovery_point.get_sub_id(), recovery_point.get_bookmark()
        if self._closed:
            raise UsageException(f"update of '{shown(sub_id)}' after close()")
        if not sub_id:
            raise UsageException("a recovery point without a sub id cannot be stored")
        if self._sent.get(sub_id) == bookmark:
            return
        self._sent.pop(sub_id, None)  # whatever comes of it, the old one is not known to be there
        record = {
            self._name_field: self._name,
            self._sub_id_field: sub_id,
            self._bookmark_field: bookmark,
        }
        self._client.publish(self._topic, json.dumps(record))
        self._sent[sub_id] = bookmark

    def _failed(self, problem):
        if self._throws:
            raise problem
        report(problem, self._listener)


def milliseconds(name, value):
    """Returns a time that a command may take, or a wait; int or float, 0 for no limit."""
    if not isinstance(value, (int, float)):
        raise TypeError(f"{name} must be a number (milliseconds), not {type(value).__name__}")
    if not 0 <= value <= MS_MAX:  # nor is NaN
        raise UsageException(f"{name} must be from 0 to {MS_MAX} ms")
    return value


def checked_listener(listener):
    """Returns an exception listener, or None."""
    if listener is not None and not callable(listener):
        kind = type(listener).__name__
        raise TypeError(f"exception_listener must be callable or None, not {kind}")
    return listener


def report(problem, listener):
    """Hands an exception to a listener; without one, or when it fails, to `sys.unraisablehook`."""
    if listener is not None:
        try:
            listener(problem)
        except BaseException as another:
            problem = another
        else:
            return
    _RaisedNowhere(problem)


class _RaisedNowhere:
    """What its end raises, Python hands to `sys.unraisablehook`: there is no other way to it."""

    def __init__(self, problem):
        self._problem = problem

    def __del__(self):
        raise self._problem


def _text(name, value, required=False):
    """Returns str or UTF-8 bytes as str; None is empty."""
    if isinstance(value, (bytes, bytearray)):
        raw, value = value, value.decode("utf-8", "ignore")
        if value.encode() != raw:
            raise UsageException(f"{name} is given as bytes that are not valid UTF-8")
    if value is not None and not isinstance(value, str):
        raise TypeError(f"{name} must be str or bytes, not {type(value).__name__}")
    if required and not value:
        raise UsageException(f"{name} is empty")
    return value or ""


def _field(name, value):
    """Returns the name of a field that can stand in a filter as it is."""
    field = _text(name, value, required=True)
    if not all(mark.isalnum() or mark in _FIELD_MARKS for mark in field) or not field.isascii():
        raise UsageException(
            f"{name} is '{shown(field)}': letters, digits, '_', '-' and '.' are allowed in it"
        )
    return field


def _quoted(text):
    """Returns text as a filter's literal."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
