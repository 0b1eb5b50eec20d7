"""Message queues: views of the log whose messages go to one subscriber each, until it is done."""

from __future__ import annotations
