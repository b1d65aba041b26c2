"""Which services a home has: the platform's own rooms and the embedded servers, as specs for the supervisor."""
