"""Makes the data about releases that the package ships, from the wheels on the package index."""
