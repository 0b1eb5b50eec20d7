/* amps_c_handler.h: a message handler written in C, for `AMPS.CMessageHandler` in Python.
 *
 * This header, in C99 or C++11, is all that such a handler needs: there is nothing to link. Build a
 * shared library, load it with ctypes, and give the function to a client:
 *
 *     handler = AMPS.CMessageHandler(library.on_message, b"whatever is handed to it")
 *     client.subscribe(handler, "orders")
 *
 * It comes with the source distribution (csrc/), and `cmake --install` puts it into include/amps/.
 * examples/c_handler.c uses it.
 *
 * The function is called on the client's receive thread, one message at a time, without Python's
 * lock. The message and all it points at live for the length of the call only. It must not call
 * Python without taking the lock (PyGILState_Ensure), must not throw, and should be quick: while it
 * runs nothing else is received. What str or bytes were given as user_data stay alive until no call
 * is under way; memory given by its address is the program's to keep, until the subscription has
 * ended and a call that was under way then has returned. */
#ifndef AMPS_C_HANDLER_H
#define AMPS_C_HANDLER_H

#include <stddef.h>
#include <stdint.h>

#define AMPS_C_HANDLER_ABI  1u
#define AMPS_C_FIELD_ABSENT SIZE_MAX

#ifdef __cplusplus
extern "C" {
#endif

typedef struct amps_c_message amps_c_message;
struct amps_c_message {
    uint32_t    abi;  /* AMPS_C_HANDLER_ABI of the library that calls; refuse what you don't know */
    uint32_t    size; /* bytes in this struct; later versions only add to its end */
    const char *body; /* the data; not terminated */
    size_t      body_size;
    const char *header; /* as it came over the wire: {"c":"p","t":...} */
    size_t      header_size;

    /* The value of a header field, by any of its keys ("t" or "topic", "k" or "sow_key", ...), for
     * a record of a query the record's own first. Copies at most out_size bytes to `out`, decoded
     * and not terminated, and returns the whole size, or AMPS_C_FIELD_ABSENT. */
    size_t (*field)(const amps_c_message *message, const char *key, char *out, size_t out_size);

    const void *inside; /* the library's own */
};

typedef void (*amps_c_handler)(const amps_c_message *message, void *user_data);

#ifdef __cplusplus
}
#endif

#endif
