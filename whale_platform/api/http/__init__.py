"""HTTP requests and responses as this API spells them: parameters, pages, problems, their description."""
