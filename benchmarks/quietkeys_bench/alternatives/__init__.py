"""`quietkeys bench alternatives`: ways to learn from many people in private, on the same people.

`ways` says which there are and who sees what; `device` what a person's device knows; `libraries` starts other
people's software in an environment of its own, `children` is what runs there. `exchange` sends and combines,
`attack` reads what the party that sees most was shown, `bench` tests and writes, `pictures` draws.
"""
