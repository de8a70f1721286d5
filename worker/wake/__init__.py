"""What sets a worker to work: a look at the table, a message, and the upkeep between them."""
