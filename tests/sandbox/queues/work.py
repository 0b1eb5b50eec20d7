"""What publishers and workers do in the stories of queues."""


def publish(server, *numbers, topic="Work", **more):
    """Publishes messages with these numbers as the server itself."""
    for number in numbers:
        extras = "".join(f',"{name}":"{value}"' for name, value in more.items())
        server.publish(topic, f'{{"id":{number}{extras}}}')


def number(message):
    """The number of a delivery."""
    assert message["c"] == "p" and message["t"] == "Q", message
    return int(message.body.split(b":")[1].strip(b"}").split(b",")[0])


def numbers(driver):
    """The numbers of all that came."""
    return [number(message) for message in driver.everything_before()]


def take(driver, count):
    """The next messages, which must be deliveries."""
    messages = [driver.read() for _ in range(count)]
    assert all(message["c"] == "p" for message in messages), messages
    return messages


def ack(driver, *messages, **more):
    """Acknowledges messages, and asks for no answer unless `a` says so."""
    bookmarks = ",".join(message["bm"] for message in messages)
    driver.send({"c": "sow_delete", "cid": "ack", "t": "Q", "bm": bookmarks, **more})


def deleted(driver, *messages, **more):
    """Acknowledges messages and says how many are gone by that; deliveries meanwhile are lost."""
    ack(driver, *messages, a="stats", **more)
    stats = [one for one in driver.everything_before() if one["c"] == "ack"]
    assert [one["status"] for one in stats] == ["success"], stats
    return stats[0]["records_deleted"]
