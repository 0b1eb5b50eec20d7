/* peer.c: the far end of every benchmark, and the same work done in C with no client at all.
 *
 *   peer serve                 answers on a port of 127.0.0.1, printed first, until stdin ends
 *   peer publish PORT N SIZE   sends N publishes in pieces of at most SIZE bytes (0: one by one),
 *                              then a flush; prints the nanoseconds until that is acked
 *   peer receive PORT N        asks for N messages and finds their frames; prints the nanoseconds
 *   peer sow PORT N BATCH      queries N records, BATCH to a frame, and finds the ends of frames
 *                              and records; prints the nanoseconds from asking to the last ack
 *   peer ping PORT N           N publishes, each sent when the last came back; prints the p50 and
 *                              p99 of a round trip in nanoseconds
 *
 * What the server does with a publish, its topic says: "sink" swallows it, "echo" sends it to the
 * connection's subscription, "pour" sends that as many messages as its body says, each with the
 * bookmark behind the last one's when the subscription has one; "lease" does so as a queue would,
 * with bookmarks and leases, and takes acknowledgements (sow_delete) meanwhile. How many bookmarks
 * these named and their bytes, each ack says as matches and topic_matches. A sow command gets as
 * many records of RECORD_SIZE bytes as its top_n says, or else its filter, bs to a frame. Publishes
 * with a sequence are acked as persisted: the highest, every ACK_EVERY_MS and when no more come.
 */
#include "peer_frames.h"

/* ---- The server ------------------------------------------------------------------------------ */

/* The quoted value of a key, as our client writes it; "" if there is none. */
static void read_value(slice frame, const char *key, char value[VALUE_SIZE_MAX])
{
    char   header[HEADER_SIZE_MAX + 1];
    size_t size = frame.size < HEADER_SIZE_MAX ? frame.size : HEADER_SIZE_MAX;
    value[0] = '\0';
    memcpy(header, frame.at, size);
    header[size] = '\0';
    const char *found = strstr(header, key);
    if (found != NULL) {
        found += strlen(key);
        size = strcspn(found, "\"");
        size = size < VALUE_SIZE_MAX ? size : VALUE_SIZE_MAX - 1;
        memcpy(value, found, size);
        value[size] = '\0';
    }
}

static bool send_ack(connection *peer, slice frame, const char *type)
{
    char id[VALUE_SIZE_MAX], header[HEADER_SIZE_MAX];
    read_value(frame, "\"cid\":\"", id);
    snprintf(header, sizeof header,
             "{\"c\":\"ack\",\"cid\":\"%s\",\"a\":\"%s\",\"status\":\"success\",\"s\":0,"
             "\"version\":\"1\",\"matches\":%llu,\"topic_matches\":%llu}",
             id, type, (unsigned long long)peer->taken, (unsigned long long)peer->taken_bytes);
    return send_frame(peer->fd, header, (slice){"", 0});
}

/* All that was asked for, but what is persisted. */
static bool acknowledge(connection *peer, slice frame)
{
    char asked[VALUE_SIZE_MAX], *rest = asked;
    bool alive = true;
    read_value(frame, "\"a\":\"", asked);
    while (alive && *rest != '\0') {
        char  *type = rest;
        size_t size = strcspn(type, ",");
        rest += size + (type[size] == ',');
        type[size] = '\0';
        alive = strcmp(type, "persisted") == 0 || send_ack(peer, frame, type);
    }
    return alive;
}

static bool echo(connection *peer, slice body)
{
    char header[HEADER_SIZE_MAX];
    snprintf(header, sizeof header, "{\"c\":\"p\",\"t\":\"echo\",\"sids\":\"%s\"}", peer->sub_id);
    return send_frame(peer->fd, header, body);
}

/* Sends many copies of one frame, as many to a send as fit. */
static bool send_copies(int fd, const char *header, uint64_t count, size_t size_max)
{
    static const char body[BODY_SIZE + 1] = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
                                            "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";
    const slice       head = {header, strlen(header)};
    size_t            frame_size = PREFIX_SIZE + head.size + BODY_SIZE;
    size_t            copies = size_max > frame_size ? size_max / frame_size : 1;
    char             *block = allocate(copies * frame_size);
    for (size_t index = 0; index < copies; index++) {
        put_frame(block + index * frame_size, head, (slice){body, BODY_SIZE});
    }
    bool alive = true;
    while (alive && count > 0) {
        uint64_t now = count < copies ? count : copies;
        alive = send_all(fd, block, now * frame_size);
        count -= now;
    }
    free(block);
    return alive;
}

static void count_up(char *last_digit)
{
    while (*last_digit == '9') {
        *last_digit-- = '0';
    }
    ++*last_digit;
}

/* ---- Queues ---------------------------------------------------------------------------------- */

static bool take_ack(connection *peer, slice frame)
{
    peer->taken++;
    peer->taken_bytes += PREFIX_SIZE + frame.size;
    for (size_t at = 1; at < frame.size; at++) { /* commas between fields follow a quote */
        peer->taken += frame.at[at] == ',' && frame.at[at - 1] != '"';
    }
    return true;
}

/* What has come already, without waiting: acknowledgements, and a flush to be answered later. */
static bool take_acks(connection *peer)
{
    struct pollfd quiet = {.fd = peer->fd, .events = POLLIN};
    while (poll(&quiet, 1, 0) == 1) {
        if (!receive(peer)) {
            return false;
        }
        for (;;) {
            slice  frame = {peer->bytes + peer->start + PREFIX_SIZE, 0};
            size_t waiting = peer->end - peer->start;
            if (waiting < PREFIX_SIZE) {
                break;
            }
            uint32_t size;
            memcpy(&size, peer->bytes + peer->start, PREFIX_SIZE);
            frame.size = ntohl(size);
            if (waiting < PREFIX_SIZE + frame.size) {
                break;
            }
            peer->start += PREFIX_SIZE + frame.size;
            if (starts_with(frame, ACK_HEADER)) {
                take_ack(peer, frame);
            } else if (starts_with(frame, FLUSH_BEGIN) && frame.size <= HEADER_SIZE_MAX) {
                memcpy(peer->flush, frame.at, frame.size);
                peer->flush_size = frame.size;
            } else {
                return false;
            }
        }
    }
    return true;
}

/* The same with a bookmark each; `rest` follows that. */
static bool send_bookmarks(connection *peer, const char *topic, const char *rest, uint64_t count)
{
    static const char digits[] = "0000000000000000000|";
    char              header[HEADER_SIZE_MAX], body[BODY_SIZE];
    snprintf(header, sizeof header,
             "{\"c\":\"p\",\"t\":\"%s\",\"sids\":\"%s\",\"bm\":\"7094790850998930143|%s%s", topic,
             peer->sub_id, digits, rest);
    slice  head = {header, strlen(header)};
    size_t digits_at = PREFIX_SIZE + head.size - (sizeof digits - 1) - strlen(rest);
    size_t frame_size = PREFIX_SIZE + head.size + BODY_SIZE, copies = POUR_SIZE / frame_size;
    char  *block = allocate(copies * frame_size);
    memset(body, 'x', sizeof body);
    for (size_t index = 0; index < copies; index++) {
        put_frame(block + index * frame_size, head, (slice){body, BODY_SIZE});
    }
    bool alive = true;
    while (alive && count > 0) {
        uint64_t now = count < copies ? count : copies;
        for (size_t index = 0; index < now; index++) {
            count_up(peer->sequence + SEQUENCE_SIZE - 1);
            memcpy(block + index * frame_size + digits_at, peer->sequence, SEQUENCE_SIZE);
        }
        alive = send_all(peer->fd, block, now * frame_size) &&
                (strcmp(rest, LEASE_END) != 0 || take_acks(peer));
        count -= now;
    }
    free(block);
    return alive;
}

static bool pour(connection *peer, slice body)
{
    char header[HEADER_SIZE_MAX], number[VALUE_SIZE_MAX] = "";
    memcpy(number, body.at, body.size < VALUE_SIZE_MAX ? body.size : VALUE_SIZE_MAX - 1);
    if (peer->has_bookmarks) {
        return send_bookmarks(peer, "pour", "\"}", strtoull(number, NULL, 10));
    }
    snprintf(header, sizeof header, "{\"c\":\"p\",\"t\":\"pour\",\"sids\":\"%s\"}", peer->sub_id);
    return send_copies(peer->fd, header, strtoull(number, NULL, 10), POUR_SIZE);
}

/* ---- Queries --------------------------------------------------------------------------------- */

/* One frame of records, numbered from 1 by their keys; gives its size. */
static size_t put_records(char *at, const char *query_id, uint64_t count)
{
    char *end = at + PREFIX_SIZE;
    end += sprintf(end, "{\"c\":\"sow\",\"t\":\"any\",\"query_id\":\"%s\",\"bs\":%llu}", query_id,
                   (unsigned long long)count);
    for (uint64_t index = 1; index <= count; index++) {
        end += sprintf(end, "{\"k\":\"%020llu\",\"l\":%u}", (unsigned long long)index, RECORD_SIZE);
        memset(end, 'x', RECORD_SIZE);
        end += RECORD_SIZE;
    }
    uint32_t size = htonl((uint32_t)(end - at - PREFIX_SIZE));
    memcpy(at, &size, PREFIX_SIZE);
    return (size_t)(end - at);
}

/* Full frames, as many to a send as fit into POUR_SIZE, then one with the rest. */
static bool send_records(int fd, const char *query_id, uint64_t count, uint64_t batch)
{
    char    *block = allocate(POUR_SIZE + PIECE_SIZE);
    size_t   frame_size = put_records(block, query_id, batch);
    uint64_t copies = POUR_SIZE > frame_size ? POUR_SIZE / frame_size : 1;
    uint64_t full = count / batch;
    bool     alive = true;
    for (uint64_t index = 1; index < copies; index++) {
        memcpy(block + index * frame_size, block, frame_size);
    }
    while (alive && full > 0) {
        uint64_t now = full < copies ? full : copies;
        alive = send_all(fd, block, now * frame_size);
        full -= now;
    }
    if (alive && count % batch > 0) {
        alive = send_all(fd, block, put_records(block, query_id, count % batch));
    }
    free(block);
    return alive;
}

static bool send_group_mark(int fd, const char *verb, const char *query_id)
{
    char header[HEADER_SIZE_MAX];
    snprintf(header, sizeof header, "{\"c\":\"%s\",\"query_id\":\"%s\"}", verb, query_id);
    return send_frame(fd, header, (slice){"", 0});
}

static bool query(connection *peer, slice frame)
{
    char     query_id[VALUE_SIZE_MAX], asked[VALUE_SIZE_MAX];
    uint64_t batch = read_number(frame, "\"bs\":");
    uint64_t count = read_number(frame, "\"top_n\":");
    read_value(frame, "\"query_id\":\"", query_id);
    read_value(frame, "\"a\":\"", asked);
    count = count > 0 ? count : read_number(frame, "\"filter\":");
    batch = batch == 0 ? 1 : batch > BATCH_MAX ? BATCH_MAX : batch;
    return (strstr(asked, "processed") == NULL || send_ack(peer, frame, "processed")) &&
           send_group_mark(peer->fd, "group_begin", query_id) &&
           send_records(peer->fd, query_id, count, batch) &&
           send_group_mark(peer->fd, "group_end", query_id) &&
           (strstr(asked, "completed") == NULL || send_ack(peer, frame, "completed"));
}

/* ---- Answers --------------------------------------------------------------------------------- */

static bool lease(connection *peer, slice body)
{
    char number[VALUE_SIZE_MAX] = "";
    memcpy(number, body.at, body.size < VALUE_SIZE_MAX ? body.size : VALUE_SIZE_MAX - 1);
    bool alive = send_bookmarks(peer, "lease", LEASE_END, strtoull(number, NULL, 10));
    if (alive && peer->flush_size > 0) {
        alive = acknowledge(peer, (slice){peer->flush, peer->flush_size});
        peer->flush_size = 0;
    }
    return alive;
}

static bool answer(connection *peer, slice frame)
{
    char bookmark[VALUE_SIZE_MAX];
    if (starts_with(frame, SINK_HEADER)) {
        return true;
    }
    if (starts_with(frame, KEPT_HEADER)) {
        peer->last_publish = frame;
        return true;
    }
    if (starts_with(frame, ECHO_HEADER)) {
        return echo(peer, after(frame, ECHO_HEADER));
    }
    if (starts_with(frame, POUR_HEADER)) {
        return pour(peer, after(frame, POUR_HEADER));
    }
    if (starts_with(frame, LEASE_HEADER)) {
        return lease(peer, after(frame, LEASE_HEADER));
    }
    if (starts_with(frame, ACK_HEADER)) {
        return take_ack(peer, frame);
    }
    if (starts_with(frame, "{\"c\":\"p\"")) {
        fprintf(stderr, "peer: a publish that is none of ours: %.60s\n", frame.at);
        return false;
    }
    if (starts_with(frame, "{\"c\":\"sow\"")) {
        return query(peer, frame);
    }
    if (starts_with(frame, "{\"c\":\"subscribe\"")) {
        read_value(frame, "\"sub_id\":\"", peer->sub_id);
        read_value(frame, "\"bm\":\"", bookmark);
        peer->has_bookmarks = bookmark[0] != '\0';
    }
    return acknowledge(peer, frame);
}

static void *serve_connection(void *context)
{
    connection *peer = context;
    slice       frame;
    while (next_frame(peer, &frame) && answer(peer, frame)) {
    }
    close(peer->fd);
    free(peer);
    return NULL;
}

static void set_nodelay(int fd)
{
    int on = 1;
    if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0) {
        fail("setting TCP_NODELAY");
    }
}

static void *accept_connections(void *context)
{
    int listener = *(int *)context, fd;
    while ((fd = accept(listener, NULL, NULL)) >= 0) {
        pthread_t   thread;
        connection *peer = allocate(sizeof *peer);
        set_nodelay(fd);
        peer->fd = fd;
        memset(peer->sequence, '0', SEQUENCE_SIZE);
        peer->sequence[0] = '1'; /* no zero leads */
        errno = pthread_create(&thread, NULL, serve_connection, peer);
        if (errno != 0 || (errno = pthread_detach(thread)) != 0) {
            fail("starting a thread");
        }
    }
    fail("accepting");
    return NULL;
}

/* Whoever started us holds our stdin: when that ends, so do we. */
static void serve(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t          size = sizeof address;
    pthread_t          thread;
    int                listener = socket(AF_INET, SOCK_STREAM, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, size) != 0 ||
        listen(listener, BACKLOG) != 0 ||
        getsockname(listener, (struct sockaddr *)&address, &size) != 0) {
        fail("listening");
    }
    errno = pthread_create(&thread, NULL, accept_connections, &listener);
    if (errno != 0) {
        fail("starting a thread");
    }
    printf("%u\n", (unsigned)ntohs(address.sin_port));
    fflush(stdout);
    while (getchar() != EOF) {
    }
    exit(0); /* takes the threads along */
}

/* ---- The floors ------------------------------------------------------------------------------ */

static void await_frame(connection *peer, slice *frame)
{
    if (!next_frame(peer, frame)) {
        fail("waiting for a frame");
    }
}

static void say(connection *peer, const char *header, slice body)
{
    if (!send_frame(peer->fd, header, body)) {
        fail("sending");
    }
}

static void ask(connection *peer, const char *header)
{
    slice ack;
    say(peer, header, (slice){"", 0});
    await_frame(peer, &ack);
}

static connection *log_on(const char *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    connection        *peer = allocate(sizeof *peer);
    alarm(FLOOR_SECONDS_MAX);
    address.sin_port = htons((uint16_t)strtoul(port, NULL, 10));
    peer->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (peer->fd < 0 || connect(peer->fd, (struct sockaddr *)&address, sizeof address) != 0) {
        fail("connecting");
    }
    set_nodelay(peer->fd);
    ask(peer, LOGON);
    ask(peer, SUBSCRIBE);
    return peer;
}

static void publish(connection *peer, uint64_t count, size_t size_max)
{
    uint64_t began = now_ns();
    if (!send_copies(peer->fd, SINK_HEADER, count, size_max)) {
        fail("publishing");
    }
    ask(peer, FLUSH);
    printf("%llu\n", (unsigned long long)(now_ns() - began));
}

static void receive_all(connection *peer, const char *count_text, uint64_t count)
{
    slice    frame;
    uint64_t began = now_ns();
    say(peer, POUR_HEADER, (slice){count_text, strlen(count_text)});
    for (uint64_t index = 0; index < count; index++) {
        await_frame(peer, &frame);
    }
    printf("%llu\n", (unsigned long long)(now_ns() - began));
}

/* Behind the header that starts here: none of ours holds a brace. */
static const char *after_header(const char *at, const char *end)
{
    const char *brace = memchr(at, '}', (size_t)(end - at));
    if (brace == NULL) {
        errno = EPROTO;
        fail("looking for the end of a header");
    }
    return brace + 1;
}

/* The length is a record header's last field: its digits end at the brace. */
static uint64_t count_records(slice frame)
{
    uint64_t    count = 0;
    const char *end = frame.at + frame.size;
    const char *at = after_header(frame.at, end);
    while (at < end) {
        const char *body = after_header(at, end);
        const char *digit = body - 2;
        size_t      size = 0;
        for (size_t place = 1; *digit >= '0' && *digit <= '9'; place *= 10) {
            size += (size_t)(*digit-- - '0') * place;
        }
        if (size > (size_t)(end - body)) {
            errno = EPROTO;
            fail("looking for the end of a record");
        }
        at = body + size;
        count++;
    }
    return count;
}

static void query_all(connection *peer, uint64_t count, uint64_t batch)
{
    char     command[HEADER_SIZE_MAX];
    slice    frame = {"", 0};
    uint64_t found = 0, began = now_ns();
    snprintf(command, sizeof command, SOW, (unsigned long long)batch, (unsigned long long)count);
    ask(peer, command);
    while (!starts_with(frame, "{\"c\":\"ack\"")) {
        await_frame(peer, &frame);
        found += starts_with(frame, "{\"c\":\"sow\"") ? count_records(frame) : 0;
    }
    if (found != count) {
        errno = EPROTO;
        fail("counting records");
    }
    printf("%llu\n", (unsigned long long)(now_ns() - began));
}

static int by_size(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

static void ping(connection *peer, uint64_t count)
{
    char      body[BODY_SIZE];
    slice     frame;
    uint64_t *took = allocate(count * sizeof *took);
    memset(body, 'x', sizeof body);
    for (uint64_t index = 0; index < count; index++) {
        uint64_t began = now_ns();
        say(peer, ECHO_HEADER, (slice){body, sizeof body});
        await_frame(peer, &frame);
        took[index] = now_ns() - began;
    }
    qsort(took, count, sizeof *took, by_size);
    printf("%llu %llu\n", (unsigned long long)took[count / 2],
           (unsigned long long)took[count - 1 - count / 100]);
    free(took);
}

static int usage(void)
{
    fprintf(stderr, "usage: peer serve | publish PORT N SIZE | receive PORT N | sow PORT N BATCH | "
                    "ping PORT N\n");
    return 2;
}

int main(int count, char **words)
{
    signal(SIGPIPE, SIG_IGN);
    if (count == 2 && strcmp(words[1], "serve") == 0) {
        serve();
    }
    uint64_t messages = count >= 4 ? strtoull(words[3], NULL, 10) : 0;
    if (messages == 0) {
        return usage();
    }
    if (count == 5 && strcmp(words[1], "publish") == 0) {
        publish(log_on(words[2]), messages, strtoull(words[4], NULL, 10));
    } else if (count == 4 && strcmp(words[1], "receive") == 0) {
        receive_all(log_on(words[2]), words[3], messages);
    } else if (count == 5 && strcmp(words[1], "sow") == 0) {
        query_all(log_on(words[2]), messages, strtoull(words[4], NULL, 10));
    } else if (count == 4 && strcmp(words[1], "ping") == 0) {
        ping(log_on(words[2]), messages);
    } else {
        return usage();
    }
    return 0;
}
