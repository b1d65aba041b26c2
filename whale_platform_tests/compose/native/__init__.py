"""Containers without an engine: the compose file's services as processes of this machine, each in namespaces."""
