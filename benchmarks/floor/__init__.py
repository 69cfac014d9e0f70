"""What no server can go below: the kernel's own cost of one ``send()`` to each of many connections."""
