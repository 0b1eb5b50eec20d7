"""Reads select lists: which fields of a message a subscriber is sent."""

from __future__ import annotations

SELECT_BYTES_MAX = 64 * 1024
DIRECTIVES_MAX = 1000
PATH_BYTES_MAX = 512  # of one directive; a field's path may be longer


class Select:
    """A list such as `[-/,+/id,+/a/b]`: the most specific directive decides about a field.

    >>> select = Select.parse("[-/,+/id,+/a/b]")
    >>> select.keeps("/id"), select.keeps("/a"), select.keeps("/a/b/c"), select.keeps("/d")
    (True, False, True, False)
    >>> select.reaches_into("/a"), select.reaches_into("/d")
    (True, False)
    """

    __slots__ = ("_keeps", "_parents", "_longest", "_below")

    def __init__(self, directives: dict[str, bool]):
        """`directives` are paths without a final slash, each with whether it is kept."""
        self._keeps = directives
        self._parents = {parent for path in directives for parent in _parents(path)}
        self._longest = max(map(len, directives), default=0)
        self._below: dict[str, Select] = {}

    @classmethod
    def parse(cls, text: str) -> Select:
        """Reads a list, with or without its brackets. Raises ValueError that names what is bad."""
        if len(text) > SELECT_BYTES_MAX:
            raise ValueError(f"select list over {SELECT_BYTES_MAX} bytes")
        inner = text.strip()
        if inner.startswith("[") != inner.endswith("]"):
            raise ValueError(f"select list with one bracket: {text[:40]!r}")
        items = (inner[1:-1] if inner.startswith("[") else inner).split(",")
        if len(items) > DIRECTIVES_MAX:
            raise ValueError(f"select list with over {DIRECTIVES_MAX} directives")
        directives: dict[str, bool] = {}
        for item in items:
            path, keeps = _directive(item.strip())
            directives.setdefault(path, keeps)
        return cls(directives)

    def keeps(self, path: str) -> bool:
        """Whether the field at a path is kept, as far as its own path and its parents' say."""
        if len(path) > self._longest:
            path = path[: max(path.rfind("/", 0, self._longest + 1), 0)]
        while path not in self._keeps:
            if not path:
                return True
            path = path.rpartition("/")[0]
        return self._keeps[path]

    def reaches_into(self, path: str) -> bool:
        """Whether a directive names something below a path, so that it decides more than whole."""
        return path in self._parents

    def below(self, path: str) -> Select:
        """The same directives as they read inside of what lies at a path. Remembered: ask for few.

        >>> Select.parse("[-/,+/0/id]").below("/0").keeps("/id")
        True
        """
        found = self._below.get(path)
        if found is None:
            inner = {
                name[len(path) :]: keeps
                for name, keeps in self._keeps.items()
                if name.startswith(path + "/")
            }
            found = self._below[path] = Select({"": self.keeps(path), **inner})
        return found


def _directive(item: str) -> tuple[str, bool]:
    sign, path = item[:1], item[1:].lstrip()
    if len(path) > PATH_BYTES_MAX:
        raise ValueError(f"select directive over {PATH_BYTES_MAX} bytes: {item[:40]!r}...")
    if sign not in ("+", "-") or not path:
        raise ValueError(f"select directive {item[:40]!r} is no + or - with a path")
    if path == "/":
        return "", sign == "+"
    if not path.startswith("/") or "" in path[1:].split("/"):
        raise ValueError(f"select directive {item[:40]!r} has no path such as /name or /a/b")
    return path, sign == "+"


def _parents(path: str) -> list[str]:
    parents = []
    while path:
        path = path.rpartition("/")[0]
        parents.append(path)
    return parents
