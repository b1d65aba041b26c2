"""How the simulator's trades leave it: both exchanges' protocols, their subscribers, the listening socket."""
