"""Java, jars, npm packages and certificates: found or fetched, checked by hash; no server is started."""
