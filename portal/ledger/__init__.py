"""What several rooms count with: the one way usage is written, and the one way it is priced."""
