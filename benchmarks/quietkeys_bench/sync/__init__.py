"""What a sync costs the host application, and whether the estimate was right."""
