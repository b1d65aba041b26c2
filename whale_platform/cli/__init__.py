"""`whale`: the operator's commands. Thin: each file gathers, asks another room and says the answer."""
