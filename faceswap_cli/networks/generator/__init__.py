"""Networks that invent: the codec of heads, and what is built on its latents."""
