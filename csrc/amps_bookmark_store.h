/* amps_bookmark_store.h: which bookmarks were received and which discarded, per subscription id.
 *
 * In memory; in memory and an append-only log; in memory and a file of most-recent lists (ring).
 * Any thread. One short lock per sub id, and one for the file, which is held no longer than an
 * append takes; only opening, closing, pruning and purging wait for the disk. No lock is held while
 * an event is told. In the child of a fork every call says AMPS_FORKED, or nothing and does
 * nothing; after close the same with AMPS_CLOSED. Counted by references.
 *
 * The disk's troubles are told as problems and fail no call but these: begin, anchor, completed,
 * recover and purge say AMPS_STORE when it is so in memory but not on disk.
 *
 * A message whose bookmark is none (empty, longer than AMPS_BOOKMARK_SIZE_MAX, EPOCH, NOW,
 * `recent`, a list, a range, control characters) is new each time and not noted: told as a problem,
 * once a minute at most. */
#ifndef AMPS_BOOKMARK_STORE_H
#define AMPS_BOOKMARK_STORE_H

#include "amps_bookmark_events.h"
#include "amps_bookmark_items.h"

#define AMPS_BOOKMARK_GROWN_MIN        1000u /* items of a sub id; told at each double */
#define AMPS_BOOKMARK_PROBLEM_EVERY_MS 60000u
#define AMPS_BOOKMARK_NOW_SLACK_S      5u
#define AMPS_BOOKMARK_SUB_ID_SIZE_MAX  ((size_t)4096) /* bytes */

amps_status amps_bookmark_store_new(amps_bookmark_store **store);
/* In memory, and in an append-only log: nothing that returned is lost when the program is killed.
 * It grows by 64 bytes a message until it is pruned. An absent or empty file is made. A
 * half-written end is cut off; damage with whole records behind it is copied to
 * `<path>.corrupt-<time>` first, and told as trouble. `use_last_modified`: the time of the file's
 * last change is one more member of a recovered sub id's list, until a message of it comes.
 * AMPS_STORE: another has it open, it is none of ours or of a later version (and stays as it is),
 * the disk. */
amps_status amps_bookmark_store_open_log(const char *path, bool use_last_modified,
                                         amps_failure *failure, amps_bookmark_store **store);
/* In memory, and each sub id's list in a file of fixed slots. */
amps_status amps_bookmark_store_open_ring(const char *path, amps_failure *failure,
                                          amps_bookmark_store **store);
/* Writes the log anew with what still counts: to tmp_path (NULL: `<path>.tmp`, same file system),
 * which then takes its name. All other calls wait meanwhile. At any instant there is the old or the
 * new one, whole. Of another store: AMPS_OK, nothing to do. */
amps_status amps_bookmark_store_prune(amps_bookmark_store *store, const char *tmp_path,
                                      amps_failure *failure);
void        amps_bookmark_store_hold(amps_bookmark_store *store);
void        amps_bookmark_store_drop(amps_bookmark_store *store); /* the last one closes it */
/* Again is AMPS_OK. `failure` may be NULL. */
amps_status amps_bookmark_store_close(amps_bookmark_store *store, amps_failure *failure);
/* What was wrong with the file though it could be opened; NULL: nothing. */
const amps_failure *amps_bookmark_store_trouble(const amps_bookmark_store *store);
void amps_bookmark_store_set_events(amps_bookmark_store *store, const amps_bookmark_events *events);

/* Found or made. NULL: out of memory, an id longer than AMPS_BOOKMARK_SUB_ID_SIZE_MAX, closed. */
amps_bookmark_sub *amps_bookmark_store_sub(amps_bookmark_store *store, amps_slice sub_id);
size_t             amps_bookmark_store_sub_count(amps_bookmark_store *store);
amps_bookmark_sub *amps_bookmark_store_sub_at(amps_bookmark_store *store, size_t index);
amps_slice         amps_bookmark_sub_id(const amps_bookmark_sub *sub);
/* No other sub id of any store has it as long as this program runs. 0: all tags are used up. */
uint32_t amps_bookmark_sub_tag(const amps_bookmark_sub *sub);
/* Its store is not closed, nor inherited through fork. */
bool amps_bookmark_sub_is_usable(const amps_bookmark_sub *sub);

/* The judgement, and if it is new the note, in one step. *index is 0 of one that is not noted any
 * more. Out of memory: new, index 0, told as a problem; it stays before every point that
 * most_recent gives until it came again and was noted. */
amps_bookmark_verdict amps_bookmark_receive(amps_bookmark_sub *sub, amps_slice bookmark,
                                            uint64_t *index);
/* The same for several messages, in order and in one go: each gets its index, the tag, and whether
 * it came before. true: one of them was discarded. */
typedef struct amps_bookmark_note {
    amps_bookmark         bookmark; /* if its publisher is 0 it is read from its text first */
    amps_message         *message;
    amps_bookmark_verdict verdict;
} amps_bookmark_note;
bool amps_bookmark_receive_all(amps_bookmark_sub *sub, amps_bookmark_note *notes, size_t count);
bool amps_bookmark_is_discarded(amps_bookmark_sub *sub, amps_slice bookmark);
/* Notes it, or gives the index it has. AMPS_STORE: no bookmark. */
amps_status amps_bookmark_log(amps_bookmark_sub *sub, amps_slice bookmark, uint64_t *index);
/* Unknown, or discarded before: AMPS_OK. Indexes are never used twice, not after a purge either. */
amps_status amps_bookmark_discard(amps_bookmark_sub *sub, amps_slice bookmark);
/* Of a message whose bookmark_size is not 0: by its index if this sub id gave it that. */
amps_status amps_bookmark_discard_message(amps_bookmark_sub *sub, const amps_message *message);
/* Several, in one go. */
amps_status amps_bookmark_discard_all(amps_bookmark_sub *sub, const uint64_t *indexes,
                                      size_t count);
amps_status amps_bookmark_discard_index(amps_bookmark_sub *sub, uint64_t index);
/* Counts once everything received before it is discarded. No bookmark, or an index that is no
 * longer there: AMPS_OK, nothing happens. */
amps_status amps_bookmark_persisted(amps_bookmark_sub *sub, amps_slice bookmark);
amps_status amps_bookmark_persisted_index(amps_bookmark_sub *sub, uint64_t index);

/* Forgets all of this sub id and remembers where it starts. NOW is remembered as the time of this
 * call minus AMPS_BOOKMARK_NOW_SLACK_S, until amps_bookmark_completed says better. AMPS_TOO_LARGE:
 * above AMPS_BOOKMARK_LIST_SIZE_MAX. When it fails all is as before. */
amps_status amps_bookmark_begin(amps_bookmark_sub *sub, amps_slice anchor);
/* Only remembers it. */
amps_status amps_bookmark_anchor(amps_bookmark_sub *sub, amps_slice anchor);
/* The bookmark of a completed ack replaces NOW; of any other start it means nothing. */
amps_status amps_bookmark_completed(amps_bookmark_sub *sub, amps_slice bookmark);
/* From a recovery point: its members are done. What is no number pair is kept as the anchor. */
amps_status amps_bookmark_recover(amps_bookmark_sub *sub, amps_slice list);

/* The list to start from; its size, also when it does not fit (then `out` is not to be read).
 * 0: nothing known. */
size_t   amps_bookmark_most_recent(amps_bookmark_sub *sub, char *out, size_t out_size);
uint64_t amps_bookmark_oldest(amps_bookmark_sub *sub); /* lowest undiscarded index, 0: none */
/* One list for several: per publisher the lowest sequence, and what else their lists have; EPOCH
 * for one of which nothing is known. 0: none given, or out of memory. */
size_t amps_bookmark_common(amps_bookmark_sub *const *subs, size_t count, char *out,
                            size_t out_size);

amps_status amps_bookmark_purge(amps_bookmark_sub *sub); /* forgets all of it */
amps_status amps_bookmark_store_purge(amps_bookmark_store *store);

#endif
