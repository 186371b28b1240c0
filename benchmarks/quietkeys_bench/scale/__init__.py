"""What a job costs when one thing about it grows."""
