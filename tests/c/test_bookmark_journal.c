/* test_bookmark_journal.c: records, and a log that is cut or damaged at any byte (case 71). */
#include "amps_bookmark_journal.h"
#include "bookmark_files.h"

#define HEAD_SIZE 64u
#define STEPS     COUNT_OF(steps)

/* What is done after the start; each is one record. */
static const char *const steps[] = {"bA1", "bA2", "bB1", "dA2", "bA3", "pZ1", "dA1",
                                    "dB1", "bA4", "dA4", "bB2", "pZ2", "dA3", "dB2"};

static void do_step(amps_bookmark_sub *sub, const char *what)
{
    if (what[0] == 'b') {
        new_one(sub, what + 1);
    } else if (what[0] == 'd') {
        discard(sub, what + 1);
    } else {
        persisted(sub, what + 1);
    }
}

/* All that a store knows, in text. A message more comes first: the list is that of a live one. */
static void look(amps_bookmark_store *store, char out[512])
{
    static const char *const asked[] = {"A1", "A2", "A3", "A4", "B1", "B2", "Z1"};
    char                     text[TEXT_SIZE];
    amps_bookmark_sub       *sub = sub_of(store, "s");
    new_one(sub, "P1");
    size_t size = amps_bookmark_most_recent(sub, out, 256);
    for (size_t i = 0; i < COUNT_OF(asked); i++) {
        out[size++] = amps_bookmark_is_discarded(sub, wire(asked[i], text)) ? 'd' : '-';
    }
    out[size] = '\0';
    amps_bookmark_store_drop(store);
}

static char   expected[STEPS + 2][512]; /* [0]: of nothing; [1]: of the start */
static size_t start_size;               /* of a log with the start alone */

static void learn_what_is_expected(void)
{
    look(new_store(), expected[0]);
    for (size_t count = 0; count <= STEPS; count++) {
        amps_bookmark_store *store = new_store();
        begin(sub_of(store, "s"), "0");
        for (size_t i = 0; i < count; i++) {
            do_step(sub_of(store, "s"), steps[i]);
        }
        look(store, expected[count + 1]);
    }
}

static char *make_log(size_t *size)
{
    amps_bookmark_store *store = open_log("log");
    begin(sub_of(store, "s"), "0");
    amps_bookmark_store_drop(store);
    free(bytes_of(in_folder("log"), &start_size));
    store = open_log("log");
    for (size_t i = 0; i < STEPS; i++) {
        do_step(sub_of(store, "s"), steps[i]);
    }
    amps_bookmark_store_drop(store);
    char *bytes = bytes_of(in_folder("log"), size);
    CHECK_NUMBER(*size, start_size + STEPS * AMPS_BOOKMARK_RECORD_SIZE);
    return bytes;
}

/* How many entries of `expected` are whole up to this byte. */
static size_t known_until(size_t at)
{
    return at < start_size ? 0 : 1 + (at - start_size) / AMPS_BOOKMARK_RECORD_SIZE;
}

static void knows(size_t known, bool is_damaged)
{
    char                 found[512];
    amps_bookmark_store *store = open_log("log");
    CHECK((amps_bookmark_store_trouble(store) != NULL) == is_damaged);
    CHECK_NUMBER(files_named("corrupt"), is_damaged);
    look(store, found);
    CHECK_TEXT(amps_slice_of(found), expected[known]);
}

static void a_log_cut_anywhere_knows_what_came_before(void)
{
    size_t size;
    char  *bytes = make_log(&size);
    for (size_t cut = HEAD_SIZE; cut <= size; cut++) {
        write_bytes(in_folder("log"), bytes, cut);
        knows(known_until(cut), false);
    }
    for (size_t cut = 1; cut < HEAD_SIZE; cut++) {
        write_bytes(in_folder("log"), bytes, cut);
        is_refused(false, "log", "no log of bookmarks");
    }
    free(bytes);
    unlink(in_folder("log"));
}

static void a_byte_damaged_anywhere_costs_what_comes_after_and_a_copy_is_made(void)
{
    static const char flips[] = {1, (char)0x80, (char)0xff};
    size_t            size;
    char             *bytes = make_log(&size);
    for (size_t at = HEAD_SIZE; at < size; at++) {
        for (size_t i = 0; i < COUNT_OF(flips); i++) {
            bytes[at] = (char)(bytes[at] ^ flips[i]);
            write_bytes(in_folder("log"), bytes, size);
            knows(known_until(at), at < size - AMPS_BOOKMARK_RECORD_SIZE);
            if (files_named("corrupt") > 0 && i == 0 && at == size / 2) {
                CHECK_NUMBER(files_named("log.corrupt-20"), 1);
            }
            remove_named("corrupt");
            bytes[at] = (char)(bytes[at] ^ flips[i]);
        }
    }
    free(bytes);
    unlink(in_folder("log"));
}

static void a_damaged_head_is_refused(void)
{
    size_t size;
    char  *bytes = make_log(&size);
    for (size_t at = 0; at < HEAD_SIZE; at++) {
        bytes[at] ^= 1;
        write_bytes(in_folder("log"), bytes, size);
        is_refused(false, "log", "log");
        bytes[at] ^= 1;
    }
    free(bytes);
    unlink(in_folder("log"));
}

static void where_no_copy_can_be_made_the_damaged_file_stays(void)
{
    size_t size;
    char  *bytes = make_log(&size);
    bytes[size / 2] ^= 1;
    write_bytes(in_folder("log"), bytes, size);
    for (uint64_t n = 1; n < 30; n++) {
        amps_bookmark_store *store = NULL;
        amps_failure         failure;
        amps_file_fail_at(n, true, EIO);
        amps_status status =
            amps_bookmark_store_open_log(in_folder("log"), false, &failure, &store);
        amps_file_fail_at(0, false, 0);
        if (status == AMPS_OK) {
            CHECK(files_named("corrupt") == 1 && amps_bookmark_store_trouble(store) != NULL);
            amps_bookmark_store_drop(store);
            break;
        }
        CHECK_STATUS(status, AMPS_STORE);
        CHECK(holds_bytes(in_folder("log"), bytes, size) || files_named("corrupt") > 0);
        write_bytes(in_folder("log"), bytes, size);
        remove_named("corrupt");
    }
    CHECK_NUMBER(files_named("corrupt"), 1);
    remove_named("corrupt");
    free(bytes);
    unlink(in_folder("log"));
}

/* ---- Records ---------------------------------------------------------------------------------*/

static void a_record_is_read_as_it_was_written(void)
{
    amps_buffer                bytes;
    amps_bookmark_record       read;
    const amps_bookmark_record records[] = {
        {'b', 7, {UINT64_MAX, 1, {NULL, 0}}}, {'a', 0, {0, 1, BYTES("a")}},
        {'a', 1, {0, 1, BYTES("12345678")}},  {'s', UINT32_MAX, {0, 1, BYTES("")}},
        {'g', 3, {0, 0, {NULL, 0}}},
    };
    for (size_t i = 0; i < COUNT_OF(records); i++) {
        amps_buffer_init(&bytes, 4096);
        CHECK_STATUS(amps_bookmark_record_add(&bytes, &records[i]), AMPS_OK);
        char *tight = exactly((amps_slice){bytes.at, bytes.size});
        CHECK_NUMBER(amps_bookmark_record_read((amps_slice){tight, bytes.size}, &read), bytes.size);
        CHECK(read.type == records[i].type && read.sub == records[i].sub);
        CHECK(read.bookmark.publisher == records[i].bookmark.publisher);
        CHECK(read.bookmark.sequence == records[i].bookmark.sequence);
        CHECK(amps_slice_equal(read.bookmark.text, records[i].bookmark.text));
        for (size_t size = 0; size < bytes.size; size++) {
            CHECK_NUMBER(amps_bookmark_record_read((amps_slice){tight, size}, &read), 0);
        }
        free(tight);
        amps_buffer_fini(&bytes);
    }
}

static void random_bytes_are_no_record(void)
{
    uint64_t             random = 11, bytes[16];
    amps_bookmark_record record;
    for (int turn = 0; turn < 100000; turn++) {
        for (size_t i = 0; i < COUNT_OF(bytes); i++) {
            bytes[i] = check_random(&random);
        }
        bytes[0] = (bytes[0] & UINT32_MAX) | (uint64_t)32 << 32;
        CHECK_NUMBER(
            amps_bookmark_record_read((amps_slice){(const char *)bytes, sizeof bytes}, &record), 0);
    }
}

int main(void)
{
    folder_make_in_memory();
    learn_what_is_expected();
    RUN(a_log_cut_anywhere_knows_what_came_before);
    RUN(a_byte_damaged_anywhere_costs_what_comes_after_and_a_copy_is_made);
    RUN(a_damaged_head_is_refused);
    RUN(where_no_copy_can_be_made_the_damaged_file_stays);
    RUN(a_record_is_read_as_it_was_written);
    RUN(random_bytes_are_no_record);
    folder_remove();
    return 0;
}
