"""`quietkeys demo`: the whole loop on real text, with a trainer on loopback and real keys."""
