"""The service behind the API: what it stores, and the jobs that solve networks and lose nothing."""
