"""Files that callers send: taken in, and read in a process of their own."""
