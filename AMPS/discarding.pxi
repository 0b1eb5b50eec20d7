# discarding.pxi: what handlers discard, taken to the bookmark store when their burst is over.
#
# A store in memory forgets with the process what it was told, so it may be told late, if only
# nobody notices: whoever asks a store anything settles first, and so does the end of each burst,
# as long as which messages are lent. The interpreter's lock guards it all. A store with a file or
# an adapter is told at once.

cdef enum:
    DISCARDS_MAX = 256

cdef uint64_t discards[DISCARDS_MAX]  # indexes
cdef size_t discard_count = 0
cdef amps_bookmark_sub *discards_of = NULL
cdef BookmarkStore discarding_store = None  # keeps that alive while there are any


cdef void settle_discards() noexcept:
    """Tells the store what waits. It is not closed: closing it settles first. In the child of a
    fork nobody has that store any more."""
    global discard_count, discarding_store
    cdef BookmarkStore store = discarding_store
    cdef size_t count = discard_count
    if count > 0:
        discard_count = 0
        discarding_store = None
        amps_bookmark_discard_all(discards_of, discards, count)


cdef inline void discard_later(BookmarkStore store, amps_bookmark_sub *sub,
                               uint64_t index) noexcept:
    global discard_count, discarding_store, discards_of
    if discard_count == DISCARDS_MAX or discards_of is not sub:
        settle_discards()
    if discard_count == 0:
        discarding_store, discards_of = store, sub
    discards[discard_count] = index
    discard_count += 1


cdef int discard_in(BookmarkStore store, Message message) except -1:
    """The quick way: by what lies in the message, without making objects."""
    cdef amps_slice bookmark
    cdef c_bool escaped = True
    cdef amps_status status
    if message.own is not None or message.view.bookmark_index == 0:
        store.discard_message(message)
        return 0
    if store.may_wait and message.is_lent() and message.view.bookmark_tag != 0 \
            and message.view.bookmark_tag == store.last_tag \
            and amps_bookmark_sub_is_usable(store.last_sub):
        discard_later(store, store.last_sub, message.view.bookmark_index)
        return 0
    if message.view.bookmark_size != 0:
        status = amps_bookmark_discard_message(store.sub_of(message), &message.view)
    elif amps_message_field(&message.view, AMPS_FIELD_BOOKMARK, &bookmark, &escaped) \
            == AMPS_OK and not escaped:
        status = amps_bookmark_discard(store.sub_of(message), bookmark)
    else:
        store.discard_message(message)
        return 0
    if status != AMPS_OK:
        check_bookmark_status(status, message.get_sub_id())
    return 0
