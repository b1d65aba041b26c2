"""How the simulator's trades leave it: their subscribers, the listening socket."""
