"""Sessions: event kinds, writer, reader. Append-only, hash-chained, on disk before any effect is visible."""
