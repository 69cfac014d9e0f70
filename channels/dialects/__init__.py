"""How one interaction looks to desktops of different releases (AG-1…3)."""
