"""Composite bodies: several parts in one message."""

from AMPS.exceptions import CommandException

_SIZE_BYTES = 4  # of the big-endian size before each part
_PART_SIZE_MAX = 2 ** (8 * _SIZE_BYTES) - 1
_PARTS_MAX = 1_000_000  # a message that claims more is none: its parts would cost more than it does


class CompositeMessageBuilder:
    """Puts parts together to one body, in the order of `append`. For one thread at a time.

    >>> builder = CompositeMessageBuilder()
    >>> builder.append('{"id": 1}').append(bytes([1, 2, 3])).get_data()
    b'\\x00\\x00\\x00\\t{"id": 1}\\x00\\x00\\x00\\x03\\x01\\x02\\x03'
    """

    def __init__(self):
        self._pieces = []

    def append(self, value):
        """Appends a part: str, bytes, another buffer such as an `array.array`, or the body of a
        `Message`; None is an empty part. Returns the builder."""
        data = b"" if value is None else _raw("value", value)
        if len(data) > _PART_SIZE_MAX:
            raise ValueError(f"a part must have at most {_PART_SIZE_MAX} bytes, not {len(data)}")
        self._pieces += (len(data).to_bytes(_SIZE_BYTES, "big"), data)
        return self

    def clear(self):
        """Forgets all parts."""
        self._pieces.clear()

    def get_data(self):
        """Returns the body as bytes, to be published."""
        return b"".join(self._pieces)


class CompositeMessageParser:
    """Takes a composite body apart. Parts stay good whatever becomes of the message. For one thread
    at a time.

    >>> parser = CompositeMessageParser()
    >>> parser.parse(CompositeMessageBuilder().append("first").append("").get_data())
    2
    >>> parser.get_part(0), parser.get_part_raw(1), parser.get_part(2)
    ('first', b'', None)
    """

    def __init__(self):
        self._data = b""
        self._places = []
        self._rest = 0

    def parse(self, str_or_Message):  # noqa: N803, the published API's name
        """Takes a body (str, bytes, another buffer or a `Message`) apart, and returns how many
        parts it has.

        Raises `CommandException` where it ends in something that is no part: the parts before it
        can be read all the same, and it is what `get_unparsed` gives.
        """
        data = _raw("a composite", str_or_Message)
        places, at = [], 0
        while len(data) - at >= _SIZE_BYTES and len(places) < _PARTS_MAX:
            end = at + _SIZE_BYTES + int.from_bytes(data[at : at + _SIZE_BYTES], "big")
            if end > len(data):
                break
            places.append((at + _SIZE_BYTES, end))
            at = end
        self._data, self._places, self._rest = data, places, at
        if at < len(data):
            raise CommandException(self._problem())
        return len(places)

    def size(self):
        """Returns how many parts there are."""
        return len(self._places)

    def get_part(self, index):
        """Returns a part as str, None when there is no such part. Raises `UnicodeDecodeError` when
        it is not UTF-8: `get_part_raw` never fails."""
        part = self.get_part_raw(index)
        return None if part is None else part.decode()

    def get_part_raw(self, index):
        """Returns a part as bytes, None when there is no such part. The first has index 0."""
        if isinstance(index, bool) or not isinstance(index, int):
            raise TypeError(f"index must be an int, not {type(index).__name__}")
        if not 0 <= index < len(self._places):
            return None
        start, end = self._places[index]
        return self._data[start:end]

    def get_unparsed(self):
        """Returns the bytes after the last part, `b''` when there are none."""
        return self._data[self._rest :]

    def _problem(self):
        left = len(self._data) - self._rest
        where = f"after {len(self._places)} parts, at byte {self._rest} of {len(self._data)}"
        if left < _SIZE_BYTES:
            return f"not a composite: {left} bytes left {where}"
        if len(self._places) == _PARTS_MAX:
            return f"not a composite: more than {_PARTS_MAX} parts"
        size = int.from_bytes(self._data[self._rest : self._rest + _SIZE_BYTES], "big")
        return f"not a composite: a part of {size} bytes does not fit {where}"


def _raw(name, value):
    if isinstance(value, str):
        return value.encode()
    get_data_raw = getattr(value, "get_data_raw", None)
    if get_data_raw is not None:
        return get_data_raw()
    try:
        return memoryview(value).tobytes()
    except TypeError:
        raise TypeError(
            f"{name} must be str, bytes, another buffer or a Message, not {type(value).__name__}"
        ) from None
