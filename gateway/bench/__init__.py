"""The load generator behind ``bayeux-gateway bench``: what a Bayeux server delivers, how fast, and at what cost."""
