"""The protocols of live clients: messages, their schema, WebSocket and Server-Sent Events."""
