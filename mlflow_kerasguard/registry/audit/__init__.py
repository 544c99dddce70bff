"""Every registered version against every environment, from its small files alone."""
