"""Numbers that customers call to reach what they began in an app: booked, told with a code, found again by the call."""
