"""The ladder: no autocorrect, base model, local learning, update; on people's own text."""
