"""Tests of the sandbox server, over real sockets, with a driver of their own."""
