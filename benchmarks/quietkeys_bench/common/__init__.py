"""What benches share: texts, what is measured, training, processes, figures, commands. It knows no bench."""
