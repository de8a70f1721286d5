"""What a network may state: its tables, their columns, its rules and its objectives."""
