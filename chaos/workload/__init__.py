"""What the clients of a run do: writers (create, update, delete, get, list) and watchers."""
