/* folder.h: a folder of a test's own, files in it read and written whole, and its end. */
#ifndef FOLDER_H
#define FOLDER_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"

#define PATH_SIZE 256

static char folder[PATH_SIZE / 2];

/* In memory if there is such a place: thousands of syncs would wait for a disk that others use. */
static inline void folder_make(void)
{
    const char *given = getenv("TMPDIR");
    const char *parent = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    snprintf(folder, sizeof folder, "%s/amps-XXXXXX", given != NULL ? given : parent);
    CHECK(mkdtemp(folder) != NULL);
}

/* The path of a file in it; the text is overwritten by the fourth call from now. */
static inline const char *in_folder(const char *name)
{
    static char paths[4][PATH_SIZE];
    static int  turn;
    turn = (turn + 1) % 4;
    snprintf(paths[turn], PATH_SIZE, "%s/%s", folder, name);
    return paths[turn];
}

static inline void folder_remove(void)
{
    DIR *listing = opendir(folder);
    CHECK(listing != NULL);
    for (struct dirent *entry; (entry = readdir(listing)) != NULL;) {
        unlinkat(dirfd(listing), entry->d_name, 0);
    }
    closedir(listing);
    CHECK(rmdir(folder) == 0);
}

/* The whole file, to be freed; `size` is its size. */
static inline char *bytes_of(const char *path, size_t *size)
{
    int fd = open(path, O_RDONLY);
    CHECK(fd >= 0);
    struct stat of_file;
    CHECK(fstat(fd, &of_file) == 0);
    *size = (size_t)of_file.st_size;
    char *bytes = malloc(*size + 1);
    CHECK(bytes != NULL);
    CHECK(read(fd, bytes, *size) == (ssize_t)*size);
    close(fd);
    return bytes;
}

static inline void write_bytes(const char *path, const char *bytes, size_t size)
{
    unlink(path); /* a file made new is written faster than one emptied */
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    CHECK(fd >= 0);
    CHECK(write(fd, bytes, size) == (ssize_t)size);
    CHECK(close(fd) == 0);
}

static inline void write_at(const char *path, size_t at, const void *bytes, size_t size)
{
    int fd = open(path, O_WRONLY);
    CHECK(fd >= 0);
    CHECK(pwrite(fd, bytes, size, (off_t)at) == (ssize_t)size);
    CHECK(close(fd) == 0);
}

static inline bool holds_bytes(const char *path, const char *bytes, size_t size)
{
    size_t there;
    char  *now = bytes_of(path, &there);
    bool   same = there == size && memcmp(now, bytes, size) == 0;
    free(now);
    return same;
}

#endif
