"""Pictures turned into another kind by a trained translator."""
