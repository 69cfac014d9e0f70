"""The gateway service: Bayeux for agent desktops and mobile engagement, on ``bayeux``."""

__version__ = "0.1.0"
