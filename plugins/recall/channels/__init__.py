"""How messages leave: one contract, and a plugin per way of delivery."""
