/* amps_status.c: the text of every outcome, the exception the binding raises for it, errno. */
#include "amps_base.h"

#include <stdio.h>

const char *amps_status_text(amps_status status)
{
    switch (status) {
#define AMPS_STATUS_TEXT(name, text, exception)                                                    \
    case name:                                                                                     \
        return text;
        AMPS_STATUS_MAP(AMPS_STATUS_TEXT)
#undef AMPS_STATUS_TEXT
    case AMPS_STATUS_COUNT:
        break;
    }
    return "an outcome that is not in the list";
}

const char *amps_status_exception(amps_status status)
{
    switch (status) {
#define AMPS_STATUS_EXCEPTION(name, text, exception)                                               \
    case name:                                                                                     \
        return #exception;
        AMPS_STATUS_MAP(AMPS_STATUS_EXCEPTION)
#undef AMPS_STATUS_EXCEPTION
    case AMPS_STATUS_COUNT:
        break;
    }
    return "AMPSException"; /* the root of the tree: what is not in the list must not pass */
}

const char *amps_error_text(int error, char *out, size_t size)
{
#ifdef __GLIBC__
    return strerror_r(error, out, size);
#else
    if (strerror_r(error, out, size) != 0) {
        snprintf(out, size, "error %d", error);
    }
    return out;
#endif
}
