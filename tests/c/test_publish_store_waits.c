/* test_publish_store_waits.c: consent to grow, and waiting for room and for what is persisted. */
#include "peer.h"
#include "store.h"

#define SHORT_MS 20u

/* ---- Consent to grow ------------------------------------------------------------------------ */

/* Adds until consent is wanted. */
static uint64_t fill(amps_publish_store *store)
{
    uint64_t    added = 0, sequence;
    amps_status status;
    while ((status = try_add(store, &sequence, NULL)) == AMPS_OK) {
        added++;
    }
    CHECK_STATUS(status, AMPS_STORE_FULL);
    return added;
}

static void case_50_it_grows_only_with_consent_and_no_number_is_lost(void)
{
    amps_publish_store *store = store_of(1024, 16);
    amps_publish_store_set_asks(store, true);
    uint64_t first = fill(store);
    CHECK(first > 10 && first < 16384 / 8);
    CHECK_NUMBER(amps_publish_store_wants(store), 2 * 16384);
    CHECK_NUMBER(amps_publish_store_next(store), BASE + first + 1);
    CHECK_NUMBER(check_whole(store), first);
    amps_publish_store_allow(store, 2 * 16384 - 1);
    CHECK_NUMBER(fill(store), 0);
    amps_publish_store_allow(store, 2 * 16384);
    CHECK(fill(store) > 10);
    CHECK_NUMBER(amps_publish_store_wants(store), 3 * 16384);
    amps_publish_store_allow(store, 5); /* consent is not taken back */
    amps_publish_store_set_asks(store, false);
    add_many(store, 500);
    amps_publish_store_set_asks(store, true);
    discard_up_to(store, amps_publish_store_last_assigned(store));
    CHECK(fill(store) > first); /* what it once grew to it keeps */
    amps_publish_store_drop(store);
}

static void a_frame_larger_than_a_growth_wants_several(void)
{
    amps_publish_store *store = store_of(64, 4);
    char                frame[1000] = "";
    amps_publish_store_set_asks(store, true);
    CHECK_STATUS(amps_publish_store_add(store, BASE + 1, (amps_slice){frame, 1000}, NULL),
                 AMPS_STORE_FULL);
    CHECK_NUMBER(amps_publish_store_wants(store), 4 * 256);
    amps_publish_store_allow(store, 4 * 256);
    CHECK_STATUS(amps_publish_store_add(store, BASE + 1, (amps_slice){frame, 1000}, NULL), AMPS_OK);
    CHECK_NUMBER(amps_publish_store_wants(store), 4 * 256);
    amps_publish_store_drop(store);
}

typedef struct helper {
    amps_publish_store *store;
    tally               ready;
    uint64_t            number;
    amps_status         outcome;
} helper;

static void *wait_for_room(void *context)
{
    helper *self = context;
    tally_add(&self->ready);
    self->outcome = amps_publish_store_wait_room(self->store, PATIENCE_MS);
    return NULL;
}

static void let_discard(amps_publish_store *store) { discard_up_to(store, BASE + 1); }
static void let_kill(amps_publish_store *store)
{
    CHECK_STATUS(amps_publish_store_discard_one(store, BASE + 1, NULL), AMPS_OK);
}
static void let_allow(amps_publish_store *store) { amps_publish_store_allow(store, 1 << 20); }
static void let_close(amps_publish_store *store)
{
    CHECK_STATUS(amps_publish_store_close(store, false, NULL), AMPS_OK);
}

static void room_consent_and_the_end_wake_who_waits(void)
{
    const struct {
        void (*happens)(amps_publish_store *);
        amps_status outcome;
    } rows[] = {{let_discard, AMPS_OK},
                {let_kill, AMPS_OK},
                {let_allow, AMPS_OK},
                {let_close, AMPS_CLOSED}};
    for (size_t index = 0; index < COUNT_OF(rows); index++) {
        helper self = {.store = store_of(1024, 16)};
        tally_init(&self.ready);
        amps_publish_store_set_asks(self.store, true);
        fill(self.store);
        CHECK_STATUS(amps_publish_store_wait_room(self.store, SHORT_MS), AMPS_AGAIN);
        pthread_t thread = start(wait_for_room, &self);
        tally_wait(&self.ready, 1);
        rows[index].happens(self.store);
        join(thread);
        CHECK_STATUS(self.outcome, rows[index].outcome);
        tally_fini(&self.ready);
        amps_publish_store_drop(self.store);
    }
}

/* ---- Waiting for persistence ---------------------------------------------------------------- */

static void *wait_persisted(void *context)
{
    helper *self = context;
    tally_add(&self->ready);
    self->outcome = amps_publish_store_wait_persisted(self->store, self->number, PATIENCE_MS);
    return NULL;
}

static void case_48_later_records_do_not_extend_the_wait(void)
{
    helper self = {.store = new_store(), .number = BASE + 3};
    tally_init(&self.ready);
    CHECK_STATUS(amps_publish_store_wait_persisted(self.store, UINT64_MAX, 0), AMPS_OK);
    add_many(self.store, 3);
    pthread_t thread = start(wait_persisted, &self);
    tally_wait(&self.ready, 1);
    add_many(self.store, 1000);
    discard_up_to(self.store, BASE + 2);
    CHECK_STATUS(amps_publish_store_wait_persisted(self.store, BASE + 2, 0), AMPS_OK);
    CHECK_STATUS(amps_publish_store_wait_persisted(self.store, BASE + 3, SHORT_MS), AMPS_AGAIN);
    CHECK_STATUS(amps_publish_store_discard_one(self.store, BASE + 3, NULL), AMPS_OK);
    join(thread);
    CHECK_STATUS(self.outcome, AMPS_OK);
    CHECK_NUMBER(check_whole(self.store), 1000);
    self.number = UINT64_MAX;
    thread = start(wait_persisted, &self);
    tally_wait(&self.ready, 2);
    let_close(self.store);
    join(thread);
    CHECK_STATUS(self.outcome, AMPS_CLOSED);
    tally_fini(&self.ready);
    amps_publish_store_drop(self.store);
}

int main(void)
{
    RUN(case_50_it_grows_only_with_consent_and_no_number_is_lost);
    RUN(a_frame_larger_than_a_growth_wants_several);
    RUN(room_consent_and_the_end_wake_who_waits);
    RUN(case_48_later_records_do_not_extend_the_wait);
    return 0;
}
