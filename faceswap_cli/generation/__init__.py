"""Pictures of nothing that was there: sampling generators."""
