"""What several benches share: people, figures, made-up plans, training with and without encryption."""
