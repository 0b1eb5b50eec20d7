/* amps_map_watch.c: the handler of SIGBUS, which finds the map by the address. */
#include "amps_map_watch.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

static amps_map_watch   watches[AMPS_MAP_WATCHES_MAX];
static atomic_bool      is_asked_for;
static atomic_bool      is_ours;
static struct sigaction before;
static uintptr_t        page_size;

static amps_map_watch *watch_of(uintptr_t address)
{
    for (size_t i = 0; i < AMPS_MAP_WATCHES_MAX; i++) {
        uintptr_t at = (uintptr_t)atomic_load(&watches[i].at);
        if (address - at < atomic_load(&watches[i].size)) { /* below `at` it wraps around */
            return &watches[i];
        }
    }
    return NULL;
}

static bool put_memory_there(uintptr_t address)
{
    void *page = (void *)(address & ~(page_size - 1));
    return mmap(page, page_size, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS,
                -1, 0) != MAP_FAILED;
}

static void pass_on(int number, siginfo_t *info, void *context)
{
    if ((before.sa_flags & SA_SIGINFO) != 0) {
        before.sa_sigaction(number, info, context);
    } else if (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN) {
        before.sa_handler(number);
    } else { /* the end: as soon as this returns */
        struct sigaction end = {.sa_handler = SIG_DFL};
        sigaction(number, &end, NULL);
        raise(number);
    }
}

static void on_bus_error(int number, siginfo_t *info, void *context)
{
    int             error = errno;
    bool            is_fault = info->si_code > 0; /* else somebody sent it, and has no address */
    uintptr_t       address = (uintptr_t)info->si_addr;
    amps_map_watch *watch = is_fault ? watch_of(address) : NULL;
    if (watch != NULL && put_memory_there(address)) {
        atomic_store(&watch->is_lost, true);
    } else {
        pass_on(number, info, context);
    }
    errno = error;
}

static void take_signal(void)
{
    struct sigaction ours = {.sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    sigemptyset(&ours.sa_mask);
    page_size = (uintptr_t)sysconf(_SC_PAGESIZE);
    if (sigaction(SIGBUS, NULL, &before) == 0 && sigaction(SIGBUS, &ours, NULL) == 0) {
        atomic_store(&is_ours, true);
    }
}

amps_map_watch *amps_map_watch_new(void)
{
    if (!atomic_exchange(&is_asked_for, true)) {
        take_signal();
    }
    for (size_t i = 0; atomic_load(&is_ours) && i < AMPS_MAP_WATCHES_MAX; i++) {
        if (!atomic_exchange(&watches[i].is_taken, true)) {
            atomic_store(&watches[i].is_lost, false);
            return &watches[i];
        }
    }
    return NULL;
}

void amps_map_watch_move(amps_map_watch *watch, char *at, size_t size)
{
    atomic_store(&watch->size, 0); /* at no instant a place with the size of another */
    atomic_store(&watch->at, at);
    atomic_store(&watch->size, size);
}

void amps_map_watch_free(amps_map_watch *watch)
{
    if (watch != NULL) {
        amps_map_watch_move(watch, NULL, 0);
        atomic_store(&watch->is_taken, false);
    }
}
