"""The command line: parse → call → render. One file per command; nothing heavy is imported before it is needed."""
