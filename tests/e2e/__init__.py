"""The portal as people meet it, in Chromium."""
