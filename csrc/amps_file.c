/* amps_file.c: files on disk: opening with a lock, reading, writing, reserving, mapping, renaming.
 */
#include "amps_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "amps_memory.h"
#include "amps_thread.h"

#define MODE          0666 /* what the umask leaves of it */
#define OPENS_MAX     16   /* while others keep renaming over the path */
#define ZEROS_SIZE    ((size_t)1 << 16)
#define NOTED_MAX     256 /* open files that a fork's child closes at once */
#define FILE_SIZE_MAX ((uint64_t)INT64_MAX)

struct amps_file {
    int             fd;
    _Atomic int    *noted; /* where the fd is noted for a fork's child; NULL: nowhere */
    unsigned        born;  /* the fork generation */
    char           *path;
    char           *map; /* NULL: not mapped */
    size_t          map_size;
    amps_map_watch *watch;
};

/* ---- Failing on demand ---------------------------------------------------------------------- */

static _Atomic uint64_t requests_left; /* until one fails; 0: none will */
static _Atomic bool     failing_forever;
static _Atomic int      failing_with;

void amps_file_fail_at(uint64_t n, bool forever, int error)
{
    atomic_store(&failing_with, error);
    atomic_store(&failing_forever, forever);
    atomic_store(&requests_left, n);
}

static bool count_off(void)
{
    uint64_t left = atomic_load(&requests_left);
    while (left != 0) {
        bool     last = left == 1;
        uint64_t next = last && atomic_load(&failing_forever) ? 1 : left - 1;
        if (atomic_compare_exchange_weak(&requests_left, &left, next)) {
            return last;
        }
    }
    return false;
}

/* True: this request must fail, and errno says how. */
static bool must_fail(void)
{
    if (AMPS_LIKELY(atomic_load_explicit(&requests_left, memory_order_relaxed) == 0) ||
        !count_off()) {
        return false;
    }
    errno = atomic_load(&failing_with);
    return true;
}

/* ---- Failures in words ---------------------------------------------------------------------- */

static amps_status tell(const char *path, amps_failure *failure, int error, const char *what)
{
    char reason[128];
    if (failure != NULL) {
        *failure = (amps_failure){.status = AMPS_STORE, .error = error};
        snprintf(failure->text, sizeof failure->text, "%s: %s: %s", path, what,
                 amps_error_text(error, reason, sizeof reason));
    }
    return AMPS_STORE;
}

static amps_status failed(const amps_file *file, amps_failure *failure, const char *what)
{
    return tell(file->path, failure, errno, what);
}

static amps_status no_memory(amps_failure *failure)
{
    if (failure != NULL) {
        *failure = (amps_failure){.status = AMPS_NO_MEMORY};
        snprintf(failure->text, sizeof failure->text, "%s", amps_status_text(AMPS_NO_MEMORY));
    }
    return AMPS_NO_MEMORY;
}

amps_status amps_file_refuse(const amps_file *file, amps_failure *failure, const char *format, ...)
{
    if (failure != NULL) {
        char    reason[256];
        va_list values;
        va_start(values, format);
        vsnprintf(reason, sizeof reason, format, values);
        va_end(values);
        *failure = (amps_failure){.status = AMPS_STORE};
        snprintf(failure->text, sizeof failure->text, "%s: %s", file->path, reason);
    }
    return AMPS_STORE;
}

/* ---- Forks: a lock lives as long as any process has the file open, and must not outlive ours --
 */

static _Atomic int noted_fds[NOTED_MAX]; /* fd + 1; 0: free */

static void close_noted(void)
{
    for (size_t at = 0; at < NOTED_MAX; at++) {
        int fd = atomic_exchange(&noted_fds[at], 0) - 1;
        if (fd >= 0) {
            close(fd);
        }
    }
}

/* One more than there is room for is closed in the child when it lets go of it, or ends. */
static _Atomic int *note_fd(int fd)
{
    amps_fork_tell(close_noted);
    for (size_t at = 0; at < NOTED_MAX; at++) {
        int nobody = 0;
        if (atomic_compare_exchange_strong(&noted_fds[at], &nobody, fd + 1)) {
            return &noted_fds[at];
        }
    }
    return NULL;
}

/* ---- Opening and closing -------------------------------------------------------------------- */

static int open_locked(const char *path, amps_failure *failure)
{
    int flags = O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK; /* a pipe must not make us wait */
    int fd = must_fail() ? -1 : open(path, flags, MODE);
    if (fd < 0) {
        tell(path, failure, errno, "cannot open it");
        return -1;
    }
    struct stat of_file;
    if (must_fail() || fstat(fd, &of_file) != 0) {
        tell(path, failure, errno, "cannot look at it");
    } else if (!S_ISREG(of_file.st_mode)) {
        tell(path, failure, EINVAL, "it is not a regular file");
    } else if (must_fail() || flock(fd, LOCK_EX | LOCK_NB) != 0) {
        tell(path, failure, errno,
             errno == EWOULDBLOCK ? "another store has it open" : "cannot lock it");
    } else {
        return fd;
    }
    close(fd);
    return -1;
}

/* False: the path is now another file's, renamed over ours while we waited for nothing. */
static bool is_at(int fd, const char *path)
{
    struct stat of_file, of_path;
    return fstat(fd, &of_file) == 0 && stat(path, &of_path) == 0 &&
           of_file.st_dev == of_path.st_dev && of_file.st_ino == of_path.st_ino;
}

static amps_status open_path(const char *path, int *fd, amps_failure *failure)
{
    for (int turn = 0; turn < OPENS_MAX; turn++) {
        *fd = open_locked(path, failure);
        if (*fd < 0) {
            return AMPS_STORE;
        }
        if (is_at(*fd, path)) {
            return AMPS_OK;
        }
        close(*fd);
    }
    return tell(path, failure, EBUSY, "other files take its name all the time");
}

static char *copy_of(const char *path)
{
    size_t size = strlen(path) + 1;
    char  *copy = amps_memory_new(size);
    if (copy != NULL) {
        memcpy(copy, path, size);
    }
    return copy;
}

amps_status amps_file_open(const char *path, amps_file **out, amps_failure *failure)
{
    amps_file *file = amps_memory_new_zeroed(sizeof *file);
    if (file == NULL || (file->path = copy_of(path)) == NULL) {
        amps_memory_free(file);
        return no_memory(failure);
    }
    amps_status status = open_path(path, &file->fd, failure);
    if (status != AMPS_OK) {
        amps_memory_free(file->path);
        amps_memory_free(file);
        return status;
    }
    file->born = amps_fork_generation();
    file->noted = note_fd(file->fd);
    *out = file;
    return AMPS_OK;
}

/* What was noted has been closed by the fork, and the number may be another file's by now. */
static void close_fd(amps_file *file)
{
    if (file->noted != NULL && file->born != amps_fork_generation()) {
        return;
    }
    if (file->noted != NULL) {
        atomic_store(file->noted, 0);
    }
    close(file->fd);
}

void amps_file_close(amps_file *file)
{
    if (file != NULL && file->map != NULL) {
        munmap(file->map, file->map_size);
    }
    amps_file_abandon(file);
}

void amps_file_abandon(amps_file *file)
{
    if (file != NULL) {
        close_fd(file);
        amps_map_watch_free(file->watch);
        amps_memory_free(file->path);
        amps_memory_free(file);
    }
}

const char *amps_file_path(const amps_file *file) { return file->path; }

/* ---- Reading and writing -------------------------------------------------------------------- */

/* By the end, not by fstat: half the price, and the file's position is nobody's. */
amps_status amps_file_size(const amps_file *file, uint64_t *size, amps_failure *failure)
{
    off_t end = must_fail() ? -1 : lseek(file->fd, 0, SEEK_END);
    if (AMPS_UNLIKELY(end < 0)) {
        return failed(file, failure, "cannot learn its size");
    }
    *size = (uint64_t)end;
    return AMPS_OK;
}

amps_status amps_file_modified(const amps_file *file, uint64_t *unix_s, amps_failure *failure)
{
    struct stat of_file;
    if (must_fail() || fstat(file->fd, &of_file) != 0) {
        return failed(file, failure, "cannot look at it");
    }
    *unix_s = of_file.st_mtime > 0 ? (uint64_t)of_file.st_mtime : 0;
    return AMPS_OK;
}

amps_status amps_file_read(const amps_file *file, uint64_t at, char *out, size_t size,
                           amps_failure *failure)
{
    while (size > 0) {
        ssize_t got = must_fail() ? -1 : pread(file->fd, out, size, (off_t)at);
        if (got == 0) {
            return amps_file_refuse(file, failure, "it ends at byte %llu, in the middle",
                                    (unsigned long long)at);
        }
        if (got < 0 && errno != EINTR) {
            return failed(file, failure, "cannot read it");
        }
        size_t moved = got > 0 ? (size_t)got : 0;
        out += moved;
        at += moved;
        size -= moved;
    }
    return AMPS_OK;
}

amps_status amps_file_read_all(const amps_file *file, size_t size_max, char **bytes, size_t *size,
                               amps_failure *failure)
{
    uint64_t    there;
    amps_status status = amps_file_size(file, &there, failure);
    if (status != AMPS_OK) {
        return status;
    }
    if (there > size_max) {
        return amps_file_refuse(file, failure, "it has %llu bytes, %zu are the most",
                                (unsigned long long)there, size_max);
    }
    char *block = amps_memory_new((size_t)there);
    if (block == NULL) {
        return no_memory(failure);
    }
    status = amps_file_read(file, 0, block, (size_t)there, failure);
    if (status != AMPS_OK) {
        amps_memory_free(block);
        return status;
    }
    *bytes = block;
    *size = (size_t)there;
    return AMPS_OK;
}

static ssize_t write_some(int fd, const char *at, size_t size, uint64_t offset)
{
    if (AMPS_UNLIKELY(must_fail())) {
        int error = errno;
        if (pwrite(fd, at, size / 2, (off_t)offset) < 0) {
            return -1;
        }
        errno = error;
        return -1;
    }
    return pwrite(fd, at, size, (off_t)offset);
}

amps_status amps_file_write(const amps_file *file, uint64_t at, amps_slice bytes,
                            amps_failure *failure)
{
    if (at > FILE_SIZE_MAX || bytes.size > FILE_SIZE_MAX - at) {
        errno = EFBIG;
        return failed(file, failure, "cannot write to it");
    }
    while (bytes.size > 0) {
        ssize_t put = write_some(file->fd, bytes.at, bytes.size, at);
        if (put < 0 && errno != EINTR) {
            return failed(file, failure, "cannot write to it");
        }
        size_t moved = put > 0 ? (size_t)put : 0;
        bytes.at += moved;
        bytes.size -= moved;
        at += moved;
    }
    return AMPS_OK;
}

amps_status amps_file_append(const amps_file *file, uint64_t *end, amps_slice bytes,
                             amps_failure *failure)
{
    amps_status status = amps_file_write(file, *end, bytes, failure);
    if (status != AMPS_OK) {
        amps_file_truncate(file, *end, NULL);
        return status;
    }
    *end += bytes.size;
    return AMPS_OK;
}

/* ---- How much disk, and when it is there ---------------------------------------------------- */

amps_status amps_file_truncate(const amps_file *file, uint64_t size, amps_failure *failure)
{
    int result;
    do {
        result = must_fail() ? -1 : ftruncate(file->fd, (off_t)size);
    } while (result != 0 && errno == EINTR);
    return result == 0 ? AMPS_OK : failed(file, failure, "cannot change its size");
}

/* What no file system can fail to do: bytes that are written have their place. */
static amps_status write_zeros(const amps_file *file, uint64_t from, uint64_t size,
                               amps_failure *failure)
{
    static const char zeros[ZEROS_SIZE];
    amps_status       status = AMPS_OK;
    while (from < size && status == AMPS_OK) {
        uint64_t left = size - from;
        size_t   piece = left < ZEROS_SIZE ? (size_t)left : ZEROS_SIZE;
        status = amps_file_write(file, from, (amps_slice){zeros, piece}, failure);
        from += piece;
    }
    return status;
}

static int allocate(int fd, uint64_t from, uint64_t size)
{
#ifdef __APPLE__
    (void)fd, (void)from, (void)size;
    return EOPNOTSUPP;
#else
    int error;
    do {
        error = must_fail() ? errno : posix_fallocate(fd, (off_t)from, (off_t)(size - from));
    } while (error == EINTR);
    return error;
#endif
}

amps_status amps_file_reserve(const amps_file *file, uint64_t from, uint64_t size,
                              amps_failure *failure)
{
    amps_status status = amps_file_truncate(file, from, failure);
    if (status != AMPS_OK || size <= from) {
        return status;
    }
    int error = size <= FILE_SIZE_MAX ? allocate(file->fd, from, size) : EFBIG;
    if (error == EOPNOTSUPP || error == EINVAL || error == ENOSYS) {
        status = write_zeros(file, from, size, failure);
    } else if (error != 0) {
        errno = error;
        status = failed(file, failure, "cannot get more room on the disk");
    }
    if (status != AMPS_OK) {
        amps_file_truncate(file, from, NULL);
    }
    return status;
}

static int sync_fd(int fd)
{
    int result;
    do {
#ifdef __APPLE__
        result = must_fail() ? -1 : fcntl(fd, F_FULLFSYNC);
#else
        result = must_fail() ? -1 : fsync(fd);
#endif
    } while (result != 0 && errno == EINTR);
    return result;
}

amps_status amps_file_sync(const amps_file *file, amps_failure *failure)
{
#ifndef __linux__ /* there fsync writes what is mapped, too */
    if (file->map != NULL && msync(file->map, file->map_size, MS_SYNC) != 0) {
        return failed(file, failure, "cannot write it to the disk");
    }
#endif
    return sync_fd(file->fd) == 0 ? AMPS_OK : failed(file, failure, "cannot write it to the disk");
}

amps_status amps_file_sync_name(const amps_file *file, amps_failure *failure)
{
    const char *slash = strrchr(file->path, '/');
    char       *folder = copy_of(slash != NULL ? file->path : ".");
    if (folder == NULL) {
        return no_memory(failure);
    }
    if (slash != NULL) {
        folder[slash == file->path ? 1 : slash - file->path] = '\0';
    }
    int fd = must_fail() ? -1 : open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    amps_memory_free(folder);
    bool written = fd >= 0 && (sync_fd(fd) == 0 || errno == EINVAL); /* some cannot, and need not */
    int  error = errno;
    if (fd >= 0) {
        close(fd);
    }
    return written ? AMPS_OK : tell(file->path, failure, error, "cannot write its folder to disk");
}

amps_status amps_file_rename(amps_file *file, const char *path, amps_failure *failure)
{
    char *copy = copy_of(path);
    if (copy == NULL) {
        return no_memory(failure);
    }
    if (must_fail() || rename(file->path, path) != 0) {
        amps_memory_free(copy);
        return failed(file, failure, "cannot rename it");
    }
    amps_memory_free(file->path);
    file->path = copy;
    return amps_file_sync_name(file, failure);
}

/* ---- Mapping -------------------------------------------------------------------------------- */

static char *map_anew(amps_file *file, size_t size)
{
#ifdef __linux__
    if (file->map != NULL) {
        return mremap(file->map, file->map_size, size, MREMAP_MAYMOVE);
    }
#endif
    char *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, file->fd, 0);
    if (at == MAP_FAILED) {
        return at;
    }
#ifdef __linux__
    if (madvise(at, size, MADV_DONTFORK) != 0) {
#else
    if (minherit(at, size, VM_INHERIT_NONE) != 0) {
#endif
        munmap(at, size);
        return MAP_FAILED;
    }
#ifndef __linux__
    if (file->map != NULL) {
        munmap(file->map, file->map_size);
    }
#endif
    return at;
}

amps_status amps_file_map(amps_file *file, size_t size, char **at, amps_failure *failure)
{
    char *map = must_fail() ? MAP_FAILED : map_anew(file, size);
    if (map == MAP_FAILED) {
        return failed(file, failure, "cannot map it");
    }
    file->map = map;
    file->map_size = size;
    if (file->watch == NULL) {
        file->watch = amps_map_watch_new();
    }
    if (file->watch != NULL) {
        amps_map_watch_move(file->watch, map, size);
    }
    *at = map;
    return AMPS_OK;
}

const amps_map_watch *amps_file_watch(const amps_file *file) { return file->watch; }
