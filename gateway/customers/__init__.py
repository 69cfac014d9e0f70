"""What customers' apps ask for: the operations behind their REST interface, and that interface itself in ``http``."""
