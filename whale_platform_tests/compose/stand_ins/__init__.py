"""Stand-ins for the images that docker-compose.yml names, made where no registry can be reached."""
