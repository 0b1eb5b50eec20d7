"""Tests of the sandbox's queues."""
