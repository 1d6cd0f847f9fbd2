"""Whole pictures: portraits that move, business photos, pictures in another style."""
