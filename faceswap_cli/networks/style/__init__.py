"""Networks that translate pictures of one kind into another, learnt from unpaired sets."""
