"""The order of things: what is proposed, staged, measured and judged, from a start to the end of a night."""
