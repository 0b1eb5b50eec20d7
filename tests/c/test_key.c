/* test_key.c: the decision tree and the map of fields agree, in every spelling and in no other. */
#include "amps_key.h"

#include "check.h"

static const struct {
    const char *text;
    amps_field  field;
} spellings[] = {
#define SPELLINGS(name, key, alias, alias2, type)                                                  \
    {key, AMPS_FIELD_##name}, {alias, AMPS_FIELD_##name}, {alias2, AMPS_FIELD_##name},
    AMPS_FIELD_MAP(SPELLINGS)
#undef SPELLINGS
};

/* The map's own answer, found the slow way. */
static amps_field field_in_map(amps_slice key)
{
    for (size_t index = 0; index < COUNT_OF(spellings); index++) {
        if (key.size != 0 && amps_slice_equal(key, amps_slice_of(spellings[index].text))) {
            return spellings[index].field;
        }
    }
    return AMPS_KEY_UNKNOWN;
}

static amps_field find_tight(amps_slice key)
{
    char      *tight = exactly(key);
    amps_field field = amps_key_find((amps_slice){tight, key.size});
    free(tight);
    return field;
}

static void every_spelling_of_every_field_is_found(void)
{
    for (size_t index = 0; index < COUNT_OF(spellings); index++) {
        if (spellings[index].text[0] != '\0') {
            CHECK(find_tight(amps_slice_of(spellings[index].text)) == spellings[index].field);
        }
    }
}

static void no_spelling_means_two_fields(void)
{
    for (size_t index = 0; index < COUNT_OF(spellings); index++) {
        if (spellings[index].text[0] != '\0') {
            CHECK(field_in_map(amps_slice_of(spellings[index].text)) == spellings[index].field);
        }
    }
}

static void a_spelling_with_any_byte_changed_is_what_the_map_says(void)
{
    for (size_t index = 0; index < COUNT_OF(spellings); index++) {
        amps_slice key = amps_slice_of(spellings[index].text);
        char      *changed = exactly(key);
        for (size_t place = 0; place < key.size; place++) {
            for (int byte = 0; byte < 256; byte++) {
                changed[place] = (char)byte;
                amps_slice other = {changed, key.size};
                CHECK(amps_key_find(other) == field_in_map(other));
            }
            changed[place] = key.at[place];
        }
        free(changed);
    }
}

static void a_spelling_cut_short_or_drawn_out_is_what_the_map_says(void)
{
    for (size_t index = 0; index < COUNT_OF(spellings); index++) {
        char longer[64];
        snprintf(longer, sizeof longer, "%sx", spellings[index].text);
        for (size_t size = 0; size <= strlen(longer); size++) {
            CHECK(find_tight((amps_slice){longer, size}) ==
                  field_in_map((amps_slice){longer, size}));
        }
    }
}

static void keys_are_case_sensitive(void)
{
    CHECK(find_tight(amps_slice_of("C")) == AMPS_KEY_UNKNOWN);
    CHECK(find_tight(amps_slice_of("Topic")) == AMPS_KEY_UNKNOWN);
    CHECK(find_tight(amps_slice_of("SIDS")) == AMPS_KEY_UNKNOWN);
}

static void keys_of_no_known_length_are_unknown(void)
{
    char long_key[1000];
    memset(long_key, 'c', sizeof long_key);
    for (size_t size = 22; size <= sizeof long_key; size += 3) {
        CHECK(find_tight((amps_slice){long_key, size}) == AMPS_KEY_UNKNOWN);
    }
    CHECK(find_tight((amps_slice){"", 0}) == AMPS_KEY_UNKNOWN);
}

static void every_field_is_written_with_its_canonical_key(void)
{
#define IS_N_T false
#define IS_N_N true
#define WRITTEN(name, key, alias, alias2, type)                                                    \
    CHECK_TEXT(((amps_slice){amps_key_written[AMPS_FIELD_##name].text,                             \
                             amps_key_written[AMPS_FIELD_##name].size}),                           \
               ",\"" key "\":");                                                                   \
    CHECK(amps_key_written[AMPS_FIELD_##name].is_number == IS_N_##type);
    AMPS_FIELD_MAP(WRITTEN)
#undef WRITTEN
}

int main(void)
{
    RUN(every_spelling_of_every_field_is_found);
    RUN(no_spelling_means_two_fields);
    RUN(a_spelling_with_any_byte_changed_is_what_the_map_says);
    RUN(a_spelling_cut_short_or_drawn_out_is_what_the_map_says);
    RUN(keys_are_case_sensitive);
    RUN(keys_of_no_known_length_are_unknown);
    RUN(every_field_is_written_with_its_canonical_key);
    return 0;
}
