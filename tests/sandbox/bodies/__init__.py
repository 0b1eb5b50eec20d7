"""Tests of the message types, on their own."""
