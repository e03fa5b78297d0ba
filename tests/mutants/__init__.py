"""The mutation probe: mistakes that somebody could make, each of which the tests beside the code must notice."""
