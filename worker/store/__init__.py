"""The store: the database row is the truth; a broker only wakes workers."""
