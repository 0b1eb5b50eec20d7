# message_setters.pxi: what a message is made to say, header by header.
#
# Values are str, bytes or int, None takes a header away; `put` checks them.


cdef class MessageSetters(MessageGetters):
    """A message that can be written."""

    def set_ack_type(self, value):
        """Sets what `get_ack_type` gives."""
        return self.put(AMPS_FIELD_ACK_TYPE, value)

    setAckType = set_ack_type

    def set_batch_size(self, value):
        """Sets what `get_batch_size` gives, a number."""
        return self.put(AMPS_FIELD_BATCH_SIZE, value)

    setBatchSize = set_batch_size

    def set_bookmark(self, value):
        """Sets what `get_bookmark` gives."""
        return self.put(AMPS_FIELD_BOOKMARK, value)

    setBookmark = set_bookmark

    def set_client_name(self, value):
        """Sets what `get_client_name` gives."""
        return self.put(AMPS_FIELD_CLIENT_NAME, value)

    setClientName = set_client_name

    def set_command(self, value):
        """Sets what `get_command` gives."""
        return self.put(AMPS_FIELD_COMMAND, value)

    setCommand = set_command

    def set_command_id(self, value):
        """Sets what `get_command_id` gives."""
        return self.put(AMPS_FIELD_COMMAND_ID, value)

    setCommandId = set_command_id

    def set_correlation_id(self, value):
        """Sets what `get_correlation_id` gives."""
        return self.put(AMPS_FIELD_CORRELATION_ID, value)

    setCorrelationId = set_correlation_id

    def set_expiration(self, value):
        """Sets what `get_expiration` gives, a number."""
        return self.put(AMPS_FIELD_EXPIRATION, value)

    setExpiration = set_expiration

    def set_filter(self, value):
        """Sets what `get_filter` gives."""
        return self.put(AMPS_FIELD_FILTER, value)

    setFilter = set_filter

    def set_group_seq_no(self, value):
        """Sets what `get_group_seq_no` gives, a number."""
        return self.put(AMPS_FIELD_GROUP_SEQUENCE, value)

    setGroupSequenceNumber = set_group_seq_no

    def set_heartbeat(self, value):
        """Sets what `get_heartbeat` gives."""
        return self.put(AMPS_FIELD_HEARTBEAT, value)

    setHeartbeat = set_heartbeat

    def set_lease_period(self, value):
        """Sets what `get_lease_period` gives."""
        return self.put(AMPS_FIELD_LEASE_PERIOD, value)

    setLeasePeriod = set_lease_period

    def set_matches(self, value):
        """Sets what `get_matches` gives, a number."""
        return self.put(AMPS_FIELD_MATCHES, value)

    setMatches = set_matches

    def set_message_size(self, value):
        """Sets what `get_message_size` gives, a number."""
        return self.put(AMPS_FIELD_MESSAGE_SIZE, value)

    setMessageLength = set_message_size

    def set_message_type(self, value):
        """Sets what `get_message_type` gives."""
        return self.put(AMPS_FIELD_MESSAGE_TYPE, value)

    setMessageType = set_message_type

    def set_options(self, value):
        """Sets what `get_options` gives."""
        return self.put(AMPS_FIELD_OPTIONS, value)

    setOptions = set_options

    def set_order_by(self, value):
        """Sets what `get_order_by` gives."""
        return self.put(AMPS_FIELD_ORDER_BY, value)

    setOrderBy = set_order_by

    def set_password(self, value):
        """Sets what `get_password` gives."""
        return self.put(AMPS_FIELD_PASSWORD, value)

    setPassword = set_password

    def set_query_id(self, value):
        """Sets what `get_query_id` gives."""
        return self.put(AMPS_FIELD_QUERY_ID, value)

    setQueryID = set_query_id

    def set_reason(self, value):
        """Sets what `get_reason` gives."""
        return self.put(AMPS_FIELD_REASON, value)

    setReason = set_reason

    def set_records_inserted(self, value):
        """Sets what `get_records_inserted` gives, a number."""
        return self.put(AMPS_FIELD_RECORDS_INSERTED, value)

    setRecordsInserted = set_records_inserted

    def set_records_returned(self, value):
        """Sets what `get_records_returned` gives, a number."""
        return self.put(AMPS_FIELD_RECORDS_RETURNED, value)

    setRecordsReturned = set_records_returned

    def set_records_updated(self, value):
        """Sets what `get_records_updated` gives, a number."""
        return self.put(AMPS_FIELD_RECORDS_UPDATED, value)

    setRecordsUpdated = set_records_updated

    def set_sequence(self, value):
        """Sets what `get_sequence` gives, a number."""
        return self.put(AMPS_FIELD_SEQUENCE, value)

    setSequence = set_sequence

    def set_sow_deleted(self, value):
        """Sets what `get_sow_deleted` gives, a number."""
        return self.put(AMPS_FIELD_RECORDS_DELETED, value)

    setSowDelete = set_sow_deleted

    def set_sow_key(self, value):
        """Sets what `get_sow_key` gives."""
        return self.put(AMPS_FIELD_SOW_KEY, value)

    setSowKey = set_sow_key

    def set_sow_keys(self, value):
        """Sets what `get_sow_keys` gives."""
        return self.put(AMPS_FIELD_SOW_KEYS, value)

    setSowKeys = set_sow_keys

    def set_status(self, value):
        """Sets what `get_status` gives."""
        return self.put(AMPS_FIELD_STATUS, value)

    setStatus = set_status

    def set_sub_id(self, value):
        """Sets what `get_sub_id` gives."""
        return self.put(AMPS_FIELD_SUB_ID, value)

    setSubscriptionId = set_sub_id

    def set_sub_ids(self, value):
        """Sets what `get_sub_ids` gives."""
        return self.put(AMPS_FIELD_SUB_IDS, value)

    setSubscriptionIds = set_sub_ids

    def set_timeout_interval(self, value):
        """Sets what `get_timeout_interval` gives, a number."""
        return self.put(AMPS_FIELD_TIMEOUT_INTERVAL, value)

    setTimeoutInterval = set_timeout_interval

    def set_timestamp(self, value):
        """Sets what `get_timestamp` gives."""
        return self.put(AMPS_FIELD_TIMESTAMP, value)

    setTimestamp = set_timestamp

    def set_top_n(self, value):
        """Sets what `get_top_n` gives, a number."""
        return self.put(AMPS_FIELD_TOP_N, value)

    setTopNRecordsReturned = set_top_n

    def set_topic(self, value):
        """Sets what `get_topic` gives."""
        return self.put(AMPS_FIELD_TOPIC, value)

    setTopic = set_topic

    def set_topic_matches(self, value):
        """Sets what `get_topic_matches` gives, a number."""
        return self.put(AMPS_FIELD_TOPIC_MATCHES, value)

    setTopicMatches = set_topic_matches

    def set_user_id(self, value):
        """Sets what `get_user_id` gives."""
        return self.put(AMPS_FIELD_USER_ID, value)

    setUserId = set_user_id

    def set_version(self, value):
        """Sets what `get_version` gives."""
        return self.put(AMPS_FIELD_VERSION, value)

    setVersion = set_version
