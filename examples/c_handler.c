/* c_handler.c: a message handler in C that counts and sums; built and loaded by c_handler.py. */
#include "amps_c_handler.h"

typedef struct {
    int64_t count, sum, bad;
} totals;

/* Each message is one whole number, such as "42" or "-7". */
void add_number(const amps_c_message *message, void *user_data)
{
    totals *all = (totals *)user_data;
    size_t  at = message->body_size > 0 && message->body[0] == '-';
    int     negative = at > 0;
    int64_t number = 0;
    if (message->abi != AMPS_C_HANDLER_ABI || message->body_size - at - 1 > 9) {
        all->bad++; /* another library, no digit or too many of them */
        return;
    }
    for (; at < message->body_size; at++) {
        if (message->body[at] < '0' || message->body[at] > '9') {
            all->bad++;
            return;
        }
        number = number * 10 + (message->body[at] - '0');
    }
    all->sum += negative ? -number : number;
    all->count++;
}
