"""The live push: Kafka's topics to WebSocket clients (`/stream`) and whales as Server-Sent Events (`/whales/stream`).

Two threads tail the topics (`feed`, `tail`) and hand one batch a poll to the event loop, where the hub gives it to
clients. Windows, trades and tickers wait in a bounded queue a client and are thinned to the newest; whales stand in one
shared log, in which each client only has a position, so that a slow client costs no memory and misses none.
"""
