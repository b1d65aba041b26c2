"""One pure module per exchange: addresses, subscription, parsing, history paging. No sockets, no clocks."""
