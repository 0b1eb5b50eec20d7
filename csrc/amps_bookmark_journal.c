/* amps_bookmark_journal.c: the append-only log of a bookmark store: its records and its file.
 *
 * The file: a head of HEAD_SIZE bytes (magic, version, byte order, their CRC), then records, then
 * zeros. A record: CRC of the rest, size (a multiple of 8), number of the sub id, type, form, how
 * many bytes pad it, 0; then two numbers, or text. All in this machine's byte order. */
#include "amps_bookmark_journal.h"

#include "amps_crc.h"
#include "amps_memory.h"
#include "amps_thread.h"

#define HEAD_SIZE   ((size_t)64)
#define MAGIC       "AMPSBMKL"
#define MAGIC_SIZE  8u
#define VERSION     1u
#define BYTE_ORDER  UINT32_C(0x01020304)
#define WINDOW_SIZE ((size_t)2 << 20) /* read at once: at least one whole record */
#define UNIT        sizeof(uint64_t)

#define APPENDS_UNCHECKED 64u /* so many in a row ask nobody how long the file is */

_Static_assert(WINDOW_SIZE > AMPS_BOOKMARK_RECORD_SIZE_MAX, "a record fits");

enum { OF_NUMBERS = 1, OF_TEXT = 2 };

typedef struct record_head {
    uint32_t crc;
    uint32_t size;
    uint32_t sub;
    uint8_t  type;
    uint8_t  form;
    uint8_t  padding;
    uint8_t  zero;
} record_head;

_Static_assert(sizeof(record_head) == AMPS_BOOKMARK_RECORD_HEAD, "no holes");

/* ---- Records ---------------------------------------------------------------------------------*/

static void seal(char *out, size_t size)
{
    uint32_t crc = amps_crc(0, out + sizeof crc, size - sizeof crc);
    memcpy(out, &crc, sizeof crc);
}

void amps_bookmark_record_write(char *out, const amps_bookmark_record *record)
{
    record_head head = {.size = AMPS_BOOKMARK_RECORD_SIZE,
                        .sub = record->sub,
                        .type = record->type,
                        .form = OF_NUMBERS};
    uint64_t    pair[2] = {record->bookmark.publisher, record->bookmark.sequence};
    memcpy(out, &head, sizeof head);
    memcpy(out + sizeof head, pair, sizeof pair);
    seal(out, AMPS_BOOKMARK_RECORD_SIZE);
}

amps_status amps_bookmark_record_add(amps_buffer *bytes, const amps_bookmark_record *record)
{
    char       *at;
    amps_slice  text = record->bookmark.text;
    size_t      padding = (UNIT - text.size % UNIT) % UNIT;
    size_t      size = AMPS_BOOKMARK_RECORD_HEAD + text.size + padding;
    bool        is_text = amps_bookmark_is_opaque(&record->bookmark);
    amps_status status = text.size <= AMPS_BOOKMARK_LIST_SIZE_MAX ? AMPS_OK : AMPS_TOO_LARGE;
    size = is_text ? size : AMPS_BOOKMARK_RECORD_SIZE;
    if (status == AMPS_OK) {
        status = amps_buffer_reserve(bytes, size, &at);
    }
    if (status != AMPS_OK) {
        return status;
    }
    if (is_text) {
        record_head head = {.size = (uint32_t)size,
                            .sub = record->sub,
                            .type = record->type,
                            .form = OF_TEXT,
                            .padding = (uint8_t)padding};
        memcpy(at, &head, sizeof head);
        memcpy(at + sizeof head, text.at, text.size);
        memset(at + sizeof head + text.size, 0, padding);
        seal(at, size);
    } else {
        amps_bookmark_record_write(at, record);
    }
    bytes->size += size;
    return AMPS_OK;
}

static bool is_plausible(const record_head *head, size_t size_max)
{
    return head->size >= AMPS_BOOKMARK_RECORD_HEAD && head->size <= size_max &&
           head->size <= AMPS_BOOKMARK_RECORD_SIZE_MAX && head->size % UNIT == 0 &&
           head->padding < UNIT && head->zero == 0 &&
           AMPS_BOOKMARK_RECORD_HEAD + head->padding <= head->size && head->type != 0 &&
           strchr("sgbdpiazrh", head->type) != NULL &&
           (head->form == OF_TEXT ||
            (head->form == OF_NUMBERS && head->size == AMPS_BOOKMARK_RECORD_SIZE));
}

size_t amps_bookmark_record_read(amps_slice bytes, amps_bookmark_record *record)
{
    record_head head;
    if (bytes.size < sizeof head) {
        return 0;
    }
    memcpy(&head, bytes.at, sizeof head);
    if (!is_plausible(&head, bytes.size) ||
        amps_crc(0, bytes.at + sizeof head.crc, head.size - sizeof head.crc) != head.crc) {
        return 0;
    }
    const char *rest = bytes.at + sizeof head;
    *record = (amps_bookmark_record){.type = head.type, .sub = head.sub};
    if (head.form == OF_TEXT) {
        record->bookmark.sequence = 1;
        record->bookmark.text = (amps_slice){rest, head.size - sizeof head - head.padding};
    } else {
        memcpy(&record->bookmark.publisher, rest, sizeof(uint64_t));
        memcpy(&record->bookmark.sequence, rest + sizeof(uint64_t), sizeof(uint64_t));
    }
    return head.size;
}

/* ---- Reading ---------------------------------------------------------------------------------*/

/* A window that moves over the file. */
typedef struct reader {
    const amps_file *file;
    amps_failure    *failure;
    uint64_t         size;
    char            *bytes;
    uint64_t         start;
    size_t           count;
    amps_status      status;
} reader;

static amps_status reader_init(reader *window, const amps_bookmark_journal *journal, uint64_t size,
                               amps_failure *failure)
{
    *window = (reader){.file = journal->file, .failure = failure, .size = size};
    window->bytes = amps_memory_new(WINDOW_SIZE);
    if (window->bytes == NULL) {
        amps_file_refuse(journal->file, failure, "out of memory");
        return AMPS_NO_MEMORY;
    }
    return AMPS_OK;
}

/* What the file has from there on: a whole record at least, or all. */
static amps_slice see(reader *window, uint64_t at)
{
    uint64_t left = at < window->size ? window->size - at : 0;
    uint64_t wanted = left < AMPS_BOOKMARK_RECORD_SIZE_MAX ? left : AMPS_BOOKMARK_RECORD_SIZE_MAX;
    if (at < window->start || at + wanted > window->start + window->count) {
        size_t count = left < WINDOW_SIZE ? (size_t)left : WINDOW_SIZE;
        window->status = amps_file_read(window->file, at, window->bytes, count, window->failure);
        if (window->status != AMPS_OK) {
            return (amps_slice){window->bytes, 0};
        }
        window->start = at;
        window->count = count;
    }
    size_t offset = (size_t)(at - window->start);
    return (amps_slice){window->bytes + offset, window->count - offset};
}

static size_t read_at(reader *window, uint64_t at, amps_bookmark_record *record)
{
    return amps_bookmark_record_read(see(window, at), record);
}

/* Of what counts: a group that is not there whole does not. *whole_end is where the first record
 * that is not whole would begin. */
static uint64_t find_end(reader *window, uint64_t *whole_end)
{
    amps_bookmark_record record;
    uint64_t             end = HEAD_SIZE, at = HEAD_SIZE, group_end = 0, subs = 0;
    for (;;) {
        size_t size = read_at(window, at, &record);
        bool   is_in_group = group_end > at;
        if (size == 0 || (is_in_group && at + size > group_end) ||
            (record.type == AMPS_BOOKMARK_SUB &&
             (record.sub != subs || !amps_bookmark_is_opaque(&record.bookmark))) ||
            (record.type != AMPS_BOOKMARK_SUB && record.type != AMPS_BOOKMARK_GROUP &&
             record.sub >= subs) ||
            (record.type == AMPS_BOOKMARK_GROUP &&
             (is_in_group || record.bookmark.publisher > INT64_MAX))) {
            *whole_end = at;
            return end;
        }
        subs += record.type == AMPS_BOOKMARK_SUB;
        at += size;
        if (record.type == AMPS_BOOKMARK_GROUP) {
            group_end = at + record.bookmark.publisher;
        }
        if (at >= group_end) {
            end = at;
        }
    }
}

static bool has_records_behind(reader *window, uint64_t at)
{
    amps_bookmark_record record;
    while ((at += UNIT) < window->size && window->status == AMPS_OK) {
        if (read_at(window, at, &record) > 0) {
            return true;
        }
    }
    return false;
}

amps_status
amps_bookmark_journal_replay(amps_bookmark_journal *journal, amps_failure *failure, void *context,
                             amps_status (*told)(void *context, const amps_bookmark_record *record))
{
    amps_bookmark_record record;
    reader               window;
    amps_status          status = reader_init(&window, journal, journal->end, failure);
    for (uint64_t at = HEAD_SIZE; status == AMPS_OK && at < journal->end;) {
        size_t size = read_at(&window, at, &record);
        at += size;
        status = window.status;
        if (status == AMPS_OK && size == 0) {
            status = amps_file_refuse(journal->file, failure, "it changed while it was read");
        } else if (status == AMPS_OK && record.type != AMPS_BOOKMARK_GROUP) {
            status = told(context, &record);
        }
    }
    amps_memory_free(window.bytes);
    return status;
}

/* ---- Opening ---------------------------------------------------------------------------------*/

static void make_head(char head[HEAD_SIZE])
{
    uint32_t words[2] = {VERSION, BYTE_ORDER};
    memset(head, 0, HEAD_SIZE);
    memcpy(head, MAGIC, MAGIC_SIZE);
    memcpy(head + MAGIC_SIZE, words, sizeof words);
    uint32_t crc = amps_crc(0, head, MAGIC_SIZE + sizeof words);
    memcpy(head + MAGIC_SIZE + sizeof words, &crc, sizeof crc);
}

static amps_status check_head(const amps_bookmark_journal *journal, amps_failure *failure)
{
    char     head[HEAD_SIZE], expected[HEAD_SIZE];
    uint32_t words[2];
    if (journal->size < HEAD_SIZE) {
        return amps_file_refuse(journal->file, failure, "it is no log of bookmarks: too short");
    }
    amps_status status = amps_file_read(journal->file, 0, head, HEAD_SIZE, failure);
    if (status != AMPS_OK) {
        return status;
    }
    memcpy(words, head + MAGIC_SIZE, sizeof words);
    make_head(expected);
    if (memcmp(head, MAGIC, MAGIC_SIZE) != 0) {
        return amps_file_refuse(journal->file, failure, "it is no log of bookmarks");
    }
    if (words[1] != BYTE_ORDER) {
        return amps_file_refuse(journal->file, failure, "it has another machine's byte order");
    }
    if (words[0] != VERSION) {
        return amps_file_refuse(journal->file, failure, "its version is %u, this program knows %u",
                                words[0], VERSION);
    }
    return memcmp(head, expected, HEAD_SIZE) == 0
               ? AMPS_OK
               : amps_file_refuse(journal->file, failure, "its head is damaged");
}

static amps_status examine(amps_bookmark_journal *journal, bool *is_damaged, amps_failure *failure)
{
    reader      window;
    amps_status status = check_head(journal, failure);
    if (status != AMPS_OK || (status = reader_init(&window, journal, journal->size, failure))) {
        return status;
    }
    uint64_t whole_end;
    journal->end = find_end(&window, &whole_end);
    *is_damaged = has_records_behind(&window, whole_end);
    amps_memory_free(window.bytes);
    return window.status;
}

amps_status amps_bookmark_journal_open(const char *path, amps_failure *failure,
                                       amps_bookmark_journal *journal, bool *is_damaged)
{
    memset(journal, 0, sizeof *journal);
    *is_damaged = false;
    amps_status status = amps_file_open(path, &journal->file, failure);
    if (status != AMPS_OK) {
        return status;
    }
    status = amps_file_size(journal->file, &journal->size, failure);
    if (status == AMPS_OK && journal->size > 0) {
        status = examine(journal, is_damaged, failure);
    }
    if (status != AMPS_OK) {
        amps_file_close(journal->file);
    }
    return status;
}

amps_status amps_bookmark_journal_copy(const amps_bookmark_journal *journal, const char *path,
                                       amps_failure *failure)
{
    amps_file  *copy;
    char       *bytes = amps_memory_new(WINDOW_SIZE);
    uint64_t    end = 0, there = 0;
    amps_status status = bytes != NULL ? amps_file_open(path, &copy, failure) : AMPS_NO_MEMORY;
    if (status != AMPS_OK) {
        amps_memory_free(bytes);
        return status;
    }
    status = amps_file_size(copy, &there, failure);
    if (status == AMPS_OK && there > 0) {
        status = amps_file_refuse(copy, failure, "it is there already");
    }
    while (status == AMPS_OK && end < journal->size) {
        uint64_t left = journal->size - end;
        size_t   piece = left < WINDOW_SIZE ? (size_t)left : WINDOW_SIZE;
        status = amps_file_read(journal->file, end, bytes, piece, failure);
        if (status == AMPS_OK) {
            status = amps_file_append(copy, &end, (amps_slice){bytes, piece}, failure);
        }
    }
    if (status == AMPS_OK) {
        status = amps_file_sync(copy, failure);
    }
    amps_file_close(copy);
    amps_memory_free(bytes);
    return status;
}

/* ---- Growing ---------------------------------------------------------------------------------*/

/* Room for so many more bytes, mapped. What is behind the end is all zeros then. */
static amps_status make_room(amps_bookmark_journal *journal, size_t wanted, amps_failure *failure)
{
    uint64_t step = journal->size < AMPS_BOOKMARK_JOURNAL_STEP_MAX ? journal->size
                                                                   : AMPS_BOOKMARK_JOURNAL_STEP_MAX;
    step = step > AMPS_BOOKMARK_JOURNAL_STEP_MIN ? step : AMPS_BOOKMARK_JOURNAL_STEP_MIN;
    uint64_t    size = journal->size + (wanted / step + 1) * step;
    amps_status status = AMPS_OK;
    if (size > SIZE_MAX / 2) {
        return amps_file_refuse(journal->file, failure, "it is too large to be mapped");
    }
    status = amps_file_reserve(journal->file, journal->size, size, failure);
    if (status == AMPS_OK) {
        status = amps_file_map(journal->file, (size_t)size, &journal->map, failure);
    }
    if (status == AMPS_OK) {
        journal->size = size;
    }
    return status;
}

amps_status amps_bookmark_journal_start(amps_bookmark_journal *journal, amps_failure *failure)
{
    char        head[HEAD_SIZE];
    amps_status status = AMPS_OK;
    if (journal->size == 0) {
        make_head(head);
        status =
            amps_file_append(journal->file, &journal->end, (amps_slice){head, HEAD_SIZE}, failure);
        if (status == AMPS_OK) {
            status = amps_file_sync_name(journal->file, failure);
        }
    } else if (journal->size > journal->end) {
        status = amps_file_truncate(journal->file, journal->end, failure);
    }
    if (status != AMPS_OK) {
        return status;
    }
    journal->size = journal->end;
    return make_room(journal, 0, failure);
}

bool amps_bookmark_journal_rests(const amps_bookmark_journal *journal)
{
    return AMPS_UNLIKELY(journal->retry_at != 0) && amps_clock_now() < journal->retry_at;
}

/* Has a byte of it been touched that the file no longer has? */
static amps_status check_lost(const amps_bookmark_journal *journal, amps_failure *failure)
{
    const amps_map_watch *watch = amps_file_watch(journal->file);
    return AMPS_LIKELY(watch == NULL || !amps_map_watch_is_lost(watch))
               ? AMPS_OK
               : amps_file_refuse(journal->file, failure,
                                  "a part of it is gone: another has cut it, or the disk fails");
}

/* Asking takes longer than appending: where the map is watched it is asked now and then, for a file
 * cut in the middle of a page. What is lost then is its end, which costs duplicates only. */
static amps_status check_size(amps_bookmark_journal *journal, amps_failure *failure)
{
    uint64_t there;
    if (journal->appends++ % APPENDS_UNCHECKED != 0 && amps_file_watch(journal->file) != NULL) {
        return AMPS_OK;
    }
    amps_status status = amps_file_size(journal->file, &there, failure);
    if (AMPS_LIKELY(status == AMPS_OK) && AMPS_UNLIKELY(there < journal->size)) {
        journal->appends = 0; /* the next one asks, too */
        status = amps_file_refuse(journal->file, failure, "another has cut it, to %llu bytes",
                                  (unsigned long long)there);
    }
    return status;
}

static amps_status ready(amps_bookmark_journal *journal, size_t wanted, amps_failure *failure)
{
    amps_status status = check_lost(journal, failure);
    if (AMPS_UNLIKELY(status == AMPS_OK && journal->size - journal->end < wanted)) {
        status = make_room(journal, wanted, failure);
    }
    return AMPS_LIKELY(status == AMPS_OK) ? check_size(journal, failure) : status;
}

amps_status amps_bookmark_journal_append(amps_bookmark_journal *journal, amps_slice bytes,
                                         amps_failure *failure)
{
    size_t      pending = journal->pending_size;
    amps_status status = ready(journal, pending + bytes.size, failure);
    if (AMPS_LIKELY(status == AMPS_OK)) {
        char *at = journal->map + journal->end;
        memcpy(at, journal->pending, pending);
        if (bytes.size > 0) {
            memcpy(at + pending, bytes.at, bytes.size);
        }
        status = check_lost(journal, failure);
    }
    if (AMPS_UNLIKELY(status != AMPS_OK)) {
        journal->retry_at = amps_clock_in_ms(AMPS_BOOKMARK_JOURNAL_RETRY_MS);
        return status;
    }
    journal->end += pending + bytes.size;
    journal->pending_size = 0;
    journal->retry_at = 0;
    return AMPS_OK;
}

amps_status amps_bookmark_journal_add(amps_bookmark_journal *journal, amps_slice bytes,
                                      amps_failure *failure)
{
    if (sizeof journal->pending - journal->pending_size < bytes.size) {
        return amps_bookmark_journal_append(journal, bytes, failure);
    }
    memcpy(journal->pending + journal->pending_size, bytes.at, bytes.size);
    journal->pending_size += bytes.size;
    return AMPS_OK;
}

/* ---- Rewriting and closing -------------------------------------------------------------------*/

static amps_status write_new(amps_bookmark_journal *fresh, amps_slice bytes, amps_failure *failure)
{
    char        head[HEAD_SIZE];
    amps_status status = amps_file_truncate(fresh->file, 0, failure);
    make_head(head);
    if (status == AMPS_OK) {
        status = amps_file_append(fresh->file, &fresh->end, (amps_slice){head, HEAD_SIZE}, failure);
    }
    if (status == AMPS_OK) {
        status = amps_file_append(fresh->file, &fresh->end, bytes, failure);
    }
    fresh->size = fresh->end;
    if (status == AMPS_OK) {
        status = make_room(fresh, 0, failure);
    }
    return status == AMPS_OK ? amps_file_sync(fresh->file, failure) : status;
}

amps_status amps_bookmark_journal_rewrite(amps_bookmark_journal *journal, const char *temporary,
                                          amps_slice bytes, bool *is_new, amps_failure *failure)
{
    amps_bookmark_journal fresh = {.end = 0};
    const char           *path = amps_file_path(journal->file);
    amps_status           status = amps_file_open(temporary, &fresh.file, failure);
    *is_new = false;
    if (status != AMPS_OK) {
        return status;
    }
    status = write_new(&fresh, bytes, failure);
    if (status == AMPS_OK) {
        status = amps_file_rename(fresh.file, path, failure);
        *is_new = status == AMPS_OK || strcmp(amps_file_path(fresh.file), path) == 0;
    }
    amps_file_close(*is_new ? journal->file : fresh.file);
    if (*is_new) {
        *journal = fresh;
    }
    return status;
}

amps_status amps_bookmark_journal_sync(const amps_bookmark_journal *journal, amps_failure *failure)
{
    return amps_file_sync(journal->file, failure);
}

amps_status amps_bookmark_journal_close(amps_bookmark_journal *journal, amps_failure *failure)
{
    amps_status status = AMPS_OK;
    if (journal->pending_size > 0) {
        status = amps_bookmark_journal_append(journal, (amps_slice){NULL, 0}, failure);
    }
    if (status == AMPS_OK) {
        status = amps_file_truncate(journal->file, journal->end, failure);
    }
    amps_status synced = amps_file_sync(journal->file, status == AMPS_OK ? failure : NULL);
    amps_file_close(journal->file);
    journal->file = NULL;
    return status != AMPS_OK ? status : synced;
}
