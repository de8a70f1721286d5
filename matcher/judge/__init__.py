"""What the judge tests, one subject a file; `matcher.check` puts it together."""
