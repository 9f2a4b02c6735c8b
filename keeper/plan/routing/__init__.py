"""Every pool at once, through one convex problem: prices that meet a demand, and the trades they lead to."""
