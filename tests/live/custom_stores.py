"""Stores as programs write them: no more than what the library needs of one."""

import copy


class Listed:
    """The least that a publish store can be."""

    def __init__(self, first=1):
        self.kept, self.next = {}, first

    def store(self, message):
        number, self.next = self.next, self.next + 1
        message = copy.deepcopy(message)
        message.set_sequence(number)
        self.kept[number] = message
        return number

    def discard_up_to(self, number):
        self.kept = {each: kept for each, kept in self.kept.items() if each > number}

    def replay(self, handler):
        for message in list(self.kept.values()):
            handler(message)

    def replay_single(self, handler, number):
        if number in self.kept:
            handler(self.kept[number])
        return number in self.kept

    def get_unpersisted_count(self):
        return len(self.kept)


class PlainStore:
    """Knows bookmarks of one publisher by their text; gives every message the same number."""

    def __init__(self):
        self.logged, self.done, self.persisted_at, self.versions = [], set(), [], []

    def set_server_version(self, version):
        self.versions.append(version)

    def get_most_recent(self, sub_id):
        recent = "0"
        for bookmark in self.logged:
            if bookmark not in self.done:
                break
            recent = bookmark
        return recent

    def is_discarded(self, message):
        return message.get_bookmark() in self.done

    def log(self, message):
        if message.get_bookmark() not in self.logged:
            self.logged.append(message.get_bookmark())
        return "1"

    def persisted(self, sub_id, bookmark):
        self.persisted_at.append((sub_id, bookmark))

    def discard_message(self, message):
        self.done.add(message.get_bookmark())

    def discard(self, sub_id, sequence):
        raise AssertionError("nobody calls this")


class RaisingStore(PlainStore):
    """Fails at what it is told to fail at."""

    def __init__(self, *methods):
        super().__init__()
        for name in methods:
            setattr(self, name, self._fail)

    @staticmethod
    def _fail(*arguments):
        raise RuntimeError("the disk of this store is full")
