"""What one delivered message costs this server and others, measured side by side: ``make bench``."""
