"""How each driver's connections are found in this process, and how one is listened to; a file a driver."""
