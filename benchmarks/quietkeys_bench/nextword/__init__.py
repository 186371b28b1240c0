"""The next word of people's own text, beside a trigram model."""
