"""HTTP and WebSocket towards an exchange: bounded in time and bytes, and what its clock says."""
