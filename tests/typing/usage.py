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
