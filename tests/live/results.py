"""What a server sends for a query, whole or in pieces."""

from .scripted_peer import ack, frame


def asked(seen, kind):
    return kind in seen["a"].split(",")


def marker(seen, verb):
    """The bytes of a `group_begin` or `group_end`."""
    return frame({"c": verb, "query_id": seen["query_id"]})


def records(seen, *bodies, key="k"):
    """The bytes of one frame with a record for each body."""
    header = {"c": "sow", "t": seen["t"], "query_id": seen["query_id"], "bs": len(bodies)}
    parts = [
        frame({"k": f"{key}{number}", "l": len(body)}, body.encode())[4:]
        for number, body in enumerate(bodies)
    ]
    return frame(header, b"".join(parts))


def group(seen, *bodies):
    """The bytes of a whole group, one record in a frame."""
    parts = [records(seen, body, key=f"{number}-") for number, body in enumerate(bodies)]
    return b"".join([marker(seen, "group_begin"), *parts, marker(seen, "group_end")])


def last_acks(seen, count=0):
    """The bytes of the `completed` and `stats` acks, as far as they are asked for."""
    counts = {"topic_matches": count, "matches": count, "records_returned": count}
    kinds = [kind for kind in ("completed", "stats") if asked(seen, kind)]
    return b"".join(ack(seen, kind=kind, query_id=seen["query_id"], **counts) for kind in kinds)


def accepted(seen):
    return ack(seen, query_id=seen["query_id"])


def give(*bodies, has_markers=True):
    """An answer: the records, as a server gives them."""

    def answer(peer, seen):
        found = group(seen, *bodies) if has_markers else b""
        peer.send(accepted(seen) + found + last_acks(seen, len(bodies)))

    return answer


def only_accept(peer, seen):
    """An answer: the ack; the test plays the rest."""
    peer.send(accepted(seen))
