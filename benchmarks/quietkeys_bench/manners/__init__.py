"""What a keyboard must leave alone or put right, by kinds of complaint, for users with habits."""
