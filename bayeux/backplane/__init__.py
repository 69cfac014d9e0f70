"""Where events are kept and how they cross nodes: the interfaces, and what implements them."""
