"""Bodies that are no JSON: FIX, NVFIX and composite messages, built and taken apart.

    python examples/formats.py

A message type belongs to a connection: it is the last part of its URI.
"""

import AMPS
from amps_sandbox import Sandbox


def new_client(server, message_type):
    client = AMPS.Client(f"{message_type}-client")
    client.connect(server.uri(message_type))
    client.logon()
    return client


def fix(server):
    with new_client(server, "fix") as client:
        stream = client.subscribe("orders", filter="/35 = 'D' AND /38 > 100")
        builder = AMPS.FIXBuilder().append(35, "D").append(55, "IBM").append(38, "200")
        client.publish("orders", builder.get_string())
        fields = AMPS.FIXShredder().to_map(next(stream).get_data())
        print("fix:", fields[55], fields["38"])


def nvfix(server):
    with new_client(server, "nvfix") as client:
        stream = client.subscribe("orders", filter="/symbol = 'MSFT'")
        builder = AMPS.NVFIXBuilder().append("symbol", "MSFT").append("qty", "300")
        client.publish("orders", builder.get_string())
        fields = AMPS.NVFIXShredder().to_map(next(stream).get_data())
        print("nvfix:", fields["symbol"], fields["qty"])


def composite(server):
    with new_client(server, "images") as client:
        stream = client.subscribe("pictures", filter="/0/width > 10")
        builder = AMPS.CompositeMessageBuilder()
        builder.append('{"name": "logo", "width": 16}')
        builder.append(bytes(range(16)))
        client.publish("pictures", builder.get_data())
        parser = AMPS.CompositeMessageParser()
        print("composite:", parser.parse(next(stream)), "parts:", parser.get_part(0), end=" ")
        print(len(parser.get_part_raw(1)), "bytes")


def main():
    types = {"composite": {"images": {"module": "composite-local", "parts": ["json", "binary"]}}}
    with Sandbox(config=types) as server:
        fix(server)
        nvfix(server)
        composite(server)


if __name__ == "__main__":
    main()
