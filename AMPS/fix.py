"""FIX and NVFIX bodies: fields put together, and taken apart again."""

import codecs

_TAG_DIGITS_MAX = 19  # what has more is no tag
_TAG_MAX = 10**_TAG_DIGITS_MAX - 1


class FIXBuilder:
    """Builds a FIX body, `tag=value` and a delimiter for each field, in the order of `append`.

    `delimiter` is one ASCII character (str or bytes).

    >>> builder = FIXBuilder("|")
    >>> builder.append(35, "D").append(55, "the symbol IBM", 11).get_string()
    '35=D|55=IBM|'
    """

    def __init__(self, delimiter="\x01"):
        self._delimiter = _one_character("delimiter", delimiter).encode()
        self._fields = []

    def append(self, tag, value, offset=None, length=None):
        """Appends a field: `value`, or `length` of it from `offset` on (characters of a str, bytes
        of bytes). Returns the builder.

        `tag` is an int from 0 on, `value` str or bytes. Raises `ValueError` when the value holds
        the delimiter or is shorter than asked, or the tag is out of range.
        """
        if isinstance(tag, bool) or not isinstance(tag, int):
            raise TypeError(f"a FIX tag must be an int, not {type(tag).__name__}")
        if not 0 <= tag <= _TAG_MAX:
            raise ValueError(f"a FIX tag must be from 0 to {_TAG_MAX}")
        self._append(b"%d" % tag, value, offset, length)
        return self

    def get_string(self):
        """Returns the body as str. Raises `UnicodeDecodeError` when a value given as bytes was not
        UTF-8: `get_bytes` never fails."""
        return self.get_bytes().decode()

    def get_bytes(self):
        """Returns the body as bytes."""
        return b"".join(self._fields)

    def reset(self):
        """Forgets all fields."""
        self._fields.clear()

    def _append(self, tag, value, offset, length):
        if not isinstance(value, (str, bytes)):
            raise TypeError(f"the value must be str or bytes, not {type(value).__name__}")
        if offset is not None or length is not None:
            value = _part(value, offset, length)
        if isinstance(value, str):
            value = value.encode()
        if self._delimiter in value:
            raise ValueError(f"the value of {tag.decode()} holds the delimiter {self._delimiter!r}")
        self._fields.append(b"%b=%b%b" % (tag, value, self._delimiter))


class NVFIXBuilder(FIXBuilder):
    """Builds an NVFIX body, `name=value` and a delimiter for each field.

    >>> NVFIXBuilder("|").append("symbol", "IBM").append("note", "").get_string()
    'symbol=IBM|note=|'
    """

    def append(self, tag, value, offset=None, length=None):
        """Appends a field as `FIXBuilder.append` does; `tag` is text that is not empty and holds
        neither the delimiter nor `=`."""
        if not isinstance(tag, (str, bytes)):
            raise TypeError(f"an NVFIX tag must be str or bytes, not {type(tag).__name__}")
        if isinstance(tag, str):
            tag = tag.encode()
        if not tag:
            raise ValueError("an NVFIX tag must not be empty")
        if self._delimiter in tag or b"=" in tag:
            raise ValueError(f"an NVFIX tag must hold neither '=' nor {self._delimiter!r}")
        tag.decode()  # a tag is text
        self._append(tag, value, offset, length)
        return self


class FIXShredder:
    """Takes FIX bodies apart.

    `separator` is one ASCII character (str or bytes). `errors` says what to do with values that are
    not UTF-8, as in `bytes.decode`. A shredder may be used by any number of threads.

    >>> fields = FIXShredder("|").to_map("35=D|55=IBM|")
    >>> fields[35], fields["35"], "55" in fields, list(fields)
    ('D', 'D', True, [35, 55])
    """

    def __init__(self, separator="\x01", *, errors="strict"):
        self._separator = _one_character("separator", separator)
        if not isinstance(errors, str):
            raise TypeError(f"errors must be str, not {type(errors).__name__}")
        codecs.lookup_error(errors)
        self._errors = errors

    def to_map(self, message):
        """Returns `{tag: value}`, a dict with int keys that also answers to their digits.

        `message` is str, bytes, another buffer or a `Message`. A field that occurs twice has its
        last value; what is no field, or has a tag that is no number, is left out. Raises
        `UnicodeDecodeError` for bytes that are not UTF-8, unless `errors` says otherwise.
        """
        found = {}
        for field in _text(message, self._errors).split(self._separator):
            tag, equals, value = field.partition("=")
            if equals and tag.isdigit() and len(tag) <= _TAG_DIGITS_MAX and tag.isascii():
                found[int(tag)] = value
        return FIXFields(found)


class NVFIXShredder(FIXShredder):
    """Takes NVFIX bodies apart; made like a `FIXShredder`.

    >>> NVFIXShredder("|").to_map("symbol=IBM|formula=a=b|")
    {'symbol': 'IBM', 'formula': 'a=b'}
    """

    def to_map(self, message):
        """Returns `{name: value}`, a plain dict; the rest as `FIXShredder.to_map`."""
        found = {}
        for field in _text(message, self._errors).split(self._separator):
            tag, equals, value = field.partition("=")
            if equals and tag:
                found[tag] = value
        return found


class FIXFields(dict):
    """The fields of a FIX body: int keys, each of which may also be given as its digits.

    >>> FIXFields({35: "D"})["35"], FIXFields({35: "D"}).get("55", "none")
    ('D', 'none')
    """

    __slots__ = ()

    def __missing__(self, key):
        tag = _tag(key)
        if tag is not key and dict.__contains__(self, tag):
            return dict.__getitem__(self, tag)
        raise KeyError(key)

    def __contains__(self, key):
        return dict.__contains__(self, _tag(key))

    def __setitem__(self, key, value):
        dict.__setitem__(self, _tag(key), value)

    def __delitem__(self, key):
        dict.__delitem__(self, _tag(key))

    def get(self, key, default=None):
        """Returns the value of a tag, `default` when there is none."""
        return dict.get(self, _tag(key), default)

    def setdefault(self, key, default=None):
        """Returns the value of a tag, which becomes `default` when there is none."""
        return dict.setdefault(self, _tag(key), default)

    def pop(self, key, *default):
        """Takes a tag out and returns its value; without one the default, or a `KeyError`."""
        return dict.pop(self, _tag(key), *default)


def _tag(key):
    if isinstance(key, (str, bytes)) and key.isascii() and key.isdigit():
        return int(key) if len(key) <= _TAG_DIGITS_MAX else key
    return key


def _text(message, errors):
    if isinstance(message, str):
        return message
    get_data_raw = getattr(message, "get_data_raw", None)
    if get_data_raw is not None:
        message = get_data_raw()
    try:
        message = memoryview(message).tobytes()
    except TypeError:
        raise TypeError(
            f"message must be str, bytes, another buffer or a Message, not {type(message).__name__}"
        ) from None
    return message.decode("utf-8", errors)


def _part(value, offset, length):
    for name, number in (("offset", offset), ("length", length)):
        if number is not None and (isinstance(number, bool) or not isinstance(number, int)):
            raise TypeError(f"{name} must be an int, not {type(number).__name__}")
    if offset is None:
        raise ValueError("a length needs an offset")
    end = len(value) if length is None else offset + length
    if not 0 <= offset <= end <= len(value):
        raise ValueError(
            f"offset {offset} and length {length} reach out of a value of length {len(value)}"
        )
    return value[offset:end]


def _one_character(name, given):
    if not isinstance(given, (str, bytes)):
        raise TypeError(f"the {name} must be str or bytes, not {type(given).__name__}")
    if len(given) != 1 or not given.isascii() or given in ("=", b"="):
        raise ValueError(f"the {name} must be one ASCII character other than '=', not {given!r}")
    return given if isinstance(given, str) else given.decode()
