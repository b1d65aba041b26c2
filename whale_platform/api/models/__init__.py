"""The shapes of the answers, for the OpenAPI description: fields, units, examples.

Answers are not passed through these models (a thousand rows would take a tenth of a second); the tests hold both to
each other.
"""
