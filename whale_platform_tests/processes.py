"""What tests ask of processes that end while they are asked."""

import psutil


def ended(process: psutil.Process) -> bool:
    """Whether it is gone, or waits only for its parent to take note."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
