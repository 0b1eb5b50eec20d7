/* amps_bookmark_list.c: one list to start from, made of those of several subscriptions. */
#include "amps_bookmark_list.h"

#define OTHERS_SIZE_MAX ((size_t)256 << 20)

void amps_bookmark_list_init(amps_bookmark_list *list, uint64_t seed)
{
    list->publishers = (amps_bookmark_publishers){.seed = seed};
    amps_buffer_init(&list->others, OTHERS_SIZE_MAX);
}

void amps_bookmark_list_fini(amps_bookmark_list *list)
{
    amps_bookmark_publishers_fini(&list->publishers);
    amps_buffer_fini(&list->others);
}

static bool has_other(const amps_bookmark_list *list, amps_slice member)
{
    amps_slice rest = {list->others.at, list->others.size};
    amps_slice there;
    while (amps_bookmark_next(&rest, &there)) {
        if (amps_slice_equal(there, member)) {
            return true;
        }
    }
    return false;
}

static amps_status add_other(amps_bookmark_list *list, amps_slice member)
{
    if (has_other(list, member)) {
        return AMPS_OK;
    }
    char       *at;
    amps_status status = amps_buffer_reserve(&list->others, member.size + 1, &at);
    if (status == AMPS_OK) {
        *at = ',';
        memcpy(at + 1, member.at, member.size);
        list->others.size += member.size + 1;
    }
    return status;
}

static amps_status add_publisher(amps_bookmark_list *list, const amps_bookmark *bookmark)
{
    uint32_t number = amps_bookmark_publisher_get(&list->publishers, bookmark);
    if (number == 0) {
        return AMPS_NO_MEMORY;
    }
    const amps_bookmark_publisher *there = amps_bookmark_publisher_at(&list->publishers, number);
    if (!there->is_listed || bookmark->sequence < there->recent) {
        amps_bookmark_publisher_list(&list->publishers, number, bookmark->sequence, 0);
    }
    return AMPS_OK;
}

amps_status amps_bookmark_list_join(amps_bookmark_list *list, const amps_bookmark_items *items)
{
    amps_bookmark      bookmark;
    amps_bookmark_walk walk;
    amps_status        status = AMPS_OK;
    bool               is_empty = true;
    amps_bookmark_walk_start(&walk);
    while (status == AMPS_OK && amps_bookmark_walk_next(items, &walk)) {
        is_empty = false;
        status = walk.publisher != 0 && amps_bookmark_parse(walk.member, &bookmark) &&
                         !amps_bookmark_is_opaque(&bookmark)
                     ? add_publisher(list, &bookmark)
                     : add_other(list, walk.member);
    }
    return is_empty ? add_other(list, amps_slice_of(AMPS_BOOKMARK_EPOCH)) : status;
}

size_t amps_bookmark_list_write(const amps_bookmark_list *list, char *out, size_t out_size)
{
    char     text[AMPS_BOOKMARK_TEXT_SIZE_MAX + 1] = ",";
    size_t   size = 0;
    uint32_t number = list->publishers.first_listed;
    while (number != 0) {
        const amps_bookmark_publisher *there =
            amps_bookmark_publisher_at(&list->publishers, number);
        size_t     text_size = 1 + amps_bookmark_write(there->id, there->recent, text + 1);
        size_t     comma = size > 0 ? 0 : 1; /* none before the first */
        amps_slice member = {text + comma, text_size - comma};
        if (size + member.size <= out_size) {
            memcpy(out + size, member.at, member.size);
        }
        size += member.size;
        number = there->after;
    }
    size_t comma = size > 0 || list->others.size == 0 ? 0 : 1;
    if (list->others.size > 0 && size + list->others.size - comma <= out_size) {
        memcpy(out + size, list->others.at + comma, list->others.size - comma);
    }
    return size + list->others.size - comma;
}
