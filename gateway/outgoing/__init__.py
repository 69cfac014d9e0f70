"""HTTP to hosts that others name: asked without reaching what is ours (SEC-70, NT-13)."""
