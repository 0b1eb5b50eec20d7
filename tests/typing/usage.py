"""How a user writes it, for mypy and basedpyright to read; it is not run."""

from __future__ import annotations

import AMPS


class Token:
    """An authenticator of the user's own."""

    def authenticate(self, username: str, password: str) -> str:
        return f"{username}-token"

    def retry(self, username: str, password: str) -> str:
        raise AMPS.AuthenticationException("no answer")

    def completed(self, username: str, password: str, reason: str) -> None:
        return None


def show(message: AMPS.Message) -> None:
    topic: str | None = message.get_topic()
    print(topic, message.get_data().upper(), message.get_data_raw().hex())


def again(client: AMPS.Client) -> None:
    client.connect(client.get_uri())
    client.logon(5000, Token())


def builds() -> AMPS.Command:
    message: AMPS.Message = AMPS.Message().set_topic("orders").setExpiration(5).set_data(b"{}")
    topic: str | None = message.topic
    kind: bool = message.get_command_enum() == AMPS.Message.Command.SOWEnum
    size: int = memoryview(message).nbytes
    options = AMPS.Message.Options().set_OOF().set_conflation("1s").set_top_n(5)
    command = AMPS.Command("sow").set_topic(topic).set_filter(None).set_options(options)
    acks = AMPS.Message.AckType.ProcessedEnum | AMPS.Message.AckType.CompletedEnum
    print(kind, size, message.json(parse_float=str), command.top_n, command.get_ack_type())
    return command.set_top_n("5").set_timeout(100).set_ack_type_enum(acks).add_ack_type("stats")


def takes_apart(message: AMPS.Message) -> None:
    fields = AMPS.FIXShredder(errors="replace").to_map(message)
    symbol: str = fields[55]
    names: dict[str, str] = AMPS.NVFIXShredder("|").to_map(b"a=1|")
    parser = AMPS.CompositeMessageParser()
    count: int = parser.parse(AMPS.CompositeMessageBuilder().append("x").append(None).get_data())
    part: str | None = parser.get_part(0)
    text: str = AMPS.FIXBuilder("|").append(35, "D").append(58, "text", 1, 2).get_string()
    print(symbol, fields["55"], names, count, part, text, message.reason == AMPS.Reason.Match)
    AMPS.NVFIXBuilder().append("symbol", symbol).reset()


def failed(message: AMPS.Message | None, reason: str) -> None:
    print(reason, message and message.topic)


def executes(client: AMPS.Client) -> None:
    stream: AMPS.MessageStream = client.execute(builds())
    batch: list[AMPS.Message] = stream.batch(10, timeout=100)
    over: bool = stream.ended
    sub_id: str = client.execute_async(AMPS.Command("subscribe").set_topic("t"), show)
    client.execute_async(AMPS.Command("heartbeat").set_options("beat"), None)
    native = AMPS.CMessageHandler(0x7F00, user_data="note")
    native_id: str = client.subscribe(native, "t", options=AMPS.Message.Options().set_OOF())
    client.set_failed_write_handler(failed)
    client.set_failed_write_handler(failed_write_handler=None)
    sent: str | None = client.send(client.allocate_message().set_command("flush"), show, 100)
    client.add_message_handler("id", show, "processed,stats", True)
    client.remove_message_handler("id")
    print(batch, over, len(stream), bool(stream), sub_id, native_id, sent)
    version: int = AMPS.Client.convert_version_to_number("5.3")
    client.set_retry_on_disconnect(version > 0)


def calls_with_a_stream(client: AMPS.Client) -> list[AMPS.MessageStream]:
    now = AMPS.Client.Bookmarks.NOW
    return [
        client.subscribe("t", None, None, 0, None),
        client.subscribe(None, "t", "/f"),
        client.delta_subscribe(topic="t", on_message=None),
        client.bookmark_subscribe("t", now, filter="/f", sub_id="s", options="live", timeout=5),
        client.sow("t", "/f", 10, 0, None, None, None, 0),
        client.sow_and_subscribe("t", oof_enabled=True, top_n=5, order_by="/id"),
        client.sow_and_delta_subscribe("t", None, 1, True, send_empties=True),
    ]


def calls_with_an_ack(client: AMPS.Client) -> list[AMPS.Message]:
    return [
        client.sow_delete("t", "1=1", 1000),
        client.sow_delete_by_data("t", bytearray(b"{}")),
        client.sow_delete_by_keys(topic="t", keys="1,2"),
    ]


def calls_with_a_handler(client: AMPS.Client) -> list[str]:
    return [
        client.delta_subscribe(show, "t"),
        client.bookmark_subscribe(on_message=show, topic="t", bookmark="0"),
        client.sow(show, "t", batch_size=100),
        client.sow_and_subscribe(show, "t", None, 1, False, 0, 5, "/id", "0", "timestamp"),
        client.sow_and_delta_subscribe(print, "t"),
        client.sow_delete(show, "t", "1=1"),
        client.sow_delete_by_data(show, "t", "{}"),
        client.sow_delete_by_keys(show, "t", "1"),
    ]


def high_availability(client: AMPS.Client) -> None:
    chooser = AMPS.DefaultServerChooser().add("tcp://a:9007/amps/json", Token()).add_all([b"b"])
    chooser.report_failure(AMPS.DisconnectedException("gone"), connectionInfo={"client.uri": "a"})
    uri: str | None = chooser.remove("b").get_current_uri()
    strategy = AMPS.ExponentialDelayStrategy(jitter=0, maximum_delay=1000)
    wait_ms: int = strategy.get_connect_wait_duration(uri or "")
    stored = AMPS.SOWRecoveryPointAdapter(client, "typed", topic="points")
    stored.set_exception_listener(lambda problem: print(problem))
    adapter = AMPS.ConflatingRecoveryPointAdapter(stored, update_threshold=5)
    adapter.update(AMPS.RecoveryPoint("orders", "1|2|"))
    print(wait_ms, adapter.next().get_bookmark(), AMPS.FixedDelayStrategy(100, maximum=1000))


def main() -> None:
    with AMPS.Client("typed") as client:
        client.set_disconnect_handler(again)
        client.set_exception_listener(lambda problem: print(problem))
        client.add_connection_state_listener(lambda state: print(state + 1))
        client.connect("tcp://localhost:9007/amps/json")
        logon_id: str = client.logon(authenticator=AMPS.DefaultAuthenticator)
        sub_id: str = client.subscribe(show, "orders", "/px > 1", timeout=1000)
        stream: AMPS.MessageStream = client.subscribe(topic="orders", filter=None)
        for message in stream.timeout(100).max_depth(10):
            show(message)
        sequence: int = client.publish("orders", bytearray(b"{}"), expiration=5)
        client.unsubscribe(sub_id)
        client.publish_flush(1000)
        print(logon_id, sequence, client.get_server_version_info() > AMPS.VersionInfo("5.3"))
    try:
        client.flush()
    except AMPS.DisconnectedException as problem:
        print(problem.reason, problem.unsent)
    except (TimeoutError, ConnectionError, AMPS.AMPSException):
        raise


if __name__ == "__main__":
    main()


class Alternating:
    """A server chooser of the user's own."""

    def __init__(self, uris: list[str]) -> None:
        self.uris = uris

    def get_current_uri(self) -> str | None:
        return self.uris[0] if self.uris else None

    def get_current_authenticator(self) -> AMPS.Authenticator | None:
        return Token()

    def report_failure(self, exception: BaseException, info: dict[str, str]) -> None:
        self.uris.append(self.uris.pop(0))

    def report_success(self, info: dict[str, str]) -> None:
        return None


def survive(uris: list[str]) -> int:
    with AMPS.HAClient("publisher-1", publish_store="publishes.store") as client:
        client.set_server_chooser(Alternating(uris))
        client.set_reconnect_delay_strategy(AMPS.ExponentialDelayStrategy(100, 5000))
        client.set_bookmark_store(AMPS.MMapBookmarkStore("bookmarks.log"))
        client.connect_and_logon()

        def done(message: AMPS.Message) -> None:
            client.discard(message)

        sub_id: str = client.bookmark_subscribe(
            done, "orders", AMPS.Client.Bookmarks.MOST_RECENT, sub_id="orders-1"
        )
        client.unsubscribe(sub_id)
        number: int = client.publish("orders", "{}")
        client.publish_flush(1000)
        return number + client.get_unpersisted_count()
