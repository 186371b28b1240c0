"""What a plan's sizes cost under encryption."""
