/* bookmark_files.h: stores with a file, opened and ended as programs do it. */
#ifndef BOOKMARK_FILES_H
#define BOOKMARK_FILES_H

#include "bookmarks.h"
#include "folder.h"

#include "amps_file.h"

static inline amps_bookmark_store *open_log(const char *name)
{
    amps_bookmark_store *store = NULL;
    amps_failure         failure = {.text = ""};
    amps_status status = amps_bookmark_store_open_log(in_folder(name), false, &failure, &store);
    if (status != AMPS_OK) {
        fprintf(stderr, "%s\n", failure.text);
    }
    CHECK_STATUS(status, AMPS_OK);
    return store;
}

static inline amps_bookmark_store *open_ring(const char *name)
{
    amps_bookmark_store *store = NULL;
    amps_failure         failure = {.text = ""};
    CHECK_STATUS(amps_bookmark_store_open_ring(in_folder(name), &failure, &store), AMPS_OK);
    return store;
}

/* Refused, with these words, and the file stays what it is. */
static inline void is_refused(bool is_ring, const char *name, const char *words)
{
    amps_bookmark_store *store = NULL;
    amps_failure         failure = {.text = ""};
    size_t               size;
    char                *bytes = bytes_of(in_folder(name), &size);
    amps_status          status =
        is_ring ? amps_bookmark_store_open_ring(in_folder(name), &failure, &store)
                         : amps_bookmark_store_open_log(in_folder(name), true, &failure, &store);
    CHECK_STATUS(status, AMPS_STORE);
    if (strstr(failure.text, words) == NULL || strstr(failure.text, name) == NULL) {
        fprintf(stderr, "%s\n", failure.text);
        CHECK(!"the words that were expected");
    }
    CHECK(store == NULL && holds_bytes(in_folder(name), bytes, size));
    free(bytes);
}

/* A disk would have to be waited for, again and again. */
static inline void folder_make_in_memory(void)
{
    if (access("/dev/shm", W_OK) == 0) {
        setenv("TMPDIR", "/dev/shm", 1);
    }
    folder_make();
}

static inline void remove_named(const char *part)
{
    DIR *listing = opendir(folder);
    CHECK(listing != NULL);
    for (struct dirent *entry; (entry = readdir(listing)) != NULL;) {
        if (strstr(entry->d_name, part) != NULL) {
            unlinkat(dirfd(listing), entry->d_name, 0);
        }
    }
    closedir(listing);
}

/* How many files of the folder have this in their name. */
static inline size_t files_named(const char *part)
{
    size_t count = 0;
    DIR   *listing = opendir(folder);
    CHECK(listing != NULL);
    for (struct dirent *entry; (entry = readdir(listing)) != NULL;) {
        count += strstr(entry->d_name, part) != NULL;
    }
    closedir(listing);
    return count;
}

#endif
