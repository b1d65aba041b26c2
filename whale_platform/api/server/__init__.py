"""The network side of the server: who may connect, how often and with how much, and for whom a proxy speaks."""
