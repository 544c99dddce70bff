"""From a logged model to a server that answers: what is looked at before, how it is started, what it says of itself."""
