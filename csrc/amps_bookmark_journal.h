/* amps_bookmark_journal.h: the append-only log of a bookmark store: its records and its file.
 *
 * A record counts when it is whole; so a program that is killed loses nothing that was appended.
 * The file is mapped, and disk space is reserved before it is touched; it grows until it is
 * rewritten. One thread at a time, its user has the lock. */
#ifndef AMPS_BOOKMARK_JOURNAL_H
#define AMPS_BOOKMARK_JOURNAL_H

#include "amps_bookmark.h"
#include "amps_buffer.h"
#include "amps_file.h"

#define AMPS_BOOKMARK_JOURNAL_STEP_MIN ((uint64_t)1 << 16) /* bytes by which the file grows: */
#define AMPS_BOOKMARK_JOURNAL_STEP_MAX ((uint64_t)1 << 20) /* as many as it has, within these */
#define AMPS_BOOKMARK_JOURNAL_RETRY_MS                                                             \
    1000u /* after the disk was full, before it is asked again                                     \
           */
#define AMPS_BOOKMARK_PENDING_SIZE 4096u
#define AMPS_BOOKMARK_RECORD_HEAD  16u
#define AMPS_BOOKMARK_RECORD_SIZE  32u /* of one with a number pair */
#define AMPS_BOOKMARK_RECORD_SIZE_MAX                                                              \
    (AMPS_BOOKMARK_RECORD_HEAD + AMPS_BOOKMARK_LIST_SIZE_MAX + sizeof(uint64_t))

/* Their letters are in the file: they never change their meaning. */
typedef enum amps_bookmark_record_type {
    AMPS_BOOKMARK_SUB = 's',       /* gives a sub id its number: as many as there were before */
    AMPS_BOOKMARK_GROUP = 'g',     /* so many bytes of records follow that count only together */
    AMPS_BOOKMARK_RECEIVED = 'b',  /* a message */
    AMPS_BOOKMARK_DONE = 'd',      /* it was discarded */
    AMPS_BOOKMARK_PERSISTED = 'p', /* a persisted point, after all that was received */
    AMPS_BOOKMARK_MARKED = 'i',    /* the same, after this message */
    AMPS_BOOKMARK_ANCHORED = 'a',  /* where it starts */
    AMPS_BOOKMARK_FORGOTTEN = 'z', /* all of this sub id */
    AMPS_BOOKMARK_LISTED = 'r',    /* a publisher's last one that is done */
    AMPS_BOOKMARK_HIGH = 'h',      /* a publisher's highest */
} amps_bookmark_record_type;

typedef struct amps_bookmark_record {
    uint8_t       type;
    uint32_t      sub;
    amps_bookmark bookmark; /* a group's size is its `publisher`; an id, an anchor its text */
} amps_bookmark_record;

/* Puts it at the end of the bytes. AMPS_TOO_LARGE, AMPS_NO_MEMORY. */
AMPS_INTERNAL amps_status amps_bookmark_record_add(amps_buffer                *bytes,
                                                   const amps_bookmark_record *record);
/* One with a number pair, of AMPS_BOOKMARK_RECORD_SIZE. */
AMPS_INTERNAL void amps_bookmark_record_write(char *out, const amps_bookmark_record *record);
/* Its size, or 0: there is none at the start of these bytes. The text is borrowed. */
AMPS_INTERNAL size_t amps_bookmark_record_read(amps_slice bytes, amps_bookmark_record *record);

typedef struct amps_bookmark_journal {
    amps_file *file;
    char      *map;
    uint64_t   end;      /* of the records */
    uint64_t   size;     /* of the file */
    uint64_t   retry_at; /* 0: it did not fail */
    unsigned   appends;
    size_t     pending_size; /* records that the next append takes along */
    char       pending[AMPS_BOOKMARK_PENDING_SIZE];
} amps_bookmark_journal;

/* Opens the file, or makes it, and finds where its records end; nothing is changed yet. *is_damaged
 * says that there are more whole records behind that. AMPS_STORE: it is another's file, of a later
 * version, locked, ... */
AMPS_INTERNAL amps_status amps_bookmark_journal_open(const char *path, amps_failure *failure,
                                                     amps_bookmark_journal *journal,
                                                     bool                  *is_damaged);
/* Every record up to the end, groups without their heads. Stops when told anything but AMPS_OK. */
AMPS_INTERNAL amps_status amps_bookmark_journal_replay(
    amps_bookmark_journal *journal, amps_failure *failure, void *context,
    amps_status (*told)(void *context, const amps_bookmark_record *record));
/* Copies the file to another that is new. */
AMPS_INTERNAL amps_status amps_bookmark_journal_copy(const amps_bookmark_journal *journal,
                                                     const char *path, amps_failure *failure);
/* Cuts what is behind the end, and makes it ready to append. */
AMPS_INTERNAL amps_status amps_bookmark_journal_start(amps_bookmark_journal *journal,
                                                      amps_failure          *failure);
/* The disk was full a moment ago, and should not be asked for every message. */
AMPS_INTERNAL bool amps_bookmark_journal_rests(const amps_bookmark_journal *journal);
/* Whole records. When it fails there is nothing of them. */
AMPS_INTERNAL amps_status amps_bookmark_journal_append(amps_bookmark_journal *journal,
                                                       amps_slice bytes, amps_failure *failure);
/* The same for one that may be lost when the program is killed: it goes with the next append, or
 * when too many wait. */
AMPS_INTERNAL amps_status amps_bookmark_journal_add(amps_bookmark_journal *journal,
                                                    amps_slice bytes, amps_failure *failure);
/* The same file with only these records; `temporary` is written first, then takes its name. When it
 * fails the old one goes on, unless *is_new says that only the disk's consent is missing. */
AMPS_INTERNAL amps_status amps_bookmark_journal_rewrite(amps_bookmark_journal *journal,
                                                        const char *temporary, amps_slice bytes,
                                                        bool *is_new, amps_failure *failure);
AMPS_INTERNAL amps_status amps_bookmark_journal_sync(const amps_bookmark_journal *journal,
                                                     amps_failure                *failure);
AMPS_INTERNAL amps_status amps_bookmark_journal_close(amps_bookmark_journal *journal,
                                                      amps_failure          *failure);

#endif
