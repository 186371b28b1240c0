"""Our round beside Concrete ML's own encrypted training."""
