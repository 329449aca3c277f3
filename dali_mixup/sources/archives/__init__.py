"""Images that lie in larger files: shards and other archives."""
