"""Processes of this machine: started, watched, ranked and ended, with their logs; nothing of services."""
