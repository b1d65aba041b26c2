"""Starting, restarting and stopping the platform, and what must hold on this machine before."""
