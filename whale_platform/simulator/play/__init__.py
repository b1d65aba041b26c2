"""Where the simulator's trades come from: generated or recorded ones, and the history of both."""
