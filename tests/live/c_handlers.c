/* c_handlers.c: message handlers in C for test_c_handlers.py, which builds and loads this. */
#include <amps_c_handler.h>
#include <stdatomic.h>
#include <string.h>

#define LOG_SIZE  65536
#define SPINS_MAX 100000000000u /* far more than a test may last */

/* ---- Counting ------------------------------------------------------------------------------- */

typedef struct tally {
    atomic_size_t calls, bytes, disorder;
    size_t        last;
} tally;

/* The body is a number that grows. */
void count(const amps_c_message *message, void *user_data)
{
    tally *counted = user_data;
    size_t number = 0;
    for (size_t i = 0; i < message->body_size; i++) {
        number = number * 10 + (size_t)(message->body[i] - '0');
    }
    if (number <= counted->last && counted->last != 0) {
        atomic_fetch_add(&counted->disorder, 1);
    }
    counted->last = number;
    atomic_fetch_add(&counted->bytes, message->body_size);
    atomic_fetch_add(&counted->calls, 1);
}

/* ---- Writing down --------------------------------------------------------------------------- */

atomic_size_t log_size;
char          log_text[LOG_SIZE];

static void put(const char *at, size_t size)
{
    size_t used = atomic_load(&log_size);
    if (size <= LOG_SIZE - used) {
        memcpy(log_text + used, at, size);
        atomic_store(&log_size, used + size);
    }
}

static void put_field(const amps_c_message *message, const char *key)
{
    char   out[256];
    size_t size = message->field(message, key, out, sizeof out);
    if (size == AMPS_C_FIELD_ABSENT) {
        put("-", 1);
    } else {
        put(out, size < sizeof out ? size : sizeof out);
    }
    put("|", 1);
}

/* command|topic|sow key|sub id|ack type|body; */
void write_down(const amps_c_message *message, void *user_data)
{
    (void)user_data;
    if (message->abi != AMPS_C_HANDLER_ABI || message->size < sizeof *message) {
        put("another library;", 16);
        return;
    }
    put_field(message, "c");
    put_field(message, "topic");
    put_field(message, "sow_key");
    put_field(message, "sub_id");
    put_field(message, "a");
    put(message->body, message->body_size);
    put(";", 1);
}

/* The text that it is handed, or "NULL", or "1" for the address 1. */
void write_user_data(const amps_c_message *message, void *user_data)
{
    (void)message;
    const char *text = user_data == NULL        ? "NULL"
                       : user_data == (void *)1 ? "1"
                                                : (const char *)user_data;
    put(text, strlen(text));
    put(";", 1);
}

/* ---- Waiting for Python --------------------------------------------------------------------- */

atomic_int inside, go_on, gave_up;

/* Comes back when a Python thread has set `go_on`, which it can do only if it may run meanwhile;
 * then says what it was handed. */
void wait_for_python(const amps_c_message *message, void *user_data)
{
    atomic_store(&inside, 1);
    for (size_t spins = 0; atomic_load(&go_on) == 0; spins++) {
        if (spins > SPINS_MAX) {
            atomic_store(&gave_up, 1);
            break;
        }
    }
    write_user_data(message, user_data);
    atomic_store(&inside, 0);
}
