"""The gateway's configuration: one typed model, its sources, and what is shown of it."""

from gateway.config.loading import ConfigurationWrong, Loaded, Sources, load
from gateway.config.model import Config

__all__ = ["Config", "ConfigurationWrong", "Loaded", "Sources", "load"]
