"""A server's version, as text and as numbers that can be compared."""

_PART_COUNT = 4  # major, minor, maintenance, patch; what follows names a build
_OLD_STYLE = ((2, 99),) * _PART_COUNT  # (decimal digits, highest value) of each part
_NUMBER = ((4, 9999), (4, 9999), (5, 99999), (5, 99999))
_PART_MAX = 10**9  # a part beyond this is no version; it counts as this


class VersionInfo:
    """The version of a server.

    `version` is dotted text such as `5.3.4.130`. Missing parts count as 0; the first part that is
    not a plain number ends what is counted. Two versions compare by their first four parts,
    whatever else their texts say.

    >>> version = VersionInfo("5.3.4.130")
    >>> version > VersionInfo("5.3.4")
    True
    >>> version.get_old_style_version(), version.get_version_number()
    (5030499, 500030000400130)
    """

    def __init__(self, version=""):
        self.set_version(version)

    def set_version(self, version):
        """Replaces the version, str or bytes; a `TypeError` when it is neither."""
        if isinstance(version, bytes):
            version = version.decode("utf-8", "replace")
        if not isinstance(version, str):
            raise TypeError(f"version must be str or bytes, not {type(version).__name__}")
        self._text = version
        self._parts = _parts(version)

    def get_version_string(self):
        """Returns the text as it was given."""
        return self._text

    def get_old_style_version(self):
        """Returns one number with two digits a part; a part above 99 counts as 99."""
        return _packed(self._parts, _OLD_STYLE)

    def get_version_number(self):
        """Returns one number with 4, 4, 5 and 5 digits for major, minor, maintenance and patch."""
        return _packed(self._parts, _NUMBER)

    def __str__(self):
        return self._text

    def __repr__(self):
        return f"VersionInfo({self._text!r})"

    def __eq__(self, other):
        return self._parts == other._parts if isinstance(other, VersionInfo) else NotImplemented

    def __lt__(self, other):
        return self._parts < other._parts if isinstance(other, VersionInfo) else NotImplemented

    def __le__(self, other):
        return self._parts <= other._parts if isinstance(other, VersionInfo) else NotImplemented

    def __gt__(self, other):
        return self._parts > other._parts if isinstance(other, VersionInfo) else NotImplemented

    def __ge__(self, other):
        return self._parts >= other._parts if isinstance(other, VersionInfo) else NotImplemented

    # The text may change, so no hash of it could be kept: sets and dicts tell objects apart.
    __hash__ = object.__hash__


def _parts(text):
    found = []
    for part in text.split(".", _PART_COUNT)[:_PART_COUNT]:
        if not (part.isascii() and part.isdigit()):
            break
        digits = part.lstrip("0")
        found.append(int(digits or "0") if len(digits) < 10 else _PART_MAX)
    return tuple(found + [0] * (_PART_COUNT - len(found)))


def _packed(parts, widths):
    number = 0
    for part, (digits, highest) in zip(parts, widths):
        number = number * 10**digits + min(part, highest)
    return number
