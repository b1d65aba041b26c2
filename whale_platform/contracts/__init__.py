"""What travels between the rooms by Kafka: one module a message, and nobody else knows a layout.

Each module has the message's `CONTRACT` (topic, version, fields, an example), the functions that encode and decode it,
and the fast looks ("peeks") that readers take where decoding costs too much. Standard library and domain only, so that
every room can read every message. What cannot be read raises MessageFormatError, and a peek answers None.
"""
