/* amps_c_handler.c: shows a message to a handler written in C. */
#include "amps_c_handler.h"

#include "amps_key.h"
#include "amps_memory.h"

static void copy_part(amps_slice value, char *out, size_t out_size)
{
    size_t size = value.size < out_size ? value.size : out_size;
    if (size > 0) {
        memcpy(out, value.at, size);
    }
}

/* Decodes what does not fit: the part that is asked for is a part of the decoded text. */
static size_t copy_decoded(amps_slice value, char *out, size_t out_size)
{
    char *decoded = amps_memory_new(value.size > 0 ? value.size : 1);
    if (decoded == NULL) {
        return AMPS_C_FIELD_ABSENT;
    }
    size_t size = amps_text_decode(value, decoded);
    copy_part((amps_slice){decoded, size}, out, out_size);
    amps_memory_free(decoded);
    return size;
}

static size_t field_of(const amps_c_message *shown, const char *key, char *out, size_t out_size)
{
    const amps_message *message = shown->inside;
    amps_field          field = amps_key_find(amps_slice_of(key));
    amps_slice          value;
    bool                escaped;
    if (field == AMPS_KEY_UNKNOWN ||
        amps_message_field(message, field, &value, &escaped) != AMPS_OK) {
        return AMPS_C_FIELD_ABSENT;
    }
    if (escaped && value.size <= out_size) {
        return amps_text_decode(value, out);
    }
    if (escaped) {
        return copy_decoded(value, out, out_size);
    }
    copy_part(value, out, out_size);
    return value.size;
}

void amps_c_handler_call(amps_c_handler handler, void *user_data, const amps_message *message)
{
    const amps_c_message shown = {.abi = AMPS_C_HANDLER_ABI,
                                  .size = sizeof shown,
                                  .body = message->body.at,
                                  .body_size = message->body.size,
                                  .header = message->header.at,
                                  .header_size = message->header.size,
                                  .field = field_of,
                                  .inside = message};
    handler(&shown, user_data);
}
