# message_getters.pxi: what a message says, header by header.
#
# Each header is read in three spellings: `get_topic()`, `getTopic()` and `topic`.


cdef class MessageGetters(MessageBytes):
    """A message that can be read."""

    def get_ack_type(self):
        """The ack's type: `received`, `processed`, `persisted`, `completed` or `stats`."""
        return self.text(AMPS_FIELD_ACK_TYPE)

    getAckType = get_ack_type
    ack_type = property(get_ack_type)

    def get_batch_size(self):
        """How many records the frame of a `sow` message held."""
        return self.text(AMPS_FIELD_BATCH_SIZE)

    getBatchSize = get_batch_size
    batch_size = property(get_batch_size)

    def get_bookmark(self):
        """The message's place in the transaction log, opaque."""
        return self.text(AMPS_FIELD_BOOKMARK)

    getBookmark = get_bookmark
    bookmark = property(get_bookmark)

    def get_client_name(self):
        """The client name, on a logon ack."""
        return self.text(AMPS_FIELD_CLIENT_NAME)

    getClientName = get_client_name
    client_name = property(get_client_name)

    def get_command(self):
        """What kind of message this is: `publish`, `sow`, `oof`, `ack`, ... (long names)."""
        return self.text(AMPS_FIELD_COMMAND)

    getCommand = get_command
    command = property(get_command)

    def get_command_id(self):
        """The id of the command that an ack answers."""
        return self.text(AMPS_FIELD_COMMAND_ID)

    getCommandId = get_command_id
    command_id = property(get_command_id)

    def get_correlation_id(self):
        """What the publisher gave as correlation id, verbatim."""
        return self.text(AMPS_FIELD_CORRELATION_ID)

    getCorrelationId = get_correlation_id
    correlation_id = property(get_correlation_id)

    def get_expiration(self):
        """The lifetime in seconds."""
        return self.text(AMPS_FIELD_EXPIRATION)

    getExpiration = get_expiration
    expiration = property(get_expiration)

    def get_filter(self):
        """The content filter."""
        return self.text(AMPS_FIELD_FILTER)

    getFilter = get_filter
    filter = property(get_filter)

    def get_group_seq_no(self):
        """The number of this batch within a query's results."""
        return self.text(AMPS_FIELD_GROUP_SEQUENCE)

    getGroupSequenceNumber = get_group_seq_no
    group_seq_no = property(get_group_seq_no)

    def get_heartbeat(self):
        """Obsolete."""
        return self.text(AMPS_FIELD_HEARTBEAT)

    getHeartbeat = get_heartbeat
    heartbeat = property(get_heartbeat)

    def get_lease_period(self):
        """When the lease of a queue message ends."""
        return self.text(AMPS_FIELD_LEASE_PERIOD)

    getLeasePeriod = get_lease_period
    lease_period = property(get_lease_period)

    def get_matches(self):
        """How many records matched, on a stats ack."""
        return self.text(AMPS_FIELD_MATCHES)

    getMatches = get_matches
    matches = property(get_matches)

    def get_message_size(self):
        """The size the server gave for the data, in bytes."""
        return self.text(AMPS_FIELD_MESSAGE_SIZE)

    getMessageLength = get_message_size
    message_size = property(get_message_size)

    def get_message_type(self):
        """The message type, such as `json`."""
        return self.text(AMPS_FIELD_MESSAGE_TYPE)

    getMessageType = get_message_type
    message_type = property(get_message_type)

    def get_options(self):
        """The options in force."""
        return self.text(AMPS_FIELD_OPTIONS)

    getOptions = get_options
    options = property(get_options)

    def get_order_by(self):
        """The order of a query's results."""
        return self.text(AMPS_FIELD_ORDER_BY)

    getOrderBy = get_order_by
    order_by = property(get_order_by)

    def get_password(self):
        """The password or challenge of a logon ack."""
        return self.text(AMPS_FIELD_PASSWORD)

    getPassword = get_password
    password = property(get_password)

    def get_query_id(self):
        """The query whose result this belongs to."""
        return self.text(AMPS_FIELD_QUERY_ID)

    getQueryID = get_query_id
    query_id = property(get_query_id)

    def get_reason(self):
        """Why: of a failure ack or an `oof`."""
        return self.text(AMPS_FIELD_REASON)

    getReason = get_reason
    reason = property(get_reason)

    def get_records_inserted(self):
        """How many records were inserted, on a stats ack."""
        return self.text(AMPS_FIELD_RECORDS_INSERTED)

    getRecordsInserted = get_records_inserted
    records_inserted = property(get_records_inserted)

    def get_records_returned(self):
        """How many records a query returned."""
        return self.text(AMPS_FIELD_RECORDS_RETURNED)

    getRecordsReturned = get_records_returned
    records_returned = property(get_records_returned)

    def get_records_updated(self):
        """How many records were updated, on a stats ack."""
        return self.text(AMPS_FIELD_RECORDS_UPDATED)

    getRecordsUpdated = get_records_updated
    records_updated = property(get_records_updated)

    def get_sequence(self):
        """The publisher's sequence number."""
        return self.text(AMPS_FIELD_SEQUENCE)

    getSequence = get_sequence
    sequence = property(get_sequence)

    def get_sow_deleted(self):
        """How many records a sow_delete removed."""
        return self.text(AMPS_FIELD_RECORDS_DELETED)

    getSowDelete = get_sow_deleted
    sow_deleted = property(get_sow_deleted)

    def get_sow_key(self):
        """The key of the record in the SOW."""
        return self.text(AMPS_FIELD_SOW_KEY)

    getSowKey = get_sow_key
    sow_key = property(get_sow_key)

    def get_sow_keys(self):
        """A comma-separated list of SOW keys."""
        return self.text(AMPS_FIELD_SOW_KEYS)

    getSowKeys = get_sow_keys
    sow_keys = property(get_sow_keys)

    def get_status(self):
        """How a command went: `success`, `failure` or `retry`."""
        return self.text(AMPS_FIELD_STATUS)

    getStatus = get_status
    status = property(get_status)

    def get_sub_id(self):
        """The one subscription this message is delivered for."""
        return self.text(AMPS_FIELD_SUB_ID)

    getSubscriptionId = get_sub_id
    sub_id = property(get_sub_id)

    def get_sub_ids(self):
        """All subscriptions of this connection that the message matched."""
        return self.text(AMPS_FIELD_SUB_IDS)

    getSubscriptionIds = get_sub_ids
    sub_ids = property(get_sub_ids)

    def get_timeout_interval(self):
        """Obsolete."""
        return self.text(AMPS_FIELD_TIMEOUT_INTERVAL)

    getTimeoutInterval = get_timeout_interval
    timeout_interval = property(get_timeout_interval)

    def get_timestamp(self):
        """When the server processed the message, with option `timestamp`."""
        return self.text(AMPS_FIELD_TIMESTAMP)

    getTimestamp = get_timestamp
    timestamp = property(get_timestamp)

    def get_top_n(self):
        """How many records at most a query returns."""
        return self.text(AMPS_FIELD_TOP_N)

    getTopNRecordsReturned = get_top_n
    top_n = property(get_top_n)

    def get_topic(self):
        """The topic."""
        return self.text(AMPS_FIELD_TOPIC)

    getTopic = get_topic
    topic = property(get_topic)

    def get_topic_matches(self):
        """How many records were looked at, on a stats ack."""
        return self.text(AMPS_FIELD_TOPIC_MATCHES)

    getTopicMatches = get_topic_matches
    topic_matches = property(get_topic_matches)

    def get_user_id(self):
        """The publisher's user, where the server shows it."""
        return self.text(AMPS_FIELD_USER_ID)

    getUserId = get_user_id
    user_id = property(get_user_id)

    def get_version(self):
        """The server's version, on a logon ack."""
        return self.text(AMPS_FIELD_VERSION)

    getVersion = get_version
    version = property(get_version)
