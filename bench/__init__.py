"""`python -m bench [--quick] [name ...]`: what is promised of speed, measured; nothing here passes or fails by a time.

A module with a function `run(quick: bool) -> Table` is a bench under the module's name; there is no other list of them.
`quick` is a tiny size that only shows that the bench works.
"""
