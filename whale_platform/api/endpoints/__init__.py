"""The REST endpoints and what they depend on; their function names are the operation ids of the API's description."""
