"""Commands with sub-commands or options of their own, each imported only when it is called."""
